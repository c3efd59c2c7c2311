//! Who asks, and what it may do.

use std::sync::Arc;

use warmfront_config::{Action, Grant, PathPattern};
use warmfront_semantics::tame::tame;
use warmfront_semantics::target::{Target, canonical_path};

/// Bytes of a name in a sentence.
const NAME_BYTES_MAX: usize = 80;

/// Who asks: a key that proved itself.
#[derive(Debug, Clone)]
pub struct Principal(Arc<Identity>);

/// Whether a principal may do what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// It may not, and this sentence says what.
    Denied(String),
}

#[derive(Debug)]
struct Identity {
    id: String,
    name: String,
    powers: Powers,
}

#[derive(Debug)]
enum Powers {
    Everything,
    Granted(Vec<Scope>),
}

/// One grant, with its paths in canonical spelling.
#[derive(Debug)]
struct Scope {
    actions: Vec<Action>,
    /// `None` is every site.
    site: Option<String>,
    /// `None` is every origin.
    origin: Option<String>,
    paths: Paths,
}

#[derive(Debug)]
enum Paths {
    Every,
    Within(Vec<PathPattern>),
}

// === impl Principal ===

impl Principal {
    /// The key that may do everything.
    pub(crate) fn root(id: &str) -> Self {
        Self::new(id, "root", Powers::Everything)
    }

    /// A key that may do what is granted to it.
    pub(crate) fn granted(id: &str, name: &str, grants: &[Grant]) -> Self {
        Self::new(id, name, Powers::Granted(grants.iter().map(Scope::new).collect()))
    }

    /// The key's id, for the audit line.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The key's name: the one it was given, or `root`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it is the root key, which alone may list, create, revoke and rotate keys.
    pub fn is_root(&self) -> bool {
        matches!(self.0.powers, Powers::Everything)
    }

    /// Whether this key may do `action` to `site` and every one of `paths`; no site means to any
    /// site at all, and a grant's `paths` bound invalidations, not reading.
    ///
    /// Paths are compared as the store spells them, without their query: a query only narrows what
    /// an invalidation takes. A `*` that is asked for is within a grant only where a `*` of the
    /// grant stands for all it could stand for: `/assets/*` may take `/assets/js/*`, never `/a*`.
    pub fn may(&self, action: Action, site: Option<&str>, paths: &[&str]) -> Permission {
        let Powers::Granted(scopes) = &self.0.powers else {
            return Permission::Granted;
        };
        let scopes: Vec<&Scope> =
            scopes.iter().filter(|scope| scope.allows(action, site)).collect();
        let site = site.map_or_else(|| "any site".to_owned(), named);
        if scopes.is_empty() {
            return Permission::Denied(format!("this key may not {} {site}", verb(action)));
        }
        let beyond = paths
            .iter()
            .filter(|_| action == Action::Invalidate)
            .find(|path| !scopes.iter().any(|scope| scope.paths.hold(path)));
        match beyond {
            None => Permission::Granted,
            Some(path) => {
                Permission::Denied(format!("this key may not invalidate `{path}` of {site}"))
            }
        }
    }

    /// Whether this key may invalidate by tag. What has a tag may be at any path of the site, so
    /// only a grant without `paths` is enough.
    pub fn may_use_tags(&self, site: &str) -> Permission {
        let permission = self.may(Action::Invalidate, Some(site), &[]);
        let (Permission::Granted, Powers::Granted(scopes)) = (&permission, &self.0.powers) else {
            return permission;
        };
        let mut able = scopes.iter().filter(|scope| scope.allows(Action::Invalidate, Some(site)));
        if able.any(|scope| matches!(scope.paths, Paths::Every)) {
            return Permission::Granted;
        }
        Permission::Denied(format!(
            "this key is limited to paths of {}, so it may name neither tags nor a sitemap",
            named(site)
        ))
    }

    /// Whether this key may register, drain and deregister targets of this origin.
    pub fn may_change_targets(&self, origin: &str) -> Permission {
        let may = match &self.0.powers {
            Powers::Everything => true,
            Powers::Granted(scopes) => scopes.iter().any(|scope| scope.changes_targets(origin)),
        };
        if may {
            return Permission::Granted;
        }
        Permission::Denied(format!("this key may not {} {}", verb(Action::Targets), named(origin)))
    }

    /// Whether this key may be shown an origin that `sites` send their requests to: by the right to
    /// read about one of those, or to change its targets, since who drains one waits for it.
    pub fn may_see_origin(&self, origin: &str, sites: &[&str]) -> Permission {
        let reads_of = |scope: &Scope| {
            let to_site = scope.site.as_deref().is_none_or(|site| sites.contains(&site));
            to_site && scope.actions.contains(&Action::Read)
        };
        let may = match &self.0.powers {
            Powers::Everything => true,
            Powers::Granted(scopes) => {
                scopes.iter().any(|scope| scope.changes_targets(origin) || reads_of(scope))
            }
        };
        if may {
            return Permission::Granted;
        }
        Permission::Denied(format!("this key may not {} {}", verb(Action::Read), named(origin)))
    }

    fn new(id: &str, name: &str, powers: Powers) -> Self {
        Self(Arc::new(Identity { id: id.to_owned(), name: name.to_owned(), powers }))
    }
}

// === impl Scope ===

impl Scope {
    fn new(grant: &Grant) -> Self {
        let every = |pattern: &PathPattern| ["*", "/*"].contains(&pattern.as_str());
        let paths = if grant.paths.is_empty() || grant.paths.iter().any(every) {
            Paths::Every
        } else {
            // A pattern that grows too long by its escapes matches no path that fits a request.
            let canonical = grant.paths.iter().filter_map(|pattern| {
                PathPattern::parse(&canonical_path(pattern.as_str(), b"*?")).ok()
            });
            Paths::Within(canonical.collect())
        };
        Self {
            actions: grant.actions.clone(),
            site: grant.site.clone(),
            origin: grant.origin.clone(),
            paths,
        }
    }

    fn changes_targets(&self, origin: &str) -> bool {
        let to_origin = self.origin.as_deref().is_none_or(|own| own == origin);
        to_origin && self.actions.contains(&Action::Targets)
    }

    fn allows(&self, action: Action, site: Option<&str>) -> bool {
        let to_site = match (&self.site, site) {
            (Some(own), Some(site)) => own == site,
            (None, _) | (_, None) => true,
        };
        to_site && self.actions.contains(&action)
    }
}

// === impl Paths ===

impl Paths {
    /// Whether they hold a path as an invalidation writes it, `*` for any run of characters.
    fn hold(&self, asked: &str) -> bool {
        let Self::Within(patterns) = self else {
            return true;
        };
        let path = canonical_path(Target::split(asked).path, b"*");
        if !path.contains('*') {
            return patterns.iter().any(|pattern| pattern.matches(&path));
        }
        // What is too long for a pattern is refused: a grant is never read too widely.
        let asked = PathPattern::parse(&path);
        asked.is_ok_and(|asked| patterns.iter().any(|pattern| pattern.covers(&asked)))
    }
}

/// A site or origin in a sentence: whoever asks may have made it up.
fn named(name: &str) -> String {
    tame(name, NAME_BYTES_MAX)
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Invalidate => "invalidate stored responses of",
        Action::Read => "read about",
        Action::Targets => "change the targets of",
        Action::Certificates => "renew the certificates of",
    }
}

#[cfg(test)]
mod tests;
