//! `GET /sites`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use warmfront_config::{Action, Site};

use super::Node;
use super::access::Access;
use super::problem::Problem;

/// The sites that the key may read, in the order of the file.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    access: Access,
) -> Result<Json<Value>, Problem> {
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
    json!({ "name": site.name, "hosts": hosts, "behaviors": behaviors })
}
