use super::*;
use proptest::prelude::*;

type Lines = &'static [(&'static str, &'static str)];

const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn fields(lines: Lines) -> HeaderMap {
    lines.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect()
}

/// 2026-11-22.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(498_696)
}

fn check(status: u16, cases: &[(Lines, Lines, Outcome)]) {
    let status = StatusCode::from_u16(status).unwrap();
    for (request, response, expected) in cases {
        let outcome = evaluate(&fields(request), status, &fields(response), now());
        assert_eq!(outcome, *expected, "{request:?} {response:?}");
    }
}

const STRONG: Lines = &[("etag", r#""a""#)];
const WEAK: Lines = &[("etag", r#"W/"a""#)];
const DATED: Lines = &[("last-modified", THEN), ("date", LATER)];
const BOTH: Lines = &[("etag", r#""a""#), ("last-modified", THEN)];

#[test]
fn if_none_match() {
    check(
        200,
        &[
            (&[("if-none-match", r#""a""#)], STRONG, Outcome::NotModified),
            (&[("if-none-match", r#"W/"a""#)], STRONG, Outcome::NotModified),
            (&[("if-none-match", r#""a""#)], WEAK, Outcome::NotModified),
            (&[("if-none-match", r#""b""#)], STRONG, Outcome::Proceed),
            (&[("if-none-match", r#"w/"a""#)], STRONG, Outcome::Proceed),
            (&[("if-none-match", r#""b" ,,"a""#)], STRONG, Outcome::NotModified),
            (
                &[("if-none-match", r#""b""#), ("if-none-match", r#""a""#)],
                STRONG,
                Outcome::NotModified,
            ),
            (&[("if-none-match", r#""a,b""#)], STRONG, Outcome::Proceed),
            (&[("if-none-match", r#""x, "a""#)], STRONG, Outcome::NotModified),
            (&[("if-none-match", r#"x"y","a""#)], STRONG, Outcome::NotModified),
            (&[("if-none-match", r#""c","a,b""#)], &[("etag", r#""a,b""#)], Outcome::NotModified),
            (&[("if-none-match", "*")], STRONG, Outcome::NotModified),
            (&[("if-none-match", "*")], &[], Outcome::NotModified),
            (&[("if-none-match", r#"*, "a""#)], &[("etag", r#""b""#)], Outcome::Proceed),
            (&[("if-none-match", "a")], STRONG, Outcome::Proceed),
            (&[("if-none-match", r#""a""#)], &[("etag", "a")], Outcome::Proceed),
            (&[("if-none-match", "b, a")], &[("etag", "a")], Outcome::NotModified),
            (&[("if-none-match", "")], &[("etag", "")], Outcome::Proceed),
            (&[("if-none-match", r#""""#)], &[("etag", "")], Outcome::Proceed),
            (&[("if-none-match", r#""""#)], &[("etag", r#""""#)], Outcome::NotModified),
            (&[("if-none-match", r#""a""#)], DATED, Outcome::Proceed),
        ],
    );
    let mut request = HeaderMap::new();
    request.insert(header::IF_NONE_MATCH, HeaderValue::from_bytes(b"\"\xfc\"").unwrap());
    let mut response = HeaderMap::new();
    response.insert(header::ETAG, HeaderValue::from_bytes(b"\"\xfc\"").unwrap());
    assert_eq!(evaluate(&request, StatusCode::OK, &response, now()), Outcome::NotModified);
}

#[test]
fn if_match() {
    check(
        200,
        &[
            (&[("if-match", r#""a""#)], STRONG, Outcome::Proceed),
            (&[("if-match", r#""b", "a""#)], STRONG, Outcome::Proceed),
            (&[("if-match", r#""b""#), ("if-match", r#""a""#)], STRONG, Outcome::Proceed),
            (&[("if-match", "*")], &[], Outcome::Proceed),
            (&[("if-match", r#""b""#)], STRONG, Outcome::Failed),
            (&[("if-match", r#"W/"a""#)], WEAK, Outcome::Failed),
            (&[("if-match", r#"W/"a""#)], STRONG, Outcome::Failed),
            (&[("if-match", r#""a""#)], &[], Outcome::Failed),
            (&[("if-match", "")], STRONG, Outcome::Failed),
        ],
    );
}

#[test]
fn dates() {
    check(
        200,
        &[
            (&[("if-modified-since", THEN)], DATED, Outcome::NotModified),
            (&[("if-modified-since", LATER)], DATED, Outcome::NotModified),
            (&[("if-modified-since", EARLIER)], DATED, Outcome::Proceed),
            (
                &[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")],
                DATED,
                Outcome::NotModified,
            ),
            (&[("if-modified-since", "Sun Nov  6 08:49:37 1994")], DATED, Outcome::NotModified),
            (&[("if-modified-since", "yesterday")], DATED, Outcome::Proceed),
            (&[("if-modified-since", "")], DATED, Outcome::Proceed),
            (&[("if-modified-since", THEN), ("if-modified-since", THEN)], DATED, Outcome::Proceed),
            (&[("if-modified-since", LATER)], &[("date", LATER)], Outcome::NotModified),
            (&[("if-modified-since", THEN)], &[("date", LATER)], Outcome::Proceed),
            (&[("if-modified-since", LATER)], &[], Outcome::Proceed),
            (&[("if-unmodified-since", THEN)], DATED, Outcome::Proceed),
            (&[("if-unmodified-since", LATER)], DATED, Outcome::Proceed),
            (&[("if-unmodified-since", EARLIER)], DATED, Outcome::Failed),
            (&[("if-unmodified-since", "yesterday")], DATED, Outcome::Proceed),
            (&[("if-unmodified-since", EARLIER)], &[("date", LATER)], Outcome::Proceed),
        ],
    );
}

#[test]
fn in_the_order_of_the_rfc() {
    check(
        200,
        &[
            (&[("if-none-match", r#""b""#), ("if-modified-since", LATER)], BOTH, Outcome::Proceed),
            (
                &[("if-none-match", r#""a""#), ("if-modified-since", EARLIER)],
                BOTH,
                Outcome::NotModified,
            ),
            (&[("if-none-match", ""), ("if-modified-since", LATER)], BOTH, Outcome::Proceed),
            (&[("if-match", r#""a""#), ("if-unmodified-since", EARLIER)], BOTH, Outcome::Proceed),
            (&[("if-match", r#""b""#), ("if-none-match", r#""a""#)], BOTH, Outcome::Failed),
            (&[("if-match", r#""a""#), ("if-none-match", r#""a""#)], BOTH, Outcome::NotModified),
            (
                &[("if-unmodified-since", EARLIER), ("if-none-match", r#""a""#)],
                BOTH,
                Outcome::Failed,
            ),
            (&[], BOTH, Outcome::Proceed),
        ],
    );
}

#[test]
fn only_success_has_conditions() {
    for status in [301, 404, 412, 500] {
        check(
            status,
            &[
                (&[("if-none-match", "*")], BOTH, Outcome::Proceed),
                (&[("if-match", r#""b""#)], BOTH, Outcome::Proceed),
                (&[("if-modified-since", LATER)], BOTH, Outcome::Proceed),
            ],
        );
    }
    check(203, &[(&[("if-none-match", "*")], BOTH, Outcome::Proceed)]);
    check(203, &[(&[("if-match", r#""b""#)], BOTH, Outcome::Failed)]);
}

#[test]
fn if_range_wants_the_very_same() {
    let cases: &[(Lines, Lines, IfRange)] = &[
        (&[], &[], IfRange::Partial),
        (&[("if-range", r#""a""#)], STRONG, IfRange::Partial),
        (&[("if-range", r#""b""#)], STRONG, IfRange::Whole),
        (&[("if-range", r#"W/"a""#)], WEAK, IfRange::Whole),
        (&[("if-range", r#""a""#)], WEAK, IfRange::Whole),
        (&[("if-range", r#""a", "b""#)], STRONG, IfRange::Whole),
        (&[("if-range", r#""a""#), ("if-range", r#""a""#)], STRONG, IfRange::Whole),
        (&[("if-range", "*")], STRONG, IfRange::Whole),
        (&[("if-range", "")], &[], IfRange::Whole),
        (&[("if-range", "a")], &[("etag", "a")], IfRange::Whole),
        (&[("if-range", THEN)], DATED, IfRange::Partial),
        (&[("if-range", EARLIER)], DATED, IfRange::Whole),
        (&[("if-range", LATER)], DATED, IfRange::Whole),
        (&[("if-range", THEN)], &[("last-modified", THEN), ("date", THEN)], IfRange::Whole),
        (&[("if-range", THEN)], &[("last-modified", THEN)], IfRange::Whole),
        (&[("if-range", THEN)], &[("date", LATER)], IfRange::Whole),
    ];
    for (request, response, expected) in cases {
        let verdict = if_range(&fields(request), &fields(response), now());
        assert_eq!(verdict, *expected, "{request:?} {response:?}");
    }
}

#[test]
fn a_304_guides_the_client_and_describes_nothing() {
    for name in
        ["content-location", "date", "etag", "vary", "cache-control", "expires", "x-a", "age"]
    {
        assert!(is_kept_in_304(&HeaderName::from_static(name), &fields(BOTH)), "{name}");
    }
    for name in ["content-type", "content-length", "content-encoding", "last-modified"] {
        assert!(!is_kept_in_304(&HeaderName::from_static(name), &fields(BOTH)), "{name}");
    }
    assert!(is_kept_in_304(&header::LAST_MODIFIED, &fields(DATED)));
}

const CONDITIONS: [HeaderName; 5] = [
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
];

/// What a field may hold, and most often what a list of entity-tags does.
fn octet() -> impl Strategy<Value = u8> {
    let usual = prop::sample::select(b"\"\"\",W/* ab\t".as_slice());
    prop_oneof![3 => usual, 1 => 0x20..=0x7E_u8, 1 => 0x80..=0xFF_u8]
}

proptest! {
    #[test]
    fn no_empty_tag_is_ever_known(
        named in "[ -~]{0,30}".prop_filter("no star", |value| value.trim() != "*"),
        tag in "[ \t]{0,3}",
    ) {
        let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, named.parse().unwrap())]);
        let response = HeaderMap::from_iter([(header::ETAG, tag.parse().unwrap())]);
        prop_assert_eq!(evaluate(&request, StatusCode::OK, &response, now()), Outcome::Proceed);
    }

    #[test]
    fn a_tag_is_found_wherever_it_stands(
        before in prop::collection::vec("(W/)?\"[a-z,]{0,5}\"|[a-z]{0,5}", 0..4),
        tag in "(W/)?\"[A-Z,]{1,5}\"",
        separator in "[ \t]{0,2},[ \t]{0,2}",
    ) {
        let named = before.iter().chain([&tag]).map(String::as_str).collect::<Vec<_>>();
        let request =
            HeaderMap::from_iter([(header::IF_NONE_MATCH, named.join(&separator).parse().unwrap())]);
        let response = HeaderMap::from_iter([(header::ETAG, tag.parse().unwrap())]);
        prop_assert_eq!(evaluate(&request, StatusCode::OK, &response, now()), Outcome::NotModified);
    }

    #[test]
    fn no_octets_are_too_strange(
        value in prop::collection::vec(octet(), 0..30),
        tag in prop::collection::vec(octet(), 0..10),
    ) {
        let value = HeaderValue::from_bytes(&value).unwrap();
        let tag = HeaderValue::from_bytes(&tag).unwrap();
        let response = HeaderMap::from_iter([
            (header::ETAG, tag.clone()),
            (header::LAST_MODIFIED, tag.clone()),
            (header::DATE, tag),
        ]);
        for condition in CONDITIONS {
            let request = HeaderMap::from_iter([(condition, value.clone())]);
            let _ = evaluate(&request, StatusCode::OK, &response, now());
            let _ = if_range(&request, &response, now());
        }
    }
}
