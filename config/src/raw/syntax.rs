//! Syntax errors, without losing the rest of the file to the first of them.
//!
//! The parser recovers from most slips by itself. Two it cannot: a key without a value ends its
//! reading, and a bracket that is never closed swallows what follows. The lines of those are
//! blanked out, and the rest is read as if they were not there.

use toml::de::{DeTable, Error};

/// A text that can be read to its end.
pub(crate) struct Mended {
    /// As long as the original, line for line and byte for byte.
    pub(crate) text: String,
    /// Byte offset and sentence of each thing that is not TOML.
    pub(crate) faults: Vec<(usize, String)>,
}

/// Finds all syntax errors and blanks out what would hide the rest.
pub(crate) fn mend(text: &str) -> Mended {
    let mut mended = Mended { text: text.to_owned(), faults: Vec::new() };
    for _ in 0..BLANKINGS_MAX {
        let (_, errors) = DeTable::parse_recoverable(&mended.text);
        let Some(cut) = first_cut(&mended.text, &errors) else {
            mended.faults.extend(errors.iter().map(|error| (start(error), sentence(error))));
            return mended;
        };
        mended.text = blank(&mended.text, cut.first_line, cut.last_line);
        mended.faults.push((cut.offset, cut.message));
    }
    let rest = "too many errors to read on".to_owned();
    mended.faults.push((text.len().saturating_sub(1), rest));
    mended.text = blank(&mended.text, 0, usize::MAX);
    mended
}

/// After so many, a file is something else than TOML.
const BLANKINGS_MAX: usize = 50;

struct Cut {
    first_line: usize,
    last_line: usize,
    offset: usize,
    message: String,
}

fn first_cut(text: &str, errors: &[Error]) -> Option<Cut> {
    let error = errors.iter().find(|error| {
        let message = error.message();
        message.starts_with("key with no value")
            || message.starts_with("unclosed array")
            || message.starts_with("unclosed inline table")
    })?;
    let message = sentence(error);
    if message.starts_with("key with no value") {
        let line = line_of(text, start(error));
        return Some(Cut { first_line: line, last_line: line, offset: start(error), message });
    }
    // The parser notices at the end of the file; the first complaint about the inside of the
    // bracket is close behind the line that opened it.
    let noticed = errors.iter().filter(|error| is_inside(error)).map(start).min();
    let noticed = line_of(text, noticed.unwrap_or_else(|| start(error)));
    let opening = text
        .lines()
        .enumerate()
        .take(noticed + 1)
        .filter(|(_, line)| opens_bracket(line))
        .last()
        .map_or(noticed, |(line, _)| line);
    let last_line = noticed.saturating_sub(1).max(opening);
    Some(Cut { first_line: opening, last_line, offset: offset_of(text, opening), message })
}

fn is_inside(error: &Error) -> bool {
    let message = error.message();
    ["array", "inline table", "key-value pairs"].iter().any(|word| message.contains(word))
}

/// `key = [` or `key = {` with less closed than opened.
fn opens_bracket(line: &str) -> bool {
    let count = |brackets: [char; 2]| line.matches(brackets).count();
    line.contains('=') && count(['[', '{']) > count([']', '}'])
}

/// What the parser says, without the list of what it would have taken.
fn sentence(error: &Error) -> String {
    let message = error.message();
    message.strip_suffix(", expected literal string").unwrap_or(message).to_owned()
}

fn start(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// Counted from 0.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn offset_of(text: &str, line: usize) -> usize {
    text.split_inclusive('\n').take(line).map(str::len).sum()
}

fn blank(text: &str, first_line: usize, last_line: usize) -> String {
    let lines = text.split_inclusive('\n').enumerate();
    lines
        .map(|(index, line)| {
            if (first_line..=last_line).contains(&index) {
                let spaces = " ".repeat(line.trim_end_matches('\n').len());
                spaces + if line.ends_with('\n') { "\n" } else { "" }
            } else {
                line.to_owned()
            }
        })
        .collect()
}
