//! What holds for every algorithm, and what the simulation of `make bench` shows of them.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use warmfront_config::HashOn;

use super::*;

use simulation::{Fault, Outcome, Scenario, Server, simulate};

#[path = "../../../../benches/balancing/simulation.rs"]
mod simulation;

/// An idle target of which nothing is known.
pub(super) fn candidate(id: u64) -> Candidate {
    Candidate { id, weight: 1.0, in_flight: 0, latency: None, failing: 0.0 }
}

/// How often each of `count` candidates is picked, 0 to 1.
pub(super) fn shares(mut pick: impl FnMut(&mut StdRng) -> Option<usize>, count: usize) -> Vec<f64> {
    const PICKS: u32 = 10_000;
    let mut rng = StdRng::seed_from_u64(5);
    let mut asked = vec![0.0; count];
    for _ in 0..PICKS {
        asked[pick(&mut rng).unwrap()] += 1.0;
    }
    asked.iter().map(|asked| asked / f64::from(PICKS)).collect()
}

#[test]
fn none_is_picked_only_where_none_is() {
    for algorithm in algorithms() {
        let mut rng = StdRng::seed_from_u64(5);
        let mut balancer = Balancer::new(&algorithm);
        assert_eq!(balancer.pick(&[], 1, &mut rng), None, "{algorithm:?}");
        assert_eq!(balancer.pick(&[candidate(1)], 1, &mut rng), Some(0), "{algorithm:?}");
    }
}

proptest! {
    #[test]
    fn one_of_the_candidates_is_picked_whatever_they_are(
        drawn in vec((1e-9..1e9_f64, any::<u32>(), 0.0..1e9_f64, any::<bool>(), 0.0..=1.0_f64), 1..9),
        key in any::<u64>(),
    ) {
        let candidates: Vec<Candidate> = (0..)
            .zip(&drawn)
            .map(|(id, (weight, in_flight, latency, known, failing))| Candidate {
                id,
                weight: *weight,
                in_flight: *in_flight,
                latency: known.then_some(*latency),
                failing: *failing,
            })
            .collect();
        for algorithm in algorithms() {
            let mut balancer = Balancer::new(&algorithm);
            let mut rng = StdRng::seed_from_u64(key);
            let picked = balancer.pick(&candidates, key, &mut rng);
            assert!(picked.is_some_and(|at| at < candidates.len()), "{algorithm:?}: {picked:?}");
        }
    }
}

/// With least outstanding, whatever the load is; round robin fills the slow one's line.
#[test]
fn a_target_ten_times_slower_does_not_show_in_the_99th_percentile() {
    for (service_ms, concurrency) in [(2, 16), (20, 16), (20, 6), (50, 64), (100, 64)] {
        let fast = server(service_ms, concurrency);
        let alone = run(&Algorithm::RoundRobin, vec![fast.clone()]);
        let group = vec![fast.clone(), with(Fault::Slow, 0, &fast)];
        let bound = alone.percentile(99) * 2;
        let ours = run(&Algorithm::LeastOutstandingRequests, group.clone());
        assert!(ours.percentile(99) <= bound, "{service_ms} ms: {:?}", ours.percentile(99));
        assert!(ours.mean() <= alone.mean() * 11 / 10, "{service_ms} ms: {:?}", ours.mean());
        let theirs = run(&Algorithm::RoundRobin, group);
        assert!(theirs.percentile(99) > bound, "{service_ms} ms: {:?}", theirs.percentile(99));
    }
}

/// From the tenth second on, so that it was known as a good one.
#[test]
fn a_target_that_fails_at_once_gets_next_to_nothing() {
    let group = vec![server(20, 16), with(Fault::Fails, 10, &server(20, 16))];
    let ours = run(&Algorithm::LeastOutstandingRequests, group.clone());
    assert!(ours.errors < 150, "{}", ours.errors);
    let mitigated = run(&Algorithm::WeightedRandom { anomaly_mitigation: true }, group.clone());
    assert!(mitigated.errors < 1_000, "{}", mitigated.errors);
    let theirs = run(&Algorithm::RoundRobin, group);
    assert!(theirs.errors > 3_500, "{}", theirs.errors);
}

#[test]
fn a_target_that_was_slow_or_stood_still_is_asked_again() {
    for fault in [Fault::Slow, Fault::Fails, Fault::Pauses] {
        let ends = Some((fault, Duration::ZERO, Duration::from_secs(2)));
        let group = vec![server(20, 16), Server { fault: ends, ..server(20, 16) }];
        let outcome = run(&Algorithm::LeastOutstandingRequests, group);
        assert!(outcome.share(1) > 0.3, "{fault:?}: {}", outcome.share(1));
    }
}

#[test]
fn slow_requests_among_fast_ones_do_not_make_a_target_slow() {
    let group = vec![Server { mixed: true, ..server(20, 16) }; 2];
    let outcome = run(&Algorithm::LeastOutstandingRequests, group);
    assert!((outcome.share(0) - 0.5).abs() < 0.1, "{}", outcome.share(0));
}

/// 50 s of 200 requests a second.
fn run(algorithm: &Algorithm, targets: Vec<Server>) -> Outcome {
    let scenario = Scenario { requests_per_s: 200.0, requests: 10_000, targets };
    let mut balancer = Balancer::new(algorithm);
    simulate(&scenario, 5, |candidates, key, dice| balancer.pick(candidates, key, dice).unwrap())
}

fn server(service_ms: u64, concurrency: usize) -> Server {
    let service = Duration::from_millis(service_ms);
    Server { weight: 1.0, concurrency, service, mixed: false, fault: None }
}

fn with(fault: Fault, from_s: u64, server: &Server) -> Server {
    let fault = Some((fault, Duration::from_secs(from_s), Duration::MAX));
    Server { fault, ..server.clone() }
}

fn algorithms() -> [Algorithm; 5] {
    [
        Algorithm::RoundRobin,
        Algorithm::LeastOutstandingRequests,
        Algorithm::WeightedRandom { anomaly_mitigation: false },
        Algorithm::WeightedRandom { anomaly_mitigation: true },
        Algorithm::ConsistentHash(HashOn::Client),
    ]
}
