use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use http::Method;
use warmfront_config::{Credentials, Endpoint, Route53};
use warmfront_semantics::sigv4::Keys;

use super::{Api, CallError, StatusCode, place};
use crate::SigningKeys;

struct Written;

#[async_trait]
impl SigningKeys for Written {
    async fn current(&self, _: SystemTime) -> Result<Arc<Keys>, String> {
        Ok(Arc::new(Keys {
            access_key_id: "AKID".to_owned(),
            secret_access_key: "s".to_owned(),
            session_token: Some("token".to_owned()),
        }))
    }
}

#[tokio::test]
async fn a_request_is_signed_for_the_service_and_the_region() {
    let api = Api::new(&settings(), Arc::new(Written)).unwrap();
    let now = SystemTime::UNIX_EPOCH;
    let query = "name=_acme-challenge.example.com&maxitems=1";
    let request = api.request(&Method::GET, ("/2013-04-01/x", query), b"", now).await.unwrap();
    assert_eq!(
        request.uri(),
        "https://route53.amazonaws.com/2013-04-01/x?maxitems=1&name=_acme-challenge.example.com"
    );
    let fields = request.headers();
    let authorization = fields["authorization"].to_str().unwrap();
    let scope = "Credential=AKID/19700101/us-east-1/route53/aws4_request, ";
    assert!(authorization.contains(scope), "{authorization}");
    assert_eq!(fields["x-amz-security-token"], "token");
    assert!(
        fields["authorization"].is_sensitive() && fields["x-amz-security-token"].is_sensitive()
    );
}

#[test]
fn an_endpoint_of_the_users_own_is_called_by_its_name() {
    for (tls, host, port, base, authority) in [
        (true, "r53.example", 443, "https://r53.example", "r53.example"),
        (false, "127.0.0.1", 5000, "http://127.0.0.1:5000", "127.0.0.1:5000"),
        (false, "::1", 80, "http://[::1]", "[::1]"),
    ] {
        let endpoint = Endpoint { tls, host: host.to_owned(), port };
        assert_eq!(place(Some(&endpoint)), (base.to_owned(), authority.to_owned()));
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    for (status, code, may_pass) in [
        (400, "Throttling", true),
        (400, "PriorRequestNotComplete", true),
        (429, "", true),
        (503, "ServiceUnavailable", true),
        (400, "InvalidChangeBatch", false),
        (403, "AccessDenied", false),
        (404, "NoSuchHostedZone", false),
    ] {
        let document = format!("<E><Code>{code}</Code><Message>words</Message></E>");
        let status = StatusCode::from_u16(status).unwrap();
        let error = CallError::refused(status, document.as_bytes());
        assert_eq!(error.may_pass(), may_pass, "{error}");
        assert!(error.to_string().ends_with("words"), "{error}");
    }
    assert!(CallError::Silence.may_pass() && !CallError::Keys(String::new()).may_pass());
}

fn settings() -> Route53 {
    Route53 {
        hosted_zone_id: "Z1".to_owned(),
        endpoint: None,
        region: "us-east-1".to_owned(),
        credentials: Credentials::Default,
    }
}
