//! A public key in PEM (RFC 7468 §13), of the kinds that signatures are made with.

use std::io::Cursor;

use x509_parser::oid_registry::OID_EC_P256;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::model::KeyKind;

/// Kind and `SubjectPublicKeyInfo` in DER. Fails with a sentence, which repeats nothing of what was
/// read: it may be the wrong half of the pair.
pub(super) fn public_key(text: &str) -> Result<(KeyKind, Vec<u8>), &'static str> {
    if text.contains("PRIVATE KEY-----") {
        return Err(
            "is a PRIVATE KEY, which belongs to whoever signs and nowhere else: write the \
                    public half (`openssl pkey -in KEY -pubout`)",
        );
    }
    if text.matches("-----BEGIN ").count() != 1 {
        return Err("is no single key in PEM, which begins with -----BEGIN PUBLIC KEY-----");
    }
    let (pem, _) = Pem::read(Cursor::new(text.as_bytes()))
        .map_err(|_| "is no PEM: between its two lines is something else than base64")?;
    match pem.label.as_str() {
        "PUBLIC KEY" => Ok((kind(&pem.contents)?, pem.contents)),
        "CERTIFICATE" => Err("is a certificate: write its public key (`openssl x509 -in FILE \
                              -pubkey -noout`)"),
        "RSA PUBLIC KEY" => Err("is a bare RSA key: write it as a PUBLIC KEY (`openssl rsa \
                                 -RSAPublicKey_in -in FILE -pubout`)"),
        _ => Err("is no public key: its first line is -----BEGIN PUBLIC KEY-----"),
    }
}

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// An uncompressed point of P-256 (SEC 1 §2.3.3).
const P256_POINT_BYTES: usize = 65;
const UNCOMPRESSED: u8 = 4;

fn kind(spki: &[u8]) -> Result<KeyKind, &'static str> {
    const BROKEN: &str = "holds no public key: it is cut off or damaged";
    let Ok(([], key)) = SubjectPublicKeyInfo::from_der(spki) else {
        return Err(BROKEN);
    };
    match key.parsed().map_err(|_| BROKEN)? {
        PublicKey::RSA(rsa) if RSA_BITS.contains(&bits(rsa.modulus)) => Ok(KeyKind::Rsa),
        PublicKey::RSA(_) => Err("is an RSA key of the wrong length: 2048 to 8192 bits"),
        PublicKey::EC(point) => {
            let curve = key.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
            if curve != Some(OID_EC_P256) {
                return Err("is on another curve than P-256 (prime256v1)");
            }
            match point.data() {
                [UNCOMPRESSED, ..] if point.data().len() == P256_POINT_BYTES => {
                    Ok(KeyKind::EcdsaP256)
                }
                _ => Err("has its point compressed or cut off: P-256 in 65 bytes is taken"),
            }
        }
        _ => Err("is neither RSA nor ECDSA over P-256, the two that CloudFront takes"),
    }
}

/// Of a number whose first bytes may be zero.
fn bits(number: &[u8]) -> usize {
    let mut significant = number.iter().skip_while(|byte| **byte == 0);
    let Some(first) = significant.next() else { return 0 };
    (u8::BITS - first.leading_zeros()) as usize + 8 * significant.count()
}
