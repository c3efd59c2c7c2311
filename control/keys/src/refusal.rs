//! Why a request has no principal.

use warmfront_semantics::sigv4::Flaw;

/// Why a request has no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `Authorization` at all.
    #[error("a key is needed: Authorization: Bearer <id>.<secret>, or a request signed with SigV4")]
    Missing,
    /// Not one `Bearer <id>.<secret>`, nor a signature.
    #[error("Authorization is neither `Bearer <id>.<secret>` nor a SigV4 signature")]
    Malformed,
    /// A bearer token: no such key, or not its secret; which of the two is nobody's business.
    #[error("the key is not known here")]
    Wrong,
    /// A signature with an access key id that is not known here.
    #[error("The security token included in the request is invalid.")]
    Unknown,
    /// The key is known, but its secret can no longer be had whole, so nothing that is signed with
    /// it can be verified.
    #[error(
        "this key's secret cannot be unsealed (seal.key is another or gone): rotate the key, or use it as a bearer token"
    )]
    Unsealed,
    /// The signature is not good.
    #[error(transparent)]
    Flawed(#[from] Flaw),
    /// This very request was carried out before, or an equal one that was signed in the same second.
    #[error(
        "this signed request was taken already, or an equal one of the same second: sign it anew, a second later"
    )]
    Replayed,
    /// So many signed changes of this key came in that no more can be told apart from repeated ones.
    #[error(
        "too many signed changes with this key within ten minutes: wait, or use the key as a bearer token"
    )]
    Crowded,
}

// === impl Refusal ===

impl Refusal {
    /// Whether this could be somebody guessing at a key, of which one client has few.
    pub fn is_guess(&self) -> bool {
        match self {
            Self::Wrong | Self::Unknown | Self::Flawed(Flaw::Signature) => true,
            Self::Missing
            | Self::Malformed
            | Self::Unsealed
            | Self::Flawed(_)
            | Self::Replayed
            | Self::Crowded => false,
        }
    }
}
