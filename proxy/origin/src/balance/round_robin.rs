//! Smooth weighted round robin, as nginx has had it since 1.3.1 (`ngx_http_upstream_round_robin.c`,
//! commit 52327e0627f4, "smooth weighted round-robin balancing").
//!
//! With each pick every target is credited its weight, the one with the most credit is asked, and
//! pays what all were credited together. Weights 5, 1, 1 give `a a b a c a a`, not `a a a a a b c`.

use std::collections::HashMap;

use super::Candidate;

/// A target that was no candidate for so many picks is forgotten. One that is left out because it
/// was tried already keeps its credit, and so does one that is down for a moment.
const PICKS_REMEMBERED: u64 = 1_000;

/// What each target is owed.
#[derive(Debug, Default)]
pub(super) struct RoundRobin {
    accounts: HashMap<u64, Account>,
    picks: u64,
}

#[derive(Debug, Default)]
struct Account {
    credit: f64,
    /// The number of the last pick that it was a candidate for.
    seen: u64,
}

// === impl RoundRobin ===

impl RoundRobin {
    pub(super) fn pick(&mut self, candidates: &[Candidate]) -> Option<usize> {
        self.picks += 1;
        let mut credited = 0.0;
        let mut richest: Option<(usize, f64)> = None;
        for (at, candidate) in candidates.iter().enumerate() {
            let account = self.accounts.entry(candidate.id).or_default();
            account.seen = self.picks;
            account.credit += candidate.weight;
            credited += candidate.weight;
            if richest.is_none_or(|(_, most)| account.credit > most) {
                richest = Some((at, account.credit));
            }
        }
        let (at, _) = richest?;
        self.accounts.entry(candidates[at].id).or_default().credit -= credited;
        if self.picks.is_multiple_of(PICKS_REMEMBERED) {
            let oldest = self.picks - PICKS_REMEMBERED;
            self.accounts.retain(|_, account| account.seen > oldest);
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::super::tests::candidate;
    use super::*;

    #[test]
    fn the_heavy_one_is_not_asked_in_a_row() {
        let mut round_robin = RoundRobin::default();
        let candidates = weighted(&[5.0, 1.0, 1.0]);
        let picked: Vec<_> = (0..14).filter_map(|_| round_robin.pick(&candidates)).collect();
        assert_eq!(picked, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut round_robin = RoundRobin::default();
        for id in 0..10_000 {
            round_robin.pick(&[candidate(id), candidate(id + 1)]);
        }
        assert!(round_robin.accounts.len() < 3_000, "{}", round_robin.accounts.len());
    }

    proptest! {
        /// Of any beginning of the sequence, each has its share to within one request; with more
        /// than three targets it may be a little more than one.
        #[test]
        fn each_has_its_share_at_any_time(
            weights in vec(1..=999_u32, 1..=8),
            slow_start in any::<bool>(),
        ) {
            let part = if slow_start { 0.013 } else { 1.0 };
            let weights: Vec<f64> = weights.iter().map(|one| f64::from(*one) * part).collect();
            let most = if weights.len() <= 3 { 1.0 + 1e-6 } else { 1.5 };
            let total: f64 = weights.iter().sum();
            let candidates = weighted(&weights);
            let mut round_robin = RoundRobin::default();
            let mut asked = vec![0.0; weights.len()];
            for picks in 1..1_000 {
                asked[round_robin.pick(&candidates).unwrap()] += 1.0;
                for (asked, weight) in asked.iter().zip(&weights) {
                    let share = f64::from(picks) * weight / total;
                    assert!((asked - share).abs() <= most, "{asked} of {share} in {picks}");
                }
            }
        }

        /// A retry leaves out who was tried; over time nobody gains or loses by it.
        #[test]
        fn who_is_left_out_now_and_then_keeps_its_share(
            weights in vec(1..=9_u32, 3..=6),
            retried in vec(any::<bool>(), 1_000),
        ) {
            let weights: Vec<f64> = weights.iter().map(|one| f64::from(*one)).collect();
            let all = weighted(&weights);
            let mut round_robin = RoundRobin::default();
            let mut owed = vec![0.0; weights.len()];
            let mut ask = |candidates: &[Candidate]| {
                let total: f64 = candidates.iter().map(|one| one.weight).sum();
                for one in candidates {
                    owed[usize::try_from(one.id).unwrap()] += one.weight / total;
                }
                let at = round_robin.pick(candidates).unwrap();
                owed[usize::try_from(candidates[at].id).unwrap()] -= 1.0;
                at
            };
            for retried in &retried {
                let mut others = all.clone();
                others.remove(ask(&all));
                if *retried {
                    ask(&others);
                }
            }
            assert!(owed.iter().all(|owed| owed.abs() < 50.0), "{owed:?} of 1,500");
        }
    }

    fn weighted(weights: &[f64]) -> Vec<Candidate> {
        let weighted = |(id, weight): (u64, &f64)| Candidate { weight: *weight, ..candidate(id) };
        (0..).zip(weights).map(weighted).collect()
    }
}
