//! The library's words in ours.

use std::net::IpAddr;

use instant_acme as acme;
use warmfront_config::{ChallengeKind, HostPattern};

use super::transport::{Heard, Unusable};
use crate::authority::{Fault, OrderStatus};
use crate::https::ExchangeError;
use crate::problem::{Problem, Subproblem};

/// `heard` is what the transport heard last.
pub(super) fn fault(error: acme::Error, heard: &Heard) -> Fault {
    let Heard { status, retry_after, .. } = *heard;
    let unusable = |reason: String| Fault::Unusable { reason, status, retry_after };
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
    let kind = |urn: &Option<String>| Problem::kind_of(urn.as_deref().unwrap_or_default());
    let subproblems = said.subproblems.iter().map(|part| Subproblem {
        host: part.identifier.as_ref().map(|name| name.authorized(false).to_string()),
        kind: kind(&part.r#type),
        detail: part.detail.clone().unwrap_or_default(),
    });
    Problem {
        kind: kind(&said.r#type),
        detail: said.detail.clone().unwrap_or_default(),
        status,
        subproblems: subproblems.collect(),
    }
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
    let name = of.to_string().to_ascii_lowercase();
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
        acme::ChallengeType::Unknown(name) => name.clone(),
        _ => "another".to_owned(),
    }
}
