//! The balancing algorithms side by side, in simulated time: `make bench`.
//!
//! The table is the same on every run. `fast alone` is what the first target does with all of the
//! requests; lines in parentheses are not ours and are there to be compared with. Latencies are
//! those of good answers.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

mod simulation;

use std::iter;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use warmfront_config::{Algorithm, HashOn};
use warmfront_origin::{Balancer, Candidate};

use simulation::{Fault, Outcome, Scenario, Server, simulate};

const SEED: u64 = 5;
const REQUESTS: u32 = 24_000;
const REQUESTS_PER_S: f64 = 200.0;
/// Long after the last request.
const NEVER_S: u64 = 1_000_000;

fn main() {
    for count in [2, 5] {
        for (title, targets) in scenarios(count) {
            println!("{count} targets: {title}");
            compare(targets);
            println!();
        }
    }
}

/// What the last of so many targets has, and the others do not.
fn scenarios(count: usize) -> Vec<(&'static str, Vec<Server>)> {
    let ordinary = Server {
        weight: 1.0,
        concurrency: 16,
        service: Duration::from_millis(20),
        mixed: false,
        fault: None,
    };
    let with = |last| {
        let others = iter::repeat_n(ordinary.clone(), count - 1);
        others.chain([last]).collect::<Vec<_>>()
    };
    let faulty = |fault, from_s, to_s| {
        let fault = Some((fault, Duration::from_secs(from_s), Duration::from_secs(to_s)));
        with(Server { fault, ..ordinary.clone() })
    };
    let strong = Server { weight: 3.0, concurrency: 48, ..ordinary.clone() };
    let mixed = Server { mixed: true, ..ordinary.clone() };
    vec![
        ("all are equal", with(ordinary.clone())),
        ("one is 10 times slower", faulty(Fault::Slow, 0, NEVER_S)),
        ("one is 10 times slower until half time", faulty(Fault::Slow, 0, 60)),
        ("one fails at once, from 10 s on", faulty(Fault::Fails, 10, NEVER_S)),
        ("one pauses for 2 s", faulty(Fault::Pauses, 60, 62)),
        ("one has three times the weight and the places", with(strong)),
        ("one request in ten takes 10 times as long, everywhere", vec![mixed; count]),
    ]
}

/// The table of one scenario.
fn compare(targets: Vec<Server>) {
    let run = |targets| Scenario { requests_per_s: REQUESTS_PER_S, requests: REQUESTS, targets };
    print_line(["", "mean ms", "p50", "p85", "p99", "errors", "  share of each, %"]);
    print("fast alone", &simulate(&run(vec![targets[0].clone()]), SEED, |_, _, _| 0));
    let scenario = run(targets);
    for (name, algorithm) in algorithms() {
        let mut balancer = Balancer::new(&algorithm);
        let outcome = simulate(&scenario, SEED, |candidates, key, dice| {
            balancer.pick(candidates, key, dice).unwrap_or_default()
        });
        print(name, &outcome);
    }
    print("(fewest in flight)", &simulate(&scenario, SEED, fewest_in_flight));
    print("(two choices by count)", &simulate(&scenario, SEED, two_by_count));
}

fn algorithms() -> [(&'static str, Algorithm); 5] {
    [
        ("round robin", Algorithm::RoundRobin),
        ("least outstanding", Algorithm::LeastOutstandingRequests),
        ("weighted random", Algorithm::WeightedRandom { anomaly_mitigation: false }),
        (" with anomaly mitigation", Algorithm::WeightedRandom { anomaly_mitigation: true }),
        ("consistent hash", Algorithm::ConsistentHash(HashOn::Client)),
    ]
}

/// The count and nothing else, over all; of equals one at random.
fn fewest_in_flight(candidates: &[Candidate], _: u64, dice: &mut StdRng) -> usize {
    let keyed = candidates.iter().map(|candidate| (candidate.in_flight, dice.random::<u32>()));
    let least = keyed.enumerate().min_by_key(|(_, key)| *key);
    least.map_or(0, |(at, _)| at)
}

/// The count of two that are drawn at random, which may be the same one.
fn two_by_count(candidates: &[Candidate], _: u64, dice: &mut StdRng) -> usize {
    let [one, other] = [(); 2].map(|()| dice.random_range(0..candidates.len()));
    if candidates[other].in_flight < candidates[one].in_flight { other } else { one }
}

fn print(name: &str, outcome: &Outcome) {
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1_000.0);
    let share = |at| format!("{:6.1}", outcome.share(at) * 100.0);
    let shares = (0..outcome.asked.len()).map(share).collect::<Vec<_>>().concat();
    print_line([
        name,
        &ms(outcome.mean()),
        &ms(outcome.percentile(50)),
        &ms(outcome.percentile(85)),
        &ms(outcome.percentile(99)),
        &outcome.errors.to_string(),
        &shares,
    ]);
}

fn print_line([name, mean, p50, p85, p99, errors, shares]: [&str; 7]) {
    println!("{name:26}{mean:>9}{p50:>9}{p85:>9}{p99:>9}{errors:>8}{shares}");
}
