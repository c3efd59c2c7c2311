//! Origins that stand in for each other, and fields that a bucket's policy asks for.

use super::{check_behind_least, read};
use crate::*;

const ORIGINS: &str = r#"[listen]
https = []
[origins.main]
primary = "web"
secondary = "api"
[origins.narrow]
primary = "api"
secondary = "web"
on = [503, 404]
[origins.web]
s3 = { bucket = "example", region = "r" }
headers = { Referer = "${SECRET}" }
[origins.api]
targets = ["a:1"]
[sites.www]
hosts = ["h"]
origin = "main"
viewer = "allow-all"
spa = "/index.html"
"#;

#[test]
fn two_origins_may_stand_in_any_order() {
    let config = read(ORIGINS).unwrap();
    let failover = |name: &str| match &config.origins[name].kind {
        OriginKind::Failover(failover) => failover.clone(),
        _ => panic!("{name} is a failover"),
    };
    let (main, narrow) = (failover("main"), failover("narrow"));
    assert_eq!((main.primary.name.as_str(), main.secondary.name.as_str()), ("web", "api"));
    assert_eq!(main.on, [500, 502, 503, 504]);
    assert_eq!(narrow.on, [503, 404]);
    assert_eq!(config.sites[0].default_root_object, "index.html", "as its primary has it");
    assert_eq!(config.sites[0].behaviors[0].origin.name, "main");
    let OriginKind::S3(bucket) = &config.origins["web"].kind else { panic!("a bucket") };
    let [(name, value)] = bucket.headers.as_slice() else { panic!("one field") };
    assert_eq!((name.as_str(), value.as_bytes()), ("referer", &b"from-the-environment"[..]));
    assert!(!format!("{bucket:?}").contains("from-the-environment"));
}

#[test]
fn failovers_that_are_none() {
    check_behind_least(
        r#"
[origins.a]
primary = "api"
secondary = "api"
on = []
[origins.b]
primary = "a"
secondary = "apo"
on = [200, 500, 500, "502"]
targets = ["x:1"]
host = "client"
[origins.c]
secondary = "c"
primery = "api"
[origins.d]
primary = "api"
on = 500
[origins.e]
targets = ["x:1"]
on = [500]
[origins.f]
primery = "api"
[sites.two]
hosts = ["two"]
viewer = "allow-all"
origin = "g"
spa = "/index.html"
[origins.g]
primary = "api"
secondary = "e"
"#,
        r"
11: origins.a.secondary: is the primary too: another origin has to stand in for it
12: origins.a.on: names no status: 400 to 599
14: origins.b.primary: is a failover itself: name a bucket or a target group
15: origins.b.secondary: there is no origin `apo`; did you mean `api`?
16: origins.b.on[0]: must be 400 to 599
16: origins.b.on[2]: is there already: `origins.b.on[1]` on line 16
16: origins.b.on[3]: must be a whole number, not a string
17: origins.b.targets: cannot stand beside `primary`: a failover has no addresses of its own
18: origins.b.host: cannot stand beside `primary`: a failover has no addresses of its own
20: origins.c.secondary: is a failover itself: name a bucket or a target group
21: origins.c.primery: unknown key; did you mean `primary`?
22: origins.d.secondary: missing
24: origins.d.on: must be an array, not a whole number
27: origins.e.on: stands only beside `primary` and `secondary`
29: origins.f.primery: unknown key; did you mean `primary`?
34: sites.two.spa: needs an S3 origin: an app server answers its own deep links
",
    );
}

#[test]
fn fields_that_a_bucket_is_not_sent() {
    check_behind_least(
        r#"
[origins.web]
s3 = { bucket = "example", region = "r" }
headers = { host = "x", Authorization = "x", "X-Amz-Date" = "x", "x-amz-request-payer" = "x", range = "x", "if-match" = "x", te = "x", ok = "x", OK = "y" }
connect_timeout = "1s"
"#,
        r"
11: origins.web.headers.host: belongs to the signature and cannot be set
11: origins.web.headers.Authorization: belongs to the signature and cannot be set
11: origins.web.headers.X-Amz-Date: belongs to the signature and cannot be set
11: origins.web.headers.x-amz-request-payer: belongs to the signature and cannot be set
11: origins.web.headers.range: is asked for request by request and cannot be set
11: origins.web.headers.if-match: is asked for request by request and cannot be set
11: origins.web.headers.te: frames one connection's messages and cannot be set
11: origins.web.headers.OK: is there already: field names are the same in any case
12: origins.web.connect_timeout: cannot stand beside `s3`: an origin is a bucket or a target group
",
    );
}
