//! Whether an exchange is as its scenario has it.

use std::ops::RangeInclusive;

use super::step::Step;
use super::terms::{self, Terms};
use super::wire::Asked;
use crate::support::client::Answer;

/// Whose answer a client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// The stored response, and the origin was not asked.
    Hit,
    /// The stored response though it is stale, whether the origin was asked or not.
    Stale,
    /// The stored response, after the origin said that it still holds.
    Validated,
    /// The origin's answer to this request.
    Miss,
    /// An answer of the edge's own: a refusal, or what it says of an origin that does not answer.
    Own,
    /// The beginning of an answer and then nothing more, or 502 where none of it was on its way yet.
    Broken,
}

#[derive(Debug, Clone)]
pub(super) enum Expect {
    Status(u16),
    Has(&'static str, String),
    HasPart(&'static str, String),
    Lacks(&'static str),
    Interim(u16, &'static str, String),
    Age(RangeInclusive<u64>),
    Body(String),
    BodyPart(String),
    CacheStatusLacks(String),
    Asked(usize),
    AskedInAll(usize),
    SawMethod(&'static str),
    Saw(&'static str, String),
    SawNo(&'static str),
}

/// What is wrong with the answer to `step`, before which the origin was asked `before` times for the
/// path.
pub(super) fn complaints(
    step: &Step,
    terms: &Terms,
    before: usize,
    asked: &[Asked],
    answer: &Answer,
) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(usual_number(step, asked));
    found.extend(usual_status(step, answer));
    found.extend(serial(step, before, asked, answer));
    found.extend(said_of_it(step, asked, answer));
    let is_empty = step.method() == "HEAD" || matches!(answer.status.as_u16(), 204 | 304);
    if is_empty && !answer.body.is_empty() {
        found.push("it has a body".to_owned());
    }
    found.extend(
        step.expects.iter().filter_map(|expect| missed(expect, terms, before, asked, answer)),
    );
    found
}

fn usual_number(step: &Step, asked: &[Asked]) -> Option<String> {
    if step.expects.iter().any(|expect| matches!(expect, Expect::Asked(_))) {
        return None;
    }
    let usual = match step.served {
        Served::Hit => 0,
        Served::Validated | Served::Miss => 1,
        Served::Stale | Served::Own | Served::Broken => return None,
    };
    (asked.len() != usual)
        .then(|| format!("{:?}: the origin was asked {} times", step.served, asked.len()))
}

fn usual_status(step: &Step, answer: &Answer) -> Option<String> {
    let is_told = step.expects.iter().any(|expect| matches!(expect, Expect::Status(_)));
    let is_any = is_told || step.served == Served::Broken;
    (!is_any && answer.status != 200).then(|| format!("its status is {}", answer.status))
}

/// The number in the body tells whether the origin made it for this request.
fn serial(step: &Step, before: usize, asked: &[Asked], answer: &Answer) -> Option<String> {
    let body = terms::text(&answer.body);
    let serial: usize = body.strip_prefix("answer ")?.parse().ok()?;
    let is_right = match step.served {
        Served::Hit | Served::Stale | Served::Validated => serial <= before,
        Served::Miss => serial == before + asked.len(),
        Served::Own | Served::Broken => false,
    };
    (!is_right).then(|| format!("{:?}: the body is of request {serial}", step.served))
}

/// `Cache-Status` and `Age` tell the same story; so does what the origin was asked.
fn said_of_it(step: &Step, asked: &[Asked], answer: &Answer) -> Vec<String> {
    let status = field(answer, "cache-status").unwrap_or_default();
    let has_age = field(answer, "age").is_some();
    let mut said = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            said.push(format!("{:?}: {what}", step.served));
        }
    };
    match step.served {
        Served::Hit => {
            let is_fresh = status.starts_with("warmfront; hit") && !status.contains("; ttl=-");
            must(is_fresh, "Cache-Status is of no fresh hit");
            must(has_age, "a stored response has no Age");
        }
        Served::Stale => {
            must(status.contains("; ttl=-"), "Cache-Status has no negative ttl");
            must(has_age, "a stored response has no Age");
        }
        Served::Validated => {
            let conditional = asked.iter().all(|asked| asked.is_conditional() && asked.said == 304);
            must(conditional, "the origin was not asked on a condition");
            let is_told = ["fwd=stale; fwd-status=304", "fwd=request; fwd-status=304"];
            let is_told = is_told.iter().any(|told| status.contains(told));
            must(is_told, "Cache-Status is of no validation");
        }
        Served::Miss => {
            must(status.contains("; fwd="), "Cache-Status does not tell why it was forwarded");
            let is_aged = asked.last().is_some_and(|asked| asked.aged);
            must(has_age == is_aged, "Age is not as the origin had it");
        }
        Served::Own => must(!status.contains("; hit"), "Cache-Status is of a hit"),
        Served::Broken => must(answer.status == 502, "the answer is whole"),
    }
    said
}

/// What was seen instead.
fn missed(
    expect: &Expect,
    terms: &Terms,
    before: usize,
    asked: &[Asked],
    answer: &Answer,
) -> Option<String> {
    let (met, seen) = match expect {
        Expect::Status(status) => (answer.status == *status, answer.status.to_string()),
        Expect::Has(name, value) => {
            let found = field(answer, name);
            (found.as_ref() == Some(&terms.fill(value, 0)), told(name, found))
        }
        Expect::HasPart(name, piece) => {
            let found = field(answer, name);
            (found.as_ref().is_some_and(|value| value.contains(piece)), told(name, found))
        }
        Expect::Lacks(name) => {
            let found = field(answer, name);
            (found.is_none(), told(name, found))
        }
        Expect::Interim(status, name, value) => {
            let mut interim = answer.interim.iter();
            let met = interim.any(|(seen, fields)| {
                seen.as_u16() == *status && fields.get(*name).is_some_and(|it| it == value)
            });
            (met, format!("{:?}", answer.interim))
        }
        Expect::Age(seconds) => {
            let found = field(answer, "age");
            let age = found.as_ref().and_then(|age| age.parse().ok());
            (age.is_some_and(|age| seconds.contains(&age)), told("age", found))
        }
        Expect::Body(body) => whole(&answer.body, |it| it == terms.fill(body, 0)),
        Expect::BodyPart(piece) => whole(&answer.body, |it| it.contains(&terms.fill(piece, 0))),
        Expect::CacheStatusLacks(piece) => {
            let found = field(answer, "cache-status");
            (found.as_ref().is_none_or(|it| !it.contains(piece)), told("cache-status", found))
        }
        Expect::AskedInAll(times) => {
            let in_all = before + asked.len();
            (in_all == *times, format!("{in_all} requests"))
        }
        _ => return unseen(expect, terms, asked),
    };
    (!met).then(|| format!("{expect:?} was expected: {seen}"))
}

/// What the origin saw instead.
fn unseen(expect: &Expect, terms: &Terms, asked: &[Asked]) -> Option<String> {
    let last = asked.last();
    let (met, seen) = match expect {
        Expect::Asked(times) => (asked.len() == *times, format!("{} requests", asked.len())),
        Expect::SawMethod(method) => {
            let saw = last.map(|last| last.method.as_str()).unwrap_or_default();
            (saw == *method, saw.to_owned())
        }
        Expect::Saw(name, value) => {
            let saw = last.and_then(|last| last.field(name));
            (saw.as_ref() == Some(&terms.fill(value, 0)), told(name, saw))
        }
        Expect::SawNo(name) => {
            let saw = last.and_then(|last| last.field(name));
            (saw.is_none(), told(name, saw))
        }
        _ => return None,
    };
    (!met).then(|| format!("the origin was to see {expect:?}: {seen}"))
}

fn whole(body: &[u8], is_right: impl Fn(&str) -> bool) -> (bool, String) {
    let text = terms::text(body);
    (is_right(&text), format!("{text:?}"))
}

fn told(name: &str, value: Option<String>) -> String {
    value.map_or_else(|| format!("no {name}"), |value| format!("{name}: {value}"))
}

/// The values of a field, separated by comma and space.
fn field(answer: &Answer, name: &str) -> Option<String> {
    let values = answer.fields.get_all(name).iter();
    let values: Vec<String> = values.map(|value| terms::text(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
