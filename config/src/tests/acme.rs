//! `[acme]`: authorities, and who publishes for them.

use std::net::IpAddr;
use std::path::Path;

use super::{LEAST, check, read};
use crate::*;

/// Seven lines that take HTTPS in: what is behind them begins on line 8.
fn open() -> String {
    LEAST.replace("https = []\n", "")
}

fn acme(text: &str) -> Acme {
    let config = read(&format!("{}[acme]\nagree_to_terms = true\n{text}", open()));
    config.unwrap_or_else(|problems| panic!("{problems}")).acme.unwrap()
}

/// The first line of `text` is line 10.
fn check_acme(text: &str, expected: &str) {
    let text = text.trim_start_matches('\n');
    check(&format!("{}[acme]\nagree_to_terms = true\n{text}", open()), expected);
}

#[test]
fn defaults_are_the_documented_ones() {
    let acme = acme("");
    let [first] = acme.authorities.as_slice() else { panic!("one authority") };
    assert_eq!(first.name, "letsencrypt");
    assert_eq!(first.directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert!(first.public && first.ca_file.is_none() && first.external_account.is_none());
    assert!(acme.email.is_none() && acme.public_addresses.is_empty() && acme.dns.is_none());
    assert_eq!(acme.before_first, BeforeFirst::SelfSigned);
    assert!(read(LEAST).unwrap().acme.is_none());
}

#[test]
fn a_whole_table_means_what_it_says() {
    let acme = acme(
        r#"
email = "ops+tls@example.com"
directory = "https://CA.internal:14000/dir?x=1"
ca_file = "ca.pem"
external_account = { kid = "kid-1", hmac_key = "+/8=" }
public_addresses = ["203.0.113.7", "2001:DB8::7", "::ffff:203.0.113.8"]
before_first = "refuse"
fallback = [
  "letsencrypt-staging",
  { directory = "zerossl", external_account = { kid = "k", hmac_key = "_-8" } },
  { directory = "https://[::1]:443", ca_file = "" },
]
"#,
    );
    assert_eq!(acme.email.as_deref(), Some("ops+tls@example.com"));
    assert_eq!(acme.before_first, BeforeFirst::Refuse);
    let addresses = ["203.0.113.7", "2001:db8::7", "203.0.113.8"];
    assert_eq!(acme.public_addresses, addresses.map(|it| it.parse::<IpAddr>().unwrap()));
    let seen: Vec<_> = acme
        .authorities
        .iter()
        .map(|authority| {
            let account = authority.external_account.as_ref();
            let account = account.map(|it| (it.kid.as_str(), it.hmac_key.reveal()));
            let (name, directory) = (authority.name.as_str(), authority.directory.as_str());
            (name, directory, authority.ca_file.as_deref(), account, authority.public)
        })
        .collect();
    let staging = "https://acme-staging-v02.api.letsencrypt.org/directory";
    let expected = [
        (
            "ca.internal:14000",
            "https://ca.internal:14000/dir?x=1",
            Some(Path::new("ca.pem")),
            Some(("kid-1", "-_8")),
            false,
        ),
        ("letsencrypt-staging", staging, None, None, true),
        ("zerossl", "https://acme.zerossl.com/v2/DV90", None, Some(("k", "_-8")), true),
        ("[::1]", "https://[::1]/", None, None, false),
    ];
    assert_eq!(seen, expected);
    assert!(!format!("{acme:?}").contains("-_8"));
}

/// Whoever writes the URL means the same authority.
#[test]
fn a_known_url_is_a_known_name() {
    let acme = acme("directory = \"https://ACME-v02.api.letsencrypt.org:443/directory\"\n");
    assert_eq!(
        (acme.authorities[0].name.as_str(), acme.authorities[0].public),
        ("letsencrypt", true)
    );
}

#[test]
fn the_terms_are_accepted_by_a_person() {
    let meaning = "`true` says that you accept the terms of service of the authorities that \
                   certificates are ordered from; none is ordered without";
    for (written, expected) in [
        ("", format!("8: acme.agree_to_terms: missing: {meaning}")),
        ("agree_to_terms = false", format!("9: acme.agree_to_terms: {meaning}")),
        (
            "agree_to_term = true",
            "9: acme.agree_to_term: unknown key; did you mean `agree_to_terms`?".to_owned(),
        ),
        (
            "agree_to_terms = \"yes\"",
            "9: acme.agree_to_terms: must be true or false, not a string".to_owned(),
        ),
    ] {
        check(&format!("{}[acme]\n{written}\n", open()), &expected);
    }
}

#[test]
fn words_that_mean_nothing() {
    check_acme(
        r#"
email = "mailto:ops@example.com"
directory = "letsencript"
challenge = "dns"
profile = "short lived"
public_addresses = ["edge.example.com", "0.0.0.0", "ff02::1", "203.0.113.7", "203.0.113.7"]
before_first = "wait"
external_account = { kid = "", hmac_key = "not base64!" }
fallback = ["http://ca.internal/", "https://ca internal/", { }, 3, { directory = "https://ca/", ca_fil = "x" }]
"#,
        r#"
10: acme.email: is the address alone, without `mailto:`
11: acme.directory: is "letsencrypt", "letsencrypt-staging", "zerossl" or the https URL of a directory, not "letsencript"; did you mean `letsencrypt`?
12: acme.challenge: is one of "http-01", "tls-alpn-01", "dns-01", not "dns"; did you mean `dns-01`?
13: acme.profile: is no profile, such as "tlsserver"
14: acme.public_addresses[0]: "edge.example.com" is no address, such as "203.0.113.7" or "2001:db8::7"
14: acme.public_addresses[1]: 0.0.0.0 is no machine's address
14: acme.public_addresses[2]: ff02::1 is no machine's address
14: acme.public_addresses[4]: is there already: `acme.public_addresses[3]` on line 14
15: acme.before_first: is one of "self-signed", "refuse", not "wait"
16: acme.external_account.kid: is no key identifier
16: acme.external_account.hmac_key: is no key in base64: letters are missing, or something else is among them
17: acme.fallback[0]: has to be https: an authority is never asked over plain HTTP
17: acme.fallback[1]: `ca internal` is no host name and no address
17: acme.fallback[2].directory: missing
17: acme.fallback[3]: must be a table, not a whole number
17: acme.fallback[4].ca_fil: unknown key; did you mean `ca_file`?
"#,
    );
    for email in ["ops", "@example.com", "a@b@c", "a b@example.com", "a@example.com?cc=b", "ü@a.b"]
    {
        check_acme(
            &format!("email = {email:?}\n"),
            &format!("10: acme.email: {email:?} is no email address, such as \"ops@example.com\""),
        );
    }
}

#[test]
fn authorities_that_cannot_be_asked() {
    let needs = "`zerossl` needs `external_account = { kid, hmac_key_file }` beside `directory`: a \
                 key id and a MAC key for your account there are made at \
                 https://app.zerossl.com/developer";
    check_acme("directory = \"zerossl\"\n", &format!("10: acme.directory: {needs}"));
    check_acme("fallback = [\"zerossl\"]\n", &format!("10: acme.fallback[0]: {needs}"));
    check_acme(
        "fallback = [{ directory = \"zerossl\" }]\n",
        &format!("10: acme.fallback[0].directory: {needs}"),
    );
    check_acme(
        r#"
ca_file = "ca.pem"
external_account = { kid = "k", hmac_key = "AAAA" }
fallback = ["letsencrypt", "https://ca/a", { directory = "https://CA:443/a" }]
"#,
        r"
10: acme.ca_file: is for private authorities: what proves `letsencrypt` is among the system's roots
11: acme.external_account: would do nothing: `letsencrypt` binds no accounts
12: acme.fallback[0]: is there already: `acme.directory`, whose default it is
12: acme.fallback[2]: is there already: `acme.fallback[1]` on line 12
",
    );
    check_acme(
        "directory = \"https://ca/\"\nfallback = [\"https://ca\"]\n",
        "11: acme.fallback[0]: is there already: `acme.directory` on line 10",
    );
}

#[test]
fn secrets_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmfront.toml");
    std::fs::write(folder.path().join("mac"), "c2VjcmV0LXNlY3JldA==\n").unwrap();
    let text = r#"[acme]
agree_to_terms = true
directory = "https://ca/"
challenge = "dns-01"
external_account = { kid = "k", hmac_key_file = "mac" }
dns = { rfc2136 = { server = "10.0.0.53", zone = "Example.com.", key = "Edge.1.", secret_file = "mac" } }
"#;
    std::fs::write(&file, open() + text).unwrap();
    let acme = load(&file, &|_| None).unwrap().acme.unwrap();
    let account = acme.authorities[0].external_account.as_ref().unwrap();
    assert_eq!(account.hmac_key.reveal(), "c2VjcmV0LXNlY3JldA");
    let Some(DnsPublisher::Rfc2136(server)) = acme.dns else { panic!("a name server") };
    assert_eq!(server.server.to_string(), "10.0.0.53:53");
    assert_eq!((server.zone.as_str(), server.key.as_str()), ("example.com", "edge.1"));
    assert_eq!(server.algorithm, TsigAlgorithm::HmacSha256);
    assert_eq!(server.secret.reveal(), "c2VjcmV0LXNlY3JldA==");
}

#[test]
fn publishers_mean_what_they_say() {
    let dns = |text: &str| acme(&format!("challenge = \"dns-01\"\ndns = {{ {text} }}\n")).dns;
    let Some(DnsPublisher::Route53(amazon)) = dns("route53 = { hosted_zone_id = \"Z0AB\" }") else {
        panic!("Route 53")
    };
    assert_eq!((amazon.hosted_zone_id.as_str(), amazon.region.as_str()), ("Z0AB", "us-east-1"));
    assert!(amazon.endpoint.is_none() && matches!(amazon.credentials, Credentials::Default));

    let written = r#"route53 = { hosted_zone_id = "/hostedzone/Z0AB", endpoint = "http://127.0.0.1:5000", region = "aws-global", credentials = { access_key_id = "AKIA", secret_access_key = "s" } }"#;
    let Some(DnsPublisher::Route53(amazon)) = dns(written) else { panic!("Route 53") };
    assert_eq!((amazon.hosted_zone_id.as_str(), amazon.region.as_str()), ("Z0AB", "aws-global"));
    assert_eq!(amazon.endpoint.map(|it| (it.tls, it.port)), Some((false, 5000)));
    assert!(matches!(amazon.credentials, Credentials::Static { .. }));

    let Some(DnsPublisher::Exec(program)) = dns("exec = \"hooks/dns\"") else { panic!("exec") };
    assert_eq!(program, Path::new("./hooks/dns"));
    let written = r#"rfc2136 = { server = "[::1]:5353", zone = "a", key = "k", algorithm = "hmac-sha512", secret = "AAA" }"#;
    let Some(DnsPublisher::Rfc2136(server)) = dns(written) else { panic!("a name server") };
    assert_eq!(server.algorithm, TsigAlgorithm::HmacSha512);
    assert_eq!((server.server.port(), server.secret.reveal()), (5353, "AAA="));
}

#[test]
fn publishers_that_cannot_publish() {
    let check_dns = |text: &str, expected: &str| {
        check_acme(&format!("challenge = \"dns-01\"\ndns = {text}\n"), expected);
    };
    check_dns("\"exec\"", "11: acme.dns: must be a table, not a string");
    check_dns(
        "{ }",
        "11: acme.dns: names nobody who publishes: write `rfc2136`, `route53` or `exec`",
    );
    check_dns("{ exce = \"a\" }", "11: acme.dns.exce: unknown key; did you mean `exec`?");
    check_dns("{ exec = \"\" }", "11: acme.dns.exec: names no file");
    check_dns(
        r#"{ exec = "a", route53 = { hosted_zone_id = "Z-1", region = "", credentials = "anonymous" } }"#,
        r#"
11: acme.dns.exec: cannot stand beside `acme.dns.route53`: one publisher is enough
11: acme.dns.route53.hosted_zone_id: "Z-1" is no id of a hosted zone, such as "Z0123456789ABC"
11: acme.dns.route53.region: a region is a word such as `eu-central-1`
11: acme.dns.route53.credentials: is "default" or { access_key_id, secret_access_key_file }: every change of a zone is signed
"#,
    );
    check_dns(
        r#"{ rfc2136 = { server = "ns1.example.com", zone = "10.0.0.1", key = "a b", algorithm = "hmac-md5", secret = "A" } }"#,
        r#"
11: acme.dns.rfc2136.server: "ns1.example.com" is no address of a DNS server, such as "10.0.0.2" or "[::1]:53"
11: acme.dns.rfc2136.zone: "10.0.0.1" is no zone, such as "example.com"
11: acme.dns.rfc2136.key: "a b" is no name of a key, such as "warmfront-key"
11: acme.dns.rfc2136.algorithm: is one of "hmac-sha256", "hmac-sha384", "hmac-sha512", not "hmac-md5"
11: acme.dns.rfc2136.secret: is no key in base64: letters are missing, or something else is among them
"#,
    );
    check_dns(
        "{ rfc2136 = { } }",
        r"
11: acme.dns.rfc2136.server: missing
11: acme.dns.rfc2136.zone: missing
11: acme.dns.rfc2136.key: missing
11: acme.dns.rfc2136.secret_file: missing; the secret itself may stand here as `secret`
",
    );
}
