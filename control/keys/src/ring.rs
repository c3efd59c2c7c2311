//! Every key of the node at one moment.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use warmfront_config::{Grant, Key, Secret};

use crate::listed::{Listed, Signing, Source};
use crate::principal::Principal;
use crate::record::{Record, RecordedSecret};
use crate::root_key::RootKey;
use crate::seal::SealKey;

/// SHA-256 of a secret. The secrets are random, so nothing slower is needed.
pub(crate) type Digest = [u8; 32];

/// What the secret of an id that is not known is compared with.
const NOBODY: Digest = [0; 32];

/// Keys by id. Never changed: another takes its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ring(HashMap<String, Arc<Entry>>);

/// One key.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) principal: Principal,
    pub(crate) source: Source,
    pub(crate) allow: Vec<Grant>,
    created: Option<SystemTime>,
    by: Option<String>,
    secret: Proof,
    old: Option<(Proof, SystemTime)>,
    /// Seconds since 1970 of the last use, 0 for never; one for a key and what it is rotated to.
    used: Arc<AtomicU64>,
}

/// What a secret is recognised by.
#[derive(Clone)]
pub(crate) struct Proof {
    digest: Digest,
    /// `None` if it does not unseal.
    whole: Option<Secret>,
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

// === impl Ring ===

impl Ring {
    /// The key with this id.
    pub(crate) fn find(&self, id: &str) -> Option<&Arc<Entry>> {
        self.0.get(id)
    }

    /// The key that this secret belongs to. It takes as long for a wrong one as for the right one;
    /// ids are no secret.
    pub(crate) fn opened(&self, id: &[u8], secret: &[u8], now: SystemTime) -> Option<&Arc<Entry>> {
        let entry = std::str::from_utf8(id).ok().and_then(|id| self.find(id));
        let shown = digest(secret);
        let [current, old] = entry.map_or([NOBODY; 2], |entry| entry.digests(now));
        let is_its = current.ct_eq(&shown) | old.ct_eq(&shown);
        entry.filter(|_| bool::from(is_its))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.values().map(AsRef::as_ref)
    }

    /// With this key, or with it in the place of the one of the same id.
    pub(crate) fn with(&self, entry: Entry) -> Self {
        let mut next = self.clone();
        next.insert(entry);
        next
    }

    pub(crate) fn without(&self, id: &str) -> Self {
        let mut next = self.clone();
        next.0.remove(id);
        next
    }

    pub(crate) fn insert(&mut self, entry: Entry) {
        self.0.insert(entry.principal.id().to_owned(), Arc::new(entry));
    }
}

// === impl Entry ===

impl Entry {
    pub(crate) fn root(key: &RootKey) -> Self {
        let secret = Proof::of(key.secret());
        Self::new(Principal::root(key.id()), Source::Root, Vec::new(), secret)
    }

    pub(crate) fn configured(key: &Key) -> Self {
        let principal = Principal::granted(&key.id, &key.name, &key.allow);
        Self::new(principal, Source::Configuration, key.allow.clone(), Proof::of(&key.secret))
    }

    /// A key that was just made.
    pub(crate) fn created(id: &str, record: &Record, secret: &Secret) -> Self {
        Self::of_record(id, record, Proof::of(secret))
    }

    /// A key that was read again; `None` if the record holds no digest.
    pub(crate) fn recorded(id: &str, record: &Record, seal: Option<&SealKey>) -> Option<Self> {
        let proof = |secret: &RecordedSecret| {
            Some(Proof { digest: secret.digest()?, whole: secret.unseal(id, seal) })
        };
        let old = record.old.as_ref().and_then(|old| Some((proof(&old.secret)?, old.until)));
        Some(Self { old, ..Self::of_record(id, record, proof(&record.secret)?) })
    }

    fn of_record(id: &str, record: &Record, secret: Proof) -> Self {
        let allow = record.grants();
        let principal = Principal::granted(id, &record.name, &allow);
        Self {
            created: Some(record.created),
            by: record.by.clone(),
            ..Self::new(principal, Source::Created, allow, secret)
        }
    }

    fn new(principal: Principal, source: Source, allow: Vec<Grant>, secret: Proof) -> Self {
        Self {
            principal,
            source,
            allow,
            created: None,
            by: None,
            secret,
            old: None,
            used: Arc::default(),
        }
    }

    /// With another secret; the present one passes until `until`.
    pub(crate) fn rotated(&self, secret: &Secret, until: Option<SystemTime>) -> Self {
        let old = until.map(|until| (self.secret.clone(), until));
        Self { secret: Proof::of(secret), old, ..self.clone() }
    }

    /// Whether it still has an old secret that no longer passes.
    pub(crate) fn is_old_over(&self, now: SystemTime) -> bool {
        self.old.is_some() && self.old(now).is_none()
    }

    pub(crate) fn without_old(&self) -> Self {
        Self { old: None, ..self.clone() }
    }

    /// Whether its present secret unseals.
    pub(crate) fn signing(&self) -> Signing {
        if self.secret.whole.is_some() { Signing::Able } else { Signing::Unsealed }
    }

    /// The secrets that a signature may have been made with; none if none unseals.
    pub(crate) fn signing_secrets(&self, now: SystemTime) -> impl Iterator<Item = &str> {
        let old = self.old(now).map(|(proof, _)| proof);
        [Some(&self.secret), old]
            .into_iter()
            .flatten()
            .filter_map(|proof| Some(proof.whole.as_ref()?.reveal()))
    }

    /// Notes that it opened something.
    pub(crate) fn note_use(&self, now: SystemTime) {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.used.store(since.as_secs(), Ordering::Relaxed);
    }

    pub(crate) fn listed(&self, now: SystemTime) -> Listed {
        let used = Duration::from_secs(self.used.load(Ordering::Relaxed));
        Listed {
            id: self.principal.id().to_owned(),
            name: self.principal.name().to_owned(),
            source: self.source,
            allow: self.allow.clone(),
            created: self.created,
            by: self.by.clone(),
            used: (!used.is_zero()).then(|| SystemTime::UNIX_EPOCH + used),
            old_secret_ends: self.old(now).map(|(_, until)| *until),
            signing: self.signing(),
        }
    }

    /// Two, so that both cases take the same time: of no old secret, the present one again.
    fn digests(&self, now: SystemTime) -> [Digest; 2] {
        let old = self.old(now).map_or(self.secret.digest, |(proof, _)| proof.digest);
        [self.secret.digest, old]
    }

    fn old(&self, now: SystemTime) -> Option<&(Proof, SystemTime)> {
        self.old.as_ref().filter(|(_, until)| now < *until)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.principal.fmt(f)
    }
}

// === impl Proof ===

impl Proof {
    fn of(secret: &Secret) -> Self {
        Self { digest: digest(secret.reveal().as_bytes()), whole: Some(secret.clone()) }
    }
}
