//! `[[sites.NAME.behaviors]]`, and what a site and its behaviors say alike.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::lifetimes::WrittenTtl;
use super::listen::Listening;
use super::methods::methods;
use super::origins::first_asked;
use super::paths::{as_matched, path_pattern};
use super::policies::WrittenPolicy;
use super::response_fields::response_fields;
use super::{Named, selection};
use crate::model::{
    Behavior, Forward, Methods, Origin, OriginKind, ResponseFields, Selection, TrustedKeys, Viewer,
};
use crate::pattern::PathPattern;
use crate::raw::{Section, Value};

/// The behaviors of a site in the order of the file, the site itself behind them. `None` if one of
/// them could not be read.
pub(super) fn behaviors(
    section: &Section<'_>,
    origin: Option<Arc<Origin>>,
    named: &Named<'_>,
) -> Option<Vec<Behavior>> {
    let written = section.get("clock_tolerance");
    let tolerance =
        written.as_ref().and_then(|value| value.duration(Duration::ZERO..=TOLERANCE_MAX));
    let unwritten = Settings { clock_tolerance: tolerance.unwrap_or_default(), ..Settings::new() };
    let site = Inherited { origin, settings: unwritten.overridden(section, named), named };
    let mut earlier = Vec::new();
    let mut behaviors = Vec::new();
    if let Some(value) = section.get("behaviors") {
        for item in value.items()? {
            behaviors.push(item.section(|section| site.behavior(section, &mut earlier)));
        }
    }
    let Inherited { origin, settings, .. } = site;
    behaviors.push(origin.map(|origin| settings.applied(PathPattern::any(), origin)));
    let behaviors: Option<Vec<Behavior>> = behaviors.into_iter().collect();
    let trusts = |behavior: &Behavior| behavior.trusted_keys.is_some();
    if let (Some(value), Some(behaviors)) = (&written, &behaviors)
        && !behaviors.iter().any(trusts)
    {
        value.problem("would do nothing: the site has no `trusted_key_groups`");
    }
    behaviors
}

/// As far apart as two clocks may be that somebody looks after.
const TOLERANCE_MAX: Duration = Duration::from_mins(5);

/// What a behavior has from its site unless it says otherwise.
struct Inherited<'s> {
    /// `None` if the site's could not be read.
    origin: Option<Arc<Origin>>,
    settings: Settings,
    named: &'s Named<'s>,
}

impl Inherited<'_> {
    fn behavior<'r>(
        &self,
        section: &Section<'r>,
        earlier: &mut Vec<(PathPattern, Value<'r>)>,
    ) -> Option<Behavior> {
        let path = section.need("path").and_then(|value| {
            let path = value.parsed(path_pattern)?;
            report_shadow(&path, &value, earlier);
            earlier.push((path.clone(), value));
            Some(path)
        });
        let origin = match section.get("origin") {
            Some(value) => self.named.origins.find(&value),
            None => self.origin.clone(),
        };
        let settings = self.settings.overridden(section, self.named);
        Some(settings.applied(path?, origin?))
    }
}

// === patterns ===

/// The first match wins: behind a pattern that takes as much or more, one is never asked.
fn report_shadow(path: &PathPattern, value: &Value<'_>, earlier: &[(PathPattern, Value<'_>)]) {
    let matched = as_matched(path);
    let covers = |(first, _): &&(PathPattern, Value<'_>)| as_matched(first).covers(&matched);
    if let Some((first, place)) = earlier.iter().find(covers) {
        value.problem(format!(
            "never matches: `{first}` on line {} comes first and takes every path of `{path}`",
            place.line()
        ));
    }
}

// === settings ===

/// What a site or a behavior says of how requests are answered; `None` is left to the origin.
#[derive(Clone)]
struct Settings {
    viewer: Viewer,
    methods: Option<Methods>,
    policy: Option<Arc<WrittenPolicy>>,
    /// The policy's, with what was written over it.
    ttl: WrittenTtl,
    /// What was written over the policy's.
    compress: Option<bool>,
    forward: WrittenForward,
    response_fields: Arc<ResponseFields>,
    trusted_keys: Option<Arc<TrustedKeys>>,
    clock_tolerance: Duration,
    server_timing: bool,
}

impl Settings {
    fn new() -> Self {
        Self {
            viewer: Viewer::RedirectToHttps,
            methods: None,
            policy: None,
            ttl: WrittenTtl::default(),
            compress: None,
            forward: WrittenForward::default(),
            response_fields: Arc::default(),
            trusted_keys: None,
            clock_tolerance: Duration::ZERO,
            server_timing: false,
        }
    }

    /// These, but for what `section` says.
    fn overridden(&self, section: &Section<'_>, named: &Named<'_>) -> Self {
        // Who names a policy means all of it: what the site said over another one does not reach
        // into it, or `disabled` would come to store something.
        let own = section.get("policy").and_then(|value| named.policies.find(&value));
        let (ttl, compress) = match &own {
            Some(policy) => (policy.ttl, None),
            None => (self.ttl, self.compress),
        };
        let policy = own.or_else(|| self.policy.clone());
        let compress = section.get("compress").map_or(compress, |value| {
            let compress = value.flag();
            if let (Some(true), Some(policy)) = (compress, &policy) {
                policy.report_compressed(&value);
            }
            compress
        });
        Self {
            viewer: section.or("viewer", self.viewer, |value| viewer(value, named.https)),
            methods: section.get("methods").map_or_else(|| self.methods.clone(), |v| methods(&v)),
            policy,
            ttl: ttl.overridden(section.get("ttl").as_ref()),
            compress,
            forward: self.forward.overridden(section.get("forward").as_ref()),
            response_fields: section.get("response_headers").map_or_else(
                || Arc::clone(&self.response_fields),
                |value| Arc::new(value.section(response_fields)),
            ),
            trusted_keys: section.get("trusted_key_groups").map_or_else(
                || self.trusted_keys.clone(),
                |value| named.key_groups.trusted(&value, self.clock_tolerance),
            ),
            clock_tolerance: self.clock_tolerance,
            server_timing: section.or("server_timing", self.server_timing, Value::flag),
        }
    }

    /// What nobody wrote depends on the origin: a bucket is read, an app server is talked to.
    fn applied(&self, path: PathPattern, origin: Arc<Origin>) -> Behavior {
        let is_bucket = matches!(first_asked(&origin), OriginKind::S3(_));
        let methods = self.methods.clone().unwrap_or_else(|| {
            let safe = || Methods::Only(vec![Method::GET, Method::HEAD, Method::OPTIONS]);
            if is_bucket { safe() } else { Methods::All }
        });
        let policy = match &self.policy {
            Some(policy) => policy.completed(self.ttl, self.compress),
            None if is_bucket => WrittenPolicy::optimized().completed(self.ttl, self.compress),
            None => WrittenPolicy::origin().completed(self.ttl, self.compress),
        };
        let forward = self.forward.completed(is_bucket, policy.stores_nothing());
        Behavior {
            path,
            origin,
            viewer: self.viewer,
            methods,
            policy,
            forward,
            response_fields: Arc::clone(&self.response_fields),
            trusted_keys: self.trusted_keys.clone(),
            server_timing: self.server_timing,
        }
    }
}

fn viewer(value: &Value<'_>, https: Listening) -> Option<Viewer> {
    let choices = [
        ("redirect-to-https", Viewer::RedirectToHttps),
        ("https-only", Viewer::HttpsOnly),
        ("allow-all", Viewer::AllowAll),
    ];
    let viewer = value.one_of(&choices)?;
    if viewer == Viewer::RedirectToHttps && https == Listening::Off {
        value.problem(REDIRECTS_TO_NOTHING);
    }
    Some(viewer)
}

/// Told of a `viewer` that is written, and of one that is not.
pub(super) const REDIRECTS_TO_NOTHING: &str = "redirects to HTTPS, but `listen.https` is empty: \
     set `viewer = \"allow-all\"`, or give `listen.https` an address";

/// A `forward` table: only what it names.
#[derive(Clone, Default)]
struct WrittenForward {
    query: Option<Selection>,
    headers: Option<Selection>,
    cookies: Option<Selection>,
}

impl WrittenForward {
    fn overridden(&self, value: Option<&Value<'_>>) -> Self {
        let Some(value) = value else { return self.clone() };
        value.section(|section| Self {
            query: section
                .get("query")
                .map_or_else(|| self.query.clone(), |v| selection::query(&v)),
            headers: section
                .get("headers")
                .map_or_else(|| self.headers.clone(), |v| selection::forwarded_fields(&v)),
            cookies: section
                .get("cookies")
                .map_or_else(|| self.cookies.clone(), |v| selection::cookies(&v)),
        })
    }

    /// A bucket has no use for anything of a client's; an app server is kept from nothing but the
    /// parameters that would make one stored response stand for many.
    fn completed(&self, is_bucket: bool, stores_nothing: bool) -> Forward {
        let rest = || if is_bucket { Selection::None } else { Selection::All };
        let query = if stores_nothing { rest() } else { Selection::None };
        Forward {
            query: self.query.clone().unwrap_or(query),
            headers: self.headers.clone().unwrap_or_else(rest),
            cookies: self.cookies.clone().unwrap_or_else(rest),
        }
    }
}
