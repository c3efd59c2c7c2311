//! The audit line: who changed what, and what became of it. No secret is ever in it.

use http::StatusCode;
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

    #[test]
    fn a_line_says_who_and_what_and_no_secret() {
        let state = tempfile::tempdir().unwrap();
        let root = RootKey::open(state.path()).unwrap();
        let bearer = format!("Bearer {}", root.token().reveal());
        let headers = [(http::header::AUTHORIZATION, bearer.parse().unwrap())];
        let ring = Keyring::new(&root, &[]);
        let principal = ring.authenticate(&headers.into_iter().collect()).unwrap();
        let paths = (0..7).map(|n| InvalidationPath::parse(&format!("/{n}")).unwrap());
        let order = Order {
            site: "www".to_owned(),
            paths: paths.collect(),
            reference: Some("build-41".to_owned()),
            by: principal.id().to_owned(),
        };

        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone());
        tracing::subscriber::with_default(subscriber.finish(), || {
            invalidation(&principal, &order, Fate::Refused(StatusCode::FORBIDDEN));
        });
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        let fields = json!({
            "action": "invalidate",
            "key": root.id(),
            "name": "root",
            "site": "www",
            "paths": 7,
            "first": r#"["/0", "/1", "/2", "/3", "/4"]"#,
            "reference": "build-41",
            "status": 403,
        });
        assert_eq!((&line["target"], &line["fields"]), (&json!("audit"), &fields));
        assert!(!text.contains(root.secret().reveal()), "{text}");
    }
}
