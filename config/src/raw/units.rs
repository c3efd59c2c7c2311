//! Durations (`"30s"`) and sizes (`"64KiB"`).

use std::time::Duration;

const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// In milliseconds.
const DURATIONS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a size in bytes. Fails with a sentence on a number without a unit and on anything else.
pub(super) fn size(text: &str) -> Result<u64, String> {
    quantity(text, &SIZES, "a size is a whole number and B, KB, KiB, MB, MiB, GB, GiB, TB or TiB")
}

/// Reads a duration. Fails with a sentence on a number without a unit and on anything else.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    quantity(text, &DURATIONS, "a duration is a whole number and ms, s, m, h or d")
        .map(Duration::from_millis)
}

/// A size as a person writes it: the largest unit that leaves no rest.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, SIZES.iter().filter(|(unit, _)| unit.ends_with("iB") || *unit == "B"), "B")
}

/// A duration as a person writes it, to the millisecond.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), DURATIONS.iter(), "s")
}

fn quantity(text: &str, units: &[(&str, u64)], shape: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` cannot be read: {shape}"));
    }
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("`{text}` has no unit that is known: {shape}"));
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(*scale))
        .ok_or_else(|| format!("`{text}` is more than can be counted"))
}

fn show<'u>(
    amount: u64,
    mut units: impl Iterator<Item = &'u (&'u str, u64)>,
    unit_of_zero: &str,
) -> String {
    match units.find(|(_, scale)| amount != 0 && amount.is_multiple_of(*scale)) {
        Some((unit, scale)) => format!("{}{unit}", amount / scale),
        None => format!("{amount}{unit_of_zero}"),
    }
}
