//! Access keys: who may open the control API, and for what.
//!
//! A key is an id and a secret. It proves itself as a bearer token or by `SigV4`, and what it may do
//! then is in its [`Principal`]. There are three sources: the root key, made at the first start; the
//! configuration's keys; and keys created while the node runs, which are in the state's database
//! with their secrets as digests, and sealed for `SigV4`, which needs them whole.

mod cause;
mod changes;
mod claimed;
mod error;
mod guesses;
mod journal;
mod keyring;
mod letters;
mod listed;
mod principal;
mod private_file;
mod record;
mod refusal;
mod replays;
mod ring;
mod root_key;
mod seal;

pub use claimed::{Claimed, Signed};
pub use error::KeysError;
pub use guesses::{Guess, Guesses, Peer};
pub use keyring::Keyring;
pub use listed::{Issued, Listed, NewKey, Signing, Source};
pub use principal::{Permission, Principal};
pub use refusal::Refusal;
pub use root_key::{RootKey, RootKeyError};
pub use seal::SealError;
pub use warmfront_semantics::sigv4::{Flaw, Signature};
