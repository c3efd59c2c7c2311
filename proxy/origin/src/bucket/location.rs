//! Where a bucket is: the host, the port and the start of every path.

use std::net::IpAddr;

use warmfront_config::{Endpoint, S3};

use crate::names::Name;
use crate::resolver::Resolver;

/// The regions whose website endpoints are written with a dash; later ones have a dot.
const DASHED_WEBSITES: [&str; 9] = [
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Where a bucket is, if its region is this one.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) region: String,
    pub(crate) tls: bool,
    /// Connected to, and what its certificate must say.
    pub(crate) host: String,
    /// The Host field: with the port, unless it is the scheme's own.
    pub(crate) authority: String,
    /// `/`, or `/BUCKET/` where the bucket stands in the path.
    pub(crate) base: String,
    pub(crate) name: Name,
}

impl Location {
    /// Where `s3` is if its region is `region`; `resolver` knows its addresses.
    pub(crate) fn of(s3: &S3, region: &str, resolver: &Resolver) -> Self {
        let in_path = !s3.website && stands_in_path(s3);
        let endpoint = match &s3.endpoint {
            Some(given) => given.clone(),
            None if s3.website => {
                Endpoint { tls: false, host: website_host(&s3.bucket, region), port: 80 }
            }
            None => {
                Endpoint { tls: true, host: format!("s3.{region}.{}", suffix(region)), port: 443 }
            }
        };
        let host = if s3.website || in_path {
            endpoint.host
        } else {
            format!("{}.{}", s3.bucket, endpoint.host)
        };
        Self {
            region: region.to_owned(),
            authority: authority(&host, endpoint.port, endpoint.tls),
            name: Name::new(&host, endpoint.port, resolver),
            base: if in_path { format!("/{}/", s3.bucket) } else { "/".to_owned() },
            tls: endpoint.tls,
            host,
        }
    }
}

/// Whether the text can be a region. What S3 answers becomes part of a host name.
pub(crate) fn is_region(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(allowed)
}

/// Asked for in the file, or the only form that can work: Amazon's certificate is for one label in
/// front of its own host, and an address takes no label at all.
fn stands_in_path(s3: &S3) -> bool {
    s3.path_style
        || match &s3.endpoint {
            None => s3.bucket.contains('.'),
            Some(endpoint) => endpoint.host.parse::<IpAddr>().is_ok(),
        }
}

fn website_host(bucket: &str, region: &str) -> String {
    let separator = if DASHED_WEBSITES.contains(&region) { '-' } else { '.' };
    format!("{bucket}.s3-website{separator}{region}.{}", suffix(region))
}

fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn authority(host: &str, port: u16, tls: bool) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    match (tls, port) {
        (true, 443) | (false, 80) => host,
        _ => format!("{host}:{port}"),
    }
}
