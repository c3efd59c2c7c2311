//! What differs from one run of a scenario to the next.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// What words in braces stand for.
///
/// | word | stands for |
/// |---|---|
/// | `{n}` | the number of this request to this path, in three digits |
/// | `{here}` | the scenario's path |
/// | `{site}`, `{SITE}` | scheme and host that clients ask, the second in upper case |
/// | `{date}`, `{date-60}`, `{date+60}` | when the scenario began, so many seconds before or after |
/// | `{rfc850…}`, `{asctime…}` | the same in the obsolete forms of RFC 9110 §5.6.7 |
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) path: String,
    site: String,
    start: SystemTime,
}

// === impl Terms ===

impl Terms {
    pub(super) fn new(path: String, site: String, start: SystemTime) -> Self {
        Self { path, site, start }
    }

    /// `text` with its words replaced; what is none of them stays.
    pub(super) fn fill(&self, text: &str, nth: usize) -> String {
        let mut pieces = text.split('{');
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let word = piece.split_once('}');
            match word.and_then(|(word, rest)| Some((self.meaning(word, nth)?, rest))) {
                Some((meaning, rest)) => filled.extend([&*meaning, rest]),
                None => filled.extend(["{", piece]),
            }
        }
        filled
    }

    fn meaning(&self, word: &str, nth: usize) -> Option<String> {
        match word {
            "n" => return Some(format!("{nth:03}")),
            "here" => return Some(self.path.clone()),
            "site" => return Some(self.site.clone()),
            "SITE" => return Some(self.site.to_uppercase()),
            _ => {}
        }
        let end = word.find(['+', '-']).unwrap_or(word.len());
        let (form, offset) = word.split_at(end);
        let seconds = match offset {
            "" => 0,
            offset => offset.parse().ok()?,
        };
        let form = match form {
            "date" => IMF_FIXDATE,
            "rfc850" => RFC850,
            "asctime" => ASCTIME,
            _ => return None,
        };
        Some(written(self.start, seconds, form))
    }
}

/// `now` as an origin writes it.
pub(super) fn date(now: SystemTime) -> String {
    written(now, 0, IMF_FIXDATE)
}

/// Octets as the characters of the same numbers, so that none is lost.
pub(super) fn text(octets: &[u8]) -> String {
    octets.iter().map(|&octet| char::from(octet)).collect()
}

/// The octets of [`text`].
pub(super) fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(letter).expect("a letter of Latin-1")).collect()
}

fn written(start: SystemTime, seconds: i64, form: &[BorrowedFormatItem<'_>]) -> String {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let at = if seconds < 0 { start - distance } else { start + distance };
    OffsetDateTime::from(at).format(form).unwrap()
}

const IMF_FIXDATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const RFC850: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday], [day]-[month repr:short]-[year repr:last_two] [hour]:[minute]:[second] GMT"
);
const ASCTIME: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);
