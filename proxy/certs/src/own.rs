//! Certificates of the user's own: read from files, and read again when the files change.

use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use warmfront_config::{CertificateFiles, HostPattern};

use crate::certificate::Certificate;
use crate::offer::Presented;
use crate::pair::{Pair, PairError};

/// How often two files are read anew because one of them changed meanwhile.
const READS_MAX: usize = 3;

/// A certificate of the user's own, as it is shown now.
#[derive(Debug, Clone)]
pub struct Own {
    /// Where it was read from.
    pub files: CertificateFiles,
    /// What came of them the last time they were good.
    pub presented: Arc<Presented>,
}

/// What came of files that changed.
#[derive(Debug)]
pub struct Reload {
    /// The files.
    pub files: CertificateFiles,
    /// What is shown from now on, or why the last good certificate still is.
    pub outcome: Result<Arc<Presented>, CertificateError>,
}

/// Why a certificate of the user's own cannot be presented. It names the file.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The files are no good pair.
    #[error("tls.certificates: {0}")]
    Pair(#[from] PairError),
    /// A good pair, with which a host would be left without any certificate.
    #[error("tls.certificates: {} does not speak for {host} any more", chain.display())]
    Lost {
        /// The file of the chain.
        chain: PathBuf,
        /// A host of a site.
        host: HostPattern,
    },
}

/// Two files, as they were at the last look.
#[derive(Debug)]
pub(crate) struct Watched {
    files: CertificateFiles,
    stamps: [Option<Stamp>; 2],
    /// What stood in them, or why they could not be read.
    content: u64,
    /// Whether two looks in a row saw the same stamps. A file can be written twice within a tick of
    /// its clock; so what has just changed is read once more.
    settled: bool,
}

/// What of a file changes when it is written, renamed over or linked elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

// === impl Watched ===

impl Watched {
    /// Reads the files for the first time.
    pub(crate) fn open(files: &CertificateFiles) -> (Self, Result<Certificate, CertificateError>) {
        let (stamps, read) = read_steadily(files);
        let content = fingerprint(&read);
        let files = files.clone();
        (Self { files, stamps, content, settled: false }, prove(read))
    }

    pub(crate) fn files(&self) -> &CertificateFiles {
        &self.files
    }

    /// What the files came to, if anything else stands in them than at the last look.
    pub(crate) fn look(&mut self) -> Option<Result<Certificate, CertificateError>> {
        let unchanged = self.stamps == stamps(&self.files);
        if unchanged && self.settled {
            return None;
        }
        let (stamps, read) = read_steadily(&self.files);
        self.settled = self.stamps == stamps;
        self.stamps = stamps;
        let content = fingerprint(&read);
        if content == self.content {
            return None;
        }
        self.content = content;
        Some(prove(read))
    }

    /// What was read was not taken: the next look reads it again, for it may be taken then.
    pub(crate) fn not_taken(&mut self) {
        self.settled = false;
        self.content = 0;
    }
}

/// Reads both files with their stamps of before. Kubernetes switches both at once by one link: who
/// reads the chain before and the key after has neither pair.
fn read_steadily(files: &CertificateFiles) -> ([Option<Stamp>; 2], Result<Pair, PairError>) {
    let mut before = stamps(files);
    for _ in 1..READS_MAX {
        let read = Pair::read(&files.chain, &files.key);
        let after = stamps(files);
        if before == after {
            return (before, read);
        }
        before = after;
    }
    (before, Pair::read(&files.chain, &files.key))
}

fn stamps(files: &CertificateFiles) -> [Option<Stamp>; 2] {
    // Of what a link leads to.
    let stamp = |path: &Path| fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
    [stamp(&files.chain), stamp(&files.key)]
}

fn fingerprint(read: &Result<Pair, PairError>) -> u64 {
    let mut hasher = DefaultHasher::new();
    read.as_ref().map_err(ToString::to_string).hash(&mut hasher);
    hasher.finish()
}

fn prove(read: Result<Pair, PairError>) -> Result<Certificate, CertificateError> {
    Ok(Certificate::from_pair(&read?)?)
}

// === impl Stamp ===

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests;
