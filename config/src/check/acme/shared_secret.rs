//! Keys that are handed out in base64.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::check::secret;
use crate::raw::{Section, Value};
use crate::secret::Secret;

/// A key in base64, under `inline` or in the file under `in_file`, in the spelling of `engine`.
/// What is wrong with it is told without a letter of it.
pub(super) fn shared_secret(
    section: &Section<'_>,
    inline: &'static str,
    in_file: &'static str,
    engine: &GeneralPurpose,
) -> Option<Secret> {
    let written = secret(section, inline, in_file)?;
    match bytes(written.reveal()) {
        Ok(bytes) => Some(Secret::new(engine.encode(bytes))),
        Err(message) => {
            let place: Option<Value<'_>> = section.get(inline).or_else(|| section.get(in_file));
            place?.problem(message);
            None
        }
    }
}

/// Either alphabet of RFC 4648, with its padding or without: authorities and name servers differ.
fn bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let letters = text.trim().replace('+', "-").replace('/', "_");
    match LENIENT.decode(letters) {
        Ok(bytes) if bytes.is_empty() => Err("is empty"),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err("is no key in base64: letters are missing, or something else is among them"),
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_spelling_of_a_key_is_that_key(key in prop::collection::vec(any::<u8>(), 1..70)) {
            for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                prop_assert_eq!(bytes(&engine.encode(&key)), Ok(key.clone()));
            }
        }

        #[test]
        fn what_is_no_key_never_panics(text in "\\PC{0,40}") {
            let _ = bytes(&text);
        }
    }
}
