//! At random by weight, and an Application Load Balancer's "weighted random" with anomaly
//! mitigation (Automatic Target Weights, 2023): a target that fails far more than the others gets
//! less until it fails as little as they do, but never nothing, or nobody would see it recover.
//!
//! The Application Load Balancer wants three targets for it. Here two are enough: the one that
//! fails less is what is usual.

use rand::Rng;

use super::Candidate;

/// So much above what is usual is chance.
const NOISE: f64 = 0.1;
/// So much above what is usual, and more, leaves the least share.
const GROSS: f64 = 0.5;
/// The part of its weight that the worst target keeps.
const LEAST: f64 = 0.1;

/// By weight alone.
pub(super) fn pick(candidates: &[Candidate], rng: &mut impl Rng) -> Option<usize> {
    draw(candidates.iter().map(|candidate| candidate.weight), rng)
}

/// By weight, with less for anomalous candidates.
pub(super) fn pick_mitigated(candidates: &[Candidate], rng: &mut impl Rng) -> Option<usize> {
    let usual = usual(candidates);
    draw(candidates.iter().map(|candidate| candidate.weight * kept(candidate.failing - usual)), rng)
}

/// An index at random, each with a chance in proportion to its weight. One that has none is drawn
/// only if none has any.
///
/// One pass, without knowing the sum: each replaces the one before with its share of what has come
/// by (Chao 1982, "A general purpose unequal probability sampling plan").
pub(super) fn draw(weights: impl Iterator<Item = f64>, rng: &mut impl Rng) -> Option<usize> {
    let mut total = 0.0;
    let mut drawn = None;
    for (at, weight) in weights.enumerate() {
        total += weight;
        if rng.random::<f64>() * total <= weight {
            drawn = Some(at);
        }
    }
    drawn
}

/// The median share of failed requests; of two in the middle the lower.
fn usual(candidates: &[Candidate]) -> f64 {
    let mut shares: Vec<f64> = candidates.iter().map(|candidate| candidate.failing).collect();
    shares.sort_by(f64::total_cmp);
    shares.get(shares.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// The part of its weight that counts for a candidate that fails so much more than is usual.
fn kept(excess: f64) -> f64 {
    let grossness = ((excess - NOISE) / (GROSS - NOISE)).clamp(0.0, 1.0);
    1.0 - grossness * (1.0 - LEAST)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{candidate, shares};
    use super::*;

    #[test]
    fn each_is_drawn_by_its_weight() {
        let weights = [0.01, 1.0, 2.0, 6.99];
        let candidates = weights.map(|weight| Candidate { weight, ..candidate(0) });
        for (share, weight) in shares(|rng| pick(&candidates, rng), 4).iter().zip(weights) {
            assert!((share - weight / 10.0).abs() < 0.015, "{share} for {weight}");
        }
    }

    #[test]
    fn what_fails_far_more_than_the_others_gets_less() {
        for (name, failing, expected) in [
            ("none fails", vec![0.0, 0.0, 0.0], 1.0 / 3.0),
            ("chance", vec![0.02, 0.0, 0.1], 1.0 / 3.0),
            ("half way", vec![0.0, 0.0, 0.3], 0.55 / 2.55),
            ("half of all", vec![0.0, 0.0, 0.5], 0.1 / 2.1),
            ("all", vec![0.0, 0.0, 1.0], 0.1 / 2.1),
            ("two targets", vec![0.0, 1.0], 0.1 / 1.1),
            ("alike", vec![1.0, 1.0, 1.0], 1.0 / 3.0),
            ("the app, not the target", vec![0.6, 0.7, 0.7], 1.0 / 3.0),
        ] {
            let candidates: Vec<Candidate> = failing
                .iter()
                .map(|failing| Candidate { failing: *failing, ..candidate(0) })
                .collect();
            let shares = shares(|rng| pick_mitigated(&candidates, rng), failing.len());
            let last = shares[failing.len() - 1];
            assert!((last - expected).abs() < 0.015, "{name}: {last}, not {expected}");
        }
    }
}
