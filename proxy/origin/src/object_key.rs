//! From the path a client asked for to the key of an object, and from the key to the wire.
//!
//! What arrives may be encoded sparsely, fully or wrongly. It is decoded once into the bytes of the
//! key and encoded once in the only form that a signature covers, so every spelling of one key
//! reaches the same object.

use warmfront_semantics::sigv4::push_encoded;

/// S3's own limit on the bytes of a key.
const KEY_BYTES_MAX: usize = 1024;

/// The bytes of an object's key: no slash in front, the prefix included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectKey(Vec<u8>);

/// Why a path names no object: always the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Many an S3-compatible server would resolve it, out of the prefix or into another bucket.
    #[error("the path climbs above the root with `..`")]
    Climbs,
    /// `GET` of it lists the bucket, which no client was given leave to do.
    #[error("the path names the bucket and no object in it")]
    Empty,
    /// No object can be called so.
    #[error("the path holds a NUL")]
    Nul,
    /// Over S3's own limit.
    #[error("the path makes a key of {bytes} bytes, and 1024 is the most")]
    TooLong {
        /// What it came to, prefix included.
        bytes: usize,
    },
}

impl ObjectKey {
    /// Reads a raw request path, without its query. A `+` is a plus; a `%` that two hexadecimal
    /// digits do not follow stands for itself. `prefix` is literal.
    pub(crate) fn parse(prefix: &str, client_path: &str) -> Result<Self, KeyError> {
        let client_path = client_path.strip_prefix('/').unwrap_or(client_path);
        let asked: Vec<u8> = percent_encoding::percent_decode_str(client_path).collect();
        if climbs(&asked) {
            return Err(KeyError::Climbs);
        }
        let key = [prefix.as_bytes(), &asked].concat();
        match key.len() {
            0 => Err(KeyError::Empty),
            bytes if bytes > KEY_BYTES_MAX => Err(KeyError::TooLong { bytes }),
            _ if key.contains(&0) => Err(KeyError::Nul),
            _ => Ok(Self(key)),
        }
    }

    /// The key as it stands in a request target, encoded once, without a leading slash.
    pub(crate) fn to_wire(&self) -> String {
        let mut wire = String::with_capacity(self.0.len());
        for &byte in &self.0 {
            match byte {
                b'/' => wire.push('/'),
                other => push_encoded(&mut wire, other),
            }
        }
        wire
    }
}

/// Whether `..` leads above where the path began, for a server that resolves it. Empty segments
/// lend no depth: such a server may have merged them.
fn climbs(path: &[u8]) -> bool {
    let mut depth = 0_usize;
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{KeyError, ObjectKey};

    #[test]
    fn every_spelling_of_a_key_comes_out_as_one() {
        for (asked, wire) in [
            ("/index.html", "index.html"),
            ("/a b.html", "a%20b.html"),
            ("/a%20b.html", "a%20b.html"),
            ("/a+b.html", "a%2Bb.html"),
            ("/a%2bb.html", "a%2Bb.html"),
            ("/runtime~main.js", "runtime~main.js"),
            ("/runtime%7Emain.js", "runtime~main.js"),
            ("/100%.txt", "100%25.txt"),
            ("/100%25.txt", "100%25.txt"),
            ("/100%2525.txt", "100%2525.txt"),
            ("/a%zz", "a%25zz"),
            ("/ü/日本.txt", "%C3%BC/%E6%97%A5%E6%9C%AC.txt"),
            ("/%c3%bc/%E6%97%A5%E6%9C%AC.txt", "%C3%BC/%E6%97%A5%E6%9C%AC.txt"),
            ("/a//b/../c.txt", "a//b/../c.txt"),
            ("//a", "/a"),
            ("/a%2Fb", "a/b"),
            ("/!*'();,$:@=&", "%21%2A%27%28%29%3B%2C%24%3A%40%3D%26"),
            ("/%ff", "%FF"),
        ] {
            let key = ObjectKey::parse("", asked).unwrap();
            assert_eq!(key.to_wire(), wire, "{asked}");
        }
    }

    #[test]
    fn the_prefix_is_literal() {
        let key = ObjectKey::parse("my build%20/", "/a%20b").unwrap();
        assert_eq!(key.to_wire(), "my%20build%2520/a%20b");
        let root = ObjectKey::parse("build/", "/").unwrap();
        assert_eq!(root.to_wire(), "build/");
    }

    #[test]
    fn what_names_no_object_is_refused() {
        let long = format!("/{}", "a".repeat(1020));
        for (asked, error) in [
            ("/a%00b", KeyError::Nul),
            ("/../secret", KeyError::Climbs),
            ("/%2e%2E/secret", KeyError::Climbs),
            ("/a//../../secret", KeyError::Climbs),
            ("/..%2fsecret", KeyError::Climbs),
            (&long, KeyError::TooLong { bytes: 1026 }),
        ] {
            assert_eq!(ObjectKey::parse("build/", asked), Err(error), "{asked}");
        }
        assert_eq!(ObjectKey::parse("", "/"), Err(KeyError::Empty));
        assert!(ObjectKey::parse("", &long).is_ok());
    }

    proptest! {
        #[test]
        fn a_wire_path_read_again_is_itself(asked in any::<String>()) {
            if let Ok(key) = ObjectKey::parse("", &asked) {
                let wire = format!("/{}", key.to_wire());
                assert!(wire.bytes().all(|b| b.is_ascii_graphic()));
                assert_eq!(ObjectKey::parse("", &wire), Ok(key));
            }
        }
    }
}
