//! What is answered instead of a result: CloudFront's codes and its envelope.

use std::time::Duration;

use http::StatusCode;
use warmfront_keys::Refusal;
use warmfront_semantics::sigv4::Flaw;

use super::xml::Xml;

/// Why an operation was not carried out. `Display` is the sentence that clients print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The reference belongs to an invalidation of other paths.
    #[error(
        "The CallerReference {reference:?} belongs to invalidation {id}, which was for other paths."
    )]
    AlreadyExists { reference: String, id: String },
    /// One that has left its audit line.
    #[error(transparent)]
    Audited(Box<Self>),
    #[error("{0}")]
    BatchTooLarge(String),
    /// The body broke off.
    #[error("The body broke off: {0}")]
    Broken(String),
    /// The key has not the right. What is asked about may not even be there.
    #[error(
        "User: {key} is not authorized to perform: cloudfront:{operation} on resource: {resource} because {why}"
    )]
    Denied { key: String, operation: &'static str, resource: String, why: String },
    /// Of a request that is not let in at all, whoever sends it.
    #[error("{sentence}")]
    Forbidden { status: StatusCode, sentence: String },
    #[error("{said} is not the number of Items, which are {counted}.")]
    InconsistentQuantities { said: u64, counted: usize },
    /// The node's own fault; its log says more.
    #[error("The request failed inside the node; its log says why.")]
    Internal,
    #[error("{0}")]
    InvalidArgument(String),
    /// No XML, or none of the shape that the operation takes.
    #[error("The body is not understood: {0}")]
    MalformedInput(String),
    #[error("This operation requires a body.")]
    MissingBody,
    /// A site's name stands where its id belongs.
    #[error(
        "The specified distribution does not exist: `{name}` is a site's name; its distribution id is {id}."
    )]
    NamedDistribution { name: String, id: String },
    #[error("The specified distribution does not exist.")]
    NoSuchDistribution,
    #[error("The specified invalidation does not exist.")]
    NoSuchInvalidation,
    /// The body did not come.
    #[error("The body did not come within {0:?}.")]
    TooSlow(Duration),
    #[error("Too many wrong keys came from this address: try again in {0} s.")]
    TooManyGuesses(u64),
    /// Nothing was changed; the same request may be sent again.
    #[error("{0}")]
    Unavailable(String),
    /// Who asks is not proven.
    #[error("{}", sentence(.0))]
    Unproven(Refusal),
    #[error("{0}")]
    UnsupportedOperation(String),
}

// === impl Fault ===

impl Fault {
    /// How clients are told: what they try again, they tell by these two.
    pub(super) fn row(&self) -> (StatusCode, &'static str) {
        match self {
            Self::AlreadyExists { .. } => (StatusCode::CONFLICT, "InvalidationBatchAlreadyExists"),
            Self::Audited(fault) => fault.row(),
            Self::BatchTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "BatchTooLarge"),
            Self::Broken(_) | Self::MalformedInput(_) => {
                (StatusCode::BAD_REQUEST, "MalformedInput")
            }
            // Too many guesses are not 429 and not `Throttling`: every SDK would send its wrong key
            // four times more.
            Self::Denied { .. } | Self::TooManyGuesses(_) => {
                (StatusCode::FORBIDDEN, "AccessDenied")
            }
            Self::Forbidden { status, .. } => (*status, "AccessDenied"),
            Self::InconsistentQuantities { .. } => {
                (StatusCode::BAD_REQUEST, "InconsistentQuantities")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
            Self::InvalidArgument(_) => (StatusCode::BAD_REQUEST, "InvalidArgument"),
            Self::MissingBody => (StatusCode::BAD_REQUEST, "MissingBody"),
            Self::NamedDistribution { .. } | Self::NoSuchDistribution => {
                (StatusCode::NOT_FOUND, "NoSuchDistribution")
            }
            Self::NoSuchInvalidation => (StatusCode::NOT_FOUND, "NoSuchInvalidation"),
            Self::TooSlow(_) => (StatusCode::REQUEST_TIMEOUT, "RequestTimeout"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            Self::Unproven(refusal) => unproven(refusal),
            Self::UnsupportedOperation(_) => (StatusCode::BAD_REQUEST, "UnsupportedOperation"),
        }
    }

    /// The same, once its audit line is written.
    pub(super) fn audited(self) -> Self {
        Self::Audited(Box::new(self))
    }

    /// The envelope, the same for all.
    pub(super) fn document(&self, request_id: &str) -> String {
        let (status, code) = self.row();
        Xml::document("ErrorResponse", |xml| {
            xml.element("Error", |xml| {
                xml.text("Type", if status.is_server_error() { "Receiver" } else { "Sender" });
                xml.text("Code", code);
                xml.text("Message", self);
            });
            xml.text("RequestId", request_id);
        })
    }
}

fn unproven(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::Missing => (StatusCode::FORBIDDEN, "MissingAuthenticationToken"),
        Refusal::Malformed
        | Refusal::Flawed(Flaw::Incomplete(_) | Flaw::Presigned | Flaw::UnsignedBody) => {
            (StatusCode::BAD_REQUEST, "IncompleteSignature")
        }
        Refusal::Wrong | Refusal::Unknown | Refusal::Unsealed => {
            (StatusCode::FORBIDDEN, "InvalidClientTokenId")
        }
        // For a wrong clock, too, as CloudFront does it: SDKs that can, correct theirs by `Date`.
        Refusal::Flawed(
            Flaw::ForeignService
            | Flaw::ForeignDay { .. }
            | Flaw::Expired { .. }
            | Flaw::Early { .. }
            | Flaw::Body
            | Flaw::Signature,
        ) => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
        Refusal::Replayed | Refusal::Crowded => (StatusCode::FORBIDDEN, "AccessDenied"),
    }
}

/// CloudFront's own words where it has them.
fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Missing => "Missing Authentication Token".to_owned(),
        Refusal::Wrong => Refusal::Unknown.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_as_cloudfront_tells_them() {
        let denied = Fault::Denied {
            key: "WFDEPLOY".to_owned(),
            operation: "CreateInvalidation",
            resource: "arn:aws:cloudfront::000000000000:distribution/E1".to_owned(),
            why: "this key may not invalidate `/a` of www".to_owned(),
        };
        let skewed = Flaw::Expired {
            signed: "20261122T123917Z".to_owned(),
            limit: "20261122T124000Z".to_owned(),
            now: "20261122T124500Z".to_owned(),
        };
        for (fault, status, code, says) in [
            (Fault::NoSuchDistribution, 404, "NoSuchDistribution", "distribution does not exist."),
            (Fault::MissingBody, 400, "MissingBody", "requires a body"),
            (
                denied,
                403,
                "AccessDenied",
                "User: WFDEPLOY is not authorized to perform: cloudfront:CreateInvalidation on resource: arn:aws:",
            ),
            (Fault::Unproven(Refusal::Missing), 403, "MissingAuthenticationToken", "Missing Auth"),
            (Fault::Unproven(Refusal::Malformed), 400, "IncompleteSignature", "neither"),
            (
                Fault::Unproven(Refusal::Unknown),
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            (
                Fault::Unproven(Refusal::Wrong),
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            (
                Fault::Unproven(Flaw::Signature.into()),
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match",
            ),
            (
                Fault::Unproven(skewed.into()),
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 20261122T123917Z is now earlier than",
            ),
            (Fault::TooManyGuesses(12), 403, "AccessDenied", "in 12 s"),
            (Fault::Unavailable("no".to_owned()), 503, "ServiceUnavailable", "no"),
        ] {
            let (answered, named) = fault.row();
            assert_eq!((answered.as_u16(), named), (status, code), "{fault}");
            assert!(fault.to_string().contains(says), "{fault}");
        }
    }

    #[test]
    fn the_envelope_is_cloudfronts() {
        let expected = "<?xml version=\"1.0\"?>\n\
            <ErrorResponse xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Error>\
            <Type>Sender</Type><Code>NoSuchDistribution</Code>\
            <Message>The specified distribution does not exist.</Message></Error>\
            <RequestId>5f0c7e0e</RequestId></ErrorResponse>";
        assert_eq!(Fault::NoSuchDistribution.document("5f0c7e0e"), expected);
        let down = Fault::Unavailable(String::new()).document("1");
        assert!(down.contains("<Type>Receiver</Type>"), "{down}");
    }
}
