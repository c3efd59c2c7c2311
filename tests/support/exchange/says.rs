//! What an origin says, octet by octet.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::terms::{self, Terms};

/// One answer. Field names and values go out as they are written here, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Says {
    status: u16,
    fields: Vec<(&'static str, String)>,
    /// Heads before the last one, `103 Early Hints` for one.
    interim: Vec<(u16, Vec<(&'static str, String)>)>,
    body: String,
    framing: Framing,
    dated: bool,
    end: End,
}

#[derive(Debug, Clone)]
enum Framing {
    Length,
    Chunked { trailers: Vec<(&'static str, String)> },
    UntilClose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All of it is said.
    Whole,
    /// The connection is closed after this many octets of the body.
    Cut(usize),
    /// The connection is closed once the request was read.
    HangUp,
    /// Nothing is said, and the connection stays open.
    Silence,
}

/// What goes onto the connection.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) octets: Vec<u8>,
    pub(super) then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Listen,
    Close,
    Silence,
}

/// `200` with a body that has the number of the request in it.
pub(crate) fn ok() -> Says {
    says(200)
}

pub(crate) fn not_modified() -> Says {
    says(304)
}

/// The connection is closed once the request was read.
pub(crate) fn hang_up() -> Says {
    Says { end: End::HangUp, ..ok() }
}

pub(crate) fn says(status: u16) -> Says {
    Says {
        status,
        fields: Vec::new(),
        interim: Vec::new(),
        body: "answer {n}".to_owned(),
        framing: Framing::Length,
        dated: true,
        end: End::Whole,
    }
}

// === impl Says ===

impl Says {
    /// A field; each line of `values` is a field line of its own.
    pub(crate) fn field(mut self, name: &'static str, values: &str) -> Self {
        self.fields.extend(values.split('\n').map(|value| (name, value.to_owned())));
        self
    }

    pub(crate) fn cache(self, value: &str) -> Self {
        self.field("Cache-Control", value)
    }

    pub(crate) fn etag(self, value: &str) -> Self {
        self.field("ETag", value)
    }

    pub(crate) fn modified(self, value: &str) -> Self {
        self.field("Last-Modified", value)
    }

    pub(crate) fn age(self, value: &str) -> Self {
        self.field("Age", value)
    }

    pub(crate) fn vary(self, value: &str) -> Self {
        self.field("Vary", value)
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Without the `Date` that is sent unless a field says another.
    pub(crate) fn undated(mut self) -> Self {
        self.dated = false;
        self
    }

    /// `status` with one field comes first.
    pub(crate) fn after(mut self, status: u16, name: &'static str, value: &str) -> Self {
        self.interim.push((status, vec![(name, value.to_owned())]));
        self
    }

    pub(crate) fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked { trailers: Vec::new() };
        self
    }

    /// The body is chunked, and this field is behind it.
    pub(crate) fn trailer(mut self, name: &'static str, value: &str) -> Self {
        self.framing = Framing::Chunked { trailers: vec![(name, value.to_owned())] };
        self
    }

    /// The body ends with the connection.
    pub(crate) fn until_close(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self
    }

    /// The connection is closed in the middle of the body.
    pub(crate) fn cut_after(mut self, octets: usize) -> Self {
        self.end = End::Cut(octets);
        self
    }

    /// Nothing is ever said.
    pub(crate) fn silent(mut self) -> Self {
        self.end = End::Silence;
        self
    }

    pub(crate) fn status_code(&self) -> u16 {
        self.status
    }

    /// Whether a field of this name is said.
    pub(super) fn mentions(&self, name: &str) -> bool {
        self.fields.iter().any(|(said, _)| said.eq_ignore_ascii_case(name))
    }

    /// The answer to the `nth` request, which has `method`.
    pub(super) fn speak(&self, method: &str, terms: &Terms, nth: usize, now: SystemTime) -> Spoken {
        match self.end {
            End::HangUp => return Spoken { octets: Vec::new(), then: Then::Close },
            End::Silence => return Spoken { octets: Vec::new(), then: Then::Silence },
            End::Whole | End::Cut(_) => {}
        }
        let mut head = String::new();
        for (status, fields) in &self.interim {
            write_head(&mut head, *status, fields, terms, nth);
            head.push_str("\r\n");
        }
        write_head(&mut head, self.status, &self.fields, terms, nth);
        if self.dated && !self.mentions("date") {
            write!(head, "Date: {}\r\n", terms::date(now)).unwrap();
        }
        let body = terms.fill(&self.body, nth);
        let is_empty = matches!(self.status, 204 | 304);
        if !is_empty {
            self.write_framing(&mut head, body.len());
        }
        head.push_str("\r\n");
        let mut octets = terms::octets(&head);
        if !is_empty && method != "HEAD" {
            octets.extend(self.framed(&body));
        }
        let then = match (self.end, &self.framing) {
            (End::Whole, Framing::Length | Framing::Chunked { .. }) => Then::Listen,
            _ => Then::Close,
        };
        Spoken { octets, then }
    }

    fn write_framing(&self, head: &mut String, length: usize) {
        match self.framing {
            Framing::Length if self.mentions("content-length") => {}
            Framing::Length => write!(head, "Content-Length: {length}\r\n").unwrap(),
            Framing::Chunked { .. } => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose => head.push_str("Connection: close\r\n"),
        }
    }

    fn framed(&self, body: &str) -> Vec<u8> {
        let body = match self.end {
            End::Cut(octets) => body.get(..octets).unwrap_or(body),
            _ => body,
        };
        let Framing::Chunked { trailers } = &self.framing else { return terms::octets(body) };
        let mut framed = format!("{:x}\r\n{body}\r\n", body.len());
        if self.end == End::Whole {
            framed.push_str("0\r\n");
            for (name, value) in trailers {
                write!(framed, "{name}: {value}\r\n").unwrap();
            }
            framed.push_str("\r\n");
        }
        terms::octets(&framed)
    }
}

fn write_head(
    head: &mut String,
    status: u16,
    fields: &[(&'static str, String)],
    terms: &Terms,
    nth: usize,
) {
    write!(head, "HTTP/1.1 {status} Said\r\n").unwrap();
    for (name, value) in fields {
        write!(head, "{name}: {}\r\n", terms.fill(value, nth)).unwrap();
    }
}
