//! What there is to tell of a request that nobody has made.

use warmfront_semantics::inspection::{Grant, Question, Standing, Unroutable};
use warmfront_store::Kind;

use super::kit::{Kit, answer};

#[tokio::test]
async fn a_hit_is_told_with_its_arithmetic() {
    let kit = Kit::start("").await;
    kit.origin.says(&answer("200 OK", &["cache-control: max-age=60", "cache-tag: t"], "abc"));
    let before = kit.inspect("/a?b", &[]).unwrap();
    assert_eq!((before.next.cache, before.next.forward), ("miss", Some("uri-miss")));
    assert!(before.variants.is_empty() && before.invalidation.is_none());
    kit.get("/a?b", &[]).await;
    let told = kit.inspect("/a?b", &[]).unwrap();
    assert_eq!(
        (told.site.as_str(), told.behavior.as_str(), told.origin.as_str()),
        ("www", "*", "app")
    );
    assert_eq!(told.url, "http://www.test/a?b");
    assert_eq!(told.next.cache, "hit");
    let [held] = told.variants.as_slice() else { panic!("{told:?}") };
    assert!(held.selected);
    assert_eq!((held.status, held.bytes, held.standing), (200, Some(3), Standing::Live));
    assert_eq!((held.lifetime.seconds, held.lifetime.from), (60, Grant::Origin));
    assert_eq!(held.tags, ["t"]);
    let sentence = "stored 0 s ago with max-age=60 by the origin: fresh for another 1 min";
    assert_eq!(held.freshness, sentence);
    assert_eq!(kit.origin.asked().len(), 1, "nothing is fetched for it");
}

#[tokio::test]
async fn variants_are_told_apart() {
    let kit = Kit::start("").await;
    for language in ["de", "en"] {
        let fields = ["cache-control: max-age=60", "vary: accept-language"];
        kit.origin.says(&answer("200 OK", &fields, language));
        kit.get("/a", &[&format!("accept-language: {language}")]).await;
    }
    let selected = |language: &str| {
        let told = kit.inspect("/a", &[&format!("accept-language: {language}")]).unwrap();
        assert_eq!(told.variants.len(), 2, "{told:?}");
        assert!(told.variants.iter().all(|it| it.vary == ["accept-language"]));
        let chosen: Vec<_> = told.variants.iter().map(|it| it.selected).collect();
        (chosen, told.next.cache, told.next.forward)
    };
    assert_eq!(selected("en"), (vec![true, false], "hit", None));
    assert_eq!(selected("de"), (vec![false, true], "hit", None));
    assert_eq!(selected("fr"), (vec![false, false], "miss", Some("vary-miss")));
}

#[tokio::test]
async fn whoever_took_it_is_named() {
    let kit = Kit::start("").await;
    kit.origin.says(&answer("200 OK", &["cache-control: max-age=60", "cache-tag: t"], "abc"));
    for (paths, tags) in [(&["/a"][..], &[][..]), (&["/*"], &[]), (&[], &["t"])] {
        kit.get("/a", &[]).await;
        let id = kit.invalidate(paths, tags, Kind::Hard);
        let told = kit.inspect("/a", &[]).unwrap();
        assert_eq!(told.next.cache, "miss");
        assert_eq!(told.invalidation.map(|it| it.id).as_ref(), Some(&id), "{paths:?} {tags:?}");
        assert!(told.next.reason.contains(&id), "{}", told.next.reason);
    }
    kit.get("/a", &[]).await;
    let id = kit.invalidate(&["/a"], &[], Kind::Soft);
    let told = kit.inspect("/a", &[]).unwrap();
    assert_eq!((told.next.cache, told.variants[0].standing), ("stale", Standing::Stale));
    assert_eq!(told.invalidation.unwrap().id, id);
}

#[tokio::test]
async fn the_next_request_is_told_as_it_will_be() {
    let site = "request_directives = \"honor\"\n[[sites.www.behaviors]]\npath = \"/off/*\"\n\
                policy = \"disabled\"\n[[sites.www.behaviors]]\npath = \"/secure\"\nviewer = \"https-only\"";
    let kit = Kit::start(site).await;
    let stored = ["cache-control: max-age=60", "etag: \"1\""];
    let stale = ["cache-control: max-age=0, stale-while-revalidate=60"];
    let expired = ["cache-control: max-age=0", "etag: \"1\""];
    for (target, fields) in [("/a", &stored[..]), ("/swr", &stale), ("/old", &expired)] {
        kit.origin.says(&answer("200 OK", fields, "x"));
        kit.get(target, &[]).await;
    }
    kit.origin.says(&answer("200 OK", &["cache-control: no-store"], "x"));
    kit.get("/never", &[]).await;
    for (target, fields, cache, forward, part) in [
        ("/a", &[][..], "hit", None, "is served"),
        ("/a", &["cache-control: no-cache"], "revalidated", Some("request"), "own Cache-Control"),
        ("/swr", &[], "stale", None, "at once, and refreshed"),
        ("/old", &[], "revalidated", Some("stale"), "still good"),
        ("/old", &["cache-control: only-if-cached"], "none", None, "504"),
        ("/none", &["cache-control: only-if-cached"], "none", None, "504"),
        ("/never", &[], "miss", Some("uri-miss"), "could not be stored (forbidden)"),
        ("/off/a", &[], "bypass", Some("bypass"), "stores nothing"),
        ("/secure", &[], "none", None, "answers 403 by itself: only HTTPS is served here"),
    ] {
        let told = kit.inspect(target, fields).unwrap();
        assert_eq!((told.next.cache, told.next.forward), (cache, forward), "{target} {fields:?}");
        assert!(told.next.reason.contains(part), "{}", told.next.reason);
    }
}

#[tokio::test]
async fn what_no_room_lets_in_has_no_answer() {
    let kit = Kit::start("").await;
    let ask = |url: &str| kit.edge.inspect(&Question::read(url, "GET", &[]).unwrap()).unwrap_err();
    assert_eq!(ask("http://b.test/"), Unroutable::UnknownHost);
    assert!(matches!(ask("http://a_b@c/"), Unroutable::Refused(_)));
    let long = format!("http://www.test/{}", "a".repeat(9_000));
    assert!(matches!(ask(&long), Unroutable::Refused(_)));
}
