//! The audit line: who changed what, and what became of it. No secret is ever in it.

use http::StatusCode;
use warmfront_config::TargetName;
use warmfront_store::{Invalidation, InvalidationPath, Order};

use crate::guesses::Peer;
use crate::keys::Principal;

/// Paths of an invalidation that are written out; of the rest only the count.
const PATHS_SHOWN: usize = 5;

/// What became of an invalidation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate<'a> {
    /// It was recorded, now or under the same reference before.
    Done(&'a Invalidation, StatusCode),
    /// It was not.
    Refused(StatusCode),
}

pub(super) fn invalidation(principal: &Principal, order: &Order, fate: Fate<'_>) {
    let (done, status) = match fate {
        Fate::Done(done, status) => (Some(done), status),
        Fate::Refused(status) => (None, status),
    };
    let first: Vec<&str> =
        order.paths.iter().take(PATHS_SHOWN).map(InvalidationPath::as_str).collect();
    tracing::info!(
        target: "audit",
        action = "invalidate",
        key = principal.id(),
        name = principal.name(),
        site = order.site,
        paths = order.paths.len(),
        first = ?first,
        reference = order.reference.as_deref(),
        id = done.map(|done| done.id.as_str()),
        matched = done.map(|done| done.counted.matched),
        status = status.as_u16(),
    );
}

/// What was to be changed of a target.
#[derive(Debug, Clone, Copy)]
pub(super) struct TargetChange<'a> {
    pub(super) origin: &'a str,
    pub(super) name: &'a TargetName,
    /// `register`, `share`, `drain` or `deregister`.
    pub(super) change: &'static str,
    /// As asked for.
    pub(super) weight: Option<u16>,
    /// As asked for.
    pub(super) tier: Option<u8>,
}

pub(super) fn targets(principal: &Principal, asked: &TargetChange<'_>, status: StatusCode) {
    tracing::info!(
        target: "audit",
        action = "targets",
        key = principal.id(),
        name = principal.name(),
        origin = asked.origin,
        // Not `target`, which is what a line of the log says it is from.
        address = %asked.name,
        change = asked.change,
        weight = asked.weight,
        tier = asked.tier,
        status = status.as_u16(),
    );
}

pub(super) fn renewal(principal: &Principal, host: &str, status: StatusCode) {
    tracing::info!(
        target: "audit",
        action = "certificates",
        key = principal.id(),
        name = principal.name(),
        host,
        status = status.as_u16(),
    );
}

pub(super) fn wrong_key(peer: Peer, path: &str) {
    let client = match peer {
        Peer::Tcp(address) => address.to_string(),
        Peer::Unix => "unix".to_owned(),
    };
    tracing::warn!(target: "audit", action = "authenticate", client, path, status = 401);
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::Keyring;
    use crate::root_key::RootKey;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Root's key, and what it is written with.
    fn root() -> (RootKey, Principal) {
        let state = tempfile::tempdir().unwrap();
        let root = RootKey::open(state.path()).unwrap();
        let bearer = format!("Bearer {}", root.token().reveal());
        let headers = [(http::header::AUTHORIZATION, bearer.parse().unwrap())];
        let ring = Keyring::new(&root, &[]);
        let principal = ring.authenticate(&headers.into_iter().collect()).unwrap();
        (root, principal)
    }

    /// The line that is written, which holds no secret.
    fn line(root: &RootKey, write: impl FnOnce()) -> Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone());
        tracing::subscriber::with_default(subscriber.finish(), write);
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
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
            reference: Some("build-41".to_owned()),
            by: principal.id().to_owned(),
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
}
