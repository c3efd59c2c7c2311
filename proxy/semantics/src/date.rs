//! Dates in fields (RFC 9110 §5.6.7), read the way a cache reads them (RFC 9111 §4.2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::macros::datetime;
use time::{Date, Month, OffsetDateTime};

/// Reads a date in any of the three forms; `None` if it is none of them, or no day of a calendar.
///
/// RFC 9111 §4.2: letter case makes no difference, and a zone other than `GMT` or `UTC` is invalid.
/// The name of the day has to be one, but need not be that day's. `now` tells the century of a year
/// of two digits.
#[must_use]
pub fn parse(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    let text = value.trim_ascii();
    imf_fixdate(text).or_else(|| rfc850_date(text, now)).or_else(|| asctime_date(text))
}

/// Writes an IMF-fixdate, to the second; what no year of four digits holds becomes the nearest that
/// one does.
#[must_use]
pub fn format(at: SystemTime) -> String {
    let at = utc(at);
    let (hour, minute, second) = at.to_hms();
    let weekday = DAYS[usize::from(at.weekday().number_days_from_monday())];
    let month = MONTHS[usize::from(u8::from(at.month()) - 1)];
    let (day, year) = (at.day(), at.year());
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FIRST: OffsetDateTime = datetime!(0000-01-01 00:00:00 UTC);
const LAST: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// A date as it was written. Ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    year: u16,
    /// From 1.
    month: u8,
    day: u8,
    second_of_day: u32,
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &[u8]) -> Option<SystemTime> {
    let mut rest = Rest(text);
    rest.one_of(&DAYS)?;
    rest.exactly(b", ")?;
    let day = rest.small()?;
    rest.exactly(b" ")?;
    let month = rest.month()?;
    rest.exactly(b" ")?;
    let year = rest.year()?;
    rest.exactly(b" ")?;
    let second_of_day = rest.time_of_day()?;
    rest.zone_and_end()?;
    Written { year, month, day, second_of_day }.instant()
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850_date(text: &[u8], now: SystemTime) -> Option<SystemTime> {
    let mut rest = Rest(text);
    rest.one_of(&LONG_DAYS)?;
    rest.exactly(b", ")?;
    let day = rest.small()?;
    rest.exactly(b"-")?;
    let month = rest.month()?;
    rest.exactly(b"-")?;
    let year = rest.small()?;
    rest.exactly(b" ")?;
    let second_of_day = rest.time_of_day()?;
    rest.zone_and_end()?;
    let written = Written { year: year.into(), month, day, second_of_day };
    written.in_century(utc(now)).instant()
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime_date(text: &[u8]) -> Option<SystemTime> {
    let mut rest = Rest(text);
    rest.one_of(&DAYS)?;
    rest.exactly(b" ")?;
    let month = rest.month()?;
    rest.exactly(b" ")?;
    let day = match rest.exactly(b" ") {
        Some(()) => u8::try_from(rest.digits(1)?).ok()?,
        None => rest.small()?,
    };
    rest.exactly(b" ")?;
    let second_of_day = rest.time_of_day()?;
    rest.exactly(b" ")?;
    let year = rest.year()?;
    rest.end()?;
    Written { year, month, day, second_of_day }.instant()
}

// === impl Written ===

impl Written {
    /// RFC 9110 §5.6.7: what appears to be more than 50 years ahead is the most recent year in the
    /// past with the same two digits.
    fn in_century(self, now: OffsetDateTime) -> Self {
        let year = u16::try_from(now.year()).unwrap_or(0) + 50;
        let second_of_day =
            u32::from(now.hour()) * 3600 + u32::from(now.minute()) * 60 + u32::from(now.second());
        let limit = Self { year, month: now.month().into(), day: now.day(), second_of_day };
        let written = Self { year: year - year % 100 + self.year, ..self };
        if written > limit {
            Self { year: written.year.saturating_sub(100), ..self }
        } else {
            written
        }
    }

    /// A leap second is the first of the next minute, as in every count of seconds.
    fn instant(self) -> Option<SystemTime> {
        let month = Month::try_from(self.month).ok()?;
        let date = Date::from_calendar_date(self.year.into(), month, self.day).ok()?;
        let midnight = SystemTime::from(date.midnight().assume_utc());
        midnight.checked_add(Duration::from_secs(self.second_of_day.into()))
    }
}

// === impl Rest ===

impl Rest<'_> {
    fn exactly(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// Which of the words comes next.
    fn one_of(&mut self, words: &[&str]) -> Option<usize> {
        let text = self.0;
        let is_next = |word: &&str| {
            text.get(..word.len()).is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()))
        };
        let found = words.iter().position(is_next)?;
        self.0 = text.get(words[found].len()..)?;
        Some(found)
    }

    fn digits(&mut self, count: usize) -> Option<u16> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = rest;
        Some(digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
    }

    /// Two digits.
    fn small(&mut self) -> Option<u8> {
        self.digits(2).and_then(|number| u8::try_from(number).ok())
    }

    fn year(&mut self) -> Option<u16> {
        self.digits(4)
    }

    fn month(&mut self) -> Option<u8> {
        u8::try_from(self.one_of(&MONTHS)? + 1).ok()
    }

    /// The second of the day; RFC 9110 §5.6.7 has the 60th of a minute.
    fn time_of_day(&mut self) -> Option<u32> {
        let hour = self.small().filter(|&hour| hour < 24)?;
        self.exactly(b":")?;
        let minute = self.small().filter(|&minute| minute < 60)?;
        self.exactly(b":")?;
        let second = self.small().filter(|&second| second <= 60)?;
        Some(u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second))
    }

    fn zone_and_end(&mut self) -> Option<()> {
        self.exactly(b" ")?;
        self.one_of(&["GMT", "UTC"])?;
        self.end()
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

fn utc(at: SystemTime) -> OffsetDateTime {
    let seconds = match at.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            whole.saturating_neg().saturating_sub(i64::from(before.subsec_nanos() > 0))
        }
    };
    let seconds = seconds.clamp(FIRST.unix_timestamp(), LAST.unix_timestamp());
    OffsetDateTime::from_unix_timestamp(seconds).expect("between two that can be written")
}

#[cfg(test)]
mod tests;
