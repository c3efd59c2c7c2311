//! Who is let in, by which host, over which scheme; and what is kept after a deploy.

use std::time::Duration;

use super::{LEAST, check, check_behind_least, read};
use crate::*;

fn site(text: &str) -> Site {
    let config = read(&format!("{LEAST}{text}")).unwrap_or_else(|problems| panic!("{problems}"));
    Site::clone(&config.sites[0])
}

#[test]
fn clients_are_known_by_network() {
    let site = site(
        r#"
allow = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "::ffff:198.51.100.0/120", "0.0.0.0/0"]
deny = ["10.1.0.0/16", "::ffff:192.0.2.2"]
"#,
    );
    let shown = |networks: &[ipnet::IpNet]| {
        networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        shown(&site.clients.allow),
        "10.0.0.0/8 192.0.2.1/32 2001:db8::/32 ::1/128 198.51.100.0/24 0.0.0.0/0"
    );
    assert_eq!(shown(&site.clients.deny), "10.1.0.0/16 192.0.2.2/32");
}

#[test]
fn hosts_and_assets() {
    let hosts = LEAST.replace(r#"["h"]"#, r#"["www.example.com", "example.com", "*.example.com"]"#);
    let canonical = |text: &str| {
        let config = read(&format!("{hosts}canonical_host = {text}\n")).unwrap();
        config.sites[0].canonical_host.clone()
    };
    assert_eq!(canonical(r#""WWW.example.com.""#).as_deref(), Some("www.example.com"));
    assert_eq!(canonical(r#""""#), None);
    let kept = |text: &str| site(&format!("keep_assets = {text}\n")).keep_assets;
    assert_eq!(kept("{ deploys = 3 }"), Some(KeepAssets::Deploys(3)));
    assert_eq!(kept("{ days = 7 }"), Some(KeepAssets::For(Duration::from_hours(7 * 24))));
}

#[test]
fn behaviors_have_a_viewer_and_a_timing_of_their_own() {
    let site = site(
        r#"
server_timing = true
[[sites.www.behaviors]]
path = "/secret/*"
viewer = "https-only"
server_timing = false
"#,
    );
    let seen: Vec<_> = site.behaviors.iter().map(|b| (b.viewer, b.server_timing)).collect();
    assert_eq!(seen, [(Viewer::HttpsOnly, false), (Viewer::AllowAll, true)]);
}

#[test]
fn clients_hosts_and_assets_that_are_none() {
    check_behind_least(
        r#"
allow = ["10.0.0.1/8", "10.0.0/8", "10.0.0.0/33", "example.com", "::ffff:10.0.0.1/104", "::1/127"]
deny = ["192.0.2.0/24", "::ffff:192.0.2.0/120", "10.0.0.1-10.0.0.9"]
canonical_host = "hh"
keep_assets = { deploys = 0, days = 7 }
[sites.two]
hosts = ["*.two"]
origin = "api"
viewer = "allow-all"
canonical_host = "*.two"
keep_assets = {}
allow = ["192.0.2.1"]
deny = ["192.0.2.1/32"]
[sites.three]
hosts = ["three"]
origin = "api"
viewer = "allow-all"
canonical_host = "https://three"
keep_assets = { days = 366 }
deny = "192.0.2.1"
"#,
        r#"
9: sites.www.allow[0]: "10.0.0.1/8" has bits behind its prefix: write "10.0.0.0/8"
9: sites.www.allow[1]: "10.0.0/8" is no address and no network, such as "10.0.0.0/8" or "2001:db8::/32"
9: sites.www.allow[2]: "10.0.0.0/33" is no address and no network, such as "10.0.0.0/8" or "2001:db8::/32"
9: sites.www.allow[3]: "example.com" is no address and no network, such as "10.0.0.0/8" or "2001:db8::/32"
9: sites.www.allow[4]: "::ffff:10.0.0.1/104" has bits behind its prefix: write "10.0.0.0/8"
9: sites.www.allow[5]: "::1/127" has bits behind its prefix: write "::/127"
10: sites.www.deny[1]: is there already: `sites.www.deny[0]` on line 10
10: sites.www.deny[2]: "10.0.0.1-10.0.0.9" is no address and no network, such as "10.0.0.0/8" or "2001:db8::/32"
11: sites.www.canonical_host: `hh` is not among `hosts`; did you mean `h`?
12: sites.www.keep_assets.days: cannot stand beside `deploys`: write one of them
12: sites.www.keep_assets.deploys: must be 1 to 100
17: sites.two.canonical_host: is a single host: nobody can be sent to many
18: sites.two.keep_assets: needs `deploys` or `days`
20: sites.two.deny[0]: is in `allow` too: who is denied stays out
25: sites.three.canonical_host: a host has no scheme: write `www.example.com`, not `https://www.example.com`
26: sites.three.keep_assets.days: must be 1 to 365
27: sites.three.deny: must be an array, not a string
"#,
    );
}

#[test]
fn a_host_is_not_missed_among_hosts_that_cannot_be_read() {
    check(
        r#"
[listen]
https = []
[origins.api]
targets = ["a:1"]
[sites.www]
hosts = ["a b"]
canonical_host = "h"
origin = "api"
viewer = "allow-all"
"#,
        r"
6: sites.www.hosts[0]: not a host name: letters, digits, `-` and `_` in labels of 1 to 63, 253 in all
",
    );
}

#[test]
fn every_viewer_that_redirects_to_nothing_is_told_of() {
    check(
        r#"
[listen]
https = []
[origins.api]
targets = ["a:1"]
[sites.www]
hosts = ["h"]
origin = "api"
viewer = "allow-all"
[[sites.www.behaviors]]
path = "/a"
viewer = "redirect-to-https"
[[sites.www.behaviors]]
path = "/b"
viewer = "none"
server_timing = 1
"#,
        r#"
11: sites.www.behaviors[0].viewer: redirects to HTTPS, but `listen.https` is empty: set `viewer = "allow-all"`, or give `listen.https` an address
14: sites.www.behaviors[1].viewer: is one of "redirect-to-https", "https-only", "allow-all", not "none"
15: sites.www.behaviors[1].server_timing: must be true or false, not a whole number
"#,
    );
}
