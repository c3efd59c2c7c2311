//! For how long errors are kept: CloudFront's error caching minimum TTL.

use std::time::Duration;

use http::StatusCode;
use warmfront_config::Site;
use warmfront_semantics::control::Control;
use warmfront_semantics::directives::Scope;
use warmfront_semantics::freshness::{Basis, Freshness};

/// Errors that are kept though their origin does not say how long.
const KEPT: [u16; 8] = [404, 410, 414, 500, 501, 502, 503, 504];

/// The least lifetime of an error, where the site gives it one and the origin does not forbid to keep
/// it. Errors of other statuses are kept only if the origin says for how long.
pub(super) fn least_lifetime(
    site: &Site,
    status: StatusCode,
    control: &Control,
    freshness: &Freshness,
) -> Option<Duration> {
    let entry = site.error_pages.iter().find(|entry| entry.status.contains(&status))?;
    let said = freshness.basis == Basis::Explicit;
    let kept = said || KEPT.contains(&status.as_u16());
    let forbidden = control.directives.no_cache == Scope::Whole;
    (kept && !forbidden && !entry.ttl.is_zero()).then_some(entry.ttl)
}
