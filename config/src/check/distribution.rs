//! `sites.NAME.id`: what CloudFront's API calls the site.

use sha2::{Digest as _, Sha256};

use crate::raw::{Section, Value};

/// Letters behind the `E` of an id that is made, as in CloudFront's own.
const LETTERS: usize = 13;
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Longest id, in characters: far more than CloudFront's have.
const LENGTH_MAX: usize = 64;

/// The ids of the sites before, and where they stand; nowhere, if they were made.
pub(super) type Taken<'r> = Vec<(String, Option<Value<'r>>)>;

/// The id that is written, or one made of the site's name: the same each time. No two sites share one.
pub(super) fn id<'r>(section: &Section<'r>, name: &str, taken: &mut Taken<'r>) -> String {
    let written = section.get("id");
    let id = written.as_ref().and_then(|value| value.parsed(distribution_id));
    let id = id.unwrap_or_else(|| coined_id(name.as_bytes()));
    if let Some((_, first)) = taken.iter().find(|(known, _)| *known == id) {
        let place = first.as_ref().map(|value| (value.key(), value.line()));
        match (&written, place, first) {
            (Some(value), Some((key, line)), _) => {
                value.problem(format!("`{id}` is taken by `{key}` on line {line}"));
            }
            (Some(value), None, _) | (None, _, Some(value)) => {
                value.problem(format!("`{id}` is what another site without an `id` is called"));
            }
            (None, _, None) => {}
        }
    }
    taken.push((id.clone(), written));
    id
}

/// Whether a text can be an id.
pub(crate) fn distribution_id(text: &str) -> Result<String, &'static str> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !plain || !(1..=LENGTH_MAX).contains(&text.len()) {
        return Err("a distribution's id is 1 to 64 letters and digits, such as E2QWRUHAPOMQZL");
    }
    Ok(text.to_owned())
}

/// A word that looks like CloudFront's ids and `ETag`s, the same each time for the same bytes.
pub fn coined_id(of: &[u8]) -> String {
    let digest = Sha256::digest(of);
    let letter = |byte: &u8| ALPHABET.get(usize::from(*byte) % ALPHABET.len());
    let letters = digest.iter().filter_map(letter).take(LETTERS).map(|byte| char::from(*byte));
    std::iter::once('E').chain(letters).collect()
}
