//! One path has many spellings, and all of them one behavior.

use crate::support::{Edge, Origin, Over, Reply, WWW, run};

const KEY: &str = include_str!("../config/src/tests/keys/rsa.pem");

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let config = format!(
        r#"
[origins.app]
targets = ["{origin}"]

[key_groups.team]
keys = [{{ id = "K1", public_key = """{KEY}""" }}]

[sites.www]
hosts = ["www.example.test"]
origin = "app"
viewer = "allow-all"

[[sites.www.behaviors]]
path = "/private/*"
trusted_key_groups = ["team"]

[sites.open]
hosts = ["open.example.test"]
origin = "app"
viewer = "allow-all"

[[sites.open.behaviors]]
path = "/caf%C3%A9/*"
response_headers = {{ set = {{ x-behavior = "coffee" }} }}

[[sites.open.behaviors]]
path = "/A?/*.js"
response_headers = {{ set = {{ x-behavior = "js" }} }}
"#
    );
    (origin, Edge::start(&config).await)
}

#[test]
fn no_spelling_of_a_path_goes_round_a_signature() {
    run(async {
        let (origin, edge) = site().await;
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            for (path, status) in [
                ("/private/x", 403),
                ("/%70rivate/x", 403),
                ("/private%2Fx", 403),
                ("/private%2fx", 403),
                ("//private/x", 403),
                ("/%2Fprivate/x", 403),
                ("/private//x", 403),
                ("/open/../private/x", 400),
                ("/open/%2e%2e/private/x", 400),
                ("/open%2F..%2Fprivate/x", 400),
                ("/./private/x", 400),
                ("/private/../open", 400),
                ("/open/..;/private/x", 400),
                ("/private;a=1/x", 400),
                ("/;/private/x", 400),
                ("/private%5Cx", 400),
                ("/;%2Fa/private/x", 400),
                ("/;%5Ca/private/x", 400),
                ("/private;%2Fa/x", 400),
            ] {
                let answer = edge.ask("GET", WWW, path).over(over).send().await;
                assert_eq!(answer.status, status, "{over:?} {path}: {answer:?}");
                assert!(!answer.text().contains("key"), "why is the log's business: {answer:?}");
                assert!(origin.seen(path).is_empty(), "{over:?} {path}");
            }
            // Another name, not another spelling.
            for path in ["/Private/x", "/private", "/privatex/x", "/%2570rivate/x", "/open;a=1/x"] {
                origin.answer(path, Reply::text("open"));
                let answer = edge.ask("GET", WWW, path).over(over).send().await;
                assert_eq!(
                    (answer.status.as_u16(), answer.text()),
                    (200, "open"),
                    "{over:?} {path}"
                );
            }
        }
    });
}

#[test]
fn patterns_match_what_is_meant_and_origins_see_what_was_sent() {
    run(async {
        let (origin, edge) = site().await;
        for (path, behavior) in [
            ("/caf%C3%A9/menu", "coffee"),
            ("/caf%c3%a9/%6Denu", "coffee"),
            ("/cafe/menu", ""),
            ("/Ab/deep/x.js", "js"),
            ("/A%62/x%2Ejs", "js"),
            ("/ab/x.js", ""),
            ("/Abb/x.js", ""),
            ("/A/x.js", ""),
            ("/b/../Ab/x.js", "js"),
            ("/Ab/x.js%3Fy", ""),
        ] {
            origin.answer(path, Reply::text("here"));
            let answer = edge.get("open.example.test", path).await;
            let seen = answer.field("x-behavior");
            assert_eq!(seen, behavior, "{path}: {answer:?}");
            assert_eq!(origin.seen(path).len(), 1, "{path} reaches the origin as it was sent");
        }
    });
}
