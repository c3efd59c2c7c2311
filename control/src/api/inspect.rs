//! `GET /inspect`: why a request is a hit or a miss.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use warmfront_config::Action;
use warmfront_semantics::inspection::{Question, Unroutable};

use super::access::Asked;
use super::problem::Problem;
use super::query::{Plus, Query};
use super::{Node, blocking};

const PARAMETERS: [(&str, Plus); 3] =
    [("url", Plus::Itself), ("method", Plus::Space), ("header", Plus::Space)];
/// Fields of the request that is asked about.
const FIELDS_MAX: usize = 100;

/// A site that the key may not read is as if it were not there.
pub(super) async fn show(State(node): State<Arc<Node>>, asked: Asked) -> Result<Response, Problem> {
    let access = asked.access();
    access.may(Action::Read, None, &[])?;
    let query = Query::read(&asked.head.uri, &PARAMETERS)?;
    let Some(url) = query.one("url")? else {
        let detail = "`url` is needed: what a client would ask for, percent-encoded";
        return Err(Problem::bad_request(detail));
    };
    let fields: Vec<&str> = query.all("header").collect();
    if fields.len() > FIELDS_MAX {
        let detail = format!("{} fields are more than {FIELDS_MAX}", fields.len());
        return Err(Problem::bad_request(detail));
    }
    let question = Question::read(url, query.one("method")?.unwrap_or("GET"), &fields);
    let question = question.map_err(|bad| Problem::bad_request(bad.to_string()))?;
    blocking(move || match node.data_plane.inspect(&question) {
        Ok(inspection) if access.may_read(&inspection.site) => Ok(Json(inspection).into_response()),
        Ok(_) | Err(Unroutable::UnknownHost) => {
            let detail = "no site answers for the host of this URL";
            Err(Problem::new(StatusCode::NOT_FOUND, detail))
        }
        Err(refused) => Err(Problem::bad_request(refused.to_string())),
    })
    .await
}
