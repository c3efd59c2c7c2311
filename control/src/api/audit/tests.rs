use serde_json::{Value, json};
use warmfront_keys::{Keyring, RootKey};

use super::*;
use crate::tests::lines::Lines;

/// Root's key, and what it is written with.
fn root() -> (RootKey, Principal) {
    let state = tempfile::tempdir().unwrap();
    let root = RootKey::open(state.path()).unwrap();
    let database = warmfront_state::Database::open(state.path()).unwrap();
    let ring = Keyring::open(&root, &[], database, state.path(), std::time::UNIX_EPOCH);
    let ring = ring.unwrap();
    let token = root.token();
    let principal = ring.bearer(token.reveal().as_bytes(), std::time::UNIX_EPOCH).unwrap();
    (root, principal)
}

/// The line that is written, which holds no secret.
fn line(root: &RootKey, write: impl FnOnce()) -> Value {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.subscriber(), write);
    let text = lines.text();
    assert!(!text.contains(root.secret().reveal()), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["target"], "audit");
    line["fields"].clone()
}

#[test]
fn an_invalidation_says_who_and_what() {
    let (root, principal) = root();
    let paths = (0..7).map(|n| InvalidationPath::parse(&format!("/{n}")).unwrap());
    let order = Order {
        site: "www".to_owned(),
        paths: paths.collect(),
        tags: vec![Tag::parse("Product-7").unwrap()],
        kind: Kind::Soft,
        reference: Some("build-41".to_owned()),
        by: principal.id().to_owned(),
        prefetch: None,
    };
    let fate = Fate::Refused(StatusCode::FORBIDDEN);
    let fields = line(&root, || invalidation(&principal, &order, fate));
    let expected = json!({
        "action": "invalidate",
        "key": root.id(),
        "name": "root",
        "site": "www",
        "paths": 7,
        "first": r#"["/0", "/1", "/2", "/3", "/4"]"#,
        "tags": 1,
        "tagged": r#"["product-7"]"#,
        "soft": true,
        "prefetch": false,
        "reference": "build-41",
        "status": 403,
    });
    assert_eq!(fields, expected);
}

#[test]
fn a_change_of_a_target_says_who_and_what() {
    let (root, principal) = root();
    let name = TargetName { host: "10.0.0.1".to_owned(), port: 8080 };
    let asked = TargetChange {
        origin: "api",
        name: &name,
        change: "register",
        weight: Some(5),
        tier: None,
    };
    let fields = line(&root, || targets(&principal, &asked, StatusCode::CREATED));
    let expected = json!({
        "action": "targets",
        "key": root.id(),
        "name": "root",
        "origin": "api",
        "address": "10.0.0.1:8080",
        "change": "register",
        "weight": 5,
        "status": 201,
    });
    assert_eq!(fields, expected);
}

#[test]
fn a_change_of_a_key_says_who_and_what() {
    let (root, principal) = root();
    let asked = KeyChange { change: "create", changed: "deploy", id: Some("WFDEPLOY") };
    let fields = line(&root, || keys(&principal, &asked, StatusCode::CREATED));
    let expected = json!({
        "action": "keys",
        "key": root.id(),
        "name": "root",
        "change": "create",
        "changed": "deploy",
        "id": "WFDEPLOY",
        "status": 201,
    });
    assert_eq!(fields, expected);
}

#[test]
fn a_refusal_says_who_and_what_in_one_line() {
    let (root, principal) = root();
    let what = format!("/keys/\u{1b}[31m{}", "x".repeat(1_000));
    let fields = line(&root, || refused(&principal, "DELETE", &what, StatusCode::FORBIDDEN));
    assert_eq!((&fields["key"], &fields["status"]), (&root.id().into(), &403.into()));
    let what = fields["what"].as_str().unwrap();
    assert!(what.starts_with("/keys/[31mxxx") && what.len() <= 256, "{what}");

    let fields = line(&root, || unproven(Peer::Unix, "/keys", &Refusal::Wrong));
    let expected = json!({
        "action": "authenticate",
        "client": "unix",
        "path": "/keys",
        "why": "the key is not known here",
    });
    assert_eq!(fields, expected);
}
