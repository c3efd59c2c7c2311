//! Rendezvous hashing (Thaler & Ravishankar 1998, "Using name-based mappings to increase hit
//! rates") with weights (Schindler's and Ratti's score, -w / ln u) and bounded loads (Mirrokni,
//! Thorup & Zadimoghaddam 2016, "Consistent hashing with bounded loads").
//!
//! Each candidate has a score for the key that no other candidate has a part in, and the best one
//! is asked: when a target goes, only its own keys move, and they spread over all that are left.

use super::Candidate;

/// How far above its share of what is under way a target may be: the paper's 1 + ε.
const BOUND: f64 = 1.25;

/// The best for the key that has room, this request included.
pub(super) fn pick(candidates: &[Candidate], key: u64) -> Option<usize> {
    let best_of = |admitted: &dyn Fn(&Candidate) -> bool| {
        let admitted = candidates.iter().enumerate().filter(|(_, candidate)| admitted(candidate));
        admitted
            .map(|(at, candidate)| (at, score(candidate, key)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .map(|(at, _)| at)
    };
    let in_flight: f64 = candidates.iter().map(|candidate| f64::from(candidate.in_flight)).sum();
    let weight: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
    let per_weight = BOUND * (in_flight + 1.0) / weight;
    let has_room = |candidate: &Candidate| {
        f64::from(candidate.in_flight) + 1.0 <= (per_weight * candidate.weight).ceil()
    };
    // All cannot be full, as the bounds add up to more than there is; rounding is not to refuse.
    best_of(&has_room).or_else(|| best_of(&|_| true))
}

/// The higher the better. With u even in (0, 1), the chance to have the best is the weight's share.
fn score(candidate: &Candidate, key: u64) -> f64 {
    -candidate.weight / unit(mixed(key ^ mixed(candidate.id))).ln()
}

/// The finalizer of `SplitMix64` (Steele, Lea & Flood 2014): each bit of the result hangs on every
/// bit of the argument.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The upper bits as a number between 0 and 1, neither of which it ever is.
fn unit(hash: u64) -> f64 {
    // 1.0 with the mantissa filled is even in [1, 2), and half a step up keeps it from 1.
    f64::from_bits(1.0_f64.to_bits() | (hash >> 12)) - 1.0 + f64::EPSILON / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::collection::{hash_set, vec};
    use proptest::prelude::{any, proptest};
    use proptest::sample::Index;

    use super::super::tests::candidate;
    use super::*;

    #[test]
    fn keys_are_shared_by_weight() {
        let weights = [1.0, 2.0, 3.0, 4.0];
        let candidates: Vec<Candidate> =
            (1..).zip(weights).map(|(id, weight)| Candidate { weight, ..candidate(id) }).collect();
        let mut asked = [0.0; 4];
        for key in 0..20_000 {
            asked[pick(&candidates, key).unwrap()] += 1.0;
        }
        for (asked, weight) in asked.iter().zip(weights) {
            assert!((asked / 20_000.0 - weight / 10.0).abs() < 0.015, "{asked} for {weight}");
        }
    }

    #[test]
    fn one_key_of_a_crowd_spreads_over_all() {
        let mut candidates = [0, 1, 2, 3].map(candidate);
        for _ in 0..1_000 {
            let at = pick(&candidates, 7).unwrap();
            candidates[at].in_flight += 1;
        }
        let in_flight = candidates.map(|candidate| candidate.in_flight);
        assert!(in_flight.iter().all(|count| *count <= 313), "{in_flight:?}");
        assert_eq!(in_flight.iter().filter(|count| **count > 300).count(), 3, "{in_flight:?}");
    }

    #[test]
    fn a_number_from_a_hash_is_never_zero_and_never_one() {
        for hash in [0, 1, u64::MAX, u64::MAX - 1, 1 << 63] {
            let unit = unit(hash);
            assert!(0.0 < unit && unit < 1.0, "{hash}: {unit}");
        }
    }

    proptest! {
        /// Who comes takes only for itself, and who goes leaves the others' keys alone.
        #[test]
        fn only_the_keys_of_one_target_move(
            ids in hash_set(any::<u64>(), 2..10),
            keys in vec(any::<u64>(), 100),
            gone in any::<Index>(),
        ) {
            let all: Vec<Candidate> = ids.into_iter().map(candidate).collect();
            let gone = all[gone.index(all.len())].id;
            let left: Vec<Candidate> = all.iter().copied().filter(|one| one.id != gone).collect();
            for key in keys {
                let before = all[pick(&all, key).unwrap()].id;
                let after = left[pick(&left, key).unwrap()].id;
                assert!(before == after || before == gone);
            }
        }

        /// The request that is being placed counts already.
        #[test]
        fn nobody_is_asked_above_the_bound(
            in_flight in vec(0..1_000_u32, 2..10),
            key in any::<u64>(),
        ) {
            let loaded = |(id, in_flight): (u64, &u32)| {
                Candidate { in_flight: *in_flight, ..candidate(id) }
            };
            let candidates: Vec<Candidate> = (0..).zip(&in_flight).map(loaded).collect();
            let asked = in_flight[pick(&candidates, key).unwrap()] + 1;
            let total = in_flight.iter().sum::<u32>() + 1;
            let bound = BOUND * f64::from(total) / candidates.iter().map(|one| one.weight).sum::<f64>();
            assert!(f64::from(asked) <= bound.ceil());
        }
    }
}
