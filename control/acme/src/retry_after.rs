//! `Retry-After` (RFC 9110 §10.2.3), from strangers.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Nobody is left alone for longer, whatever they say: a certificate would end meanwhile.
pub(crate) const LONGEST: Duration = Duration::from_hours(7 * 24);

/// How long the sender wants to be left alone; `None` where it does not say, or not in a way that
/// can be understood.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time, too.
        value.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        // A date in the past is as good as now.
        httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, wait) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("604801", Some(604_800)),
            ("99999999999999999999999999", Some(604_800)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sat, 06 Nov 1993 08:49:37 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(604_800)),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), wait, "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
