//! Clients that try to have something stored for others which they alone asked for.

use http::StatusCode;

use crate::support::client::raw;
use crate::support::exchange::Served::{Hit, Miss};
use crate::support::exchange::{Says, get, ok, play, scenario, send};
use crate::support::{Edge, Origin, Over, Reply, WWW, run};

/// `[sites.www]` with a host for everybody.
const HOSTS: &str = r#"hosts = ["www.example.test"]"#;

#[test]
fn a_get_with_content_is_between_its_client_and_the_origin() {
    run(async {
        let (origin, edge) = site().await;
        for over in [Over::Http1, Over::Http2] {
            let path = format!("/fat/{over:?}");
            origin.answer(&path, Reply::text("answer {n}").cache("max-age=60"));
            let fat = edge.ask("GET", WWW, &path).over(over).body("evil").send().await;
            assert!(fat.field("cache-status").contains("fwd=bypass"), "{fat:?}");
            let plain = edge.ask("GET", WWW, &path).over(over).send().await;
            assert_eq!(plain.cache(), "Miss", "{over:?}");
            assert_eq!(origin.seen(&path).len(), 2, "{over:?}");
        }
    });
}

#[test]
fn every_spelling_of_a_host_is_one_host_and_every_port_another_answer() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a").cache("max-age=60"));
        let get = async |host: &str| {
            let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            raw(edge.setup().place.http, request.as_bytes()).await
        };
        assert!(get("WWW.Example.test.").await.contains("x-cache: Miss"));
        assert_eq!(origin.seen("/a")[0].field("host"), WWW);
        assert!(get("www.example.test:80").await.contains("x-cache: Hit"));
        assert!(get("www.example.test:1337").await.contains("x-cache: Miss"));
        assert_eq!(origin.seen("/a")[1].field("host"), "www.example.test:1337");
        assert!(get(WWW).await.contains("x-cache: Hit"));
    });
}

#[test]
fn hosts_that_nobody_listed_share_nothing() {
    run(async {
        let origin = Origin::start().await;
        let config = crate::support::edge::before(&[origin.address()]);
        let any = r#"hosts = ["www.example.test", "*.example.test"]"#;
        let edge = Edge::start(&config.replace(HOSTS, any)).await;
        origin.answer("/a", Reply::text("a").cache("max-age=60"));
        for (host, cache) in [("evil", "Miss"), ("other", "Miss"), ("www", "Miss"), ("evil", "Hit")]
        {
            let host = format!("{host}.example.test");
            let answer = edge.ask("GET", &host, "/a").over(Over::Plain).send().await;
            assert_eq!(answer.cache(), cache, "{host}");
        }
    });
}

#[test]
fn names_that_mean_the_same_to_an_app_are_dropped_too() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a"));
        let names = ["x_forwarded_host", "x-original-url", "x-real-ip", "x-host"];
        let ask =
            names.iter().fold(edge.ask("GET", WWW, "/a"), |ask, name| ask.field(name, "evil"));
        assert_eq!(ask.send().await.status, StatusCode::OK);
        let seen = &origin.seen("/a")[0];
        assert!(seen.fields.values().all(|value| value != "evil"), "{:?}", seen.fields);
    });
}

/// Gateways tell an app of TLS and of the method in words of their own, and CGI spells `-` as `_`.
#[test]
fn words_of_other_gateways_are_not_the_clients_to_say() {
    let schemes = [
        "X-Forwarded-SSL",
        "X-Forwarded-Protocol",
        "X-Url-Scheme",
        "Front-End-Https",
        "x_url_scheme",
    ];
    let methods = [
        "X-HTTP-Method-Override",
        "X_HTTP_Method_Override",
        "X_HTTP_Method",
        "x-method_override",
        "X-Forwarded-Method",
        "x_forwarded_method",
        "X-Original-Method",
    ];
    let name = |name: &str| -> &'static str { name.to_ascii_lowercase().leak() };
    let schemes = schemes.map(name).map(|name| {
        let ask = |method| send(method, Miss).with(name, "on").saw_no(name);
        scenario(name).origin(ok()).ask(ask("GET")).ask(ask("POST"))
    });
    let methods = methods.map(name).map(|name| {
        let ask = |method| send(method, Miss).with(name, "DELETE");
        let seen = ask("POST").saw(name, "DELETE");
        scenario(name)
            .origin(ok())
            .ask(ask("GET").saw_no(name))
            .ask(ask("HEAD").saw_no(name))
            .ask(seen)
    });
    play(schemes.into_iter().chain(methods));
}

/// What Connection names does not reach the origin, and selects no variant that the origin made
/// without it.
#[test]
fn fields_that_are_taken_away_select_nothing() {
    let asked = || get(Miss).with("origin", "https://a.test").with("accept-language", "de");
    let poison = |connection| {
        let taken = asked().with("connection", connection).tells("fwd=bypass").tells_no("stored");
        scenario(format!("Connection: {connection}"))
            .origin(lasting().vary("Origin, Accept-Language"))
            .ask(taken.clone())
            .ask(asked().saw("origin", "https://a.test").saw("accept-language", "de"))
            .ask(taken)
            .over_http1_only()
    };
    let lists =
        ["Origin, Accept-Language", "close, accept-language", "ORIGIN", "keep-alive\t,origin"];
    let honest = |connection| {
        let ask = |served| get(served).with("connection", connection).with("upgrade", "h2c");
        scenario(format!("Connection: {connection}"))
            .origin(lasting().vary("HTTP2-Settings"))
            .ask(ask(Miss).with("http2-settings", "AAMAAABkAAQAoAAA").saw_no("http2-settings"))
            .ask(ask(Hit).with("http2-settings", "AAMAAABkAAQAoAAA"))
            .over_http1_only()
    };
    let own = ["close", "Keep-Alive", "upgrade", "Upgrade, HTTP2-Settings", "TE, close", ""];
    play(lists.map(poison).into_iter().chain(own.map(honest)));
}

/// The client's own field of that name does not tell what the origin saw.
#[test]
fn what_varies_by_a_field_of_the_edges_own_is_one_clients() {
    let made = [
        "X-Forwarded-For",
        "x-forwarded-host",
        "X-Forwarded-Port",
        "X_Forwarded_For",
        "Via",
        "X-Request-Id",
        "Accept, x-forwarded-for",
        "Accept\nVia",
    ];
    let made = made.map(|list| {
        scenario(format!("Vary: {list}"))
            .origin(lasting().vary(list).etag("\"a\""))
            .ask(get(Miss).tells("detail=vary-star").tells_no("stored"))
            .ask(get(Miss).saw_no("if-none-match"))
    });
    // The same for all requests of a key.
    let same = ["X-Forwarded-Proto", "Forwarded", "X-Real-IP"].map(|list| {
        scenario(format!("Vary: {list}")).origin(lasting().vary(list)).get(Miss).get(Hit)
    });
    play(made.into_iter().chain(same));
}

#[test]
fn one_client_who_is_let_in_does_not_end_collapse_for_the_others() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a").cache("max-age=60"));
        let let_in = edge.ask("GET", WWW, "/a").field("authorization", "Bearer x").send().await;
        assert_eq!(let_in.cache(), "Miss");
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Miss");
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Hit", "it was not remembered as private");
    });
}

#[test]
fn malformed_chunks_never_reach_an_app() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a"));
        for body in ["2;\nxx\r\n4c\r\n0\r\n\r\n", "\r\nabc\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n"]
        {
            let head =
                format!("POST /a HTTP/1.1\r\nHost: {WWW}\r\nTransfer-Encoding: chunked\r\n\r\n");
            let smuggled = format!("{head}{body}GET /smuggled HTTP/1.1\r\nHost: {WWW}\r\n\r\n");
            let answer = raw(edge.setup().place.http, smuggled.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{body:?}: {answer}");
        }
        assert_eq!(origin.seen("/smuggled").len(), 0);
    });
}

fn lasting() -> Says {
    ok().cache("max-age=60")
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}
