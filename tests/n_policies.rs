//! Cache policies: what of a request is in the key.

use crate::support::client::Answer;
use crate::support::origin::Seen;
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

/// A site of which the n-th policy has the paths under `/n/`, and its origin.
async fn site(policies: &[&str], more: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    let policies = policies.iter().enumerate().map(|(nth, policy)| {
        format!(
            "[[sites.www.behaviors]]\npath = \"/{nth}/*\"\npolicy = \"p{nth}\"\n\
             [policies.p{nth}]\n{policy}\n"
        )
    });
    let config = format!(
        "{more}\n[origins.app]\ntargets = [\"{origin}\"]\n[sites.www]\nhosts = [\"{WWW}\"]\n\
         origin = \"app\"\n{}",
        policies.collect::<Vec<_>>().concat()
    );
    (origin, Edge::start(&config).await)
}

fn lasting() -> Reply {
    Reply::text("answer {n}").cache("max-age=60")
}

/// With `fields` as a person writes them, one behind the other with a `|` between.
async fn ask(edge: &Edge, method: &str, target: &str, fields: &str) -> Answer {
    let ask = edge.ask(method, WWW, target);
    let fields = fields.split('|').filter_map(|field| field.split_once(':'));
    fields.fold(ask, |ask, (name, value)| ask.field(name.trim(), value.trim())).send().await
}

async fn get(edge: &Edge, target: &str, fields: &str) -> Answer {
    ask(edge, "GET", target, fields).await
}

fn last(origin: &Origin, path: &str) -> Seen {
    origin.seen(path).pop().expect("the origin was asked")
}

/// A policy, the query of one request, what the origin sees of it, the query of a second request,
/// and whether that one is answered as the first was.
const QUERIES: [(&str, &str, &str, &str, bool); 34] = [
    ("query = 'none'", "?a=1", "", "", true),
    ("query = 'none'", "?utm=1;admin=1", "", "?x", true),
    ("query = 'all'", "?a=1&b", "?a=1&b", "?a=1&b", true),
    ("query = 'all'", "?a=1", "?a=1", "?a=2", false),
    ("query = 'all'", "?a=1", "?a=1", "?A=1", false),
    ("query = 'all'", "?a=1", "?a=1", "", false),
    ("query = 'all'", "?", "?", "", false),
    ("query = 'all'", "?a=1&b=2", "?a=1&b=2", "?b=2&a=1", false),
    ("query = 'all'", "?a=%41", "?a=%41", "?a=A", false),
    ("query = ['a']", "?utm=1&a=1", "?a=1", "?a=1&utm=2", true),
    ("query = ['a']", "?x=1", "", "", true),
    ("query = ['a']", "?a=1", "?a=1", "?a=2", false),
    ("query = ['a']", "?a=1", "?a=1", "?a=1&a=2", false),
    ("query = ['a']", "?a", "?a", "?a=", false),
    ("query = ['a']", "?A=1&a=1", "?a=1", "?A=2&a=1", true),
    ("query = ['a']", "?%61=1&x", "?%61=1", "?y&%61=1", true),
    ("query = ['a']", "?%2561=1", "", "", true),
    ("query = ['a b']", "?a+b=1&x", "?a+b=1", "?a+b=1", true),
    ("query = ['a b']", "?a%20b=1", "?a%20b=1", "?a%20b=2", false),
    ("query = ['a+b']", "?a%2Bb=1&a+b=2", "?a%2Bb=1", "?a%2Bb=1", true),
    ("query = ['größe']", "?gr%C3%B6%c3%9fe=1&x", "?gr%C3%B6%c3%9fe=1", "", false),
    ("query = ['a[]']", "?a[]=1&a%5B%5d=2", "?a[]=1&a%5B%5d=2", "?a[]=1", false),
    // Some origins end a pair at a semicolon.
    ("query = ['admin']", "?utm=1;admin=1", "?utm=1;admin=1", "?utm=1", false),
    ("query = { except = ['utm'] }", "?utm=1;admin=1", "?utm=1;admin=1", "?utm=2", false),
    ("query = { except = ['utm'] }", "?utm=1&a=1", "?a=1", "?a=1&utm=2", true),
    ("query = { except = ['utm'] }", "?%75tm=1&a=1", "?a=1", "?a=1&ut%6D=2", true),
    ("query = { except = ['utm'] }", "?utm=1", "", "", true),
    ("query = { except = ['utm'] }", "?a=1", "?a=1", "?b=1", false),
    ("query = { except = ['utm'] }", "?UTM=1", "?UTM=1", "", false),
    ("query_order = 'sorted'\nquery = 'all'", "?b=2&a=1", "?a=1&b=2", "?a=1&b=2", true),
    ("query_order = 'sorted'\nquery = 'all'", "?a=2&a=1", "?a=1&a=2", "?a=1&a=2", true),
    ("query_order = 'sorted'\nquery = 'all'", "?a=1&b=2", "?a=1&b=2", "?a=2&b=1", false),
    ("query_order = 'sorted'\nquery = ['b', 'a']", "?b&x&a", "?a&b", "?y&a&b", true),
    ("query_order = 'as-sent'\nquery = ['b', 'a']", "?b&a", "?b&a", "?a&b", false),
];

#[test]
fn the_query_in_the_key() {
    run(async {
        let (origin, edge) = site(&QUERIES.map(|(policy, ..)| policy), "").await;
        for (nth, (policy, first, seen, second, same)) in QUERIES.into_iter().enumerate() {
            let path = format!("/{nth}/a");
            origin.answer(&path, lasting());
            assert_eq!(get(&edge, &format!("{path}{first}"), "").await.cache(), "Miss");
            assert_eq!(last(&origin, &path).target, format!("{path}{seen}"), "{policy}: {first}");
            let answer = get(&edge, &format!("{path}{second}"), "").await;
            let hit = answer.cache() == "Hit";
            assert_eq!(hit, same, "{policy}: {second} after {first}: {answer:?}");
        }
    });
}

/// A policy, the fields of two requests, and whether the second is answered as the first was.
const FIELDS: [(&str, &str, &str, bool); 30] = [
    ("headers = ['x-a']", "x-a: 1", "x-a: 1 | x-b: 2", true),
    ("headers = ['x-a']", "x-a: 1", "x-a: 2", false),
    ("headers = ['X-A']", "x-a: a", "x-a: A", false),
    ("headers = ['x-a']", "", "x-b: 1", true),
    ("headers = ['x-a']", "", "x-a:", false),
    ("headers = ['x-a']", "x-a:", "", false),
    ("headers = ['x-a']", "x-a: 1", "", false),
    ("headers = ['x-a']", "x-a: 1 | x-a: 2", "x-a: 1 | x-b: 3 | x-a: 2", true),
    ("headers = ['x-a']", "x-a: 1 | x-a: 2", "x-a: 2 | x-a: 1", false),
    ("headers = ['x-a']", "x-a: 1 | x-a: 2", "x-a: 1, 2", false),
    ("headers = ['x-a']", "x-a: 1 | x-a:", "x-a: 1", false),
    ("headers = ['x-a', 'x-b']", "x-a: 1", "x-b: 1", false),
    ("headers = ['x-a', 'x-b']", "x-b: 2 | x-a: 1", "x-a: 1 | x-b: 2", true),
    ("headers = ['x-a', 'x-b']", "x-a: 1 | x-a: 2", "x-a: 1 | x-b: 2", false),
    ("headers = ['origin']", "origin: https://a.test", "origin: https://b.test", false),
    ("headers = ['authorization']", "authorization: a", "authorization: b", false),
    ("cookies = 'none'", "cookie: a=1", "cookie: a=2", true),
    ("cookies = 'all'", "cookie: a=1; b=2", "cookie: b=2; a=1", true),
    ("cookies = 'all'", "cookie: a=1; b=2", "cookie: a=1 | cookie: b=2", true),
    ("cookies = 'all'", "cookie: a=1;b=2", "cookie: a=1;  b=2 ;", true),
    ("cookies = 'all'", "cookie: a=1; a=2", "cookie: a=2; a=1", false),
    ("cookies = 'all'", "cookie: a=1", "cookie: A=1", false),
    ("cookies = 'all'", "cookie: a=", "cookie: a", false),
    ("cookies = 'all'", "", "cookie: ;", true),
    ("cookies = ['a']", "cookie: a=1; x=1", "cookie: x=2; a=1", true),
    ("cookies = ['a']", "cookie: a=1", "cookie: a=1; a=2", false),
    ("cookies = ['a']", "cookie: x=1", "", true),
    ("cookies = ['a']", "cookie: a=1", "", false),
    ("cookies = { except = ['_ga'] }", "cookie: _ga=1; a=1", "cookie: a=1; _ga=2", true),
    ("cookies = { except = ['_ga'] }", "cookie: a=1", "cookie: a=2", false),
];

#[test]
fn fields_and_cookies_in_the_key() {
    run(async {
        let (origin, edge) = site(&FIELDS.map(|(policy, ..)| policy), "").await;
        for (nth, (policy, first, second, same)) in FIELDS.into_iter().enumerate() {
            let path = format!("/{nth}/a");
            // Without `public`, what came with an Authorization is not shared at all.
            origin.answer(&path, lasting().cache("public"));
            let told = format!("{policy}: {second:?} after {first:?}");
            assert_eq!(get(&edge, &path, first).await.cache(), "Miss", "{told}");
            let answer = get(&edge, &path, second).await;
            assert_eq!(answer.cache() == "Hit", same, "{told}: {answer:?}");
            for (fields, body) in [(first, 1), (second, if same { 1 } else { 2 })] {
                let again = get(&edge, &path, fields).await;
                let got = (again.cache(), again.text());
                assert_eq!(got, ("Hit".to_owned(), &*format!("answer {body:03}")), "{told}");
                let head = ask(&edge, "HEAD", &path, fields).await;
                assert_eq!((&*head.cache(), head.body.len()), ("Hit", 0), "{told}");
            }
        }
    });
}

/// What a policy has in its key makes versions of a resource, and a change is of all of them.
#[test]
fn a_change_takes_every_version_out() {
    run(async {
        let policy = "headers = ['x-a', 'accept-language']\ncookies = ['c']\nquery = ['q']";
        let (origin, edge) = site(&[policy, policy], "").await;
        let versions =
            ["", "x-a: 1", "x-a: 2 | accept-language: de", "cookie: c=1", "x-a: 1 | cookie: c=2"];
        let others = ["/0/a?q=1", "/0/b", "/1/a"];
        for path in ["/0/a", "/0/b", "/1/a"] {
            origin.answer(path, lasting());
        }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            for version in versions {
                get(&edge, "/0/a", version).await;
                for other in others {
                    get(&edge, other, version).await;
                }
            }
            let change = ask(&edge, method, "/0/a?x=3", "x-a: 7 | cookie: c=7").await;
            assert_eq!(change.status, 200);
            for version in versions {
                let taken = get(&edge, "/0/a", version).await;
                assert_eq!(taken.cache(), "Miss", "{method}: {version:?}");
                for other in others {
                    let stays = get(&edge, other, version).await;
                    assert_eq!(stays.cache(), "Hit", "{method}: {other} {version:?}");
                }
            }
        }
    });
}

/// So is an invalidation of its path, in whatever version and with whatever query.
#[test]
fn an_invalidation_takes_every_version_out() {
    run(async {
        let policy = "headers = ['x-a']\ncookies = 'all'\nquery = 'all'\nquery_order = 'sorted'";
        let (origin, edge) = site(&[policy], "").await;
        let versions = ["", "x-a: 1", "cookie: c=1", "x-a: 1 | cookie: c=2"];
        let targets = ["/0/a", "/0/a?q=1&p=2", "/0/b?q=1"];
        for (order, taken) in [
            (r#"{"paths":["/0/a"]}"#, ["Miss", "Miss", "Hit"]),
            (r#"{"paths":["/0/a?p=2&q=1"]}"#, ["Hit", "Miss", "Hit"]),
            (r#"{"paths":["/0/*"]}"#, ["Miss", "Miss", "Miss"]),
        ] {
            for target in targets {
                origin.answer(target.split('?').next().unwrap(), lasting());
                for version in versions {
                    get(&edge, target, version).await;
                }
            }
            let told = edge.invalidate(order).await;
            let matched = versions.len() * taken.iter().filter(|cache| **cache == "Miss").count();
            assert_eq!(told.json()["matched"], matched, "{order}");
            for (target, cache) in targets.into_iter().zip(taken) {
                for version in versions {
                    let answer = get(&edge, target, version).await;
                    assert_eq!(answer.cache(), cache, "{order}: {target} {version:?}");
                }
            }
        }
    });
}

/// What the built-in policies make of a query, and of an origin that says nothing or something of
/// freshness: what the origin sees, and whether another query and the same are a hit.
#[test]
fn what_is_built_in() {
    run(async {
        let origin = Origin::start().await;
        let behaviors = ["optimized", "origin", "disabled"].map(|name| {
            format!("[[sites.www.behaviors]]\npath = '/{name}/*'\npolicy = '{name}'\n")
        });
        let config = format!(
            "[origins.app]\ntargets = ['{origin}']\n[sites.www]\nhosts = ['{WWW}']\n\
             origin = 'app'\n{}",
            behaviors.concat()
        );
        let edge = Edge::start(&config).await;
        for (path, cache, seen, other, same) in [
            ("/optimized/1", "", "", "Hit", "Hit"),
            ("/optimized/2", "max-age=60", "", "Hit", "Hit"),
            ("/optimized/3", "no-store", "", "Miss", "Miss"),
            ("/origin/1", "", "?a=1", "Miss", "Miss"),
            ("/origin/2", "max-age=60", "?a=1", "Miss", "Hit"),
            ("/origin/3", "no-store", "?a=1", "Miss", "Miss"),
            ("/disabled/1", "", "?a=1", "Miss", "Miss"),
            ("/disabled/2", "max-age=60", "?a=1", "Miss", "Miss"),
            ("/disabled/3", "public, immutable, s-maxage=60", "?a=1", "Miss", "Miss"),
        ] {
            let reply = Reply::text("answer {n}");
            origin.answer(path, if cache.is_empty() { reply } else { reply.cache(cache) });
            let first = get(&edge, &format!("{path}?a=1"), "").await;
            assert_eq!(last(&origin, path).target, format!("{path}{seen}"));
            assert_eq!((&*first.cache(), first.text()), ("Miss", "answer 001"), "{path}");
            assert_eq!(get(&edge, &format!("{path}?a=2"), "").await.cache(), other, "{path}");
            assert_eq!(get(&edge, &format!("{path}?a=1"), "").await.cache(), same, "{path}");
        }
        let bypass = get(&edge, "/disabled/2", "").await.field("cache-status");
        assert!(bypass.contains("fwd=bypass") && !bypass.contains("stored"), "{bypass}");
    });
}

#[test]
fn what_is_disabled_makes_nobody_wait_for_another() {
    run(async {
        let (origin, edge) = site(&["ttl = { default = '0s', max = '0s' }"], "").await;
        let gate = Gate::closed();
        origin.answer("/0/a", lasting().held_by(&gate));
        let asks = async {
            tokio::join!(get(&edge, "/0/a", ""), get(&edge, "/0/a", ""), get(&edge, "/0/a", ""))
        };
        let opens = async {
            origin.reached("/0/a", 3).await;
            gate.open();
        };
        let ((one, two, three), ()) = tokio::join!(asks, opens);
        for answer in [one, two, three] {
            assert_eq!((answer.status.as_u16(), &*answer.cache()), (200, "Miss"), "{answer:?}");
        }
    });
}

/// The edge compresses, so an origin that would is asked once for all clients.
#[test]
fn an_origin_that_varies_by_coding_is_asked_once() {
    run(async {
        let (origin, edge) = site(&[""], "").await;
        let page = Reply::text(&"<p>page</p>".repeat(200)).field("content-type", "text/html");
        origin.answer("/0/a", page.cache("max-age=60").field("vary", "Accept-Encoding"));
        for (nth, coding) in ["br", "gzip", "zstd", "", "identity", "br;q=0, *"].iter().enumerate()
        {
            let fields = format!("accept-encoding: {coding}");
            let answer = get(&edge, "/0/a", if coding.is_empty() { "" } else { &fields }).await;
            assert_eq!(answer.cache(), if nth == 0 { "Miss" } else { "Hit" }, "{coding}");
            let vary = answer.field("vary").to_ascii_lowercase();
            assert_eq!(vary, "accept-encoding", "{coding}: {answer:?}");
        }
        assert_eq!(last(&origin, "/0/a").field("accept-encoding"), "identity");
        assert_eq!(origin.seen("/0/a").len(), 1);
    });
}

#[test]
fn ten_thousand_parameters_are_taken_where_the_limit_is_raised() {
    run(async {
        // As a client's own library would send no more than 64 KiB of them.
        let names: Vec<String> =
            (0..10_000).map(|n| format!("{:03x}={}", n % 4096, n / 4096)).collect();
        let reversed: Vec<&str> = names.iter().rev().map(String::as_str).collect();
        let (query, reversed) = (names.join("&"), reversed.join("&"));
        let policies =
            ["query = 'all'\nquery_order = 'sorted'", "query = ['001']\nquery_order = 'sorted'"];
        let limits = "[limits]\nurl_bytes = \"64KiB\"\nheader_bytes = \"128KiB\"";
        let (origin, edge) = site(&policies, limits).await;
        let less = "[limits]\nheader_bytes = \"128KiB\"";
        let (origin_of_less, edge_of_less) = site(&policies, less).await;
        for (path, seen) in [("/0/a", query.len()), ("/1/a", "001=0&001=1&001=2".len())] {
            origin.answer(path, lasting());
            for (over, query, cache) in [
                (Over::Http1, &query, "Miss"),
                (Over::Http1, &reversed, "Hit"),
                (Over::Http2, &reversed, "Hit"),
            ] {
                let target = format!("{path}?{query}");
                let answer = edge.ask("GET", WWW, &target).over(over).send().await;
                assert_eq!((answer.status.as_u16(), &*answer.cache()), (200, cache), "{over:?}");
                let long = edge_of_less.ask("GET", WWW, &target).over(over).send().await;
                assert_eq!(long.status, 414, "{over:?}");
            }
            assert_eq!(last(&origin, path).target.len(), path.len() + 1 + seen, "{path}");
        }
        assert_eq!(origin_of_less.seen("/0/a").len(), 0);
    });
}

/// A cookie of 32 KiB is over the usual limit of the head with whatever else is in it.
#[test]
fn a_cookie_header_of_32_kib_is_431_unless_the_limit_is_raised() {
    run(async {
        let cookies = format!("c=1; big={}", "x".repeat(32 * 1024 - 9));
        for (limits, status) in [("", 431), ("[limits]\nheader_bytes = \"40KiB\"", 200)] {
            let (origin, edge) = site(&["cookies = ['c']", "cookies = 'all'"], limits).await;
            for path in ["/0/a", "/1/a"] {
                origin.answer(path, lasting());
                for over in [Over::Http2, Over::Http1] {
                    let ask = edge.ask("GET", WWW, path).over(over);
                    let answer = ask.field("cookie", &cookies).send().await;
                    assert_eq!(answer.status, status, "{limits} {path} {over:?}");
                }
                assert_eq!(origin.seen(path).len(), usize::from(status == 200), "{limits} {path}");
            }
        }
    });
}
