//! An S3 bucket as an origin: where it is, and requests for its objects, signed.

mod location;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use http::Method;
use http::header::{HOST, HeaderName, HeaderValue, InvalidHeaderValue};
use warmfront_config::S3;
use warmfront_semantics::sigv4::{self, Keys, Payload, Scope, Unsigned};

use crate::credentials::{CredentialSource, CredentialsError};
use crate::diagnosis::Verdicts;
use crate::object_key::{KeyError, ObjectKey};
use crate::resolver::Resolver;
use crate::target_group::NoTarget;
use location::Location;

/// A bucket, reached through Amazon's host names or an endpoint of its own.
#[derive(Debug)]
pub struct Bucket {
    name: String,
    s3: S3,
    credentials: CredentialSource,
    resolver: Resolver,
    /// Changes when S3 names another region than the file does.
    location: ArcSwap<Location>,
    pub(crate) verdicts: Verdicts,
}

/// The parts of a request to the bucket that are not the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketRequest {
    /// The request target: path, and query if there is one.
    pub path: String,
    /// `host` and the signature's fields, to be set over whatever the client sent. What could be
    /// replayed is marked sensitive.
    pub fields: Vec<(HeaderName, HeaderValue)>,
}

/// Why there is no request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BucketError {
    /// The client's fault.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The edge's fault.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The edge's fault: a key or a session token with a line break in it.
    #[error("the credentials do not fit into the field `{field}`")]
    Field {
        /// Where they did not fit.
        field: HeaderName,
        /// What was wrong.
        #[source]
        source: Arc<InvalidHeaderValue>,
    },
}

/// What became of a region that S3 named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// Later requests are signed for it.
    Learned,
    /// It is the region that requests are signed for already, or no region at all.
    Nothing,
}

// === impl Bucket ===

impl Bucket {
    /// `name` is the origin's name in the file. Nothing is connected, resolved or asked.
    pub fn new(name: &str, s3: &S3, resolver: &Resolver) -> Self {
        Self {
            name: name.to_owned(),
            credentials: CredentialSource::new(&s3.credentials, &s3.region),
            location: ArcSwap::from_pointee(Location::of(s3, &s3.region, resolver)),
            resolver: resolver.clone(),
            verdicts: Verdicts::default(),
            s3: s3.clone(),
        }
    }

    /// The origin's name in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bucket's own name.
    pub fn bucket(&self) -> &str {
        &self.s3.bucket
    }

    /// The host name that is connected to.
    pub fn host(&self) -> String {
        self.location.load().host.clone()
    }

    /// Whether connections are TLS.
    pub fn tls(&self) -> bool {
        self.location.load().tls
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> String {
        self.location.load().region.clone()
    }

    /// The first address of the bucket that is not in `tried`. Waits for the name only if it never
    /// had an address.
    pub async fn select(&self, tried: &[SocketAddr], now: Instant) -> Result<SocketAddr, NoTarget> {
        let location = self.location.load_full();
        let addresses = location.name.addresses(now).await;
        let addresses = addresses.map_err(NoTarget::Unresolved)?;
        let untried = addresses.iter().find(|address| !tried.contains(address));
        untried.copied().ok_or(NoTarget::AllTried)
    }

    /// A request for the object that `client_path` (raw, with or without a query) names. A body is
    /// expected of the methods that change something, and passes unsigned.
    pub async fn request(
        &self,
        method: &Method,
        client_path: &str,
        now: SystemTime,
    ) -> Result<BucketRequest, BucketError> {
        let location = self.location.load_full();
        let (path, query) = client_path.split_once('?').unwrap_or((client_path, ""));
        let path = format!("{}{}", location.base, self.wire_key(path)?);
        let keys = if self.s3.website { None } else { self.credentials.current(now).await? };
        let (query, signature) = match keys {
            None => (query.to_owned(), Vec::new()),
            Some(keys) => signature(&location, method, (&path, query), &keys, now),
        };
        let mut fields = vec![(HOST, field(&HOST, &location.authority)?)];
        for (name, value) in signature {
            let name = HeaderName::from_static(name);
            let mut value = field(&name, &value)?;
            value.set_sensitive(name != "x-amz-date");
            fields.push((name, value));
        }
        fields.extend(self.s3.headers.iter().cloned());
        let path = if query.is_empty() { path } else { format!("{path}?{query}") };
        Ok(BucketRequest { path, fields })
    }

    /// Takes over the region that S3 named in `x-amz-bucket-region`. Later requests are signed for
    /// it and, unless the file gives an endpoint, sent to its host.
    pub fn learn_region(&self, region: &str) -> Lesson {
        if self.s3.website || !location::is_region(region) || self.location.load().region == region
        {
            return Lesson::Nothing;
        }
        self.location.store(Arc::new(Location::of(&self.s3, region, &self.resolver)));
        Lesson::Learned
    }

    /// S3 does not accept the keys: newer ones are asked for, if there is somebody to ask.
    pub(crate) fn doubt_credentials(&self) {
        self.credentials.doubt();
    }

    pub(crate) fn is_website(&self) -> bool {
        self.s3.website
    }

    pub(crate) fn location(&self) -> Arc<Location> {
        self.location.load_full()
    }

    /// A website's root is its index document, everybody else's root lists the bucket.
    fn wire_key(&self, path: &str) -> Result<String, KeyError> {
        match ObjectKey::parse(&self.s3.prefix, path) {
            Ok(key) => Ok(key.to_wire()),
            Err(KeyError::Empty) if self.s3.website => Ok(String::new()),
            Err(error) => Err(error),
        }
    }
}

type SignatureFields = Vec<(&'static str, String)>;

fn signature(
    location: &Location,
    method: &Method,
    (path, query): (&str, &str),
    keys: &Keys,
    now: SystemTime,
) -> (String, SignatureFields) {
    let query = sigv4::canonical_query(query);
    let unsigned = Unsigned {
        method,
        path,
        query: &query,
        fields: &[("host", &location.authority)],
        payload: if method.is_safe() { Payload::Empty } else { Payload::Streamed },
    };
    let scope = Scope { service: "s3", region: &location.region };
    let fields = sigv4::sign(&unsigned, keys, scope, now);
    (query, fields)
}

fn field(name: &HeaderName, value: &str) -> Result<HeaderValue, BucketError> {
    HeaderValue::from_str(value)
        .map_err(|source| BucketError::Field { field: name.clone(), source: Arc::new(source) })
}

#[cfg(test)]
mod tests;
