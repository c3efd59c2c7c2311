//! `GET /invalidations` and `GET /invalidations/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Uri};
use serde_json::json;
use warmfront_config::Action;

use super::access::Access;
use super::problem::Problem;
use super::record::Record;
use super::{Node, blocking};

/// Invalidations that are listed unless the client says how many.
const LISTED: usize = 100;
/// Invalidations that are listed at most.
const LISTED_MAX: usize = 1_000;

/// Newest first, of the sites that the key may read.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    access: Access,
    uri: Uri,
) -> Result<Response, Problem> {
    access.may(Action::Read, None, &[])?;
    let limit = limit(uri.query().unwrap_or_default())?;
    let every = node.config.sites.iter().all(|site| access.may_read(&site.name));
    // Those of other sites lie between; the ledger keeps a bounded number of all.
    let looked_at = if every { limit } else { usize::MAX };
    blocking(move || {
        let newest = node.store.invalidations(looked_at);
        let newest = newest.map_err(|error| Problem::ledger(&error))?;
        let shown = newest.iter().filter(|done| access.may_read(&done.site));
        let records: Vec<Record<'_>> = shown.take(limit).map(Record::from).collect();
        Ok(Json(json!({ "invalidations": records })).into_response())
    })
    .await
}

/// One of a site that the key may not read is as if it were not there.
pub(super) async fn show(
    State(node): State<Arc<Node>>,
    access: Access,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    access.may(Action::Read, None, &[])?;
    let absent = || Problem::new(StatusCode::NOT_FOUND, "there is no such invalidation");
    let Path(id) = id.map_err(|_| absent())?;
    blocking(move || {
        let found = node.store.invalidation(&id);
        let found = found.map_err(|error| Problem::ledger(&error))?;
        let shown = found.filter(|done| access.may_read(&done.site));
        let done = shown.ok_or_else(absent)?;
        Ok(Json(Record::from(&done)).into_response())
    })
    .await
}

fn limit(query: &str) -> Result<usize, Problem> {
    let mut asked = query.split('&').filter_map(|pair| pair.strip_prefix("limit="));
    let Some(asked) = asked.next() else {
        return Ok(LISTED);
    };
    let limit = asked.parse().ok().filter(|limit| (1..=LISTED_MAX).contains(limit));
    limit.ok_or_else(|| Problem::bad_request(format!("`limit` is a number from 1 to {LISTED_MAX}")))
}
