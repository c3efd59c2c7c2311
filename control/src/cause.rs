//! What went wrong, as a sentence or the end of one.

use std::error::Error;
use std::io;

/// `address already in use` rather than `Address already in use (os error 98)`.
pub(crate) fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// An error and everything that caused it, in one sentence.
pub(crate) fn sentence_of(error: &dyn Error) -> String {
    let mut sentence = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Many say their cause themselves.
        if !sentence.ends_with(&text) {
            sentence = format!("{sentence}: {text}");
        }
        next = cause.source();
    }
    sentence
}
