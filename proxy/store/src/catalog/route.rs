//! The ways in which an invalidation finds what it names.

use std::sync::Arc;

use warmfront_semantics::tags::Tag;

use crate::invalidation::{InvalidationPath, Scope};
use crate::stored::Place;

/// One way along a shelf.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) along: Along,
    /// Those that lead this way, one of which has to take what is found; of a tag, all that is found is
    /// named.
    paths: Vec<InvalidationPath>,
}

/// What a route leads along.
#[derive(Debug)]
pub(super) enum Along {
    /// What stands under paths.
    Paths(Reach),
    /// What was made from pages.
    Pages(Reach),
    Tag(Tag),
}

/// Which paths.
#[derive(Debug, Clone)]
pub(super) enum Reach {
    One(Arc<str>),
    /// All that begin so.
    Below(Arc<str>),
}

/// Wildcards that begin alike.
#[derive(Debug)]
struct Group<'s> {
    prefix: &'s str,
    paths: Vec<&'s InvalidationPath>,
}

// === impl Route ===

impl Route {
    /// All routes of a scope. Wildcards that begin alike share one, so that nothing is looked up once for
    /// each of them.
    pub(super) fn all(scope: &Scope) -> Vec<Self> {
        let mut routes = Vec::new();
        for path in scope.paths() {
            if let Some(literal) = path.literal() {
                Self::add(&mut routes, &Reach::One(literal.into()), &[path]);
            }
        }
        for Group { prefix, paths } in groups(scope) {
            Self::add(&mut routes, &Reach::Below(prefix.into()), &paths);
        }
        let tags = scope.tags().iter().cloned().map(Along::Tag);
        routes.extend(tags.map(|along| Self { along, paths: Vec::new() }));
        routes
    }

    fn add(routes: &mut Vec<Self>, reach: &Reach, paths: &[&InvalidationPath]) {
        let every: Vec<_> = paths.iter().map(|path| (*path).clone()).collect();
        routes.push(Self { along: Along::Paths(reach.clone()), paths: every });
        let of_pages = paths.iter().filter(|path| !path.has_query());
        let of_pages: Vec<_> = of_pages.map(|path| (*path).clone()).collect();
        if !of_pages.is_empty() {
            routes.push(Self { along: Along::Pages(reach.clone()), paths: of_pages });
        }
    }

    /// Whether what is found is named.
    pub(super) fn names(&self, place: &Place) -> bool {
        matches!(self.along, Along::Tag(_)) || self.paths.iter().any(|path| path.takes(place))
    }

    /// What it costs to look at one thing, in looks for one path.
    pub(super) fn cost(&self) -> usize {
        self.paths.len().max(1)
    }
}

// === impl Reach ===

impl Reach {
    pub(super) fn first(&self) -> &Arc<str> {
        match self {
            Self::One(text) | Self::Below(text) => text,
        }
    }

    /// Whether this, and what is behind it, can still be reached.
    pub(super) fn has(&self, path: &str) -> bool {
        match self {
            Self::One(text) => path == &**text,
            Self::Below(text) => path.starts_with(&**text),
        }
    }
}

fn groups(scope: &Scope) -> Vec<Group<'_>> {
    let mut wildcards: Vec<_> =
        scope.paths().iter().filter(|path| path.literal().is_none()).collect();
    wildcards.sort_by_key(|path| path.prefix());
    let mut groups: Vec<Group<'_>> = Vec::new();
    for path in wildcards {
        match groups.last_mut() {
            Some(group) if path.prefix() == group.prefix => group.paths.push(path),
            _ => groups.push(Group { prefix: path.prefix(), paths: vec![path] }),
        }
    }
    groups
}
