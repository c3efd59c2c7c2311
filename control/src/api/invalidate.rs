//! `POST /invalidate`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use serde_json::json;
use warmfront_config::{Action, Config};
use warmfront_store::{InvalidationPath, LedgerError, Order, Receipt};

use super::access::Access;
use super::audit::{self, Fate};
use super::problem::Problem;
use super::record::Record;
use super::{Node, blocking, json};

/// Paths of one invalidation: CloudFront's limit.
const PATHS_MAX: usize = 3_000;
/// Longest reference, in bytes.
const REFERENCE_BYTES_MAX: usize = 256;
/// The topic of what `/ready` says of a ledger that cannot be written.
const LEDGER: &str = "ledger";

/// The words of the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    site: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    /// Known, so that scripts which always send it empty work.
    #[serde(default)]
    tags: Vec<String>,
    /// Known, so that scripts which always send `false` work.
    #[serde(default)]
    soft: bool,
    #[serde(default)]
    dry_run: bool,
    reference: Option<String>,
}

/// What the words mean.
#[derive(Debug)]
struct Asked {
    site: String,
    paths: Vec<InvalidationPath>,
    reference: Option<String>,
    mode: Mode,
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    InEarnest,
    DryRun,
}

pub(super) async fn create(
    State(node): State<Arc<Node>>,
    access: Access,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let words: Words = json::read(&parts.headers, body).await?;
    let asked = Asked::read(words, &node.config)?;
    let mode = asked.mode;
    let order = Order {
        site: asked.site,
        paths: asked.paths,
        reference: asked.reference,
        by: access.0.id().to_owned(),
    };
    if let Err(denied) = permit(&node.config, &access, &order) {
        audit::invalidation(&access.0, &order, Fate::Refused(denied.status()));
        return Err(denied);
    }
    match mode {
        Mode::DryRun => blocking(move || Ok(rehearse(&node, &order))).await,
        Mode::InEarnest => blocking(move || carry_out(&node, &access, &order)).await,
    }
}

/// A key that may not learns nothing of which sites there are.
fn permit(config: &Config, access: &Access, order: &Order) -> Result<(), Problem> {
    access.may(Action::Invalidate, Some(&order.site), &order.paths)?;
    if config.sites.iter().any(|site| site.name == order.site) {
        return Ok(());
    }
    let detail = format!("there is no site `{}`; there are {}", order.site, names(config));
    Err(Problem::new(StatusCode::NOT_FOUND, detail))
}

fn rehearse(node: &Node, order: &Order) -> Response {
    let counted = node.store.count(&order.site, &order.paths);
    Json(json!({
        "dry_run": true,
        "matched": counted.matched,
        "bytes": counted.bytes,
        "site": order.site,
        "paths": order.paths,
    }))
    .into_response()
}

fn carry_out(node: &Node, access: &Access, order: &Order) -> Result<Response, Problem> {
    let receipt = node.store.invalidate(order.clone(), node.now());
    let (done, status) = match receipt {
        Ok(Receipt::New(done)) => (done, StatusCode::CREATED),
        Ok(Receipt::Repeated(done)) => (done, StatusCode::OK),
        Ok(Receipt::Conflict(done)) => (done, StatusCode::CONFLICT),
        Err(error) => {
            let problem = ledger_failed(node, &error);
            audit::invalidation(&access.0, order, Fate::Refused(problem.status()));
            return Err(problem);
        }
    };
    node.readiness.resolve(LEDGER);
    if status == StatusCode::CONFLICT {
        audit::invalidation(&access.0, order, Fate::Refused(status));
        let detail = format!(
            "the reference belongs to invalidation {} of {}, which had other paths",
            done.id, done.site
        );
        return Err(Problem::new(status, detail));
    }
    audit::invalidation(&access.0, order, Fate::Done(&done, status));
    if status == StatusCode::CREATED {
        node.invalidated.with_label_values(&[&done.site]).inc();
    }
    let place = [(LOCATION, format!("/invalidations/{}", done.id))];
    Ok((status, place, Json(Record::from(&done))).into_response())
}

fn ledger_failed(node: &Node, error: &LedgerError) -> Problem {
    tracing::error!(%error, "an invalidation was refused: it could not be recorded");
    node.readiness.report(LEDGER, format!("no invalidation can be recorded: {error}"));
    Problem::ledger(error)
}

// === impl Asked ===

impl Asked {
    fn read(words: Words, config: &Config) -> Result<Self, Problem> {
        for (field, is_used) in [("tags", !words.tags.is_empty()), ("soft", words.soft)] {
            if is_used {
                let detail = format!("unknown field `{field}`: this node invalidates by `paths`");
                return Err(Problem::bad_request(detail));
            }
        }
        let site = match (words.site, config.sites.as_slice()) {
            (Some(site), _) => site,
            (None, [only]) => only.name.clone(),
            (None, _) => {
                let detail = format!("`site` is needed: there are {}", names(config));
                return Err(Problem::bad_request(detail));
            }
        };
        Ok(Self {
            site,
            paths: paths(&words.paths)?,
            reference: words.reference.map(reference).transpose()?,
            mode: if words.dry_run { Mode::DryRun } else { Mode::InEarnest },
        })
    }
}

fn paths(written: &[String]) -> Result<Vec<InvalidationPath>, Problem> {
    if written.is_empty() {
        let detail = "`paths` names no path; `/*` is every path";
        return Err(Problem::bad_request(detail));
    }
    if written.len() > PATHS_MAX {
        let detail = format!("{} paths are more than {PATHS_MAX}", written.len());
        return Err(Problem::bad_request(detail));
    }
    let parsed = written.iter().map(|path| InvalidationPath::parse(path));
    let parsed: Result<_, _> = parsed.collect();
    parsed.map_err(|bad| Problem::bad_request(bad.to_string()))
}

/// An empty one is a script's unset variable: it would make every invalidation the same.
fn reference(written: String) -> Result<String, Problem> {
    let is_fit = (1..=REFERENCE_BYTES_MAX).contains(&written.len());
    if !is_fit || written.chars().any(char::is_control) {
        let detail =
            format!("`reference` is 1 to {REFERENCE_BYTES_MAX} bytes, without control characters");
        return Err(Problem::bad_request(detail));
    }
    Ok(written)
}

fn names(config: &Config) -> String {
    let names: Vec<&str> = config.sites.iter().map(|site| site.name.as_str()).collect();
    names.join(", ")
}
