//! Keys as who uses them sees them: which requests they open, and for how long.

mod changes;
mod concurrent;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use proptest::prelude::*;
use redb::ReadableTable as _;
use tempfile::TempDir;
use warmfront_config::{Action, Grant, PathPattern, Secret};
use warmfront_semantics::sigv4::{Keys, Payload, Scope, Unsigned, sign};

use super::*;
use crate::listed::{Issued, NewKey};

const TARGET: &str = "/invalidate";

/// A state directory, its database and what was opened over them.
pub(super) struct Node {
    state: TempDir,
    database: Arc<Database>,
    root: RootKey,
    ring: Keyring,
}

impl Node {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let root = RootKey::open(state.path()).unwrap();
        let database = Database::in_memory().unwrap();
        let ring =
            Keyring::open(&root, &[deploy()], database.clone(), state.path(), now()).unwrap();
        Self { state, database, root, ring }
    }

    fn restart(self) -> Self {
        let Self { state, database, ring, .. } = self;
        drop(ring);
        let root = RootKey::open(state.path()).unwrap();
        let ring =
            Keyring::open(&root, &[deploy()], database.clone(), state.path(), now()).unwrap();
        Self { state, database, root, ring }
    }

    fn create(&self, name: &str) -> Issued {
        let asked = NewKey { name: name.to_owned(), allow: vec![reads()] };
        self.ring.create(asked, &self.as_root(), now()).unwrap()
    }

    /// Writes the record of a created key anew, as another version might.
    fn edit(&self, id: &str, edit: impl FnOnce(&mut serde_json::Value)) {
        let keys = redb::TableDefinition::<&str, &[u8]>::new("keys");
        let edited = self.database.write(|tx| {
            let mut table = tx.open_table(keys)?;
            let text = table.get(id)?.unwrap().value().to_vec();
            let mut record = serde_json::from_slice(&text).unwrap();
            edit(&mut record);
            table.insert(id, serde_json::to_vec(&record).unwrap().as_slice())?;
            Ok(())
        });
        edited.unwrap();
    }

    /// What is on disk of a created key.
    fn record(&self, id: &str) -> serde_json::Value {
        let keys = redb::TableDefinition::<&str, &[u8]>::new("keys");
        let text = self.database.read(|tx| {
            let text = tx.open_table(keys)?.get(id)?.unwrap().value().to_vec();
            Ok(text)
        });
        serde_json::from_slice(&text.unwrap()).unwrap()
    }

    fn as_root(&self) -> Principal {
        self.ring.bearer(self.root.token().reveal().as_bytes(), now()).unwrap()
    }

    /// Who the key is, as a bearer token and by a signature.
    fn opens(&self, id: &str, secret: &Secret, now: SystemTime) -> [Result<String, Refusal>; 2] {
        let named = |principal: Principal| principal.name().to_owned();
        let token = format!("{id}.{}", secret.reveal());
        let bearer = self.ring.bearer(token.as_bytes(), now).map(named);
        let request = signed(id, secret, b"{}", now);
        [bearer, self.prove(&request, b"{}", now).map(named)]
    }

    fn prove(
        &self,
        fields: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Principal, Refusal> {
        match self.ring.claim(&Method::POST, TARGET, fields, now)? {
            Claimed::Proven(principal) => Ok(principal),
            Claimed::Signed(signed) => signed.prove(body, now),
        }
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn deploy() -> Key {
    Key {
        name: "deploy".to_owned(),
        id: "DEPLOY".to_owned(),
        secret: Secret::new("dotted.secret-of-deploy"),
        allow: vec![reads()],
    }
}

fn reads() -> Grant {
    Grant {
        actions: vec![Action::Read, Action::Invalidate],
        site: Some("www".to_owned()),
        origin: None,
        paths: vec![PathPattern::parse("/a/*").unwrap()],
    }
}

fn authorization(values: &[&str]) -> HeaderMap {
    let fields = values.iter().map(|value| {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        (AUTHORIZATION, value)
    });
    fields.collect()
}

/// The fields of `POST /invalidate` as an SDK would sign it.
fn signed(id: &str, secret: &Secret, body: &[u8], now: SystemTime) -> HeaderMap {
    let unsigned = Unsigned {
        method: &Method::POST,
        path: TARGET,
        query: "",
        fields: &[("host", "edge")],
        payload: Payload::Hashed(body),
    };
    let keys = Keys {
        access_key_id: id.to_owned(),
        secret_access_key: secret.reveal().to_owned(),
        session_token: None,
    };
    let scope = Scope { service: "cloudfront", region: "eu-central-1" };
    let fields = sign(&unsigned, &keys, scope, now);
    let fields = fields.into_iter().chain([("host", "edge".to_owned())]);
    fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn only_the_whole_key_opens() {
    let node = Node::start();
    let root = node.root.token();
    for (fields, answer) in [
        (vec![], Err(Refusal::Missing)),
        (vec!["Bearer DEPLOY.dotted.secret-of-deploy".to_owned()], Ok("deploy")),
        (vec!["bearer  DEPLOY.dotted.secret-of-deploy".to_owned()], Ok("deploy")),
        (vec![format!("Bearer {}", root.reveal())], Ok("root")),
        (vec![format!("Bearer {}x", root.reveal())], Err(Refusal::Wrong)),
        (vec!["Bearer DEPLOY.wrong".to_owned()], Err(Refusal::Wrong)),
        (vec!["Bearer OTHER.dotted.secret-of-deploy".to_owned()], Err(Refusal::Wrong)),
        (vec!["Bearer DEPLOY.".to_owned()], Err(Refusal::Malformed)),
        (vec!["Bearer DEPLOY".to_owned()], Err(Refusal::Malformed)),
        (vec!["Bearer .x".to_owned()], Err(Refusal::Malformed)),
        (vec!["Bearer".to_owned()], Err(Refusal::Malformed)),
        (vec!["Basic DEPLOY.dotted.secret-of-deploy".to_owned()], Err(Refusal::Malformed)),
        (vec!["Bearer DEPLOY.ünïcode".to_owned()], Err(Refusal::Wrong)),
        (vec!["Bearer ÜN.ünïcode".to_owned()], Err(Refusal::Wrong)),
        (vec!["Bearer DEPLOY.dotted.secret-of-deploy".to_owned(); 2], Err(Refusal::Malformed)),
    ] {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let principal = node.prove(&authorization(&fields), b"", now());
        let name = principal.as_ref().map(Principal::name).map_err(Clone::clone);
        assert_eq!(name, answer, "{fields:?}");
    }
    assert!(!format!("{:?}", node.ring).contains("dotted"));
}

#[test]
fn every_source_of_keys_signs_too() {
    let node = Node::start();
    let created = node.create("ci");
    for (id, secret, name) in [
        (node.root.id(), node.root.secret(), "root"),
        ("DEPLOY", &deploy().secret, "deploy"),
        (&created.id, &created.secret, "ci"),
    ] {
        let name = Ok(name.to_owned());
        assert_eq!(node.opens(id, secret, now()), [name.clone(), name]);
    }
    let [bearer, signature] = node.opens("DEPLOY", &created.secret, now());
    assert_eq!(bearer, Err(Refusal::Wrong));
    assert_eq!(signature, Err(Refusal::Flawed(Flaw::Signature)));
    let [bearer, signature] = node.opens("NOBODY", &created.secret, now());
    assert_eq!((bearer, signature), (Err(Refusal::Wrong), Err(Refusal::Unknown)));
}

#[test]
fn a_signature_is_for_its_own_request_and_time() {
    let node = Node::start();
    let (fields, body) = (signed("DEPLOY", &deploy().secret, b"{}", now()), b"{}".as_slice());
    assert!(node.prove(&fields, body, now()).is_ok());
    let changed = node.prove(&fields, b"{ }", now()).unwrap_err();
    assert_eq!(changed, Refusal::Flawed(Flaw::Body));
    assert!(!changed.is_guess());
    let late = node.prove(&fields, body, now() + Duration::from_mins(6)).unwrap_err();
    assert!(matches!(&late, Refusal::Flawed(Flaw::Expired { .. })), "{late:?}");

    let guessed = signed("DEPLOY", &Secret::new("guessed"), body, now());
    let guess = node.prove(&guessed, body, now()).unwrap_err();
    assert!(guess.is_guess() && Refusal::Unknown.is_guess() && Refusal::Wrong.is_guess());

    let other = authorization(&["AWS AKID:signature"]);
    assert_eq!(node.prove(&other, b"", now()).unwrap_err(), Refusal::Malformed);
    let unsigned = HeaderMap::new();
    let bare = node.ring.claim(&Method::POST, "/?X-Amz-Signature=0", &unsigned, now());
    assert_eq!(bare.unwrap_err(), Refusal::Flawed(Flaw::Presigned));
}

#[test]
fn a_signed_change_is_carried_out_once() {
    let node = Node::start();
    let fields = signed("DEPLOY", &deploy().secret, b"{}", now());
    let claimed = node.ring.claim(&Method::POST, TARGET, &fields, now()).unwrap();
    let Claimed::Signed(request) = claimed else { panic!("{claimed:?}") };
    let by = request.prove(b"{}", now()).unwrap();
    assert_eq!(node.ring.first_use(&by, request.signature(), now()), Ok(()));
    assert_eq!(node.ring.first_use(&by, request.signature(), now()), Err(Refusal::Replayed));
}

proptest! {
    #[test]
    fn no_token_breaks_the_reader(field in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Some(token) = bearer(&field) {
            prop_assert_eq!(token, token.trim_ascii());
        }
    }
}
