//! The configuration file: every text is a configuration or a list of problems, each with its line.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use warmfront_config::{Config, Problems};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    // A secret may be in any file; some never end.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    match read(text) {
        Ok(_) => assert!(read(&format!("{text}\n# the end\n")).is_ok(), "a comment spoils it"),
        Err(problems) => check_problems(&problems, text),
    }
}

fn read(text: &str) -> Result<Config, Problems> {
    let environment = |name: &str| match name {
        "SECRET" => Some("0123456789abcdef".to_owned()),
        "BROKEN" => Some("two\nlines".to_owned()),
        _ => None,
    };
    warmfront_config::parse(text, Path::new("/nowhere/warmfront.toml"), &environment)
}

fn check_problems(problems: &Problems, text: &str) {
    let numbers: Vec<_> = problems.iter().map(|problem| problem.line).collect();
    // Where a file ends behind a line end, an editor shows one line more.
    let last = text.split('\n').count();
    assert!(!numbers.is_empty() && numbers.is_sorted(), "{numbers:?}");
    assert!(numbers.iter().all(|line| (1..=last).contains(line)), "{numbers:?} of {last}");
    assert!(problems.iter().all(|problem| !problem.message.is_empty()));
    assert_eq!(read(text).err().as_ref(), Some(problems), "the same text again");
}
