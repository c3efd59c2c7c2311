//! The library's words in ours.

use std::net::IpAddr;

use instant_acme as acme;
use warmfront_config::{ChallengeKind, HostPattern};
use warmfront_semantics::tame::tame;

use super::transport::{Heard, Unusable};
use crate::authority::{Fault, OrderStatus};
use crate::https::ExchangeError;
use crate::problem::{Problem, Subproblem};

/// Of one detail, or of one reason.
const DETAIL_BYTES_MAX: usize = 500;
/// Of the type of a problem or a challenge, or of a name of a profile.
const WORD_BYTES_MAX: usize = 64;
/// A name of the DNS has 253 bytes (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 255;
/// Of one problem.
const SUBPROBLEMS_MAX: usize = 10;

/// `heard` is what the transport heard last.
pub(super) fn fault(error: acme::Error, heard: &Heard) -> Fault {
    let Heard { status, retry_after, .. } = *heard;
    let unusable = |reason: String| {
        let reason = tame(&reason, DETAIL_BYTES_MAX);
        Fault::Unusable { reason, status, retry_after }
    };
    match error {
        acme::Error::Api(said) => {
            let problem = problem(&said, status.unwrap_or_default());
            Fault::Problem { problem, retry_after }
        }
        acme::Error::Other(cause) => match cause.downcast_ref::<Unusable>() {
            Some(Unusable::Problem(body)) => match serde_json::from_slice(body) {
                Ok(said) => {
                    let problem = problem(&said, status.unwrap_or_default());
                    Fault::Problem { problem, retry_after }
                }
                Err(_) => unusable(cause.to_string()),
            },
            Some(_) => unusable(cause.to_string()),
            None if cause.is::<ExchangeError>() => unusable(cause.to_string()),
            None => unusable(format!("it answered what cannot be understood ({cause})")),
        },
        acme::Error::Json(cause) => {
            unusable(format!("it answered what cannot be understood ({cause})"))
        }
        acme::Error::Str(missing) => {
            unusable(format!("it answered what cannot be understood ({missing})"))
        }
        other => unusable(other.to_string()),
    }
}

/// `status` is that of the answer it came in; 0 where it is part of another document.
pub(super) fn problem(said: &acme::Problem, status: u16) -> Problem {
    let kind = |urn: &Option<String>| word(&Problem::kind_of(urn.as_deref().unwrap_or_default()));
    let detail =
        |detail: &Option<String>| tame(detail.as_deref().unwrap_or_default(), DETAIL_BYTES_MAX);
    let subproblems = said.subproblems.iter().take(SUBPROBLEMS_MAX).map(|part| Subproblem {
        host: part.identifier.as_ref().map(|name| {
            let name = name.authorized(false).to_string();
            tame(&name, HOST_BYTES_MAX)
        }),
        kind: kind(&part.r#type),
        detail: detail(&part.detail),
    });
    Problem {
        kind: kind(&said.r#type),
        detail: detail(&said.detail),
        status,
        subproblems: subproblems.collect(),
        more: said.subproblems.len().saturating_sub(SUBPROBLEMS_MAX),
    }
}

/// Something that is one word where RFC 8555 is followed.
pub(super) fn word(text: &str) -> String {
    tame(text, WORD_BYTES_MAX)
}

/// The name of a profile. One that is not plain is none that anybody has configured.
pub(super) fn profile(name: &str) -> String {
    tame(name, DETAIL_BYTES_MAX)
}

/// A page for people.
pub(super) fn explanation(url: &str) -> String {
    tame(url, DETAIL_BYTES_MAX)
}

pub(super) fn is_bad_nonce(error: &acme::Error) -> bool {
    let acme::Error::Api(problem) = error else { return false };
    problem.r#type.as_deref().is_some_and(|kind| Problem::kind_of(kind) == "badNonce")
}

pub(super) fn status(status: acme::OrderStatus) -> OrderStatus {
    match status {
        acme::OrderStatus::Invalid => OrderStatus::Invalid,
        acme::OrderStatus::Pending => OrderStatus::Pending,
        acme::OrderStatus::Processing => OrderStatus::Processing,
        acme::OrderStatus::Ready => OrderStatus::Ready,
        acme::OrderStatus::Valid => OrderStatus::Valid,
    }
}

/// A wildcard is a name with a star here; an address is its own kind (RFC 8738 §3).
pub(super) fn identifier(host: &HostPattern) -> acme::Identifier {
    let name = host.to_string();
    match name.parse::<IpAddr>() {
        Ok(address) => acme::Identifier::Ip(address),
        Err(_) => acme::Identifier::Dns(name),
    }
}

/// In an authorization a wildcard is a name with a mark (RFC 8555 §7.1.4).
pub(super) fn host(of: &acme::AuthorizedIdentifier<'_>) -> HostPattern {
    let name = tame(&of.to_string().to_ascii_lowercase(), HOST_BYTES_MAX);
    match name.strip_prefix("*.") {
        Some(parent) => HostPattern::Wildcard(parent.to_owned()),
        None => HostPattern::Exact(name),
    }
}

pub(super) fn challenge(kind: ChallengeKind) -> acme::ChallengeType {
    match kind {
        ChallengeKind::Dns01 => acme::ChallengeType::Dns01,
        ChallengeKind::Http01 => acme::ChallengeType::Http01,
        ChallengeKind::TlsAlpn01 => acme::ChallengeType::TlsAlpn01,
    }
}

/// As the authority wrote it.
pub(super) fn challenge_type(kind: &acme::ChallengeType) -> String {
    match kind {
        acme::ChallengeType::Dns01 => "dns-01".to_owned(),
        acme::ChallengeType::Http01 => "http-01".to_owned(),
        acme::ChallengeType::TlsAlpn01 => "tls-alpn-01".to_owned(),
        acme::ChallengeType::DeviceAttest01 => "device-attest-01".to_owned(),
        acme::ChallengeType::Unknown(name) => word(name),
        _ => "another".to_owned(),
    }
}
