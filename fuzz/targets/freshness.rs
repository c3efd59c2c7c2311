//! Freshness: lifetimes stay within their bounds, and nothing gets fresher by being older.
//!
//! First line: status, request, receipt, the site's min, default (negative: none) and max, and two
//! lifetimes, all in seconds. Behind it: the fields of the response.
#![no_main]

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use input::{fields, first_line, instant, numbers};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::control::Control;
use warmfront_semantics::directives::{SECONDS_MAX, Scope, Seconds};
use warmfront_semantics::freshness::{
    Basis, Bounds, Freshness, Permission, Staleness, Times, is_heuristic,
};
use warmfront_semantics::storable::{Cookies, Exchange, Storable};

/// RFC 9111 §1.2.2: what a longer time counts as.
const LONGEST: Duration = Duration::from_secs(SECONDS_MAX as u64);

fuzz_target!(|input: &[u8]| check(input));

struct Case {
    status: StatusCode,
    response: HeaderMap,
    control: Control,
    times: Times,
    bounds: Bounds,
}

fn check(input: &[u8]) {
    let (line, block) = first_line(input);
    let [status, requested, received, min, default, max, one, other] = numbers(line);
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let response = fields(block);
    let case = Case {
        status: status.unwrap_or(StatusCode::OK),
        control: Control::of(&response),
        response,
        times: Times { requested: instant(requested), received: instant(received) },
        bounds: Bounds {
            min: seconds(min),
            default: (default >= 0).then(|| seconds(default)),
            max: seconds(max),
        },
    };
    let freshness = case.judge();
    case.within_bounds(&freshness);
    case.in_order(&freshness, seconds(one), seconds(other));
    case.kept_only_if_allowed(&freshness);
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(count.unsigned_abs())
}

// === impl Case ===

impl Case {
    fn judge(&self) -> Freshness {
        Freshness::judge(self.status, &self.response, &self.control, &self.times, &self.bounds)
    }

    fn within_bounds(&self, freshness: &Freshness) {
        let Bounds { min, max, .. } = self.bounds;
        let lifetime = freshness.lifetime;
        assert!(lifetime <= max && lifetime <= LONGEST, "{freshness:?}");
        if freshness.basis == Basis::Nothing {
            assert_eq!(lifetime, Duration::ZERO);
        } else if is_heuristic(self.status) {
            assert!(lifetime >= min.min(max).min(LONGEST), "{freshness:?}");
        }
        if self.control.directives.no_cache == Scope::Whole {
            assert!(lifetime <= min, "only the site may make it fresh: {freshness:?}");
        }
        let delay = self.times.received.duration_since(self.times.requested).unwrap_or_default();
        assert!(freshness.age >= delay, "{freshness:?}");

        let (until, received) = (freshness.fresh_until(&self.times), self.times.received);
        assert_eq!(freshness.is_fresh(), until > received, "{freshness:?}");
        assert!(freshness.epoch(&self.times) <= received && until <= received + lifetime);
    }

    /// What has to grow or shrink with what.
    fn in_order(&self, freshness: &Freshness, one: Duration, other: Duration) {
        let until = |case: &Self| case.judge().fresh_until(&case.times);
        let (less, more) = (one.min(other), one.max(other));

        let lifetimes = [less, more].map(|lifetime| {
            let mut control = self.control.clone();
            control.directives.s_maxage = Some(of(lifetime));
            until(&Self { control, ..self.copy() })
        });
        assert!(lifetimes.is_sorted(), "a longer s-maxage is stale earlier: {lifetimes:?}");

        let ages = [more, less].map(|age| {
            let mut response = self.response.clone();
            response.insert(header::AGE, HeaderValue::from(age.as_secs()));
            let aged = Self { response, ..self.copy() };
            assert!(aged.judge().age >= age.min(LONGEST), "an Age did not count");
            until(&aged)
        });
        assert!(ages.is_sorted(), "a greater Age is stale later: {ages:?}");

        let caps = [less, more].map(|max| {
            let bounds = Bounds { max, ..self.bounds };
            until(&Self { bounds, ..self.copy() })
        });
        assert!(caps.is_sorted(), "a greater max is stale earlier: {caps:?}");

        let requested = self.times.requested.checked_sub(less).unwrap_or(SystemTime::UNIX_EPOCH);
        let times = Times { requested: requested.min(self.times.requested), ..self.times };
        let slower = Self { times, ..self.copy() };
        assert!(slower.judge().age >= freshness.age, "a slower answer is younger");
    }

    fn kept_only_if_allowed(&self, freshness: &Freshness) {
        let exchange = Exchange {
            method: &Method::GET,
            request: &HeaderMap::new(),
            status: self.status,
            response: &self.response,
            control: &self.control,
            cookies: Cookies::Store,
        };
        let said = &self.control.directives;
        let forbidden = said.private == Scope::Whole || (said.no_store && !said.must_understand);
        if forbidden {
            assert_ne!(Storable::judge(&exchange, freshness), Storable::Yes);
        }
        let stale = Staleness::of(&self.control);
        if said.must_revalidate || said.proxy_revalidate || said.s_maxage.is_some() {
            let windows = (stale.while_revalidate, stale.if_error, stale.unreachable);
            assert_eq!(windows, (Duration::ZERO, Duration::ZERO, Permission::Forbidden));
        }
    }

    fn copy(&self) -> Self {
        Self { response: self.response.clone(), control: self.control.clone(), ..*self }
    }
}

fn of(lifetime: Duration) -> Seconds {
    Seconds::Of(u32::try_from(lifetime.as_secs()).map_or(SECONDS_MAX, |n| n.min(SECONDS_MAX)))
}
