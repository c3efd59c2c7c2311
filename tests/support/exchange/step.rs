//! A client's request, and what must come of it.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::judge::{Expect, Served};
use super::terms::Terms;

/// One request and all that is expected of its answer.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    method: &'static str,
    below: &'static str,
    query: &'static str,
    fields: Vec<(&'static str, String)>,
    content: &'static str,
    awaited: bool,
    pub(super) served: Served,
    pub(super) expects: Vec<Expect>,
}

pub(crate) fn get(served: Served) -> Step {
    send("GET", served)
}

pub(crate) fn head(served: Served) -> Step {
    send("HEAD", served)
}

/// A request with any method.
pub(crate) fn send(method: &'static str, served: Served) -> Step {
    Step {
        method,
        below: "",
        query: "",
        fields: Vec::new(),
        content: "",
        awaited: false,
        served,
        expects: Vec::new(),
    }
}

// === impl Step: what is asked ===

impl Step {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, content: &'static str) -> Self {
        self.content = content;
        self
    }

    /// At a path below the scenario's.
    pub(crate) fn at(mut self, below: &'static str) -> Self {
        self.below = below;
        self
    }

    /// With its question mark.
    pub(crate) fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    /// Asked again until it is as expected: for what happens in the background.
    pub(crate) fn eventually(mut self) -> Self {
        self.awaited = true;
        self
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.awaited
    }

    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    pub(super) fn below(&self) -> &'static str {
        self.below
    }

    pub(super) fn query_string(&self) -> &'static str {
        self.query
    }

    pub(super) fn content(&self) -> &'static str {
        self.content
    }

    pub(super) fn fields(&self, terms: &Terms) -> impl Iterator<Item = (&'static str, String)> {
        self.fields.iter().map(|(name, value)| (*name, terms.fill(value, 0)))
    }

    /// For whoever reads of a failure.
    pub(super) fn told(&self, terms: &Terms) -> String {
        let mut text = format!("{} {}{}{}", self.method, terms.path, self.below, self.query);
        for (name, value) in self.fields(terms) {
            write!(text, " | {name}: {value}").unwrap();
        }
        text
    }
}

// === impl Step: what is seen ===

impl Step {
    /// 200, unless this says otherwise.
    pub(crate) fn status(self, status: u16) -> Self {
        self.expect(Expect::Status(status))
    }

    /// A field with this value; the values of several lines are separated by comma and space.
    pub(crate) fn has(self, name: &'static str, value: &str) -> Self {
        self.expect(Expect::Has(name, value.to_owned()))
    }

    /// A field with this within its value.
    pub(crate) fn has_part(self, name: &'static str, piece: &str) -> Self {
        self.expect(Expect::HasPart(name, piece.to_owned()))
    }

    pub(crate) fn lacks(self, name: &'static str) -> Self {
        self.expect(Expect::Lacks(name))
    }

    /// `Age` in seconds.
    pub(crate) fn aged(self, seconds: RangeInclusive<u64>) -> Self {
        self.expect(Expect::Age(seconds))
    }

    pub(crate) fn text(self, body: &str) -> Self {
        self.expect(Expect::Body(body.to_owned()))
    }

    /// A piece of the body.
    pub(crate) fn text_part(self, piece: &str) -> Self {
        self.expect(Expect::BodyPart(piece.to_owned()))
    }

    /// A piece of `Cache-Status`.
    pub(crate) fn tells(self, piece: &str) -> Self {
        self.expect(Expect::HasPart("cache-status", piece.to_owned()))
    }

    /// What is no piece of `Cache-Status`.
    pub(crate) fn tells_no(self, piece: &str) -> Self {
        self.expect(Expect::CacheStatusLacks(piece.to_owned()))
    }

    /// A head with a status of 1xx and this field came first.
    pub(crate) fn after(self, status: u16, name: &'static str, value: &str) -> Self {
        self.expect(Expect::Interim(status, name, value.to_owned()))
    }

    /// How many requests this step makes the origin see, where it is not the usual number.
    pub(crate) fn asked(self, times: usize) -> Self {
        self.expect(Expect::Asked(times))
    }

    /// How many requests for this path the origin saw since the scenario began.
    pub(crate) fn asked_in_all(self, times: usize) -> Self {
        self.expect(Expect::AskedInAll(times))
    }

    /// The method of the request the origin saw.
    pub(crate) fn saw_method(self, method: &'static str) -> Self {
        self.expect(Expect::SawMethod(method))
    }

    /// A field of the last request the origin saw.
    pub(crate) fn saw(self, name: &'static str, value: &str) -> Self {
        self.expect(Expect::Saw(name, value.to_owned()))
    }

    pub(crate) fn saw_no(self, name: &'static str) -> Self {
        self.expect(Expect::SawNo(name))
    }

    fn expect(mut self, expect: Expect) -> Self {
        self.expects.push(expect);
        self
    }
}
