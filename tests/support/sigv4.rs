//! Requests that are signed as their author pleases: by the book (AWS's Signature Version 4 for a
//! service that is not S3), or wrong in one point.
//!
//! Written a second time, not taken from the program: what the two agree on is then in the book.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use time::macros::format_description;

use super::Edge;
use super::client::{Answer, plain};

/// A request before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Unsigned {
    method: String,
    target: String,
    body: String,
    id: String,
    secret: String,
    region: String,
    service: String,
    at: SystemTime,
    day: Option<String>,
    signed: Vec<(String, String)>,
    beside: Vec<(String, String)>,
    left_out: Vec<String>,
    hashed: Option<String>,
}

/// A request as it goes over the wire, as often as one likes.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    to: SocketAddr,
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: String,
}

// === impl Unsigned ===

impl Unsigned {
    /// By `key`, `<id>.<secret>`, now, for CloudFront in `us-east-1`: `host` and `x-amz-date` are
    /// signed, as botocore does.
    pub(crate) fn new(key: &str, method: &str, target: &str, body: &str) -> Self {
        let (id, secret) = key.split_once('.').expect("<id>.<secret>");
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            body: body.to_owned(),
            id: id.to_owned(),
            secret: secret.to_owned(),
            region: "us-east-1".to_owned(),
            service: "cloudfront".to_owned(),
            at: warmfront_proxy::now(),
            day: None,
            signed: Vec::new(),
            beside: Vec::new(),
            left_out: Vec::new(),
            hashed: None,
        }
    }

    /// `CreateInvalidation` of these paths, with the root key of an edge.
    pub(crate) fn invalidation(edge: &Edge, distribution: &str, paths: &[&str]) -> Self {
        let target = format!("/2020-05-31/distribution/{distribution}/invalidation");
        let reference = format!("test-{:016x}", rand::random::<u64>());
        Self::new(&edge.root_key(), "POST", &target, &batch(paths, &reference))
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        let (id, secret) = key.split_once('.').expect("<id>.<secret>");
        (self.id, self.secret) = (id.to_owned(), secret.to_owned());
        self
    }

    pub(crate) fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    pub(crate) fn service(mut self, service: &str) -> Self {
        service.clone_into(&mut self.service);
        self
    }

    pub(crate) fn at(mut self, at: SystemTime) -> Self {
        self.at = at;
        self
    }

    /// With a clock that is so many seconds ahead, or behind if negative.
    pub(crate) fn skewed(mut self, seconds: i64) -> Self {
        let by = Duration::from_secs(seconds.unsigned_abs());
        self.at = if seconds < 0 { self.at - by } else { self.at + by };
        self
    }

    /// With another day in the credential than that of the date.
    pub(crate) fn day(mut self, day: &str) -> Self {
        self.day = Some(day.to_owned());
        self
    }

    /// A field more, which is signed.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.signed.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A field more, of which the signature says nothing.
    pub(crate) fn beside(mut self, name: &str, value: &str) -> Self {
        self.beside.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends this field, `host` say, but does not sign it.
    pub(crate) fn leaving_out(mut self, name: &str) -> Self {
        self.left_out.push(name.to_owned());
        self
    }

    /// Signs another body than the one that is sent.
    pub(crate) fn hashing(mut self, body: &str) -> Self {
        self.hashed = Some(hash(body.as_bytes()));
        self
    }

    /// Signs a word (`UNSIGNED-PAYLOAD`) where the hash of the body belongs, and sends it as
    /// `x-amz-content-sha256`.
    pub(crate) fn declaring(mut self, word: &str) -> Self {
        self.hashed = Some(word.to_owned());
        self.field("x-amz-content-sha256", word)
    }

    /// With the session token of a key that is lent for a while.
    pub(crate) fn session(self, token: &str) -> Self {
        self.field("x-amz-security-token", token)
    }

    /// Signed for a listener.
    pub(crate) fn sign(&self, to: SocketAddr) -> Signed {
        let stamp = stamp(self.at);
        let day = self.day.clone().unwrap_or_else(|| stamp.chars().take(8).collect());
        let host = ("host".to_owned(), to.to_string());
        let mut fields = vec![("x-amz-date".to_owned(), stamp.clone())];
        fields.extend(self.signed.iter().cloned());
        let mut canonical: Vec<_> = fields.iter().cloned().chain([host]).collect();
        canonical.retain(|(name, _)| !self.left_out.contains(name));
        canonical.sort();
        let names: Vec<&str> = canonical.iter().map(|(name, _)| &**name).collect();
        let names = names.join(";");
        let request = self.canonical(&canonical, &names);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let request = hash(request.as_bytes());
        let signature = self.mac(&scope, &format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{request}"));
        let id = &self.id;
        fields.push((
            "authorization".to_owned(),
            format!(
                "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, \
                 Signature={signature}"
            ),
        ));
        fields.extend(self.beside.iter().cloned());
        let (method, target) = (self.method.clone(), self.target.clone());
        Signed { to, method, target, fields, body: self.body.clone() }
    }

    /// Signed for the admin listener of an edge, sent, and answered.
    pub(crate) async fn send(&self, edge: &Edge) -> Answer {
        self.sign(edge.setup().admin).send().await
    }

    fn canonical(&self, fields: &[(String, String)], names: &str) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut pairs: Vec<String> =
            query.split('&').filter(|it| !it.is_empty()).map(pair).collect();
        pairs.sort();
        let mut request = format!("{}\n{}\n{}\n", self.method, encoded(path), pairs.join("&"));
        for (name, value) in fields {
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(request, "{name}:{value}");
        }
        let hashed = self.hashed.clone().unwrap_or_else(|| hash(self.body.as_bytes()));
        let _ = write!(request, "\n{names}\n{hashed}");
        request
    }

    fn mac(&self, scope: &str, text: &str) -> String {
        let secret = format!("AWS4{}", self.secret).into_bytes();
        hex(&scope.split('/').chain([text]).fold(secret, |key, part| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
            mac.update(part.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }))
    }
}

// === impl Signed ===

impl Signed {
    /// Changes `from` to `to` in a field, once it is signed.
    pub(crate) fn tampered(mut self, name: &str, from: &str, to: &str) -> Self {
        let field = self.fields.iter_mut().find(|(known, _)| known == name);
        let (_, value) = field.unwrap_or_else(|| panic!("no {name} is sent"));
        assert!(value.contains(from), "{from} in {value}");
        *value = value.replacen(from, to, 1);
        self
    }

    /// With another signature of the right form.
    pub(crate) fn forged(self) -> Self {
        let mut changed = self.authorization().to_owned();
        let last = changed.pop().expect("a signature");
        changed.push(if last == '0' { '1' } else { '0' });
        let all = self.authorization().to_owned();
        self.tampered("authorization", &all, &changed)
    }

    /// Sends another body than the one that was signed.
    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Asks for something else than what was signed.
    pub(crate) fn target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// `Authorization`.
    pub(crate) fn authorization(&self) -> &str {
        let mut fields = self.fields.iter();
        let field = fields.find(|(name, _)| name == "authorization");
        &field.expect("it is signed").1
    }

    /// Sends it, once more if it was sent before.
    pub(crate) async fn send(&self) -> Answer {
        let fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        plain(self.to, &self.method, &self.target, &fields, &self.body).await.unwrap()
    }

    /// Its octets on the wire; the connection is not kept.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let Self { to, method, target, body, .. } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
        for (name, value) in &self.fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\n\r\n{body}", body.len());
        head.into_bytes()
    }
}

/// An `InvalidationBatch`; what begins with `#` is a tag.
pub(crate) fn batch(paths: &[&str], reference: &str) -> String {
    let items = paths.iter().fold(String::new(), |mut items, path| {
        let _ = write!(items, "<Path>{}</Path>", escaped(path));
        items
    });
    format!(
        "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
         <CallerReference>{}</CallerReference><Paths><Quantity>{}</Quantity>\
         <Items>{items}</Items></Paths></InvalidationBatch>",
        escaped(reference),
        paths.len()
    )
}

/// What stands between the tags of an element, the first of its name.
pub(crate) fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let found = xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
    found.unwrap_or_else(|| panic!("<{name}> in {xml}")).0
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// `20261122T123917Z`.
fn stamp(at: SystemTime) -> String {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    time::OffsetDateTime::from(at).format(form).unwrap()
}

/// `name=value`, as it is signed.
fn pair(written: &str) -> String {
    if written.contains('=') { written.to_owned() } else { format!("{written}=") }
}

/// A path as it is signed: encoded once more than it is sent.
fn encoded(path: &str) -> String {
    let mut encoded = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
