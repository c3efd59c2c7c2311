//! `[policies.NAME]`, and the three that are built in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, header};

use super::lifetimes::{DAY, WrittenTtl};
use super::{check_name, fields, selection};
use crate::model::{Policy, QueryOrder, Selection};
use crate::raw::{Section, Value};

const QUERY_ORDER: [(&str, QueryOrder); 2] =
    [("as-sent", QueryOrder::AsSent), ("sorted", QueryOrder::Sorted)];

/// All policies by name.
pub(super) struct Policies(BTreeMap<String, Arc<WrittenPolicy>>);

impl Policies {
    /// Reads `[policies]`.
    pub(super) fn read(root: &Section<'_>) -> Self {
        let built_in = [
            ("optimized", WrittenPolicy::optimized()),
            ("disabled", WrittenPolicy::disabled()),
            ("origin", WrittenPolicy::origin()),
        ];
        let mut policies = BTreeMap::from(built_in.map(|(name, policy)| (name.to_owned(), policy)));
        for (name, value) in root.named("policies").into_iter().flatten() {
            check_name(name, &value);
            let policy = value.section(policy);
            if built_in_name(name) {
                value.problem(format!("`{name}` is built in: give yours another name"));
            } else {
                policies.insert(name.to_owned(), policy);
            }
        }
        Self(policies.into_iter().map(|(name, policy)| (name, Arc::new(policy))).collect())
    }

    /// The policy that `value` names. A name that is nobody's is reported.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<Arc<WrittenPolicy>> {
        let name = value.text()?;
        let found = self.0.get(&name);
        if found.is_none() {
            let known = self.0.keys().map(String::as_str);
            value.unknown(format!("there is no policy `{name}`"), &name, known);
        }
        found.cloned()
    }
}

fn built_in_name(name: &str) -> bool {
    matches!(name, "optimized" | "disabled" | "origin")
}

/// A policy before a site or a behavior says something over it.
#[derive(Debug)]
pub(super) struct WrittenPolicy {
    /// What it names of its bounds.
    pub(super) ttl: WrittenTtl,
    /// `ttl.default` where nobody names it.
    default: Option<Duration>,
    query: Selection,
    query_order: QueryOrder,
    headers: Vec<HeaderName>,
    cookies: Selection,
    compress: bool,
}

impl WrittenPolicy {
    /// Amazon's buckets say nothing of freshness unless told to and know nothing of queries.
    /// CloudFront's `CachingOptimized`, but for its `min` of a second, which keeps what says
    /// `no-cache`.
    pub(super) fn optimized() -> Self {
        Self {
            ttl: WrittenTtl::default(),
            default: Some(DAY),
            query: Selection::None,
            query_order: QueryOrder::AsSent,
            headers: Vec::new(),
            cookies: Selection::None,
            compress: true,
        }
    }

    /// An app server is believed in what it says, and its queries matter.
    pub(super) fn origin() -> Self {
        Self { default: None, query: Selection::All, compress: false, ..Self::optimized() }
    }

    /// CloudFront's `CachingDisabled`.
    fn disabled() -> Self {
        let never =
            WrittenTtl { min: None, default: Some(Duration::ZERO), max: Some(Duration::ZERO) };
        Self { ttl: never, compress: false, ..Self::optimized() }
    }

    /// With the lifetimes of the place where it is used, and its word on compression.
    pub(super) fn completed(&self, ttl: WrittenTtl, compress: Option<bool>) -> Policy {
        Policy {
            ttl: ttl.completed(self.default),
            query: self.query.clone(),
            query_order: self.query_order,
            headers: self.headers.clone(),
            cookies: self.cookies.clone(),
            compress: compress.unwrap_or(self.compress),
        }
    }

    /// Reports at `value`, which turns compression on, that the key forbids it.
    pub(super) fn report_compressed(&self, value: &Value<'_>) {
        if self.headers.contains(&header::ACCEPT_ENCODING) {
            value.problem("`accept-encoding` is in the policy's key: then the origin compresses");
        }
    }
}

/// Why a request field may not be in the key of a policy that compresses, or does not.
pub(crate) fn permit_in_key(name: &HeaderName, compress: bool) -> Result<(), &'static str> {
    if compress && *name == header::ACCEPT_ENCODING {
        return Err("the edge compresses by it: set `compress = false` to leave it to the origin");
    }
    selection::permit_in_key(name)
}

fn policy(section: &Section<'_>) -> WrittenPolicy {
    let built_in = WrittenPolicy::optimized();
    let compress = section.or("compress", built_in.compress, Value::flag);
    let mut headers = section.or("headers", Vec::new(), |value| {
        fields::names(value, |name| permit_in_key(name, compress))
    });
    headers.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    WrittenPolicy {
        ttl: WrittenTtl::default().overridden(section.get("ttl").as_ref()),
        query: section.or("query", built_in.query, selection::query),
        query_order: section
            .or("query_order", built_in.query_order, |value| value.one_of(&QUERY_ORDER)),
        headers,
        cookies: section.or("cookies", built_in.cookies, selection::cookies),
        compress,
        default: built_in.default,
    }
}
