//! Primary keys: 128 bits that stand for site, scheme, path and query.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

/// What a stored response is found by.
pub type Digest = [u8; 16];

/// Makes digests with a key of this process's own, so that nobody outside can search for two
/// requests that collide.
#[derive(Debug, Clone)]
pub struct Digester {
    seed: Digest,
}

// === impl Digester ===

impl Digester {
    /// A digester with a random key.
    #[must_use]
    pub fn random() -> Self {
        Self { seed: rand::random() }
    }

    /// The digest of an ordered list of parts, absent ones included.
    ///
    /// Each part is framed by its length: `("ab", "c")` and `("a", "bc")` are two keys, and so are an
    /// absent and an empty query.
    #[must_use]
    pub fn digest<'a>(&self, parts: impl IntoIterator<Item = Option<&'a [u8]>>) -> Digest {
        let mut hasher = SipHasher13::new_with_key(&self.seed);
        for part in parts {
            // No part is as long as u64::MAX, so that length is free to say "absent".
            hasher.write_u64(part.map_or(u64::MAX, |part| part.len() as u64));
            hasher.write(part.unwrap_or_default());
        }
        hasher.finish128().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn framing_keeps_lists_apart(
            a in prop::collection::vec(prop::option::of("[ab/?]{0,4}"), 0..4),
            b in prop::collection::vec(prop::option::of("[ab/?]{0,4}"), 0..4),
        ) {
            let digester = Digester { seed: [7; 16] };
            let digest = |parts: &[Option<String>]| {
                digester.digest(parts.iter().map(|p| p.as_deref().map(str::as_bytes)))
            };
            prop_assert_eq!(a == b, digest(&a) == digest(&b));
        }
    }

    #[test]
    fn every_process_has_a_key_of_its_own() {
        let one = [Some(b"a".as_slice())];
        assert_ne!(Digester::random().digest(one), Digester::random().digest(one));
    }
}
