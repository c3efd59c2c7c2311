//! `GET /certificates` and `POST /certificates/{host}/renew`.

mod shown;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};
use warmfront_config::{Action, HostPattern, Site};

use super::access::{Access, Asked};
use super::problem::Problem;
use super::{Node, audit};
use crate::certificates::nothing_ordered;
use crate::timestamp::rfc3339;
use shown::Shown;

/// Those of the sites that the key may read, in the order of the file, then those of no site.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    let access = asked.access();
    access.may(Action::Read, None, &[])?;
    let now = node.now();
    let sites = &node.config.sites;
    let standings = node.orders.as_ref().map_or_else(Vec::new, |orders| orders.standings(now));
    let own = node.certificates.own();
    let bad = |own: &warmfront_certs::Own| node.own_files.bad(&own.files.chain);
    let mut shown = Vec::new();
    for site in sites.iter().filter(|site| access.may_read(&site.name)) {
        let ordered = standings.iter().filter(|standing| standing.site == site.name);
        shown.extend(ordered.filter_map(|standing| Shown::ordered(standing, &node.certificates)));
        let serving = own.iter().filter(|own| serves(own, site));
        shown.extend(serving.map(|own| Shown::own(own, Some(&site.name), bad(own), now)));
    }
    if sites.iter().all(|site| access.may_read(&site.name)) {
        let idle = own.iter().filter(|own| !sites.iter().any(|site| serves(own, site)));
        shown.extend(idle.map(|own| Shown::own(own, None, bad(own), now)));
    }
    Ok(Json(json!({ "certificates": shown })))
}

/// Answers at once, whatever comes of it: passes over the back-off, not over what an authority said.
pub(super) async fn renew(
    State(node): State<Arc<Node>>,
    host: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let access = asked.access();
    let host = host.map(|Path(host)| host).unwrap_or_default();
    let renewed = order(&node, &access, &host);
    let status = match &renewed {
        Ok(_) => StatusCode::ACCEPTED,
        Err(problem) => problem.status(),
    };
    audit::renewal(&access.0, &host, status);
    renewed.map(|renewal| (status, Json(renewal))).map_err(Problem::audited)
}

fn order(node: &Node, access: &Access, host: &str) -> Result<Value, Problem> {
    let pattern = HostPattern::parse(host).ok();
    let site = pattern.as_ref().and_then(|pattern| find(node, pattern));
    // A key that may not learns nothing of which hosts there are.
    let name = site.map_or("", |site| &site.name);
    if access.may(Action::Certificates, Some(name), &[]).is_err() {
        let detail = format!("this key may not renew the certificate of {host}");
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let (Some(pattern), Some(site)) = (pattern, site) else {
        let detail = format!("no site has the host `{host}`");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    if node.certificates.owns(&pattern) {
        let detail = format!(
            "a certificate of your own speaks for {host}: put another in its files, and it is \
             read again"
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let renewed = match &node.orders {
        Some(orders) => orders.renew(&site.name, &pattern, node.now()),
        None => Err(nothing_ordered(&site.name)),
    };
    let (names, at) = renewed.map_err(|why| Problem::new(StatusCode::CONFLICT, why))?;
    Ok(json!({ "site": site.name, "names": names, "not_before": rfc3339(at) }))
}

/// The site that has this very host, or else the one that it is served by.
fn find<'n>(node: &'n Node, host: &HostPattern) -> Option<&'n Arc<Site>> {
    let mut sites = node.config.sites.iter();
    sites.find(|site| site.hosts.contains(host)).or_else(|| {
        let HostPattern::Exact(name) = host else { return None };
        let serves = |site: &&Arc<Site>| site.hosts.iter().any(|host| host.matches(name));
        node.config.sites.iter().find(serves)
    })
}

fn serves(own: &warmfront_certs::Own, site: &Site) -> bool {
    site.hosts.iter().any(|host| own.presented.certificate.covers(&host.to_string()))
}
