//! Requests: what they find, what the origin tells them, and what they leave in the store.

use std::io::Read as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use warmfront_semantics::coding::Coding;

use super::super::head;
use super::oracle::{Birth, Tick, Use};
use super::resources::{RESOURCES, tags, variant};
use super::world::{Original, World};
use super::{Fault, Mutation};
use crate::body::{Body, BodyError, BodyReader, Role};
use crate::key::Digest;
use crate::store::{Filling, Found};
use crate::stored::{self, Admission, Head, StoredResponse};
use crate::tenure::Standing;

/// Says in a stored response which of the model's births it is.
const BIRTH: HeaderName = HeaderName::from_static("x-birth");
const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Zstd, Coding::Brotli];

/// A request on its way to the origin and back.
#[derive(Debug)]
pub(super) struct Flight {
    resource: usize,
    client: u8,
    birth: stored::Birth,
    born: Tick,
    /// What is stored already, and good still if the origin says so.
    was: Option<Arc<StoredResponse>>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Asked,
    Answered(Answer),
    /// What is stored, and what is not written yet.
    Filling(Filling, Bytes),
    Over,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Whole(Original),
    /// 304; it may leave out the tags.
    Unchanged(Original, Option<u8>),
}

/// A request that has found a body while it was written.
#[derive(Debug)]
pub(super) struct Follower {
    reader: BodyReader,
    read: Vec<u8>,
    whole: Vec<u8>,
    serial: usize,
}

// === impl World ===

impl World {
    pub(super) fn request(&mut self, who: u8, how: u8) -> Result<(), Fault> {
        let (resource, client) = (usize::from(who) % RESOURCES.len(), how & 1);
        let Some((stored, standing)) = self.look(resource, client)? else {
            self.depart(resource, client, None);
            return Ok(());
        };
        if let Body::Filling(_) = stored.body {
            self.join(&stored);
        } else if how & 0b110 == 0 {
            self.unsent.push((resource, stored.clone()));
        }
        // What is live may have outlived its lifetime.
        let is_old = how & 0b11_0000 == 0;
        if standing != Use::Live || is_old {
            self.depart(resource, client, Some(stored));
        }
        Ok(())
    }

    /// What a client is served from the store at this moment, if that is right.
    pub(super) fn look(
        &mut self,
        resource: usize,
        client: u8,
    ) -> Result<Option<(Arc<StoredResponse>, Use)>, Fault> {
        let Some(found) = self.select(resource, client) else {
            self.figures.misses += 1;
            self.note(|| format!("a miss of {resource} for {client}"));
            return Ok(None);
        };
        let (stored, served) = (found.stored, Use::from(found.standing));
        let serial = serial(&stored);
        let birth = self.oracle.births[serial];
        self.note(|| format!("a look at {resource} for {client}: birth {serial} is {served:?}"));
        match served {
            Use::Live => self.figures.hits += 1,
            Use::Stale => self.figures.stale += 1,
            Use::Retired | Use::Dead => self.figures.kept += 1,
        }
        let is_for_client = birth.variant.is_none_or(|variant| variant == client);
        if birth.resource != resource || !is_for_client {
            return Err(Fault::Foreign(format!("birth {serial} for {client}: {birth:?}")));
        }
        if let Some(broken) = self.oracle.broken_promise(&birth, served) {
            return Err(Fault::Stale(broken));
        }
        let allowed = self.oracle.allows(&birth);
        let mut marks = self.oracle.softened(&birth).map(|force| force.created.time());
        let since_then = match found.standing {
            Standing::Stale { since } => marks.any(|mark| mark == since),
            _ => true,
        };
        if self.mutation == Mutation::None && (served != allowed || !since_then) {
            return Err(Fault::Standing(format!("birth {serial} is {served:?}, not {allowed:?}")));
        }
        if let Body::Whole(segments) = &stored.body
            && segments.concat() != text(&birth)
        {
            return Err(Fault::Foreign(format!("another body than that of birth {serial}")));
        }
        Ok(Some((stored, served)))
    }

    /// As the request path does it: by the primary key, then by what the client sent.
    fn select(&self, resource: usize, client: u8) -> Option<Found> {
        let key = self.key(resource);
        let found = self.store().find(&key)?;
        let Some(variants) = &found.variants else { return Some(found) };
        let digest = variants.select(|_| variant(key, client))?;
        if found.stored.head.variance == Some(digest) {
            return Some(found);
        }
        self.store().variant(&key, &digest)
    }

    fn join(&mut self, stored: &Arc<StoredResponse>) {
        let serial = serial(stored);
        let reader = BodyReader::new(stored.body.clone(), Role::Follower);
        let whole = text(&self.oracle.births[serial]);
        self.followers.push(Follower { reader, read: Vec::new(), whole, serial });
        self.figures.followers += 1;
    }

    fn depart(&mut self, resource: usize, client: u8, was: Option<Arc<StoredResponse>>) {
        let (birth, born) = (self.store().birth(), self.tick);
        self.note(|| format!("{client} asks the origin for {resource}"));
        let stage = Stage::Asked;
        self.flights.push(Flight { resource, client, birth, born, was, stage });
    }

    pub(super) fn advance(&mut self, who: u8, how: u8) {
        let Some(at) = usize::from(who).checked_rem(self.flights.len()) else { return };
        let mut flight = self.flights.swap_remove(at);
        flight.stage = match std::mem::replace(&mut flight.stage, Stage::Over) {
            Stage::Asked => Stage::Answered(self.answer(&flight, how)),
            Stage::Answered(answer) => self.admit(&flight, answer, how),
            Stage::Filling(mut filling, mut left) if !left.is_empty() => {
                let piece = left.split_to(left.len().div_ceil(2));
                // Nobody may be left who reads what is not stored.
                match filling.write(&piece) {
                    Ok(()) => Stage::Filling(filling, left),
                    Err(_) => Stage::Over,
                }
            }
            Stage::Filling(filling, _) => {
                filling.finish();
                self.figures.fills += 1;
                self.note(|| format!("a body of {} is whole", flight.resource));
                Stage::Over
            }
            Stage::Over => Stage::Over,
        };
        if !matches!(flight.stage, Stage::Over) {
            self.flights.push(flight);
        }
    }
    pub(super) fn hurry(&mut self, who: u8, how: u8) {
        let Some(at) = usize::from(who).checked_rem(self.flights.len()) else { return };
        let others = self.flights.len() - 1;
        self.flights.swap(at, others);
        while self.flights.len() > others {
            let last = u8::try_from(others).unwrap();
            self.advance(last, how);
        }
    }

    /// The transfer is cut off, and what stood there before stands there again.
    pub(super) fn abort(&mut self, who: u8) {
        let Some(at) = usize::from(who).checked_rem(self.flights.len()) else { return };
        let flight = self.flights.swap_remove(at);
        self.note(|| format!("the request for {} is cut off", flight.resource));
    }

    fn answer(&mut self, flight: &Flight, how: u8) -> Answer {
        let original = self.origin[flight.resource];
        let unchanged = flight.was.as_ref().is_some_and(|was| {
            let was = &self.oracle.births[serial(was)];
            let variant = original.varies.then_some(flight.client);
            (was.version, was.variant) == (original.version, variant)
        });
        self.note(|| format!("the origin answers {}: {original:?}, {unchanged}", flight.resource));
        if unchanged {
            return Answer::Unchanged(original, (how & 1 == 0).then_some(original.tags));
        }
        Answer::Whole(original)
    }

    fn admit(&mut self, flight: &Flight, answer: Answer, how: u8) -> Stage {
        let (original, said) = match answer {
            Answer::Whole(original) => (original, Some(original.tags)),
            Answer::Unchanged(original, said) => (original, said),
        };
        let serial = self.oracle.births.len();
        let before = match (&flight.was, answer) {
            (Some(was), Answer::Unchanged(..)) => self.oracle.births[self::serial(was)].tags,
            _ => 0,
        };
        let birth = Birth {
            resource: flight.resource,
            born: flight.born,
            version: original.version,
            variant: original.varies.then_some(flight.client),
            tags: said.unwrap_or(before),
            tags_before: (before, self.tick),
        };
        self.oracle.births.push(birth);
        let key = self.key(flight.resource);
        let head = head_of(serial, birth.variant.map(|client| variant(key, client)));
        let body = text(&birth);
        let length = (how & 1 == 0).then_some(body.len() as u64);
        let admission = Admission { length, tags: said.map(tags), ..self.admission(flight) };
        if let (Some(was), Answer::Unchanged(..)) = (&flight.was, answer) {
            let freshened = self.store().freshen(key, was, head, admission);
            self.figures.freshened += u64::from(freshened);
            self.note(|| format!("birth {serial} freshens {}: {freshened}", flight.resource));
            return Stage::Over;
        }
        self.note(|| format!("birth {serial} of {}: {birth:?}", flight.resource));
        Stage::Filling(self.store().fill(key, head, admission), body.into())
    }

    fn admission(&self, flight: &Flight) -> Admission {
        let resource = &RESOURCES[flight.resource];
        let late = self.mutation == Mutation::BornLate;
        let birth = if late { self.store().birth() } else { flight.birth };
        Admission {
            keep: resource.keep(),
            resource: resource.version_of.map(|of| self.key(of)),
            ..Admission::plain(self.store().site(&self.site()), resource.place(), birth)
        }
    }

    /// A follower reads what there is, and all of that is of the body that it joined.
    pub(super) fn follow(&mut self, who: u8) -> Result<(), Fault> {
        let Some(at) = usize::from(who).checked_rem(self.followers.len()) else { return Ok(()) };
        let follower = &mut self.followers[at];
        loop {
            match at_once(follower.reader.next()) {
                Poll::Ready(Ok(Some(piece))) => follower.read.extend_from_slice(&piece),
                Poll::Ready(Ok(None)) if follower.read == follower.whole => return Ok(()),
                Poll::Ready(Err(BodyError::Aborted)) => return Ok(()),
                Poll::Pending if follower.whole.starts_with(&follower.read) => return Ok(()),
                read => {
                    let serial = follower.serial;
                    return Err(Fault::Foreign(format!("a follower of birth {serial}: {read:?}")));
                }
            }
        }
    }

    /// Whoever has found a response gets its form, and no other's, whatever has come meanwhile.
    pub(super) fn encode(&mut self, who: u8, how: u8) -> Result<(), Fault> {
        let Some(at) = usize::from(who).checked_rem(self.unsent.len()) else { return Ok(()) };
        let (resource, stored) = self.unsent.swap_remove(at);
        let coding = CODINGS[usize::from(how) % CODINGS.len()];
        let form = self.store().encoded(self.key(resource), &stored, coding);
        let Some(form) = self.runtime.block_on(form) else { return Ok(()) };
        self.figures.encoded += 1;
        self.has_forms = true;
        let serial = serial(&stored);
        self.note(|| format!("birth {serial} is sent in {}", coding.as_str()));
        let mut reader = form.reader();
        let mut read = Vec::new();
        while let Poll::Ready(Ok(Some(piece))) = at_once(reader.next()) {
            read.extend_from_slice(&piece);
        }
        if decoded(&read, coding) != text(&self.oracle.births[serial]) {
            return Err(Fault::Foreign(format!("a form of another body than birth {serial}")));
        }
        Ok(())
    }
}

/// Which of the model's births it is.
pub(super) fn serial(stored: &StoredResponse) -> usize {
    stored.fields()[BIRTH].to_str().unwrap().parse().unwrap()
}

fn head_of(serial: usize, variance: Option<Digest>) -> Head {
    let mut head = Head { variance, ..head() };
    head.fields.insert(BIRTH, serial.into());
    if variance.is_some() {
        head.fields.insert(http::header::VARY, HeaderValue::from_static("a"));
    }
    head
}

/// What the origin sends; long enough that each coding makes it smaller.
fn text(birth: &Birth) -> Vec<u8> {
    let Birth { resource, version, variant, .. } = birth;
    format!("resource {resource} for {variant:?} in version {version}; ").repeat(8).into_bytes()
}

fn decoded(form: &[u8], coding: Coding) -> Vec<u8> {
    let mut body = Vec::new();
    match coding {
        Coding::Gzip => {
            flate2::read::GzDecoder::new(form).read_to_end(&mut body).unwrap();
        }
        Coding::Zstd => body = zstd::decode_all(form).unwrap(),
        Coding::Brotli => brotli::BrotliDecompress(&mut &*form, &mut body).unwrap(),
    }
    body
}

fn at_once<T>(asked: impl Future<Output = T>) -> Poll<T> {
    pin!(asked).poll(&mut Context::from_waker(Waker::noop()))
}
