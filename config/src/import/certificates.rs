//! `ViewerCertificate`: the policy, and where certificates come from now.

use super::ImportError;
use super::page::{Reasons, Table, inline, text};
use super::setting::Setting;
use crate::check::tls::{NEAREST, POLICIES, outdated};

/// `[tls]`, a certificate to be brought, and an authority to be asked in its place.
pub(super) fn certificates(
    config: &Setting<'_>,
    name: &str,
    hosts: &[String],
) -> Result<Vec<Table>, ImportError> {
    let mut tables = Vec::new();
    let mut own = Table::new("[[tls.certificates]]".to_owned());
    own.set_with(
        "chain",
        text(&format!("/etc/ssl/{name}/fullchain.pem")),
        "fill in: ACM does not hand out its own",
    );
    own.set_with("key", text(&format!("/etc/ssl/{name}/privkey.pem")), "fill in");
    if let Some(certificate) = config.get("ViewerCertificate")? {
        if let Some(policy) = certificate.text("MinimumProtocolVersion")? {
            tables.push(tls(policy));
        }
        own.leftovers(&certificate, "ViewerCertificate.", CERTIFICATE);
    }
    tables.push(own);
    tables.push(acme(hosts));
    Ok(tables)
}

fn tls(policy: &str) -> Table {
    let mut tls = Table::new("[tls]".to_owned());
    if POLICIES.iter().any(|(name, _)| *name == policy) {
        tls.set("policy", text(policy));
        return tls;
    }
    tls.set("policy", text(NEAREST));
    let why = match outdated(policy) {
        Some(offers) => format!("nobody is offered {offers} here; this is the nearest"),
        None => "the importer does not know it".to_owned(),
    };
    tls.remark(format!("not carried over: MinimumProtocolVersion = {}: {why}", text(policy)));
    tls
}

/// As a comment: the terms are accepted by whoever takes it out.
fn acme(hosts: &[String]) -> Table {
    let mut acme = Table::new("[acme]".to_owned());
    acme.set_with("email", text("ops@example.com"), "fill in");
    acme.set_with("agree_to_terms", "false".to_owned(), "fill in: `true` if you do");
    if hosts.iter().any(|host| host.starts_with("*.")) {
        acme.set_with("challenge", text("dns-01"), "the only one that proves a wildcard");
        let zone = inline(&[("hosted_zone_id", text("Z0123456789ABC"))]);
        acme.set_with("dns", inline(&[("route53", zone)]), "fill in");
    }
    acme.kill(
        "In the place of [[tls.certificates]], for certificates that renew themselves as ACM's did:"
            .to_owned(),
    );
    acme
}

const CERTIFICATE: &Reasons = &[
    ("CloudFrontDefaultCertificate", ""),
    ("IAMCertificateId", ""),
    ("ACMCertificateArn", ""),
    ("SSLSupportMethod", ""),
    ("Certificate", ""),
    ("CertificateSource", ""),
];
