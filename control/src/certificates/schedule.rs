//! What a site's certificate needs next, and when. Wall time throughout: a clock that jumps must be
//! believed, and what was reckoned before it jumped must not be waited for.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use warmfront_acme::Wanted;
use warmfront_acme::renewal::{Lifetime, SMALL_PART, is_short};
use warmfront_certs::Presented;

use super::journal::Attempt;
use super::progress::Wish;

/// A renewal that came due while the node was down waits up to so long, so that a fleet that starts
/// together does not order together.
const START_WAIT_MAX: Duration = Duration::from_mins(10);
/// A certificate that is revoked soon after it came must be replaced the same day.
const FLOOR_MAX: Duration = Duration::from_hours(6);
/// The clock is looked at again after so long at the most.
const LOOK_MAX: Duration = Duration::from_mins(1);
const LOOK_MIN: Duration = Duration::from_secs(1);
/// In the last part of its lifetime, a certificate that is not renewed will soon be missed: so much
/// of a long one, and so long of a short one.
const EXPIRING_PART: u32 = 6;
const EXPIRING_SHORT: Duration = Duration::from_hours(24);

/// What is known of a site when it is asked what is due.
#[derive(Debug, Clone)]
pub(crate) struct Situation<'a> {
    /// When the node started.
    pub(crate) started: SystemTime,
    /// Chosen once for each start, from 0 to 1.
    pub(crate) spread: f64,
    /// Of the ordered certificate that is kept.
    pub(crate) lifetime: Option<Lifetime>,
    /// A planned host that it does not speak for.
    pub(crate) lacking: Option<&'a str>,
    /// When it was ordered.
    pub(crate) ordered: Option<SystemTime>,
    /// When it is to be renewed.
    pub(crate) renewal: Option<SystemTime>,
    /// An order is open that can be gone on with.
    pub(crate) under_way: bool,
    /// Whether somebody asked for it.
    pub(crate) wish: Wish,
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
    /// Nothing is due, but an order is open.
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

// === impl Situation ===

impl Situation<'_> {
    pub(crate) fn due(&self, now: SystemTime) -> Due {
        let (cause, wanted) = match (&self.lifetime, self.lacking) {
            (None, _) => (Cause::First, now),
            (Some(lifetime), _) if lifetime.not_after() <= now && !self.wish.is_open() => {
                (Cause::Expired, self.soonest(lifetime, now).max(now))
            }
            (Some(_), Some(host)) => (Cause::Lacking(host.to_owned()), now),
            (Some(_), None) if self.wish.is_open() => (Cause::Asked, now),
            (Some(lifetime), None) => (Cause::Renewal, self.renewal_of(lifetime, now)),
        };
        // What is due anyhow goes on with the order, too.
        let is_resumed = self.under_way && wanted > now;
        let (cause, wanted) = if is_resumed { (Cause::Resumed, now) } else { (cause, wanted) };
        Due { at: wanted.max(self.backed_off(now).unwrap_or(wanted)), cause }
    }

    /// When the certificate is renewed, if nothing happens.
    pub(crate) fn renewal(&self, now: SystemTime) -> Option<SystemTime> {
        let lifetime = self.lifetime.as_ref()?;
        Some(self.renewal?.max(self.soonest(lifetime, now)))
    }

    /// Whether the certificate is to be replaced whatever it speaks for.
    pub(crate) fn is_renewal_due(&self, now: SystemTime) -> bool {
        let lifetime = self.lifetime.as_ref();
        lifetime.is_some_and(|it| it.not_after() <= now || self.renewal_of(it, now) <= now)
    }

    fn renewal_of(&self, lifetime: &Lifetime, now: SystemTime) -> SystemTime {
        let chosen = self.renewal.unwrap_or(self.started).max(self.soonest(lifetime, now));
        // A node that seems to start later than now was started by a clock that ran ahead.
        if chosen > self.started || self.started > now {
            return chosen;
        }
        let most = START_WAIT_MAX.min(lifetime.length() / SMALL_PART);
        self.started + most.mul_f64(self.spread.clamp(0.0, 1.0))
    }

    /// However soon it should be replaced by this clock or by its authority: a certificate that was
    /// due when it came would be ordered again and again. An order that seems to be later than now
    /// was placed by a clock that ran ahead.
    fn soonest(&self, lifetime: &Lifetime, now: SystemTime) -> SystemTime {
        let ordered = self.ordered.filter(|ordered| *ordered <= now);
        let floor = (lifetime.length() / SMALL_PART).min(FLOOR_MAX);
        ordered.map_or(UNIX_EPOCH, |ordered| ordered + floor)
    }

    /// Until when the last failure keeps the next attempt from being made. Who asks for it does not
    /// wait. What was written by a clock that ran ahead does not count.
    fn backed_off(&self, now: SystemTime) -> Option<SystemTime> {
        let failed = self.failed.filter(|failed| self.wish != Wish::Fresh && failed.at <= now);
        failed.and_then(|failed| failed.next)
    }
}

// === impl Cause ===

impl Cause {
    /// How far it is a reason to go.
    pub(crate) fn wanted(&self) -> Wanted {
        match self {
            Self::Resumed => Wanted::Resumption,
            Self::First | Self::Expired | Self::Lacking(_) | Self::Asked | Self::Renewal => {
                Wanted::Certificate
            }
        }
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
    let little = if is_short(length) { part.max(EXPIRING_SHORT.min(length / 2)) } else { part };
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
