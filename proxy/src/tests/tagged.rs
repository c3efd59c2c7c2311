//! Tags: what origins say of them is for the edge alone.

use warmfront_store::Kind;

use super::kit::{Kit, answer};

const TAGGED: [&str; 3] = ["cache-control: max-age=60", "cache-tag: A, b", "surrogate-key: c d"];

#[tokio::test]
async fn no_client_is_shown_a_tag_and_each_takes_what_carries_it() {
    let kit = Kit::start("").await;
    for tag in ["a", "B", "c", "d"] {
        kit.origin.says(&answer("200 OK", &TAGGED, "x"));
        for status in ["uri-miss", "hit"] {
            let got = kit.get("/a", &[]).await;
            assert!(got.field("cache-status").contains(status), "{tag}: {got:?}");
            assert!(!got.fields.contains_key("cache-tag"), "{got:?}");
            assert!(!got.fields.contains_key("surrogate-key"), "{got:?}");
        }
        kit.invalidate(&[], &[tag], Kind::Hard);
    }
    assert!(kit.get("/a", &[]).await.field("cache-status").contains("uri-miss"));
}

#[tokio::test]
async fn what_is_not_stored_is_not_shown_its_tags_either() {
    let kit = Kit::start("").await;
    for (status, control) in [("404 Not Found", "no-store"), ("500 Oops", "private")] {
        let control = format!("cache-control: {control}");
        kit.origin.says(&answer(status, &[&control, "cache-tag: a", "surrogate-key: b"], ""));
        let got = kit.get("/a", &[]).await;
        assert!(!got.fields.contains_key("cache-tag"), "{got:?}");
        assert!(!got.fields.contains_key("surrogate-key"), "{got:?}");
    }
}

#[tokio::test]
async fn a_304_keeps_the_tags_that_it_says_nothing_of() {
    let kit = Kit::start("tags_header = \"x-tags\"").await;
    let fields = ["cache-control: max-age=0", "etag: \"1\"", "x-tags: a", "cache-tag: mine"];
    kit.origin.says(&answer("200 OK", &fields, "x"));
    let got = kit.get("/a", &[]).await;
    assert_eq!(got.field("cache-tag"), "mine", "it is another site's field");
    assert!(!got.fields.contains_key("x-tags"));
    kit.origin
        .says("HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncache-control: max-age=60\r\n\r\n");
    let got = kit.get("/a", &[]).await;
    assert!(got.field("cache-status").contains("fwd-status=304"), "{got:?}");
    kit.invalidate(&[], &["a"], Kind::Hard);
    kit.origin.says(&answer("200 OK", &fields, "y"));
    assert_eq!(kit.get("/a", &[]).await.body, "y");
}
