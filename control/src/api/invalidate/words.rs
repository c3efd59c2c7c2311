//! The words of `POST /invalidate`, and what they mean.

use std::collections::HashSet;

use http::StatusCode;
use serde::Deserialize;
use warmfront_config::{Action, Config, Limits};
use warmfront_keys::{Permission, Principal};
use warmfront_semantics::tags::Tag;
use warmfront_store::{BadPath, InvalidationPath, Kind, Order, Prefetch};

use super::bounds::{NAMED_MAX, WILDCARDS_MAX, reference, tag};
use crate::api::problem::Problem;
use crate::prefetch::request_target;

/// The words of the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    site: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    soft: bool,
    #[serde(default)]
    dry_run: bool,
    reference: Option<String>,
    then: Option<Then>,
    #[serde(default)]
    prefetch: Vec<String>,
    sitemap: Option<String>,
}

/// What is done after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    Prefetch,
}

/// What the words mean.
#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) order: Order,
    pub(super) mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    InEarnest,
    DryRun,
}

// === impl Words ===

impl Words {
    /// As an order by this key. 400 for what cannot be meant.
    pub(super) fn read(
        self,
        config: &Config,
        by: &Principal,
        limits: &Limits,
    ) -> Result<Meaning, Problem> {
        let site = match &self.site {
            Some(site) => by_name(config, by, site)?,
            None => meant(config, by)?,
        };
        let mode = if self.dry_run { Mode::DryRun } else { Mode::InEarnest };
        let (paths, tags) = self.named()?;
        let prefetch = self.prefetch(&paths, limits.url_bytes)?;
        if mode == Mode::DryRun {
            self.rehearsed(prefetch.as_ref())?;
        }
        let reference = self.reference.map(reference).transpose();
        let order = Order {
            site,
            paths,
            tags,
            kind: if self.soft { Kind::Soft } else { Kind::Hard },
            reference: reference
                .map_err(|bad| Problem::bad_request(format!("`reference` {bad}")))?,
            by: by.id().to_owned(),
            prefetch,
        };
        Ok(Meaning { order, mode })
    }

    /// What is to be invalidated.
    fn named(&self) -> Result<(Vec<InvalidationPath>, Vec<Tag>), Problem> {
        let named = self.paths.len() + self.tags.len();
        if named == 0 {
            let detail = "neither `paths` nor `tags` names anything; `/*` is every path";
            return Err(Problem::bad_request(detail));
        }
        if named > NAMED_MAX {
            let detail = format!("{named} paths and tags are more than {NAMED_MAX}");
            return Err(Problem::bad_request(detail));
        }
        let paths = self.paths.iter().map(|path| InvalidationPath::parse(path));
        let paths: Result<_, _> = paths.collect();
        let tags: Result<_, _> = self.tags.iter().map(|written| tag(written)).collect();
        let refused = |why: String| Problem::bad_request(why);
        let paths: Vec<InvalidationPath> = paths.map_err(|bad| refused(hinted(&bad)))?;
        let wildcards = paths.iter().filter(|path| path.is_wildcard()).count();
        if wildcards > WILDCARDS_MAX {
            let detail = format!("{wildcards} paths with a `*` are more than {WILDCARDS_MAX}");
            return Err(refused(detail));
        }
        Ok((paths, tags.map_err(|why: String| refused(format!("`tags`: {why}")))?))
    }

    /// What is to be fetched after it: what is named, and by `then` every path that is a whole one.
    fn prefetch(
        &self,
        paths: &[InvalidationPath],
        url_bytes: usize,
    ) -> Result<Option<Prefetch>, Problem> {
        let sitemap = self.sitemap.as_deref().map(|path| fetched("sitemap", path, url_bytes));
        let sitemap = sitemap.transpose()?;
        if sitemap.is_none() && self.prefetch.is_empty() && self.then.is_none() {
            return Ok(None);
        }
        let whole = paths.iter().filter(|path| self.then.is_some() && !path.as_str().contains('*'));
        let whole = whole.map(|path| fetched("paths", path.as_str(), url_bytes));
        let named = self.prefetch.iter().map(|path| fetched("prefetch", path, url_bytes));
        let mut fetch: Vec<String> = whole.chain(named).collect::<Result<_, _>>()?;
        let mut known = HashSet::new();
        fetch.retain(|path| known.insert(path.clone()));
        if fetch.len() > NAMED_MAX {
            let detail = format!("{} paths to prefetch are more than {NAMED_MAX}", fetch.len());
            return Err(Problem::bad_request(detail));
        }
        if fetch.is_empty() && sitemap.is_none() {
            let detail = "there is nothing to prefetch: every path has a `*`, so give `prefetch` or \
                          `sitemap`";
            return Err(Problem::bad_request(detail));
        }
        Ok(Some(Prefetch { paths: fetch, sitemap }))
    }

    /// Refuses what would be passed over where nothing is done.
    fn rehearsed(&self, prefetch: Option<&Prefetch>) -> Result<(), Problem> {
        let detail = if prefetch.is_some() {
            "a dry run fetches nothing: leave `then`, `prefetch` and `sitemap` out"
        } else if self.reference.is_some() {
            "a dry run is not recorded: leave `reference` out"
        } else {
            return Ok(());
        };
        Err(Problem::bad_request(detail))
    }
}

pub(super) fn names(config: &Config) -> String {
    let names: Vec<&str> = config.sites.iter().map(|site| site.name.as_str()).collect();
    names.join(", ")
}

/// The site as it is written, unless that is the distribution id of one that the key may invalidate.
fn by_name(config: &Config, by: &Principal, written: &str) -> Result<String, Problem> {
    let is_name = config.sites.iter().any(|site| site.name == written);
    let identified = config.sites.iter().find(|site| !is_name && site.id == written);
    match identified.filter(|site| may_invalidate(by, &site.name)) {
        Some(site) => {
            let detail =
                format!("`{written}` is a distribution id; its site's name is `{}`", site.name);
            Err(Problem::new(StatusCode::NOT_FOUND, detail))
        }
        None => Ok(written.to_owned()),
    }
}

fn may_invalidate(by: &Principal, site: &str) -> bool {
    by.may(Action::Invalidate, Some(site), &[]) == Permission::Granted
}

/// The only site there is, or the only one that the key may invalidate: of others it learns nothing.
fn meant(config: &Config, by: &Principal) -> Result<String, Problem> {
    if let [only] = config.sites.as_slice() {
        return Ok(only.name.clone());
    }
    let names = config.sites.iter().map(|site| site.name.as_str());
    let names: Vec<&str> = names.filter(|name| may_invalidate(by, name)).collect();
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Problem::bad_request("`site` is needed")),
        several => {
            let detail = format!("`site` is needed: there are {}", several.join(", "));
            Err(Problem::bad_request(detail))
        }
    }
}

/// CloudFront's API takes tags among the paths, with a `#` before them.
fn hinted(bad: &BadPath) -> String {
    match bad {
        BadPath::Slash(path) if path.starts_with('#') => {
            format!("{bad}; a tag is named in `tags`, without the `#`")
        }
        bad => bad.to_string(),
    }
}

/// A path that a client could ask for, as it would stand in the request.
fn fetched(field: &str, path: &str, url_bytes: usize) -> Result<String, Problem> {
    let target = request_target(path);
    let shown: String = path.chars().take(80).collect();
    let why = if !path.starts_with('/') {
        "must begin with `/`"
    } else if path.contains('*') {
        "has a `*`, which nothing can be fetched by (a literal one is `%2A`)"
    } else if path.contains('#') {
        "has a `#`, which no server sees (a literal one is `%23`)"
    } else if target.len() > url_bytes {
        "is longer than `limits.url_bytes` allows"
    } else if path.chars().any(char::is_control) {
        "has a control character"
    } else {
        return Ok(target);
    };
    Err(Problem::bad_request(format!("`{field}`: `{shown}` {why}")))
}
