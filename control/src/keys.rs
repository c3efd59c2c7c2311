//! Access keys: who may open the control API, and for what.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use warmfront_config::{Action, Grant, Key, PathPattern};
use warmfront_semantics::target::{Target, canonical_path};
use warmfront_store::InvalidationPath;

use crate::root_key::RootKey;

/// Every key of the node. Of the secrets only the digests are kept.
#[derive(Debug)]
pub struct Keyring(Vec<Entry>);

/// Who asks: a key that proved itself.
#[derive(Debug, Clone)]
pub struct Principal(Arc<Identity>);

/// Why a request has no principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `Authorization` at all.
    #[error("a key is needed: Authorization: Bearer <id>.<secret>")]
    Missing,
    /// Not one `Bearer <id>.<secret>`.
    #[error("Authorization is not `Bearer <id>.<secret>`")]
    Malformed,
    /// No such key, or not its secret; which of the two is nobody's business.
    #[error("the key is not known here")]
    Wrong,
}

/// Whether a principal may do what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// It may not, and this sentence says what.
    Denied(String),
}

struct Entry {
    principal: Principal,
    secret: [u8; 32],
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

// === impl Keyring ===

impl Keyring {
    /// The root key and the configuration's keys.
    pub fn new(root: &RootKey, keys: &[Key]) -> Self {
        let root = Entry {
            secret: digest(root.secret().reveal().as_bytes()),
            principal: Principal::new(root.id(), "root", Powers::Everything),
        };
        let configured = keys.iter().map(|key| {
            let scopes = key.allow.iter().map(Scope::new).collect();
            Entry {
                secret: digest(key.secret.reveal().as_bytes()),
                principal: Principal::new(&key.id, &key.name, Powers::Granted(scopes)),
            }
        });
        Self(std::iter::once(root).chain(configured).collect())
    }

    /// Who asks, by `Authorization: Bearer <id>.<secret>` (RFC 6750 §2.1). It takes as long for a
    /// wrong key as for a right one.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let mut fields = headers.get_all(AUTHORIZATION).iter();
        let field = fields.next().ok_or(Refusal::Missing)?;
        if fields.next().is_some() {
            return Err(Refusal::Malformed);
        }
        let (id, secret) = bearer(field.as_bytes()).ok_or(Refusal::Malformed)?;
        let (id, secret) = (digest(id), digest(secret));
        let mut found = None;
        for entry in &self.0 {
            // The ids are no secret; their digests only make them of one length.
            let same_id = digest(entry.principal.id().as_bytes()).ct_eq(&id);
            if bool::from(same_id & entry.secret.ct_eq(&secret)) {
                found = Some(&entry.principal);
            }
        }
        found.cloned().ok_or(Refusal::Wrong)
    }
}

// === impl Principal ===

impl Principal {
    fn new(id: &str, name: &str, powers: Powers) -> Self {
        Self(Arc::new(Identity { id: id.to_owned(), name: name.to_owned(), powers }))
    }

    /// The key's id, for the audit line.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The key's name in the configuration, or `root`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether this key may do `action` to `site` and every one of `paths`; no site means to any
    /// site at all, and a grant's `paths` bound invalidations, not reading.
    ///
    /// Paths are compared as the store spells them, without their query: a query only narrows what
    /// an invalidation takes. A `*` that is asked for is within a grant only where a `*` of the
    /// grant stands for all it could stand for: `/assets/*` may take `/assets/js/*`, never `/a*`.
    pub fn may(
        &self,
        action: Action,
        site: Option<&str>,
        paths: &[InvalidationPath],
    ) -> Permission {
        let Powers::Granted(scopes) = &self.0.powers else {
            return Permission::Granted;
        };
        let scopes: Vec<&Scope> =
            scopes.iter().filter(|scope| scope.allows(action, site)).collect();
        if scopes.is_empty() {
            let site = site.unwrap_or("any site");
            return Permission::Denied(format!("this key may not {} {site}", verb(action)));
        }
        let beyond = paths
            .iter()
            .filter(|_| action == Action::Invalidate)
            .find(|path| !scopes.iter().any(|scope| scope.paths.hold(path)));
        match (beyond, site) {
            (None, _) => Permission::Granted,
            (Some(path), site) => Permission::Denied(format!(
                "this key may not invalidate `{}` of {}",
                path.as_str(),
                site.unwrap_or("any site")
            )),
        }
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
        Permission::Denied(format!("this key may not {} {origin}", verb(Action::Targets)))
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
        Permission::Denied(format!("this key may not {} {origin}", verb(Action::Read)))
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
    fn hold(&self, asked: &InvalidationPath) -> bool {
        let Self::Within(patterns) = self else {
            return true;
        };
        let path = canonical_path(Target::split(asked.as_str()).path, b"*");
        if !path.contains('*') {
            return patterns.iter().any(|pattern| pattern.matches(&path));
        }
        // What is too long for a pattern is refused: a grant is never read too widely.
        let asked = PathPattern::parse(&path);
        asked.is_ok_and(|asked| patterns.iter().any(|pattern| pattern.covers(&asked)))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.principal.fmt(f)
    }
}

/// Both halves of the token; an id holds no `.`, a secret may.
fn bearer(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = field.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = field.split_at(space);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return None;
    }
    let token = rest.trim_ascii();
    let dot = token.iter().position(|byte| *byte == b'.')?;
    let (id, secret) = token.split_at(dot);
    let secret = secret.strip_prefix(b".")?;
    (!id.is_empty() && !secret.is_empty()).then_some((id, secret))
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
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
