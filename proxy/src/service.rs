//! Pingora's hooks: each a door to a room. The only place that branches on what the rooms return.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use pingora_cache::key::HashBinary;
use pingora_cache::{
    CacheKey, CacheMeta, CacheOptionOverrides, ForcedFreshness, HitHandler, NoCacheReason,
    RespCacheable,
};
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, RangeType, Session};
use warmfront_origin::Origin;
use warmfront_semantics::cache_status::Forward;
use warmfront_semantics::fields::is_websocket;
use warmfront_semantics::vary::Vary;

use crate::admit::{self, Bounds, Course, Whole};
use crate::context::{self, Context, Detour, Routed};
use crate::edge::Edge;
use crate::failure::{ClientFault, Fault};
use crate::gate::Verdict;
use crate::key::Key;
use crate::select::{Next, UPGRADED_IDLE};
use crate::{clock, forward, lookup, observe, select, shape, walk};

/// How long a body that nobody wants is read before its connection is given up.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A request for more ranges than this gets the whole (RFC 9110 §14.2 allows it): each costs a part.
const RANGES_MAX: usize = 16;
/// Marks the error by which `admit` sends a request to the origin again.
const DETOUR: &str = "detour";

/// The data plane, as Pingora calls it.
#[derive(Debug)]
pub(crate) struct EdgeService {
    edge: Arc<Edge>,
}

// === impl EdgeService ===

impl EdgeService {
    pub(crate) fn new(edge: Arc<Edge>) -> Self {
        Self { edge }
    }

    fn bytes_max(&self) -> u64 {
        self.edge.storage.store().object_bytes_max()
    }
}

#[async_trait]
impl ProxyHttp for EdgeService {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::new(self.edge.clone())
    }

    async fn early_request_filter(&self, session: &mut Session, _: &mut Context) -> Result<()> {
        let idle = self.edge.config().limits.idle_timeout;
        let upgrade = is_websocket(&session.req_header().headers);
        session.set_read_timeout(Some(if upgrade { UPGRADED_IDLE } else { idle }));
        if session.is_custom() {
            // An HTTP/2 stream stands still while its connection moves; HTTP/1 sees to itself.
            session.set_write_timeout(Some(idle));
        }
        session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        match walk::enter(&self.edge, session, context) {
            Ok(Verdict::Pass) => Ok(false),
            Ok(Verdict::Answer(answer)) => {
                shape::send(session, context.arrived()?, &answer).await?;
                Ok(true)
            }
            Err(fault) => {
                let answer = fault.answer();
                context.fault = Some(fault);
                shape::send(session, context.arrived()?, &answer).await?;
                Ok(true)
            }
        }
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        context: &mut Context,
    ) -> Result<()> {
        context.body_bytes += body.as_ref().map_or(0, |body| body.len() as u64);
        if context.body_bytes > self.edge.config().limits.body_bytes {
            return Err(context.stop(ClientFault::BodyTooLarge.into()));
        }
        // An HTTP/2 body that ends in an empty frame would be ended twice towards HTTP/1.
        if end && body.as_ref().is_some_and(Bytes::is_empty) {
            *body = None;
        }
        Ok(())
    }

    fn request_cache_filter(&self, session: &mut Session, context: &mut Context) -> Result<()> {
        if let Key::None(reason) = context.key {
            context.forward = reason;
            return Ok(());
        }
        // Unless the store has it after all.
        context.forward = Forward::UriMiss;
        let (storage, predictor) = (self.edge.storage, self.edge.predictor);
        let mut overrides = CacheOptionOverrides::default();
        overrides.wait_timeout = Some(self.edge.config().cache.collapse_timeout);
        // What one client is let in to see may be nobody else's: others do not wait for it.
        let shared = !session.req_header().headers.contains_key(header::AUTHORIZATION);
        let collapse = shared.then_some(self.edge.collapse);
        session.cache.enable(storage, None, Some(predictor), collapse, Some(overrides));
        Ok(())
    }

    fn cache_key_callback(&self, _: &Session, context: &mut Context) -> Result<CacheKey> {
        let Key::Primary(digest) = context.key else {
            return Err(context::unnamed());
        };
        // The digest stands for the whole key; Pingora's own hash of it is not needed.
        let mut key = CacheKey::new(digest, String::new());
        key.set_primary_bin_override(digest);
        Ok(key)
    }

    fn cache_miss(&self, session: &mut Session, context: &mut Context) {
        let varies = session.cache.cache_key().get_variance_key().is_some();
        context.forward = if varies { Forward::VaryMiss } else { Forward::UriMiss };
        session.cache.cache_miss();
    }

    async fn cache_hit_filter(
        &self,
        _: &mut Session,
        _: &CacheMeta,
        _: &mut HitHandler,
        fresh: bool,
        context: &mut Context,
    ) -> Result<Option<ForcedFreshness>> {
        if !fresh {
            context.forward = Forward::Stale;
        }
        Ok(None)
    }

    fn cache_vary_filter(
        &self,
        meta: &CacheMeta,
        _: &mut Context,
        request: &RequestHeader,
    ) -> Option<HashBinary> {
        let secondary = Vary::of(meta.headers()).secondary_key(&request.headers)?;
        Some(self.edge.digester.digest([Some(secondary.as_slice())]))
    }

    fn range_header_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        _: &mut Context,
    ) -> RangeType {
        if shape::range_of_nothing(&session.req_header().headers, response) {
            // RFC 9110 §14.2: a set of ranges that cannot be satisfied may be ignored.
            return RangeType::None;
        }
        pingora_proxy::range_header_filter(session.req_header(), response, Some(RANGES_MAX))
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        context: &mut Context,
    ) -> Result<Box<HttpPeer>> {
        let origin = context.routed()?.route.behavior().origin.clone();
        context.attempt.birth.get_or_insert_with(|| self.edge.storage.store().position());
        let upgrade = is_websocket(&session.req_header().headers);
        let peer = select::peer(&mut context.attempt, &origin, Instant::now(), upgrade).await;
        peer.map(Box::new).map_err(|why| {
            let fault = select::no_target(context, &why);
            context.stop(fault)
        })
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _: bool,
        _: &HttpPeer,
        _: std::os::unix::io::RawFd,
        _: Option<&Digest>,
        context: &mut Context,
    ) -> Result<()> {
        context.fault = None;
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        request: &mut RequestHeader,
        context: &mut Context,
    ) -> Result<()> {
        let Routed { arrival, head, route } = context.routed()?;
        let path = forward::path(head, route, &context.detour);
        let formed = match &route.behavior().origin {
            Origin::Bucket(bucket) => {
                forward::to_bucket(request, bucket, &path, arrival, head).await
            }
            Origin::TargetGroup(group) => {
                let target = context.attempt.target.as_ref();
                let target = target.map_or_else(String::new, |t| t.name.to_string());
                forward::to_target(request, group, &target, &path, arrival, head)
            }
        };
        formed.map_err(|fault| context.stop(fault))
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        let routed = context.routed()?;
        let whole = Whole { wanted: session.cache.enabled(), bytes_max: self.bytes_max() };
        let fields = &session.req_header().headers;
        let course = admit::course(&routed, &context.detour, fields, response, whole).await;
        match course {
            Course::Keep => {
                admit::clean(response, &routed.route.behavior().origin);
                Ok(())
            }
            Course::Fail(fault) => Err(context.stop(fault)),
            Course::Detour(detour) => {
                if detour == Detour::AsAsked {
                    session.cache.response_became_uncacheable(NoCacheReason::ResponseTooLarge);
                    session.cache.disable(NoCacheReason::ResponseTooLarge);
                }
                context.detour = detour;
                Err(again())
            }
        }
    }

    fn response_cache_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        context: &mut Context,
    ) -> Result<RespCacheable> {
        let Routed { head, route, .. } = context.routed()?;
        let birth = context.attempt.birth.unwrap_or_default();
        let admission = admit::admission(head, route, &context.detour, birth, &response.headers);
        let bounds = Bounds { ttl: route.behavior().behavior.ttl, bytes_max: self.bytes_max() };
        Ok(admit::judge(session.req_header(), response, &bounds, admission, clock::now()))
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        if response.status.is_informational() && response.status != StatusCode::SWITCHING_PROTOCOLS
        {
            return Ok(());
        }
        context.answered = Some(Instant::now());
        let status = lookup::status(&session.cache, context.forward, clock::now());
        shape::mark(session, response, context.arrived()?, &status)
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        _: &mut Context,
    ) -> Result<Option<Duration>> {
        // A HEAD asks the origin for the whole, to store it. If it is not stored after all, its body
        // is still not the client's (RFC 9110 §9.3.2).
        if session.req_header().method == Method::HEAD {
            *body = None;
        }
        Ok(None)
    }

    /// RFC 9111 §4.2.4: a cache that cannot reach the origin may, if the origin said so.
    fn should_serve_stale(
        &self,
        _: &mut Session,
        context: &mut Context,
        error: Option<&Error>,
    ) -> bool {
        let of_origin = error.is_some_and(|e| *e.esource() == ErrorSource::Upstream);
        of_origin || (error.is_some() && matches!(context.fault, Some(Fault::Origin(_))))
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        context: &mut Context,
        mut error: Box<Error>,
    ) -> Box<Error> {
        context.fault = Some(Fault::from_pingora(&error));
        let next = context.route.as_ref().map(|route| {
            // Nothing was sent, so any method may be tried elsewhere.
            select::unreachable(&mut context.attempt, &route.behavior().origin)
        });
        error.set_retry(next == Some(Next::Try));
        error
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        _: &mut Context,
        reused: bool,
    ) -> Box<Error> {
        if error.etype() == &ErrorType::Custom(DETOUR) {
            return error;
        }
        // RFC 9110 §9.2.2: only what is idempotent may be sent twice, and only if the connection was
        // one that the origin may have closed while it was idle.
        let idempotent = session.req_header().method.is_idempotent();
        if !idempotent || session.as_ref().retry_buffer_truncated() {
            error.set_retry(false);
        } else {
            error.retry.decide_reuse(reused);
        }
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut Context,
    ) -> FailToProxy {
        let fault = context.fault.take().unwrap_or_else(|| Fault::from_pingora(error));
        let told = fault.verdict();
        let gone = fault == Fault::Client(ClientFault::Gone);
        if !gone && session.response_written().is_none() {
            // If the client cannot be told either, the log line still is.
            let answer = fault.answer();
            if let Some(arrival) = &context.arrival {
                let _ = shape::send(session, arrival, &answer).await;
            }
        }
        context.fault = Some(fault);
        FailToProxy { error_code: told.status.as_u16(), can_reuse_downstream: !told.closes }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Context) {
        if context.fault.is_none() {
            context.fault = error.map(Fault::from_pingora);
        }
        observe::request(session, context);
    }

    /// Errors are in the access log, each with its request, and never twice.
    fn suppress_error_log(&self, _: &Session, _: &Context, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &Context,
        _: &Error,
        _: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

/// The error by which `admit` sends a request to the origin again.
#[expect(clippy::unnecessary_box_returns, reason = "Pingora's errors are boxed")]
fn again() -> Box<Error> {
    let mut error = Error::new(ErrorType::Custom(DETOUR));
    error.set_retry(true);
    error
}
