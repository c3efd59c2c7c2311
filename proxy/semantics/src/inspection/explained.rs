//! What became of one live request, in one line.

use crate::cache_status::{Forward, Lookup};

/// Longest line, in bytes.
const BYTES_MAX: usize = 2 * 1024;

/// What is known of a request that is being answered.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// How it was answered.
    pub lookup: Lookup,
    /// The status that the client gets.
    pub status: u16,
    /// What the origin answered, if it was asked.
    pub origin_status: Option<u16>,
    /// Whether the answer went into the store.
    pub stored: bool,
    /// One word more, as in Cache-Status.
    pub detail: Option<&'a str>,
    /// Why nothing was looked up, if so.
    pub bypass: Option<&'a str>,
    /// What went wrong, if anything.
    pub fault: Option<&'a str>,
    /// The arithmetic of what is stored.
    pub freshness: Option<&'a str>,
    /// The newest invalidation that names what was not found, or that marked what was.
    pub taken: Option<&'a str>,
    /// The names of the site and of the behavior's pattern, once it is known.
    pub route: Option<(&'a str, &'a str)>,
}

// === impl Explained ===

impl Explained<'_> {
    /// The line: printable ASCII, so that it can stand in a field, and at most 2 KiB.
    #[must_use]
    pub fn sentence(&self) -> String {
        // Of an answer that came in just now the course says it all.
        let was = self.freshness.filter(|_| !matches!(self.lookup, Lookup::Forwarded(_)));
        let freshness = was.map(|freshness| format!("; it was {freshness}"));
        let route =
            self.route.map(|(site, behavior)| format!("; site {site}, behavior {behavior}"));
        let parts = [Some(self.course()), freshness, route];
        printable(&parts.into_iter().flatten().collect::<String>())
    }

    fn course(&self) -> String {
        let fault = self.fault.or(self.detail).map(|why| format!(": {why}")).unwrap_or_default();
        match self.lookup {
            Lookup::Hit => "hit: served from the store".into(),
            Lookup::Stale if self.detail == Some(INVALIDATED) => {
                format!("stale: served at once and refreshed, as {} marked it", self.marked_by())
            }
            Lookup::Stale => "stale: served at once and refreshed".into(),
            Lookup::StoodIn => format!("stale: it stands in for the origin, which failed{fault}"),
            Lookup::Collapsed(why) => {
                format!("hit: another request for the same brought it, {}", self.because(why))
            }
            Lookup::Revalidated(why) => {
                format!("revalidated: the origin says it is still good, {}", self.because(why))
            }
            Lookup::Forwarded(why) => {
                let word = self.lookup.as_str();
                let asked = self.because(why);
                format!("{word}: the origin was asked, {asked}{}", self.kept())
            }
            Lookup::Failed(why) => {
                let (asked, status) = (self.because(why), self.status);
                format!("none: the origin was asked, {asked}, and the edge answers {status}{fault}")
            }
            Lookup::Answered => format!("none: the edge answers {} by itself{fault}", self.status),
        }
    }

    /// Why the origin was asked.
    fn because(&self, why: Forward) -> String {
        let because = match why {
            Forward::Bypass | Forward::Method => self.bypass.unwrap_or("nothing is looked up"),
            Forward::Miss | Forward::Partial => "what was stored could not be used",
            Forward::Request => "the request's own Cache-Control asks for it",
            Forward::Stale if self.detail == Some(INVALIDATED) => {
                return format!("because {} marked what was stored", self.marked_by());
            }
            Forward::Stale => "what was stored is stale",
            Forward::UriMiss => {
                let named = self
                    .taken
                    .map(|taken| format!(" (the newest hard one that names it is {taken})"));
                let named = named.unwrap_or_default();
                return format!("because nothing was stored under the key{named}");
            }
            Forward::VaryMiss => "what was stored is for other values of its Vary fields",
        };
        format!("because {because}")
    }

    fn marked_by(&self) -> &str {
        self.taken.unwrap_or("a soft invalidation")
    }

    /// What became of the origin's answer.
    fn kept(&self) -> String {
        let said = self.origin_status.map(|status| format!(", and answered {status}"));
        let kept = match (self.stored, self.bypass, self.detail) {
            (true, ..) => {
                format!("; its answer was {}", self.freshness.unwrap_or("stored"))
            }
            // Why nothing was looked up is why nothing is stored.
            (false, Some(_), _) => String::new(),
            (false, None, Some(why)) => format!("; its answer is not stored ({why})"),
            (false, None, None) => "; its answer is not stored".to_owned(),
        };
        said.unwrap_or_default() + &kept
    }
}

/// What Cache-Status says of a response that a soft invalidation has marked stale.
pub const INVALIDATED: &str = "invalidated";

fn printable(line: &str) -> String {
    let mut line: String =
        line.chars().map(|letter| if matches!(letter, ' '..='~') { letter } else { '?' }).collect();
    line.truncate(BYTES_MAX);
    line
}

#[cfg(test)]
mod tests;
