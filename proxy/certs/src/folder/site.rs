//! The folder of one site.
//!
//! ```text
//! live -> serial-04A1…   what is shown; switched by a rename
//! live.new               a switch that a crash cut off
//! serial-04A1…/          fullchain.pem, privkey.pem, meta.json: never written to again
//! serial-03F7…/          the one before
//! pending.key            of an order under way
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

use super::step::Step;
use crate::certificate::Certificate;
use crate::pair::{Pair, PairError};
use crate::storage::{Record, StorageError, Stored};

const CHAIN: &str = "fullchain.pem";
const KEY: &str = "privkey.pem";
const RECORD: &str = "meta.json";
/// What the names of our folders begin with.
const OURS: &str = "serial-";

/// The folder of one site.
#[derive(Debug)]
pub(super) struct SiteFolder<'a> {
    site: &'a str,
    /// Where the folders of all sites stand.
    root: &'a Path,
    path: PathBuf,
}

/// What is put into the folder of a certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) chain: &'a str,
    pub(super) key: &'a str,
    pub(super) record: &'a str,
}

// === impl SiteFolder ===

impl<'a> SiteFolder<'a> {
    pub(super) fn new(root: &'a Path, site: &'a str) -> Self {
        Self { site, root, path: root.join(folder_name(site)) }
    }

    pub(super) fn live_chain(&self) -> PathBuf {
        self.path.join("live").join(CHAIN)
    }

    pub(super) fn current(&self) -> Result<Option<Stored>, StorageError> {
        let live = self.live()?;
        let shown = live.as_ref().map(|live| self.certificate(live));
        let (folder, certificate) = match (live, shown) {
            (Some(live), Some(Ok(certificate))) => (live, certificate),
            (_, shown) => {
                let error = shown.and_then(Result::err);
                let Some((folder, certificate)) = self.last_good() else {
                    return error.map_or(Ok(None), Err);
                };
                let link = self.path.join("live");
                let reason = error.map_or_else(
                    || format!("sites.{}: {} is gone", self.site, link.display()),
                    |error| error.to_string(),
                );
                tracing::warn!("{reason}; {} is shown instead", folder.display());
                (folder, certificate)
            }
        };
        // A certificate is valid without it.
        let record = self.record(&folder);
        let record = record.inspect_err(|error| tracing::warn!("{error}")).ok();
        Ok(Some(Stored { certificate, record }))
    }

    pub(super) fn keep(
        &self,
        chain: &str,
        key: &str,
        record: &Record,
    ) -> Result<Stored, StorageError> {
        let given = Certificate::from_pem(chain, key);
        let given = given.map_err(|source| self.damaged(source))?;
        let json = serde_json::to_string_pretty(record);
        let json = json.map_err(|source| self.no_record(&self.path, source))?;
        self.run(&self.founding())?;
        self.run(&self.settling())?;
        for step in self.sweeping()? {
            if let Err(error) = self.run(&[step]) {
                tracing::warn!("{error}");
            }
        }
        let name = self.free_name(given.serial());
        let folder = self.path.join(&name);
        let texts = Texts { chain, key, record: &json };
        let filled = self.run(&self.filling(&name, texts)).and_then(|()| self.read(&folder));
        match filled {
            Ok(stored) => self.run(&self.switching(&name)).map(|()| stored),
            Err(error) => {
                // On a full disk it would be in the way of the next attempt.
                let _ = Step::Remove(folder).run();
                Err(error)
            }
        }
    }

    pub(super) fn pending_key(&self) -> Result<Option<String>, StorageError> {
        let path = self.pending();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.disk("read", &path, error)),
        };
        if PrivateKeyDer::from_pem_slice(text.as_bytes()).is_err() {
            tracing::warn!("sites.{}: {} holds no private key", self.site, path.display());
            return Ok(None);
        }
        Ok(Some(text))
    }

    pub(super) fn keep_pending_key(&self, key: &str) -> Result<(), StorageError> {
        self.run(&self.founding())?;
        self.run(&self.replacing_pending(key))?;
        match self.pending_key()? {
            Some(kept) if kept == key => Ok(()),
            _ => Err(StorageError::ReadBack { site: self.site.to_owned(), path: self.pending() }),
        }
    }

    pub(super) fn drop_pending_key(&self) -> Result<(), StorageError> {
        if fs::symlink_metadata(self.pending()).is_err() {
            return Ok(());
        }
        self.run(&[Step::Remove(self.pending()), Step::Sync(self.path.clone())])
    }

    /// What is current: where `live` leads. A switch that was cut off is as good as done, as nothing
    /// is linked to before it is proven. A backup that follows links makes a folder of `live`.
    fn live(&self) -> Result<Option<PathBuf>, StorageError> {
        for link in [self.path.join("live"), self.path.join("live.new")] {
            match fs::read_link(&link) {
                Ok(target) => return Ok(Some(self.path.join(target))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(Some(link)),
                Err(error) => return Err(self.disk("read the link", &link, error)),
            }
        }
        Ok(None)
    }

    /// Of the folders of ours that can be used, the one with the certificate that began last.
    fn last_good(&self) -> Option<(PathBuf, Certificate)> {
        if !self.path.is_dir() {
            return None;
        }
        let folders = self.ours().inspect_err(|error| tracing::warn!("{error}")).ok()?;
        let good = folders.into_iter().filter_map(|name| {
            let folder = self.path.join(name);
            let certificate = self.certificate(&folder).ok()?;
            Some((folder, certificate))
        });
        good.max_by_key(|(_, certificate)| certificate.not_before())
    }

    fn certificate(&self, folder: &Path) -> Result<Certificate, StorageError> {
        let pair = Pair::read(&folder.join(CHAIN), &folder.join(KEY));
        let certificate = pair.and_then(|pair| Certificate::from_pair(&pair));
        certificate.map_err(|source| self.damaged(source))
    }

    fn record(&self, folder: &Path) -> Result<Record, StorageError> {
        let path = folder.join(RECORD);
        let text = fs::read(&path).map_err(|error| self.disk("read", &path, error))?;
        serde_json::from_slice(&text).map_err(|source| self.no_record(&path, source))
    }

    /// What was read back of a folder that has just been filled.
    fn read(&self, folder: &Path) -> Result<Stored, StorageError> {
        let (certificate, record) = (self.certificate(folder)?, self.record(folder)?);
        Ok(Stored { certificate, record: Some(record) })
    }

    /// The names of our folders, in no order.
    fn ours(&self) -> Result<Vec<String>, StorageError> {
        let unreadable = |error| self.disk("read the folder", &self.path, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            names.extend(name.to_str().filter(|name| name.starts_with(OURS)).map(str::to_owned));
        }
        Ok(names)
    }

    fn run(&self, steps: &[Step<'_>]) -> Result<(), StorageError> {
        steps.iter().try_for_each(|step| {
            step.run().map_err(|source| self.disk(step.action(), step.path(), source))
        })
    }

    /// A serial number is one authority's, and a certificate may be kept twice.
    fn free_name(&self, serial: &str) -> String {
        let mut name = format!("{OURS}{serial}");
        let mut count = 1_u32;
        while fs::symlink_metadata(self.path.join(&name)).is_ok() {
            count += 1;
            name = format!("{OURS}{serial}-{count}");
        }
        name
    }

    fn pending(&self) -> PathBuf {
        self.path.join("pending.key")
    }
}

/// What is done, in this order: a crash after any of the steps leaves the old certificate or the new.
impl SiteFolder<'_> {
    /// Makes the folder itself.
    pub(super) fn founding(&self) -> Vec<Step<'static>> {
        if self.path.is_dir() {
            return Vec::new();
        }
        vec![Step::MakeFolder(self.path.clone()), Step::Sync(self.root.to_owned())]
    }

    /// Ends a switch that a crash cut off.
    pub(super) fn settling(&self) -> Vec<Step<'static>> {
        let (live, new) = (self.path.join("live"), self.path.join("live.new"));
        match (fs::symlink_metadata(&live), fs::symlink_metadata(&new)) {
            (_, Err(_)) => Vec::new(),
            (Ok(_), Ok(_)) => vec![Step::Remove(new)],
            (Err(_), Ok(_)) => {
                vec![Step::Rename { from: new, to: live }, Step::Sync(self.path.clone())]
            }
        }
    }

    /// Takes away every folder of ours but the live one, which becomes the one before, and what is
    /// shown in its place where it cannot be: older ones, and what a crash left half-written. What
    /// somebody else put here stays.
    pub(super) fn sweeping(&self) -> Result<Vec<Step<'static>>, StorageError> {
        let live = self.live()?;
        let is_good = live.as_ref().is_some_and(|live| self.certificate(live).is_ok());
        let instead = if is_good { None } else { self.last_good() };
        let shown = live.into_iter().chain(instead.map(|(folder, _)| folder));
        // A link by hand may lead there by any way, and so may links to the files.
        let kept: Vec<PathBuf> = shown
            .flat_map(|folder| [folder.join(CHAIN), folder.join(KEY), folder])
            .flat_map(|path| fs::canonicalize(&path).into_iter().chain([path]))
            .collect();
        let is_kept = |folder: &PathBuf| {
            let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.clone());
            kept.iter().any(|path| path.starts_with(&real) || path.starts_with(folder))
        };
        let ours = self.ours()?.into_iter().map(|name| self.path.join(name));
        Ok(ours.filter(|folder| !is_kept(folder)).map(Step::Remove).collect())
    }

    pub(super) fn filling<'t>(&self, name: &str, texts: Texts<'t>) -> Vec<Step<'t>> {
        let folder = self.path.join(name);
        let write = |file: &str, text: &'t str| Step::Write(folder.join(file), text.as_bytes());
        vec![
            Step::MakeFolder(folder.clone()),
            write(CHAIN, texts.chain),
            write(KEY, texts.key),
            write(RECORD, texts.record),
            Step::Sync(folder.clone()),
            Step::Sync(self.path.clone()),
        ]
    }

    pub(super) fn switching<'t>(&self, name: &'t str) -> Vec<Step<'t>> {
        let (live, new) = (self.path.join("live"), self.path.join("live.new"));
        let mut steps = vec![Step::Link { target: name, at: new.clone() }];
        if fs::symlink_metadata(&live).is_ok_and(|metadata| metadata.is_dir()) {
            // No rename puts a link in a folder's place.
            let away = self.path.join(self.free_name("0"));
            steps.push(Step::Rename { from: live.clone(), to: away });
        }
        steps.push(Step::Rename { from: new, to: live });
        steps.push(Step::Sync(self.path.clone()));
        steps
    }

    fn replacing_pending<'t>(&self, key: &'t str) -> Vec<Step<'t>> {
        let new = self.path.join("pending.key.new");
        vec![
            Step::Remove(new.clone()),
            Step::Write(new.clone(), key.as_bytes()),
            Step::Rename { from: new, to: self.pending() },
            Step::Sync(self.path.clone()),
        ]
    }
}

/// Errors, with the site they are of.
impl SiteFolder<'_> {
    fn disk(&self, action: &'static str, path: &Path, source: io::Error) -> StorageError {
        let (site, path) = (self.site.to_owned(), path.to_owned());
        StorageError::Disk { site, action, path, source }
    }

    fn damaged(&self, source: PairError) -> StorageError {
        StorageError::Damaged { site: self.site.to_owned(), source: Box::new(source) }
    }

    fn no_record(&self, path: &Path, source: serde_json::Error) -> StorageError {
        StorageError::Record { site: self.site.to_owned(), path: path.to_owned(), source }
    }
}

/// The name of a site is the name of its folder, but for a first dot, and for what no site's name
/// can hold: `%` and the byte stand for those. No name leads out of the folder (`..`), and names
/// that begin with `~` are left for other things.
fn folder_name(site: &str) -> String {
    if site.is_empty() {
        return "%".to_owned();
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let letters = site.bytes().enumerate().map(|(at, byte)| {
        if plain(byte) || (byte == b'.' && at > 0) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    letters.collect()
}
