//! What is stored, what it is found by, and what reaches the origin beside it.

use std::time::Duration;

use http::Method;

use super::{LEAST, check_behind_least, read};
use crate::*;

/// A bucket and a target group, three policies, and a site that is still open for keys.
const BASE: &str = r#"[listen]
https = []
[origins.web]
s3 = { bucket = "example", region = "r" }
[origins.api]
targets = ["10.0.1.10:8080"]
[origins.pair]
primary = "web"
secondary = "api"
[policies.plain]
[policies.all]
ttl = { min = "1m", default = "1h", max = "2h" }
query = { except = ["utm_source", "a b"] }
query_order = "sorted"
headers = ["X-Zone", "Accept-Encoding", "Authorization", "host"]
cookies = ["session"]
compress = false
[policies.long]
ttl = { min = "400d" }
query = []
cookies = { except = [] }
[sites.www]
hosts = ["h"]
viewer = "allow-all"
"#;

/// The behaviors of the site whose keys are `text`.
fn behaviors(text: &str) -> Vec<Behavior> {
    let config = read(&format!("{BASE}{text}")).unwrap_or_else(|problems| panic!("{problems}"));
    config.sites[0].behaviors.clone()
}

/// The site itself.
fn whole(text: &str) -> Behavior {
    behaviors(text).pop().unwrap()
}

fn ttl(min: u64, default: Option<u64>, max: u64) -> Ttl {
    let seconds = Duration::from_secs;
    Ttl { min: seconds(min), default: default.map(seconds), max: seconds(max) }
}

fn only(names: &[&str]) -> Selection {
    Selection::Only(names.iter().map(|name| (*name).to_owned()).collect())
}

const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;

#[test]
fn the_policies_that_are_built_in() {
    let cases = [
        ("origin = \"web\"", ttl(0, Some(DAY), YEAR), Selection::None, true),
        ("origin = \"pair\"", ttl(0, Some(DAY), YEAR), Selection::None, true),
        ("origin = \"api\"", ttl(0, None, YEAR), Selection::All, false),
        (
            "origin = \"api\"\npolicy = \"optimized\"",
            ttl(0, Some(DAY), YEAR),
            Selection::None,
            true,
        ),
        ("origin = \"web\"\npolicy = \"origin\"", ttl(0, None, YEAR), Selection::All, false),
        ("origin = \"web\"\npolicy = \"disabled\"", ttl(0, Some(0), 0), Selection::None, false),
    ];
    for (text, ttl, query, compress) in cases {
        let expected = Policy {
            ttl,
            query,
            query_order: QueryOrder::AsSent,
            headers: Vec::new(),
            cookies: Selection::None,
            compress,
        };
        assert_eq!(whole(text).policy, expected, "{text}");
    }
    assert!(whole("origin = \"api\"\npolicy = \"disabled\"").policy.stores_nothing());
}

#[test]
fn a_policy_of_ones_own() {
    let policy = whole("origin = \"web\"\npolicy = \"all\"").policy;
    let names: Vec<_> = policy.headers.iter().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["accept-encoding", "authorization", "host", "x-zone"]);
    assert_eq!(policy.ttl, ttl(60, Some(3_600), 7_200));
    let except = ["utm_source".to_owned(), "a b".to_owned()];
    assert_eq!(policy.query, Selection::Except(except.to_vec()));
    assert_eq!(policy.query_order, QueryOrder::Sorted);
    assert_eq!((policy.cookies, policy.compress), (only(&["session"]), false));
    let plain = whole("origin = \"web\"\npolicy = \"plain\"").policy;
    assert_eq!(plain, whole("origin = \"web\"").policy, "what it leaves out is as in `optimized`");
    let long = whole("origin = \"web\"\npolicy = \"long\"").policy;
    assert_eq!(long.ttl, ttl(400 * DAY, Some(400 * DAY), 400 * DAY));
    assert_eq!((long.query, long.cookies), (Selection::None, Selection::All));
}

#[test]
fn the_nearest_word_counts() {
    let text = r#"
origin = "api"
policy = "all"
ttl = { default = "30m" }
[[sites.www.behaviors]]
path = "/inherits"
[[sites.www.behaviors]]
path = "/overrides"
ttl = { max = "40m" }
compress = false
[[sites.www.behaviors]]
path = "/another"
policy = "disabled"
[[sites.www.behaviors]]
path = "/another/over"
policy = "disabled"
ttl = { max = "1h" }
compress = true
"#;
    let seen: Vec<_> = behaviors(text)
        .into_iter()
        .map(|behavior| (behavior.policy.ttl, behavior.policy.compress))
        .collect();
    let expected = [
        (ttl(60, Some(1_800), 7_200), false),
        (ttl(60, Some(1_800), 2_400), false),
        (ttl(0, Some(0), 0), false),
        (ttl(0, Some(0), 3_600), true),
        (ttl(60, Some(1_800), 7_200), false),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn without_a_policy_each_behaviors_origin_counts() {
    let text = r#"
origin = "web"
compress = false
ttl = { max = "1h" }
[[sites.www.behaviors]]
path = "/api/*"
origin = "api"
"#;
    let [api, web] = behaviors(text).try_into().unwrap();
    assert_eq!((api.policy.ttl, api.policy.query), (ttl(0, None, 3_600), Selection::All));
    assert_eq!((web.policy.ttl, web.policy.compress), (ttl(0, Some(3_600), 3_600), false));
    assert_eq!(api.methods, Methods::All);
    let safe = Methods::Only(vec![Method::GET, Method::HEAD, Method::OPTIONS]);
    assert_eq!(web.methods, safe);
    let written = behaviors(&format!("methods = [\"GET\", \"HEAD\"]{text}methods = \"all\"\n"));
    let seen: Vec<_> = written.into_iter().map(|behavior| behavior.methods).collect();
    assert_eq!(seen, [Methods::All, Methods::Only(vec![Method::GET, Method::HEAD])]);
    assert_eq!(whole("origin = \"pair\"").methods, safe);
}

#[test]
fn what_reaches_the_origin_beside_the_key() {
    let (none, all) = (Selection::None, Selection::All);
    let cases = [
        ("origin = \"web\"", &none, &none, &none),
        ("origin = \"pair\"", &none, &none, &none),
        ("origin = \"api\"", &none, &all, &all),
        ("origin = \"api\"\npolicy = \"disabled\"", &all, &all, &all),
        ("origin = \"api\"\nttl = { max = \"0s\" }", &all, &all, &all),
        ("origin = \"api\"\nforward = { cookies = [\"a\"] }", &none, &all, &only(&["a"])),
        (
            "origin = \"web\"\nforward = { headers = [\"Origin\"] }",
            &none,
            &only(&["origin"]),
            &none,
        ),
        ("origin = \"web\"\nforward = { query = \"all\", headers = \"all\" }", &all, &all, &none),
    ];
    for (text, query, headers, cookies) in cases {
        let forward = whole(text).forward;
        assert_eq!((&forward.query, &forward.headers, &forward.cookies), (query, headers, cookies));
    }
    let text = r#"
origin = "api"
forward = { query = "all", cookies = "none" }
[[sites.www.behaviors]]
path = "/a"
forward = { headers = { except = ["X-A"] }, cookies = "all" }
"#;
    let forward = behaviors(text).remove(0).forward;
    assert_eq!(forward.headers, Selection::Except(vec!["x-a".to_owned()]));
    assert_eq!((forward.query, forward.cookies), (all.clone(), all));
}

#[test]
fn policies_that_mean_nothing() {
    check_behind_least(
        r#"
[policies.optimized]
[policies."a b"]
[policies.c]
ttl = { min = "2h", default = "1h" }
query = "some"
query_order = "by-name"
cookies = ["a", "a", "", "b=c"]
compress = "yes"
[policies.d]
headers = ["Connection", "content-length", "Range", "If-None-Match", "cookie", "X-Forwarded-For"]
query = { all = true }
cookies = 1
colour = "red"
[policies.e]
headers = ["via", "x-request-id", "accept-encoding", "proxy-authorization", "a b", "*", "x", "X"]
query = ["", "a\nb"]
"#,
        r#"
9: policies.optimized: `optimized` is built in: give yours another name
10: policies."a b": a name is 1 to 64 letters, digits, `-`, `_` and `.`
12: policies.c.ttl: `min` (2h) is more than `default` (1h)
13: policies.c.query: is "none", "all", a list of names or { except = [ … ] }, not "some"
14: policies.c.query_order: is one of "as-sent", "sorted", not "by-name"
15: policies.c.cookies[1]: is there already: `policies.c.cookies[0]` on line 15
15: policies.c.cookies[2]: is no name of a cookie
15: policies.c.cookies[3]: is no name of a cookie
16: policies.c.compress: must be true or false, not a string
18: policies.d.headers[0]: frames one connection's messages and never leaves it
18: policies.d.headers[1]: frames one connection's messages and never leaves it
18: policies.d.headers[2]: asks for a part or on a condition: the edge answers that itself
18: policies.d.headers[3]: asks for a part or on a condition: the edge answers that itself
18: policies.d.headers[4]: cookies have a key of their own: `cookies`
18: policies.d.headers[5]: is made anew by the edge: it says nothing of the request
19: policies.d.query.all: unknown key
19: policies.d.query.except: missing
20: policies.d.cookies: must be "none", "all", a list of names or { except = [ … ] }, not a whole number
21: policies.d.colour: unknown key
23: policies.e.headers[0]: is made anew by the edge: it says nothing of the request
23: policies.e.headers[1]: is made anew by the edge: it says nothing of the request
23: policies.e.headers[2]: the edge compresses by it: set `compress = false` to leave it to the origin
23: policies.e.headers[3]: frames one connection's messages and never leaves it
23: policies.e.headers[4]: is no field name
23: policies.e.headers[5]: fields are named one by one
23: policies.e.headers[7]: is there already: `policies.e.headers[6]` on line 23
24: policies.e.query[0]: is no name of a parameter
24: policies.e.query[1]: is no name of a parameter
"#,
    );
}

#[test]
fn settings_that_mean_nothing() {
    check_behind_least(
        r#"
policy = "optimised"
methods = ["GET", "post", "TRACE", "PO ST"]
forward = { headers = ["Cookie", "Host"], query = "none", body = "all" }
ttl = "1d"
[[sites.www.behaviors]]
path = "/a"
policy = "disabled"
ttl = { default = "1m" }
methods = "any"
[[sites.www.behaviors]]
path = "/b"
methods = ["POST", "POST"]
policy = "coded"
compress = true
[policies.coded]
headers = ["x", "accept-encoding", "X"]
compress = false
"#,
        r#"
9: sites.www.policy: there is no policy `optimised`; did you mean `optimized`?
10: sites.www.methods[1]: methods are in upper case: write "POST"
10: sites.www.methods[2]: TRACE is never let through
10: sites.www.methods[3]: "PO ST" is no method
11: sites.www.forward.headers[0]: cookies have a key of their own: `cookies`
11: sites.www.forward.headers[1]: the Host field has a key of its own, on the origin: `host`
11: sites.www.forward.body: unknown key
12: sites.www.ttl: must be a table, not a string
16: sites.www.behaviors[0].ttl: `default` (1m) is more than `max` (0s)
17: sites.www.behaviors[0].methods: is "all" or a list of methods, not "any"
20: sites.www.behaviors[1].methods[1]: is there already: `sites.www.behaviors[1].methods[0]` on line 20
20: sites.www.behaviors[1].methods: lacks GET or HEAD: both are always among them
22: sites.www.behaviors[1].compress: `accept-encoding` is in the policy's key: then the origin compresses
24: policies.coded.headers[2]: is there already: `policies.coded.headers[0]` on line 24
"#,
    );
}

/// A field that never reaches an origin can select nothing; that one is withheld is merely true.
#[test]
fn fields_that_the_edge_drops_are_not_chosen() {
    const UNKEYED: &str = "could name another host, path or client than the key";
    const METHOD: &str = "could name another method than the key";
    let cases = [
        ("Forwarded", UNKEYED),
        ("x-host", UNKEYED),
        ("X-Original-URL", UNKEYED),
        ("x-rewrite-url", UNKEYED),
        ("true-client-ip", UNKEYED),
        ("X-Real-IP", UNKEYED),
        ("X_Real_IP", UNKEYED),
        ("x_forwarded_proto", UNKEYED),
        ("x-client-ip", UNKEYED),
        ("x-cluster-client-ip", UNKEYED),
        ("Front-End-Https", UNKEYED),
        ("proxy", UNKEYED),
        ("http2-settings", UNKEYED),
        ("X-HTTP-Method-Override", METHOD),
        ("x-http-method", METHOD),
        ("x-method-override", METHOD),
    ];
    for (name, message) in cases {
        let policy = format!("[policies.p]\nheaders = [\"{name}\"]\n");
        let forward = format!("forward = {{ headers = [\"x-a\", \"{name}\"] }}\n");
        for (text, key) in
            [(policy, "policies.p.headers[0]"), (forward, "sites.www.forward.headers[1]")]
        {
            let problems = read(&format!("{LEAST}{text}")).unwrap_err().to_string();
            assert!(problems.contains(&format!(" {key}: {message}")), "{problems}");
            assert_eq!(problems.lines().count(), 1, "{problems}");
        }
        let except = format!("{LEAST}forward = {{ headers = {{ except = [\"{name}\"] }} }}\n");
        assert!(read(&except).is_ok(), "{name}");
    }
}

#[test]
fn names_of_parameters_are_written_as_they_are_meant() {
    for (name, good) in [("a[]", true), ("100%", true), ("a%5B%5D", false), ("a%2b", false)] {
        let text = format!("{LEAST}[policies.q]\nquery = [\"{name}\"]\n");
        match read(&text) {
            Ok(_) => assert!(good, "{name}"),
            Err(problems) => {
                assert!(!good && problems.to_string().contains("compared decoded"), "{problems}");
            }
        }
    }
}

#[test]
fn a_pattern_that_could_match_nothing_is_none() {
    let good = [
        "/*",
        "*.jpg",
        "/a?b",
        "/*.*",
        "*.*",
        "/.well-known/*",
        "/.?*",
        "/a%20b",
        "/a+b",
        "/$x",
        "/%5Ba",
        "/year=20??/month=*",
        "/a%252Fb",
        "/%C3%BC",
    ];
    for path in good {
        let text = format!("{LEAST}[[sites.www.behaviors]]\npath = '{path}'\n");
        assert!(read(&text).is_ok(), "{path}");
    }
    let cases = [
        ("/^a", "`^` reads"),
        ("/a|b", "`|` reads"),
        (r"/\.jpg", r"`\` reads"),
        ("/a{1,2}", "`{` reads"),
        ("/(a)", "`(` reads"),
        ("/[0-9]", "`[` reads"),
        ("/<a>", "`<` reads"),
        ("/a\"b", "`\"` reads"),
        ("/a`b", "``` reads"),
        ("*.jpg$", "`$` reads"),
        ("/.*", "`.*` reads"),
        ("/a/.*.jpg", "`.*` reads"),
        ("/a.+", "`.*` reads"),
        ("^/a", "a path pattern starts with"),
        ("//a/*", "never matches: paths are matched with"),
        ("/a/../b", "never matches: paths are matched with"),
        ("/./a", "never matches: paths are matched with"),
        ("/%2e%2E/y", "never matches: paths are matched with"),
        ("/a/.%2e", "never matches: paths are matched with"),
        ("/a%2F%2fb", "never matches: paths are matched with"),
        ("/a%2Ab", "an escaped wildcard cannot be matched"),
        ("/a%3f*", "an escaped wildcard cannot be matched"),
        ("/q?x=1&y=2", "a query is never matched; `?` is any one character"),
        ("/a%0Ab", "a pattern holds no control characters"),
    ];
    for (path, message) in cases {
        let text = format!("{LEAST}[[sites.www.behaviors]]\npath = '{path}'\n");
        let problems = read(&text).unwrap_err().to_string();
        let start = format!("warmfront.toml:10: sites.www.behaviors[0].path: {message}");
        assert!(problems.starts_with(&start) && problems.lines().count() == 1, "{problems}");
    }
}
