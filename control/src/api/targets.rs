//! `/origins/{name}/targets`: registering, changing, draining, deregistering while requests go on.

mod found;
mod order;
mod shown;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use warmfront_config::{TargetName, target_name};

use super::access::Asked;
use super::origins::group_seen;
use super::problem::Problem;
use super::{Node, audit, blocking};
use found::Found;
use order::{Change, ChangeWords, Order, RegisterWords};

pub(super) use shown::Shown;

/// `POST /origins/{name}/targets`.
pub(super) async fn register(
    State(node): State<Arc<Node>>,
    origin: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<Response, Problem> {
    let Path(origin) = origin.map_err(|_| nothing())?;
    let words: RegisterWords = asked.json()?;
    carry_out(node, asked, words.order(origin)?).await
}

/// `PUT /origins/{name}/targets/{address}`.
pub(super) async fn change(
    State(node): State<Arc<Node>>,
    place: Result<Path<(String, String)>, PathRejection>,
    asked: Asked,
) -> Result<Response, Problem> {
    let (origin, name) = read_place(place)?;
    let words: ChangeWords = asked.json()?;
    carry_out(node, asked, Order { origin, name, change: words.change()? }).await
}

/// `DELETE /origins/{name}/targets/{address}`.
pub(super) async fn deregister(
    State(node): State<Arc<Node>>,
    place: Result<Path<(String, String)>, PathRejection>,
    asked: Asked,
) -> Result<Response, Problem> {
    let (origin, name) = read_place(place)?;
    carry_out(node, asked, Order { origin, name, change: Change::Deregister }).await
}

/// `GET /origins/{name}/targets/{address}`: by its registered name, or by one of its addresses.
pub(super) async fn show(
    State(node): State<Arc<Node>>,
    place: Result<Path<(String, String)>, PathRejection>,
    asked: Asked,
) -> Result<Json<Shown>, Problem> {
    let (origin, name) = read_place(place)?;
    let group = group_seen(&node, &asked.access(), &origin)?;
    let shown = Found::by_name_or_address(group, &name).show(node.moment());
    shown.map(Json).ok_or_else(|| order::unknown(group, &name))
}

/// Whatever comes of it, it leaves its line.
async fn carry_out(node: Arc<Node>, asked: Asked, order: Order) -> Result<Response, Problem> {
    blocking(move || {
        let done = order.carry_out(&node, &asked.access());
        let status = match &done {
            Ok(done) => done.status,
            Err(problem) => problem.status(),
        };
        audit::targets(&asked.principal, &order.line(), status);
        let shown = done.map_err(Problem::audited)?.shown;
        if status == StatusCode::CREATED {
            let place = [(LOCATION, place(&order.origin, &order.name))];
            return Ok((status, place, Json(shown)).into_response());
        }
        Ok((status, Json(shown)).into_response())
    })
    .await
}

fn read_place(
    place: Result<Path<(String, String)>, PathRejection>,
) -> Result<(String, TargetName), Problem> {
    let Path((origin, address)) = place.map_err(|_| nothing())?;
    Ok((origin, read_name(&address)?))
}

/// As in the configuration.
fn read_name(text: &str) -> Result<TargetName, Problem> {
    target_name(text).map_err(|why| Problem::bad_request(format!("`{text}` is no target: {why}")))
}

/// The brackets of an IPv6 address are reserved in a path (RFC 3986 §2.2).
fn place(origin: &str, name: &TargetName) -> String {
    let address = name.to_string().replace('[', "%5B").replace(']', "%5D");
    format!("/origins/{origin}/targets/{address}")
}

/// For a path that is not UTF-8: no name is spelled so.
fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "nothing is at this path")
}
