//! Parts of a node's answers, as a person reads them.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use warmfront_semantics::tame::tame;

/// Bytes of one cell or sentence: what origins, authorities and files say can be long.
const WORDS_BYTES_MAX: usize = 2_000;

/// What a node says must not move a terminal's cursor.
pub(super) fn plain(text: &str) -> String {
    tame(text, WORDS_BYTES_MAX)
}

/// The items of an array; none if it is no array.
pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A field that is a string; `-` where it is none.
pub(super) fn text(of: &Value, field: &str) -> String {
    plain(of.get(field).and_then(Value::as_str).unwrap_or("-"))
}

/// The strings of an array, separated by commas; `-` where there are none.
pub(super) fn texts(of: &Value, field: &str) -> String {
    let texts: Vec<String> =
        list(of.get(field)).iter().filter_map(Value::as_str).map(plain).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

/// A field that is a number; 0 where it is none.
pub(super) fn number(of: &Value, field: &str) -> u64 {
    of.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// How long it is until a field that is a time.
pub(super) fn until(of: &Value, field: &str, now: SystemTime) -> String {
    let at = of.get(field).and_then(Value::as_str);
    let at = at.and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok()).map(SystemTime::from);
    match at.map(|at| at.duration_since(now)) {
        None => "-".to_owned(),
        Some(Ok(left)) => roughly(left),
        Some(Err(_)) => "now".to_owned(),
    }
}

/// `1 URL`, `2 URLs`.
pub(super) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Rounded down to what a person can use: `340 KiB`, `1.5 GiB`.
pub(super) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let steps = units.iter().zip(1_u32..).take_while(|(_, step)| bytes >> (10 * step) > 0);
    let Some((unit, step)) = steps.last() else {
        return format!("{bytes} B");
    };
    let whole = bytes >> (10 * step);
    let tenth = (bytes >> (10 * (step - 1))) % 1_024 * 10 / 1_024;
    match whole {
        0..10 => format!("{whole}.{tenth} {unit}"),
        _ => format!("{whole} {unit}"),
    }
}

/// Rounded down to what a person can use: `59 d`, `23 h`.
fn roughly(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (348_160, "340 KiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "15 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times_are_for_people() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
            (u64::MAX, "213503982334601 d"),
        ] {
            assert_eq!(roughly(Duration::from_secs(seconds)), text);
        }
    }
}
