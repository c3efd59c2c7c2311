//! Ordered certificates in files, below `listen.state`.

mod site;
mod step;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::storage::{Record, Storage, StorageError, Stored};
use site::SiteFolder;

/// Certificates in `state/certs/<site>/`, for one process at a time.
///
/// `live/fullchain.pem` and `live/privkey.pem` are paths that do not change. Everything is the
/// owner's alone: folders 0700, files 0600.
#[derive(Debug)]
pub struct CertificateFolder {
    root: PathBuf,
    /// Held until it is dropped, or the process is gone.
    _lock: File,
}

// === impl CertificateFolder ===

impl CertificateFolder {
    /// Makes `state/certs` and takes its lock. Fails if another process holds it.
    pub fn open(state: &Path) -> Result<Self, StorageError> {
        let root = state.join("certs");
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StorageError::Open { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&root).map_err(failed(&root))?;
        // It may be older than we are, and keys lie in it; it may be somebody else's, and as it
        // should be.
        let mode = fs::metadata(&root).map_err(failed(&root))?.permissions().mode();
        if mode & 0o777 != 0o700 {
            fs::set_permissions(&root, Permissions::from_mode(0o700)).map_err(failed(&root))?;
        }
        File::open(state).and_then(|state| state.sync_all()).map_err(failed(state))?;
        // No site's folder begins with `~`.
        let path = root.join("~lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(failed(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Held(root)),
            Err(TryLockError::Error(source)) => Err(StorageError::Open { path, source }),
        }
    }

    /// Where the chain of a site stands, leaf first, for who only reads it. It need not be there.
    pub fn live_chain(state: &Path, site: &str) -> PathBuf {
        SiteFolder::new(&state.join("certs"), site).live_chain()
    }

    fn site<'a>(&'a self, site: &'a str) -> SiteFolder<'a> {
        SiteFolder::new(&self.root, site)
    }
}

impl Storage for CertificateFolder {
    fn current(&self, site: &str) -> Result<Option<Stored>, StorageError> {
        self.site(site).current()
    }

    fn keep(
        &self,
        site: &str,
        chain: &str,
        key: &str,
        record: &Record,
    ) -> Result<Stored, StorageError> {
        self.site(site).keep(chain, key, record)
    }

    fn pending_key(&self, site: &str) -> Result<Option<String>, StorageError> {
        self.site(site).pending_key()
    }

    fn keep_pending_key(&self, site: &str, key: &str) -> Result<(), StorageError> {
        self.site(site).keep_pending_key(key)
    }

    fn drop_pending_key(&self, site: &str) -> Result<(), StorageError> {
        self.site(site).drop_pending_key()
    }
}

#[cfg(test)]
mod tests;
