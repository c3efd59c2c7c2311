//! What sites say of their certificates, and what no authority could give them.

use super::{LEAST, check, check_behind_least, read};
use crate::*;

/// Two sites behind HTTPS; what `[acme]` says besides begins on line 3, `first` on line 9 or
/// behind it.
fn sites(acme: &str, first: &str, second: &str) -> String {
    let acme = acme.trim();
    format!(
        r#"[acme]
agree_to_terms = true
{acme}
[origins.api]
targets = ["10.0.1.10:8080"]
[sites.first]
origin = "api"
{first}
[sites.second]
origin = "api"
{second}
"#
    )
}

const HOSTS: [&str; 2] = ["hosts = [\"a.example.com\"]", "hosts = [\"b.example.com\"]"];

fn issuances(acme: &str, [first, second]: [&str; 2]) -> [Option<Issuance>; 2] {
    let [one, other] = HOSTS;
    let text = sites(acme, &format!("{one}\n{first}"), &format!("{other}\n{second}"));
    let config = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
    [config.sites[0].issuance.clone(), config.sites[1].issuance.clone()]
}

fn by(challenge: ChallengeKind, profile: &str) -> Issuance {
    let profile = Some(profile.to_owned()).filter(|profile| !profile.is_empty());
    Issuance { challenge, profile }
}

#[test]
fn a_site_is_ordered_for_as_acme_says_unless_it_says_otherwise() {
    use ChallengeKind::{Dns01, Http01, TlsAlpn01};
    let exec = "dns = { exec = \"hook\" }";
    for (acme, written, expected) in [
        ("", ["", "acme = true"], [Some(by(Http01, "")), Some(by(Http01, ""))]),
        ("", ["acme = false", "acme = {}"], [None, Some(by(Http01, ""))]),
        (
            "challenge = \"tls-alpn-01\"\nprofile = \"tlsserver\"",
            ["acme = { profile = \"shortlived\" }", "acme = { challenge = \"http-01\" }"],
            [Some(by(TlsAlpn01, "shortlived")), Some(by(Http01, "tlsserver"))],
        ),
        (
            "profile = \"tlsserver\"",
            ["acme = { profile = \"\" }", ""],
            [Some(by(Http01, "")), Some(by(Http01, "tlsserver"))],
        ),
        (exec, ["acme.challenge = \"dns-01\"", ""], [Some(by(Dns01, "")), Some(by(Http01, ""))]),
    ] {
        assert_eq!(issuances(acme, written), expected, "{acme} {written:?}");
    }
    let config = read(&format!("{LEAST}acme = false\n")).unwrap();
    assert!(config.sites[0].issuance.is_none());
}

#[test]
fn a_site_orders_nothing_from_nobody() {
    for written in ["acme = true", "acme = { challenge = \"dns-01\" }"] {
        check_behind_least(
            written,
            "9: sites.www.acme: orders nothing: there is no [acme] that says from whom",
        );
    }
    check_behind_least("acme = 3", "9: sites.www.acme: must be true or false, not a whole number");
}

#[test]
fn a_table_that_orders_nothing() {
    check_behind_least(
        "[acme]\nagree_to_terms = true\nchallenge = \"dns-01\"\ndns = { exec = \"x\" }\n",
        "9: acme: would do nothing: `listen.https` is empty",
    );
    let [first, second] = HOSTS.map(|hosts| format!("{hosts}\nacme = false"));
    check(&sites("", &first, &second), "1: acme: would do nothing: every site says `acme = false`");
    // A word that cannot be read may have been another.
    check(
        &sites("", &first, &second.replace("false", "0")),
        "13: sites.second.acme: must be true or false, not a whole number",
    );
}

#[test]
fn challenges_that_cannot_be_met() {
    let no_http = "\"http-01\" is asked over plain HTTP, and `listen.http` is empty: give it an \
                   address, or write `challenge = \"tls-alpn-01\"` or \"dns-01\"";
    let no_dns = "\"dns-01\" needs somebody who publishes TXT records: write `acme.dns` with \
                  `rfc2136`, `route53` or `exec`";
    let [first, second] = HOSTS;
    let off = "[listen]\nhttp = []";
    check(&sites(off, first, second), &format!("1: acme.challenge: {no_http}"));
    check(
        &sites(&format!("challenge = \"http-01\"\n{off}"), first, second),
        &format!("3: acme.challenge: {no_http}"),
    );
    let own = |hosts: &str, kind: &str| format!("{hosts}\nacme = {{ challenge = \"{kind}\" }}");
    check(
        &sites(off, &own(first, "tls-alpn-01"), &own(second, "http-01")),
        &format!("14: sites.second.acme.challenge: {no_http}"),
    );
    check(&sites("challenge = \"dns-01\"", first, second), &format!("3: acme.challenge: {no_dns}"));
    check(
        &sites("", &own(first, "dns-01"), second),
        &format!("9: sites.first.acme.challenge: {no_dns}"),
    );
    check(
        &sites("dns = { exec = \"x\" }", first, &own(second, "tls-alpn-01")),
        "3: acme.dns: would do nothing: no site proves its hosts by `challenge = \"dns-01\"`",
    );
}

#[test]
fn what_no_site_needs() {
    let own = |words: [&str; 2]| {
        let [first, second] = HOSTS;
        [format!("{first}\n{}", words[0]), format!("{second}\n{}", words[1])]
    };
    let off = "acme = false";
    let tls = "acme.challenge = \"tls-alpn-01\"";
    let dns = "acme.challenge = \"dns-01\"";
    let profile = "acme.profile = \"shortlived\"";
    let http01 = "challenge = \"http-01\"";
    let tlsserver = "profile = \"tlsserver\"";
    let addresses = "public_addresses = [\"203.0.113.7\"]";
    let exec = "dns = { exec = \"x\" }\n";
    let no_challenge = "3: acme.challenge: would do nothing: no site leaves its challenge to it";
    let no_profile = "3: acme.profile: would do nothing: no site leaves its profile to it";
    let no_address = "4: acme.public_addresses: would do nothing: no site proves its hosts by \
                      `challenge = \"http-01\"` or \"tls-alpn-01\"";
    for (acme, words, problem) in [
        (http01.to_owned(), [tls, tls], Some(no_challenge)),
        (http01.to_owned(), [tls, off], Some(no_challenge)),
        (http01.to_owned(), [tls, ""], None),
        (http01.to_owned(), [tls, profile], None),
        (tlsserver.to_owned(), [profile, profile], Some(no_profile)),
        (tlsserver.to_owned(), [off, profile], Some(no_profile)),
        (tlsserver.to_owned(), [tls, profile], None),
        ("profile = \"\"".to_owned(), [profile, profile], None),
        (format!("{exec}{addresses}"), [dns, dns], Some(no_address)),
        (format!("{exec}{addresses}"), [dns, off], Some(no_address)),
        (format!("{exec}{addresses}"), [dns, tls], None),
        (format!("{exec}{addresses}"), [dns, ""], None),
        (addresses.to_owned(), [tls, ""], None),
    ] {
        let [first, second] = own(words);
        let text = sites(&acme, &first, &second);
        match problem {
            Some(problem) => check(&text, problem),
            None => assert!(read(&text).is_ok(), "{acme} {words:?}"),
        }
    }
    // One slip is one problem.
    let [first, second] = own(["acme.challenge = \"dns01\"", dns]);
    check(
        &sites(&format!("{exec}{addresses}\n{http01}"), &first, &second),
        "11: sites.first.acme.challenge: is one of \"http-01\", \"tls-alpn-01\", \"dns-01\", not \
         \"dns01\"; did you mean `dns-01`?",
    );
}

#[test]
fn hosts_that_cannot_be_proven() {
    let wildcard = "a wildcard is proven by `challenge = \"dns-01\"` alone: write it in [acme] or in \
                    the site's `acme`, or bring a certificate for `*.c.example.com` in a site with \
                    `acme = false`";
    let [first, second] =
        ["hosts = [\"a\", \"*.c.example.com\"]", "hosts = [\"192.0.2.1\", \"[::1]\"]"];
    let off = format!("{second}\nacme = false");
    let dns = "challenge = \"dns-01\"\ndns = { exec = \"x\" }";
    let private = "directory = \"https://ca.internal/\"";
    check(&sites("", first, &off), &format!("8: sites.first.hosts[1]: {wildcard}"));
    assert!(read(&sites(dns, first, &off)).is_ok());
    assert!(read(&sites("", &format!("{first}\nacme = false"), HOSTS[1])).is_ok());

    let short = "Let's Encrypt speaks for addresses in short-lived certificates alone: write \
                 `profile = \"shortlived\"` in [acme] or in the site's `acme`";
    let [bare, _] = HOSTS;
    check(
        &sites("", bare, second),
        &format!("11: sites.second.hosts[0]: {short}\n11: sites.second.hosts[1]: {short}"),
    );
    assert!(read(&sites("profile = \"shortlived\"", bare, second)).is_ok());
    assert!(read(&sites(private, bare, second)).is_ok());
    let no_dns = "an address cannot be proven by \"dns-01\": give it a site of its own whose `acme` \
                  says `challenge = \"http-01\"` or \"tls-alpn-01\"";
    check(
        &sites(&format!("{private}\n{dns}"), bare, &second.replace(", \"[::1]\"", "")),
        &format!("13: sites.second.hosts[0]: {no_dns}"),
    );
}

/// What an authority may not speak for is left to whoever knows the own certificates.
#[test]
fn names_of_ones_own_are_no_error() {
    let hosts = "hosts = [\"localhost\", \"a.internal\", \"b.test\", \"my_app.example.com\"]";
    assert!(read(&sites("", hosts, HOSTS[1])).is_ok());
}

#[test]
fn a_certificate_has_a_hundred_names() {
    let hosts = |count: usize| {
        let hosts: Vec<_> = (0..count).map(|number| format!("\"h{number}.example.com\"")).collect();
        format!("hosts = [{}]", hosts.join(", "))
    };
    assert!(read(&sites("", &hosts(100), HOSTS[1])).is_ok());
    check(
        &sites("", &hosts(101), HOSTS[1]),
        "8: sites.first.hosts: names 101 hosts: authorities take at most 100 in one certificate, \
         and a site has one",
    );
    assert!(read(&sites("", &format!("{}\nacme = false", hosts(101)), HOSTS[1])).is_ok());
}

/// One slip is one problem.
#[test]
fn a_misspelled_challenge_is_all_that_is_reported() {
    let [first, second] =
        ["hosts = [\"*.c.example.com\"]", "hosts = [\"192.0.2.1\"]\nacme = false"];
    check(
        &sites("challenge = \"dns01\"\ndns = { exec = \"x\" }", first, second),
        "3: acme.challenge: is one of \"http-01\", \"tls-alpn-01\", \"dns-01\", not \"dns01\"; did \
         you mean `dns-01`?",
    );
}
