use super::*;
use proptest::prelude::*;

const DAY: u64 = 86_400;
const OPEN: Bounds =
    Bounds { min: Duration::ZERO, default: None, max: Duration::from_hours(24 * 365) };
const BOUND: Bounds = Bounds {
    min: Duration::from_secs(30),
    default: Some(Duration::from_mins(5)),
    max: Duration::from_secs(500),
};

type Lines<'a> = &'a [(&'a str, &'a str)];

fn received() -> SystemTime {
    UNIX_EPOCH + Duration::from_hours(500_000)
}

/// The fields of a response; `@n` stands for the date `n` seconds after receipt.
fn fields(lines: Lines<'_>) -> HeaderMap {
    let value = |text: &str| match text.strip_prefix('@') {
        Some(offset) => date::format(at(offset.parse().unwrap())),
        None => text.into(),
    };
    let field = |(name, text): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), value(text).parse().unwrap())
    };
    lines.iter().map(field).collect()
}

fn at(offset: i64) -> SystemTime {
    let distance = Duration::from_secs(offset.unsigned_abs());
    if offset < 0 { received() - distance } else { received() + distance }
}

fn judge(status: u16, lines: Lines<'_>, bounds: &Bounds) -> Freshness {
    let response = fields(lines);
    let times = Times { requested: received(), received: received() };
    let status = StatusCode::from_u16(status).unwrap();
    Freshness::judge(status, &response, &Control::of(&response), &times, bounds)
}

#[test]
fn explicit_lifetimes_in_their_order() {
    let cc = |value| ("cache-control", value);
    let cases: [(Lines<'_>, u64); 26] = [
        (&[cc("max-age=60")], 60),
        (&[cc("max-age=60, s-maxage=90")], 90),
        (&[cc("s-maxage=90"), cc("max-age=60")], 90),
        (&[cc("max-age=60, s-maxage=0")], 0),
        (&[cc("max-age=60, s-maxage=x")], 0),
        (&[cc("s-maxage=90, max-age=x")], 90),
        (&[cc("max-age=x"), ("expires", "@90")], 0),
        (&[cc("max-age=60"), ("expires", "@-90")], 60),
        (&[cc("max-age=0"), ("expires", "@90")], 0),
        (&[cc("public"), ("expires", "@90")], 90),
        (&[("expires", "@90")], 90),
        (&[("expires", "@90"), ("date", "@0")], 90),
        (&[("expires", "@90"), ("date", "@-10")], 100),
        (&[("expires", "@90"), ("date", "@40")], 50),
        (&[("expires", "@90"), ("date", "no date")], 90),
        (&[("expires", "@90"), ("date", "@-10"), ("date", "@-20")], 90),
        (&[("expires", "@0"), ("date", "@0")], 0),
        (&[("expires", "@90"), ("date", "@91")], 0),
        (&[("expires", "0")], 0),
        (&[("expires", "")], 0),
        (&[("expires", "-1"), ("last-modified", "@-9999")], 0),
        (&[("expires", "@90"), ("expires", "@90")], 90),
        (&[("expires", "@90"), ("expires", "@91")], 0),
        (&[("expires", "@90"), ("expires", "x")], 0),
        (&[cc("max-age=60, no-cache")], 0),
        (&[cc("max-age=60, no-cache=\"set-cookie\"")], 60),
    ];
    for (lines, lifetime) in cases {
        let judged = judge(200, lines, &OPEN);
        let expected = (Duration::from_secs(lifetime), Basis::Explicit);
        assert_eq!((judged.lifetime, judged.basis), expected, "{lines:?}");
        assert_eq!(judge(599, lines, &OPEN), judged, "{lines:?}");
    }
}

#[test]
fn a_targeted_field_overrides_the_others() {
    let cases: [(Lines<'_>, u64, Basis); 6] = [
        (
            &[("cdn-cache-control", "max-age=60"), ("cache-control", "no-store")],
            60,
            Basis::Explicit,
        ),
        (&[("cdn-cache-control", "max-age=60"), ("expires", "@-1")], 60, Basis::Explicit),
        (&[("cdn-cache-control", "max-age=-1"), ("expires", "@9")], 0, Basis::Explicit),
        (&[("cdn-cache-control", "foo"), ("expires", "@9")], 0, Basis::Nothing),
        (&[("cdn-cache-control", "foo"), ("last-modified", "@-90")], 9, Basis::Heuristic),
        (&[("cdn-cache-control", "max-age=x"), ("expires", "@9")], 9, Basis::Explicit),
    ];
    for (lines, lifetime, basis) in cases {
        let judged = judge(200, lines, &OPEN);
        assert_eq!((judged.lifetime.as_secs(), judged.basis), (lifetime, basis), "{lines:?}");
    }
}

#[test]
fn lifetimes_stay_within_the_sites_bounds() {
    let cc = |value| ("cache-control", value);
    let cases: [(u16, Lines<'_>, u64, Basis); 15] = [
        (200, &[cc("max-age=60")], 60, Basis::Explicit),
        (200, &[cc("max-age=9999")], 500, Basis::Explicit),
        (200, &[cc("max-age=0")], 30, Basis::Explicit),
        (200, &[("expires", "0")], 30, Basis::Explicit),
        (404, &[cc("max-age=0")], 30, Basis::Explicit),
        (302, &[cc("max-age=0")], 0, Basis::Explicit),
        (302, &[cc("max-age=9999")], 500, Basis::Explicit),
        (200, &[cc("max-age=0, no-cache")], 30, Basis::Explicit),
        (200, &[cc("no-cache")], 30, Basis::Explicit),
        (200, &[], 300, Basis::Default),
        (200, &[cc("no-cache=\"a\"")], 300, Basis::Default),
        (200, &[("last-modified", "@-100")], 300, Basis::Default),
        (404, &[], 0, Basis::Nothing),
        (404, &[("last-modified", "@-1000")], 100, Basis::Heuristic),
        (302, &[("last-modified", "@-1000")], 0, Basis::Nothing),
    ];
    for (status, lines, lifetime, basis) in cases {
        let judged = judge(status, lines, &BOUND);
        let got = (judged.lifetime.as_secs(), judged.basis);
        assert_eq!(got, (lifetime, basis), "{status} {lines:?}");
    }
    let least = Bounds { default: None, ..BOUND };
    for (status, lifetime, basis) in [(200, 30, Basis::Default), (404, 0, Basis::Nothing)] {
        let judged = judge(status, &[], &least);
        assert_eq!((judged.lifetime.as_secs(), judged.basis), (lifetime, basis), "{status}");
    }
    let crossed = Bounds { min: Duration::from_secs(9), max: Duration::from_secs(5), ..OPEN };
    assert_eq!(judge(200, &[cc("max-age=1")], &crossed).lifetime, crossed.max);
}

#[test]
fn a_guess_is_a_tenth_of_the_time_unchanged() {
    let modified = |offset| ("last-modified", offset);
    let cases: [(Lines<'_>, u64, Basis); 9] = [
        (&[], 0, Basis::Nothing),
        (&[modified("@-100")], 10, Basis::Heuristic),
        (&[modified("@-100"), ("date", "@-50")], 5, Basis::Heuristic),
        (&[modified("@-100"), ("date", "?")], 10, Basis::Heuristic),
        (&[modified("@-99999999")], DAY, Basis::Heuristic),
        (&[modified("@0")], 0, Basis::Heuristic),
        (&[modified("@1")], 0, Basis::Nothing),
        (&[modified("x")], 0, Basis::Nothing),
        (&[modified("@-100"), modified("@-200")], 0, Basis::Nothing),
    ];
    for (lines, lifetime, basis) in cases {
        let judged = judge(200, lines, &OPEN);
        assert_eq!((judged.lifetime.as_secs(), judged.basis), (lifetime, basis), "{lines:?}");
    }
    for status in 200..=599 {
        let guessed = judge(status, &[modified("@-100")], &OPEN).basis == Basis::Heuristic;
        assert_eq!(guessed, HEURISTIC.contains(&status), "{status}");
        let public = [modified("@-100"), ("cache-control", "public")];
        assert_eq!(judge(status, &public, &OPEN).basis, Basis::Heuristic, "{status}");
    }
}

#[test]
fn age_is_what_date_age_and_delay_say() {
    let cases: [(Lines<'_>, u64, u64); 21] = [
        (&[], 0, 0),
        (&[("age", "30")], 0, 30),
        (&[("age", "030")], 0, 30),
        (&[("age", "30")], 4, 34),
        (&[("date", "@-20")], 4, 20),
        (&[("date", "@-20"), ("age", "30")], 4, 34),
        (&[("date", "@-50"), ("age", "30")], 4, 50),
        (&[("date", "@50")], 4, 4),
        (&[("date", "x"), ("age", "1")], 0, 1),
        (&[("age", "30, 0")], 0, 30),
        (&[("age", "0, 30")], 0, 0),
        (&[("age", ", 30")], 0, 30),
        (&[("age", "30"), ("age", "0")], 0, 30),
        (&[("age", "0"), ("age", "30")], 0, 0),
        (&[("age", "")], 0, 0),
        (&[("age", "-30")], 0, 0),
        (&[("age", "30.5")], 0, 0),
        (&[("age", "30;a=b")], 0, 0),
        (&[("age", "x, 30")], 0, 0),
        (&[("age", "2147483648")], 0, 1 << 31),
        (&[("age", "99999999999999999999")], 0, 1 << 31),
    ];
    for (lines, delay, age) in cases {
        let response = fields(lines);
        let requested = received() - Duration::from_secs(delay);
        let times = Times { requested, received: received() };
        let control = Control::of(&response);
        let judged = Freshness::judge(StatusCode::OK, &response, &control, &times, &OPEN);
        assert_eq!(judged.age.as_secs(), age, "{lines:?} {delay}");
    }
}

#[test]
fn fresh_ends_when_the_lifetime_is_over() {
    let times = Times { requested: received(), received: received() };
    for (age, lifetime, left) in [(0, 60, 60), (59, 60, 1), (60, 60, 0), (90, 60, -30), (0, 0, 0)] {
        let (age, lifetime) = (Duration::from_secs(age), Duration::from_secs(lifetime));
        let freshness = Freshness { lifetime, age, basis: Basis::Explicit };
        assert_eq!(freshness.is_fresh(), left > 0);
        assert_eq!(freshness.fresh_until(&times), at(left));
        assert_eq!(freshness.epoch(&times), received() - age);
    }
}

#[test]
fn half_a_second_of_rounding_is_no_age() {
    let response = fields(&[("date", "@0"), ("cache-control", "max-age=1")]);
    let received = received() + Duration::from_millis(900);
    let times = Times { requested: received + Duration::from_secs(9), received };
    let control = Control::of(&response);
    let judged = Freshness::judge(StatusCode::OK, &response, &control, &times, &OPEN);
    assert_eq!(judged.age, Duration::ZERO, "time that goes backwards is none");
}

#[test]
fn stale_is_used_only_where_the_origin_lets_it() {
    let allowed = |swr, sie| Staleness {
        while_revalidate: Duration::from_secs(swr),
        if_error: Duration::from_secs(sie),
        unreachable: Permission::Allowed,
    };
    let forbidden = Staleness { unreachable: Permission::Forbidden, ..allowed(0, 0) };
    let windows = "stale-while-revalidate=5, stale-if-error=6";
    for (name, value, expected) in [
        ("cache-control", String::new(), allowed(0, 0)),
        ("cache-control", windows.into(), allowed(5, 6)),
        ("cache-control", "stale-while-revalidate=x, stale-if-error".into(), allowed(0, 0)),
        ("cache-control", format!("{windows}, must-revalidate"), forbidden),
        ("cache-control", format!("{windows}, proxy-revalidate"), forbidden),
        ("cache-control", format!("{windows}, s-maxage=1"), forbidden),
        ("cache-control", format!("{windows}, s-maxage=x"), forbidden),
        ("cache-control", format!("{windows}, no-cache"), forbidden),
        ("cache-control", format!("{windows}, no-cache=\"a\""), allowed(5, 6)),
        ("cdn-cache-control", windows.into(), allowed(5, 6)),
        ("cdn-cache-control", format!("{windows}, s-maxage=1"), forbidden),
    ] {
        let control = Control::of(&fields(&[(name, &value)]));
        assert_eq!(Staleness::of(&control), expected, "{name}: {value}");
    }
}

proptest! {
    #[test]
    fn stale_stays_stale(
        max_age in 0..100_i64, expires in -100..100_i64, date in -100..100_i64, age in 0..100_u64,
        delay in 0..100_u64, later in 0..100_u64, explicit: bool,
    ) {
        let date = format!("@{date}");
        let max_age = ("cache-control", format!("max-age={max_age}"));
        let lifetime = if explicit { max_age } else { ("expires", format!("@{expires}")) };
        let lines = [(lifetime.0, lifetime.1.as_str()), ("date", &date), ("age", &age.to_string())];
        let response = fields(&lines);
        let control = Control::of(&response);
        let requested = received() - Duration::from_secs(delay);
        let judged = |later| {
            let times = Times { requested, received: received() + Duration::from_secs(later) };
            let judged = Freshness::judge(StatusCode::OK, &response, &control, &times, &OPEN);
            (judged, times)
        };
        let ((first, earlier_times), (second, later_times)) = (judged(0), judged(later));
        prop_assert!(second.is_fresh() <= first.is_fresh());
        let until = first.fresh_until(&earlier_times);
        prop_assert!(second.fresh_until(&later_times) <= until);
        prop_assert_eq!(first.is_fresh(), earlier_times.received < until);
    }

    #[test]
    fn any_fields_and_clocks_are_judged(
        lines in prop::collection::vec((0..6_usize, "[ -~]{0,30}"), 0..6),
        requested: u64, received: u64, status in 100..1000_u16,
    ) {
        let names =
            ["age", "date", "expires", "last-modified", "cache-control", "cdn-cache-control"];
        let lines: Vec<_> = lines.iter().map(|(at, value)| (names[*at], value.as_str())).collect();
        let response = lines.iter().map(|(name, value)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        }).collect();
        let time = |seconds| {
            UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
        };
        let times = Times { requested: time(requested), received: time(received) };
        let status = StatusCode::from_u16(status).unwrap();
        for bounds in [OPEN, BOUND] {
            let judged =
                Freshness::judge(status, &response, &Control::of(&response), &times, &bounds);
            prop_assert!(judged.lifetime <= bounds.max);
            let _ = (judged.fresh_until(&times), judged.epoch(&times));
        }
    }
}
