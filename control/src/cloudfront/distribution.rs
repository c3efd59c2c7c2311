//! Sites, as CloudFront shows its distributions.
//!
//! Scripts look up a distribution's id by its aliases, wait until it is deployed, and keep a copy of
//! its configuration; `warmfront import` reads that, too. So what is said is what the configuration
//! says, as far as CloudFront has a word for it, and the rest is left out. The values of fields that
//! are set on requests to an origin are secrets, and are not told.

mod behaviors;
mod origins;

use std::net::SocketAddr;
use std::time::SystemTime;

use warmfront_config::{Config, ErrorPage, HostPattern, Site, TlsPolicy, coined_id};

use super::operation::Page;
use super::xml::Xml;
use crate::timestamp::rfc3339;
use behaviors::{behaviors, default_behavior};
pub(super) use origins::Hosts;
use origins::{failovers, origins};

/// Statuses that a single-page app answers with its page.
const SPA_STATUSES: [u16; 2] = [403, 404];

/// What a distribution is shown from.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) config: &'a Config,
    pub(super) hosts: &'a dyn Hosts,
    /// When the configuration was put in force.
    pub(super) in_force_since: SystemTime,
}

/// The resource that a distribution is, as permissions speak of it. There are no accounts here.
pub(super) fn arn(id: &str) -> String {
    format!("arn:aws:cloudfront::000000000000:distribution/{id}")
}

/// What `GetDistribution` answers; `in_progress` of its invalidations are not completed.
pub(super) fn shown(ground: Ground<'_>, site: &Site, in_progress: usize) -> String {
    Xml::document("Distribution", |xml| {
        identity(xml, site);
        xml.text("Status", "Deployed");
        xml.text("LastModifiedTime", rfc3339(ground.in_force_since));
        xml.text("InProgressInvalidationBatches", in_progress);
        xml.text("DomainName", domain_name(site));
        xml.element("DistributionConfig", |xml| config(xml, ground, site));
    })
}

/// What `GetDistributionConfig` answers.
pub(super) fn config_shown(ground: Ground<'_>, site: &Site) -> String {
    Xml::document("DistributionConfig", |xml| config(xml, ground, site))
}

/// What `ListDistributions` answers, of the distributions that the client may see. `None` if the
/// marker is none of them.
pub(super) fn listed(ground: Ground<'_>, page: &Page, sites: &[&Site]) -> Option<String> {
    let behind = match &page.marker {
        None => sites,
        Some(marker) => {
            let last = sites.iter().position(|site| site.id == *marker)?;
            sites.get(last + 1..).unwrap_or_default()
        }
    };
    let shown = behind.get(..page.most).unwrap_or(behind);
    let is_truncated = shown.len() < behind.len();
    Some(Xml::document("DistributionList", |xml| {
        xml.text("Marker", page.marker.as_deref().unwrap_or_default());
        if let Some(last) = shown.last().filter(|_| is_truncated) {
            xml.text("NextMarker", &last.id);
        }
        xml.text("MaxItems", page.most);
        xml.text("IsTruncated", is_truncated);
        xml.items(shown.iter(), |xml, site| {
            xml.element("DistributionSummary", |xml| summary(xml, ground, site));
        });
    }))
}

/// Changes with the configuration, and with nothing else.
pub(super) fn etag(ground: Ground<'_>, site: &Site) -> String {
    coined_id(config_shown(ground, site).as_bytes())
}

fn identity(xml: &mut Xml, site: &Site) {
    xml.text("Id", &site.id);
    xml.text("ARN", arn(&site.id));
}

fn summary(xml: &mut Xml, ground: Ground<'_>, site: &Site) {
    identity(xml, site);
    xml.text("ETag", etag(ground, site));
    xml.text("Status", "Deployed");
    xml.text("LastModifiedTime", rfc3339(ground.in_force_since));
    xml.text("DomainName", domain_name(site));
    aliases(xml, site);
    origins(xml, ground.hosts, site);
    failovers(xml, site);
    default_behavior(xml, site);
    behaviors(xml, site);
    error_responses(xml, site);
    xml.text("Comment", &site.name);
    xml.text("PriceClass", "PriceClass_All");
    xml.text("Enabled", true);
    viewer_certificate(xml, ground.config);
    restrictions(xml);
    xml.text("WebACLId", "");
    protocols(xml, ground.config);
    xml.text("Staging", false);
}

/// In the order of CloudFront's model.
fn config(xml: &mut Xml, ground: Ground<'_>, site: &Site) {
    xml.text("CallerReference", &site.name);
    aliases(xml, site);
    xml.text("DefaultRootObject", &site.default_root_object);
    origins(xml, ground.hosts, site);
    failovers(xml, site);
    default_behavior(xml, site);
    behaviors(xml, site);
    error_responses(xml, site);
    xml.text("Comment", &site.name);
    xml.element("Logging", |xml| {
        // CloudFront's log goes to a bucket; this node's does not.
        xml.text("Enabled", false);
        xml.text("IncludeCookies", false);
        xml.text("Bucket", "");
        xml.text("Prefix", "");
    });
    xml.text("PriceClass", "PriceClass_All");
    xml.text("Enabled", true);
    viewer_certificate(xml, ground.config);
    restrictions(xml);
    xml.text("WebACLId", "");
    protocols(xml, ground.config);
    xml.text("ContinuousDeploymentPolicyId", "");
    xml.text("Staging", false);
    xml.element("CacheTagConfig", |xml| xml.text("HeaderName", &site.tags_header));
}

fn aliases(xml: &mut Xml, site: &Site) {
    xml.texts("Aliases", "CNAME", site.hosts.iter());
}

/// A name that the site answers to.
fn domain_name(site: &Site) -> String {
    let exact = site.hosts.iter().find(|host| matches!(host, HostPattern::Exact(_)));
    exact.or_else(|| site.hosts.first()).map(ToString::to_string).unwrap_or_default()
}

fn error_responses(xml: &mut Xml, site: &Site) {
    let pages = site.error_pages.iter();
    let configured: Vec<(u16, &ErrorPage)> = pages
        .flat_map(|page| page.status.iter().map(move |status| (status.as_u16(), page)))
        .collect();
    let app = site.spa.as_deref().into_iter();
    let app: Vec<(u16, &str)> = app
        .flat_map(|page| SPA_STATUSES.map(|status| (status, page)))
        .filter(|(status, _)| !configured.iter().any(|(known, _)| known == status))
        .collect();
    let responses = app.iter().map(|(status, page)| (*status, Some(*page), Some(200), 0));
    let responses = responses.chain(configured.iter().map(|(status, page)| {
        let respond = page.page.as_ref().map(|_| page.respond.map_or(*status, |it| it.as_u16()));
        (*status, page.page.as_deref(), respond, page.ttl.as_secs())
    }));
    let responses: Vec<_> = responses.collect();
    xml.list("CustomErrorResponses", responses.into_iter(), |xml, (status, page, respond, ttl)| {
        xml.element("CustomErrorResponse", |xml| {
            xml.text("ErrorCode", status);
            xml.text("ResponsePagePath", page.unwrap_or_default());
            xml.text("ResponseCode", respond.map(|code: u16| code.to_string()).unwrap_or_default());
            xml.text("ErrorCachingMinTTL", ttl);
        });
    });
}

fn viewer_certificate(xml: &mut Xml, config: &Config) {
    let policy = match config.tls.policy {
        TlsPolicy::V1_2_2021 => "TLSv1.2_2021",
        TlsPolicy::V1_2_2025 => "TLSv1.2_2025",
        TlsPolicy::V1_3_2025 => "TLSv1.3_2025",
    };
    xml.element("ViewerCertificate", |xml| {
        xml.text("CloudFrontDefaultCertificate", false);
        xml.text("SSLSupportMethod", "sni-only");
        xml.text("MinimumProtocolVersion", policy);
    });
}

fn restrictions(xml: &mut Xml) {
    xml.element("Restrictions", |xml| {
        xml.element("GeoRestriction", |xml| {
            xml.text("RestrictionType", "none");
            xml.text("Quantity", 0);
        });
    });
}

fn protocols(xml: &mut Xml, config: &Config) {
    // HTTP/2 is spoken over TLS alone.
    let newest = if config.listen.https.is_empty() { "http1.1" } else { "http2" };
    xml.text("HttpVersion", newest);
    let mut sockets = config.listen.http.iter().chain(&config.listen.https);
    xml.text("IsIPV6Enabled", sockets.any(SocketAddr::is_ipv6));
}

#[cfg(test)]
mod tests;
