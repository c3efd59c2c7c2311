//! Which target is asked next. Each algorithm stands in its own file with its source; all are pure:
//! what they go by and what is random comes in, and the index of a candidate comes out.

mod consistent_hash;
mod least_outstanding;
mod round_robin;
mod weighted_random;

#[cfg(test)]
mod tests;

use rand::Rng;
use warmfront_config::Algorithm;

use round_robin::RoundRobin;

/// A target that may be asked, and what the algorithms go by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// A hash of its address that stays over restarts, and is the same on every edge.
    pub id: u64,
    /// Its share beside the others': the configured weight, less during slow start. Finite and
    /// more than 0.
    pub weight: f64,
    /// Requests under way.
    pub in_flight: u32,
    /// Seconds to the head of a good answer, as a moving average. `None` is not known, or not any
    /// more: a caller forgets it after some seconds without an answer, so that a target that was
    /// slow is asked again.
    pub latency: Option<f64>,
    /// The moving share of requests that failed, 0 to 1. It has to fade with time as well, or one
    /// that is seldom asked is long taken for what it was.
    pub failing: f64,
}

/// One group's algorithm, and what it remembers from pick to pick.
#[derive(Debug)]
pub struct Balancer(Choice);

#[derive(Debug)]
enum Choice {
    RoundRobin(RoundRobin),
    LeastOutstanding,
    WeightedRandom { anomaly_mitigation: bool },
    ConsistentHash,
}

// === impl Balancer ===

impl Balancer {
    /// Nothing was picked yet.
    pub fn new(algorithm: &Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::RoundRobin => Choice::RoundRobin(RoundRobin::default()),
            Algorithm::LeastOutstandingRequests => Choice::LeastOutstanding,
            Algorithm::WeightedRandom { anomaly_mitigation } => {
                Choice::WeightedRandom { anomaly_mitigation: *anomaly_mitigation }
            }
            Algorithm::ConsistentHash(_) => Choice::ConsistentHash,
        })
    }

    /// The index of the candidate to ask; `None` only if there are none.
    ///
    /// `key` is a hash of what a consistent hash is made of; the others do not look at it.
    pub fn pick(
        &mut self,
        candidates: &[Candidate],
        key: u64,
        rng: &mut impl Rng,
    ) -> Option<usize> {
        match &mut self.0 {
            Choice::RoundRobin(round_robin) => round_robin.pick(candidates),
            Choice::LeastOutstanding => least_outstanding::pick(candidates, rng),
            Choice::WeightedRandom { anomaly_mitigation: false } => {
                weighted_random::pick(candidates, rng)
            }
            Choice::WeightedRandom { anomaly_mitigation: true } => {
                weighted_random::pick_mitigated(candidates, rng)
            }
            Choice::ConsistentHash => consistent_hash::pick(candidates, key),
        }
    }
}
