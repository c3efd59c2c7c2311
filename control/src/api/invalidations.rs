//! `GET /invalidations` and `GET /invalidations/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Serialize;
use warmfront_config::Action;

use super::access::{Access, Asked};
use super::problem::Problem;
use super::query::{Plus, Query};
use super::record::Record;
use super::{Node, blocking};

/// Invalidations that are listed unless the client says how many.
const LISTED: usize = 100;
/// Invalidations that are listed at most.
const LISTED_MAX: usize = 1_000;
const PARAMETERS: [(&str, Plus); 3] =
    [("site", Plus::Space), ("limit", Plus::Space), ("after", Plus::Space)];

#[derive(Debug, Serialize)]
struct Page<'a> {
    invalidations: Vec<Record<'a>>,
    /// What `after` has to say for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// Newest first, of the sites that the key may read.
pub(super) async fn list(State(node): State<Arc<Node>>, asked: Asked) -> Result<Response, Problem> {
    let query = Query::read(&asked.head.uri, &PARAMETERS)?;
    let access = asked.access();
    let site = query.one("site")?.map(str::to_owned);
    permit(&node, &access, site.as_deref())?;
    let limit = query.one("limit")?.map_or(Ok(LISTED), limit)?;
    let after = query.one("after")?.map(str::to_owned);
    blocking(move || {
        let shown =
            |name: &str| site.as_ref().is_none_or(|site| site == name) && access.may_read(name);
        // One more tells whether there is a next page.
        let newest = node.store.invalidations(&shown, after.as_deref(), limit + 1);
        let newest = newest.map_err(|error| Problem::ledger(&error))?;
        let Some(newest) = newest else {
            let detail = "`after` is the id of no invalidation";
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        };
        let page = newest.get(..limit).unwrap_or(&newest);
        let more = newest.len() > limit;
        let next = page.last().filter(|_| more).map(|done| done.id.as_str());
        let invalidations = page.iter().map(|done| Record::new(done, &node)).collect();
        Ok(Json(Page { invalidations, next }).into_response())
    })
    .await
}

/// One of a site that the key may not read is as if it were not there, but for those that it made
/// itself: whoever orders may see how it goes.
pub(super) async fn show(
    State(node): State<Arc<Node>>,
    id: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<Response, Problem> {
    let access = asked.access();
    let absent = move || {
        // A key that may read about nothing does not learn which there are.
        let may_read = asked.access().may(Action::Read, None, &[]);
        may_read
            .err()
            .unwrap_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such invalidation"))
    };
    let Ok(Path(id)) = id else { return Err(absent()) };
    blocking(move || {
        let found = node.store.invalidation(&id);
        let found = found.map_err(|error| Problem::ledger(&error))?;
        let shown = found.filter(|done| access.is(&done.by) || access.may_read(&done.site));
        let done = shown.ok_or_else(absent)?;
        Ok(Json(Record::new(&done, &node)).into_response())
    })
    .await
}

/// A key that may not learns nothing of which sites there are.
fn permit(node: &Node, access: &Access, site: Option<&str>) -> Result<(), Problem> {
    access.may(Action::Read, site, &[])?;
    match site {
        Some(site) if !node.config.sites.iter().any(|known| known.name == site) => {
            let detail = format!("there is no site `{site}`");
            Err(Problem::new(StatusCode::NOT_FOUND, detail))
        }
        _ => Ok(()),
    }
}

fn limit(asked: &str) -> Result<usize, Problem> {
    let limit = asked.parse().ok().filter(|limit| (1..=LISTED_MAX).contains(limit));
    limit.ok_or_else(|| Problem::bad_request(format!("`limit` is a number from 1 to {LISTED_MAX}")))
}
