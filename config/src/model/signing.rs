//! Keys whose signatures on URLs and cookies are trusted: CloudFront's trusted key groups.

use std::time::Duration;

/// The keys of all groups that a behavior trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKeys {
    /// By id; never empty, no id twice.
    pub keys: Vec<PublicKey>,
    /// By how much the signer's clock and the edge's may differ.
    pub clock_tolerance: Duration,
}

/// One of `key_groups.NAME.keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// What a URL calls it: `Key-Pair-Id`.
    pub id: String,
    /// What kind of key.
    pub kind: KeyKind,
    /// `SubjectPublicKeyInfo`, in DER.
    pub spki: Vec<u8>,
}

/// The two kinds of keys that CloudFront takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, 2048 bits or more, PKCS#1 v1.5.
    Rsa,
    /// ECDSA over P-256.
    EcdsaP256,
}
