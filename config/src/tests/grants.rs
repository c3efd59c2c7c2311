//! What keys may do to targets and certificates.

use super::{LEAST, check_behind_least, read};
use crate::*;

#[test]
fn a_key_may_be_limited_to_the_targets_of_an_origin() {
    let text = format!(
        r#"{LEAST}[keys.k]
id = "k"
secret = "0123456789abcdef"
allow = [
  {{ action = "targets" }},
  {{ action = "targets", origin = "api" }},
  {{ action = ["targets", "invalidate"], origin = "api", site = "www", paths = ["/*"] }},
]
"#
    );
    let config = read(&text).unwrap();
    let grants = config.keys[0].allow.iter();
    let seen: Vec<_> = grants
        .map(|grant| (grant.actions.clone(), grant.origin.as_deref(), grant.site.as_deref()))
        .collect();
    let expected = [
        (vec![Action::Targets], None, None),
        (vec![Action::Targets], Some("api"), None),
        (vec![Action::Targets, Action::Invalidate], Some("api"), Some("www")),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn limits_that_limit_nothing() {
    check_behind_least(
        r#"
[origins.web]
s3 = { bucket = "abc", region = "r" }
[origins.main]
primary = "api"
secondary = "web"
[keys.k]
id = "k"
secret = "0123456789abcdef"
allow = [
  { action = "targets", origin = "apo" },
  { action = "targets", origin = "web" },
  { action = "targets", origin = "main" },
  { action = ["invalidate", "read"], origin = "api" },
  { action = "targets", site = "www", paths = ["/*"] },
  { action = "target", origin = "api" },
  { action = [], site = "www" },
  { action = "certificates", site = "www", origin = "api", paths = ["/*"] },
  { action = ["certificates", "targets"], site = "www", origin = "api", paths = ["/*"] },
  { action = ["certificates", "read"], site = "www", paths = ["/*"] },
]
"#,
        r#"
18: keys.k.allow[0].origin: there is no origin `apo`; did you mean `api`?
19: keys.k.allow[1].origin: `web` has no targets of its own: name a target group
20: keys.k.allow[2].origin: `main` has no targets of its own: name a target group
21: keys.k.allow[3].origin: limits nothing: only the action "targets" is about an origin
22: keys.k.allow[4].site: limits nothing: targets belong to an origin, so write `origin`
22: keys.k.allow[4].paths: limits nothing: targets belong to an origin, so write `origin`
23: keys.k.allow[5].action: is one of "invalidate", "read", "targets", "certificates", not "target"; did you mean `targets`?
24: keys.k.allow[6].action: names no action: one of "invalidate", "read", "targets", "certificates"
25: keys.k.allow[7].origin: limits nothing: only the action "targets" is about an origin
25: keys.k.allow[7].paths: limits nothing: a certificate is of a site and all its paths
26: keys.k.allow[8].paths: limits nothing: a certificate is of a site and all its paths
"#,
    );
}
