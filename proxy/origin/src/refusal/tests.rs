use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::{any, proptest};

use super::{Answer, Blame, Refusal, Skew};

/// Three hours after S3's clock.
const NOW: SystemTime = UNIX_EPOCH;

fn xml(code: &str, more: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>{more}<RequestId>4442587FB7D0A2F9</RequestId></Error>"
    )
    .into_bytes()
}

fn sentence(answer: &Answer) -> String {
    match answer.judge("us-east-1", NOW) {
        Blame::Object => "the object's own".to_owned(),
        Blame::Edge(cause) => cause.to_string(),
    }
}

#[test]
fn an_error_document_is_judged() {
    let elsewhere = "<Message>m</Message><Region>eu-west-1</Region>";
    for (status, code, more, said) in [
        (404, "NoSuchKey", "", "the object's own"),
        (403, "AccessDenied", "<Message>Access Denied</Message>", "the object's own"),
        (405, "MethodNotAllowed", "", "the object's own"),
        (
            403,
            "RequestTimeTooSkewed",
            "",
            "the bucket refused the signature: this machine's clock is 3 h ahead of S3's",
        ),
        (
            403,
            "InvalidAccessKeyId",
            "",
            "the bucket refused the signature: S3 does not know the access key id (InvalidAccessKeyId)",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "",
            "the bucket refused the signature: the secret access key does not belong to the access key id (SignatureDoesNotMatch)",
        ),
        (
            400,
            "ExpiredToken",
            "",
            "the bucket refused the signature: the session token has expired (ExpiredToken)",
        ),
        (404, "NoSuchBucket", "", "the bucket does not exist (NoSuchBucket)"),
        (
            400,
            "AuthorizationHeaderMalformed",
            elsewhere,
            "the bucket is in the region `eu-west-1`, not in `us-east-1`",
        ),
        (301, "PermanentRedirect", "", "the bucket is not in the region `us-east-1`"),
        (
            400,
            "InvalidRequest",
            "<Message>a &lt;b&gt; &#38; \u{7}c</Message>",
            "the bucket answered 400 InvalidRequest: a <b> & c",
        ),
        (503, "SlowDown", "", "the bucket answered 503 SlowDown"),
    ] {
        let answer = Answer {
            status,
            date: Some(NOW - Duration::from_hours(3)),
            body: xml(code, more),
            ..Answer::default()
        };
        assert_eq!(sentence(&answer), said, "{code}");
    }
}

#[test]
fn fields_speak_where_there_is_no_document() {
    let region = |region: &str| Some(region.to_owned());
    for (status, header_region, code, said) in [
        (200, None, None, "the object's own"),
        (404, None, None, "the object's own"),
        (403, region("us-east-1"), None, "the object's own"),
        (
            301,
            region("eu-west-1"),
            None,
            "the bucket is in the region `eu-west-1`, not in `us-east-1`",
        ),
        (
            307,
            region("us-east-1"),
            Some("TemporaryRedirect"),
            "the bucket answered 307 TemporaryRedirect",
        ),
        (404, None, Some("NoSuchBucket"), "the bucket does not exist (NoSuchBucket)"),
        (400, None, None, "the bucket answered 400 and did not say why"),
    ] {
        let answer = Answer {
            status,
            region: header_region,
            code: code.map(str::to_owned),
            body: b"<html><head><title>40x</title><br></html>".to_vec(),
            ..Answer::default()
        };
        assert_eq!(sentence(&answer), said, "{status}");
    }
}

#[test]
fn a_skew_is_told_in_the_unit_a_person_would_use() {
    for (skew, words) in [
        (Skew::Behind(Duration::from_secs(90)), "90 s behind"),
        (Skew::Ahead(Duration::from_mins(16)), "16 min ahead of"),
        (Skew::Behind(Duration::from_hours(30)), "30 h behind"),
        (Skew::Ahead(Duration::from_hours(24 * 400)), "400 d ahead of"),
    ] {
        assert_eq!(skew.to_string(), format!("this machine's clock is {words} S3's"));
    }
}

#[test]
fn a_document_that_is_cut_off_says_what_it_said() {
    let cut = b"<Error><Code>NoSuchBucket</Code><Message>The speci";
    assert_eq!(Refusal::read(cut).unwrap().code, "NoSuchBucket");
    assert_eq!(Refusal::read(b"<Error><Code>NoSuch"), None);
}

proptest! {
    #[test]
    fn no_document_panics(document in any::<Vec<u8>>(), inner in "\\PC*") {
        let _ = Refusal::read(&document);
        if let Some(refusal) = Refusal::read(&xml(&inner, &inner)) {
            assert!(!refusal.code.is_empty());
        }
    }
}
