//! The root key: made at the first start, read again ever after.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rand::rand_core::OsError;
use warmfront_config::Secret;

use crate::cause::cause;
use crate::letters::{self, SECRET_LETTERS};
use crate::private_file::{self, Unread};

const FILE: &str = "root.key";

/// The key that may do everything.
#[derive(Debug, Clone)]
pub struct RootKey {
    id: String,
    secret: Secret,
}

/// Why there is no root key to be had.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// `listen.state` could not be made.
    #[error("cannot make the state directory {}: {}", path.display(), cause(.source))]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file could not be read.
    #[error("cannot read the root key {}: {}", path.display(), cause(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("cannot write the root key {}: {}", path.display(), cause(.source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else may have read it already.
    #[error(
        "the root key {} is open to other users (mode {mode:04o}): make it 0600, and delete \
         it for a new one if it may have been read", path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not one line of id and secret.
    #[error(
        "the root key {} is not one line `<id>.<secret>`: delete it, and the next start \
         makes a new one",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("cannot make a root key: the system gives no random numbers: {source}")]
    Random {
        /// What the system says.
        source: OsError,
    },
}

// === impl RootKey ===

impl RootKey {
    /// Reads `root.key` in the state directory; makes it, and the directory (0700), if it is not
    /// there. Fails on a file that others may read or that holds no key.
    pub fn open(state: &Path) -> Result<Self, RootKeyError> {
        make_directory(state)?;
        match Self::read(state) {
            Err(RootKeyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                key.write(state)?;
                Ok(key)
            }
            read => read,
        }
    }

    /// Reads `root.key` in the state directory, as a client of the running node does. Fails if it
    /// is not there, too.
    pub fn read(state: &Path) -> Result<Self, RootKeyError> {
        let path = state.join(FILE);
        let text = match private_file::read(&path) {
            Ok(text) => text,
            Err(Unread::Missing(source) | Unread::Failed(source)) => {
                return Err(RootKeyError::Read { path, source });
            }
            Err(Unread::Exposed(mode)) => return Err(RootKeyError::Exposed { path, mode }),
        };
        let key = std::str::from_utf8(&text).ok().and_then(Self::parse);
        key.ok_or(RootKeyError::Malformed { path })
    }

    /// The public half.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The other half.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The whole as it stands in the file: the bearer token.
    pub fn token(&self) -> Secret {
        Secret::new(format!("{}.{}", self.id, self.secret.reveal()))
    }

    /// The same id with a new secret, in the place of this one on disk.
    pub(crate) fn renew(&self, state: &Path) -> Result<Self, RootKeyError> {
        let secret = letters::secret().map_err(|source| RootKeyError::Random { source })?;
        let renewed = Self { id: self.id.clone(), secret };
        renewed.write(state)?;
        Ok(renewed)
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let (id, secret) = line.strip_suffix('\r').unwrap_or(line).split_once('.')?;
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // A shorter one was cut off, or made by hand and could be guessed.
        let is_secret = secret.len() >= SECRET_LETTERS
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        (is_id && is_secret).then(|| Self { id: id.to_owned(), secret: Secret::new(secret) })
    }

    fn generate() -> Result<Self, RootKeyError> {
        let drawn = letters::id().and_then(|id| Ok(Self { id, secret: letters::secret()? }));
        drawn.map_err(|source| RootKeyError::Random { source })
    }

    fn write(&self, state: &Path) -> Result<(), RootKeyError> {
        let line = format!("{}\n", self.token().reveal());
        private_file::write(state, FILE, &line)
            .map_err(|source| RootKeyError::Write { path: state.join(FILE), source })
    }
}

fn make_directory(state: &Path) -> Result<(), RootKeyError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.map_err(|source| RootKeyError::Directory { path: state.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn the_first_start_makes_it_and_the_next_reads_it() {
        let place = tempfile::tempdir().unwrap();
        let state = place.path().join("var/state");
        let made = RootKey::open(&state).unwrap();
        assert_eq!(mode(&state), 0o700);
        assert_eq!(mode(&state.join("root.key")), 0o600);
        let text = fs::read_to_string(state.join("root.key")).unwrap();
        assert_eq!(text, format!("{}\n", made.token().reveal()));
        assert_eq!((made.id.len(), made.secret.reveal().len()), (20, 40));
        assert!(made.id.starts_with("WF"), "{}", made.id);

        let again = RootKey::open(&state).unwrap();
        assert_eq!(again.token(), made.token());
        let other = RootKey::open(&place.path().join("other")).unwrap();
        assert_ne!(other.token(), made.token());
        assert!(!format!("{made:?}").contains(made.secret.reveal()));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let state = tempfile::tempdir().unwrap();
        RootKey::open(state.path()).unwrap();
        let path = state.path().join("root.key");
        for open in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let refused = RootKey::open(state.path()).unwrap_err().to_string();
            assert!(refused.contains(&format!("(mode {open:04o})")), "{refused}");
        }
    }

    #[test]
    fn a_file_without_a_key_is_refused() {
        let secret = "s".repeat(40);
        for (text, good) in [
            (format!("WFX.{secret}"), true),
            (format!("WFX.{secret}\n"), true),
            (String::new(), false),
            ("WFX".to_owned(), false),
            ("WFX.short\n".to_owned(), false),
            (format!(".{secret}\n"), false),
            (format!("WFX.{secret}\nmore\n"), false),
            (format!("WFX.{secret} \n"), false),
        ] {
            let read = RootKey::parse(&text);
            assert_eq!(read.is_some(), good, "{text:?}");
        }
    }
}
