use http::StatusCode;

use super::*;

#[test]
fn every_version_is_asked_here() {
    for (path, asked) in [
        ("/2020-05-31/distribution", true),
        ("/2020-05-31/", true),
        ("/2020-05-31", true),
        ("/2019-03-26/distribution/E1", true),
        ("/", false),
        ("", false),
        ("/invalidations", false),
        ("/2020-05-3/distribution", false),
        ("/2020-05-311", false),
        ("/x/2020-05-31/distribution", false),
        ("/2020-05-3\u{661}/x", false),
    ] {
        assert_eq!(is_asked(path), asked, "{path}");
    }
}

#[test]
fn a_request_id_is_a_random_uuid() {
    let id = request_id();
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
    assert_eq!(id.as_bytes()[14], b'4', "{id}");
    assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
    assert_ne!(id, request_id());
}

#[test]
fn what_is_refused_is_told_in_xml() {
    let response = refuse(StatusCode::MISDIRECTED_REQUEST, "asked by no other name");
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(response.headers()["content-type"], "text/xml");
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let guessed = refused(&Fault::TooManyGuesses(12));
    assert_eq!(
        (guessed.status().as_u16(), &guessed.headers()["retry-after"]),
        (403, &"12".parse().unwrap())
    );
}
