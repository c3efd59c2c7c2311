//! Requests as AWS's own clients signed them, and the one AWS publishes: recomputed exactly.

use std::time::{Duration, SystemTime};

use http::Method;
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::{Keys, Payload, Scope, Unsigned, canonical_query, sign};

const CAPTURED: [(&str, &str); 9] = [
    ("plain", include_str!("captured/plain.http")),
    ("space", include_str!("captured/space.http")),
    ("plus", include_str!("captured/plus.http")),
    ("percent", include_str!("captured/percent.http")),
    ("tilde", include_str!("captured/tilde.http")),
    ("unicode", include_str!("captured/unicode.http")),
    ("slashes", include_str!("captured/slashes.http")),
    ("session-token", include_str!("captured/session-token.http")),
    ("published-example", include_str!("captured/published-example.http")),
];

#[test]
fn signs_as_amazons_own_clients_do() {
    for (name, text) in CAPTURED {
        let captured = Captured::read(text);
        let signed = captured.sign_again();
        let authorization = signed.iter().find(|(name, _)| *name == "authorization");
        assert_eq!(
            authorization.map(|(_, value)| value.as_str()),
            Some(captured.field("authorization")),
            "{name}"
        );
    }
}

#[test]
fn a_session_token_travels_with_the_signature() {
    let captured = Captured::read(include_str!("captured/session-token.http"));
    let token = captured.field("x-amz-security-token").to_owned();
    assert!(captured.sign_again().contains(&("x-amz-security-token", token)));
}

#[test]
fn a_query_is_encoded_strictly_and_sorted() {
    for (raw, canonical) in [
        ("", ""),
        ("acl", "acl="),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1&&", "a=1&a=2"),
        ("versionId=a/b+c=", "versionId=a%2Fb%20c%3D"),
        ("versionId=a%2Fb%2bc%3D", "versionId=a%2Fb%2Bc%3D"),
        ("q=ü&x=%zz", "q=%C3%BC&x=%25zz"),
    ] {
        assert_eq!(canonical_query(raw), canonical, "{raw}");
    }
}

#[test]
fn a_body_and_another_service_are_signed_as_botocore_does() {
    let keys = Keys {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: None,
    };
    assert_eq!(format!("{keys:?}"), r#"Keys { access_key_id: "AKIDEXAMPLE", .. }"#);
    let unsigned = Unsigned {
        method: &Method::POST,
        path: "/2013-04-01/hostedzone/Z123/rrset",
        query: "",
        fields: &[("host", "route53.amazonaws.com")],
        payload: Payload::Hashed(b"<Change/>"),
    };
    let scope = Scope { service: "route53", region: "us-east-1" };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let signed = sign(&unsigned, &keys, scope, now);
    assert_eq!(signed[0].1, "12185d94f2c8c81ef5a8bb62b857f80a401c19c412ebf43c6a4da63f8a3021f6");
    assert_eq!(
        signed[2].1,
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/us-east-1/route53/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=e6929ebb7a818c1c8b28e804da691393b879c5499d5357c2faaddf65977f6943"
    );
}

/// A request head from a file, and the key of AWS's documentation that signed it.
struct Captured {
    path: String,
    fields: Vec<(String, String)>,
}

impl Captured {
    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        let fields = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { path, fields }
    }

    fn field(&self, wanted: &str) -> &str {
        let found = self.fields.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn sign_again(&self) -> Vec<(&'static str, String)> {
        let secret = match self.field("authorization") {
            a if a.contains("AKIAIOSFODNN7EXAMPLE") => "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            _ => "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        };
        let id = self.field("authorization").split(['=', '/']).nth(1);
        let token = self.fields.iter().any(|(n, _)| n == "x-amz-security-token");
        let keys = Keys {
            access_key_id: id.unwrap().to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: token.then(|| self.field("x-amz-security-token").to_owned()),
        };
        let fields: Vec<(&str, &str)> = ["range", "x-amz-checksum-mode", "host"]
            .into_iter()
            .map(|name| (name, self.field(name)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let unsigned = Unsigned {
            method: &Method::GET,
            path: &self.path,
            query: "",
            fields: &fields,
            payload: Payload::Empty,
        };
        let scope = Scope { service: "s3", region: "us-east-1" };
        sign(&unsigned, &keys, scope, self.time())
    }

    fn time(&self) -> SystemTime {
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let time = PrimitiveDateTime::parse(self.field("x-amz-date"), format).unwrap();
        time.assume_utc().into()
    }
}
