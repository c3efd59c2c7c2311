//! `X-Warmfront-Explain` on a live request.

use super::kit::{Kit, answer};
use warmfront_store::Kind;

const FRESH: [&str; 1] = ["cache-control: max-age=60"];

impl Kit {
    fn key(&self) -> String {
        format!("x-warmfront-explain: {}", self.root)
    }
}

#[tokio::test]
async fn the_holder_of_a_key_is_told_what_happened() {
    let kit = Kit::start("").await;
    let key = kit.key();
    kit.origin.says(&answer("200 OK", &FRESH, "x"));
    let miss = kit.get("/a", &[&key]).await;
    let said = miss.field("x-warmfront-explain");
    assert!(said.starts_with("miss: the origin was asked, because nothing was stored"), "{said}");
    assert!(said.contains("stored 0 s ago with max-age=60 by the origin"), "{said}");
    assert!(said.ends_with("site www, behavior *"), "{said}");
    let hit = kit.get("/a", &[&key]).await;
    assert!(hit.field("x-warmfront-explain").starts_with("hit: served from the store; it was"));
    let told = kit.inspect("/a", &[]).unwrap().key.unwrap();
    assert!(hit.field("cache-status").contains(&format!("key=\"{told}\"")), "{hit:?}");
    let id = kit.invalidate(&["/a"], &[], Kind::Hard);
    let taken = kit.get("/a", &[&key]).await;
    let said = taken.field("x-warmfront-explain");
    assert!(said.contains(&format!("names it is the invalidation {id} of /a by deploy")), "{said}");
    let id = kit.invalidate(&["/a"], &[], Kind::Soft);
    let marked = kit.get("/a", &[&key]).await;
    let said = marked.field("x-warmfront-explain");
    assert!(said.contains(&format!("as the soft invalidation {id} of /a by deploy")), "{said}");
    assert!(said.contains("marked stale by an invalidation 0 s ago"), "{said}");
}

#[tokio::test]
async fn answers_of_the_edges_own_are_explained_too() {
    let kit = Kit::start("methods = [\"GET\", \"HEAD\"]").await;
    let key = kit.key();
    let post = format!("POST / HTTP/1.1\r\nhost: www.test\r\nconnection: close\r\n{key}\r\n\r\n");
    let got = kit.send(&post).await;
    assert!(got.field("x-warmfront-explain").starts_with("none: the edge answers 405"), "{got:?}");
    let stranger = format!("GET / HTTP/1.1\r\nhost: b.test\r\nconnection: close\r\n{key}\r\n\r\n");
    let got = kit.send(&stranger).await;
    assert!(got.field("x-warmfront-explain").contains("no site answers to this host"), "{got:?}");
    kit.origin.says("");
    let got = kit.get("/a", &[&key]).await;
    assert_eq!(got.status, 502);
    assert!(got.field("x-warmfront-explain").contains("hung up"), "{got:?}");
}

#[tokio::test]
async fn a_wrong_key_changes_nothing_and_no_origin_sees_any() {
    let kit = Kit::start("").await;
    kit.origin.says(&answer(
        "200 OK",
        &["cache-control: max-age=60", "vary: x-warmfront-explain"],
        "x",
    ));
    let id = kit.root.split('.').next().unwrap();
    for token in ["", "nonsense", &format!("{id}.wrong"), &"x".repeat(9_000)] {
        let got = kit.get("/a", &[&format!("x-warmfront-explain: {token}")]).await;
        assert_eq!(got.status, 200);
        assert!(!got.fields.contains_key("x-warmfront-explain"), "{got:?}");
        assert!(!got.field("cache-status").contains("key="), "{got:?}");
    }
    assert!(kit.get("/a", &[&kit.key()]).await.fields.contains_key("x-warmfront-explain"));
    for _ in 0..10 {
        kit.get("/a", &[&format!("x-warmfront-explain: {id}.wrong")]).await;
    }
    // Who guesses is not listened to for a while, and learns nothing by being right.
    let spent = kit.get("/a", &[&kit.key()]).await;
    assert_eq!((spent.status.as_u16(), spent.fields.get("x-warmfront-explain")), (200, None));
    let asked = kit.origin.asked();
    assert_eq!(asked.len(), 1, "it selects no variant: {asked:?}");
    assert!(!asked[0].contains("explain"), "{asked:?}");
    // A refresh in the background is a request of its own, made from the client's.
    kit.invalidate(&["/a"], &[], Kind::Soft);
    kit.get("/a", &[&kit.key()]).await;
    kit.origin.was_asked(2).await;
    assert!(!kit.origin.asked()[1].contains("explain"), "{:?}", kit.origin.asked());
}

#[tokio::test]
async fn an_origin_does_not_speak_for_the_edge() {
    let kit = Kit::start("").await;
    kit.origin.says(&answer("200 OK", &["x-warmfront-explain: lies"], "x"));
    assert!(!kit.get("/a", &[]).await.fields.contains_key("x-warmfront-explain"));
}
