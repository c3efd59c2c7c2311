use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::super::journal::Outcome;
use super::super::progress::Wish;
use super::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn lifetime(days: u64) -> Lifetime {
    Lifetime::new(at(100 * DAY), at((100 + days) * DAY))
}

fn failed(ended: u64, next: u64) -> Attempt {
    Attempt {
        at: at(ended),
        directory: "https://a.example/directory".to_owned(),
        authority: "a".to_owned(),
        outcome: Outcome::Names,
        sentence: "no".to_owned(),
        retry_after: None,
        next: Some(at(next)),
    }
}

/// Started on day 110 with a certificate of 90 days, to be renewed on day 160.
fn valid() -> Situation<'static> {
    Situation {
        started: at(110 * DAY),
        spread: 0.5,
        lifetime: Some(lifetime(90)),
        lacking: None,
        ordered: Some(at(100 * DAY)),
        renewal: Some(at(160 * DAY)),
        under_way: false,
        wish: Wish::Nothing,
        failed: None,
    }
}

#[test]
fn a_valid_certificate_is_renewed_when_its_time_has_come_and_not_at_a_start() {
    let now = at(110 * DAY);
    assert_eq!(valid().due(now), Due { at: at(160 * DAY), cause: Cause::Renewal });

    let late = Situation { started: at(170 * DAY), ..valid() };
    let spread = Due { at: at(170 * DAY + 300), cause: Cause::Renewal };
    assert_eq!(late.due(at(170 * DAY)), spread, "half of ten minutes");
    let short = Lifetime::new(at(100 * DAY), at(100 * DAY + HOUR));
    let now = at(100 * DAY + 2_700);
    let renewal = Some(at(100 * DAY + 1_800));
    let late = Situation { started: now, lifetime: Some(short), renewal, ..valid() };
    assert_eq!(late.due(now).at, now + Duration::from_secs(75), "half of an hour's 24th");
}

#[test]
fn what_cannot_wait_does_not() {
    let now = at(120 * DAY);
    for (situation, cause) in [
        (Situation { lifetime: None, ..valid() }, Cause::First),
        (Situation { lifetime: Some(lifetime(20)), ..valid() }, Cause::Expired),
        (Situation { lacking: Some("b"), ..valid() }, Cause::Lacking("b".to_owned())),
        (Situation { wish: Wish::Fresh, ..valid() }, Cause::Asked),
        (Situation { under_way: true, ..valid() }, Cause::Resumed),
    ] {
        assert_eq!(situation.due(now), Due { at: now, cause });
    }
}

#[test]
fn an_open_order_is_a_reason_of_its_own_only_where_nothing_else_is_due() {
    let now = at(120 * DAY);
    let open = Situation { under_way: true, ..valid() };
    let wanted = |situation: &Situation<'_>| situation.due(now).cause.wanted();
    assert_eq!(wanted(&open), Wanted::Resumption);
    for due in [
        Situation { lifetime: None, ..open.clone() },
        Situation { renewal: Some(at(119 * DAY)), ..open.clone() },
        Situation { lacking: Some("b"), ..open.clone() },
        Situation { wish: Wish::Fresh, ..open.clone() },
    ] {
        assert_eq!(wanted(&due), Wanted::Certificate, "{due:?}");
        assert!(due.due(now).at <= now);
    }
}

#[test]
fn a_certificate_that_was_due_when_it_came_is_not_replaced_at_once() {
    let came = 120 * DAY;
    let (of_90_days, hours) = (Some(lifetime(90)), |hours| Duration::from_hours(hours));
    // A window in the past, a clock so far ahead that the renewal is over, or that it has expired; a
    // short-lived one.
    for (renewal, ended, floor) in [
        (at(110 * DAY), of_90_days, hours(6)),
        (at(100 * DAY), of_90_days, hours(6)),
        (at(110 * DAY), Some(lifetime(20)), hours(6)),
        (at(110 * DAY), Some(lifetime(2)), hours(2)),
    ] {
        let (now, floor) = (at(came + 1), at(came) + floor);
        let situation = Situation {
            ordered: Some(at(came)),
            renewal: Some(renewal),
            lifetime: ended,
            ..valid()
        };
        assert_eq!(situation.due(now).at, floor, "{situation:?}");
        assert!(!situation.is_renewal_due(now) || ended != of_90_days);
        assert!(situation.is_renewal_due(floor));
        assert!(situation.due(floor).at <= floor);
        let asked = Situation { wish: Wish::Fresh, ..situation.clone() };
        assert_eq!(asked.due(now), Due { at: now, cause: Cause::Asked });
        // Of the time before the clock was set back nothing holds.
        let ahead = Situation { ordered: Some(at(900 * DAY)), ..situation };
        assert!(ahead.due(now).at <= now);
    }
}

#[test]
fn a_clock_that_was_ahead_at_the_start_puts_no_renewal_off() {
    let ahead = Situation { started: at(900 * DAY), ..valid() };
    assert_eq!(ahead.due(at(120 * DAY)).at, at(160 * DAY));
    assert_eq!(ahead.due(at(161 * DAY)).at, at(160 * DAY));
}

#[test]
fn a_failure_holds_up_everything_but_what_is_asked_for() {
    let now = at(120 * DAY);
    let back_off = failed(120 * DAY - 10, 120 * DAY + 50);
    let failing = |situation| Situation { failed: Some(&back_off), ..situation };
    let situation = failing(Situation { lifetime: None, ..valid() });
    assert_eq!(situation.due(now).at, at(120 * DAY + 50));
    assert_eq!(failing(Situation { under_way: true, ..valid() }).due(now).at, at(120 * DAY + 50));
    assert_eq!(failing(valid()).due(now).at, at(160 * DAY), "which is later anyhow");
    assert_eq!(failing(Situation { wish: Wish::Fresh, ..valid() }).due(now).at, now);

    let ahead = failed(900 * DAY, 901 * DAY);
    let situation = Situation { lifetime: None, failed: Some(&ahead), ..valid() };
    assert_eq!(situation.due(now).at, now, "written by a clock that ran ahead");
}

#[test]
fn the_clock_is_looked_at_often_enough() {
    let now = at(120 * DAY);
    let again = |lifetime: Option<&Lifetime>, next| look_again(lifetime, now, next).as_secs();
    assert_eq!(again(None, now + Duration::from_secs(5)), 5);
    assert_eq!(again(Some(&lifetime(90)), at(160 * DAY)), 60);
    let minutes = |minutes: u32| Lifetime::new(now, now + SECOND * 60 * minutes);
    assert_eq!(again(Some(&minutes(12)), at(160 * DAY)), 30);
    assert_eq!(again(Some(&minutes(0)), at(160 * DAY)), 1);
    assert_eq!(again(None, at(0)), 1, "never at once: what is due now was just tried");
}

#[test]
fn the_last_part_of_a_lifetime_is_told_of() {
    let left = |days: u64, hours: u64| {
        let lifetime = lifetime(days);
        is_expiring(&lifetime, lifetime.not_after() - Duration::from_secs(hours * HOUR))
    };
    assert!(!left(90, 24 * 15 + 1));
    assert!(left(90, 24 * 15 - 1));
    assert!(!left(6, 25));
    assert!(left(6, 23), "a day is all that is left of six");
    assert!(may_wait(&lifetime(90), at(180 * DAY)));
    assert!(!may_wait(&lifetime(90), at(183 * DAY)));
}

const SECOND: Duration = Duration::from_secs(1);

proptest! {
    #[test]
    fn a_look_comes_within_a_minute_and_never_at_once(
        length in 0_u64..400 * DAY,
        next in 0_u64..400 * DAY,
    ) {
        let lifetime = Lifetime::new(at(0), at(length));
        let wait = look_again(Some(&lifetime), at(DAY), at(next));
        prop_assert!((SECOND..=LOOK_MAX).contains(&wait));
    }

    #[test]
    fn nothing_is_due_before_a_failure_allows_it(
        now in 100 * DAY..300 * DAY,
        next in 100 * DAY..300 * DAY,
        under_way in any::<bool>(),
        has in any::<bool>(),
    ) {
        let failed = failed(100 * DAY, next);
        let lifetime = has.then(|| lifetime(90));
        let situation = Situation { lifetime, under_way, failed: Some(&failed), ..valid() };
        prop_assert!(situation.due(at(now)).at >= at(next));
    }
}
