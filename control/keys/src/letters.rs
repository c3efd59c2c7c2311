//! Ids and secrets, at random.

use rand::TryRngCore as _;
use rand::rand_core::OsError;
use rand::rngs::OsRng;
use warmfront_config::Secret;

/// What an id begins with.
const ID_PREFIX: &str = "WF";
/// Letters of an id behind its prefix.
const ID_LETTERS: usize = 18;
/// 36 letters: as in the ids of AWS access keys.
const ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Letters of a secret: 239 bits.
pub(crate) const SECRET_LETTERS: usize = 40;
/// 63 letters that need no escaping in a URL, a header or a shell. No `-`: a word that begins with
/// one is an option to most programs.
const SECRET_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

/// A new id: `WF` and 18 letters. Fails if the system has no random numbers.
pub(crate) fn id() -> Result<String, OsError> {
    Ok(format!("{ID_PREFIX}{}", random(ID_ALPHABET, ID_LETTERS)?))
}

/// A new secret of 40 letters. Fails if the system has no random numbers.
pub(crate) fn secret() -> Result<Secret, OsError> {
    random(SECRET_ALPHABET, SECRET_LETTERS).map(Secret::new)
}

/// Letters of equal chance: a byte beyond the last whole run of the alphabet is thrown away.
fn random(alphabet: &[u8], count: usize) -> Result<String, OsError> {
    let fair = 256 - 256 % alphabet.len();
    let mut letters = String::with_capacity(count);
    let mut random = [0_u8; 64];
    while letters.len() < count {
        OsRng.try_fill_bytes(&mut random)?;
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

    #[test]
    fn ids_and_secrets_are_long_plain_and_never_the_same() {
        let (one, next) = (secret().unwrap(), secret().unwrap());
        assert_ne!(one, next);
        assert_eq!(one.reveal().len(), 40);
        assert!(one.reveal().bytes().all(|byte| SECRET_ALPHABET.contains(&byte)));
        let id = id().unwrap();
        assert_eq!(id.len(), 20);
        assert!(id.starts_with("WF") && id.bytes().all(|byte| ID_ALPHABET.contains(&byte)), "{id}");
    }
}
