//! Error pages: a page of the site's own in an error's place, its status, and how long it stays.

use crate::support::{Edge, Origin, Over, Reply, WWW, run};

/// Pages come from one origin, everything under `/api/` from another.
async fn site(pages: &str) -> (Origin, Origin, Edge) {
    let (app, api) = (Origin::start().await, Origin::start().await);
    let config = format!(
        r#"
[origins.app]
targets = ["{app}"]

[origins.api]
targets = ["{api}"]

[sites.www]
hosts = ["www.example.test"]
origin = "app"
viewer = "allow-all"
error_pages = [{pages}]

[[sites.www.behaviors]]
path = "/api/*"
origin = "api"
"#
    );
    let edge = Edge::start(&config).await;
    (app, api, edge)
}

const OOPS: &str =
    r#"{ status = [404, 500, 502], page = "/oops.html", respond = 503, ttl = "1m" }"#;

fn oops() -> Reply {
    let page = Reply::text("<h1>Oops {n}</h1>").field("content-type", "text/html");
    page.cache("max-age=60").field("x-page", "yes").field("etag", "\"oops\"")
}

/// Those in clear come first, and have a page of their own: the site serves both schemes.
fn page(over: Over) -> &'static str {
    if over == Over::Plain { "<h1>Oops 001</h1>" } else { "<h1>Oops 002</h1>" }
}

#[test]
fn an_error_is_shown_the_sites_page_from_another_origin() {
    run(async {
        let (app, api, edge) = site(OOPS).await;
        app.answer("/oops.html", oops());
        for (over, path) in
            [(Over::Plain, "/api/a"), (Over::Http1, "/api/b"), (Over::Http2, "/api/c")]
        {
            api.answer(path, Reply::text("broken").status(500).field("x-api", "yes"));
            for asked in 1..=2 {
                let answer = edge.ask("GET", WWW, path).over(over).send().await;
                assert_eq!(answer.status, 503, "{over:?} {asked}: {answer:?}");
                assert_eq!(answer.text(), page(over), "{over:?} {asked}: {answer:?}");
                assert_eq!(answer.cache(), "Error", "{answer:?}");
                assert_eq!(answer.field("content-type"), "text/html");
                assert_eq!((&*answer.field("x-page"), &*answer.field("x-api")), ("yes", ""));
                assert_eq!(answer.fields.get_all("x-request-id").iter().count(), 1, "{answer:?}");
            }
            assert_eq!(api.seen(path).len(), 1, "the error is kept for its ttl");
            let head = edge.ask("HEAD", WWW, path).over(over).send().await;
            assert_eq!(
                (head.status.as_u16(), &*head.field("content-length")),
                (503, "17"),
                "{head:?}"
            );
        }
        let line = edge.logged("/api/a").await;
        assert_eq!((&line["status"], &line["error"]), (&503.into(), &500.into()), "{line}");
        // A page is stored like anything else, which is once for each scheme here.
        assert_eq!(app.seen("/oops.html").len(), 2);
    });
}

#[test]
fn errors_of_what_is_not_stored_are_shown_the_page_too() {
    run(async {
        let (app, api, edge) = site(OOPS).await;
        app.answer("/oops.html", oops());
        api.answer("/api/order", Reply::text("no").status(500));
        api.answer("/api/empty", Reply::text("").status(500).cache("no-store"));
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            for (method, path) in
                [("POST", "/api/order"), ("GET", "/api/empty"), ("POST", "/api/none")]
            {
                let answer = edge.ask(method, WWW, path).over(over).send().await;
                let got = (answer.status.as_u16(), answer.text());
                assert_eq!(got, (503, page(over)), "{over:?} {method} {path} {answer:?}");
            }
        }
        assert_eq!(api.seen("/api/empty").len(), 3);
    });
}

#[test]
fn an_origin_that_is_down_is_shown_the_page() {
    run(async {
        let (app, api, edge) = site(OOPS).await;
        app.answer("/oops.html", oops());
        api.answer("/api/a", Reply::hang_up());
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let answer = edge.ask("GET", WWW, "/api/a").over(over).send().await;
            assert_eq!((answer.status.as_u16(), answer.text()), (503, page(over)), "{answer:?}");
            assert_eq!(answer.cache(), "Error");
        }
        let line = edge.logged("/api/a").await;
        assert_eq!((&line["status"], &line["fault"]), (&503.into(), &"hung-up".into()), "{line}");
    });
}

#[test]
fn a_page_that_is_no_page_leaves_the_error_as_it_is() {
    run(async {
        let pages = r#"
            { status = 404, page = "/oops.html", ttl = "0s" },
            { status = 500, page = "/none.html", ttl = "0s" },
            { status = 502, page = "/worse.html", ttl = "0s" },
            { status = 503, page = "/silent.html", ttl = "0s" },
            { status = 504, page = "/api/5", ttl = "0s" }"#;
        let (app, api, edge) = site(pages).await;
        app.answer("/worse.html", Reply::text("worse").status(501));
        app.answer("/silent.html", Reply::hang_up());
        for (n, status) in [404, 500, 502, 503, 504].into_iter().enumerate() {
            let path = format!("/api/{}", n + 1);
            api.answer(&path, Reply::text("broken").status(status).field("x-api", "yes"));
            for over in [Over::Plain, Over::Http1, Over::Http2] {
                let answer = edge.ask("GET", WWW, &path).over(over).send().await;
                let got = (answer.status.as_u16(), answer.text(), &*answer.field("x-api"));
                assert_eq!(got, (status, "broken", "yes"), "{answer:?}");
                let said = answer.field("cache-status");
                assert!(said.contains("detail=no-error-page"), "{answer:?}");
            }
        }
        // The page of an error has no error page in turn.
        let own = edge.get(WWW, "/oops.html").await;
        assert_eq!((own.status.as_u16(), own.text()), (404, "missing"), "{own:?}");
    });
}

#[test]
fn invalidating_the_page_or_the_url_takes_effect() {
    run(async {
        let (app, api, edge) = site(OOPS).await;
        app.answer("/oops.html", oops());
        api.answer("/api/a", Reply::text("broken").status(500));
        assert_eq!(edge.get(WWW, "/api/a").await.text(), "<h1>Oops 001</h1>");
        edge.invalidate(r#"{"paths":["/oops.html"]}"#).await;
        assert_eq!(edge.get(WWW, "/api/a").await.text(), "<h1>Oops 002</h1>");
        assert_eq!(api.seen("/api/a").len(), 1);
        api.answer("/api/a", Reply::text("well"));
        edge.invalidate(r#"{"paths":["/api/a"]}"#).await;
        let answer = edge.get(WWW, "/api/a").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "well"));
    });
}

#[test]
fn which_errors_are_kept_and_which_are_not() {
    run(async {
        let pages = r#"
            { status = [400, 403, 404, 500, 503], ttl = "1m" },
            { status = [502], ttl = "0s" }"#;
        let (_, api, edge) = site(pages).await;
        for (n, (status, cache, asked)) in [
            (404, "", 1),
            (500, "", 1),
            (503, "", 1),
            (503, "max-age=0", 1),
            (404, "no-store", 2),
            (500, "private", 2),
            (404, "no-cache", 2),
            (403, "", 2),
            (400, "", 2),
            (403, "max-age=1", 1),
            (502, "", 2),
            (501, "", 2),
            (504, "", 2),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/api/{n}");
            let reply = Reply::text("error").status(status);
            api.answer(&path, if cache.is_empty() { reply } else { reply.cache(cache) });
            for _ in 0..2 {
                let answer = edge.get(WWW, &path).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.text()),
                    (status, "error"),
                    "{answer:?}"
                );
            }
            assert_eq!(api.seen(&path).len(), asked, "{status} {cache:?}");
        }
    });
}

/// A page is fetched by no client's request: it is refreshed by whoever needs it.
#[test]
fn a_page_that_is_stale_is_fetched_anew_for_the_next_error() {
    run(async {
        let (app, api, edge) = site(OOPS).await;
        api.answer("/api/a", Reply::text("broken").status(500));
        let page = |text: &str| Reply::text(text).field("content-type", "text/html");
        let lasting = "max-age=1000, stale-while-revalidate=1000";
        app.answer("/oops.html", page("one").cache(lasting));
        assert_eq!(edge.get(WWW, "/api/a").await.text(), "one");
        app.answer("/oops.html", page("two").cache("max-age=0, stale-while-revalidate=1000"));
        let soft = edge.invalidate(r#"{"paths":["/oops.html"],"soft":true}"#).await;
        assert_eq!(soft.json()["matched"], 1, "{soft:?}");
        assert_eq!(edge.get(WWW, "/api/a").await.text(), "two", "after a soft invalidation");
        app.answer("/oops.html", page("three").cache(lasting));
        assert_eq!(edge.get(WWW, "/api/a").await.text(), "three", "after its lifetime");
        let direct = edge.get(WWW, "/oops.html").await;
        assert_eq!((direct.text(), &*direct.cache()), ("three", "Hit"), "{direct:?}");
    });
}
