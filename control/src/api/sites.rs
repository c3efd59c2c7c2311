//! `GET /sites`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use warmfront_config::{Action, Site};

use super::Node;
use super::access::Asked;
use super::problem::Problem;

/// The sites that the key may read, in the order of the file.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    let access = asked.access();
    access.may(Action::Read, None, &[])?;
    let sites = node.config.sites.iter().filter(|site| access.may_read(&site.name));
    let sites: Vec<Value> = sites.map(|site| shown(site)).collect();
    Ok(Json(json!({ "sites": sites })))
}

fn shown(site: &Site) -> Value {
    let hosts: Vec<String> = site.hosts.iter().map(ToString::to_string).collect();
    let behaviors = site
        .behaviors
        .iter()
        .map(|behavior| json!({ "path": behavior.path.as_str(), "origin": behavior.origin.name }));
    let behaviors: Vec<Value> = behaviors.collect();
    json!({ "name": site.name, "id": site.id, "hosts": hosts, "behaviors": behaviors })
}
