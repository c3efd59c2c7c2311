//! The root key: made at the first start, read again ever after.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use warmfront_config::Secret;

use crate::cause::cause;

/// What the id begins with.
const ID_PREFIX: &str = "WF";
/// Letters of an id behind its prefix.
const ID_LETTERS: usize = 18;
/// 36 letters: as in the ids of AWS access keys.
const ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Letters of a secret: 240 bits.
const SECRET_LETTERS: usize = 40;
/// 64 letters that need no escaping in a URL, a header or a shell.
const SECRET_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Far more than a key file holds.
const FILE_BYTES_MAX: u64 = 4_096;

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
        source: rand::rand_core::OsError,
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
        let path = file(state);
        let unreadable = |source| RootKeyError::Read { path: path.clone(), source };
        let opened = File::open(&path).map_err(unreadable)?;
        // Of the opened file: the one at the path may be another by now.
        let metadata = opened.metadata().map_err(unreadable)?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(RootKeyError::Exposed { path, mode });
        }
        let mut text = Vec::new();
        let mut bounded = opened.take(FILE_BYTES_MAX);
        bounded.read_to_end(&mut text).map_err(unreadable)?;
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

    fn parse(text: &str) -> Option<Self> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let (id, secret) = line.strip_suffix('\r').unwrap_or(line).split_once('.')?;
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // A shorter one was cut off, or made by hand and could be guessed.
        let is_secret = secret.len() >= SECRET_LETTERS
            && secret.bytes().all(|byte| SECRET_ALPHABET.contains(&byte));
        (is_id && is_secret).then(|| Self { id: id.to_owned(), secret: Secret::new(secret) })
    }

    fn generate() -> Result<Self, RootKeyError> {
        let letters = random_letters(ID_ALPHABET, ID_LETTERS)?;
        Ok(Self {
            id: format!("{ID_PREFIX}{letters}"),
            secret: Secret::new(random_letters(SECRET_ALPHABET, SECRET_LETTERS)?),
        })
    }

    /// Written beside its place and moved there, so that a crash leaves a whole key or none.
    fn write(&self, state: &Path) -> Result<(), RootKeyError> {
        let path = file(state);
        let beside = state.join("root.key.new");
        let written = fs::remove_file(&beside)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(0o600);
                let mut new = options.open(&beside)?;
                writeln!(new, "{}", self.token().reveal())?;
                new.sync_all()?;
                fs::rename(&beside, &path)?;
                File::open(state)?.sync_all()
            });
        written.map_err(|source| RootKeyError::Write { path, source })
    }
}

fn file(state: &Path) -> PathBuf {
    state.join("root.key")
}

fn make_directory(state: &Path) -> Result<(), RootKeyError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.map_err(|source| RootKeyError::Directory { path: state.to_owned(), source })
}

/// Letters of equal chance: a byte beyond the last whole run of the alphabet is thrown away.
fn random_letters(alphabet: &[u8], count: usize) -> Result<String, RootKeyError> {
    let fair = 256 - 256 % alphabet.len();
    let mut letters = String::with_capacity(count);
    let mut random = [0_u8; 64];
    while letters.len() < count {
        let filled = OsRng.try_fill_bytes(&mut random);
        filled.map_err(|source| RootKeyError::Random { source })?;
        let usable = random.iter().map(|byte| usize::from(*byte));
        let usable = usable.filter(|byte| *byte < fair);
        let drawn = usable.filter_map(|byte| alphabet.get(byte % alphabet.len()));
        letters.extend(drawn.take(count - letters.len()).map(|b| char::from(*b)));
    }
    Ok(letters)
}

#[cfg(test)]
mod tests {
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
