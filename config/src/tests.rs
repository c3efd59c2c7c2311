//! What a user sees: a good file's meaning, a bad file's problems.

mod access;
mod acme;
mod bad;
mod failover;
mod good;
mod grants;
mod health_checks;
mod issuance;
mod policies;
mod resolver;
mod responses;
mod signing;
mod syntax;
mod tags;
mod target_groups;
mod tls;

use std::path::Path;

use proptest::prelude::*;

use crate::{Config, Problems};

fn read(text: &str) -> Result<Config, Problems> {
    let environment = |name: &str| match name {
        "SECRET" => Some("from-the-environment".to_owned()),
        "BROKEN" => Some("two\nlines".to_owned()),
        _ => None,
    };
    crate::parse(text, Path::new("warmfront.toml"), &environment)
}

/// The least that runs: eight lines.
const LEAST: &str = r#"[listen]
https = []
[origins.api]
targets = ["10.0.1.10:8080"]
[sites.www]
hosts = ["h"]
origin = "api"
viewer = "allow-all"
"#;

/// `text` has exactly the `expected` problems, one a line. Its first line is line 1.
fn check(text: &str, expected: &str) {
    let text = text.trim_start_matches('\n');
    let found = match read(text) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string().replace("warmfront.toml:", ""),
    };
    let lines = |text: &str| text.trim().lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&found), lines(expected), "found:\n{found}\n");
}

/// As [`check`], behind a file that is good: the first line of `text` is line 9.
fn check_behind_least(text: &str, expected: &str) {
    check(&format!("{LEAST}{}", text.trim_start_matches('\n')), expected);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn arbitrary_lines_never_panic(lines in prop::collection::vec(line(), 0..30)) {
        let text = lines.join("\n");
        if let Err(problems) = read(&text) {
            let numbers: Vec<_> = problems.iter().map(|problem| problem.line).collect();
            prop_assert!(numbers.is_sorted());
            prop_assert!(numbers.iter().all(|line| (1..=lines.len().max(1)).contains(line)));
        }
    }
}

/// Lines that get past the TOML parser now and then.
fn line() -> impl Strategy<Value = String> {
    let one_of = |words: &'static str| {
        prop::sample::select(words.split_ascii_whitespace().collect::<Vec<_>>())
    };
    let value = prop_oneof![one_of(VALUES).prop_map(str::to_owned), "\"\\PC{0,12}\""];
    prop_oneof![
        one_of(HEADERS).prop_map(str::to_owned),
        (one_of(KEYS), value).prop_map(|(key, value)| format!("{key} = {value}")),
        "\\PC{0,20}",
    ]
}

const HEADERS: &str = "[listen] [limits] [cache] [tls] [origins.a] [origins.b.s3] [origins.c] \
    [origins.a.tls] [origins.a.health_check] [origins.a.stickiness] [origins.a.outliers] \
    [origins.a.circuit] [resolver] [[origins.a.targets]] \
    [policies.p] [sites.w] [[sites.w.behaviors]] [[sites.w.error_pages]] [sites.w.forward] \
    [sites.w.response_headers] [sites.w.response_headers.cors] [[key_groups.g.keys]] \
    [[tls.certificates]] [keys.k] [[keys.k.allow]] [log] [tls] [acme] [acme.dns] \
    [acme.dns.rfc2136] [acme.dns.route53] [acme.external_account] [[acme.fallback]] \
    [sites.w.acme] [sites.w [[ ]";

const KEYS: &str = "http https admin workers header_bytes memory s3 targets host headers bucket \
    region endpoint hosts origin viewer ttl behaviors path spa id secret allow action paths level \
    primary secondary on query cookies compress policy methods forward error_pages status page \
    respond canonical_host deny response_headers set remove security hsts cors origins credentials \
    max_age public_key trusted_key_groups clock_tolerance keep_assets deploys days tls server_name \
    verify client_key protocol algorithm hash_on retry_budget health_check port interval timeout \
    healthy service slow_start stickiness cookie duration name outliers consecutive_errors \
    policy unknown_name email agree_to_terms directory challenge profile ca_file kid hmac_key \
    id tags_header admin_tls admin prefetch_rate public_addresses before_first dns acme rfc2136 route53 exec zone key algorithm hosted_zone_id \
    fallback external_account eject_for circuit in_flight waiting servers address weight tier";

const VALUES: &str = r#""a" "*" [] {} ["a:1"] "${" "$${" "${SECRET}" -1 99999999999999999999 "30s"
    "99999999999999d" "1MiB" true 1.5 {bucket="b"} 404 [403,404] "10.0.0.0/8" ["::1"] {except=["x"]} "https://*.a" {min="1d",max="1s"}
    "dns-01" "zerossl" ["zerossl"] "https://a/b" "a.b" [{path="/a"}] {} "off" "http" "grpc" "200-399" "a:1" "app" [ { 1979-05-27
    """ "é"#;
