//! `Origins` and `OriginGroups`.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use warmfront_config::{Credentials, Failover, Origin, OriginKind, S3, Site, TargetGroup};

use crate::cloudfront::xml::Xml;

/// Where buckets are: S3 may have said another region than the configuration does.
pub(in crate::cloudfront) trait Hosts {
    /// The host name that requests to a bucket go to, by the origin's name.
    fn bucket(&self, origin: &str) -> Option<String>;
}

/// What stands for the value of a field that only the origin is told.
const HIDDEN: &str = "****";

/// Every origin that the site sends requests to, each once; of a failover both its members.
pub(super) fn origins(xml: &mut Xml, hosts: &dyn Hosts, site: &Site) {
    let mut single: Vec<&Arc<Origin>> = Vec::new();
    for origin in asked(site) {
        let members = match &origin.kind {
            OriginKind::Failover(failover) => vec![&failover.primary, &failover.secondary],
            _ => vec![origin],
        };
        for member in members {
            if !single.iter().any(|known| known.name == member.name) {
                single.push(member);
            }
        }
    }
    xml.list("Origins", single.into_iter(), |xml, origin| {
        xml.element("Origin", |xml| match &origin.kind {
            OriginKind::S3(s3) => bucket(xml, &origin.name, s3, hosts.bucket(&origin.name)),
            OriginKind::TargetGroup(group) => target_group(xml, &origin.name, group),
            // Taken apart above.
            OriginKind::Failover(_) => {}
        });
    });
}

/// Failovers, which are CloudFront's origin groups.
pub(super) fn failovers(xml: &mut Xml, site: &Site) {
    let groups = asked(site).into_iter().filter_map(|origin| match &origin.kind {
        OriginKind::Failover(failover) => Some((&origin.name, failover)),
        _ => None,
    });
    let groups: Vec<(&String, &Failover)> = groups.collect();
    xml.list("OriginGroups", groups.into_iter(), |xml, (name, failover)| {
        xml.element("OriginGroup", |xml| {
            xml.text("Id", name);
            xml.element("FailoverCriteria", |xml| {
                let statuses = failover.on.iter().map(http::StatusCode::as_u16);
                xml.texts("StatusCodes", "StatusCode", statuses);
            });
            let members = [&failover.primary, &failover.secondary];
            xml.list("Members", members.into_iter(), |xml, member| {
                xml.element("OriginGroupMember", |xml| xml.text("OriginId", &member.name));
            });
        });
    });
}

/// In the order of the behaviors, the site's own last; each once.
fn asked(site: &Site) -> Vec<&Arc<Origin>> {
    let mut asked: Vec<&Arc<Origin>> = Vec::new();
    for behavior in &site.behaviors {
        if !asked.iter().any(|known| known.name == behavior.origin.name) {
            asked.push(&behavior.origin);
        }
    }
    asked
}

fn bucket(xml: &mut Xml, name: &str, s3: &S3, host: Option<String>) {
    let host = host.unwrap_or_else(|| format!("{}.s3.{}.amazonaws.com", s3.bucket, s3.region));
    let is_in_host = s3.website || host.starts_with(&format!("{}.", s3.bucket));
    let place = if is_in_host { String::new() } else { format!("/{}", s3.bucket) };
    let prefix = s3.prefix.trim_end_matches('/');
    let path = if prefix.is_empty() { place } else { format!("{place}/{prefix}") };
    xml.text("Id", name);
    xml.text("DomainName", host);
    xml.text("OriginPath", path);
    custom_headers(xml, &s3.headers);
    match &s3.endpoint {
        None if !s3.website => {
            xml.element("S3OriginConfig", |xml| xml.text("OriginAccessIdentity", ""));
        }
        // A website is plain HTTP, and so is no bucket to CloudFront.
        None => custom(xml, Custom { tls: false, port: 80, read_timeout: None }),
        Some(endpoint) => {
            custom(xml, Custom { tls: endpoint.tls, port: endpoint.port, read_timeout: None });
        }
    }
    // Not the id of anything: that there is one says that requests are signed.
    let is_signed = !s3.website && !matches!(s3.credentials, Credentials::Anonymous);
    xml.text("OriginAccessControlId", if is_signed { name } else { "" });
}

/// CloudFront has one domain name where a target group has many targets: the first one's.
fn target_group(xml: &mut Xml, name: &str, group: &TargetGroup) {
    let first = group.targets.first().map(|target| &target.name);
    xml.text("Id", name);
    xml.text("DomainName", first.map_or("", |target| target.host.as_str()));
    xml.text("OriginPath", "");
    custom_headers(xml, &group.headers);
    let port = first.map_or(80, |target| target.port);
    let read_timeout = Some(group.response_timeout);
    custom(xml, Custom { tls: group.tls.is_some(), port, read_timeout });
    xml.text("ConnectionAttempts", group.attempts);
    xml.text("ConnectionTimeout", seconds(group.connect_timeout));
}

struct Custom {
    tls: bool,
    port: u16,
    read_timeout: Option<Duration>,
}

fn custom(xml: &mut Xml, Custom { tls, port, read_timeout }: Custom) {
    xml.element("CustomOriginConfig", |xml| {
        xml.text("HTTPPort", if tls { 80 } else { port });
        xml.text("HTTPSPort", if tls { port } else { 443 });
        xml.text("OriginProtocolPolicy", if tls { "https-only" } else { "http-only" });
        xml.texts("OriginSslProtocols", "SslProtocol", ["TLSv1.2"].iter());
        if let Some(timeout) = read_timeout {
            xml.text("OriginReadTimeout", seconds(timeout));
        }
    });
}

fn custom_headers(xml: &mut Xml, fields: &[(HeaderName, HeaderValue)]) {
    xml.list("CustomHeaders", fields.iter(), |xml, (name, _)| {
        xml.element("OriginCustomHeader", |xml| {
            xml.text("HeaderName", name);
            xml.text("HeaderValue", HIDDEN);
        });
    });
}

/// Whole ones, and at least one: CloudFront knows no shorter time.
fn seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
}
