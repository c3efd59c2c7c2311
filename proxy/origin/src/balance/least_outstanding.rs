//! Least outstanding requests by the power of two choices (Mitzenmacher 2001, "The power of two
//! choices in randomized load balancing"): of two targets drawn at random the one with less to do
//! is asked. Several edges that all look for the least would send everybody to the same target.
//!
//! A count alone gives an idle slow target too much, and one that fails at once nearly everything:
//! both have little under way. So what is compared is the expected wait, which counts how slow a
//! target is beside the fastest (as Finagle's `PeakEwma` does), and a target that fails is seldom
//! drawn. `make bench` shows what that comes to.

use rand::Rng;

use super::Candidate;
use super::weighted_random::draw;

/// Less than three times as slow is no difference: requests differ by that much, and where all are
/// idle the least difference would send everything to one target.
const NOTABLY_SLOW: f64 = 3.0;
/// Seconds that the network and the scheduler make of any answer.
const CHANCE_S: f64 = 0.001;
/// A target is taken for no slower than this, so that it takes its part where the others are full.
/// It is also what one is taken for that has something under way and no answer yet: one request
/// finds out, and the others go elsewhere until it is back.
const SLOWEST: f64 = 16.0;
/// The chance of a target that always fails, of what it has when it never does. About one request
/// in a hundred goes there, or nobody would see it recover.
const LEAST_CHANCE: f64 = 0.005;

/// The first drawn, or the second if it is expected to answer sooner.
pub(super) fn pick(candidates: &[Candidate], rng: &mut impl Rng) -> Option<usize> {
    let group = Group::of(candidates);
    let drawn = draw(candidates.iter().map(|one| one.weight * group.chance(one)), rng)?;
    let others = candidates
        .iter()
        .enumerate()
        .map(|(at, one)| if at == drawn { 0.0 } else { one.weight * group.chance(one) });
    let other = draw(others, rng)?;
    let (first, second) = (&candidates[drawn], &candidates[other]);
    // The one that is drawn has its share by weight where nothing is under way. The other takes
    // over where it is no worse off with the request than the first is without.
    let takes_over = group.wait(second, 1.0) <= group.wait(first, 0.0);
    // Of two targets the failing one is always the other, and what fails at once is always idle.
    let is_chosen = takes_over && rng.random::<f64>() < group.chance(second);
    Some(if is_chosen { other } else { drawn })
}

/// What a candidate is compared with.
struct Group {
    mean_weight: f64,
    /// Seconds; `None` where no candidate's latency is known.
    least_latency: Option<f64>,
    least_failing: f64,
}

// === impl Group ===

impl Group {
    fn of(candidates: &[Candidate]) -> Self {
        let (count, weight) = candidates
            .iter()
            .fold((0.0, 0.0), |(count, weight), one| (count + 1.0, weight + one.weight));
        Self {
            mean_weight: weight / count,
            least_latency: candidates.iter().filter_map(|one| one.latency).reduce(f64::min),
            least_failing: candidates.iter().map(|one| one.failing).fold(f64::INFINITY, f64::min),
        }
    }

    /// How long a request is expected to take behind what is under way and so many `more`, in times
    /// of the fastest target when it is idle.
    ///
    /// The slowness counts once for what is under way, and by its square for the request itself. If
    /// it counted once there too, a target that is 10 times slower would have a tenth of what is in
    /// flight, and so a hundredth of the requests: just those that make the 99th percentile.
    fn wait(&self, candidate: &Candidate, more: f64) -> f64 {
        let weight = candidate.weight / self.mean_weight;
        let slowness = self.slowness(candidate);
        slowness * (slowness + (f64::from(candidate.in_flight) + more) / weight)
    }

    /// How many times slower than the fastest, at least 1.
    fn slowness(&self, candidate: &Candidate) -> f64 {
        match (candidate.latency, self.least_latency) {
            (Some(latency), Some(least)) => match (latency + CHANCE_S) / (least + CHANCE_S) {
                times if times < NOTABLY_SLOW => 1.0,
                times => times.min(SLOWEST),
            },
            (None, Some(_)) if candidate.in_flight > 0 => SLOWEST,
            _ => 1.0,
        }
    }

    /// How likely a candidate is to be drawn, for how much it fails beside the others: 1 if no other
    /// fails less. A tenth that fails costs a third of the chance.
    fn chance(&self, candidate: &Candidate) -> f64 {
        if candidate.failing <= self.least_failing {
            return 1.0;
        }
        let successes = (1.0 - candidate.failing) / (1.0 - self.least_failing);
        successes.powi(4).max(LEAST_CHANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{candidate, shares};
    use super::*;

    #[test]
    fn of_two_the_one_with_less_under_way_is_asked() {
        for (in_flight, expected) in [([0, 1], 0), ([1, 0], 1), ([8, 7], 1), ([30, 31], 0)] {
            let candidates = in_flight.map(|in_flight| Candidate { in_flight, ..candidate(0) });
            let shares = shares(|rng| pick(&candidates, rng), 2);
            assert!(shares[expected] >= 1.0, "{in_flight:?}: {shares:?}");
        }
    }

    #[test]
    fn the_weights_decide_where_nothing_is_under_way() {
        let weights = [5.0, 3.0, 1.0, 1.0];
        let candidates = weights.map(|weight| Candidate { weight, ..candidate(0) });
        for (share, weight) in shares(|rng| pick(&candidates, rng), 4).iter().zip(weights) {
            assert!((share - weight / 10.0).abs() < 0.02, "{share} for {weight}");
        }
    }

    /// What is asked in every single case, where it is not left to chance.
    #[test]
    fn the_least_expected_wait_wins() {
        let idle = Candidate { latency: Some(0.02), ..candidate(0) };
        let busy = Candidate { in_flight: 6, ..idle };
        for (name, one, other) in [
            (
                "three times the weight",
                Candidate { weight: 3.0, ..busy },
                Candidate { in_flight: 3, ..idle },
            ),
            ("an idle one that is slow", busy, Candidate { latency: Some(0.2), ..idle }),
            (
                "one answers slowly and has more to do",
                idle,
                Candidate { latency: Some(0.1), ..busy },
            ),
            ("little difference counts as none", Candidate { latency: Some(0.03), ..idle }, busy),
            ("without an answer yet", busy, Candidate { in_flight: 1, latency: None, ..idle }),
            ("long not asked", Candidate { latency: None, ..idle }, busy),
            ("answers of nothing", Candidate { latency: Some(0.0), ..idle }, busy),
        ] {
            let shares = shares(|rng| pick(&[one, other], rng), 2);
            assert!(shares[0] >= 1.0, "{name}: {shares:?}");
        }
    }

    #[test]
    fn a_slow_target_takes_over_where_the_fast_one_is_overrun() {
        let fast = Candidate { in_flight: 300, latency: Some(0.02), ..candidate(0) };
        let slow = Candidate { in_flight: 1, latency: Some(0.2), ..candidate(1) };
        assert!(shares(|rng| pick(&[fast, slow], rng), 2)[1] >= 1.0);
    }

    #[test]
    fn a_target_that_fails_at_once_is_not_taken_for_an_idle_one() {
        let busy = Candidate { in_flight: 9, ..candidate(0) };
        for (failing, least, most) in [(0.05, 0.75, 1.0), (0.5, 0.05, 0.15), (1.0, 0.003, 0.02)] {
            let bad = Candidate { failing, ..candidate(1) };
            let share = shares(|rng| pick(&[busy, bad], rng), 2)[1];
            assert!((least..most).contains(&share), "{failing}: {share}");
        }
    }

    #[test]
    fn where_all_fail_alike_none_is_preferred() {
        let candidates = [1.0, 1.0].map(|failing| Candidate { failing, ..candidate(0) });
        assert!((shares(|rng| pick(&candidates, rng), 2)[0] - 0.5).abs() < 0.02);
    }
}
