//! `GET /openapi.json`: what this API takes and answers, for whoever writes a client of it.
//!
//! One fragment for each resource, beside its code. A test holds them against the router, and every
//! answer of the other tests against them.

use axum::Json;
use http::StatusCode;
use serde_json::Value;

use super::problem::Problem;

const DOCUMENT: &str = include_str!("openapi/document.json");
const RESOURCES: [&str; 6] = [
    include_str!("openapi/invalidations.json"),
    include_str!("openapi/inspect.json"),
    include_str!("openapi/keys.json"),
    include_str!("openapi/sites.json"),
    include_str!("openapi/origins.json"),
    include_str!("openapi/node.json"),
];

/// It holds no secret: no key is asked for.
pub(super) async fn show() -> Result<Json<Value>, Problem> {
    let document = document();
    document.map(Json).map_err(|error| {
        let detail = format!("the document cannot be read: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })
}

/// Fails if a fragment is no JSON, which the tests rule out.
pub(crate) fn document() -> Result<Value, serde_json::Error> {
    let mut document: Value = serde_json::from_str(DOCUMENT)?;
    if let Some(version) = document.pointer_mut("/info/version") {
        *version = env!("CARGO_PKG_VERSION").into();
    }
    for resource in RESOURCES {
        let mut resource: Value = serde_json::from_str(resource)?;
        for (part, place) in [("paths", "/paths"), ("schemas", "/components/schemas")] {
            let added = resource.get_mut(part).map(Value::take);
            let whole = document.pointer_mut(place).and_then(Value::as_object_mut);
            if let (Some(whole), Some(Value::Object(added))) = (whole, added) {
                whole.extend(added);
            }
        }
    }
    Ok(document)
}
