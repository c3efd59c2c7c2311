//! What became of a request in the cache, in the words of RFC 9211.

use std::fmt;

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// By a fresh stored response.
    Hit,
    /// By a stale one, while another request refreshes it or because the origin cannot.
    Stale,
    /// By a stored response that the origin has just said is still good.
    Revalidated,
    /// By the origin.
    Forwarded(Forward),
    /// By the edge itself: a redirect, a refusal, a fault.
    Answered,
}

/// RFC 9211 §2.2: why a request went to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// The cache was told not to handle it.
    Bypass,
    /// Its method is not one that is stored.
    Method,
    /// Nothing was stored under its primary key.
    UriMiss,
    /// Something was, but for other values of the Vary fields.
    VaryMiss,
    /// What was stored is stale.
    Stale,
}

/// The Cache-Status field of one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStatus {
    /// How the request was answered.
    pub lookup: Lookup,
    /// Remaining freshness lifetime in seconds; negative when stale (RFC 9211 §2.4).
    pub ttl: Option<i64>,
    /// The response went into the store (RFC 9211 §2.5).
    pub stored: bool,
    /// The request waited for another one's answer (RFC 9211 §2.6).
    pub collapsed: bool,
}

// === impl Lookup ===

impl Lookup {
    /// CloudFront's word, as in X-Cache.
    #[must_use]
    pub fn as_x_cache(self) -> &'static str {
        match self {
            Self::Hit | Self::Stale => "Hit from warmfront",
            Self::Revalidated => "RefreshHit from warmfront",
            Self::Forwarded(_) => "Miss from warmfront",
            Self::Answered => "Error from warmfront",
        }
    }

    /// One word for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Forwarded(Forward::Bypass | Forward::Method) => "bypass",
            Self::Forwarded(_) => "miss",
            Self::Answered => "none",
        }
    }
}

impl Forward {
    /// RFC 9211 §2.2's token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
        }
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("warmfront")?;
        match self.lookup {
            Lookup::Hit | Lookup::Stale => f.write_str("; hit")?,
            Lookup::Revalidated => f.write_str("; fwd=stale; fwd-status=304")?,
            Lookup::Forwarded(reason) => write!(f, "; fwd={}", reason.as_str())?,
            Lookup::Answered => {}
        }
        if let Some(ttl) = self.ttl {
            write!(f, "; ttl={ttl}")?;
        }
        if self.stored {
            f.write_str("; stored")?;
        }
        if self.collapsed {
            f.write_str("; collapsed")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_the_rfc() {
        let plain =
            CacheStatus { lookup: Lookup::Hit, ttl: Some(30), stored: false, collapsed: false };
        let forwarded = Lookup::Forwarded(Forward::UriMiss);
        for (status, text) in [
            (plain, "warmfront; hit; ttl=30"),
            (
                CacheStatus { lookup: Lookup::Stale, ttl: Some(-2), ..plain },
                "warmfront; hit; ttl=-2",
            ),
            (
                CacheStatus { lookup: forwarded, stored: true, ..plain },
                "warmfront; fwd=uri-miss; ttl=30; stored",
            ),
            (CacheStatus { collapsed: true, ..plain }, "warmfront; hit; ttl=30; collapsed"),
            (CacheStatus { lookup: Lookup::Answered, ttl: None, ..plain }, "warmfront"),
        ] {
            assert_eq!(status.to_string(), text);
        }
    }
}
