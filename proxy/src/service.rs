//! Pingora's hooks: each a door to a room. The only place that branches on what the rooms return.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use pingora_cache::key::HashBinary;
use pingora_cache::lock::CacheKeyLockImpl;
use pingora_cache::{
    CacheKey, CacheMeta, CacheOptionOverrides, ForcedFreshness, HitHandler, RespCacheable,
};
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, RangeType, Session};
use warmfront_semantics::cache_status::Forward;
use warmfront_semantics::fields::is_websocket;
use warmfront_semantics::precondition::{self, Outcome};

use crate::admit;
use crate::context::{self, Asks, Began, Context, Errand};
use crate::edge::Edge;
use crate::explain::Explain;
use crate::failure::{ClientFault, Fault};
use crate::gate::Verdict;
use crate::key::Key;
use crate::select::{Next, Switch, UPGRADED_IDLE};
use crate::{
    clock, collapse, failure, forward, lookup, observe, pages, prefetch, select, shape, stale,
    validate, walk,
};

/// How long a body that nobody wants is read before its connection is given up.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

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
}

#[async_trait]
impl ProxyHttp for EdgeService {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::new(self.edge.clone())
    }

    async fn early_request_filter(
        &self,
        session: &mut Session,
        context: &mut Context,
    ) -> Result<()> {
        let idle = self.edge.config().limits.idle_timeout;
        let upgrade = is_websocket(&session.req_header().headers);
        session.set_read_timeout(Some(if upgrade { UPGRADED_IDLE } else { idle }));
        if session.is_custom() {
            // An HTTP/2 stream stands still while its connection moves; HTTP/1 sees to itself.
            session.set_write_timeout(Some(idle));
        }
        session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
        // `shape` passes them on: Pingora loses those that come together with a response it stores.
        session.set_ignore_info_resp(true);
        pages::address(session);
        context.explain = Explain::take(session);
        Ok(())
    }

    fn allow_spawning_subrequest(&self, session: &Session, _: &Context) -> bool {
        Errand::of(session) == Errand::Client
    }

    async fn request_filter(&self, session: &mut Session, context: &mut Context) -> Result<bool> {
        let answer = match walk::enter(&self.edge, session, context) {
            Ok(Verdict::Pass) => return Ok(false),
            Ok(Verdict::Answer(answer)) => answer,
            Err(fault) => {
                let answer = fault.answer();
                context.fault = Some(fault);
                answer
            }
        };
        shape::send(session, context, answer).await?;
        Ok(true)
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
        if let Key::None(why) = context.key {
            context.forward = why.forward();
            return Ok(());
        }
        // Unless the store has it after all.
        context.forward = Forward::UriMiss;
        let (storage, unstorable) = (self.edge.storage, self.edge.unstorable);
        let mut overrides = CacheOptionOverrides::default();
        overrides.wait_timeout = Some(self.edge.config().cache.collapse_timeout);
        overrides.max_lock_retries = Some(collapse::WAITS_MAX);
        let shared = lookup::may_share(&session.req_header().headers);
        let collapse = shared.then_some(self.edge.collapse as &CacheKeyLockImpl);
        session.cache.enable(storage, None, Some(unstorable), collapse, Some(overrides));
        Ok(())
    }

    fn cache_key_callback(&self, session: &Session, context: &mut Context) -> Result<CacheKey> {
        let Key::Primary { digest, .. } = context.key else {
            return Err(context::unnamed());
        };
        Ok(lookup::cache_key(digest, &session.req_header().headers))
    }

    fn cache_miss(&self, session: &mut Session, context: &mut Context) {
        let varies = session.cache.cache_key().get_variance_key().is_some();
        context.forward = if varies { Forward::VaryMiss } else { Forward::UriMiss };
        session.cache.cache_miss();
    }

    async fn cache_hit_filter(
        &self,
        session: &mut Session,
        meta: &CacheMeta,
        _: &mut HitHandler,
        _: bool,
        context: &mut Context,
    ) -> Result<Option<ForcedFreshness>> {
        Ok(lookup::found(session, meta, context, clock::now()))
    }

    fn cache_vary_filter(
        &self,
        meta: &CacheMeta,
        context: &mut Context,
        request: &RequestHeader,
    ) -> Option<HashBinary> {
        lookup::variant(meta, context, &self.edge.digester, &request.headers)
    }

    fn cache_not_modified_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        context: &mut Context,
    ) -> Result<bool> {
        let request = &session.req_header().headers;
        let now = clock::now();
        context.outcome = precondition::evaluate(request, response.status, &response.headers, now);
        // Pingora knows no 412; it is made of the 304 that this leads to.
        Ok(context.outcome != Outcome::Proceed)
    }

    fn range_header_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        _: &mut Context,
    ) -> RangeType {
        // The fields that it adds are made of digits: they can be added.
        shape::cut(session.req_header(), response, clock::now()).unwrap_or(RangeType::None)
    }

    async fn proxy_upstream_filter(
        &self,
        session: &mut Session,
        context: &mut Context,
    ) -> Result<bool> {
        let Some(fault) = lookup::refused(&self.edge, session, context) else { return Ok(true) };
        let answer = fault.answer();
        context.fault = Some(fault);
        shape::send(session, context, answer).await?;
        Ok(false)
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        context: &mut Context,
    ) -> Result<Box<HttpPeer>> {
        let birth = self.edge.storage.store().birth();
        let began = context.attempt.began.get_or_insert_with(|| Began { at: clock::now(), birth });
        let birth = began.birth;
        self.edge.collapse.begin(&session.cache, context, birth);
        context.attempt.asked = Some(Instant::now());
        let upgrade = is_websocket(&session.req_header().headers);
        let switch = if upgrade { Switch::Asked } else { Switch::No };
        let peer = select::peer(session, context, Instant::now(), switch).await?;
        peer.map(Box::new).map_err(|fault| {
            self.edge.failures.note(&session.cache, &fault, Instant::now());
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
        session: &mut Session,
        request: &mut RequestHeader,
        context: &mut Context,
    ) -> Result<()> {
        context.attempt.asks = validate::asks(session, context.errand);
        if context.attempt.asks == Asks::Head {
            request.set_method(Method::HEAD);
        }
        let formed = forward::form(request, &context.routed()?, context).await;
        formed.map_err(|fault| context.stop(fault))
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        admit::receive(&self.edge, session, context, response).await
    }

    fn upstream_response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        end: bool,
        context: &mut Context,
    ) -> Result<Option<Duration>> {
        if end {
            // The target has done its part, however slow the client is.
            context.attempt.lease = None;
        }
        Ok(None)
    }

    fn upstream_response_trailer_filter(
        &self,
        _: &mut Session,
        trailers: &mut HeaderMap,
        context: &mut Context,
    ) -> Result<()> {
        admit::clean_trailers(context, trailers)
    }

    fn response_cache_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        context: &mut Context,
    ) -> Result<RespCacheable> {
        Ok(admit::storing(&self.edge, session, context, response, clock::now()))
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Context,
    ) -> Result<()> {
        shape::form(&self.edge, session, context, response).await
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        context: &mut Context,
    ) -> Result<Option<Duration>> {
        // The origin was asked for the whole, to store it. If it is not stored after all, its body
        // is still not the client's (RFC 9110 §9.3.2, §15.4.5).
        if session.req_header().method == Method::HEAD || context.outcome != Outcome::Proceed {
            *body = None;
        } else {
            shape::encode(&mut context.encoder, body, end)?;
        }
        Ok(None)
    }

    fn should_serve_stale(
        &self,
        session: &mut Session,
        context: &mut Context,
        error: Option<&Error>,
    ) -> bool {
        match error {
            Some(error) => stale::stands_in(session, context, error, clock::now()),
            // Whether a refresh in the background will do. A prefetch is there to see it through, and
            // a page is no client's request, which such a refresh has to be a copy of.
            None => context.forward == Forward::Stale && context.errand == Errand::Client,
        }
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _: &HttpPeer,
        context: &mut Context,
        mut error: Box<Error>,
    ) -> Box<Error> {
        context.fault = Some(Fault::from_pingora(&error));
        error.set_retry(select::unreachable(context, Instant::now()) == Next::Try);
        let (cache, fault) = (&session.cache, context.fault.as_ref());
        self.edge.failures.note_last(&error, cache, fault, Instant::now());
        error
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        context: &mut Context,
        reused: bool,
    ) -> Box<Error> {
        if context::is_again(&error) {
            return error;
        }
        select::judge_failure(session, context, &mut error, reused, Instant::now());
        let (cache, fault) = (&session.cache, context.fault.as_ref());
        self.edge.failures.note_last(&error, cache, fault, Instant::now());
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        context: &mut Context,
    ) -> FailToProxy {
        failure::tell(session, context, error).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Context) {
        if context.fault.is_none() {
            context.fault = error.map(Fault::from_pingora);
        }
        collapse::give_back(session);
        match context.errand {
            Errand::Client => observe::request(session, context),
            Errand::Refresh => observe::refresh(context),
            Errand::Prefetch => prefetch::note(session, context),
            // What became of it is told with the error.
            Errand::Page => {}
        }
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
