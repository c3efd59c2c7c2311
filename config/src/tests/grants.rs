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

#[test]
fn a_grant_means_the_same_as_json() {
    use serde_json::json;

    let config = read(LEAST).unwrap();
    let allow = json!([
        { "action": "targets", "origin": "api" },
        { "action": ["invalidate", "read"], "site": "www", "paths": ["/${SECRET}/*", "/a $${b}"] },
    ]);
    let grants = config.grants(&allow).unwrap();
    let words: Vec<&str> = grants[1].actions.iter().map(|action| action.as_str()).collect();
    assert_eq!(words, ["invalidate", "read"]);
    let paths: Vec<&str> = grants[1].paths.iter().map(PathPattern::as_str).collect();
    assert_eq!(paths, ["/${SECRET}/*", "/a $${b}"], "the environment is nobody's business");
    assert_eq!(
        (grants[0].origin.as_deref(), grants[1].site.as_deref()),
        (Some("api"), Some("www"))
    );

    for (allow, says) in [
        (json!([]), "allow: a key that may do nothing is of no use"),
        (json!("read"), "allow: must be an array, not a string"),
        (json!([1]), "allow[0]: must be a table, not a whole number"),
        (json!([{ "action": "read", "site": null }]), "allow: `null` says nothing"),
        (json!([{ "action": "reed" }]), "did you mean `read`?"),
        (json!([{ "action": "read", "site": "ww" }]), "there is no site `ww`; did you mean `www`?"),
        (json!([{ "action": "read", "sites": "www" }]), "allow[0].sites: unknown key"),
        (json!([{ "action": "targets", "paths": ["/*"] }]), "limits nothing"),
        (json!([{ "site": "www" }]), "allow[0].action: missing"),
        (json!([{ "action": 1.5 }]), "must be an array, not a number with a fraction"),
    ] {
        let refused = config.grants(&allow).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn a_secret_is_what_stands_behind_the_dot() {
    check_behind_least(
        r#"
[keys.whole]
id = "WFDEPLOY"
secret = "WFDEPLOY.0123456789abcdef"
allow = [{ action = "read" }]
[keys.spaced]
id = "spaced"
secret = "0123456789 abcdef"
allow = [{ action = "read" }]
[keys.broken]
id = "broken"
secret = "0123456789\u0000abcdef"
allow = [{ action = "read" }]
[keys.dotted]
id = "dotted"
secret = "dot.ted.0123456789abcdef"
allow = [{ action = "read" }]
"#,
        r"
11: keys.whole.secret: begins with `WFDEPLOY.`, as a whole key does: only what is behind it is the secret
15: keys.spaced.secret: a secret holds no white space and no control characters
19: keys.broken.secret: a secret holds no white space and no control characters
",
    );
}

#[test]
fn every_action_has_a_word() {
    for action in Action::ALL {
        assert_eq!(Action::parse(action.as_str()), Some(action));
    }
    assert_eq!(Action::parse("write"), None);
}
