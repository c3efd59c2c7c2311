//! What there is in the world of the model: few resources, so that all collide, and what is ordered.

use std::sync::Arc;

use warmfront_semantics::tags::{Tag, Tags};

use crate::invalidation::InvalidationPath;
use crate::key::Digest;
use crate::stored::{Place, QueryInKey};
use crate::tenure::Keep;

/// One resource of the origin.
#[derive(Debug)]
pub(super) struct Resource {
    path: &'static str,
    query: Option<&'static str>,
    made_from: Option<&'static str>,
    /// How many deploys it outlives.
    pub(super) keep_deploys: Option<usize>,
    /// Whether the origin makes a difference between clients now and then.
    pub(super) may_vary: bool,
    /// The resource that it is a version of.
    pub(super) version_of: Option<usize>,
}

const PLAIN: Resource = Resource {
    path: "/a",
    query: None,
    made_from: None,
    keep_deploys: None,
    may_vary: false,
    version_of: None,
};

pub(super) const RESOURCES: [Resource; 5] = [
    Resource { may_vary: true, version_of: Some(0), ..PLAIN },
    Resource { query: Some("x=1"), version_of: Some(0), ..PLAIN },
    Resource { path: "/dir/page.html", may_vary: true, ..PLAIN },
    Resource { path: "/dir/app~1.js", keep_deploys: Some(1), ..PLAIN },
    Resource { path: "/deep/link", made_from: Some("/a"), ..PLAIN },
];

/// The tags there are, each a bit.
pub(super) const TAGS: [&str; 2] = ["news", "shop"];

/// What can be ordered, and what that takes.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) paths: &'static [&'static str],
    pub(super) tags: u8,
    pub(super) takes: [bool; RESOURCES.len()],
    pub(super) is_deploy: bool,
}

const fn choice(
    paths: &'static [&'static str],
    tags: u8,
    takes: [bool; RESOURCES.len()],
) -> Choice {
    Choice { paths, tags, takes, is_deploy: false }
}

const X: bool = true;
const O: bool = false;

pub(super) const CHOICES: [Choice; 16] = [
    Choice { is_deploy: true, ..choice(&["/*"], 0, [X, X, X, X, X]) },
    Choice { is_deploy: true, ..choice(&["/nothing", "/**"], 0b01, [X, X, X, X, X]) },
    choice(&["/a"], 0, [X, X, O, O, X]),
    choice(&["/a?x=1"], 0, [O, X, O, O, O]),
    choice(&["/a?x=%31"], 0, [O, X, O, O, O]),
    choice(&["/a?*"], 0, [X, X, O, O, O]),
    choice(&["/dir/*"], 0, [O, O, X, X, O]),
    choice(&["/*.html"], 0, [O, O, X, O, O]),
    choice(&["/dir/app%7e1.js"], 0, [O, O, O, X, O]),
    choice(&["/d*p*"], 0, [O, O, X, X, X]),
    choice(&["/deep/link", "/dir/page.html"], 0, [O, O, X, O, X]),
    choice(&["/*d*"], 0, [O, O, X, X, X]),
    choice(&[], 0b01, [O; 5]),
    choice(&[], 0b10, [O; 5]),
    choice(&["/deep/*"], 0b11, [O, O, O, O, X]),
    choice(&["/A", "/dir"], 0, [O; 5]),
];

// === impl Resource ===

impl Resource {
    pub(super) fn place(&self) -> Arc<Place> {
        Arc::new(Place {
            path: self.path.into(),
            query: self.query.map(Into::into),
            query_in_key: QueryInKey::Whole,
            made_from: self.made_from.map(Into::into),
        })
    }

    pub(super) fn keep(&self) -> Option<Keep> {
        self.keep_deploys.map(|most| Keep::Deploys(most.try_into().unwrap()))
    }
}

// === impl Choice ===

impl Choice {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.paths == other.paths && self.tags == other.tags
    }

    pub(super) fn paths(&self) -> Vec<InvalidationPath> {
        self.paths.iter().map(|path| InvalidationPath::parse(path).unwrap()).collect()
    }

    pub(super) fn tags(&self) -> Vec<Tag> {
        tags(self.tags).iter().cloned().collect()
    }

    /// For people.
    pub(super) fn written(&self) -> String {
        let tags = (0..TAGS.len()).filter(|bit| self.tags & (1 << bit) != 0);
        let tags: Vec<_> = tags.map(|bit| format!("#{}", TAGS[bit])).collect();
        [self.paths.join(" "), tags.join(" ")].join(" ")
    }
}

/// The tags that these bits are.
pub(super) fn tags(bits: u8) -> Tags {
    let carried = (0..TAGS.len()).filter(|bit| bits & (1 << bit) != 0);
    carried.map(|bit| Tag::parse(TAGS[bit]).unwrap()).collect()
}

/// The primary key of a resource in one interleaving.
pub(super) fn key(interleaving: u64, resource: usize) -> Digest {
    let resource = u8::try_from(resource).unwrap();
    let mut key = [0; 16];
    // The first byte picks the shard, the fourth the slot of the changes.
    (key[0], key[3]) = (resource, resource);
    key[4..12].copy_from_slice(&interleaving.to_be_bytes());
    key
}

/// The digest of one variant under a primary key.
pub(super) fn variant(primary: Digest, client: u8) -> Digest {
    let mut digest = primary;
    digest[15] = 1 + client;
    digest
}
