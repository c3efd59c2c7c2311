//! Requests as Amazon's own clients signed them. The numbered ones were sent by the AWS CLI; the
//! others are signed by botocore over the fields and spellings of other clients.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

use super::fields::basic_time;
use super::{Claim, Flaw, is_presigned};
use crate::sigv4::{Keys, Payload, Scope, Unsigned, canonical_query, sign};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

macro_rules! captured {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../captured/cloudfront/", $name, ".http")))),*]
    };
}

const ALL: &[(&str, &[u8])] = captured![
    "create-invalidation-all-01",
    "create-invalidation-multi-02",
    "create-invalidation-batch-03",
    "get-invalidation-04",
    "list-invalidations-05",
    "get-distribution-08",
    "list-distributions-09",
    "session-token-17",
    "botocore-date-field",
    "botocore-javascript-fields",
    "botocore-rust-fields",
    "botocore-no-region",
    "botocore-query",
    "botocore-spelled-path",
];

#[test]
fn every_request_of_amazons_clients_verifies() {
    for (name, text) in ALL {
        let request = Captured::read(text);
        assert_eq!(request.verified(), Ok(()), "{name}");
        let claim = Claim::read(&request.method, &request.target, &request.fields).unwrap();
        assert_eq!(claim.access_key_id(), "AKIDEXAMPLE");
        let verify = |secrets: &[&'static str]| {
            claim.verify(secrets.iter().copied(), &request.body, request.time())
        };
        assert_eq!(verify(&["another"]), Err(Flaw::Signature), "{name}");
        assert_eq!(verify(&[]), Err(Flaw::Signature), "{name}");
        assert_eq!(verify(&["another", SECRET]), Ok(()), "{name}");
        assert_eq!(verify(&[SECRET, "another"]), Ok(()), "{name}");
    }
}

#[test]
fn one_byte_changed_anywhere_is_another_request() {
    for (name, text) in ALL {
        let sent = Captured::read(text);
        let refused = |changed: Captured, what: &str| {
            assert!(changed.verified().is_err(), "{name}: {what} may be changed");
        };
        refused(Captured { method: Method::PUT, ..sent.clone() }, "the method");
        // What a dot segment takes away is not part of the path.
        if !sent.target.contains("..") {
            for at in 1..sent.target.len() {
                let mut target = sent.target.clone().into_bytes();
                change(&mut target, at);
                let target = String::from_utf8(target).unwrap();
                refused(Captured { target, ..sent.clone() }, "the target");
            }
        }
        for at in 0..sent.body.len() {
            let mut changed = sent.clone();
            change(&mut changed.body, at);
            refused(changed, "the body");
        }
        refused(
            Captured { body: [&sent.body[..], b" "].concat(), ..sent.clone() },
            "the body's end",
        );
        let signed = sent.field("authorization").split("SignedHeaders=").nth(1).unwrap();
        let signed = signed.split(',').next().unwrap().to_owned();
        for field in signed.split(';').chain(["authorization"]) {
            let value = sent.field(field).to_owned();
            // The id is not signed: it says which secret is asked for.
            let id = value.find("AKIDEXAMPLE").map_or(0..0, |at| at..at + 11);
            for at in (0..value.len()).filter(|at| !id.contains(at)) {
                let mut value = value.clone().into_bytes();
                change(&mut value, at);
                let changed = sent.with(field, std::str::from_utf8(&value).unwrap());
                refused(changed, field);
            }
            refused(sent.without(field), field);
            refused(sent.and(field, "x"), field);
        }
    }
}

#[test]
fn what_is_not_signed_may_change() {
    let sent = Captured::read(ALL[0].1);
    let changed = sent.with("user-agent", "another").without("amz-sdk-request");
    assert_eq!(changed.and("x-amzn-trace-id", "Root=1").verified(), Ok(()));
}

#[test]
fn five_minutes_either_way() {
    let request = Captured::read(ALL[0].1);
    let claim = Claim::read(&request.method, &request.target, &request.fields).unwrap();
    let signed = request.time();
    let verify = |now| claim.verify([SECRET], &request.body, now).map_err(|flaw| flaw.to_string());
    let (limit, beyond) = (Duration::from_mins(5), Duration::from_secs(301));
    assert_eq!(verify(signed + limit), Ok(()));
    assert_eq!(verify(signed - limit), Ok(()));
    let expired = "Signature expired: 20261122T123917Z is now earlier than 20261122T123918Z (20261122T124418Z - 5 min.)";
    assert_eq!(verify(signed + beyond), Err(expired.to_owned()));
    let early = "Signature not yet current: 20261122T123917Z is still later than 20261122T123916Z (20261122T123416Z + 5 min.)";
    assert_eq!(verify(signed - beyond), Err(early.to_owned()));
}

#[test]
fn each_flaw_has_its_name() {
    let sent = Captured::read(ALL[0].1);
    let edited = |from: &str, to: &str| {
        let authorization = sent.field("authorization");
        assert!(authorization.contains(from), "{from}");
        sent.with("authorization", &authorization.replace(from, to))
    };
    let (rest, empty) = ("Credential=AKIDEXAMPLE", "e3b0c442".repeat(8));
    for (request, sentence) in [
        (sent.without("authorization"), "Missing Authentication Token"),
        (Captured::read(include_bytes!("../captured/cloudfront/no-sign-21.http")), "Missing Auth"),
        (sent.and("authorization", "Bearer x.y"), "'authorization' is there more than once"),
        (edited("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "must begin with 'AWS4-HMAC"),
        (edited("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"), "must begin with 'AWS4-HMAC"),
        (edited(rest, "Credential=A,Credential=B"), "two 'Credential' parameters"),
        (edited("Credential=", "Kredential="), "a parameter that is not known"),
        (edited(rest, "nothing"), "not a list of name=value"),
        (edited("SignedHeaders=host;x-amz-date, ", ""), "requires 'SignedHeaders' parameter"),
        (edited("/aws4_request", ""), "exactly 5 slash-delimited elements"),
        (edited("/aws4_request", "/aws4_request/x"), "exactly 5 slash-delimited elements"),
        (edited("AKIDEXAMPLE", ""), "exactly 5 slash-delimited elements"),
        (edited("/20261122/", "/2026112/"), "exactly 5 slash-delimited elements"),
        (edited("Signature=fb", "Signature=FB"), "64 hexadecimal digits"),
        (edited("Signature=fb", "Signature="), "64 hexadecimal digits"),
        (edited("host;", ""), "'host' must be a signed field"),
        (edited("host;x-amz-date", "x-amz-date;host"), "must be sorted"),
        (edited("host;x-amz-date", "host;host;x-amz-date"), "must be sorted"),
        (edited("host;", "Host;host;"), "a field that the request does not have"),
        (edited("host;", "authorization;host;"), "a field that the request does not have"),
        (edited(";x-amz-date", ""), "'x-amz-date' must be a signed field"),
        (sent.and("x-amz-meta", "x"), "'x-amz-meta' must be a signed field"),
        (sent.and("x-amz-security-token", "x"), "'x-amz-security-token' must be a signed"),
        (edited(";x-amz-date", "").without("x-amz-date"), "either a 'X-Amz-Date' or a 'Date'"),
        (edited(";x-amz-date", "").without("x-amz-date").and("date", "x"), "which is signed."),
        (sent.with("x-amz-date", "2026-11-22T12:39:17Z"), "ISO-8601 'basic format'"),
        (sent.with("x-amz-date", "20261322T123917Z"), "ISO-8601 'basic format'"),
        (sent.with("x-amz-date", "Sun, 22 Nov 2026 12:39:17 GMT"), "ISO-8601 'basic format'"),
        (edited("/20261122/", "/20261123/"), "'20261123' != '20261122', from '20261122T123917Z'"),
        (edited("/cloudfront/", "/s3/"), "scoped to correct service: 'cloudfront'."),
        (hashed(&sent, "UNSIGNED-PAYLOAD"), "the whole body must be signed"),
        (hashed(&sent, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "the whole body must be signed"),
        (hashed(&sent, &empty), "'x-amz-content-sha256' header does not match"),
        (sent.with("authorization", &"A".repeat(5_000)), "Authorization is too long"),
        (edited("host;", &"a;".repeat(70)), "SignedHeaders names too many fields"),
    ] {
        let flaw = request.verified().unwrap_err().to_string();
        assert!(flaw.contains(sentence), "{flaw:?} for {sentence:?}");
    }
}

#[test]
fn a_signature_in_the_query_is_refused() {
    for (target, presigned) in [
        ("/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00", true),
        ("/a?b&x-amz-credential", true),
        ("/a?X%2DAmz%2DSignature=00", true),
        ("/a?url=X-Amz-Signature", false),
        ("/X-Amz-Signature=00", false),
        ("/a", false),
    ] {
        assert_eq!(is_presigned(target), presigned, "{target}");
    }
    let sent = Captured::read(ALL[0].1);
    let target = format!("{}?X-Amz-Signature=00", sent.target);
    assert_eq!(Captured { target, ..sent }.verified(), Err(Flaw::Presigned));
}

proptest! {
    #[test]
    fn no_authorization_breaks_the_reader(
        authorization in prop_oneof![
            "\\PC{0,200}",
            "AWS4-HMAC-SHA256 [ ,;=/A-Za-z0-9]{0,200}",
            "AWS4-HMAC-SHA256 Credential=[A-Z/0-9]{0,60}, SignedHeaders=[a-z;-]{0,40}, Signature=[0-9a-f]{60,68}",
        ],
        target in "\\PC{0,40}",
        date in "[0-9TZ ]{0,18}",
    ) {
        let mut fields = HeaderMap::new();
        fields.insert("host", HeaderValue::from_static("a"));
        if let (Ok(authorization), Ok(date)) = (authorization.parse(), date.parse()) {
            fields.insert("authorization", authorization);
            fields.insert("x-amz-date", date);
        }
        if let Ok(claim) = Claim::read(&Method::GET, &target, &fields) {
            prop_assert!(claim.verify([SECRET], b"", SystemTime::UNIX_EPOCH).is_err());
        }
    }

    #[test]
    fn what_is_signed_here_verifies_here(
        body in prop::collection::vec(any::<u8>(), 0..80),
        query in "[a-zA-Z0-9=&%+~ü]{0,30}",
        secret in "\\PC{1,40}",
        region in "[a-z0-9-]{0,12}",
        agent in "[ -~]{0,20}",
        since in 0..4_000_000_000_u64,
    ) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(since);
        let keys = Keys { access_key_id: "A".to_owned(), secret_access_key: secret.clone(), session_token: None };
        let path = "/2020-05-31/distribution";
        let unsigned = Unsigned {
            method: &Method::POST,
            path,
            query: &canonical_query(&query),
            fields: &[("host", "edge:9900"), ("x-amz-user-agent", &agent)],
            payload: Payload::Hashed(&body),
        };
        let scope = Scope { service: "cloudfront", region: &region };
        let mut fields: HeaderMap = sign(&unsigned, &keys, scope, now)
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        fields.insert("host", HeaderValue::from_static("edge:9900"));
        fields.insert("x-amz-user-agent", agent.parse().unwrap());
        let target = format!("{path}?{query}");
        let claim = Claim::read(&Method::POST, &target, &fields).unwrap();
        prop_assert_eq!(claim.verify([secret.as_str()], &body, now), Ok(()));
    }
}

/// A request as it stood on the wire.
#[derive(Clone)]
struct Captured {
    method: Method,
    target: String,
    fields: HeaderMap,
    body: Vec<u8>,
}

impl Captured {
    fn read(text: &[u8]) -> Self {
        let end = text.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&text[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        });
        Self {
            method: first.next().unwrap().parse().unwrap(),
            target: first.next().unwrap().to_owned(),
            fields: fields.collect(),
            body: text[end + 4..].to_vec(),
        }
    }

    /// At the time it says.
    fn verified(&self) -> Result<(), Flaw> {
        let claim = Claim::read(&self.method, &self.target, &self.fields)?;
        claim.verify([SECRET], &self.body, self.time())
    }

    fn time(&self) -> SystemTime {
        let captured = basic_time("20261122T123917Z").unwrap();
        basic_time(self.field("x-amz-date")).unwrap_or(captured)
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.fields.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        changed
    }

    fn and(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.fields.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        changed
    }

    fn without(&self, name: &str) -> Self {
        let mut changed = self.clone();
        changed.fields.remove(name);
        changed
    }
}

/// With a signed `x-amz-content-sha256`.
fn hashed(sent: &Captured, hash: &str) -> Captured {
    let authorization = sent.field("authorization").replace("host;", "host;x-amz-content-sha256;");
    sent.with("authorization", &authorization).with("x-amz-content-sha256", hash)
}

fn change(bytes: &mut [u8], at: usize) {
    bytes[at] = match bytes[at] {
        b'9' => b'0',
        b'Z' => b'A',
        b'z' => b'a',
        byte if byte.is_ascii_alphanumeric() => byte + 1,
        _ => b'x',
    };
}
