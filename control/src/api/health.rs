//! `GET /live` and `GET /ready`: for those who start, stop and balance nodes. No key is needed.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};
use warmfront_origin::{Health, TargetGroup};

use super::{Node, instant};
use crate::readiness::Phase;

/// The process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// The node wants traffic; if not, 503.
pub(super) async fn ready(State(node): State<Arc<Node>>) -> (StatusCode, Json<Value>) {
    let ready = node.readiness.phase() == Phase::Serving;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut problems = node.readiness.problems();
    problems.extend(node.store.problem().map(|problem| problem.to_string()));
    let now = instant();
    // What is stored is served on all the same.
    for group in node.groups().filter(|group| !has_healthy_target(group, now)) {
        problems.push(format!("origin {}: no target is healthy", group.name()));
    }
    let wall = node.now();
    problems.extend(node.own_files.problems(wall));
    problems.extend(node.orders.iter().flat_map(|orders| orders.problems(wall)));
    (status, Json(json!({ "ready": ready, "problems": problems })))
}

fn has_healthy_target(group: &TargetGroup, now: Instant) -> bool {
    let mut states = group.targets().into_iter().map(|status| status.target.condition(now).state);
    states.any(|state| matches!(state, Health::Healthy { .. }))
}
