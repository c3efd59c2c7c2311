//! A soft invalidation: the next request gets the old answer at once, and it is refreshed once.

use warmfront_store::Kind;

use super::kit::{Got, Kit, answer};

const FRESH: [&str; 2] = ["cache-control: max-age=600", "etag: \"1\""];

/// An edge that holds `old` at `/a`, marked stale, and whose origin has something else from now on.
async fn softened(site: &str, now: &str) -> Kit {
    let kit = Kit::start(site).await;
    kit.origin.says(&answer("200 OK", &FRESH, "old"));
    kit.get("/a", &[]).await;
    assert!(kit.get("/a", &[]).await.field("cache-status").contains("hit; ttl=600"));
    kit.origin.says(now);
    kit.invalidate(&["/a"], &[], Kind::Soft);
    kit
}

/// The first answer that is not the old one any more.
async fn changed(kit: &Kit) -> Got {
    loop {
        let got = kit.get("/a", &[]).await;
        if got.body != "old" {
            return got;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_old_one_is_served_at_once_and_refreshed_once() {
    let kit = softened("", &answer("200 OK", &FRESH, "new")).await;
    let got = kit.get("/a", &[]).await;
    assert_eq!(got.body, "old");
    assert!(got.field("cache-status").contains("hit; ttl=0; detail=invalidated"), "{got:?}");
    assert_eq!(got.field("x-cache"), "Hit from warmfront");
    let got = changed(&kit).await;
    assert_eq!((got.body.as_str(), kit.origin.asked().len()), ("new", 2));
    assert!(kit.origin.asked()[1].contains("if-none-match: \"1\""), "it is asked conditionally");
}

#[tokio::test]
async fn heads_parts_and_conditions_are_answered_from_the_old_one() {
    for (head, fields, status) in [
        ("HEAD", "", 200),
        ("GET", "range: bytes=0-0\r\n", 206),
        ("GET", "if-none-match: \"1\"\r\n", 304),
        ("GET", "cache-control: only-if-cached\r\n", 200),
    ] {
        let kit = softened("", &answer("200 OK", &FRESH, "new")).await;
        let line =
            format!("{head} /a HTTP/1.1\r\nhost: www.test\r\nconnection: close\r\n{fields}\r\n");
        let got = kit.send(&line).await;
        assert_eq!(got.status, status, "{head} {fields}");
        assert!(got.field("cache-status").contains("detail=invalidated"), "{got:?}");
        kit.origin.was_asked(2).await;
        assert!(kit.origin.asked()[1].starts_with("get /a "), "the whole is refreshed");
        assert_eq!(changed(&kit).await.body, "new");
    }
}

#[tokio::test]
async fn whoever_insists_is_given_what_is_new() {
    let kit = softened("request_directives = \"honor\"", &answer("200 OK", &FRESH, "new")).await;
    assert_eq!(kit.get("/a", &["cache-control: no-cache"]).await.body, "new");
}

#[tokio::test]
async fn what_is_gone_does_not_live_on() {
    for now in [
        answer("404 Not Found", &[], "gone"),
        answer("200 OK", &["cache-control: no-store"], "gone"),
    ] {
        let kit = softened("", &now).await;
        assert_eq!(kit.get("/a", &[]).await.body, "old");
        assert_eq!(changed(&kit).await.body, "gone");
        assert!(kit.get("/a", &[]).await.body == "gone", "and it does not come back");
    }
}

#[tokio::test]
async fn an_origin_that_fails_leaves_the_old_one_in_service() {
    for now in [String::new(), answer("503 Later", &[], "later")] {
        let kit = softened("", &now).await;
        for _ in 0..3 {
            let got = kit.get("/a", &[]).await;
            assert_eq!((got.body.as_str(), got.status.as_u16()), ("old", 200), "{got:?}");
        }
        kit.origin.was_asked(2).await;
    }
}

#[tokio::test]
async fn once_freshened_it_is_fresh_again() {
    let not_modified =
        "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncache-control: max-age=600\r\n\r\n";
    let kit = softened("", not_modified).await;
    loop {
        let got = kit.get("/a", &[]).await;
        assert_eq!(got.body, "old");
        if !got.field("cache-status").contains("invalidated") {
            assert!(got.field("cache-status").contains("hit; ttl=600"), "{got:?}");
            break;
        }
    }
    assert_eq!(kit.origin.asked().len(), 2);
}
