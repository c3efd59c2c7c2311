//! Telling a page navigation from the fetch of a file, for single-page apps.

use std::borrow::Cow;

use http::{HeaderMap, Method, header};

use crate::target::canonical_path;

/// Endings of files that an app's build emits. A missing one must stay an error: a browser that is
/// given HTML for a script fails with "Unexpected token '<'" instead of "not found".
const ASSET_EXTENSIONS: [&str; 44] = [
    "js",
    "mjs",
    "cjs",
    "jsx",
    "ts",
    "tsx",
    "css",
    "scss",
    "map",
    "json",
    "webmanifest",
    "xml",
    "txt",
    "wasm",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "webp",
    "avif",
    "svg",
    "ico",
    "bmp",
    "woff",
    "woff2",
    "ttf",
    "otf",
    "eot",
    "mp3",
    "mp4",
    "m4a",
    "webm",
    "ogg",
    "wav",
    "mov",
    "pdf",
    "zip",
    "gz",
    "br",
    "zst",
    "csv",
    "bin",
    "vue",
    "md",
];

/// What a request for a missing object was after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A page: the app's own router will know what to show.
    Page,
    /// A file: it is missing, and saying so is the truth.
    File,
}

/// Judges by method, path, Sec-Fetch-Mode and Accept.
///
/// A browser says in Sec-Fetch-Mode whether it navigates or a script of the page fetches: that is
/// the truth, where it is sent. Everybody else gets the page if they accept `text/html`, which
/// `*/*` and a missing Accept do (RFC 9110 §12.5.1), and the path does not end like an asset.
#[must_use]
pub fn wanted(method: &Method, path: &str, request: &HeaderMap) -> Wanted {
    if !matches!(*method, Method::GET | Method::HEAD) || is_asset(path) {
        return Wanted::File;
    }
    let navigates = match request.get("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => accepts_html(request),
    };
    if navigates { Wanted::Page } else { Wanted::File }
}

fn is_asset(path: &str) -> bool {
    // Whatever spelling and path parameters (RFC 3986 §3.3) hide the ending.
    let path =
        if path.contains('%') { canonical_path(path, b";").into() } else { Cow::Borrowed(path) };
    let name = path.rsplit('/').next().unwrap_or(&path);
    let name = name.split(';').next().unwrap_or(name);
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        ASSET_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
    })
}

fn accepts_html(request: &HeaderMap) -> bool {
    if !request.contains_key(header::ACCEPT) {
        return true;
    }
    let lines = request.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    // RFC 9110 §12.5.1: the most specific range that matches decides.
    ["text/html", "text/*", "*/*"]
        .iter()
        .find_map(|media| ranges.iter().find_map(|range| acceptable(range, media)))
        .unwrap_or(false)
}

/// Whether this media range is `media` and, if so, whether its weight is above 0.
fn acceptable(range: &str, media: &str) -> Option<bool> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(media) {
        return None;
    }
    let weight = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
    Some(weight.is_none_or(|q| q.bytes().any(|b| b.is_ascii_digit() && b != b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[test]
    fn pages_and_files() {
        for (method, path, accept, expected) in [
            (Method::GET, "/deep/link", BROWSER, Wanted::Page),
            (Method::HEAD, "/deep/link", BROWSER, Wanted::Page),
            (Method::POST, "/deep/link", BROWSER, Wanted::File),
            (Method::GET, "/user/jane.doe", BROWSER, Wanted::Page),
            (Method::GET, "/v1.2/notes", BROWSER, Wanted::Page),
            (Method::GET, "/assets/app.123.js", BROWSER, Wanted::File),
            (Method::GET, "/assets/app.123.JS", BROWSER, Wanted::File),
            (Method::GET, "/assets/app.123%2ejs", BROWSER, Wanted::File),
            (Method::GET, "/assets/app.123.js;v=1", BROWSER, Wanted::File),
            (Method::GET, "/deep/link", "*/*", Wanted::Page),
            (Method::GET, "/deep/link", "image/*", Wanted::File),
            (Method::GET, "/deep/link", "text/*;q=0.5", Wanted::Page),
            (Method::GET, "/deep/link", "application/json", Wanted::File),
            (Method::GET, "/deep/link", "text/html;q=0, */*", Wanted::File),
            (Method::GET, "/deep/link", "TEXT/HTML", Wanted::Page),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(wanted(&method, path, &request), expected, "{method} {path} {accept}");
        }
        let mut request = HeaderMap::new();
        request.insert("sec-fetch-mode", "navigate".parse().unwrap());
        assert_eq!(wanted(&Method::GET, "/x", &request), Wanted::Page);
        request.insert("sec-fetch-mode", "cors".parse().unwrap());
        assert_eq!(wanted(&Method::GET, "/x", &request), Wanted::File);
        assert_eq!(wanted(&Method::GET, "/x", &HeaderMap::new()), Wanted::Page);
    }
}
