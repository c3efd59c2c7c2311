//! The store as Pingora sees it. The only file here that names Pingora.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use pingora_cache::key::CacheHashKey;
use pingora_cache::storage::{
    HandleHit, HandleMiss, HitHandler, MissFinishType, MissHandler, PurgeOutcome, PurgeTarget,
    PurgeType, Storage, streaming_write::U64WriteId,
};
#[cfg(test)]
use pingora_cache::trace::Span;
use pingora_cache::trace::SpanHandle;
use pingora_cache::{CacheKey, CacheMeta};
use pingora_error::{ErrorType, OkOrErr, OrErr, Result};
use pingora_http::ResponseHeader;

use crate::body::{BodyReader, Role};
use crate::encoding::Encoder;
use crate::fields;
use crate::store::{Filling, Found, Store};
use crate::stored::{Admission, Head, StoredResponse};
use crate::tenure::{Clock, Kept, Softened, Standing};

/// Pingora's `Storage` over a [`Store`].
///
/// Pingora keeps a reference for ever: `main` makes one of these and never lets it go.
#[derive(Debug)]
pub struct PingoraStorage {
    store: Arc<Store>,
    /// Fills whose own client has not yet got its reader. The memory tier cannot be asked: it may
    /// evict what was only just put in.
    begun: Mutex<HashMap<u64, (Arc<StoredResponse>, BodyReader)>>,
    next_write: AtomicU64,
}

/// Pingora counts a deadline that is now as fresh.
const TICK: Duration = Duration::from_millis(1);

struct Hit {
    reader: BodyReader,
    /// What the body goes through.
    encoder: Option<Encoder>,
    weight: usize,
}

struct Miss {
    filling: Filling,
    tag: U64WriteId,
}

/// Has a hit read another body in place of its own. Of no effect on what was not found by a
/// [`PingoraStorage`].
pub fn read_instead(hit: &mut HitHandler, body: BodyReader) {
    if let Some(hit) = hit.as_any_mut().downcast_mut::<Hit>() {
        hit.reader = body;
    }
}

/// Has a hit encode its body while it is read.
pub fn read_through(hit: &mut HitHandler, encoder: Encoder) {
    if let Some(hit) = hit.as_any_mut().downcast_mut::<Hit>() {
        hit.encoder = Some(encoder);
    }
}

// === impl PingoraStorage ===

impl PingoraStorage {
    /// Wraps a store.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, begun: Mutex::default(), next_write: AtomicU64::new(0) }
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Whether a look-up would find something now.
    pub fn holds(&self, key: &CacheKey) -> bool {
        self.found(key).is_some()
    }

    fn found(&self, key: &CacheKey) -> Option<Found> {
        match key.variance_bin() {
            // It was selected from the variants that an earlier lookup of the same request found.
            Some(variant) => self.store.variant(&key.primary_bin(), &variant),
            None => self.store.find(&key.primary_bin()),
        }
    }

    /// Gives the stored response that a meta was made from the meta's head.
    pub fn freshen(&self, key: &CacheKey, meta: &CacheMeta) -> Result<bool> {
        let (head, admission) = parts_of(meta)?;
        let was = meta.extensions().get::<Arc<StoredResponse>>();
        let was = was.or_err(ErrorType::InternalError, "a response was not stored")?;
        Ok(self.store.freshen(key.primary_bin(), was, head, admission))
    }

    /// Drops the stored response that a meta was made from.
    pub fn discard(&self, key: &CacheKey, meta: &CacheMeta) {
        if let Some(stored) = meta.extensions().get::<Arc<StoredResponse>>() {
            self.store.discard(key.primary_bin(), stored);
        }
    }
}

#[async_trait]
impl Storage for PingoraStorage {
    async fn lookup(
        &'static self,
        key: &CacheKey,
        _: &SpanHandle,
    ) -> Result<Option<(CacheMeta, HitHandler)>> {
        let Some(Found { stored, standing, variants }) = self.found(key) else {
            return Ok(None);
        };
        let reader = BodyReader::new(stored.body.clone(), Role::Follower);
        let mut meta = meta_of(&stored, standing, self.store.clock());
        if let Some(variants) = variants {
            meta.extensions_mut().insert(variants);
        }
        Ok(Some((meta, Hit::boxed(reader, &stored))))
    }

    async fn lookup_streaming_write(
        &'static self,
        key: &CacheKey,
        tag: Option<&[u8]>,
        trace: &SpanHandle,
    ) -> Result<Option<(CacheMeta, HitHandler)>> {
        let begun = tag.and_then(|tag| U64WriteId::try_from(tag).ok());
        let Some(begun) = begun.and_then(|tag| self.begun.lock().remove(&u64::from(tag))) else {
            return self.lookup(key, trace).await;
        };
        let (stored, reader) = begun;
        let meta = meta_of(&stored, Standing::Live, self.store.clock());
        Ok(Some((meta, Hit::boxed(reader, &stored))))
    }

    async fn get_miss_handler(
        &'static self,
        key: &CacheKey,
        meta: &CacheMeta,
        _: &SpanHandle,
    ) -> Result<MissHandler> {
        let (head, admission) = parts_of(meta)?;
        let filling = self.store.fill(key.primary_bin(), head, admission);
        let tag = self.next_write.fetch_add(1, Ordering::Relaxed);
        self.begun.lock().insert(tag, (filling.stored().clone(), filling.own_reader()));
        Ok(Box::new(Miss { filling, tag: tag.into() }))
    }

    async fn purge(
        &'static self,
        target: PurgeTarget<'_>,
        _: PurgeType,
        _: &SpanHandle,
    ) -> Result<PurgeOutcome> {
        let primary = match target {
            PurgeTarget::Active(key) => key.primary_bin(),
            PurgeTarget::Exact(entry) => entry.key().primary_bin(),
        };
        self.store.change(&primary);
        Ok(PurgeOutcome::Purged(None))
    }

    async fn update_meta(
        &'static self,
        key: &CacheKey,
        meta: &CacheMeta,
        _: &SpanHandle,
    ) -> Result<bool> {
        self.freshen(key, meta)
    }

    fn support_streaming_partial_write(&self) -> bool {
        true
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync + 'static) {
        self
    }
}

/// Every response that is admitted carries what the store must know of it in the meta's extensions,
/// put there by the admit room.
fn parts_of(meta: &CacheMeta) -> Result<(Head, Admission)> {
    let admission = meta.extensions().get::<Admission>().cloned();
    let admission = admission.or_err(ErrorType::InternalError, "a response was not admitted")?;
    let parts = meta.response_header();
    let head = Head {
        status: parts.status,
        fields: fields::own(&parts.headers),
        epoch: meta.epoch(),
        received: meta.updated(),
        fresh_until: meta.fresh_until(),
        stale_while_revalidate_secs: meta.stale_while_revalidate_sec(),
        stale_if_error_secs: meta.stale_if_error_sec(),
        variance: meta.variance(),
    };
    Ok((head, admission))
}

fn meta_of(stored: &Arc<StoredResponse>, standing: Standing, clock: Clock) -> CacheMeta {
    let head = &stored.head;
    let Lifetime { fresh_until, stale_while_revalidate_secs, stale_if_error_secs } =
        lifetime(head, standing, clock);
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = head.status;
    parts.headers = head.fields.clone();
    let mut meta = CacheMeta::new(
        fresh_until,
        // Pingora drops variants that were made before the one it found first. Which variants there
        // are is the store's to say.
        SystemTime::UNIX_EPOCH,
        stale_while_revalidate_secs,
        stale_if_error_secs,
        ResponseHeader::from(parts),
    );
    meta.set_epoch_override(head.epoch);
    if let Some(variance) = head.variance {
        meta.set_variance(variance);
    }
    meta.extensions_mut().insert(stored.clone());
    match standing {
        Standing::Retired => drop(meta.extensions_mut().insert(Kept)),
        Standing::Stale { since } => drop(meta.extensions_mut().insert(Softened { since })),
        Standing::Live | Standing::Dead => {}
    }
    meta
}

/// What Pingora is told of a lifetime.
struct Lifetime {
    fresh_until: SystemTime,
    stale_while_revalidate_secs: u32,
    stale_if_error_secs: u32,
}

fn lifetime(head: &Head, standing: Standing, clock: Clock) -> Lifetime {
    let own = Lifetime {
        fresh_until: head.fresh_until,
        stale_while_revalidate_secs: head.stale_while_revalidate_secs,
        stale_if_error_secs: head.stale_if_error_secs,
    };
    match standing {
        Standing::Live => own,
        // Whatever its lifetime says, its origin is asked first; whether it is served then is for the
        // caller to say.
        Standing::Retired | Standing::Dead => Lifetime {
            fresh_until: SystemTime::UNIX_EPOCH,
            stale_while_revalidate_secs: 0,
            stale_if_error_secs: u32::MAX,
        },
        Standing::Stale { since } => {
            let now = clock();
            // What has had its time is stale by itself, and served as that.
            if own.fresh_until < now {
                return own;
            }
            let fresh_until = since.min(now).checked_sub(TICK).unwrap_or(SystemTime::UNIX_EPOCH);
            // To where its lifetime would have ended, and what it had beyond that.
            let lost = own.fresh_until.duration_since(fresh_until).unwrap_or_default();
            let lost = u32::try_from(lost.as_secs() + 1).unwrap_or(u32::MAX);
            Lifetime {
                fresh_until,
                stale_while_revalidate_secs: own.stale_while_revalidate_secs.saturating_add(lost),
                stale_if_error_secs: own.stale_if_error_secs.saturating_add(lost),
            }
        }
    }
}

// === impl Hit ===

impl Hit {
    fn boxed(reader: BodyReader, stored: &StoredResponse) -> HitHandler {
        let weight = usize::try_from(stored.weight).unwrap_or(usize::MAX);
        Box::new(Self { reader, encoder: None, weight })
    }
}

#[async_trait]
impl HandleHit for Hit {
    async fn read_body(&mut self) -> Result<Option<Bytes>> {
        loop {
            let next = self.reader.next().await;
            let piece = next.or_err(ErrorType::ReadError, "reading a stored body")?;
            let Some(encoder) = self.encoder.take() else { return Ok(piece) };
            let end = piece.is_none();
            let taken = encoder.piece(&piece.unwrap_or_default(), end);
            let (out, rest) = taken.or_err(ErrorType::InternalError, "encoding a body")?;
            self.encoder = rest;
            // An empty piece would end the body.
            if !out.is_empty() {
                return Ok(Some(out));
            }
            if end {
                return Ok(None);
            }
        }
    }

    async fn finish(
        self: Box<Self>,
        _: &'static (dyn Storage + Sync),
        _: &CacheKey,
        _: &SpanHandle,
    ) -> Result<()> {
        Ok(())
    }

    fn can_seek(&self) -> bool {
        true
    }

    fn seek(&mut self, start: usize, end: Option<usize>) -> Result<()> {
        let end = end.map(|end| end as u64);
        self.reader
            .seek(start as u64, end)
            .or_err(ErrorType::InternalError, "seeking a stored body")
    }

    fn get_eviction_weight(&self) -> usize {
        self.weight
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send + Sync) {
        self
    }
}

// === impl Miss ===

#[async_trait]
impl HandleMiss for Miss {
    async fn write_body(&mut self, data: Bytes, _: bool) -> Result<()> {
        self.filling.write(&data).or_err(ErrorType::WriteError, "storing a body")
    }

    async fn finish(self: Box<Self>) -> Result<MissFinishType> {
        let bytes = self.filling.finish();
        Ok(MissFinishType::Created(usize::try_from(bytes).unwrap_or(usize::MAX)))
    }

    fn streaming_write_tag(&self) -> Option<&[u8]> {
        Some(self.tag.as_bytes())
    }
}

#[cfg(test)]
mod tests;
