//! What a site does to its responses: error pages, fields, CORS.

use std::time::Duration;

use http::StatusCode;

use super::{LEAST, check_behind_least, read};
use crate::*;

fn site(text: &str) -> Site {
    let config = read(&format!("{LEAST}{text}")).unwrap_or_else(|problems| panic!("{problems}"));
    Site::clone(&config.sites[0])
}

/// What the site itself does, whose `response_headers` is `text`.
fn fields(text: &str) -> ResponseFields {
    let behaviors = site(&format!("response_headers = {text}\n")).behaviors;
    ResponseFields::clone(&behaviors[0].response_fields)
}

fn shown(fields: &[(http::HeaderName, http::HeaderValue)]) -> String {
    let field = |(name, value): &(http::HeaderName, http::HeaderValue)| {
        format!("{name}: {}\n", value.to_str().unwrap())
    };
    fields.iter().map(field).collect()
}

#[test]
fn error_pages_mean_what_they_say() {
    let pages = site(
        r#"error_pages = [
  { status = [403, 404], page = "/index.html", respond = 200 },
  { status = 502, page = "/oops.html", ttl = "0s" },
  { status = [500], ttl = "1m" },
]
"#,
    )
    .error_pages;
    let status = |code: u16| StatusCode::from_u16(code).unwrap();
    let page = |codes: &[u16], page: Option<&str>, respond, ttl| ErrorPage {
        status: codes.iter().map(|code| status(*code)).collect(),
        page: page.map(str::to_owned),
        respond,
        ttl: Duration::from_secs(ttl),
    };
    let expected = [
        page(&[403, 404], Some("/index.html"), Some(StatusCode::OK), 10),
        page(&[502], Some("/oops.html"), None, 0),
        page(&[500], None, None, 60),
    ];
    assert_eq!(pages, expected);
}

#[test]
fn fields_are_removed_set_and_filled_in() {
    let fields = fields(
        r#"{ remove = ["Server", "X-Powered-By"], set = { X-One = "1" }, default = { X-Two = "2" } }"#,
    );
    assert_eq!(fields.remove, ["server", "x-powered-by"].map(http::HeaderName::from_static));
    assert_eq!(
        (shown(&fields.set).as_str(), shown(&fields.default).as_str()),
        ("x-one: 1\n", "x-two: 2\n")
    );
    assert_eq!((fields.hsts, fields.cors), (None, None));
}

#[test]
fn security_is_cloudfronts_managed_policy() {
    let plain = fields("{ security = true }");
    assert_eq!(shown(&plain.set), "x-content-type-options: nosniff\n");
    assert_eq!(
        shown(&plain.default),
        "x-frame-options: SAMEORIGIN\nreferrer-policy: strict-origin-when-cross-origin\n\
         x-xss-protection: 1; mode=block\n"
    );
    assert_eq!(plain.hsts.unwrap(), "max-age=31536000");
    let own = fields(
        r#"{ security = true, hsts = "off", set = { X-Frame-Options = "DENY" }, default = { referrer-policy = "no-referrer" } }"#,
    );
    assert_eq!(shown(&own.set), "x-frame-options: DENY\nx-content-type-options: nosniff\n");
    assert_eq!(
        shown(&own.default),
        "referrer-policy: no-referrer\nx-xss-protection: 1; mode=block\n"
    );
    assert_eq!(own.hsts, None);
}

#[test]
fn strict_transport_security() {
    let cases = [
        ("{}", "max-age=31536000"),
        ("{ max_age = \"0s\" }", "max-age=0"),
        ("{ max_age = \"5m\", include_subdomains = true }", "max-age=300; includeSubDomains"),
        (
            "{ include_subdomains = true, preload = true }",
            "max-age=31536000; includeSubDomains; preload",
        ),
    ];
    for (hsts, expected) in cases {
        assert_eq!(fields(&format!("{{ hsts = {hsts} }}")).hsts.unwrap(), expected, "{hsts}");
        let secure = fields(&format!("{{ security = true, hsts = {hsts} }}"));
        assert_eq!(secure.hsts.unwrap(), expected, "{hsts}");
    }
    assert_eq!(fields("{ hsts = \"off\" }"), ResponseFields::default());
}

#[test]
fn a_behaviors_fields_replace_the_sites() {
    let behaviors = site(
        r#"
response_headers = { security = true }
[[sites.www.behaviors]]
path = "/inherits"
[[sites.www.behaviors]]
path = "/none"
response_headers = {}
"#,
    )
    .behaviors;
    assert_eq!(behaviors[0].response_fields, behaviors[2].response_fields);
    assert_eq!(*behaviors[1].response_fields, ResponseFields::default());
}

#[test]
fn cors_means_what_it_says() {
    let cors = |text: &str| fields(&format!("{{ cors = {text} }}")).cors.unwrap();
    let open = cors(r#"{ origins = ["*"] }"#);
    assert_eq!(open.origins, CorsOrigins::Any);
    let methods: Vec<_> = open.methods.iter().map(http::Method::as_str).collect();
    assert_eq!(methods, ["GET", "HEAD", "OPTIONS"]);
    assert_eq!(
        (open.headers, open.expose, open.credentials),
        (Some(Vec::new()), Vec::new(), false)
    );
    assert_eq!(open.max_age, None);
    let full = cors(
        r#"{ origins = ["https://app.example.com", "http://localhost:3000", "https://*.example.org", "http://[::1]:8080"], methods = ["PUT"], headers = "all", expose = ["ETag"], credentials = true, max_age = "10m" }"#,
    );
    assert_eq!((full.headers, full.max_age), (None, Some(Duration::from_mins(10))));
    assert_eq!((full.methods, full.credentials), (vec![http::Method::PUT], true));
    assert_eq!(full.expose, [http::header::ETAG]);
    let wild =
        CorsOrigin::Wildcard { before: "https://".to_owned(), after: ".example.org".to_owned() };
    let exact = |text: &str| CorsOrigin::Exact(text.to_owned());
    let [app, local] = ["https://app.example.com", "http://localhost:3000"].map(exact);
    let listed = vec![app, local, wild, exact("http://[::1]:8080")];
    assert_eq!(full.origins, CorsOrigins::Listed(listed));
    let named = cors(r#"{ origins = ["https://*.a.test:8443"], headers = ["X-A"] }"#);
    assert_eq!(named.headers.as_deref(), Some(&["x-a".parse().unwrap()][..]));
    assert!(named.lets_in("https://x.y.a.test:8443") && !named.lets_in("https://a.test:8443"));
}

#[test]
fn error_pages_that_mean_nothing() {
    check_behind_least(
        r#"
error_pages = [
  { status = [404, 404, 399, 600], page = "/a" },
  { status = 404, page = "index.html", respond = 302 },
  { status = [], page = "/a?b", ttl = "-1s" },
  { page = "/a" },
  { status = 500, respond = 200 },
  { status = [501, 500], respond = 700, page = "" },
  { status = "5xx" },
]
"#,
        r#"
10: sites.www.error_pages[0].status[1]: is there already: `sites.www.error_pages[0].status[0]` on line 10
10: sites.www.error_pages[0].status[2]: must be 400 to 599
10: sites.www.error_pages[0].status[3]: must be 400 to 599
11: sites.www.error_pages[1].page: is a path, so it starts with a slash: write "/index.html"
11: sites.www.error_pages[1].respond: must be 200, or 400 to 599
12: sites.www.error_pages[2].status: names no status: 400 to 599
12: sites.www.error_pages[2].page: is the path of a page: no query, no fragment, no control characters
12: sites.www.error_pages[2].ttl: `-1s` cannot be read: a duration is a whole number and ms, s, m, h or d
13: sites.www.error_pages[3].status: missing
14: sites.www.error_pages[4].respond: would do nothing: without `page` the error is answered as it is
15: sites.www.error_pages[5]: 500 is taken by `sites.www.error_pages[4]` on line 14
15: sites.www.error_pages[5].page: is a path, so it starts with a slash: write "/"
15: sites.www.error_pages[5].respond: must be 200 to 599
16: sites.www.error_pages[6].status: must be a whole number, not a string
"#,
    );
}

#[test]
fn fields_that_are_nobodys_to_change() {
    check_behind_least(
        r#"
response_headers = { security = 1, hsts = "on", sets = {}, cors = {} }
[[sites.www.behaviors]]
path = "/a"
[sites.www.behaviors.response_headers.set]
connection = "x"
Proxy-Authenticate = "x"
content-encoding = "x"
via = "x"
date = "x"
X-Cache = "x"
vary = "x"
strict-transport-security = "x"
access-control-max-age = "x"
x-a = "two\nlines"
x-b = "${SECRET}"
X-B = "x"
x-c = 1
"x d" = "x"
[sites.www.behaviors.response_headers]
default = { x-b = "x", strict-transport-security = "x", access-control-allow-origin = "x", age = "0" }
remove = ["x-b", "Transfer-Encoding", "date", "vary", "x-request-id", "strict-transport-security", "a b"]
cors = { origins = ["*"] }
hsts = { max_age = "1500ms", preload = true }
"#,
        r#"
9: sites.www.response_headers.hsts: is "off" or { max_age, include_subdomains, preload }, not "on"
9: sites.www.response_headers.security: must be true or false, not a whole number
9: sites.www.response_headers.cors.origins: missing
9: sites.www.response_headers.sets: unknown key; did you mean `set`?
13: sites.www.behaviors[0].response_headers.set.connection: says how the message is to be read: it can be neither set nor removed
14: sites.www.behaviors[0].response_headers.set.Proxy-Authenticate: says how the message is to be read: it can be neither set nor removed
15: sites.www.behaviors[0].response_headers.set.content-encoding: says how the message is to be read: it can be neither set nor removed
16: sites.www.behaviors[0].response_headers.set.via: is the edge's own to say: it can be neither set nor removed
17: sites.www.behaviors[0].response_headers.set.date: is the edge's own to say: it can be neither set nor removed
18: sites.www.behaviors[0].response_headers.set.X-Cache: is the edge's own to say: it can be neither set nor removed
19: sites.www.behaviors[0].response_headers.set.vary: is what caches depend on: it can be neither set nor removed
20: sites.www.behaviors[0].response_headers.set.strict-transport-security: has a key of its own: `hsts`
21: sites.www.behaviors[0].response_headers.set.access-control-max-age: is what `cors` says
22: sites.www.behaviors[0].response_headers.set.x-a: a field's value is visible ASCII, spaces and tabs
24: sites.www.behaviors[0].response_headers.set.X-B: is there already: field names are the same in any case
25: sites.www.behaviors[0].response_headers.set.x-c: must be a string, not a whole number
26: sites.www.behaviors[0].response_headers.set."x d": is no field name
28: sites.www.behaviors[0].response_headers.default.x-b: is in `set` too, which takes its place
28: sites.www.behaviors[0].response_headers.default.strict-transport-security: has a key of its own: `hsts`
28: sites.www.behaviors[0].response_headers.default.access-control-allow-origin: is what `cors` says
28: sites.www.behaviors[0].response_headers.default.age: is the edge's own to say: it can be neither set nor removed
29: sites.www.behaviors[0].response_headers.remove[0]: is in `set` too, which takes its place
29: sites.www.behaviors[0].response_headers.remove[1]: says how the message is to be read: it can be neither set nor removed
29: sites.www.behaviors[0].response_headers.remove[2]: is the edge's own to say: it can be neither set nor removed
29: sites.www.behaviors[0].response_headers.remove[3]: is what caches depend on: it can be neither set nor removed
29: sites.www.behaviors[0].response_headers.remove[4]: is the edge's own to say: it can be neither set nor removed
29: sites.www.behaviors[0].response_headers.remove[6]: is no field name
31: sites.www.behaviors[0].response_headers.hsts.max_age: is counted in whole seconds
31: sites.www.behaviors[0].response_headers.hsts.preload: the browsers' list asks for `include_subdomains` and 365d or more
"#,
    );
}

#[test]
fn cors_that_means_nothing() {
    check_behind_least(
        r#"
[[sites.www.behaviors]]
path = "/a"
response_headers.cors = { origins = ["*"], credentials = true, methods = [], headers = ["*", "x", "X"], expose = ["*"], max_age = 600 }
[[sites.www.behaviors]]
path = "/b"
[sites.www.behaviors.response_headers.cors]
origins = [
  "*", "null", "example.com",
  "https://example.com/", "https://example.com/app",
  "HTTPS://example.com", "https://Example.com", "https://example.com:443",
  "https://*", "https://a.*.com", "https://*.", "https://*.a.com:443",
  "https://a b", "https://", "https://::1", "https://[0:0::1]", "https://a:0",
  "https://user@example.com",
]
methods = ["get", "TRACE"]
headers = "none"
credentials = "yes"
[[sites.www.behaviors]]
path = "/c"
response_headers.cors = { origins = [] }
[[sites.www.behaviors]]
path = "/d"
response_headers.cors = { origins = ["*", "https://a.com", "https://a.com"] }
"#,
        r#"
11: sites.www.behaviors[0].response_headers.cors.credentials: cannot stand beside `origins = ["*"]`: name those who may use cookies
11: sites.www.behaviors[0].response_headers.cors.methods: names no method: leave `methods` out for GET, HEAD and OPTIONS
11: sites.www.behaviors[0].response_headers.cors.headers[0]: write `headers = "all"` for every field
11: sites.www.behaviors[0].response_headers.cors.headers[2]: is there already: `sites.www.behaviors[0].response_headers.cors.headers[1]` on line 11
11: sites.www.behaviors[0].response_headers.cors.expose[0]: is everything only without `credentials`
11: sites.www.behaviors[0].response_headers.cors.max_age: a duration is a string with a unit: write "600s"
16: sites.www.behaviors[1].response_headers.cors.origins[1]: is what any sandboxed page and any file says: it is nobody's origin
16: sites.www.behaviors[1].response_headers.cors.origins[2]: "example.com" is no origin: scheme and host, as in "https://app.example.com"
17: sites.www.behaviors[1].response_headers.cors.origins[3]: an origin has no path: write "https://example.com"
17: sites.www.behaviors[1].response_headers.cors.origins[4]: an origin has no path: write "https://example.com"
18: sites.www.behaviors[1].response_headers.cors.origins[5]: `HTTPS` is no scheme in lower case
18: sites.www.behaviors[1].response_headers.cors.origins[6]: browsers spell it "https://example.com"
18: sites.www.behaviors[1].response_headers.cors.origins[7]: browsers spell it "https://example.com"
19: sites.www.behaviors[1].response_headers.cors.origins[8]: `*` stands only for the first labels, as in "https://*.example.org"
19: sites.www.behaviors[1].response_headers.cors.origins[9]: `*` stands only for the first labels, as in "https://*.example.org"
19: sites.www.behaviors[1].response_headers.cors.origins[10]: `` is no host name and no address
19: sites.www.behaviors[1].response_headers.cors.origins[11]: browsers spell it "https://*.a.com"
20: sites.www.behaviors[1].response_headers.cors.origins[12]: `a b` is no host name and no address
20: sites.www.behaviors[1].response_headers.cors.origins[13]: `` is no host name and no address
20: sites.www.behaviors[1].response_headers.cors.origins[14]: an IPv6 address stands in brackets, as in "[::1]:8080"
20: sites.www.behaviors[1].response_headers.cors.origins[15]: browsers spell it "https://[::1]"
20: sites.www.behaviors[1].response_headers.cors.origins[16]: `0` is no port: 1 to 65535
21: sites.www.behaviors[1].response_headers.cors.origins[17]: `user@example.com` is no host name and no address
23: sites.www.behaviors[1].response_headers.cors.methods[0]: methods are in upper case: write "GET"
23: sites.www.behaviors[1].response_headers.cors.methods[1]: TRACE is never let through
24: sites.www.behaviors[1].response_headers.cors.headers: is "all" or a list of field names, not "none"
25: sites.www.behaviors[1].response_headers.cors.credentials: must be true or false, not a string
28: sites.www.behaviors[2].response_headers.cors.origins: names no origin: leave `cors` out, or write ["*"] for everybody
31: sites.www.behaviors[3].response_headers.cors.origins[2]: is there already: `sites.www.behaviors[3].response_headers.cors.origins[1]` on line 31
31: sites.www.behaviors[3].response_headers.cors.origins: "*" is everybody: nothing else can stand beside it
"#,
    );
}
