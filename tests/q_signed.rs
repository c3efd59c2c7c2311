//! Requests to CloudFront's API that are wrong: each has its documented error, and changes nothing.

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::client::{Answer, plain};
use crate::support::edge::before;
use crate::support::sigv4::{Unsigned, batch, element};
use crate::support::{Edge, Origin, Reply, WWW, run};

#[test]
fn a_request_that_its_key_did_not_sign_is_refused() {
    run(async {
        let (_origin, edge) = sites().await;
        let wrong = format!("{}.not-its-secret", edge.root_key().split('.').next().unwrap());
        let list = format!("/2020-05-31/distribution/{ID}/invalidation?MaxItems=5");
        let list = Unsigned::new(&edge.root_key(), "GET", &list, "").sign(edge.setup().admin);
        let other = format!("/2020-05-31/distribution/{ID}/invalidation?MaxItems=6");
        let good = invalidation(&edge);
        let signed = || good.sign(edge.setup().admin);
        let mine = batch(&["/mine"], "mine");
        let (unknown, mismatch) = ("InvalidClientTokenId", "SignatureDoesNotMatch");
        for (told, answer, code) in [
            ("another secret", good.clone().key(&wrong).send(&edge).await, mismatch),
            ("no such id", good.clone().key("AKIDEXAMPLE.x").send(&edge).await, unknown),
            ("a forged signature", signed().forged().send().await, mismatch),
            ("another body", signed().body(&mine).send().await, mismatch),
            ("no body", signed().body("").send().await, mismatch),
            ("another's hash", good.clone().hashing(&mine).send(&edge).await, mismatch),
            ("another query", list.target(&other).send().await, mismatch),
            (
                "another field",
                good.clone()
                    .field("x-amz-meta", "a")
                    .sign(edge.setup().admin)
                    .tampered("x-amz-meta", "a", "b")
                    .send()
                    .await,
                mismatch,
            ),
            ("a wrong token", bearer(&edge, &wrong).await, unknown),
        ] {
            is_refused(&answer, 403, code, told);
        }
        for line in edge.audited_lines(9).await {
            assert_eq!((&line["action"], &line["client"]), (&json!("authenticate"), &json!(HOST)));
        }
        nothing_changed(&edge).await;
        assert_eq!(good.send(&edge).await.status, StatusCode::CREATED);
    });
}

#[test]
fn a_signature_that_is_none_of_this_service_of_now_and_of_the_whole_request_is_refused() {
    run(async {
        let (_origin, edge) = sites().await;
        let incomplete = (400, "IncompleteSignature");
        let mismatch = (403, "SignatureDoesNotMatch");
        let hash = "0".repeat(64);
        let good = || invalidation(&edge);
        for (told, request, (status, code), says) in [
            ("six minutes late", good().skewed(-360), mismatch, "Signature expired: "),
            ("six minutes early", good().skewed(360), mismatch, "Signature not yet current: "),
            ("for S3", good().service("s3"), mismatch, "scoped to correct service"),
            ("of another day", good().day("20200101"), mismatch, "does not match YYYYMMDD"),
            ("for any host", good().leaving_out("host"), incomplete, "host"),
            ("for any time", good().leaving_out("x-amz-date"), incomplete, "x-amz-date"),
            ("no body", good().declaring("UNSIGNED-PAYLOAD"), incomplete, "body must be signed"),
            ("another hash", good().field("x-amz-content-sha256", &hash), mismatch, "computed"),
            ("a token", good().beside("x-amz-security-token", "t"), incomplete, "token"),
            ("two keys", good().beside("authorization", "Bearer a.b"), incomplete, ""),
        ] {
            let answer = request.send(&edge).await;
            is_refused(&answer, status, code, told);
            let message = element(answer.text(), "Message");
            assert!(message.contains(says), "{told}: {message}");
        }
        edge.audited_lines(10).await;
        nothing_changed(&edge).await;
        for seconds in [-240, 240] {
            assert_eq!(good().skewed(seconds).send(&edge).await.status, StatusCode::CREATED);
        }
        let empty = good().region("").send(&edge).await;
        assert_eq!(empty.status, StatusCode::CREATED, "{}", empty.text());
    });
}

#[test]
fn an_authorization_that_is_none_is_refused() {
    run(async {
        let (_origin, edge) = sites().await;
        let path = format!("/2020-05-31/distribution/{ID}/invalidation");
        let body = batch(&["/*"], "1");
        let ask = async |path: &str, fields: &[(&str, &str)]| {
            plain(edge.setup().admin, "POST", path, fields, &body).await.unwrap()
        };
        is_refused(&ask(&path, &[]).await, 403, "MissingAuthenticationToken", "unsigned");
        for authorization in [
            "Basic cm9vdDpyb290",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=",
            "AWS4-HMAC-SHA256 Credential=A/20261122/r/cloudfront/aws4_request, Signature=00",
            "AWS4-ECDSA-P256-SHA256 Credential=A/20261122/cloudfront/aws4_request",
            "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
        ] {
            let answer = ask(&path, &[("authorization", authorization)]).await;
            is_refused(&answer, 400, "IncompleteSignature", authorization);
        }
        let link = format!("{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00");
        is_refused(&ask(&link, &[]).await, 400, "IncompleteSignature", "a signed link");
        edge.audited_lines(8).await;
        nothing_changed(&edge).await;
    });
}

#[test]
fn the_same_bytes_again_are_the_same_job() {
    run(async {
        let (_origin, edge) = sites().await;
        let signed = invalidation(&edge).sign(edge.setup().admin);
        let first = signed.send().await;
        assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
        let again = signed.send().await;
        assert_eq!((again.status, again.text()), (StatusCode::CREATED, first.text()));
        assert_ne!(again.field("x-amzn-requestid"), first.field("x-amzn-requestid"));
        let listed = edge.control("GET", "/invalidations", "").await.json();
        assert_eq!(listed["invalidations"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn a_signed_change_of_the_own_api_is_carried_out_once() {
    run(async {
        let (_origin, edge) = sites().await;
        let root = edge.root_key();
        let order = Unsigned::new(&root, "POST", "/invalidate", r#"{"paths":["/*"],"site":"www"}"#);
        let signed = order.field("content-type", "application/json").sign(edge.setup().admin);
        let first = signed.send().await;
        assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
        let again = signed.send().await;
        assert_eq!(again.status, StatusCode::FORBIDDEN, "it has no reference to be known by");
        assert_eq!(again.field("content-type"), "application/problem+json");
        assert!(again.text().contains("sign it anew"), "{}", again.text());
        let lines = edge.audited_lines(2).await;
        assert_eq!(lines[1]["status"], 403, "{lines:?}");
        let look = Unsigned::new(&root, "GET", "/invalidations?limit=5", "");
        let look = look.sign(edge.setup().admin);
        for _ in 0..2 {
            let listed = look.send().await.json();
            assert_eq!(listed["invalidations"].as_array().unwrap().len(), 1, "{listed}");
        }
    });
}

#[test]
fn a_request_that_breaks_off_changes_nothing() {
    run(async {
        let (_origin, edge) = sites().await;
        let octets = invalidation(&edge).sign(edge.setup().admin).octets();
        for kept in [octets.len() - 1, octets.len() - 100] {
            let mut tcp = TcpStream::connect(edge.setup().admin).await.unwrap();
            tcp.write_all(&octets[..kept]).await.unwrap();
            tcp.shutdown().await.unwrap();
            let mut answer = String::new();
            // An edge that resets the connection has refused it, too.
            let _ = tcp.read_to_string(&mut answer).await;
            assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
        }
        nothing_changed(&edge).await;
    });
}

#[test]
fn what_this_node_does_not_carry_out_is_an_error_that_sdks_read() {
    run(async {
        let (_origin, edge) = sites().await;
        let root = edge.root_key();
        let here = format!("/2020-05-31/distribution/{ID}");
        let mut changes = 0;
        for (method, target) in [
            ("PUT", &*format!("{here}/config")),
            ("DELETE", &here),
            ("PATCH", &here),
            ("OPTIONS", &here),
            ("DELETE", &format!("{here}/invalidation/I1")),
            ("POST", "/2020-05-31/distribution"),
            ("POST", "/2020-05-31/distribution-tenant/dt_1/invalidation"),
            ("POST", "/2020-05-31/tagging?Operation=Tag"),
            ("GET", "/2020-05-31/function"),
            ("GET", "/2020-05-31"),
            ("GET", "/2020-05-31/%2e%2e/keys"),
            ("GET", "/2019-03-26/distribution"),
            ("POST", "/0000-00-00/"),
        ] {
            let answer = Unsigned::new(&root, method, target, "").send(&edge).await;
            is_refused(&answer, 400, "UnsupportedOperation", &format!("{method} {target}"));
            let message = element(answer.text(), "Message");
            assert!(message.contains("CreateInvalidation, GetInvalidation"), "{message}");
            changes += usize::from(method != "GET");
        }
        edge.audited_lines(changes).await;
        for query in ["MaxItems=0", "MaxItems=x", "Marker=ENONE", "Marker=%FF"] {
            let target = format!("/2020-05-31/distribution?{query}");
            let answer = Unsigned::new(&root, "GET", &target, "").send(&edge).await;
            is_refused(&answer, 400, "InvalidArgument", query);
        }
        for target in [here.clone(), format!("{here}/config"), format!("{here}/invalidation")] {
            let head = Unsigned::new(&root, "HEAD", &target, "").send(&edge).await;
            assert_eq!((head.status, head.text()), (StatusCode::OK, ""), "{target}");
        }
        nothing_changed(&edge).await;
    });
}

#[test]
fn a_key_does_what_it_may_and_learns_nothing_of_the_rest() {
    run(async {
        let (_origin, edge) = sites().await;
        for (number, (key, distribution, path)) in [
            (DEPLOY, ID, "/*"),
            (DEPLOY, ID, "/asset*"),
            (DEPLOY, ID, "#tag"),
            (DEPLOY, SHOP, "/assets/a"),
            (DEPLOY, "ENONE", "/assets/a"),
            (READER, ID, "/assets/a"),
        ]
        .into_iter()
        .enumerate()
        {
            let paths = ["/assets/a", path];
            let request = Unsigned::invalidation(&edge, distribution, &paths).key(key);
            let answer = request.send(&edge).await;
            is_refused(&answer, 403, "AccessDenied", &format!("{key} {distribution} {path}"));
            let expected = format!(
                "User: {} is not authorized to perform: cloudfront:CreateInvalidation on resource: \
                 arn:aws:cloudfront::000000000000:distribution/{distribution} because ",
                key.split('.').next().unwrap()
            );
            let message = element(answer.text(), "Message");
            assert!(message.starts_with(&expected) && !message.contains("shop"), "{message}");
            let line = edge.audited_lines(number + 1).await.remove(number);
            assert_eq!((&line["status"], &line["name"]), (&json!(403), &json!(name(key))));
        }
        nothing_changed(&edge).await;

        // Dots are letters of a path here, as they are in what is stored.
        edge.get(WWW, "/index.html").await;
        let paths = ["/assets/*", "/assets/../index.html", "/assets/%2e%2e/index.html"];
        let answer = Unsigned::invalidation(&edge, ID, &paths).key(DEPLOY).send(&edge).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        assert_eq!(edge.get(WWW, "/index.html").await.cache(), "Hit");

        // Somebody else's distribution and one that is not there are told alike.
        for (distribution, status) in [(ID, 200), (SHOP, 403), ("ENONE", 403)] {
            let target = format!("/2020-05-31/distribution/{distribution}/invalidation");
            let answer = Unsigned::new(READER, "GET", &target, "").send(&edge).await;
            assert_eq!(answer.status, status, "{}", answer.text());
        }
        let target = "/2020-05-31/distribution";
        let listed = Unsigned::new(READER, "GET", target, "").send(&edge).await;
        assert!(listed.text().contains(ID) && !listed.text().contains(SHOP), "{}", listed.text());
    });
}

#[test]
fn a_rotated_secret_signs_until_its_overlap_ends() {
    run(async {
        let (_origin, edge) = sites().await;
        let allow = json!([{ "action": ["invalidate"], "site": "www" }]);
        let made = edge.created_key("ci", &allow).await;
        let rotate = format!("/keys/{}/rotate", made["id"].as_str().unwrap());
        let token = |key: &Value| key["token"].as_str().unwrap().to_owned();
        let with = |key: &Value| invalidation(&edge).key(&token(key));
        let rotated = edge.control("POST", &rotate, r#"{"overlap":"1h"}"#).await.json();
        for key in [&made, &rotated] {
            assert_eq!(with(key).send(&edge).await.status, StatusCode::CREATED);
        }
        let last = edge.control("POST", &rotate, r#"{"overlap":"0s"}"#).await.json();
        for key in [&made, &rotated] {
            let answer = with(key).send(&edge).await;
            is_refused(&answer, 403, "SignatureDoesNotMatch", "an ended secret");
        }
        assert_eq!(with(&last).send(&edge).await.status, StatusCode::CREATED);
    });
}

/// Two sites, and two keys of `www`.
async fn sites() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/index.html", Reply::text("{n}").cache("max-age=600"));
    let config = before(&[origin.address()]) + &format!("id = \"{ID}\"\n") + MORE;
    (origin, Edge::start(&config).await)
}

fn invalidation(edge: &Edge) -> Unsigned {
    Unsigned::invalidation(edge, ID, &["/*"])
}

async fn bearer(edge: &Edge, key: &str) -> Answer {
    edge.control_as(key, "GET", "/2020-05-31/distribution", "").await
}

#[track_caller]
fn is_refused(answer: &Answer, status: u16, code: &str, told: &str) {
    let text = answer.text();
    assert_eq!((answer.status.as_u16(), element(text, "Code")), (status, code), "{told}: {text}");
    assert_eq!(answer.field("content-type"), "text/xml", "{told}");
    assert_eq!(element(text, "RequestId"), answer.field("x-amzn-requestid"), "{told}");
    assert_eq!(element(text, "Type"), "Sender", "{told}");
}

async fn nothing_changed(edge: &Edge) {
    let listed = edge.control("GET", "/invalidations", "").await.json();
    assert_eq!(listed, json!({ "invalidations": [] }));
}

fn name(key: &str) -> &str {
    if key == DEPLOY { "deploy" } else { "reader" }
}

const ID: &str = "E2QWRUHAPOMQZL";
const SHOP: &str = "E3SHOPSHOPSHOP";
const DEPLOY: &str = "DEPLOYKEY.0123456789abcdef";
const READER: &str = "READERKEY.fedcba9876543210";
const MORE: &str = r#"
[sites.shop]
hosts = ["shop.example.test"]
origin = "app"
id = "E3SHOPSHOPSHOP"

[keys.deploy]
id = "DEPLOYKEY"
secret = "0123456789abcdef"
allow = [{ action = "invalidate", site = "www", paths = ["/assets/*"] }]

[keys.reader]
id = "READERKEY"
secret = "fedcba9876543210"
allow = [{ action = "read", site = "www" }]
"#;
/// Whom the edge sees.
const HOST: &str = "127.0.0.1";
