//! Creating, revoking and rotating keys: on disk first, then in force, then answered.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use warmfront_config::Secret;
use warmfront_state::Database;

use crate::error::{CREATED_MAX, KeysError, NAME_LETTERS_MAX, OVERLAP_DAYS_MAX};
use crate::journal::Journal;
use crate::keyring::Keyring;
use crate::letters;
use crate::listed::{Issued, NewKey, Signing, Source};
use crate::principal::Principal;
use crate::record::{OldSecret, Record, RecordedSecret};
use crate::ring::{Entry, Ring};
use crate::root_key::RootKey;
use crate::seal::SealKey;

/// What a change needs; one change at a time has it.
pub(crate) struct Changes {
    journal: Journal,
    /// `None` until a secret is sealed for the first time.
    seal: Option<SealKey>,
    root: RootKey,
    state: PathBuf,
}

// === impl Changes ===

impl Changes {
    /// And the created keys. The seal key is read only where there are some.
    pub(crate) fn open(
        root: &RootKey,
        database: Arc<Database>,
        state: &Path,
        now: SystemTime,
    ) -> Result<(Self, Vec<Entry>), KeysError> {
        let journal = Journal::open(database)?;
        let mut records = journal.load()?;
        for (id, record) in &mut records {
            journal.forget_old(id, record, now);
        }
        let seal = if records.is_empty() { None } else { SealKey::read(state)? };
        let mut entries = Vec::with_capacity(records.len());
        for (id, record) in &records {
            let Some(entry) = Entry::recorded(id, record, seal.as_ref()) else {
                tracing::warn!(
                    key = id,
                    "a created key is in a form that cannot be read: revoke it"
                );
                continue;
            };
            if entry.signing() == Signing::Unsealed {
                let name = &record.name;
                tracing::warn!(
                    key = id,
                    name,
                    "the secret of a created key does not unseal: no request signed with it is taken until it is rotated"
                );
            }
            entries.push(entry);
        }
        Ok((Self { journal, seal, root: root.clone(), state: state.to_owned() }, entries))
    }

    /// This ring without old secrets that no longer pass; they go from the disk, too. `None` if there
    /// are none.
    pub(crate) fn forget_old(&self, ring: &Ring, now: SystemTime) -> Option<Ring> {
        let over: Vec<&Entry> = ring.entries().filter(|entry| entry.is_old_over(now)).collect();
        let mut next = (!over.is_empty()).then(|| ring.clone())?;
        for entry in over {
            let id = entry.principal.id();
            if let Ok(Some(mut record)) = self.journal.find(id) {
                self.journal.forget_old(id, &mut record, now);
            }
            next.insert(entry.without_old());
        }
        Some(next)
    }

    fn seal(&mut self, id: &str, secret: &Secret) -> Result<RecordedSecret, KeysError> {
        let seal = match self.seal.take() {
            Some(seal) => seal,
            // One that came back since, or was kept for keys that were all revoked, is used again.
            None => match SealKey::read(&self.state)? {
                Some(seal) => seal,
                None => SealKey::make(&self.state)?,
            },
        };
        let sealed = RecordedSecret::new(id, secret, &seal);
        self.seal = Some(seal);
        Ok(sealed?)
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("state", &self.state).finish_non_exhaustive()
    }
}

// === impl Keyring ===

impl Keyring {
    /// Makes a key. It waits for the disk. Fails on a name that is none or another key's, and at
    /// 1,000 created keys. Whether `by` may is the caller's to ask.
    pub fn create(
        &self,
        asked: NewKey,
        by: &Principal,
        now: SystemTime,
    ) -> Result<Issued, KeysError> {
        if !is_name(&asked.name) {
            return Err(KeysError::Name);
        }
        let mut changes = self.changes.lock();
        let ring = self.ring.load_full();
        if ring
            .entries()
            .any(|entry| [entry.principal.name(), entry.principal.id()].contains(&&*asked.name))
        {
            return Err(KeysError::Taken { name: asked.name });
        }
        let created = ring.entries().filter(|entry| entry.source == Source::Created);
        if created.count() >= CREATED_MAX {
            return Err(KeysError::Full);
        }
        let id = letters::id().map_err(KeysError::Random)?;
        let secret = letters::secret().map_err(KeysError::Random)?;
        let sealed = changes.seal(&id, &secret)?;
        let record = Record::new(&asked, by.id(), sealed, now);
        changes.journal.put(&id, &record)?;
        let entry = Entry::created(&id, &record, &secret);
        self.ring.store(Arc::new(ring.with(entry)));
        let NewKey { name, allow } = asked;
        Ok(Issued { id, name, secret, allow, created: now, old_secret_ends: None })
    }

    /// Makes a created key unknown. It waits for the disk. Fails for the root key and the
    /// configuration's, and if there is no such key.
    pub fn revoke(&self, id: &str) -> Result<(), KeysError> {
        let changes = self.changes.lock();
        let ring = self.ring.load_full();
        match ring.find(id).map(|entry| (entry.source, entry.principal.name())) {
            Some((Source::Root, _)) => return Err(KeysError::Root),
            Some((Source::Configuration, name)) => {
                return Err(KeysError::Configured { name: name.to_owned() });
            }
            // One whose record cannot be read is in no ring, and can be revoked all the same.
            Some((Source::Created, _)) | None => {}
        }
        if !changes.journal.remove(id)? {
            return Err(KeysError::Unknown);
        }
        self.ring.store(Arc::new(ring.without(id)));
        Ok(())
    }

    /// Gives the key a new secret. The one it has passes for `overlap` more, at most 30 days; one
    /// before that ends. It waits for the disk. Fails for the configuration's keys, and if there is
    /// no such key. The root key's old secret ends with a restart, too.
    pub fn rotate(
        &self,
        id: &str,
        overlap: Duration,
        now: SystemTime,
    ) -> Result<Issued, KeysError> {
        if overlap > Duration::from_hours(24 * OVERLAP_DAYS_MAX) {
            return Err(KeysError::Overlap);
        }
        let until = now.checked_add(overlap).filter(|_| !overlap.is_zero());
        let mut changes = self.changes.lock();
        let ring = self.ring.load_full();
        let entry = ring.find(id).ok_or(KeysError::Unknown)?;
        let name = entry.principal.name().to_owned();
        let secret = match entry.source {
            Source::Configuration => return Err(KeysError::Configured { name }),
            Source::Root => {
                changes.root = changes.root.renew(&changes.state)?;
                changes.root.secret().clone()
            }
            Source::Created => {
                let secret = letters::secret().map_err(KeysError::Random)?;
                let mut record = changes.journal.find(id)?.ok_or(KeysError::Unknown)?;
                let sealed = changes.seal(id, &secret)?;
                let before = std::mem::replace(&mut record.secret, sealed);
                record.old = until.map(|until| OldSecret { secret: before, until });
                changes.journal.put(id, &record)?;
                secret
            }
        };
        self.ring.store(Arc::new(ring.with(entry.rotated(&secret, until))));
        let (id, allow) = (id.to_owned(), entry.allow.clone());
        Ok(Issued { id, name, secret, allow, created: now, old_secret_ends: until })
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=NAME_LETTERS_MAX).contains(&text.len()) && text.bytes().all(plain)
}
