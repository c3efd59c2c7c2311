//! What a site's certificate needs next, and when. Wall time throughout: a clock that jumps must be
//! believed, and what was reckoned before it jumped must not be waited for.

use std::fmt;
use std::time::{Duration, SystemTime};

use warmfront_acme::renewal::Lifetime;
use warmfront_certs::Presented;

use super::journal::Attempt;

/// A renewal that came due while the node was down waits up to so long, so that a fleet that starts
/// together does not order together.
const START_WAIT_MAX: Duration = Duration::from_mins(10);
/// No wait is longer than this part of a certificate's lifetime.
const SMALL_PART: u32 = 24;
/// The clock is looked at again after so long at the most.
const LOOK_MAX: Duration = Duration::from_mins(1);
const LOOK_MIN: Duration = Duration::from_secs(1);
/// In the last part of its lifetime, a certificate that is not renewed will soon be missed: so much
/// of a long one, and so long of a short one.
const EXPIRING_PART: u32 = 6;
const EXPIRING_SHORT: Duration = Duration::from_hours(24);
/// Below this, a lifetime is a short one.
const SHORT: Duration = Duration::from_hours(24 * 10);

/// What is known of a site when it is asked what is due.
#[derive(Debug, Clone)]
pub(crate) struct Known<'a> {
    /// When the node started.
    pub(crate) started: SystemTime,
    /// Chosen once for each start, from 0 to 1.
    pub(crate) spread: f64,
    /// Of the ordered certificate that is kept.
    pub(crate) lifetime: Option<Lifetime>,
    /// A planned host that it does not speak for.
    pub(crate) lacking: Option<&'a str>,
    /// When it is to be renewed.
    pub(crate) renewal: Option<SystemTime>,
    /// An order was under way when the node was last stopped.
    pub(crate) under_way: bool,
    /// Somebody asked for it.
    pub(crate) asked: bool,
    /// The last attempt, if it failed.
    pub(crate) failed: Option<&'a Attempt>,
}

/// A certificate is to be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// Not before this.
    pub(crate) at: SystemTime,
    pub(crate) cause: Cause,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An order is open.
    Resumed,
    /// There was none yet.
    First,
    /// It is no longer valid.
    Expired,
    /// It does not speak for this host.
    Lacking(String),
    /// Somebody asked for it.
    Asked,
    /// Its time has come.
    Renewal,
}

// === impl Known ===

impl Known<'_> {
    pub(crate) fn due(&self, now: SystemTime) -> Due {
        let (cause, wanted) = match (&self.lifetime, self.lacking) {
            _ if self.under_way => (Cause::Resumed, now),
            (None, _) => (Cause::First, now),
            (Some(lifetime), _) if lifetime.not_after() <= now => (Cause::Expired, now),
            (Some(_), Some(host)) => (Cause::Lacking(host.to_owned()), now),
            (Some(_), None) if self.asked => (Cause::Asked, now),
            (Some(lifetime), None) => (Cause::Renewal, self.renewal_of(lifetime)),
        };
        Due { at: wanted.max(self.backed_off(now).unwrap_or(wanted)), cause }
    }

    fn renewal_of(&self, lifetime: &Lifetime) -> SystemTime {
        let chosen = self.renewal.unwrap_or(self.started);
        if chosen > self.started {
            return chosen;
        }
        let most = START_WAIT_MAX.min(lifetime.length() / SMALL_PART);
        self.started + most.mul_f64(self.spread.clamp(0.0, 1.0))
    }

    /// Until when the last failure keeps the next attempt from being made. Who asks for it does not
    /// wait. What was written by a clock that ran ahead does not count.
    fn backed_off(&self, now: SystemTime) -> Option<SystemTime> {
        let failed = self.failed.filter(|failed| !self.asked && failed.at <= now);
        failed.and_then(|failed| failed.next)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resumed => f.write_str("an order is open"),
            Self::First => f.write_str("there is no certificate yet"),
            Self::Expired => f.write_str("the certificate has expired"),
            Self::Lacking(host) => write!(f, "the certificate does not speak for {host}"),
            Self::Asked => f.write_str("it was asked for"),
            Self::Renewal => f.write_str("the certificate is due for renewal"),
        }
    }
}

/// From when to when what is presented is valid.
pub(crate) fn lifetime(presented: &Presented) -> Lifetime {
    let certificate = &presented.certificate;
    Lifetime::new(certificate.not_before(), certificate.not_after())
}

/// After how long to look again when there is something to do at `next`.
pub(crate) fn look_again(
    lifetime: Option<&Lifetime>,
    now: SystemTime,
    next: SystemTime,
) -> Duration {
    let until = next.duration_since(now).unwrap_or_default();
    often_enough(lifetime, until.min(LOOK_MAX)).max(LOOK_MIN)
}

/// As long, or as short as it must be so that a short-lived certificate is renewed in time.
pub(crate) fn often_enough(lifetime: Option<&Lifetime>, wait: Duration) -> Duration {
    lifetime.map_or(wait, |it| wait.min((it.length() / SMALL_PART).max(LOOK_MIN)))
}

/// Whether so little is left of a lifetime that it matters when a renewal fails.
pub(crate) fn is_expiring(lifetime: &Lifetime, now: SystemTime) -> bool {
    let length = lifetime.length();
    let part = length / EXPIRING_PART;
    let little = if length < SHORT { part.max(EXPIRING_SHORT.min(length / 2)) } else { part };
    lifetime.not_after().duration_since(now).unwrap_or_default() < little
}

/// Whether a renewal may still wait until all hosts point here again: the last twelfth is kept for
/// those that do.
pub(crate) fn may_wait(lifetime: &Lifetime, now: SystemTime) -> bool {
    let left = lifetime.not_after().duration_since(now).unwrap_or_default();
    left > lifetime.length() / (2 * EXPIRING_PART)
}

#[cfg(test)]
mod tests;
