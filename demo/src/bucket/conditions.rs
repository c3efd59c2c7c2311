//! Conditional reads (RFC 9110 §13), which the S3 library leaves to its storage and its storage
//! leaves out.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use s3s::dto::{Timestamp, TimestampFormat};

/// What a request asked for beside the object.
pub(super) enum Asked {
    /// Not a read.
    Nothing,
    /// A read, whatever the client has.
    Read,
    /// A read, unless the client's copy still has this entity tag.
    UnlessTag(HeaderValue),
    /// A read, unless the object is as old as the client's copy.
    UnlessSince(Timestamp),
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Self::Nothing;
        }
        let headers = request.headers();
        // RFC 9110 §13.1.3: If-Modified-Since is ignored beside If-None-Match.
        if let Some(tag) = headers.get(IF_NONE_MATCH) {
            return Self::UnlessTag(tag.clone());
        }
        headers.get(IF_MODIFIED_SINCE).and_then(date).map_or(Self::Read, Self::UnlessSince)
    }

    /// Turns an object the client has into a 304.
    pub(super) fn settle(self, mut response: Response) -> Response {
        let is_object = response.headers().contains_key(ETAG) && response.status().is_success();
        if !is_object || matches!(self, Self::Nothing) {
            return response;
        }
        // What Amazon says of an object that was put without one.
        response
            .headers_mut()
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("binary/octet-stream"));
        if self.is_current(&response) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            for name in OF_THE_BODY {
                response.headers_mut().remove(name);
            }
        }
        response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        response
    }

    fn is_current(&self, response: &Response) -> bool {
        match self {
            Self::Nothing | Self::Read => false,
            Self::UnlessTag(tag) => {
                response.headers().get(ETAG).is_some_and(|current| names(tag, current))
            }
            Self::UnlessSince(since) => response
                .headers()
                .get(LAST_MODIFIED)
                .and_then(date)
                .is_some_and(|modified| modified <= *since),
        }
    }
}

/// RFC 9110 §13.1.2: a list, compared weakly, or any.
fn names(tags: &HeaderValue, current: &HeaderValue) -> bool {
    let (Ok(tags), Ok(current)) = (tags.to_str(), current.to_str()) else {
        return false;
    };
    let mut tags = tags.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == current)
}

fn date(value: &HeaderValue) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, value.to_str().ok()?).ok()
}

const OF_THE_BODY: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE];
