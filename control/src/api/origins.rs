//! `GET /origins` and `GET /origins/{name}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};
use warmfront_config::{Action, Behavior, Failover, OriginKind};
use warmfront_origin::{Origin, TargetGroup};

use super::Node;
use super::access::{Access, Asked};
use super::problem::Problem;
use super::targets::Shown;
use crate::timestamp::Moment;

/// The origins that the key may see, by name.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    let access = asked.access();
    if access.may(Action::Targets, None, &[]).is_err() {
        access.may(Action::Read, None, &[])?;
    }
    let now = node.moment();
    let names = node.config.origins.keys();
    let seen = names.filter_map(|name| Seen::find(&node, &access, name));
    let origins: Vec<Value> = seen.map(|origin| origin.show(now)).collect();
    Ok(Json(json!({ "origins": origins })))
}

/// One that the key may not see is as if it were not there.
pub(super) async fn show(
    State(node): State<Arc<Node>>,
    name: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    let Path(name) = name.map_err(|_| absent())?;
    let origin = Seen::find(&node, &asked.access(), &name).ok_or_else(absent)?;
    Ok(Json(origin.show(node.moment())))
}

/// The target group of this name. 404 for one that the key may not see and for what has no targets.
pub(super) fn group_seen<'n>(
    node: &'n Node,
    access: &Access,
    name: &str,
) -> Result<&'n Arc<TargetGroup>, Problem> {
    match Seen::find(node, access, name) {
        None => Err(absent()),
        Some(Seen { what: What::Group(group), .. }) => Ok(group),
        Some(Seen { name, what: What::Bucket }) => {
            let detail = format!("{name} is a bucket: it has no targets");
            Err(Problem::new(StatusCode::NOT_FOUND, detail))
        }
        Some(Seen { name, what: What::Failover(failover) }) => {
            let (first, second) = (&failover.primary.name, &failover.secondary.name);
            let detail = format!("{name} has no targets: it is made of {first} and {second}");
            Err(Problem::new(StatusCode::NOT_FOUND, detail))
        }
    }
}

/// An origin that the key may see.
struct Seen<'n> {
    name: &'n str,
    what: What<'n>,
}

enum What<'n> {
    Bucket,
    Group(&'n Arc<TargetGroup>),
    Failover(&'n Failover),
}

// === impl Seen ===

impl<'n> Seen<'n> {
    fn find(node: &'n Node, access: &Access, name: &str) -> Option<Self> {
        let sites = node.config.sites.iter();
        let sites = sites.filter(|site| site.behaviors.iter().any(|b| asks(b, name)));
        let sites: Vec<&str> = sites.map(|site| site.name.as_str()).collect();
        if !access.may_see_origin(name, &sites) {
            return None;
        }
        let live = node.origins.iter().find(|origin| origin.name() == name);
        match (live, node.config.origins.get(name).map(|origin| &origin.kind)) {
            (Some(origin), _) => {
                let what = match origin {
                    Origin::Bucket(_) => What::Bucket,
                    Origin::TargetGroup(group) => What::Group(group),
                };
                Some(Self { name: origin.name(), what })
            }
            (None, Some(OriginKind::Failover(failover))) => {
                let (name, _) = node.config.origins.get_key_value(name)?;
                Some(Self { name, what: What::Failover(failover) })
            }
            (None, _) => None,
        }
    }

    fn show(&self, now: Moment) -> Value {
        let name = self.name;
        match self.what {
            What::Bucket => json!({ "name": name, "kind": "s3" }),
            What::Group(group) => json!({
                "name": name,
                "kind": "target-group",
                "targets": Shown::all(group, now),
                "waiting": group.waiting(),
            }),
            What::Failover(failover) => json!({
                "name": name,
                "kind": "failover",
                "primary": failover.primary.name,
                "secondary": failover.secondary.name,
            }),
        }
    }
}

/// Whether a behavior's requests go to this origin, maybe as one of two.
fn asks(behavior: &Behavior, name: &str) -> bool {
    let origin = &behavior.origin;
    let is_part = match &origin.kind {
        OriginKind::Failover(failover) => {
            [&failover.primary, &failover.secondary].iter().any(|part| part.name == name)
        }
        OriginKind::S3(_) | OriginKind::TargetGroup(_) => false,
    };
    origin.name == name || is_part
}

fn absent() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such origin")
}
