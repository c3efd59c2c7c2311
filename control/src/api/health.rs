//! `GET /live` and `GET /ready`: for those who start, stop and balance nodes. No key is needed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use super::Node;
use crate::readiness::Phase;

/// The process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// The node wants traffic; if not, 503.
pub(super) async fn ready(State(node): State<Arc<Node>>) -> (StatusCode, Json<Value>) {
    let ready = node.readiness.phase() == Phase::Serving;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let problems = node.readiness.problems();
    (status, Json(json!({ "ready": ready, "problems": problems })))
}
