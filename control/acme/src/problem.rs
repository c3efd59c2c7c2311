//! What an authority says when it says no (RFC 8555 §6.7).

use std::fmt;

use crate::refusal::Blame;

const NAMESPACE: &str = "urn:ietf:params:acme:error:";

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Problem {
    /// Its type without the namespace: `rateLimited`; empty where it has none.
    pub(crate) kind: String,
    /// In the authority's words; may be empty.
    pub(crate) detail: String,
    /// The status of the answer; 0 where it is part of another document.
    pub(crate) status: u16,
    /// What was wrong with single names (RFC 8555 §6.7.1): the first of them.
    pub(crate) subproblems: Vec<Subproblem>,
    /// How many more there were.
    pub(crate) more: usize,
}

/// What was wrong with one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subproblem {
    /// The name; `None` where the authority left it out.
    pub(crate) host: Option<String>,
    /// As [`Problem::kind`].
    pub(crate) kind: String,
    /// As [`Problem::detail`].
    pub(crate) detail: String,
}

// === impl Problem ===

impl Problem {
    /// The type's name without its namespace.
    pub(crate) fn kind_of(urn: &str) -> String {
        urn.strip_prefix(NAMESPACE).unwrap_or(urn).to_owned()
    }

    /// Who can do something about it.
    pub(crate) fn blame(&self) -> Blame {
        match self.kind.as_str() {
            "rateLimited" => return Blame::Busy,
            "caa"
            | "compound"
            | "connection"
            | "dns"
            | "incorrectResponse"
            | "rejectedIdentifier"
            | "tls"
            | "unsupportedIdentifier" => return Blame::Names,
            "accountDoesNotExist"
            | "externalAccountRequired"
            | "invalidContact"
            | "unauthorized"
            | "unsupportedContact"
            | "userActionRequired" => return Blame::Account,
            "invalidProfile" => return Blame::Edge,
            _ => {}
        }
        match self.status {
            429 => Blame::Busy,
            // It is about single names.
            400..=499 if !self.subproblems.is_empty() => Blame::Names,
            _ => Blame::Authority,
        }
    }

    /// RFC 9773 §5: what an order says of the certificate that it replaces is refused. Authorities
    /// disagree on the type; their words have the field, or what it holds.
    pub(crate) fn is_about_replaces(&self) -> bool {
        let detail = self.detail.to_ascii_lowercase();
        let named = ["replac", "certid"].iter().any(|word| detail.contains(word));
        self.is_final() && (self.kind == "alreadyReplaced" || self.status == 409 || named)
    }

    /// Asking once more, in the same words, will not change the answer.
    pub(crate) fn is_final(&self) -> bool {
        let passing = ["badNonce", "orderNotReady", "rateLimited", "serverInternal"];
        (400..500).contains(&self.status)
            && self.status != 429
            && !passing.contains(&self.kind.as_str())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.detail.trim().trim_end_matches('.'), self.kind.as_str()) {
            ("", "") if self.status == 0 => f.write_str("no reason given")?,
            ("", "") => write!(f, "no reason given (status {})", self.status)?,
            ("", kind) => f.write_str(kind)?,
            (detail, "") => f.write_str(detail)?,
            (detail, kind) => write!(f, "{detail} ({kind})")?,
        }
        self.subproblems.iter().try_for_each(|part| write!(f, "; {part}"))?;
        if self.more > 0 {
            write!(f, "; and {} more", self.more)?;
        }
        Ok(())
    }
}

// === impl Subproblem ===

impl fmt::Display for Subproblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}: ")?;
        }
        let (kind, detail) = (self.kind.clone(), self.detail.clone());
        Problem { kind, detail, ..Problem::default() }.fmt(f)
    }
}
