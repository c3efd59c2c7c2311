//! An S3-compatible server that verifies signatures, holding its objects in a directory.
//!
//! Addressed by path (`http://ADDRESS/BUCKET/KEY`). As Amazon does, it turns away requests that
//! are not signed, signed with an unknown or wrong key, or dated more than 15 minutes off.

mod conditions;
mod objects;

use std::net::SocketAddr;
use std::path::Path;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::PutObjectInput;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Result, s3_error};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::bucket::objects::Objects;
use crate::serving::Serving;
use crate::{DemoError, files};

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct Bucket {
    serving: Serving,
    objects: Objects,
}

/// The one pair of credentials that a bucket knows.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
}

/// An object on its way into a bucket.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// The object's key, without a leading slash.
    pub key: &'a str,
    /// Its bytes.
    pub body: &'a [u8],
    /// `Content-Type`, as given back.
    pub content_type: &'a str,
    /// `Cache-Control`, as given back; none for `None`.
    pub cache_control: Option<&'a str>,
}

impl Bucket {
    /// Serves `buckets` out of `root`, which is made when it is not there; what a former run left
    /// in it is still there.
    pub async fn start(
        listen: SocketAddr,
        root: &Path,
        buckets: &[&str],
        keys: &Keys,
    ) -> Result<Self, DemoError> {
        for bucket in buckets {
            files::private_dir(&root.join(bucket))?;
        }
        let objects = Objects::open(root).map_err(|source| DemoError::Bucket {
            action: "open",
            name: root.display().to_string(),
            source,
        })?;
        let mut service = S3ServiceBuilder::new(objects.clone());
        service.set_auth(keys.clone());
        let service = service.build();
        let router = Router::new().fallback(move |request| answer(service.clone(), request));
        let serving = Serving::start(listen, router).await?;
        Ok(Self { serving, objects })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// Puts an object without the detour over the network.
    pub async fn put(&self, bucket: &str, upload: Upload<'_>) -> Result<(), DemoError> {
        let input = PutObjectInput {
            bucket: bucket.to_owned(),
            key: upload.key.to_owned(),
            body: Some(s3s::Body::from(upload.body.to_vec()).into()),
            content_type: Some(upload.content_type.to_owned()),
            cache_control: upload.cache_control.map(str::to_owned),
            ..PutObjectInput::default()
        };
        self.objects
            .put_object(unsigned(input))
            .with_subscriber(NoSubscriber::new())
            .await
            .map(|_| ())
            .map_err(|source| DemoError::Bucket {
                action: "take",
                name: format!("{bucket}/{}", upload.key),
                source,
            })
    }
}

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.id {
            return Ok(SecretKey::from(&*self.secret));
        }
        // The library's own answer has another code than Amazon's.
        Err(s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records."
        ))
    }
}

async fn answer(service: S3Service, request: Request) -> Response {
    let asked = conditions::Asked::of(&request);
    // The library reports each missing key as an error of its own, and would fill the log of the
    // warmfront it shares a process with.
    let answer = service
        .call(request.map(s3s::Body::http_body_unsync))
        .with_subscriber(NoSubscriber::new())
        .await;
    match answer {
        Ok(response) => asked.settle(response.map(Body::new)),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A request from inside the process; method and address only matter to signatures.
fn unsigned<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Method::PUT,
        uri: Uri::default(),
        headers: HeaderMap::new(),
        extensions: axum::http::Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

#[cfg(test)]
mod tests;
