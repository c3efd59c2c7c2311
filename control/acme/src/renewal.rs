//! When to renew: as the authority suggests (RFC 9773), else by the certificate's lifetime.
//!
//! Always by parts of a lifetime, never by days: there are certificates for 90 days, for 6, and for
//! minutes.

use std::time::{Duration, SystemTime};

/// What is small against a lifetime is this part of it: jitter, waits, looks.
pub const SMALL_PART: u32 = 24;
/// An authority is asked for its window no later than that, whatever it says: RFC 9773 §4.3.2 lets
/// us bound it.
pub const ASK_AGAIN_MAX: Duration = Duration::from_hours(24);
/// And no sooner.
const ASK_AGAIN_MIN: Duration = Duration::from_mins(1);
/// A certificate that is revoked soon after it came must be replaced the same day.
const SOON: Duration = Duration::from_hours(6);
/// Below this a certificate counts as short-lived.
const SHORT: Duration = Duration::from_hours(10 * 24);
/// RFC 9773 §4.3.3: how long to wait after a failure.
const ASK_AGAIN: Duration = Duration::from_hours(6);

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    not_before: SystemTime,
    not_after: SystemTime,
}

/// When an authority would like a certificate to be renewed (RFC 9773 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub start: SystemTime,
    /// The last moment; behind `start`.
    pub end: SystemTime,
    /// A page for people on why it is so.
    pub explanation: Option<String>,
    /// When it would like to be asked again, from now; [`Lifetime::ask_again`] bounds it.
    pub ask_again: Duration,
}

// === impl Lifetime ===

impl Lifetime {
    /// One that ends before it begins has no length.
    pub fn new(not_before: SystemTime, not_after: SystemTime) -> Self {
        Self { not_before, not_after: not_after.max(not_before) }
    }

    /// The last moment at which the certificate is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// From its beginning to its end.
    pub fn length(&self) -> Duration {
        self.not_after.duration_since(self.not_before).unwrap_or_default()
    }

    /// When to renew if the authority has no say: after two thirds of the lifetime, after half of
    /// it where that is short of 10 days; earlier by up to a 24th of it, so that certificates that
    /// were ordered together are not renewed together. `random` is from 0 to 1.
    pub fn due(&self, random: f64) -> SystemTime {
        let length = self.length();
        let share = if is_short(length) { length / 2 } else { length / 3 * 2 };
        self.not_before + share.saturating_sub(part(length / SMALL_PART, random))
    }

    /// When to renew, given what the authority suggests: at any moment of its window, the same one
    /// for as long as the window holds it (`chosen` is the moment of last time). One in the past is
    /// now (RFC 9773 §4.2), but never in the first 24th of the lifetime, or its first 6 hours. Never
    /// later than a 24th of it before the end: a window out there is no advice to follow.
    pub fn due_within(
        &self,
        window: &Window,
        chosen: Option<SystemTime>,
        random: f64,
    ) -> SystemTime {
        let small = self.length() / SMALL_PART;
        // A window in the past means now (RFC 9773 §4.2), but one certificate after the other would
        // be due for ever.
        let earliest = self.not_before + small.min(SOON);
        let latest = self.not_after - small;
        let kept = chosen.filter(|chosen| (window.start..=window.end).contains(chosen));
        let within = window.end.duration_since(window.start).unwrap_or_default();
        let chosen = kept.or_else(|| window.start.checked_add(part(within, random)));
        chosen.unwrap_or(latest).clamp(earliest, latest)
    }

    /// When to ask the authority for its window again; `answered` is the last window, `None` where
    /// there was no answer. At least once in a 24th of the lifetime, and once a day; at most once a
    /// minute.
    pub fn ask_again(&self, answered: Option<&Window>, now: SystemTime) -> SystemTime {
        let wait = answered.map_or(ASK_AGAIN, |window| window.ask_again);
        let often = (self.length() / SMALL_PART).max(ASK_AGAIN_MIN);
        now + wait.min(often).clamp(ASK_AGAIN_MIN, ASK_AGAIN_MAX)
    }
}

/// Whether a lifetime is that of a short-lived certificate: half of it is kept in reserve.
pub fn is_short(length: Duration) -> bool {
    length < SHORT
}

/// A random part of it; nothing and all where `random` is out of its range.
fn part(whole: Duration, random: f64) -> Duration {
    let random = if random.is_nan() { 0.0 } else { random.clamp(0.0, 1.0) };
    // Up to 584 years in nanoseconds, which rounding could otherwise carry beyond the whole.
    Duration::try_from_secs_f64(whole.as_secs_f64() * random).map_or(whole, |part| part.min(whole))
}

#[cfg(test)]
mod tests;
