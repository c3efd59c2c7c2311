//! Which clients a site lets in: by their address, by a signature.

use std::net::IpAddr;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA1_ASN1, ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use http::{HeaderMap, header};
use warmfront_config::{Clients, KeyKind, TrustedKeys};
use warmfront_semantics::signed::{self, Claim, Hash, Refusal, Url};

use crate::context::Routed;
use crate::failure::Denied;

/// Whether the address of a client is one that is let in.
pub(super) fn by_address(clients: &Clients, client: IpAddr) -> Result<(), Denied> {
    let among =
        |networks: &[ipnet::IpNet]| networks.iter().any(|network| network.contains(&client));
    let refused = among(&clients.deny) || !(clients.allow.is_empty() || among(&clients.allow));
    if refused { Err(Denied::Address) } else { Ok(()) }
}

/// Whether a request carries a signature of one of the keys, for what it asks.
pub(super) fn by_signature(
    trusted: &TrustedKeys,
    routed: &Routed<'_>,
    fields: &HeaderMap,
) -> Result<(), Denied> {
    let Routed { arrival, head, .. } = *routed;
    let target = head.target();
    // As the client spelled it: that is what was signed.
    let authority = fields.get(header::HOST).and_then(|host| host.to_str().ok());
    let url = Url {
        scheme: arrival.connection.scheme.as_str(),
        authority: authority.unwrap_or_default(),
        path: target.path,
        query: target.query,
    };
    let claim = signed::claim(&url, fields).map_err(|refusal| refused(&refusal))?;
    verify(trusted, &claim)?;
    let client = arrival.connection.client.ip();
    let permitted = claim.permits(&url, client, arrival.at, trusted.clock_tolerance);
    permitted.map_err(|refusal| refused(&refusal))
}

fn refused(refusal: &Refusal) -> Denied {
    let cause = std::error::Error::source(refusal).map(|cause| format!(": {cause}"));
    Denied::Signature(format!("{refusal}{}", cause.unwrap_or_default()))
}

fn verify(trusted: &TrustedKeys, claim: &Claim) -> Result<(), Denied> {
    let known = trusted.keys.iter().find(|key| key.id == claim.key_pair_id);
    let key = known.ok_or(Denied::UnknownKey)?;
    let algorithm: &dyn VerificationAlgorithm = match (key.kind, claim.hash) {
        (KeyKind::Rsa, Hash::Sha1) => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa, Hash::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        (KeyKind::EcdsaP256, Hash::Sha256) => &ECDSA_P256_SHA256_ASN1,
        (KeyKind::EcdsaP256, Hash::Sha1) => &ECDSA_P256_SHA1_ASN1,
    };
    let key = UnparsedPublicKey::new(algorithm, &key.spki);
    key.verify(&claim.policy, &claim.signature).map_err(|_| Denied::Forged)
}
