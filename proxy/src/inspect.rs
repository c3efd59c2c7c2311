//! What a request would come to that nobody has made.
//!
//! The rooms are asked what they would say; the store is looked into, and nothing is fetched or locked.
//! All that is held under the key, each variant in each form, counts as used by that, not only what a
//! request would be served: it is evicted a little later.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{HeaderMap, StatusCode, Version, header};
use pingora_cache::predictor::CacheablePredictor as _;
use warmfront_config::RequestDirectives as Obey;
use warmfront_keys::Keyring;
use warmfront_semantics::cache_status::Forward;
use warmfront_semantics::directives::RequestDirectives;
use warmfront_semantics::errand::Scheme;
use warmfront_semantics::freshness::Bounds;
use warmfront_semantics::inspection::{
    By, Cause, Course, Force, Inspection, Named, Next, Question, Standing, StoredFacts, Unroutable,
    Validator, Variant,
};
use warmfront_semantics::vary::Vary;
use warmfront_store::{Digest, Held, Invalidation, Kind, LedgerError};

use crate::admit::{self, TICK};
use crate::answer::Answer;
use crate::clock;
use crate::context::{Detour, Errand, Routed};
use crate::edge::Edge;
use crate::explain::spelled;
use crate::failure::{ClientFault, Fault};
use crate::gate::{self, Door, Verdict};
use crate::key::{Content, Key, Sent};
use crate::listen::connection::Connection;
use crate::lookup::{self, Found, Wish};
use crate::policy::Audience;
use crate::request::{Arrival, RequestHead};
use crate::route::Route;
use crate::stale;

impl Edge {
    /// Tells what there is to tell of a request, and what it would come to now. Reads the ledger on
    /// disk; not for an async thread.
    pub fn inspect(&self, question: &Question) -> Result<Inspection, Unroutable> {
        let now = clock::now();
        let snapshot = self.snapshot();
        let connection = Connection::of_edge(question.scheme, &snapshot.config.listen);
        let arrival = Arrival::new(Arc::new(connection), snapshot, now, Instant::now());
        let (method, fields) = (&question.method, &question.fields);
        let target = question.target.as_bytes();
        let head = RequestHead::new(method, Version::HTTP_11, None, target, fields);
        let head = head.map_err(unroutable)?;
        gate::inspect(&head, fields, &arrival.snapshot.config.limits).map_err(unroutable)?;
        let route = Route::find(&arrival, &head).map_err(unroutable)?;
        let routed = Routed { arrival: &arrival, head: &head, route: &route };
        let asked = Asked { edge: self, routed, fields, scheme: question.scheme, now };
        Ok(asked.inspection())
    }
}

/// An invalidation, as it is told. May wait for the keyring's disk; not for an async thread.
pub(crate) fn cause(done: &Invalidation, keyring: &Keyring, now: SystemTime) -> Cause {
    let key = keyring.list(now).into_iter().find(|key| key.id == done.by);
    let by = By { id: &done.by, name: key.as_ref().map(|key| key.name.as_str()) };
    let force = match done.kind {
        Kind::Hard => Force::Hard,
        Kind::Soft => Force::Soft,
    };
    let paths = done.paths.iter().map(|path| path.as_str().to_owned()).collect();
    let tags = done.tags.iter().map(|tag| tag.as_str().to_owned()).collect();
    Cause::tell(&done.id, by, force, Named { paths, tags }, done.created, now)
}

fn unroutable(fault: ClientFault) -> Unroutable {
    match fault {
        ClientFault::UnknownHost => Unroutable::UnknownHost,
        fault => Unroutable::Refused(fault.to_string()),
    }
}

/// A request that is only asked about, as far as it was routed.
#[derive(Clone, Copy)]
struct Asked<'a> {
    edge: &'a Edge,
    routed: Routed<'a>,
    fields: &'a HeaderMap,
    scheme: Scheme,
    now: SystemTime,
}

// === impl Asked ===

impl Asked<'_> {
    fn inspection(&self) -> Inspection {
        let Routed { arrival, head, route } = self.routed;
        let sent = Sent { fields: self.fields, content: Content::None, errand: Errand::Client };
        let key = Key::derive(&self.edge.digester, &self.routed, &sent);
        let mut notes = self.notes();
        let (digest, held, course) = match key {
            Key::None(why) => (None, Vec::new(), Course::Bypass(why)),
            Key::Primary { digest, .. } => {
                let held = self.edge.storage.store().held(&digest);
                let course = self.course(&digest, &held);
                (Some(digest), held, course)
            }
        };
        let selected = digest.and_then(|digest| self.selected(&digest, &held));
        let course = self.answered().unwrap_or(course);
        let done = digest.map(|digest| self.invalidation(&digest, selected)).transpose();
        let done = done.unwrap_or_else(|error| {
            notes.push(format!("the ledger cannot be read: {error}"));
            None
        });
        let invalidation = done.flatten().map(|done| cause(&done, &self.edge.keyring, self.now));
        let mut variants: Vec<Variant> = held.iter().map(|held| self.variant(held)).collect();
        let place = selected.and_then(|one| held.iter().position(|held| std::ptr::eq(held, one)));
        if let Some(variant) = place.and_then(|place| variants.get_mut(place)) {
            variant.selected = true;
        }
        let stored = selected.map(|held| self.facts(held).sentence(&self.bounds(), self.now));
        let said = invalidation.as_ref().map(|cause| cause.sentence.as_str());
        let authority = head.authority(&arrival.connection);
        Inspection {
            url: format!("{}://{authority}{}", self.scheme.as_str(), head.path_and_query()),
            method: head.method.to_string(),
            site: self.routed.site().name.clone(),
            behavior: self.routed.behavior().path.as_str().to_owned(),
            origin: route.behavior().origin.name().to_owned(),
            key: digest.map(spelled),
            variants,
            next: Next::tell(&course, stored.as_deref(), said),
            invalidation,
            notes,
        }
    }

    /// What cannot be known of a request that nobody has made.
    fn notes(&self) -> Vec<String> {
        let clients = &self.routed.site().clients;
        let listed = !clients.allow.is_empty() || !clients.deny.is_empty();
        let by_address = "the site does not let every client address in; none was looked at here";
        let signed = self.routed.behavior().trusted_keys.is_some();
        let by_signature =
            "a signature may be for one client address; here it is read for the edge's own";
        let notes = [(listed, by_address), (signed, by_signature)];
        notes.iter().filter(|(holds, _)| *holds).map(|(_, note)| (*note).to_owned()).collect()
    }

    /// What the gate would answer.
    fn answered(&self) -> Option<Course> {
        match gate::judge(&self.routed, self.fields, Door::Asked) {
            Ok(Verdict::Pass) => None,
            Ok(Verdict::Answer(answer)) => {
                Some(Course::Answered { status: answer.status.as_u16(), why: why(&answer) })
            }
            Err(fault) => {
                let status = fault.verdict().status.as_u16();
                Some(Course::Answered { status, why: fault.to_string() })
            }
        }
    }

    /// The one that the request would find: what is for every request, else the newest variant whose
    /// fields it has.
    fn selected<'h>(&self, primary: &Digest, held: &'h [Held]) -> Option<&'h Held> {
        let mut serving = held.iter().filter(|held| standing(held) != Standing::Dead);
        serving.find(|held| match held.vary.as_deref() {
            None => true,
            Some(vary) => {
                let (route, digester) = (self.routed.route, &self.edge.digester);
                let asked = lookup::variant_of(primary, vary, route, digester, self.fields);
                asked == held.digest
            }
        })
    }

    fn course(&self, primary: &Digest, held: &[Held]) -> Course {
        let directives = RequestDirectives::of(self.fields);
        let found = self.selected(primary, held).map(|held| self.use_of(held, &directives));
        let course = found.unwrap_or_else(|| self.missed(primary, held));
        match course {
            // RFC 9111 §5.2.1.7.
            Course::Miss { .. } | Course::Revalidated { .. } | Course::Kept
                if directives.only_if_cached =>
            {
                Course::NotStored
            }
            course => course,
        }
    }

    /// What becomes of a stored response that a request finds.
    fn use_of(&self, held: &Held, directives: &RequestDirectives) -> Course {
        let (stored, now) = (&held.stored, self.now);
        if standing(held) == Standing::Retired {
            return Course::Kept;
        }
        let own_until = stored.fresh_until();
        let fresh_until = match softened(held) {
            Some(since) => own_until.min(since).min(now) - TICK,
            None => own_until,
        };
        let found =
            Found { epoch: stored.epoch(), fresh_until, stale: stored.staleness().unreachable };
        let obeyed = self.routed.site().request_directives == Obey::Honor;
        let wish = obeyed.then(|| lookup::wish(&found, directives, now)).flatten();
        let window = own_until + stored.stale_while_revalidate();
        let fields = stored.fields();
        let validates =
            [header::ETAG, header::LAST_MODIFIED].iter().any(|n| fields.contains_key(n));
        let by = if validates { Validator::Stored } else { Validator::None };
        match wish {
            Some(Wish::Asked) => Course::Revalidated { asked: Forward::Request, by },
            Some(Wish::Borne) => Course::Borne,
            None if fresh_until >= now && stored.content_bytes().is_none() => Course::Joined,
            None if fresh_until >= now => Course::Hit,
            None if stored.is_backed_off(now) => Course::LeftAlone,
            None if now < window && lookup::may_share(self.fields) => Course::StaleWhileRefreshed,
            None => Course::Revalidated { asked: Forward::Stale, by },
        }
    }

    fn missed(&self, primary: &Digest, held: &[Held]) -> Course {
        let others = held.iter().any(|held| standing(held) != Standing::Dead);
        let key = lookup::cache_key(*primary, self.fields);
        let unstorable = self.edge.unstorable;
        // The store is asked as well: what it holds under the key was storable.
        let reason = (!unstorable.cacheable_prediction(&key))
            .then(|| unstorable.predicted_uncacheable_reason(&key))
            .flatten();
        Course::Miss {
            forward: if others { Forward::VaryMiss } else { Forward::UriMiss },
            unstorable: reason.map(|reason| reason.as_str().to_owned()),
        }
    }

    /// The newest invalidation that the request owes its course to.
    fn invalidation(
        &self,
        primary: &Digest,
        selected: Option<&Held>,
    ) -> Result<Option<Invalidation>, LedgerError> {
        let store = self.edge.storage.store();
        if let Some(held) = selected.filter(|held| softened(held).is_some()) {
            return store.softened_by(&held.stored);
        }
        let place = admit::place(&self.routed, &Detour::None);
        store.taken_by(primary, &self.routed.site().name, &place)
    }

    fn variant(&self, held: &Held) -> Variant {
        Variant::tell(self.facts(held), &self.bounds(), self.now)
    }

    fn bounds(&self) -> Bounds {
        admit::bounds(self.routed.behavior().policy.ttl, Audience::All)
    }

    fn facts<'h>(&self, held: &'h Held) -> StoredFacts<'h> {
        let stored = &held.stored;
        let vary = match held.vary.as_deref() {
            Some(Vary::Fields(names)) => names.as_slice(),
            Some(Vary::Nothing | Vary::Everything) | None => &[],
        };
        let lifetime = (stored.fresh_until() + TICK).duration_since(stored.epoch());
        let reach = self.routed.site().stale_if_unreachable;
        StoredFacts {
            status: stored.status(),
            fields: stored.fields(),
            vary,
            received: stored.received(),
            epoch: stored.epoch(),
            lifetime: lifetime.unwrap_or_default(),
            softened: softened(held),
            standing: standing(held),
            while_revalidate: stored.stale_while_revalidate(),
            if_error: stale::longest(stored.staleness(), reach),
            tags: stored.tags().iter().map(|tag| tag.as_str().to_owned()).collect(),
            bytes: stored.content_bytes(),
            codings: &held.codings,
        }
    }
}

fn standing(held: &Held) -> Standing {
    match held.standing {
        warmfront_store::Standing::Live => Standing::Live,
        warmfront_store::Standing::Stale { .. } => Standing::Stale,
        warmfront_store::Standing::Retired => Standing::Retired,
        warmfront_store::Standing::Dead => Standing::Dead,
    }
}

fn softened(held: &Held) -> Option<SystemTime> {
    match held.standing {
        warmfront_store::Standing::Stale { since } => Some(since),
        _ => None,
    }
}

/// What an answer of the gate's says.
fn why(answer: &Answer) -> String {
    let location = answer.fields.iter().find(|(name, _)| *name == header::LOCATION);
    let location = location.and_then(|(_, value)| value.to_str().ok());
    match (answer.status, location) {
        (_, Some(location)) => format!("it is served at {location}"),
        (StatusCode::METHOD_NOT_ALLOWED, None) => Fault::Client(ClientFault::Method).to_string(),
        (StatusCode::NO_CONTENT, None) => "a preflight, which the edge answers".to_owned(),
        _ => "it asks about the edge, not about any resource".to_owned(),
    }
}
