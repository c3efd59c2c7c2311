//! `error_pages`, and the paths of pages.

use std::time::Duration;

use http::StatusCode;

use super::lifetimes::LIFETIME;
use crate::model::ErrorPage;
use crate::raw::{Section, Value};

/// CloudFront's.
const ERROR_TTL: Duration = Duration::from_secs(10);

/// `error_pages`. A status that stands there twice is reported.
pub(super) fn error_pages(value: &Value<'_>) -> Option<Vec<ErrorPage>> {
    let mut taken = Vec::new();
    let mut pages = Vec::new();
    for item in value.items()? {
        pages.push(item.section(|section| error_page(section, &item, &mut taken)));
    }
    pages.into_iter().collect()
}

/// A status that says that something went wrong.
pub(super) fn error_status(value: &Value<'_>) -> Option<StatusCode> {
    value.whole(400..=599).and_then(|status| StatusCode::from_u16(status).ok())
}

/// Reports what is no path of a page on the site itself.
pub(super) fn check_page(value: &Value<'_>, page: &str) {
    if let Err(message) = page_path(page) {
        value.problem(message);
    }
}

/// Why `page` is no path of a page on the site itself.
pub(crate) fn page_path(page: &str) -> Result<(), String> {
    if !page.starts_with('/') {
        return Err(format!("is a path, so it starts with a slash: write \"/{page}\""));
    }
    if page.chars().any(|letter| letter.is_control() || letter == '?' || letter == '#') {
        return Err("is the path of a page: no query, no fragment, no control characters".into());
    }
    Ok(())
}

fn error_page<'r>(
    section: &Section<'r>,
    place: &Value<'r>,
    taken: &mut Vec<(StatusCode, Value<'r>)>,
) -> Option<ErrorPage> {
    let status = section.need("status").and_then(|value| statuses(&value));
    for status in status.iter().flatten() {
        match taken.iter().find(|(known, first)| known == status && first.key() != place.key()) {
            Some((_, first)) => {
                let (status, key, line) = (status.as_u16(), first.key(), first.line());
                place.problem(format!("{status} is taken by `{key}` on line {line}"));
            }
            None => taken.push((*status, place.clone())),
        }
    }
    let page = section.get("page").and_then(|value| {
        let page = value.text()?;
        check_page(&value, &page);
        Some(page)
    });
    let respond = section.get("respond").and_then(|value| {
        if !place.has("page") {
            value.problem("would do nothing: without `page` the error is answered as it is");
        }
        respond(&value)
    });
    let ttl = section.or("ttl", ERROR_TTL, |value| value.duration(LIFETIME));
    Some(ErrorPage { status: status?, page, respond, ttl })
}

/// One status, or several.
fn statuses(value: &Value<'_>) -> Option<Vec<StatusCode>> {
    if !value.is_array() {
        return error_status(value).map(|status| vec![status]);
    }
    let statuses = value.distinct(error_status)?;
    if statuses.is_empty() {
        value.problem("names no status: 400 to 599");
    }
    Some(statuses)
}

fn respond(value: &Value<'_>) -> Option<StatusCode> {
    let status = value.whole(200..=599).and_then(|status| StatusCode::from_u16(status).ok())?;
    if status != StatusCode::OK && status.as_u16() < 400 {
        value.problem("must be 200, or 400 to 599");
    }
    Some(status)
}
