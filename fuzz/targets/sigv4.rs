//! Signatures that come in: whatever they claim, nothing passes that was not signed with the secret.
//!
//! First block: the target, then the fields of the request. Behind it: the body.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use http::Method;
use input::{blocks, fields, first_line};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::sigv4::{Claim, is_presigned};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let [head, body] = blocks(input);
    let (target, rest) = first_line(head);
    let Ok(target) = std::str::from_utf8(target) else { return };
    let fields = fields(rest);
    let _ = is_presigned(target);
    let Ok(claim) = Claim::read(&Method::POST, target, &fields) else { return };
    assert!(!claim.access_key_id().is_empty());
    // The seed is a true capture: its own secret proves it at its own time.
    let signed_at = UNIX_EPOCH + Duration::from_secs(1_795_351_157);
    let forged = claim.verify(["a secret that nobody signed with"], body, signed_at);
    assert!(forged.is_err());
}
