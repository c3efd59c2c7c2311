use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const BEGIN: SystemTime = SystemTime::UNIX_EPOCH;

fn lifetime(length: Duration) -> Lifetime {
    Lifetime::new(BEGIN, BEGIN + length)
}

fn window(start: SystemTime, end: SystemTime) -> Window {
    Window { start, end, explanation: None, ask_again: 6 * HOUR }
}

#[test]
fn two_thirds_of_a_lifetime_or_half_of_a_short_one() {
    for (length, random, due) in [
        (90 * DAY, 0.0, 60 * DAY),
        (90 * DAY, 1.0, (60 * 24 - 90) * HOUR),
        (10 * DAY, 0.0, 160 * HOUR),
        (6 * DAY, 0.0, 3 * DAY),
        (6 * DAY, 0.5, 69 * HOUR),
        (Duration::from_mins(4), 0.0, Duration::from_mins(2)),
        (Duration::ZERO, 1.0, Duration::ZERO),
    ] {
        assert_eq!(lifetime(length).due(random), BEGIN + due, "{length:?} {random}");
    }
}

#[test]
fn a_certificate_that_ends_before_it_begins_has_no_length() {
    let lifetime = Lifetime::new(BEGIN + DAY, BEGIN);
    assert_eq!(lifetime.length(), Duration::ZERO);
    assert_eq!(lifetime.due(1.0), BEGIN + DAY);
}

#[test]
fn the_authoritys_window_is_followed() {
    let life = lifetime(90 * DAY);
    let usual = window(BEGIN + 60 * DAY, BEGIN + 62 * DAY);
    assert_eq!(life.due_within(&usual, None, 0.0), usual.start);
    assert_eq!(life.due_within(&usual, None, 0.5), BEGIN + 61 * DAY);
    assert_eq!(life.due_within(&usual, None, 1.0), usual.end);
}

#[test]
fn a_chosen_moment_stays_while_the_window_holds_it() {
    let life = lifetime(90 * DAY);
    let chosen = Some(BEGIN + 61 * DAY);
    let moved = window(BEGIN + 60 * DAY + HOUR, BEGIN + 62 * DAY + HOUR);
    assert_eq!(life.due_within(&moved, chosen, 0.0), BEGIN + 61 * DAY);
    // After a revocation en masse: the window is in the past.
    let now = window(BEGIN + DAY, BEGIN + 2 * DAY);
    assert_eq!(life.due_within(&now, chosen, 0.0), BEGIN + DAY);
}

#[test]
fn a_window_behind_the_end_is_not_waited_for() {
    let life = lifetime(24 * DAY);
    let never = window(BEGIN + 300 * DAY, BEGIN + 301 * DAY);
    assert_eq!(life.due_within(&never, None, 0.5), BEGIN + 23 * DAY);
    let before = window(BEGIN - 9 * DAY, BEGIN - 8 * DAY);
    assert_eq!(life.due_within(&before, None, 0.5), BEGIN + 6 * HOUR);
}

#[test]
fn a_window_in_the_past_is_not_due_at_once_for_ever() {
    let past = window(BEGIN - 9 * DAY, BEGIN - 8 * DAY);
    let began = window(BEGIN - DAY, BEGIN);
    for (length, due) in [
        (90 * DAY, 6 * HOUR),
        (6 * DAY, 6 * HOUR),
        (2 * DAY, 2 * HOUR),
        (Duration::from_mins(24), Duration::from_mins(1)),
        (Duration::ZERO, Duration::ZERO),
    ] {
        for window in [&past, &began] {
            for chosen in [None, Some(window.start)] {
                let found = lifetime(length).due_within(window, chosen, 0.3);
                assert_eq!(found, BEGIN + due, "{length:?} {chosen:?}");
            }
        }
    }
}

#[test]
fn the_window_is_asked_for_again_in_time() {
    let mut asked = window(BEGIN, BEGIN + DAY);
    for (length, ask_again, wait) in [
        (90 * DAY, Some(6 * HOUR), 6 * HOUR),
        (90 * DAY, Some(Duration::from_secs(1)), Duration::from_mins(1)),
        (90 * DAY, Some(7 * DAY), DAY),
        (90 * DAY, None, 6 * HOUR),
        (2 * DAY, Some(6 * HOUR), 2 * HOUR),
        (Duration::from_mins(2), None, Duration::from_mins(1)),
    ] {
        asked.ask_again = ask_again.unwrap_or_default();
        let answered = ask_again.map(|_| &asked);
        assert_eq!(lifetime(length).ask_again(answered, BEGIN), BEGIN + wait, "{length:?}");
    }
}

prop_compose! {
    fn any_lifetime()(begin in 0..4_000_000_000_u64, length in 0..400_000_000_u64) -> Lifetime {
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(begin);
        Lifetime::new(begin, begin + Duration::from_secs(length))
    }
}

proptest! {
    #[test]
    fn a_renewal_is_never_outside_the_lifetime(
        life in any_lifetime(),
        start in 0..5_000_000_000_u64,
        within in 1..100_000_000_u64,
        chosen in proptest::option::of(0..5_000_000_000_u64),
        random in -1.0..2.0_f64,
    ) {
        let at = |secs: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        let window = window(at(start), at(start + within));
        for due in [life.due(random), life.due_within(&window, chosen.map(at), random)] {
            prop_assert!(life.not_before <= due && due <= life.not_after);
        }
        prop_assert!(life.due(random) + life.length() / 4 <= life.not_after, "with time to fail");
    }

    #[test]
    fn more_jitter_is_never_later_and_a_longer_life_never_earlier(
        length in 0..400_000_000_u64,
        more in 0..400_000_000_u64,
        random in 0.0..=1.0_f64,
        other in 0.0..=1.0_f64,
    ) {
        let life = lifetime(Duration::from_secs(length));
        prop_assert!(life.due(random.max(other)) <= life.due(random.min(other)));
        // From two thirds to a half of what is longer is no step back.
        let longer = lifetime(Duration::from_secs(length + more));
        prop_assert!(life.due(random) <= longer.due(random));
    }
}
