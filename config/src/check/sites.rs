//! `[sites.NAME]`.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, header};

use super::behaviors::{REDIRECTS_TO_NOTHING, behaviors};
use super::clients::clients;
use super::distribution::{Taken, id};
use super::error_pages::{check_page, error_pages};
use super::listen::Listening;
use super::origins::first_asked;
use super::signed_pages::report_signed_pages;
use super::{Named, check_name, fields};
use crate::model::{Config, KeepAssets, Origin, OriginKind, RequestDirectives, SetCookie, Site};
use crate::pattern::HostPattern;
use crate::raw::{Section, Value};

const SET_COOKIE: [(&str, SetCookie); 3] =
    [("skip", SetCookie::Skip), ("store", SetCookie::Store), ("strip", SetCookie::Strip)];
const OBEY: [(&str, RequestDirectives); 2] =
    [("ignore", RequestDirectives::Ignore), ("honor", RequestDirectives::Honor)];
/// A day of outage is survived unless the file says otherwise.
const STALE_DEFAULT: Duration = Duration::from_hours(24);
const STALE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 3650);

/// Cloudflare's and Akamai's name for it, and the end of S3's `x-amz-meta-cache-tag`.
const TAGS_HEADER: HeaderName = HeaderName::from_static("cache-tag");

/// All sites in the order of the file; `None` is one that is there but could not be read.
pub(super) struct Sites(Vec<(String, Option<Arc<Site>>)>);

impl Sites {
    /// Reads `[sites]`.
    pub(super) fn read(root: &Section<'_>, named: &Named<'_>) -> Self {
        let written = root.named("sites");
        if written.as_ref().is_some_and(Vec::is_empty) {
            let message = "there is no site: write [sites.NAME] with `hosts` and `origin`";
            root.miss(&["sites"], Some("sites"), message);
        }
        let (mut taken, mut ids) = (Vec::new(), Taken::new());
        let mut sites = Vec::new();
        for (name, value) in written.into_iter().flatten() {
            check_name(name, &value);
            let mut neighbours = Neighbours { name, named, taken: &mut taken, ids: &mut ids };
            let site = value.section(|section| site(section, &mut neighbours));
            sites.push((name.to_owned(), site.map(Arc::new)));
        }
        Self(sites)
    }

    /// Those of a configuration that was read before.
    pub(super) fn of(config: &Config) -> Self {
        Self(config.sites.iter().map(|site| (site.name.clone(), Some(site.clone()))).collect())
    }

    /// The site that `value` names. A name that is nobody's is reported.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<String> {
        let name = value.text()?;
        if self.0.iter().any(|(known, _)| *known == name) {
            return Some(name);
        }
        let known = self.0.iter().map(|(known, _)| known.as_str());
        value.unknown(format!("there is no site `{name}`"), &name, known);
        None
    }

    /// The sites that could be read.
    pub(super) fn proven(self) -> Vec<Arc<Site>> {
        self.0.into_iter().filter_map(|(_, site)| site).collect()
    }
}

/// What a site has to get along with.
struct Neighbours<'p, 'r> {
    name: &'p str,
    named: &'p Named<'p>,
    /// Hosts of this site and of the ones before it.
    taken: &'p mut Vec<(HostPattern, Value<'r>)>,
    /// Of the sites before this one.
    ids: &'p mut Taken<'r>,
}

fn site<'r>(section: &Section<'r>, neighbours: &mut Neighbours<'_, 'r>) -> Option<Site> {
    let id = id(section, neighbours.name, neighbours.ids);
    let written = section.need("hosts");
    let placed = written.as_ref().and_then(|value| hosts(value, neighbours.taken));
    let issuance = neighbours.named.acme.issuance(
        section,
        written.as_ref(),
        placed.as_deref().unwrap_or_default(),
    );
    let hosts = placed.map(|placed| placed.into_iter().map(|(host, _)| host).collect::<Vec<_>>());
    let canonical_host =
        section.get("canonical_host").and_then(|value| canonical_host(&value, hosts.as_deref()));
    let origin = section.need("origin");
    let origin = origin.and_then(|value| neighbours.named.origins.find(&value));
    if section.get("viewer").is_none() && neighbours.named.https == Listening::Off {
        section.miss(&["viewer"], Some("viewer"), REDIRECTS_TO_NOTHING);
    }
    let kind = origin.as_deref().map(first_asked);
    let is_bucket = matches!(kind, Some(OriginKind::S3(s3)) if !s3.website);
    let root_object = if is_bucket { "index.html" } else { "" };
    let default_root_object =
        section.or("default_root_object", root_object.to_owned(), |value| value.parsed(object_key));
    let spa = section.get("spa").and_then(|value| spa(&value, origin.as_deref()));
    let error_pages = section.or("error_pages", Vec::new(), error_pages);
    let keep_assets = section.get("keep_assets").and_then(|value| value.section(keep_assets));
    let clients = clients(section);
    let set_cookie = section.or("set_cookie", SetCookie::Skip, |value| value.one_of(&SET_COOKIE));
    let request_directives =
        section.or("request_directives", RequestDirectives::Ignore, |value| value.one_of(&OBEY));
    let stale_if_unreachable =
        section.or("stale_if_unreachable", STALE_DEFAULT, |value| value.duration(STALE));
    let tags_header = section.or("tags_header", TAGS_HEADER, |value| value.parsed(tags_header));
    let access_log = section.or("access_log", true, Value::flag);
    let behaviors = behaviors(section, origin, neighbours.named);
    if let Some(behaviors) = &behaviors {
        report_signed_pages(section, &default_root_object, spa.as_deref(), behaviors);
    }
    Some(Site {
        name: neighbours.name.to_owned(),
        id,
        hosts: hosts?,
        canonical_host,
        default_root_object,
        spa,
        error_pages,
        keep_assets,
        clients,
        set_cookie,
        request_directives,
        stale_if_unreachable,
        issuance,
        tags_header,
        access_log,
        behaviors: behaviors?,
    })
}

/// Each with its place.
fn hosts<'r>(
    value: &Value<'r>,
    taken: &mut Vec<(HostPattern, Value<'r>)>,
) -> Option<Vec<(HostPattern, Value<'r>)>> {
    let read = value.each(|item| Some((item.parsed(HostPattern::parse)?, item.clone())))?;
    if read.is_empty() {
        value.problem("a site needs at least one host");
        return None;
    }
    for (host, item) in &read {
        match taken.iter().find(|(known, _)| known == host) {
            Some((_, first)) => item.problem(format!(
                "`{host}` is taken by `{}` on line {}",
                first.key(),
                first.line()
            )),
            None => taken.push((host.clone(), item.clone())),
        }
    }
    Some(read)
}

/// The name of a field that tags come in.
pub(crate) fn tags_header(text: &str) -> Result<HeaderName, &'static str> {
    fields::name(text, carries_tags)
}

/// The field is taken off every response: it must not be one that clients need.
fn carries_tags(name: &HeaderName) -> Result<(), &'static str> {
    let needed = [
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_TYPE,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::LAST_MODIFIED,
        header::LOCATION,
        header::SET_COOKIE,
        header::VARY,
    ];
    if fields::is_framing(name) || needed.contains(name) {
        return Err("means something to clients: tags need a field of their own");
    }
    Ok(())
}

/// A key has no leading slash, a path has; either way the same object is meant.
pub(crate) fn object_key(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("an object's key holds no control characters");
    }
    Ok(text.strip_prefix('/').unwrap_or(text).to_owned())
}

fn spa(value: &Value<'_>, origin: Option<&Origin>) -> Option<String> {
    let page = value.text()?;
    if page.is_empty() {
        return None;
    }
    check_page(value, &page);
    if matches!(origin.map(first_asked), Some(OriginKind::TargetGroup(_))) {
        value.problem("needs an S3 origin: an app server answers its own deep links");
    }
    Some(page)
}

/// One of the site's `hosts`: a redirect is to lead to where the site answers.
/// `None` for `hosts` is a list that could not be read.
fn canonical_host(value: &Value<'_>, hosts: Option<&[HostPattern]>) -> Option<String> {
    let text = value.text()?;
    if text.is_empty() {
        return None;
    }
    let host = value.parsed(HostPattern::parse)?;
    let hosts = hosts?;
    match host {
        HostPattern::Wildcard(_) => value.problem("is a single host: nobody can be sent to many"),
        HostPattern::Exact(name) if hosts.contains(&HostPattern::Exact(name.clone())) => {
            return Some(name);
        }
        HostPattern::Exact(name) => {
            let exact = hosts.iter().filter_map(|host| match host {
                HostPattern::Exact(name) => Some(name.as_str()),
                HostPattern::Wildcard(_) => None,
            });
            value.unknown(format!("`{name}` is not among `hosts`"), &name, exact);
        }
    }
    None
}

fn keep_assets(section: &Section<'_>) -> Option<KeepAssets> {
    let (deploys, days) = (section.get("deploys"), section.get("days"));
    match (&deploys, &days) {
        (Some(_), Some(value)) => value.problem("cannot stand beside `deploys`: write one of them"),
        (None, None) => section.miss(&["deploys", "days"], None, "needs `deploys` or `days`"),
        _ => {}
    }
    if let Some(value) = deploys {
        return value.whole(1..=100).map(KeepAssets::Deploys);
    }
    let days = days?.whole::<u64>(1..=365)?;
    Some(KeepAssets::For(Duration::from_hours(24 * days)))
}
