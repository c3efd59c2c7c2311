//! Whether a response is stored, and for how long it is fresh.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode, header};
use pingora_cache::{CacheMeta, NoCacheReason, RespCacheable};
use pingora_http::ResponseHeader;
use warmfront_config::{KeepAssets, SetCookie, Site, Ttl};
use warmfront_semantics::control::Control;
use warmfront_semantics::directives::Seconds;
use warmfront_semantics::fields::list_has;
use warmfront_semantics::freshness::{Basis, Bounds, Freshness, Staleness, Times};
use warmfront_semantics::storable::{Cookies, Exchange, Storable, Why, withheld};
use warmfront_semantics::tags::Tags;
use warmfront_semantics::target::canonical_path;
use warmfront_store::{Admission, Digest, Keep, Place, Room};

use super::{content_length, errors};
use crate::context::{Began, Detour, Routed};
use crate::policy::{self, Audience, keyed_query};
use crate::{forward, stale};

/// Pingora counts a deadline that is now as fresh; RFC 9111 §4.2 does not.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// What browsers may keep for so long does not change under its name.
const LASTING: Duration = Duration::from_hours(24 * 30);

/// Between a client and one proxy (RFC 9111 §3.1).
const OF_THE_PROXY: [HeaderName; 3] = [
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-authentication-info"),
];

/// A response that might be stored.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) routed: Routed<'a>,
    pub(crate) detour: &'a Detour,
    /// The client's fields.
    pub(crate) request: &'a HeaderMap,
    /// What it is one version of.
    pub(crate) resource: Option<Digest>,
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    /// What the origin says it can be invalidated by; `None` if it says nothing.
    pub(crate) tags: Option<Tags>,
    pub(crate) began: Began,
    /// `cache.max_object`.
    pub(crate) bytes_max: u64,
}

/// Why a candidate is not stored, as Pingora is told.
pub(super) fn unstorable(why: Why) -> RespCacheable {
    RespCacheable::Uncacheable(match why {
        Why::TooLarge => NoCacheReason::ResponseTooLarge,
        why => NoCacheReason::Custom(why.as_str()),
    })
}

/// What becomes of a candidate that is stored.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) meta: CacheMeta,
    /// Fields that go to the client it was fetched for, and to nobody else.
    pub(crate) left_out: HeaderMap,
}

/// What is stored of a candidate that came in `now`.
pub(crate) fn judge(candidate: Candidate<'_>, now: SystemTime) -> Result<Kept, Why> {
    let Candidate { routed, request, status, fields, began, .. } = candidate;
    let site = &routed.route.site().site;
    let cookies = match site.set_cookie {
        SetCookie::Skip => Cookies::Skip,
        SetCookie::Store => Cookies::Store,
        SetCookie::Strip => Cookies::Strip,
    };
    let control = Control::of(&fields);
    let times = Times { requested: began.at, received: now };
    let behavior = &routed.route.behavior().behavior;
    let audience = policy::audience(behavior, request, &fields);
    let bounds = bounds(behavior.policy.ttl, audience);
    let mut freshness = Freshness::judge(status, &fields, &control, &times, &bounds);
    if audience == Audience::One && freshness.basis != Basis::Explicit {
        return Err(Why::Personal);
    }
    if let Some(least) = errors::least_lifetime(site, status, &control, &freshness) {
        freshness.lifetime = freshness.lifetime.max(least.min(bounds.max));
        freshness.basis = Basis::Explicit;
    }
    let exchange = Exchange {
        method: &routed.head.method,
        request,
        status,
        response: &fields,
        control: &control,
        cookies,
    };
    if let Storable::No(why) = Storable::judge(&exchange, &freshness) {
        return Err(why);
    }
    if forward::varies_by_edge(&fields) {
        return Err(Why::VaryStar);
    }
    let length = content_length(&fields);
    if length.is_some_and(|length| length > candidate.bytes_max) {
        return Err(Why::TooLarge);
    }
    let staleness = Staleness::of(&control);
    // Age is told anew on every hit.
    let withheld = withheld(&control, cookies);
    let is_left_out = |name: &HeaderName| {
        *name == header::AGE || OF_THE_PROXY.contains(name) || withheld.contains(name)
    };
    let (left_out, fields) = parted(&fields, is_left_out);
    let keep = kept(site, status, &fields, &control);
    let mut meta = CacheMeta::new(
        freshness.fresh_until(&times) - TICK,
        now,
        whole_seconds(staleness.while_revalidate),
        whole_seconds(stale::longest(staleness, site.stale_if_unreachable)),
        head(status, fields),
    );
    meta.set_epoch_override(freshness.epoch(&times));
    meta.extensions_mut().insert(Admission {
        ledger: routed.route.site().ledger.clone(),
        place: Arc::new(place(&routed, candidate.detour)),
        birth: began.birth,
        length,
        staleness,
        keep,
        resource: candidate.resource,
        room: Room::default(),
        tags: candidate.tags,
    });
    Ok(Kept { meta, left_out })
}

/// Assets that are what they are for good, by their origin's own word: `immutable`, or fresh for a month.
fn kept(site: &Site, status: StatusCode, fields: &HeaderMap, control: &Control) -> Option<Keep> {
    let lifetime = control.directives.max_age.map(Seconds::duration).unwrap_or_default();
    let lasting = lifetime >= LASTING || list_has(fields, &header::CACHE_CONTROL, "immutable");
    let keep = site.keep_assets.filter(|_| lasting && status == StatusCode::OK)?;
    Some(match keep {
        KeepAssets::Deploys(deploys) => Keep::Deploys(deploys),
        KeepAssets::For(time) => Keep::For(time),
    })
}

/// The fields that `is_chosen`, and the others; the order of each is kept, which removing them one by
/// one would not do.
fn parted(fields: &HeaderMap, is_chosen: impl Fn(&HeaderName) -> bool) -> (HeaderMap, HeaderMap) {
    let all = fields.iter().map(|(name, value)| (name.clone(), value.clone()));
    all.partition(|(name, _)| is_chosen(name))
}

/// Where a response will stand.
pub(crate) fn place(routed: &Routed<'_>, detour: &Detour) -> Place {
    let Routed { head, route, .. } = *routed;
    let target = head.target();
    let query = keyed_query(&route.behavior().behavior, target.query);
    let made_from = match (detour, &route.site().root_object) {
        (Detour::Page(page), _) => Some(canonical_path(page, b"")),
        (_, Some(root)) if target.path == "/" => Some(canonical_path(root, b"")),
        _ => None,
    };
    Place {
        path: canonical_path(target.path, b"").into(),
        query: query.map(|query| query.as_ref().into()),
        query_in_key: route.behavior().query_in_key.clone(),
        made_from: made_from.map(Into::into),
    }
}

/// What a site says of lifetimes is not said of answers that may be for one client alone: those have a
/// lifetime only by their origin's word.
pub(crate) fn bounds(ttl: Ttl, audience: Audience) -> Bounds {
    let Ttl { min, default, max } = ttl;
    match audience {
        Audience::All => Bounds { min, default, max },
        Audience::One => Bounds { min: Duration::ZERO, default: None, max },
    }
}

fn head(status: StatusCode, fields: HeaderMap) -> ResponseHeader {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    parts.headers = fields;
    ResponseHeader::from(parts)
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
