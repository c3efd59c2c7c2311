//! Who may change targets, and what the API says to orders that it does not carry out.

use http::StatusCode;
use serde_json::Value;

use crate::support::client::{Answer, plain};
use crate::support::{Edge, WWW, run};

#[test]
fn a_change_needs_a_key_for_this_very_origin() {
    run(async {
        let edge = node().await;
        let registered = "/origins/app/targets/127.0.0.1:9";
        let [none, unknown] = [StatusCode::UNAUTHORIZED; 2];
        for (key, status) in [
            ("", none),
            ("DEPLOYKEY.0123456789abcdeX", unknown),
            (READER, StatusCode::FORBIDDEN),
            (PURGER, StatusCode::FORBIDDEN),
            (OTHER, StatusCode::FORBIDDEN),
        ] {
            for (method, path, body) in [
                ("POST", TARGETS, r#"{"address":"127.0.0.1:10"}"#),
                ("PUT", registered, r#"{"state":"draining"}"#),
                ("PUT", registered, r#"{"weight":0}"#),
                ("DELETE", registered, ""),
            ] {
                let answer = order(&edge, key, method, path, body).await;
                assert_eq!(answer.status, status, "{key} {method} {path}: {}", answer.text());
                assert!(!problem(&answer).is_empty());
                let challenge = if status == none { CHALLENGE } else { "" };
                assert_eq!(answer.field("www-authenticate"), challenge);
            }
        }
        let shown = edge.control("GET", "/origins/app", "").await.json();
        let targets = shown["targets"].as_array().unwrap();
        assert_eq!((targets.len(), &targets[0]["state"]), (1, &"healthy".into()), "{shown}");

        let root = edge.root_key();
        for (key, nth) in [(DEPLOY, 1), (ANYTHING, 2), (&*root, 3)] {
            let address = format!("127.0.0.1:{nth}");
            let body = format!(r#"{{"address":"{address}"}}"#);
            let place = format!("{TARGETS}/{address}");
            for (method, path, body, status) in [
                ("POST", TARGETS, &*body, 201),
                ("GET", &*place, "", 200),
                ("PUT", &*place, r#"{"state":"draining"}"#, 200),
                ("DELETE", &*place, "", 200),
                ("GET", &*place, "", 404),
            ] {
                let answer = order(&edge, key, method, path, body).await;
                assert_eq!(answer.status, status, "{key} {method} {path}: {}", answer.text());
            }
        }
    });
}

#[test]
fn a_key_sees_the_origins_that_it_may_change_or_read_about() {
    run(async {
        let edge = node().await;
        for (key, seen) in [
            (DEPLOY, "app"),
            (OTHER, "api"),
            (READER, "api app files"),
            (ANYTHING, "api app files"),
        ] {
            let listed = order(&edge, key, "GET", "/origins", "").await.json();
            let names = listed["origins"].as_array().unwrap().iter();
            let names: Vec<_> = names.map(|origin| origin["name"].as_str().unwrap()).collect();
            assert_eq!(names.join(" "), seen, "{key}");
        }
        assert_eq!(order(&edge, PURGER, "GET", "/origins", "").await.status, 403);
        assert_eq!(order(&edge, "", "GET", "/origins", "").await.status, 401);
        // It learns nothing of the others, not even that they are there.
        let [hidden, absent] = ["/origins/api", "/origins/none"];
        let hidden = order(&edge, DEPLOY, "GET", hidden, "").await;
        let absent = order(&edge, DEPLOY, "GET", absent, "").await;
        assert_eq!((hidden.status, problem(&hidden)), (absent.status, problem(&absent)));
    });
}

#[test]
fn each_change_leaves_a_line_that_says_who_what_and_where() {
    run(async {
        let edge = node().await;
        let place = format!("{TARGETS}/127.0.0.1:7");
        for (key, method, path, body) in [
            (DEPLOY, "POST", TARGETS, r#"{"address":"127.0.0.1:7","weight":5}"#),
            (DEPLOY, "PUT", &place, r#"{"weight":6,"tier":1}"#),
            (DEPLOY, "PUT", &place, r#"{"state":"draining"}"#),
            (OTHER, "DELETE", &place, ""),
            (DEPLOY, "DELETE", &place, ""),
            (DEPLOY, "DELETE", &place, ""),
        ] {
            order(&edge, key, method, path, body).await;
        }
        let is_line = |line: &&str| line.contains(r#""action":"targets""#);
        // The last of the orders was answered after its line.
        edge.process.stderr.find(|line| is_line(&line) && line.contains(r#""status":404"#)).await;
        let text = edge.process.stderr.text();
        let lines = text.lines().filter(is_line).map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["target"], "audit", "{line}");
            assert_eq!((&line["origin"], &line["address"]), (&"app".into(), &"127.0.0.1:7".into()));
            let word = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let number = |name: &str| line[name].to_string();
            let share = format!("{} {}", number("weight"), number("tier"));
            format!("{} {} {share} {}", word("name"), word("change"), number("status"))
        });
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                "deploy register 5 null 201",
                "deploy share 6 1 200",
                "deploy drain null null 200",
                "other deregister null null 403",
                "deploy deregister null null 200",
                "deploy deregister null null 404",
            ]
        );
        for secret in [DEPLOY, OTHER].map(|key| key.split_once('.').unwrap().1) {
            assert!(!text.contains(secret), "{text}");
        }
    });
}

#[test]
fn what_is_no_order_is_refused_with_a_sentence() {
    run(async {
        let edge = node().await;
        let registered = "/origins/app/targets/127.0.0.1:9";
        let new = "/origins/app/targets/127.0.0.1:10";
        let drain = r#"{"state":"draining"}"#;
        let a = r#"{"address":"10.0.0.1:80"}"#;
        for (method, path, body, status, says) in [
            ("POST", TARGETS, "", 400, "not understood"),
            ("POST", TARGETS, "{", 400, "not understood"),
            ("POST", TARGETS, "[]", 400, "the body is a list: it must be an object"),
            ("POST", TARGETS, "{}", 400, "missing field `address`"),
            ("POST", TARGETS, r#"{"address":"10.0.0.1"}"#, 400, "`10.0.0.1` is no target"),
            ("POST", TARGETS, r#"{"address":"10.0.0.1:0"}"#, 400, "`10.0.0.1:0` is no target"),
            ("POST", TARGETS, r#"{"address":"http://a:80"}"#, 400, "without a scheme"),
            ("POST", TARGETS, r#"{"address":"a:80","wieght":1}"#, 400, "unknown field `wieght`"),
            ("POST", TARGETS, r#"{"address":"a:80","weight":1000}"#, 400, "from 0 to 999"),
            ("POST", TARGETS, r#"{"address":"a:80","tier":-1}"#, 400, "from 0 to 9"),
            ("PUT", registered, "{}", 400, "nothing is to be changed"),
            ("PUT", registered, r#"{"state":"unused"}"#, 400, "`draining` only, not to `unused`"),
            ("PUT", registered, r#"{"state":"healthy"}"#, 400, "is put back in use by POST"),
            ("PUT", registered, r#"{"state":"draining","weight":1}"#, 400, "give `state` alone"),
            ("PUT", "/origins/app/targets/x", drain, 400, "`x` is no target"),
            ("PUT", new, drain, 404, "127.0.0.1:10"),
            ("DELETE", new, "", 404, "127.0.0.1:10"),
            ("GET", new, "", 404, "127.0.0.1:10"),
            ("POST", "/origins/none/targets", a, 404, "no such origin"),
            ("POST", "/origins/files/targets", a, 404, "files is a bucket: it has no targets"),
            ("GET", "/origins/files/targets/10.0.0.1:80", "", 404, "is a bucket"),
        ] {
            let answer = edge.control(method, path, body).await;
            let (answered, detail) = (answer.status, problem(&answer));
            assert_eq!(answered, status, "{method} {path} {body}: {detail}");
            assert!(detail.contains(says), "{method} {path} {body}: {detail}");
        }
        let large = format!(r#"{{"address":"{}:80"}}"#, "a".repeat(5_000_000));
        assert_eq!(edge.control("POST", TARGETS, &large).await.status, 413);
        let shown = edge.control("GET", "/origins/app", "").await.json();
        assert_eq!(shown["targets"].as_array().unwrap().len(), 1, "{shown}");
        let bucket = edge.control("GET", "/origins/files", "").await.json();
        assert_eq!((&bucket["kind"], &bucket["targets"]), (&"s3".into(), &Value::Null));
        assert_eq!(edge.get(WWW, "/").await.status, StatusCode::SERVICE_UNAVAILABLE);
    });
}

/// A node with two target groups and a bucket.
async fn node() -> Edge {
    let config = format!(
        r#"
[origins.app]
targets = ["127.0.0.1:9"]

[origins.api]
targets = ["127.0.0.1:9"]

[origins.files]
s3 = {{ bucket = "files", region = "eu-central-1", credentials = "anonymous" }}

[sites.www]
hosts = ["{WWW}"]
origin = "app"

[[sites.www.behaviors]]
path = "/api/*"
origin = "api"

[[sites.www.behaviors]]
path = "/files/*"
origin = "files"

[keys.deploy]
id = "DEPLOYKEY"
secret = "0123456789abcdef"
allow = [{{ action = "targets", origin = "app" }}]

[keys.other]
id = "OTHERKEY"
secret = "1123456789abcdef"
allow = [{{ action = "targets", origin = "api" }}]

[keys.anything]
id = "ANYKEY"
secret = "2123456789abcdef"
allow = [{{ action = ["read", "invalidate", "targets"] }}]

[keys.reader]
id = "READERKEY"
secret = "3123456789abcdef"
allow = [{{ action = "read" }}]

[keys.purger]
id = "PURGERKEY"
secret = "4123456789abcdef"
allow = [{{ action = "invalidate", site = "www" }}]
"#
    );
    Edge::start(&config).await
}

/// A request of the control API; without a key if that is empty.
async fn order(edge: &Edge, key: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    let fields = [("content-type", "application/json"), ("authorization", &*bearer)];
    let fields = if key.is_empty() { &fields[..1] } else { &fields };
    plain(edge.setup().admin, method, path, fields, body).await.unwrap()
}

/// What a problem says.
fn problem(answer: &Answer) -> String {
    assert_eq!(answer.field("content-type"), "application/problem+json", "{}", answer.text());
    answer.json()["detail"].as_str().unwrap().to_owned()
}

const TARGETS: &str = "/origins/app/targets";
const CHALLENGE: &str = r#"Bearer realm="warmfront", AWS4-HMAC-SHA256"#;
const DEPLOY: &str = "DEPLOYKEY.0123456789abcdef";
const OTHER: &str = "OTHERKEY.1123456789abcdef";
const ANYTHING: &str = "ANYKEY.2123456789abcdef";
const READER: &str = "READERKEY.3123456789abcdef";
const PURGER: &str = "PURGERKEY.4123456789abcdef";
