//! The query of an invalidation's path, and which stored query forms it takes.

use warmfront_semantics::query::{Order, canonical_pairs, selected};

use super::path::Wildcard;
use crate::stored::{Place, QueryInKey};

/// What stands behind the `?` of an invalidation's path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum QueryPattern {
    /// One query, whatever the order of its pairs.
    Exact {
        /// As it was written: the key of a policy is selected from that.
        written: String,
        /// Canonical and sorted.
        pairs: Vec<String>,
    },
    /// With `*` for any run of characters, across pairs too.
    Wild {
        /// Each pair as it was written, and canonical.
        pairs: Vec<(String, String)>,
        as_written: Wildcard,
        /// As keys are whose policy sorts them.
        sorted: Wildcard,
    },
}

// === impl QueryPattern ===

impl QueryPattern {
    pub(super) fn new(written: &str) -> Self {
        if !written.contains('*') {
            return Self::Exact { written: written.to_owned(), pairs: sorted_pairs(written) };
        }
        let each = written.split('&').filter(|pair| !pair.is_empty());
        let pairs: Vec<(String, String)> =
            each.map(|pair| (pair.to_owned(), canonical_pairs(pair, b"*").concat())).collect();
        let mut canonical: Vec<&str> = pairs.iter().map(|(_, canonical)| &**canonical).collect();
        let as_written = Wildcard::new(&canonical.join("&"));
        canonical.sort_unstable();
        let sorted = Wildcard::new(&canonical.join("&"));
        Self::Wild { pairs, as_written, sorted }
    }

    /// Whether a request that it names could be served what is stored in this place, the path being the
    /// same: it is the key that counts, and of a query only so much is in that as the policy says.
    pub(super) fn takes(&self, place: &Place) -> bool {
        let stored = place.query.as_deref().unwrap_or_default();
        let chosen = |pair: &str| {
            selected(pair, |name| place.query_in_key.has(name), Order::AsSent).is_some()
        };
        match (self, &place.query_in_key) {
            (_, QueryInKey::None) => true,
            (Self::Exact { pairs, .. }, QueryInKey::Whole) => *pairs == sorted_pairs(stored),
            (Self::Exact { written, .. }, key) => {
                // Of what is stored too: the edge takes a signature off by names as they are sent, and a
                // name that is escaped is kept by it.
                let keyed = |query| {
                    let pairs = selected(query, |name| key.has(name), Order::AsSent);
                    sorted_pairs(&pairs.unwrap_or_default())
                };
                keyed(written) == keyed(stored)
            }
            (Self::Wild { as_written, sorted, .. }, QueryInKey::Whole) => {
                let stored = canonical_pairs(stored, b"").join("&");
                as_written.matches(&stored) || sorted.matches(&stored)
            }
            // A `*` may stand for pairs that are in no key; what is certain is in the key or it does not
            // take this.
            (Self::Wild { pairs, .. }, _) => {
                let stored = canonical_pairs(stored, b"");
                let mut certain = pairs.iter().filter(|(written, _)| chosen(written));
                certain.all(|(_, pair)| is_among(pair, &stored))
            }
        }
    }
}

/// Whether a pair that may end in anything can be one of these. A name with a `*` is any name.
fn is_among(pair: &str, stored: &[String]) -> bool {
    match pair.split_once('*') {
        None => stored.iter().any(|stored| stored == pair),
        Some((literal, _)) if literal.contains('=') => {
            stored.iter().any(|stored| stored.starts_with(literal))
        }
        Some(_) => true,
    }
}

fn sorted_pairs(query: &str) -> Vec<String> {
    let mut pairs = canonical_pairs(query, b"");
    pairs.sort_unstable();
    pairs
}
