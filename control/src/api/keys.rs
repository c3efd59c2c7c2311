//! `/keys`: who may ask, and for what.

mod shown;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use warmfront_config::{Grant, Problems, duration};
use warmfront_keys::{KeysError, NewKey};

use super::access::Asked;
use super::audit::{self, KeyChange};
use super::problem::Problem;
use super::{Node, blocking};
use shown::{Made, Rotated, Shown};

/// How long the old secret passes beside the new one, unless somebody says.
const OVERLAP: Duration = Duration::from_hours(24);
/// The topic of what `/ready` says of keys that cannot be written.
const KEYS: &str = "keys";

/// The body of a POST.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    name: String,
    allow: Value,
}

/// The body of a rotation, which may have none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateWords {
    overlap: Option<String>,
}

/// `GET /keys`: all of them for the root key; another key sees itself.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    blocking(move || {
        let by = &asked.principal;
        let listed = node.keyring.list(node.now());
        let seen = listed.iter().filter(|key| by.is_root() || key.id == by.id());
        let shown: Vec<Shown<'_>> = seen.map(Shown::from).collect();
        Ok(Json(json!({ "keys": shown })))
    })
    .await
}

/// `POST /keys`. The secret is in this answer and in no other.
pub(super) async fn create(
    State(node): State<Arc<Node>>,
    asked: Asked,
) -> Result<Response, Problem> {
    asked.access().may_change_keys()?;
    let Words { name, allow } = asked.json()?;
    let allow = grants(&node, &allow)?;
    blocking(move || {
        let new = NewKey { name: name.clone(), allow };
        let made = settle(&node, node.keyring.create(new, &asked.principal, node.now()));
        let status = status_of(&made, StatusCode::CREATED);
        let id = made.as_ref().ok().map(|made| made.id.as_str());
        audit::keys(&asked.principal, &KeyChange { change: "create", changed: &name, id }, status);
        Ok((status, Json(Made::from(&made?))).into_response())
    })
    .await
}

/// `POST /keys/{id}/rotate`: another secret; the old one passes for a while.
pub(super) async fn rotate(
    State(node): State<Arc<Node>>,
    id: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<Response, Problem> {
    asked.access().may_change_keys()?;
    let Path(id) = id.map_err(|_| unknown())?;
    let words = if asked.body.is_empty() { RotateWords::default() } else { asked.json()? };
    let overlap = words.overlap.as_deref().map_or(Ok(OVERLAP), duration);
    let overlap = overlap.map_err(|why| Problem::bad_request(format!("`overlap`: {why}")))?;
    blocking(move || {
        let rotated = settle(&node, node.keyring.rotate(&id, overlap, node.now()));
        let status = status_of(&rotated, StatusCode::OK);
        let line = KeyChange { change: "rotate", changed: &id, id: None };
        audit::keys(&asked.principal, &line, status);
        Ok((status, Json(Rotated::from(&rotated?))).into_response())
    })
    .await
}

/// `DELETE /keys/{id}`.
pub(super) async fn revoke(
    State(node): State<Arc<Node>>,
    id: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<Response, Problem> {
    asked.access().may_change_keys()?;
    let Path(id) = id.map_err(|_| unknown())?;
    blocking(move || {
        let revoked = settle(&node, node.keyring.revoke(&id));
        let status = status_of(&revoked, StatusCode::NO_CONTENT);
        let line = KeyChange { change: "revoke", changed: &id, id: None };
        audit::keys(&asked.principal, &line, status);
        revoked.map(|()| status.into_response())
    })
    .await
}

/// What came of a change, as its client is told; the log and `/ready` tell of what is broken here.
fn settle<T>(node: &Node, outcome: Result<T, KeysError>) -> Result<T, Problem> {
    match outcome {
        Ok(done) => {
            node.readiness.resolve(KEYS);
            Ok(done)
        }
        Err(error) => Err(refused(node, &error).audited()),
    }
}

fn status_of<T>(outcome: &Result<T, Problem>, done: StatusCode) -> StatusCode {
    outcome.as_ref().map_or_else(Problem::status, |_| done)
}

/// By the rules of the file.
fn grants(node: &Node, allow: &Value) -> Result<Vec<Grant>, Problem> {
    node.config.grants(allow).map_err(|problems| Problem::bad_request(sentence(&problems)))
}

/// There is no file whose lines could be named.
fn sentence(problems: &Problems) -> String {
    let said = problems.iter().map(|problem| {
        let meant = problem.suggestion.as_ref();
        let meant = meant.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        format!("`{}`: {}{meant}", problem.key, problem.message)
    });
    said.collect::<Vec<_>>().join(", ")
}

fn refused(node: &Node, error: &KeysError) -> Problem {
    let status = match error {
        KeysError::Name | KeysError::Overlap => StatusCode::BAD_REQUEST,
        KeysError::Unknown => StatusCode::NOT_FOUND,
        KeysError::Taken { .. }
        | KeysError::Full
        | KeysError::Root
        | KeysError::Configured { .. }
        // One record that is damaged says nothing of the others.
        | KeysError::Record(_) => StatusCode::CONFLICT,
        KeysError::RootKey(_)
        | KeysError::Seal(_)
        | KeysError::Random(_)
        | KeysError::Read(_)
        | KeysError::Write(_) => {
            tracing::error!(%error, "a change of a key was refused");
            node.readiness.report(KEYS, format!("the last change of a key was refused: {error}"));
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    Problem::new(status, error.to_string())
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, KeysError::Unknown.to_string())
}
