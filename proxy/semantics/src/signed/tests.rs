use super::*;
use http::{HeaderValue, header};
use proptest::prelude::*;

/// What botocore's `CloudFrontSigner` makes of these, with a signature of twelve bytes.
const CANNED: &str = "https://d111111abcdef8.cloudfront.net/image.jpg?color=red&size=medium&\
    Expires=1767290400&Signature=-vv8~f7~AHNpZz8-&Key-Pair-Id=K2JCJMDEHXQW5F";
const CANNED_POLICY: &str = concat!(
    r#"{"Statement":[{"Resource":"https://d111111abcdef8.cloudfront.net/image.jpg"#,
    r#"?color=red&size=medium","Condition":{"DateLessThan":{"AWS:EpochTime":1767290400}}}]}"#
);
const CUSTOM: &str = "https://d111111abcdef8.cloudfront.net/training/orientation.pdf?\
    Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9kMTExMTExYWJjZGVmOC5jbG91ZGZyb250Lm5ld\
    C90cmFpbmluZy8qIiwiQ29uZGl0aW9uIjp7IkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjoxNzY3MjkwNDAwf\
    SwiSXBBZGRyZXNzIjp7IkFXUzpTb3VyY2VJcCI6IjE5Mi4wLjIuMC8yNCJ9LCJEYXRlR3JlYXRlclRoYW4iOnsiQVdTO\
    kVwb2NoVGltZSI6MTc2NzIwNDAwMH19fV19&Signature=-vv8~f7~AHNpZz8-&Key-Pair-Id=K2JCJMDEHXQW5F";
const CUSTOM_POLICY: &str = concat!(
    r#"{"Statement":[{"Resource":"https://d111111abcdef8.cloudfront.net/training/*","Condition":{"#,
    r#""DateLessThan":{"AWS:EpochTime":1767290400},"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"},"#,
    r#""DateGreaterThan":{"AWS:EpochTime":1767204000}}}]}"#
);
const SIGNATURE: [u8; 12] = *b"\xfa\xfb\xfc\xfd\xfe\xff\x00sig?>";
const KEY: &str = "Signature=AAAA&Key-Pair-Id=K";

fn url(text: &str) -> Url<'_> {
    let (scheme, rest) = text.split_once("://").unwrap();
    let (authority, rest) = rest.split_at(rest.find('/').unwrap());
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, q)| (path, Some(q)));
    Url { scheme, authority, path, query }
}

fn read(text: &str) -> Result<Claim, Refusal> {
    claim(&url(text), &HeaderMap::new())
}

fn encoded(policy: &str) -> String {
    let usual = STANDARD.encode(policy);
    usual.replace('+', "-").replace('=', "_").replace('/', "~")
}

fn with_policy(policy: &str) -> Result<Claim, Refusal> {
    read(&format!("https://a.test/?Policy={}&{KEY}", encoded(policy)))
}

/// The sentence of a refusal, and of what is behind it.
fn sentence<T>(outcome: Result<T, Refusal>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(Refusal::Policy(source)) => format!("reading the policy: {source}"),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn what_botocore_signs_is_what_is_read() {
    for (text, policy) in [(CANNED, CANNED_POLICY), (CUSTOM, CUSTOM_POLICY)] {
        let claim = read(text).unwrap();
        assert_eq!(claim.policy, policy.as_bytes());
        assert_eq!(claim.signature, SIGNATURE);
        assert_eq!(claim.key_pair_id, "K2JCJMDEHXQW5F");
        assert_eq!(claim.hash, Hash::Sha1);
    }
    assert_eq!(read(&format!("{CANNED}&Hash-Algorithm=SHA256")).unwrap().hash, Hash::Sha256);
    assert_eq!(read(&format!("{CUSTOM}&Hash-Algorithm=SHA1")).unwrap().hash, Hash::Sha1);
}

#[test]
fn a_canned_policy_is_for_the_url_as_it_was_without_the_signature() {
    for (before, after, signed) in [
        ("/", "?", "/"),
        ("/a?", "&", "/a?"),
        ("/a?x&&y=%20;", "&", "/a?x&&y=%20;"),
        ("/a*b?c=*", "&", "/a*b?c=*"),
        ("/a?expires=1", "&", "/a?expires=1"),
        ("/a?Expire%73=1", "&", "/a?Expire%73=1"),
        ("/a?x;Expires=1", "&", "/a?x;Expires=1"),
    ] {
        let text = format!("http://a.test:8080{before}{after}Expires=9&{KEY}");
        let claim = read(&text).unwrap();
        let policy = String::from_utf8(claim.policy.clone()).unwrap();
        assert!(policy.contains(&format!(r#""http://a.test:8080{signed}""#)), "{policy}");
        let permitted = |text: &str| {
            claim.permits(&url(text), [192, 0, 2, 1].into(), SystemTime::UNIX_EPOCH, Duration::ZERO)
        };
        assert_eq!(sentence(permitted(&text)), "ok");
        let other = text.replace("/a", "/b").replace("test:8080/?", "test:8080/b?");
        assert_eq!(sentence(permitted(&other)), "the policy is for another URL", "{other}");
    }
    let between = read(&format!("https://a.test/?a=1&Expires=9&b=2&{KEY}&c=3")).unwrap();
    let before = read(&format!("https://a.test/?{KEY}&Expires=9&a=1&b=2&c=3")).unwrap();
    assert_eq!(between, before);
}

#[test]
fn what_is_not_whole_is_refused() {
    let long = "A".repeat(8_192);
    for (query, expected) in [
        ("", "neither the URL nor a cookie is signed"),
        ("expires=1&policy=x&key-pair-id=K", "neither the URL nor a cookie is signed"),
        ("Hash-Algorithm=SHA1", "the signature has no Policy or Expires"),
        (KEY, "the signature has no Policy or Expires"),
        ("Expires=1&Key-Pair-Id=K", "the signature has no Signature"),
        ("Expires=1&Key-Pair-Id=K&Signature=", "the signature has no Signature"),
        ("Expires=1&Signature=AAAA", "the signature has no Key-Pair-Id"),
        ("Policy=&Signature=AAAA", "the signature has no Policy"),
        ("Expires=1&Policy=AAAA&KEY", "the signature has both Policy and Expires"),
        ("Expires=1&Expires=1&KEY", "the signature has more than one Expires"),
        ("Expires=1&KEY&Signature=AAAA", "the signature has more than one Signature"),
        ("Expires&KEY", "Expires is not a whole number of seconds"),
        ("Expires=+1&KEY", "Expires is not a whole number of seconds"),
        ("Expires=01&KEY", "Expires is not a whole number of seconds"),
        ("Expires=1.0&KEY", "Expires is not a whole number of seconds"),
        ("Expires=%31&KEY", "Expires is not a whole number of seconds"),
        ("Expires=18446744073709551616&KEY", "Expires is not a whole number of seconds"),
        ("Expires=18446744073709551615&KEY", "ok"),
        ("a=\"&Expires=1&KEY", "the URL has characters that no signed URL has"),
        ("a=\\&Expires=1&KEY", "the URL has characters that no signed URL has"),
        ("a=ä&Expires=1&KEY", "the URL has characters that no signed URL has"),
        ("Expires=1&KEY&Hash-Algorithm=sha256", "Hash-Algorithm is neither SHA1 nor SHA256"),
        ("Expires=1&KEY&Hash-Algorithm", "Hash-Algorithm is neither SHA1 nor SHA256"),
        ("Expires=1&Signature=AAAA&Key-Pair-Id=", "Key-Pair-Id is not a key's id"),
        ("Expires=1&Signature=AAAA&Key-Pair-Id=..%2f", "Key-Pair-Id is not a key's id"),
        ("Policy=LONG&KEY", "Policy has more than 4096 bytes"),
        ("Expires=1&Key-Pair-Id=K&Signature=LONG", "Signature has more than 1024 bytes"),
        ("Policy=e30%5F&KEY", "Policy is not canonical base64 in CloudFront's alphabet"),
    ] {
        let query = query.replace("KEY", KEY).replace("LONG", &long);
        assert_eq!(sentence(read(&format!("https://a.test/a?{query}"))), expected, "{query}");
    }
}

#[test]
fn base64_has_one_spelling() {
    let with =
        |value: &str| read(&format!("https://a.test/?Expires=1&Key-Pair-Id=K&Signature={value}"));
    for value in [
        "AAA=", "AA+A", "AA/A", "AAA", "AA", "A", "AAB_", "AB__", "A___", "____", "AAAA_", "AA_A",
        "AAAA____", " AAA", "AA%41A", "AAA_AAA_",
    ] {
        assert!(matches!(with(value), Err(Refusal::Base64("Signature"))), "{value}");
    }
    for (value, octets) in
        [("-_~A", None), ("-~-~", Some(&[0xfb, 0xff, 0xbf][..])), ("AAA_", Some(&[0, 0]))]
    {
        assert_eq!(with(value).ok().map(|claim| claim.signature).as_deref(), octets, "{value}");
    }
}

#[test]
fn cookies_are_read_where_the_url_is_not_signed() {
    let cookies = |line: &'static str| {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(line))])
    };
    let whole = cookies(
        "x=1; CloudFront-Expires=9; CloudFront-Signature=AAAA; Expires=3; \
         CloudFront-Key-Pair-Id=K; CloudFront-Hash-Algorithm=SHA256",
    );
    let by_cookie = claim(&url("https://a.test/a?b=1"), &whole).unwrap();
    let by_url = read(&format!("https://a.test/a?b=1&Expires=9&{KEY}&Hash-Algorithm=SHA256"));
    assert_eq!(by_cookie, by_url.unwrap());
    let half_signed = claim(&url("https://a.test/a?Expires=9"), &whole);
    assert_eq!(sentence(half_signed), "the signature has no Signature");
    for (line, expected) in [
        ("CloudFront-Expires=9; CloudFront-Expires=9", "the signature has more than one Expires"),
        ("cloudfront-expires=9", "neither the URL nor a cookie is signed"),
        (
            "CloudFront-Policy=e30_",
            "reading the policy: missing field `Statement` at line 1 column 2",
        ),
    ] {
        assert_eq!(sentence(claim(&url("https://a.test/"), &cookies(line))), expected, "{line}");
    }
    assert!(is_signing_cookie(b"CloudFront-Policy") && !is_signing_cookie(b"Policy"));
    assert!(is_signing_parameter(b"Policy") && !is_signing_parameter(b"CloudFront-Policy"));
}

#[test]
fn a_policy_that_is_not_understood_is_refused() {
    let until = r#""DateLessThan":{"AWS:EpochTime":9}"#;
    for (statement, expected) in [
        (r#"{"Resource":"*","Condition":{UNTIL}}"#, "ok"),
        (r#"{"Condition":{UNTIL}}"#, "ok"),
        (r#" { "Resource" : "\u002a" , "Condition" : { UNTIL } } "#, "ok"),
        ("", "the policy has not exactly one statement"),
        (r#"{"Condition":{UNTIL}},{"Condition":{UNTIL}}"#, "the policy has not exactly one"),
        (r#"{"Resource":"*"}"#, "missing field `Condition`"),
        (r#"{"Condition":{}}"#, "missing field `DateLessThan`"),
        (r#"{"Condition":{UNTIL,UNTIL}}"#, "duplicate field `DateLessThan`"),
        (r#"{"Resource":"*","Resource":"*","Condition":{UNTIL}}"#, "duplicate field `Resource`"),
        (r#"{"Resource":null,"Condition":{UNTIL}}"#, "invalid type: null"),
        (r#"{"Resource":["*"],"Condition":{UNTIL}}"#, "invalid type: sequence"),
        (r#"["*",{UNTIL}]"#, "invalid type: sequence, expected an object"),
        (r#"{"Condition":[{"AWS:EpochTime":9}]}"#, "invalid type: sequence, expected an object"),
        (r#"{"Effect":"Allow","Condition":{UNTIL}}"#, "unknown field `Effect`"),
        (r#"{"Condition":{UNTIL,"NotIpAddress":{}}}"#, "unknown field `NotIpAddress`"),
        (r#"{"Condition":{UNTIL,"IpAddress":null}}"#, "invalid type: null"),
        (r#"{"Condition":{UNTIL,"IpAddress":{}}}"#, "missing field `AWS:SourceIp`"),
        (r#"{"Condition":{UNTIL,"DateGreaterThan":{"AWS:EpochTime":-1}}}"#, "invalid value"),
        (r#"{"Condition":{"DateLessThan":{"AWS:EpochTime":"9"}}}"#, "invalid type: string"),
        (r#"{"Condition":{"DateLessThan":{"AWS:EpochTime":9.5}}}"#, "invalid type: floating"),
        (r#"{"Condition":{"DateLessThan":{"AWS:EpochTime":9,"X":1}}}"#, "unknown field `X`"),
        (r#"{"Condition":{"DateLessThan":9}}"#, "invalid type: integer"),
        (r#"{"Resource":"a.test/*","Condition":{UNTIL}}"#, "the policy's Resource is not a URL"),
    ] {
        let policy = format!(r#"{{"Statement":[{}]}}"#, statement.replace("UNTIL", until));
        let said = sentence(with_policy(&policy));
        assert!(said.contains(expected), "{policy}: {said}");
    }
    let once = format!(r#"{{"Statement":[{{"Condition":{{{until}}}}}]}}"#);
    assert_eq!(sentence(with_policy(&once)), "ok");
    for policy in [
        "",
        "{}",
        "[]",
        "null",
        &once.replacen('{', "", 1),
        &format!("{once}{once}"),
        &once.replacen('{', r#"{"Version":"1","#, 1),
        &encoded(&once),
        "\u{feff}{}",
    ] {
        assert!(with_policy(policy).is_err(), "{policy}");
    }
}

#[test]
fn a_claim_permits_what_was_signed() {
    let claim = read(CUSTOM).unwrap();
    let permitted = |text: &str, client: &str, seconds, tolerance| {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(seconds);
        let tolerance = Duration::from_secs(tolerance);
        sentence(claim.permits(&url(text), client.parse().unwrap(), now, tolerance))
    };
    let (first, last) = (1_767_204_000_000, 1_767_290_400_000);
    for (client, millis, tolerance, expected) in [
        ("192.0.2.7", first + 1, 0, "ok"),
        ("192.0.2.7", last - 1, 0, "ok"),
        ("192.0.2.7", first, 0, "the policy is not in force yet"),
        ("192.0.2.7", last, 0, "the policy has expired"),
        ("192.0.2.7", first, 1, "ok"),
        ("192.0.2.7", last, 1, "ok"),
        ("192.0.2.7", last + 1_000, 1, "the policy has expired"),
        ("192.0.2.7", first - 1_000, 1, "the policy is not in force yet"),
        ("192.0.2.7", 0, u64::MAX, "the policy is not in force yet"),
        ("::ffff:192.0.2.7", last - 1, 0, "ok"),
        ("192.0.3.0", last - 1, 0, "the policy is for another client address"),
        ("2001:db8::1", last - 1, 0, "the policy is for another client address"),
    ] {
        assert_eq!(permitted(CUSTOM, client, millis, tolerance), expected, "{client} {millis}");
    }
    let elsewhere = CUSTOM.replace("/training/", "/trailing/");
    assert_eq!(permitted(&elsewhere, "192.0.2.7", last - 1, 0), "the policy is for another URL");
}

#[test]
fn addresses_and_ranges() {
    for (range, client, expected) in [
        ("192.0.2.1", "192.0.2.1", "ok"),
        ("192.0.2.1", "192.0.2.2", "the policy is for another client address"),
        ("192.0.2.1/24", "192.0.2.255", "ok"),
        ("0.0.0.0/0", "203.0.113.1", "ok"),
        ("0.0.0.0/0", "2001:db8::1", "the policy is for another client address"),
        ("::/0", "192.0.2.1", "the policy is for another client address"),
        ("2001:db8::/33", "2001:db8:7fff::1", "ok"),
        ("2001:db8::/33", "2001:db8:8000::1", "the policy is for another client address"),
        ("::1/128", "::1", "ok"),
        ("192.0.2.0/33", "192.0.2.0", "the policy's AWS:SourceIp is not an address"),
        ("192.0.2.0/", "192.0.2.0", "the policy's AWS:SourceIp is not an address"),
        ("192.0.2.0/024", "192.0.2.0", "the policy's AWS:SourceIp is not an address"),
        ("192.0.2", "192.0.2.0", "the policy's AWS:SourceIp is not an address"),
        ("", "192.0.2.0", "the policy's AWS:SourceIp is not an address"),
        ("192.0.2.1, 192.0.2.2", "192.0.2.1", "the policy's AWS:SourceIp is not an address"),
    ] {
        let policy = CUSTOM_POLICY.replace("192.0.2.0/24", range);
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_290_000);
        let permitted = with_policy(&policy).and_then(|claim| {
            claim.permits(&url(CUSTOM), client.parse().unwrap(), at, Duration::ZERO)
        });
        let said = sentence(permitted);
        assert!(said.starts_with(expected), "{range} {client}: {said}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(query in "([A-Z][a-z]{2}|Expires=|Policy=|Signature=|&|[ -~]){0,40}",
        cookie in "(CloudFront-(Expires|Policy|Signature)=[0-9A-Za-z_~-]{0,9}; ?){0,4}")
    {
        let request = HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())]);
        let url = Url { scheme: "https", authority: "a.test", path: "/", query: Some(&query) };
        let _ = claim(&url, &request);
    }

    #[test]
    fn one_bit_of_a_canned_url_makes_other_bytes(at in 0usize..100, bit in 0u8..7) {
        let whole = url(CANNED);
        let flipped = |text: &str, at: usize| {
            let mut octets = text.as_bytes().to_vec();
            octets.get_mut(at).into_iter().for_each(|octet| *octet ^= 1 << bit);
            String::from_utf8(octets).unwrap()
        };
        // Path, query and the digits of Expires; the signature itself is behind them.
        let query = whole.query.unwrap();
        let signed_length = query.find("&Signature").unwrap();
        let at = at % (whole.path.len() + signed_length);
        let path = flipped(whole.path, at);
        let query = flipped(query, at.wrapping_sub(whole.path.len()));
        let changed = Url { path: &path, query: Some(&query), ..whole };
        prop_assert_ne!(changed, whole);
        if let Ok(claim) = claim(&changed, &HeaderMap::new()) {
            prop_assert_ne!(claim.policy, CANNED_POLICY.as_bytes());
        }
    }

    #[test]
    fn one_character_of_base64_makes_other_bytes(at in 0usize..500, to in "[ -~]") {
        let (before, policy) = CUSTOM.split_once("Policy=").unwrap();
        let (policy, behind) = policy.split_once('&').unwrap();
        let (first, rest) = policy.split_at(at % policy.len());
        let (was, last) = rest.split_at(1);
        prop_assume!(was != to && to != "&");
        let changed = [before, "Policy=", first, &to, last, "&", behind].concat();
        if let Ok(claim) = read(&changed) {
            prop_assert_ne!(claim.policy, CUSTOM_POLICY.as_bytes());
        }
    }

    #[test]
    fn every_string_of_base64_is_the_one_that_its_bytes_have(value in "[AQgw-~_=+/]{1,8}") {
        if let Ok(octets) = decode("Signature", value.as_bytes(), 64) {
            let again = STANDARD.encode(octets).replace('+', "-").replace('=', "_").replace('/', "~");
            prop_assert_eq!(again, value);
        }
    }
}
