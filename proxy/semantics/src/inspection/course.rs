//! What a request would come to, and why.

use serde::Serialize;

use crate::cache_status::Forward;
use crate::tame::tame;

/// What a request would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Course {
    /// The edge answers by itself, before anything is looked up.
    Answered {
        /// The status of that answer.
        status: u16,
        /// Why, without a full stop.
        why: String,
    },
    /// It goes to the origin, and nothing is looked up.
    Bypass(Bypass),
    /// A fresh stored response.
    Hit,
    /// The same, though it is still on its way from the origin.
    Joined,
    /// A stale one at once, and it is refreshed meanwhile.
    StaleWhileRefreshed,
    /// A stale one: its origin failed just now and is left alone for a moment.
    LeftAlone,
    /// A stale one that the client takes as it is.
    Borne,
    /// The origin is asked about what is stored.
    Revalidated {
        /// Why it is asked.
        asked: Forward,
        /// Whether it can say that what is stored is still good.
        by: Validator,
    },
    /// The origin is asked first; where it has nothing newer, an earlier deploy's asset is served.
    Kept,
    /// Nothing is stored that could be used.
    Miss {
        /// [`Forward::UriMiss`] or [`Forward::VaryMiss`].
        forward: Forward,
        /// Why the last answer was not stored, if that is known: then nobody waits for this one.
        unstorable: Option<String>,
    },
    /// Nothing is stored that could be used, and the client wants nothing else (RFC 9111 §5.2.1.7).
    NotStored,
}

/// Why nothing is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bypass {
    /// Only GET and HEAD are answered from the store.
    Method,
    /// A GET with content, which no key could hold.
    Content,
    /// A switch of protocols is between one client and the origin.
    Upgrade,
    /// The client's Connection takes fields away that the origin would answer by.
    Connection,
    /// The behavior's policy stores nothing.
    Policy,
}

/// By what an origin could say that what is stored is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validator {
    /// An entity-tag or a date of change.
    Stored,
    /// Nothing: it can only send the whole anew.
    None,
}

/// What a request would come to, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Next {
    /// `hit`, `stale`, `revalidated`, `miss`, `bypass` or `none`, as in logs and metrics.
    pub cache: &'static str,
    /// Why it goes to the origin, in RFC 9211's words; `None` if it does not.
    pub forward: Option<&'static str>,
    /// The status, where the edge answers by itself.
    pub status: Option<u16>,
    /// Both, and why, in a sentence without its full stop.
    pub reason: String,
}

/// Longest reason that is repeated, in bytes.
const REASON_BYTES_MAX: usize = 200;

// === impl Bypass ===

impl Bypass {
    /// RFC 9211's word.
    #[must_use]
    pub fn forward(self) -> Forward {
        match self {
            Self::Method => Forward::Method,
            Self::Content | Self::Upgrade | Self::Connection | Self::Policy => Forward::Bypass,
        }
    }

    /// The end of a sentence that begins with what happens.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Method => "only GET and HEAD are answered from the store",
            Self::Content => "it has content, which is in no key",
            Self::Upgrade => "it asks for another protocol",
            Self::Connection => "its Connection field takes fields away from the origin",
            Self::Policy => "the behavior's policy stores nothing",
        }
    }
}

// === impl Next ===

impl Next {
    /// Tells of a course. `stored` is the arithmetic of the stored response that is found, `taken` is
    /// the newest invalidation that names what is not.
    #[must_use]
    pub fn tell(course: &Course, stored: Option<&str>, taken: Option<&str>) -> Self {
        let stored = stored.map(|stored| format!("; it was {stored}")).unwrap_or_default();
        let (cache, forward, reason) = match course {
            Course::Answered { status, why } => {
                let why = tame(why, REASON_BYTES_MAX);
                ("none", None, format!("the edge answers {status} by itself: {why}"))
            }
            Course::Bypass(bypass) => {
                let why = bypass.why();
                ("bypass", Some(bypass.forward()), format!("it goes to the origin: {why}"))
            }
            Course::Hit => ("hit", None, format!("what is stored is served{stored}")),
            Course::Joined => {
                ("hit", None, format!("what is stored is served while it still comes in{stored}"))
            }
            Course::StaleWhileRefreshed => {
                ("stale", None, format!("what is stored is served at once, and refreshed{stored}"))
            }
            Course::LeftAlone => {
                let why = "its origin failed a moment ago and is left alone";
                ("stale", None, format!("what is stored is served: {why}{stored}"))
            }
            Course::Borne => {
                ("stale", None, format!("what is stored is served: the client takes it{stored}"))
            }
            Course::Revalidated { asked, by } => {
                ("revalidated", Some(*asked), format!("{}{stored}", revalidated(*asked, *by)))
            }
            Course::Kept => {
                let what =
                    "the origin is asked, and what is stored is served if it has that no more";
                ("revalidated", Some(Forward::Stale), format!("{what}{stored}"))
            }
            Course::Miss { forward, unstorable } => {
                ("miss", Some(*forward), miss(*forward, unstorable.as_deref(), taken))
            }
            Course::NotStored => {
                let why =
                    "nothing is stored that could be used, and only-if-cached wants nothing else";
                ("none", None, format!("the edge answers 504 by itself: {why}"))
            }
        };
        let status = match course {
            Course::Answered { status, .. } => Some(*status),
            Course::NotStored => Some(504),
            _ => None,
        };
        Self { cache, forward: forward.map(Forward::as_str), status, reason }
    }
}

fn revalidated(asked: Forward, by: Validator) -> String {
    let why = match asked {
        Forward::Request => "the request's own Cache-Control asks for it",
        _ => "what is stored is stale",
    };
    match by {
        Validator::Stored => format!("the origin is asked whether it is still good: {why}"),
        Validator::None => format!("the origin is asked anew, as nothing validates it: {why}"),
    }
}

fn miss(forward: Forward, unstorable: Option<&str>, taken: Option<&str>) -> String {
    let what = match forward {
        Forward::VaryMiss => "something is stored, but for other values of its Vary fields",
        _ => "nothing is stored under the key",
    };
    // Whether anything stood there when it came is not known.
    let taken = taken.map(|taken| format!("; the newest hard one that names it is {taken}"));
    let taken = taken.unwrap_or_default();
    let unstorable = unstorable.map(|why| {
        let why = tame(why, REASON_BYTES_MAX);
        format!("; the last answer could not be stored ({why})")
    });
    format!("the origin is asked: {what}{taken}{}", unstorable.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_course_is_told_with_its_reason() {
        let stored = Some("stored 1 s ago with max-age=9 by the origin: fresh for another 8 s");
        let taken = Some("the invalidation I1 of /* by deploy, 1 min ago");
        let miss = |forward, unstorable: Option<&str>| Course::Miss {
            forward,
            unstorable: unstorable.map(str::to_owned),
        };
        let moved = Course::Answered { status: 301, why: "it is served over HTTPS".into() };
        let again = Course::Revalidated { asked: Forward::Stale, by: Validator::Stored };
        let anew = Course::Revalidated { asked: Forward::Request, by: Validator::None };
        for (course, told, part) in [
            (moved, ("none", None, Some(301)), "answers 301 by itself: it is served over HTTPS"),
            (Course::Bypass(Bypass::Method), ("bypass", Some("method"), None), "only GET and HEAD"),
            (Course::Bypass(Bypass::Policy), ("bypass", Some("bypass"), None), "stores nothing"),
            (Course::Hit, ("hit", None, None), "is served; it was stored 1 s ago with max-age=9"),
            (Course::Joined, ("hit", None, None), "while it still comes in"),
            (Course::StaleWhileRefreshed, ("stale", None, None), "at once, and refreshed"),
            (Course::LeftAlone, ("stale", None, None), "failed a moment ago"),
            (Course::Borne, ("stale", None, None), "the client takes it"),
            (again, ("revalidated", Some("stale"), None), "still good: what is stored is stale"),
            (anew, ("revalidated", Some("request"), None), "the request's own Cache-Control"),
            (Course::Kept, ("revalidated", Some("stale"), None), "if it has that no more"),
            (
                miss(Forward::UriMiss, None),
                ("miss", Some("uri-miss"), None),
                "under the key; the newest hard one that names it is the invalidation I1 of /* by deploy, 1 min ago",
            ),
            (
                miss(Forward::VaryMiss, Some("set-cookie")),
                ("miss", Some("vary-miss"), None),
                "could not be stored (set-cookie)",
            ),
            (Course::NotStored, ("none", None, Some(504)), "only-if-cached"),
        ] {
            let next = Next::tell(&course, stored, taken);
            assert_eq!((next.cache, next.forward, next.status), told, "{course:?}");
            assert!(next.reason.contains(part), "{}", next.reason);
        }
    }
}
