use super::*;
use proptest::prelude::*;

fn target(reference: &[u8]) -> Option<String> {
    same_origin_target("https", "www.Example.com", "/b/c/d?q", reference)
}

#[test]
fn references_of_the_same_origin() {
    for (reference, expected) in [
        ("https://www.example.com/x?y", "/x?y"),
        ("HTTPS://WWW.EXAMPLE.COM/X", "/X"),
        ("https://www.example.com:443/x", "/x"),
        ("https://www.example.com:/x", "/x"),
        ("https://www.example.com", "/"),
        ("https://www.example.com?y", "/?y"),
        ("//www.example.com/x", "/x"),
        ("//www.example.com/x/../y#z", "/y"),
        (" /x ", "/x"),
        ("/a//b?c?d", "/a//b?c?d"),
        ("//www.example.com//a/b", "//a/b"),
        ("/ü b%2e%2E", "/ü b%2e%2E"),
        // RFC 3986 §5.4.
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/d?y"),
        ("g?y", "/b/c/g?y"),
        ("#s", "/b/c/d?q"),
        ("g?y#s", "/b/c/g?y"),
        ("", "/b/c/d?q"),
        (".", "/b/c/"),
        ("..", "/b/"),
        ("../g", "/b/g"),
        ("../../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("..g", "/b/c/..g"),
        ("g/./h/.", "/b/c/g/h/"),
        ("g;x=1/../y", "/b/c/y"),
        ("g?y/../x", "/b/c/g?y/../x"),
    ] {
        assert_eq!(target(reference.as_bytes()).as_deref(), Some(expected), "{reference:?}");
    }
    assert_eq!(target(b"/\xfc?\xff").as_deref(), Some("/%FC?%FF"));
    let with_port =
        |reference: &str| same_origin_target("http", "a:8080", "*", reference.as_bytes());
    assert_eq!(with_port("http://A:8080/x").as_deref(), Some("/x"));
    assert_eq!(with_port("x").as_deref(), Some("/x"));
    assert_eq!(with_port("http://a/x"), None);
}

#[test]
fn references_of_another_origin() {
    for reference in [
        "http://www.example.com/x",
        "https://example.com/x",
        "https://www.example.com:8443/x",
        "https://user@www.example.com/x",
        "https://www.example.com@evil.example/x",
        "https://www.example.com\\@evil.example/x",
        "//evil.example/x",
        "https:/x",
        "https:x",
        "https:///x",
        "mailto:a@b",
        "g:h",
    ] {
        assert_eq!(target(reference.as_bytes()), None, "{reference:?}");
    }
}

#[test]
fn methods_and_answers() {
    for method in SAFE {
        assert!(!is_unsafe(&Method::from_bytes(method.as_bytes()).unwrap()), "{method}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "FOO", "get"] {
        assert!(is_unsafe(&Method::from_bytes(method.as_bytes()).unwrap()), "{method}");
    }
    for (status, expected) in [(200, true), (204, true), (303, true), (404, false), (500, false)] {
        assert_eq!(is_non_error(StatusCode::from_u16(status).unwrap()), expected, "{status}");
    }
}

proptest! {
    #[test]
    fn a_target_begins_with_a_slash(
        reference in prop_oneof![
            any::<Vec<u8>>(),
            "(https:)?(//www.example.com)?([./?#a]|\\.\\.){0,20}".prop_map(String::into_bytes),
        ],
    ) {
        if let Some(target) = target(&reference) {
            prop_assert!(target.starts_with('/'));
            prop_assert!(!target.contains('#'));
            let path = target.split('?').next().unwrap_or_default();
            prop_assert!(!path.split('/').any(|s| s == "." || s == ".."), "{}", target);
        }
    }
}
