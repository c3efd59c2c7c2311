use std::time::{Duration, SystemTime};

use http::{Method, Request};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use warmfront_config::AdminAddr;
use warmfront_semantics::sigv4::{Keys, Payload, Scope, Unsigned, canonical_query, sign};

use super::node::{Node, Sites, clock};

/// The configuration's key, with this secret.
fn keys(id: &str, secret: &str) -> Keys {
    Keys { access_key_id: id.to_owned(), secret_access_key: secret.to_owned(), session_token: None }
}

fn deploy() -> Keys {
    keys("DEPLOY", "secret-of-the-deploy-key")
}

/// A request with its body, signed at a time.
fn signed(method: &str, target: &str, body: &str, keys: &Keys, now: SystemTime) -> Request<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let fields = [("content-type", "application/json"), ("host", "localhost")];
    let unsigned = Unsigned {
        method: &method.parse::<Method>().unwrap(),
        path,
        query: &canonical_query(query),
        fields: &fields,
        payload: Payload::Hashed(body.as_bytes()),
    };
    let scope = Scope { service: "cloudfront", region: "us-east-1" };
    let added = sign(&unsigned, keys, scope, now);
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        request = request.header(name, value);
    }
    for (name, value) in added {
        request = request.header(name, value);
    }
    request.body(body.to_owned()).unwrap()
}

#[tokio::test]
async fn a_signature_opens_what_the_bearer_token_does() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/assets/*"], "reference": "1" }).to_string();
    let post = |order: &str| signed("POST", "/invalidate", order, &deploy(), clock());
    assert_eq!(node.send(post(&order)).await.status, 201);
    let beyond = json!({ "paths": ["/*"] }).to_string();
    assert_eq!(node.send(post(&beyond)).await.problem().0, 403);
    for _ in 0..2 {
        let get = signed("GET", "/invalidations?limit=5", "", &deploy(), clock());
        assert_eq!(node.send(get).await.status, 200, "a look may be had twice");
    }
}

#[tokio::test]
async fn a_signed_change_is_carried_out_once() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/assets/*"] }).to_string();
    let again = || signed("POST", "/invalidate", &order, &deploy(), clock());
    assert_eq!(node.send(again()).await.status, 201);
    let (status, detail) = node.send(again()).await.problem();
    assert_eq!((status, detail.contains("sign it anew")), (403, true), "{detail}");
    let later = clock() + Duration::from_secs(1);
    let anew = signed("POST", "/invalidate", &order, &deploy(), later);
    assert_eq!(node.send(anew).await.status, 201);
    let listed = node.get("/invalidations", node.root()).await.json();
    assert_eq!(listed["invalidations"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_as_it_was_signed_is_refused() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/assets/*"] }).to_string();
    let good = || signed("POST", "/invalidate", &order, &deploy(), clock());
    let changed = |change: &dyn Fn(&mut Request<String>)| {
        let mut request = good();
        change(&mut request);
        request
    };
    let late = clock() - Duration::from_mins(6);
    for (request, wrong) in [
        (signed("POST", "/invalidate", &order, &keys("NOBODY", "x"), clock()), "unknown id"),
        (signed("POST", "/invalidate", &order, &keys("DEPLOY", "x"), clock()), "wrong secret"),
        (signed("POST", "/invalidate", &order, &deploy(), late), "old"),
        (changed(&|it| *it.body_mut() = order.replace("assets", "assetz")), "another body"),
        (changed(&|it| *it.uri_mut() = "/invalidate?x".parse().unwrap()), "another target"),
        (
            changed(&|it| {
                it.headers_mut().insert("host", "127.0.0.1".parse().unwrap());
            }),
            "another host",
        ),
    ] {
        let refused = node.send(request).await;
        assert_eq!(refused.problem().0, 401, "{wrong}");
        let challenge = r#"Bearer realm="warmfront", AWS4-HMAC-SHA256"#;
        assert_eq!(refused.headers["www-authenticate"], challenge);
    }
    let listed = node.get("/invalidations", node.root()).await.json();
    assert_eq!(listed, json!({ "invalidations": [] }));
}

#[tokio::test]
async fn an_unknown_id_is_refused_before_the_body() {
    let node = Node::start(Sites::Www);
    let AdminAddr::Tcp(address) = node.address else { panic!("not TCP") };
    let request = signed("POST", "/invalidate", "{}", &keys("NOBODY", "x"), clock());
    let mut head = String::from("POST /invalidate HTTP/1.1\r\nContent-Length: 2\r\n");
    for (name, value) in request.headers() {
        head = format!("{head}{name}: {}\r\n", value.to_str().unwrap());
    }
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
}
