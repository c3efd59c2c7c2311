//! What the edge asks of itself.

use bytes::Bytes;
use warmfront_semantics::coding::Coding;
use warmfront_semantics::errand::{Answer, Body, Cached, Fetch, Fetched, Form, Scheme};
use warmfront_store::Kind;

use super::kit::{Kit, answer, fetch};

const FRESH: [&str; 2] = ["cache-control: max-age=600", "content-type: text/html"];

async fn fetched(kit: &Kit, asked: &Fetch) -> Answer {
    match kit.edge.prefetch(asked).await {
        Fetched::Answered(answer) => answer,
        Fetched::Failed(why) => panic!("{why}"),
    }
}

#[tokio::test]
async fn what_was_fetched_is_a_hit() {
    let kit = Kit::start("").await;
    let page = "<p>".repeat(1_000);
    kit.origin.says(&answer("200 OK", &FRESH, &page));
    let first = fetched(&kit, &fetch("/a")).await;
    assert_eq!(
        (first.status.as_u16(), first.cached, first.body),
        (200, Cached::Stored, Body::Dropped)
    );
    assert_eq!(fetched(&kit, &fetch("/a")).await.cached, Cached::Hit);
    assert!(kit.get("/a", &[]).await.field("cache-status").contains("; hit"));
    let asked = kit.origin.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains("accept: text/html,*/*;q=0.8\r\n"), "{asked:?}");
    // What is answered is for everybody, so nobody is told that it is for the node's own host.
    for field in ["proto: http", "port: 80", "for: 192.0.2.1"] {
        assert!(asked[0].contains(&format!("x-forwarded-{field}\r\n")), "{field}: {asked:?}");
    }
}

#[tokio::test]
async fn the_codings_are_told_and_stored() {
    let kit = Kit::start("policy = \"optimized\"").await;
    let page = "<p>".repeat(1_000);
    kit.origin.says(&answer("200 OK", &FRESH, &page));
    let plain = fetched(&kit, &fetch("/a")).await;
    let codings = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
    assert_eq!(plain.forms, codings.map(Form::Coded));
    for coding in codings {
        let asked = Fetch { form: Form::Coded(coding), ..fetch("/a") };
        assert_eq!(fetched(&kit, &asked).await.cached, Cached::Hit);
        let told = kit.inspect("/a", &[]).unwrap();
        assert!(told.variants[0].codings.contains(&coding.as_str()), "{told:?}");
    }
    kit.origin.says(&answer(
        "200 OK",
        &["cache-control: max-age=9", "content-type: image/png"],
        &page,
    ));
    assert_eq!(fetched(&kit, &fetch("/b")).await.forms, []);
}

#[tokio::test]
async fn what_an_origin_chooses_for_browsers_is_fetched_as_they_ask() {
    let kit = Kit::start("").await;
    let varied = [FRESH[0], "vary: Cookie, Accept-Encoding"];
    kit.origin.says(&answer("200 OK", &varied, "x"));
    assert_eq!(fetched(&kit, &fetch("/a")).await.forms, [Form::Browsers]);
    for (scheme, accepted) in
        [(Scheme::Http, "gzip, deflate"), (Scheme::Https, "gzip, deflate, br, zstd")]
    {
        let browsers = Fetch { form: Form::Browsers, scheme, ..fetch("/a") };
        assert_eq!(fetched(&kit, &browsers).await.cached, Cached::Stored);
        let asked = kit.origin.asked();
        let field = format!("accept-encoding: {accepted}\r\n");
        assert!(asked.last().unwrap().contains(&field), "{asked:?}");
    }
    let browser = kit.get("/a", &["accept-encoding: gzip, deflate"]).await;
    assert!(browser.field("cache-status").contains("; hit"), "{browser:?}");
    kit.origin.says(&answer("200 OK", &FRESH, "x"));
    assert_eq!(fetched(&kit, &fetch("/b")).await.forms, []);
}

#[tokio::test]
async fn what_is_stale_is_refreshed_before_the_answer() {
    let kit = Kit::start("").await;
    kit.origin.says(&answer("200 OK", &FRESH, "old"));
    kit.get("/a", &[]).await;
    kit.invalidate(&["/a"], &[], Kind::Soft);
    kit.origin.says(&answer("200 OK", &FRESH, "new"));
    assert_eq!(fetched(&kit, &fetch("/a")).await.cached, Cached::Stored);
    assert_eq!(kit.get("/a", &[]).await.body, "new");
}

#[tokio::test]
async fn a_body_is_kept_as_far_as_it_was_asked_for() {
    let kit = Kit::start("").await;
    kit.origin.says(&answer("200 OK", &FRESH, "sitemap"));
    let kept = Body::Kept(Bytes::from_static(b"sitemap"));
    for (keep, body) in [(Some(7), kept), (Some(6), Body::TooLong), (None, Body::Dropped)] {
        assert_eq!(fetched(&kit, &Fetch { keep, ..fetch("/a") }).await.body, body);
    }
}

#[tokio::test]
async fn whom_a_site_lets_in_makes_no_difference_but_where_it_serves_does() {
    let kit = Kit::start("allow = [\"198.51.100.1\"]").await;
    kit.origin.says(&answer("200 OK", &FRESH, "x"));
    assert_eq!(kit.get("/a", &[]).await.status, 403);
    assert_eq!(fetched(&kit, &fetch("/a")).await.cached, Cached::Stored);
    let secure = "[[sites.www.behaviors]]\npath = \"/p\"\nviewer = \"https-only\"";
    let kit = Kit::start(secure).await;
    let refused = fetched(&kit, &fetch("/p")).await;
    assert_eq!((refused.status.as_u16(), refused.cached), (403, Cached::NotStored));
    let unknown = Fetch { host: "b.test".to_owned(), ..fetch("/a") };
    assert_eq!(fetched(&kit, &unknown).await.status, 404);
}

#[tokio::test]
async fn the_scheme_is_the_one_that_was_asked_for() {
    let kit = Kit::start("").await;
    kit.origin.says(&answer("200 OK", &FRESH, "x"));
    fetched(&kit, &Fetch { scheme: Scheme::Https, ..fetch("/a") }).await;
    assert!(kit.origin.asked()[0].contains("x-forwarded-proto: https\r\n"));
    // Where both schemes are let in, an app may answer each in its own way.
    assert_eq!(fetched(&kit, &fetch("/a")).await.cached, Cached::Stored);
}

#[tokio::test]
async fn a_failure_is_told_and_nobody_is_counted() {
    let kit = Kit::start("").await;
    let before = counted(&kit);
    kit.origin.says("");
    let Fetched::Failed(why) = kit.edge.prefetch(&fetch("/a")).await else { panic!("it did not") };
    assert!(why.contains("hung up"), "{why}");
    let Fetched::Failed(_) = kit.edge.prefetch(&fetch("/\u{1}")).await else {
        panic!("it did not")
    };
    assert_eq!(counted(&kit), before, "no metric of requests knows of it");
}

/// Requests in the metrics, whatever became of them.
fn counted(kit: &Kit) -> String {
    let families = kit.metrics.gather();
    let requests = families.iter().filter(|it| it.name() == "warmfront_requests_total");
    format!("{:?}", requests.collect::<Vec<_>>())
}
