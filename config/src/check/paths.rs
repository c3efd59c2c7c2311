//! Patterns that are meant as such, and that some path matches.

use crate::pattern::PathPattern;
use crate::spelling::matched_pattern;

/// A pattern that is meant as one, and that some path matches. Other proxies take regular expressions
/// or queries here, and as a pattern those would match nothing and say nothing.
pub(crate) fn path_pattern(text: &str) -> Result<PathPattern, String> {
    const FOREIGN: &str = "^|\\{}()[]<>\"`";
    let pattern = PathPattern::parse(text).map_err(|error| error.to_string())?;
    let foreign = text.chars().find(|letter| FOREIGN.contains(*letter));
    if let Some(letter) = foreign.or_else(|| text.ends_with('$').then_some('$')) {
        return Err(format!(
            "`{letter}` reads as a regular expression: here `*` is any run of characters, `?` is \
             one, and nothing else is special"
        ));
    }
    // In `*.*` the dot can only be a dot.
    if text.replace("*.*", "").contains(".*") || text.contains(".+") {
        return Err("`.*` reads as a regular expression: `*` alone is any run of characters, and \
                    `.?*` is a dot and what follows it, as in `/.?*` for dot files"
            .to_owned());
    }
    if ["%2A", "%2a", "%3F", "%3f"].iter().any(|wildcard| text.contains(wildcard)) {
        return Err("an escaped wildcard cannot be matched: leave it out".to_owned());
    }
    if reads_as_query(text) {
        return Err("a query is never matched; `?` is any one character".to_owned());
    }
    let bare = with_bare_separators(text);
    if bare.contains("//") || bare.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(
            "never matches: paths are matched with their dot segments resolved, and with one \
                    slash for several"
                .to_owned(),
        );
    }
    // An escape may hide what no pattern holds.
    PathPattern::parse(&matched_pattern(text)).map_err(|error| error.to_string())?;
    Ok(pattern)
}

/// A pattern as paths are matched with it.
pub(crate) fn as_matched(pattern: &PathPattern) -> PathPattern {
    // What `path_pattern` let in is a pattern when it is decoded, too.
    PathPattern::parse(&matched_pattern(pattern.as_str())).unwrap_or_else(|_| pattern.clone())
}

/// A path or pattern with its dot segments resolved (RFC 3986 §5.2.4), and with one slash for
/// several. `None` where a wildcard would be resolved away: nobody knows how many segments it takes.
pub(crate) fn resolved(text: &str) -> Option<String> {
    let bare = with_bare_separators(text);
    let mut segments: Vec<&str> = Vec::new();
    for segment in bare.split('/').filter(|segment| !matches!(*segment, "" | ".")) {
        if segment != ".." {
            segments.push(segment);
        } else if segments.pop().is_some_and(|segment| segment.contains(['*', '?'])) {
            return None;
        }
    }
    let start = if bare.starts_with('/') { "/" } else { "" };
    let ends_in_slash = ["/", "/.", "/.."].iter().any(|end| bare.ends_with(end));
    let end = if ends_in_slash && !segments.is_empty() { "/" } else { "" };
    Some(format!("{start}{}{end}", segments.join("/")))
}

/// Whether the name of a parameter and `=` stand behind a `?`. In `/year=20??/month=*` they do not.
fn reads_as_query(text: &str) -> bool {
    let behind = text.split('?').skip(1).filter_map(|behind| behind.split_once('='));
    behind.into_iter().any(|(name, _)| !name.is_empty() && !name.contains('/'))
}

/// With the escapes of what makes segments undone, and of nothing else.
fn with_bare_separators(text: &str) -> String {
    let bare = text.replace("%2F", "/").replace("%2f", "/");
    bare.replace("%2E", ".").replace("%2e", ".")
}
