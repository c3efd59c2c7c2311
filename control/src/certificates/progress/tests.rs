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
