//! Which authority to ask next.

use std::time::SystemTime;

/// So many failures in a row, and the next authority is asked.
pub const FAILURES_MAX: u32 = 3;

/// How one authority stands with one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Attempts that failed since the last certificate.
    pub failures: u32,
    /// It does not want to be asked before.
    pub not_before: Option<SystemTime>,
}

/// Whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The authority at this place.
    Ask(usize),
    /// None wants to be asked before then.
    Wait(SystemTime),
}

/// The first authority that may be asked and has not failed three times in a row; where all have,
/// the one that failed the least, so that each gets its turn. `None` where there is no authority.
pub fn choose(standings: &[Standing], now: SystemTime) -> Option<Choice> {
    let waits = |standing: &Standing| standing.not_before.is_some_and(|then| then > now);
    let open = || standings.iter().enumerate().filter(|(_, standing)| !waits(standing));
    let sound = open().find(|(_, standing)| standing.failures < FAILURES_MAX);
    let best = sound.or_else(|| open().min_by_key(|(_, standing)| standing.failures));
    if let Some((at, _)) = best {
        return Some(Choice::Ask(at));
    }
    standings.iter().filter_map(|standing| standing.not_before).min().map(Choice::Wait)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn standing(failures: u32, wait_secs: u64) -> Standing {
        let not_before = (wait_secs > 0).then(|| NOW + Duration::from_secs(wait_secs));
        Standing { failures, not_before }
    }

    #[test]
    fn the_first_sound_authority_is_asked() {
        for (standings, choice) in [
            (vec![], None),
            (vec![(0, 0)], Some(Choice::Ask(0))),
            (vec![(2, 0), (0, 0)], Some(Choice::Ask(0))),
            (vec![(3, 0), (0, 0)], Some(Choice::Ask(1))),
            (vec![(3, 0), (3, 0)], Some(Choice::Ask(0))),
            (vec![(4, 0), (3, 0)], Some(Choice::Ask(1))),
            (vec![(0, 60), (0, 0)], Some(Choice::Ask(1))),
            (vec![(0, 60), (9, 0)], Some(Choice::Ask(1))),
            (vec![(0, 60), (0, 30)], Some(Choice::Wait(NOW + Duration::from_secs(30)))),
            (vec![(7, 0)], Some(Choice::Ask(0))),
        ] {
            let all: Vec<_> =
                standings.iter().map(|(failed, wait)| standing(*failed, *wait)).collect();
            assert_eq!(choose(&all, NOW), choice, "{standings:?}");
        }
    }

    #[test]
    fn after_three_failures_it_is_the_second_and_then_each_in_turn() {
        let mut standings = [Standing::default(); 2];
        let mut asked = Vec::new();
        for _ in 0..9 {
            let Some(Choice::Ask(at)) = choose(&standings, NOW) else { panic!("nobody waits") };
            asked.push(at);
            standings[at].failures += 1;
        }
        assert_eq!(asked, [0, 0, 0, 1, 1, 1, 0, 1, 0]);
    }

    proptest! {
        #[test]
        fn nobody_is_asked_before_they_want_to_be(
            all in proptest::collection::vec((0..6_u32, 0..3_u64), 1..5),
        ) {
            let all: Vec<_> = all.iter().map(|(failed, wait)| standing(*failed, *wait)).collect();
            match choose(&all, NOW) {
                Some(Choice::Ask(at)) => prop_assert_eq!(all[at].not_before, None),
                Some(Choice::Wait(then)) => {
                    prop_assert!(all.iter().all(|one| one.not_before.is_some_and(|at| at >= then)));
                }
                None => prop_assert!(false, "there is always somebody"),
            }
        }
    }
}
