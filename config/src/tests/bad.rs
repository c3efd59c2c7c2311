//! Files that are TOML and mean nothing: what the user is told, word for word.

use super::{LEAST, check, check_behind_least, read};

#[test]
fn every_problem_is_reported_at_once_and_in_order() {
    check(
        r#"
[listen]
http = ["[::]:80", "10.0.0.1"]
htps = []
admin = "[::]:80"
workers = 0
[limits]
header_bytes = 65536
header_fields = 300
url_bytes = "32KB"
header_timeout = "0s"
idle_timeout = 30
connections = "many"
body_bytes = "5 apples"
[acm]
email = "ops@example.com"
[cache]
memory = "64MiB"
max_object = "63MiB"
colapse_timeout = "1s"
[origins.web]
s3 = { bucket = "b.c", path_style = false }
[origins.api]
targets = ["10.0.0.1", "http://a:1", "a:0", "::1:80"]
host = "a b"
headers = { Connection = "x", Host = "y", "bad name" = "z", ok = "${BROKEN}" }
attempts = 11
[sites.www]
hosts = ["https://www.example.com", "a.example.com:80", "*", "ok.example.com"]
orign = "web"
viewer = "redirect"
[sites.two]
hosts = ["OK.example.com"]
origin = "ap"
spa = "index.html"
ttl = { min = "2d", max = "1d" }
behaviors = [{ path = "/a/*" }, { path = "/a/b*" }, { path = "img/*" }, { origin = "api" }]
[keys.one]
id = "ID"
secret = "${UNKNOWN}"
allow = []
[keys.two]
id = "ID"
secret = "short"
allow = [{ action = "invalid", site = "wwww", paths = [] }]
[log]
level = "inf"
access = "syslog"
format = 1
"#,
        r#"
1: listen.https: HTTPS needs a certificate: write [[tls.certificates]] with `chain` and `key`, or [acme] to have one ordered, or turn it off with `https = []`
2: listen.http[1]: has no port: write "10.0.0.1:80"
3: listen.htps: unknown key; did you mean `https`?
5: listen.workers: must be 1 to 1024
7: limits.header_bytes: a size is a string with a unit: write "65536B"
8: limits.header_fields: must be 1 to 256
10: limits.header_timeout: must be 1ms to 1d
11: limits.idle_timeout: a duration is a string with a unit: write "30s"
12: limits.connections: must be a whole number, not a string
13: limits.body_bytes: `5 apples` cannot be read: a size is a whole number and B, KB, KiB, MB, MiB, GB, GiB, TB or TiB
14: acm: unknown key; did you mean `acme`?
18: cache.max_object: cannot be more than a quarter of `memory`: one object would empty the store
19: cache.colapse_timeout: unknown key; did you mean `collapse_timeout`?
21: origins.web.s3.path_style: has to be true: Amazon's certificate does not cover a bucket name with a dot
21: origins.web.s3.region: missing; without `endpoint` it is needed
23: origins.api.targets[0]: has no port: write "10.0.0.1:8080" or whichever it is
23: origins.api.targets[1]: a target is `host:port`, without a scheme
23: origins.api.targets[2]: `0` is no port: 1 to 65535
23: origins.api.targets[3]: an IPv6 address stands in brackets, as in "[::1]:8080"
24: origins.api.host: is "client", "target" or a host, not "a b"
25: origins.api.headers.Connection: frames one connection's messages and cannot be set
25: origins.api.headers.Host: the Host field has a key of its own: `host`
25: origins.api.headers."bad name": is no field name
25: origins.api.headers.ok: a field's value is visible ASCII, spaces and tabs
26: origins.api.attempts: must be 1 to 10
28: sites.www.hosts[0]: a host has no scheme: write `www.example.com`, not `https://www.example.com`
28: sites.www.hosts[1]: a host has no port: a site answers on every listener
28: sites.www.hosts[2]: `*` stands only for the whole first label, as in `*.example.com`
29: sites.www.orign: unknown key; did you mean `origin`?
30: sites.www.viewer: is one of "redirect-to-https", "https-only", "allow-all", not "redirect"; did you mean `redirect-to-https`?
33: sites.two.origin: there is no origin `ap`; did you mean `api`?
34: sites.two.spa: is a path, so it starts with a slash: write "/index.html"
35: sites.two.ttl: `min` (2d) is more than `max` (1d)
36: sites.two.behaviors[1].path: never matches: `/a/*` on line 36 comes first and takes every path of `/a/b*`
36: sites.two.behaviors[2].path: a path pattern starts with `/` or `*`, else it matches nothing
36: sites.two.behaviors[3].path: missing
39: keys.one.secret: the environment has no variable `UNKNOWN`
40: keys.one.allow: a key that may do nothing is of no use: leave it out
42: keys.two.id: `ID` is taken by `keys.one.id` on line 38
43: keys.two.secret: a secret has at least 16 characters
44: keys.two.allow[0].action: is one of "invalidate", "read", "targets", "certificates", not "invalid"; did you mean `invalidate`?
44: keys.two.allow[0].site: there is no site `wwww`; did you mean `www`?
44: keys.two.allow[0].paths: names no path: leave `paths` out to allow every path
46: log.level: is one of "error", "warn", "info", "debug", "trace", not "inf"; did you mean `info`?
47: log.access: is "stdout", "off" or a path with a `/` in it, not "syslog"
48: log.format: must be a string, not a whole number
"#,
    );
}

#[test]
fn hosts_stand_in_one_site() {
    check_behind_least(
        r#"
[sites.b]
hosts = ["h", "b", "b"]
origin = "web"
"#,
        r#"
9: sites.b.viewer: redirects to HTTPS, but `listen.https` is empty: set `viewer = "allow-all"`, or give `listen.https` an address
10: sites.b.hosts[0]: `h` is taken by `sites.www.hosts[0]` on line 6
10: sites.b.hosts[2]: `b` is taken by `sites.b.hosts[1]` on line 10
11: sites.b.origin: there is no origin `web`
"#,
    );
}

#[test]
fn origins() {
    check_behind_least(
        r#"
[origins.x]
[origins.y]
target = ["a:1"]
[origins.z]
s3 = { bucket = "abc" }
targets = []
[origins.w]
s3 = "bucket"
[origins.v]
s3 = { bucket = "abc", region = "r", website = true, path_style = true, credentials = "anonymous" }
[origins.u]
targets = ["a:1", "b:2", "A:1"]
headers = { a = "1", A = "2", te = 3 }
[origins.t]
s3 = { bucket = "a_b", endpoint = "http://x/y", credentials = { access_key_id = "a/b", secret_access_key = "x", secret_access_key_file = "y" } }
[origins.s]
s3 = { bucket = "A", endpoint = "x.com", region = "", credentials = { } }
[origins.q]
targets = []
response_timeout = "2d"
[origins."a b"]
targets = ["a:1"]
"#,
        r#"
9: origins.x: an origin needs `s3 = { … }`, `targets = [ … ]`, or `primary` and `secondary`
11: origins.y.target: unknown key; did you mean `targets`?
13: origins.z.s3.region: missing; without `endpoint` it is needed
14: origins.z.targets: cannot stand beside `s3`: an origin is a bucket or a target group
16: origins.w.s3: must be a table, not a string
18: origins.v.s3.path_style: would do nothing: a website has its bucket in the host name
18: origins.v.s3.credentials: would do nothing: requests to a website are never signed
20: origins.u.targets[2]: is there already: `origins.u.targets[0]` on line 20
21: origins.u.headers.A: is there already: field names are the same in any case
21: origins.u.headers.te: must be a string, not a whole number
23: origins.t.s3.endpoint: an endpoint is scheme, host and port, with nothing behind
23: origins.t.s3.credentials.access_key_id: is no access key id
23: origins.t.s3.credentials.secret_access_key_file: cannot stand beside `secret_access_key`: one secret is enough
25: origins.s.s3.endpoint: an endpoint starts with `https://` or `http://`
25: origins.s.s3.region: a region is a word such as `eu-central-1`
25: origins.s.s3.credentials.access_key_id: missing
25: origins.s.s3.credentials.secret_access_key_file: missing; the secret itself may stand here as `secret_access_key`
27: origins.q.targets: a target group needs at least one target
28: origins.q.response_timeout: must be 1ms to 1d
29: origins."a b": a name is 1 to 64 letters, digits, `-`, `_` and `.`
"#,
    );
}

#[test]
fn sites_and_behaviors() {
    check_behind_least(
        r#"
spa = "/app.html"
default_root_object = 1
access_log = "yes"
set_cookie = "drop"
request_directives = true
stale_if_unreachable = 60
ttl = { min = "1h", default = "1m" }
[[sites.www.behaviors]]
path = "/a"
ttl = { max = "30m" }
[[sites.www.behaviors]]
path = "/a"
origin = "nope"
policy = "static"
"#,
        r#"
9: sites.www.spa: needs an S3 origin: an app server answers its own deep links
10: sites.www.default_root_object: must be a string, not a whole number
11: sites.www.access_log: must be true or false, not a string
12: sites.www.set_cookie: is one of "skip", "store", "strip", not "drop"
13: sites.www.request_directives: must be a string, not true or false
14: sites.www.stale_if_unreachable: a duration is a string with a unit: write "60s"
15: sites.www.ttl: `min` (1h) is more than `default` (1m)
18: sites.www.behaviors[0].ttl: `min` (1h) is more than `max` (30m)
20: sites.www.behaviors[1].path: never matches: `/a` on line 17 comes first and takes every path of `/a`
21: sites.www.behaviors[1].origin: there is no origin `nope`
22: sites.www.behaviors[1].policy: there is no policy `static`
"#,
    );
}

#[test]
fn nothing_to_serve() {
    check(
        r#"
[listen]
http = []
https = []
[origins.api]
targets = ["a:1"]
[sites.www]
hosts = []
origin = "api"
"#,
        r#"
1: listen: `http` and `https` are both empty: nothing would be served
6: sites.www.viewer: redirects to HTTPS, but `listen.https` is empty: set `viewer = "allow-all"`, or give `listen.https` an address
7: sites.www.hosts: a site needs at least one host
"#,
    );
}

#[test]
fn listeners_share_no_address() {
    check(
        r#"
[listen]
http = ["127.0.0.1:1", "127.0.0.1:0", "127.0.0.1:0"]
https = ["127.0.0.1:1"]
admin = "127.0.0.1:1"
"#,
        r"
1: sites: there is no site: write [sites.NAME] with `hosts` and `origin`
3: listen.https[0]: 127.0.0.1:1 is taken by `listen.http` on line 2
3: listen.https: HTTPS needs a certificate: write [[tls.certificates]] with `chain` and `key`, or [acme] to have one ordered, or turn it off with `https = []`
4: listen.admin: 127.0.0.1:1 is taken by `listen.http` on line 2
",
    );
}

#[test]
fn keys() {
    check_behind_least(
        r#"
[keys.k]
id = "a.b"
secret_file = "/nonexistent/secret"
allow = [{ site = "www" }, { action = [] , site = "ww"}, { action = "read", paths = ["a"] }]
[keys.l]
id = "l"
allow = "all"
"#,
        r#"
10: keys.k.id: an id is 1 to 128 letters, digits, `-` and `_`
11: keys.k.secret_file: cannot read the secret in /nonexistent/secret: No such file or directory (os error 2)
12: keys.k.allow[0].action: missing
12: keys.k.allow[1].action: names no action: one of "invalidate", "read", "targets", "certificates"
12: keys.k.allow[1].site: there is no site `ww`; did you mean `www`?
12: keys.k.allow[2].paths[0]: a path pattern starts with `/` or `*`, else it matches nothing
13: keys.l.secret_file: missing; the secret itself may stand here as `secret`
15: keys.l.allow: must be an array, not a string
"#,
    );
}

#[test]
fn tables_that_are_none() {
    check(
        r"
sites = 3
origins = []
",
        r"
1: listen.https: HTTPS needs a certificate: write [[tls.certificates]] with `chain` and `key`, or [acme] to have one ordered, or turn it off with `https = []`
1: sites: must be a table, not a whole number
2: origins: must be a table, not an array
",
    );
}

#[test]
fn behaviors_are_an_array() {
    check_behind_least(
        r#"
admin = "x"
[sites.www.behaviors]
path = "/a"
"#,
        r"
9: sites.www.admin: unknown key
10: sites.www.behaviors: must be an array, not a table
",
    );
}

#[test]
fn the_word_that_was_meant_is_suggested() {
    let cases = [
        ("[lisen]", "9: lisen: unknown key; did you mean `listen`?"),
        ("[zzz]", "9: zzz: unknown key"),
        ("default_root = \"a\"", "did you mean `default_root_object`?"),
        ("[log]\nlevel = \"wran\"", "did you mean `warn`?"),
        ("[log]\nlevel = \"w\"", "\"trace\", not \"w\""),
    ];
    for (text, end) in cases {
        let problems = read(&format!("{LEAST}{text}\n")).unwrap_err().to_string();
        assert!(problems.ends_with(end), "{problems}");
    }
}
