//! `POST /invalidate`.

pub(crate) mod bounds;
mod carrying;
mod words;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{LOCATION, RETRY_AFTER};
use serde_json::json;
use warmfront_config::{Action, Config};
use warmfront_semantics::tame::tame;
use warmfront_store::{InvalidationPath, Kind, Order, Receipt};

use super::access::{Access, Asked};
use super::audit::{self, Fate};
use super::problem::Problem;
use super::record::Record;
use super::{Node, blocking};
use crate::prefetch::Full;
use words::{Meaning, Mode, Words, names};

pub(crate) use carrying::{Undone, carry_out};

/// Bytes of a name that is repeated in a sentence: it may be any words of a stranger's.
const NAME_BYTES_MAX: usize = 80;

pub(super) async fn create(
    State(node): State<Arc<Node>>,
    asked: Asked,
) -> Result<Response, Problem> {
    let words: Words = asked.json()?;
    let limits = &node.config.limits;
    let Meaning { order, mode } = words.read(&node.config, &asked.principal, limits)?;
    if let Err(denied) = permit(&node.config, &asked.access(), &order) {
        audit::invalidation(&asked.principal, &order, Fate::Refused(denied.status()));
        return Err(denied.audited());
    }
    match mode {
        Mode::DryRun => blocking(move || Ok(rehearse(&node, &order))).await,
        Mode::InEarnest => blocking(move || perform(&node, &asked, &order)).await,
    }
}

/// A key that may not learns nothing of which sites there are.
fn permit(config: &Config, access: &Access, order: &Order) -> Result<(), Problem> {
    let fetched = order.prefetch.iter().flat_map(|prefetch| &prefetch.paths);
    let paths = order.paths.iter().map(InvalidationPath::as_str);
    let paths: Vec<&str> = paths.chain(fetched.map(String::as_str)).collect();
    access.may(Action::Invalidate, Some(&order.site), &paths)?;
    let maps = order.prefetch.as_ref().is_some_and(|prefetch| prefetch.sitemap.is_some());
    if maps || !order.tags.is_empty() {
        access.may_use_tags(&order.site)?;
    }
    if config.sites.iter().any(|site| site.name == order.site) {
        return Ok(());
    }
    let site = tame(&order.site, NAME_BYTES_MAX);
    let detail = format!("there is no site `{site}`; there are {}", names(config));
    Err(Problem::new(StatusCode::NOT_FOUND, detail))
}

fn rehearse(node: &Node, order: &Order) -> Response {
    let counted = node.store.count(order);
    Json(json!({
        "dry_run": true,
        "matched": counted.matched,
        "bytes": counted.bytes,
        "site": order.site,
        "paths": order.paths,
        "tags": order.tags,
        "soft": order.kind == Kind::Soft,
    }))
    .into_response()
}

fn perform(node: &Node, asked: &Asked, order: &Order) -> Result<Response, Problem> {
    let receipt = carry_out(node, &asked.principal, order).map_err(Problem::from)?;
    let (done, status) = match &receipt {
        Receipt::New(done) => (done, StatusCode::CREATED),
        Receipt::Repeated(done) => (done, StatusCode::OK),
        Receipt::Conflict(done) => {
            let detail = format!(
                "the reference belongs to invalidation {} of {}, which asked for something else",
                done.id, done.site
            );
            return Err(Problem::new(StatusCode::CONFLICT, detail).audited());
        }
    };
    let place = [(LOCATION, format!("/invalidations/{}", done.id))];
    let record = Record::new(done, node).answering(matches!(receipt, Receipt::Repeated(_)));
    Ok((status, place, Json(record)).into_response())
}

impl From<Undone> for Problem {
    fn from(undone: Undone) -> Self {
        let problem = match undone {
            Undone::Ledger(error) => Self::ledger(&error),
            Undone::Full(full) => Self::new(StatusCode::SERVICE_UNAVAILABLE, full.to_string())
                .with(RETRY_AFTER, Full::RETRY_AFTER.into()),
        };
        problem.audited()
    }
}
