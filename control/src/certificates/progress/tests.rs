use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn failed(number: u64, directory: &str) -> Attempt {
    Attempt {
        at: at(number),
        directory: directory.to_owned(),
        authority: "a".to_owned(),
        outcome: Outcome::Names,
        sentence: String::new(),
        retry_after: Some(at(number + 1_000)),
        next: None,
    }
}

#[test]
fn of_many_failures_the_newest_are_kept() {
    let mut past = Past::default();
    (0..150).for_each(|number| past.add(failed(number, "a")));
    (150..153).for_each(|number| past.add(failed(number, "b")));
    assert_eq!((past.failures(), past.failures_at("b")), (100, 3));
    assert_eq!(past.retry_after("b", at(200)), Some(at(1_152)));
    assert_eq!(past.failed[0].at, at(53));
    past.add(Attempt { outcome: Outcome::Issued, ..failed(200, "b") });
    assert_eq!((past.failures(), past.failure()), (0, None));
}

#[test]
fn five_failed_validations_an_hour_are_what_an_authority_takes() {
    const HOUR: u64 = 3_600;
    for (case, failures, expected) in [
        ("four", vec!["a", "a", "a", "a"], None),
        ("five", vec!["a", "a", "a", "a", "a"], Some(HOUR)),
        ("six", vec!["a", "a", "a", "a", "a", "a"], Some(HOUR + 1)),
        ("elsewhere", vec!["a", "a", "b", "a", "a"], None),
        ("one between", vec!["a", "a", "b", "a", "a", "a"], Some(HOUR)),
    ] {
        let attempts: Vec<Attempt> =
            failures.iter().zip(0..).map(|(name, number)| failed(number, name)).collect();
        let mut past = Past::new(&attempts);
        assert_eq!(past.room_at("a", at(10)), expected.map(at), "{case}");
        let issued = Attempt { outcome: Outcome::Issued, ..failed(9, "a") };
        past.add(issued);
        assert_eq!(past.room_at("a", at(10)), expected.map(at), "{case}, then a certificate");
        assert_eq!(past.room_at("a", at(HOUR + 1)), None, "{case}, an hour later");
        let mut added = Past::default();
        for attempt in attempts {
            added.add(attempt);
        }
        assert_eq!(added.room_at("a", at(10)), expected.map(at), "{case}, one by one");
    }
    let mut busy = Past::default();
    (0..9).for_each(|at| busy.add(Attempt { outcome: Outcome::Busy, ..failed(at, "a") }));
    assert_eq!(busy.room_at("a", at(10)), None, "nothing was validated");
}
