use super::*;

type Lines = &'static [(&'static str, &'static str)];

fn fields(lines: Lines) -> HeaderMap {
    lines.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect()
}

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const NEW: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

#[test]
fn a_304_selects_by_its_validators() {
    let cases: &[(Lines, Lines, Selected)] = &[
        (&[("etag", r#""a""#)], &[("etag", r#""a""#)], Selected::Yes),
        (&[("etag", r#""a""#)], &[("etag", r#""b""#)], Selected::No),
        (&[("etag", r#"W/"a""#)], &[("etag", r#""a""#)], Selected::No),
        (&[("last-modified", OLD)], &[("etag", r#""a""#), ("last-modified", OLD)], Selected::No),
        (&[("etag", r#""a""#)], &[("etag", r#"W/"a""#)], Selected::Yes),
        (&[("etag", r#"W/"a""#)], &[("etag", r#"W/"a""#)], Selected::Yes),
        (&[("etag", r#"W/"a""#)], &[("etag", r#"W/"b""#)], Selected::No),
        (&[], &[("etag", r#"W/"a""#)], Selected::No),
        (&[("last-modified", OLD)], &[("etag", r#"W/"a""#), ("last-modified", OLD)], Selected::Yes),
        (&[("etag", "a")], &[("etag", "a")], Selected::Yes),
        (&[("etag", r#""a""#)], &[("etag", "a")], Selected::No),
        (&[("last-modified", OLD)], &[("last-modified", OLD)], Selected::Yes),
        (&[("last-modified", OLD)], &[("last-modified", NEW)], Selected::No),
        (&[("etag", r#""a""#)], &[("last-modified", NEW)], Selected::Yes),
        (
            &[("etag", r#""a""#), ("last-modified", OLD)],
            &[("etag", r#""a""#), ("last-modified", NEW)],
            Selected::Yes,
        ),
        (&[("etag", r#""a""#)], &[], Selected::Yes),
        (&[("etag", r#""a""#)], &[("etag", "")], Selected::Yes),
        (&[], &[], Selected::Yes),
    ];
    for (stored, not_modified, expected) in cases {
        let selected = selects(&fields(stored), &fields(not_modified));
        assert_eq!(selected, *expected, "{stored:?} {not_modified:?}");
    }
}

#[test]
fn a_head_speaks_of_what_it_describes() {
    let stored: Lines = &[("etag", r#""a""#), ("last-modified", OLD), ("content-length", "5")];
    let cases: &[(Lines, Lines, Selected)] = &[
        (stored, stored, Selected::Yes),
        (stored, &[], Selected::Yes),
        (stored, &[("content-length", "5")], Selected::Yes),
        (stored, &[("content-length", "6")], Selected::No),
        (stored, &[("etag", r#"W/"a""#)], Selected::No),
        (stored, &[("etag", r#""a""#), ("last-modified", NEW)], Selected::No),
        (&[], &[("etag", r#""a""#)], Selected::No),
        (&[], &[("content-length", "5")], Selected::No),
        (&[], &[("cache-control", "max-age=1")], Selected::Yes),
    ];
    for (stored, head, expected) in cases {
        let selected = head_matches(&fields(stored), &fields(head));
        assert_eq!(selected, *expected, "{stored:?} {head:?}");
    }
}

/// Stored, update, withheld, and what is stored then, in this order.
const FRESHENED: &[(Lines, Lines, &[HeaderName], Lines)] = &[
    // All lines of a name go at once, and the rest stays in order.
    (
        &[("x-a", "1"), ("x-b", "1"), ("x-b", "2"), ("x-c", "1")],
        &[("x-b", "3"), ("x-d", "1"), ("x-d", "2")],
        &[],
        &[("x-a", "1"), ("x-b", "3"), ("x-c", "1"), ("x-d", "1"), ("x-d", "2")],
    ),
    // What the cache lives by is renewed.
    (
        &[
            ("etag", r#""a""#),
            ("date", OLD),
            ("content-type", "a/b"),
            ("cache-control", "max-age=1"),
        ],
        &[
            ("etag", r#"W/"a""#),
            ("date", NEW),
            ("content-type", "a/c"),
            ("cache-control", "max-age=2"),
        ],
        &[],
        &[
            ("etag", r#"W/"a""#),
            ("date", NEW),
            ("content-type", "a/c"),
            ("cache-control", "max-age=2"),
        ],
    ),
    // What describes the stored bytes is not.
    (
        &[("content-length", "5"), ("content-encoding", "br")],
        &[("content-length", "0"), ("content-encoding", "gzip"), ("content-range", "bytes 0-0/5")],
        &[],
        &[("content-length", "5"), ("content-encoding", "br")],
    ),
    // Nor what belongs to the connection, or to a proxy.
    (
        &[("x-a", "1")],
        &[
            ("connection", "x-a, cache-control"),
            ("x-a", "2"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "x"),
            ("cache-control", "max-age=2"),
        ],
        &[],
        &[("x-a", "1"), ("cache-control", "max-age=2")],
    ),
    (&[("age", "9"), ("x-a", "1")], &[], &[], &[("x-a", "1")]),
    (&[("age", "9"), ("x-a", "1")], &[("age", "3")], &[], &[("age", "3"), ("x-a", "1")]),
    (
        &[("set-cookie", "a=1"), ("x-a", "1")],
        &[("set-cookie", "a=2"), ("x-b", "1")],
        &[header::SET_COOKIE],
        &[("x-a", "1"), ("x-b", "1")],
    ),
];

#[test]
fn an_update_replaces_what_it_may() {
    for (stored, update, withheld, expected) in FRESHENED {
        let result = freshened(&fields(stored), &fields(update), withheld);
        let lines: Vec<_> =
            result.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(lines, *expected, "{stored:?} {update:?}");
    }
}

#[test]
fn entity_tags() {
    for (text, expected) in [
        (r#""a""#, Some(EntityTag::Strong(br#""a""#))),
        (r#" "" "#, Some(EntityTag::Strong(br#""""#))),
        (r#"W/"a,b""#, Some(EntityTag::Weak(br#""a,b""#))),
        (r#"w/"a""#, Some(EntityTag::Malformed(br#"w/"a""#))),
        (r#"W"a""#, Some(EntityTag::Malformed(br#"W"a""#))),
        (r#""a b""#, Some(EntityTag::Malformed(br#""a b""#))),
        (r#""a"b""#, Some(EntityTag::Malformed(br#""a"b""#))),
        (r#""a"#, Some(EntityTag::Malformed(br#""a"#))),
        ("W/", Some(EntityTag::Malformed(b"W/"))),
        (" ", None),
        ("", None),
    ] {
        assert_eq!(EntityTag::read(text.as_bytes()), expected, "{text:?}");
    }
    assert_eq!(EntityTag::read(b"\"\xfc\""), Some(EntityTag::Strong(b"\"\xfc\"")));
}
