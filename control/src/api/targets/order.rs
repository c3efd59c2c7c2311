//! A change of a target: the words of the request, what they mean, and how it is done.

use std::fmt;

use http::StatusCode;
use serde::{Deserialize, Deserializer, de};
use serde_json::Number;
use warmfront_config::{TargetEntry, TargetName};
use warmfront_origin::{Registered, RegisteringError, TargetGroup};

use super::found::Found;
use super::shown::Shown;
use super::{group_seen, read_name};
use crate::api::Node;
use crate::api::access::Access;
use crate::api::audit::TargetChange;
use crate::api::problem::Problem;
use crate::timestamp::Moment;

/// As in the configuration.
const WEIGHT_MAX: u16 = 999;
const TIER_MAX: u8 = 9;
/// The topic of what `/ready` says of registrations that cannot be written.
const REGISTRATIONS: &str = "registrations";

/// The body of a POST.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterWords {
    address: String,
    #[serde(default, deserialize_with = "whole")]
    weight: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    tier: Option<i64>,
}

/// The body of a PUT.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeWords {
    state: Option<String>,
    #[serde(default, deserialize_with = "whole")]
    weight: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    tier: Option<i64>,
}

/// Who is to be changed, and how.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) origin: String,
    pub(super) name: TargetName,
    pub(super) change: Change,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// In the list and in use, whether it was before or not.
    Register(Share),
    /// Another share for one that is in use.
    Share(Share),
    Drain,
    Deregister,
}

/// What is asked for of a target's share; what is not stays as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    weight: Option<u16>,
    tier: Option<u8>,
}

/// What became of an order.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) status: StatusCode,
    /// The target as it is now.
    pub(super) shown: Shown,
}

// === impl RegisterWords ===

impl RegisterWords {
    pub(super) fn order(self, origin: String) -> Result<Order, Problem> {
        let name = read_name(&self.address)?;
        let share = Share::read(self.weight, self.tier)?;
        Ok(Order { origin, name, change: Change::Register(share) })
    }
}

// === impl ChangeWords ===

impl ChangeWords {
    pub(super) fn change(self) -> Result<Change, Problem> {
        let share = Share::read(self.weight, self.tier)?;
        match (self.state.as_deref(), share) {
            (None, Share { weight: None, tier: None }) => {
                let detail = "nothing is to be changed: give `state`, or `weight` and `tier`";
                Err(Problem::bad_request(detail))
            }
            (None, share) => Ok(Change::Share(share)),
            (Some("draining"), Share { weight: None, tier: None }) => Ok(Change::Drain),
            (Some("draining"), _) => {
                let detail = "a target that drains has no share: give `state` alone";
                Err(Problem::bad_request(detail))
            }
            (Some(state), _) => Err(Problem::bad_request(format!(
                "`state` is set to `draining` only, not to `{state}`: a drained target is put back \
                 in use by POST"
            ))),
        }
    }
}

// === impl Share ===

impl Share {
    fn read(weight: Option<i64>, tier: Option<i64>) -> Result<Self, Problem> {
        let weight = at_most("weight", weight, WEIGHT_MAX)?;
        Ok(Self { weight, tier: at_most("tier", tier, TIER_MAX)? })
    }

    fn entry(self, name: &TargetName, known: Option<&TargetEntry>) -> TargetEntry {
        let (weight, tier) = known.map_or((1, 0), |entry| (entry.weight, entry.tier));
        TargetEntry {
            name: name.clone(),
            weight: self.weight.unwrap_or(weight),
            tier: self.tier.unwrap_or(tier),
        }
    }
}

// === impl Order ===

impl Order {
    /// Carries the order out for who may give it. What it changed is on disk when this returns.
    pub(super) fn carry_out(&self, node: &Node, access: &Access) -> Result<Done, Problem> {
        access.may_change_targets(&self.origin)?;
        let group = group_seen(node, access, &self.origin)?;
        // Held so that what is read of the target is still so when it is changed.
        let _turn = node.registering.lock();
        let now = node.moment();
        let before = Found::by_name(group, &self.name);
        self.check(group, &before, now)?;

        let (by, at) = (access.0.name(), now.instant);
        let changed = match self.change {
            Change::Register(share) | Change::Share(share) => {
                group.register(&share.entry(&self.name, before.entry()), by, at)
            }
            Change::Drain => group.drain(&self.name, by, at).map(|()| Registered::Again),
            Change::Deregister => group.deregister(&self.name, by, at).map(|()| Registered::Again),
        };
        let changed = changed.map_err(|error| refused(node, &error))?;
        node.readiness.resolve(REGISTRATIONS);
        let after = match self.change {
            Change::Deregister => before.show_deregistered(by, now),
            _ => Found::by_name(group, &self.name).show(now),
        };
        let status = match changed {
            Registered::New => StatusCode::CREATED,
            Registered::Again => StatusCode::OK,
        };
        // Nobody else changes names, so what was just found or registered is there.
        Ok(Done { status, shown: after.ok_or_else(|| unknown(group, &self.name))? })
    }

    /// The order, for the audit line.
    pub(super) fn line(&self) -> TargetChange<'_> {
        let (change, share) = match self.change {
            Change::Register(share) => ("register", Some(share)),
            Change::Share(share) => ("share", Some(share)),
            Change::Drain => ("drain", None),
            Change::Deregister => ("deregister", None),
        };
        TargetChange {
            origin: &self.origin,
            name: &self.name,
            change,
            weight: share.and_then(|share| share.weight),
            tier: share.and_then(|share| share.tier),
        }
    }

    /// Whether the target is one to which this can be done.
    fn check(&self, group: &TargetGroup, before: &Found, now: Moment) -> Result<(), Problem> {
        if let Change::Register(_) = self.change {
            return Ok(());
        }
        let name = &self.name;
        if before.entry().is_none() {
            let Some(holder) = Found::holder(group, name) else {
                return Err(unknown(group, name));
            };
            let detail = format!("{name} is an address of {holder}: change that");
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        // Whoever waits until it is unused would restart what still has requests.
        if let (Change::Drain, Some(other)) = (self.change, before.shares()) {
            let detail =
                format!("the addresses of {name} are those of {other} too: drain that first");
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        if matches!(self.change, Change::Share(_)) && before.is_drained(now) {
            let detail = format!("{name} is drained: a POST puts it back in use, with its share");
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        Ok(())
    }
}

/// Nothing of that name is registered.
pub(super) fn unknown(group: &TargetGroup, name: &TargetName) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, group.unknown(name).to_string())
}

fn refused(node: &Node, error: &RegisteringError) -> Problem {
    let status = match error {
        RegisteringError::Unknown { .. } => StatusCode::NOT_FOUND,
        RegisteringError::TooMany { .. } => StatusCode::CONFLICT,
        RegisteringError::Registrations(_) => {
            tracing::error!(%error, "a change of a target was refused: it could not be recorded");
            let sentence = format!("the last change of a target was not recorded: {error}");
            node.readiness.report(REGISTRATIONS, sentence);
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    Problem::new(status, error.to_string())
}

/// `6.0` is a whole number too: JSON has one kind of number, and some languages write it so.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let rounded = number.as_f64().filter(|number| number.fract() == 0.0);
    let whole = number.as_i64().or_else(|| format!("{:.0}", rounded?).parse().ok());
    whole.map(Some).ok_or_else(|| de::Error::custom(format!("{number} is no whole number")))
}

fn at_most<T: Copy + TryFrom<i64> + PartialOrd + fmt::Display>(
    field: &str,
    number: Option<i64>,
    most: T,
) -> Result<Option<T>, Problem> {
    let Some(number) = number else { return Ok(None) };
    match T::try_from(number) {
        Ok(number) if number <= most => Ok(Some(number)),
        _ => Err(Problem::bad_request(format!("`{field}` is a number from 0 to {most}"))),
    }
}
