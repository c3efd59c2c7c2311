//! `[origins.NAME]` with `targets`: app servers, who of them is asked, and when they are spared.

mod algorithm;
mod codes;
mod health_check;
mod stickiness;
mod targets;
mod tls;

use std::ops::RangeInclusive;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};

use super::fields;
use super::limits::DEADLINE;
use crate::model::{Circuit, HostField, Outliers, TargetGroup, TargetProtocol};
use crate::raw::{Section, Value};

/// How often a request may be tried.
pub(crate) const ATTEMPTS: RangeInclusive<u64> = 1..=10;

/// The keys of a target group.
pub(super) const KEYS: [&str; 18] = [
    "targets",
    "tls",
    "protocol",
    "host",
    "headers",
    "algorithm",
    "anomaly_mitigation",
    "hash_on",
    "connect_timeout",
    "response_timeout",
    "attempts",
    "retry_budget",
    "health_check",
    "slow_start",
    "deregistration_delay",
    "stickiness",
    "outliers",
    "circuit",
];

const PROTOCOLS: [(&str, TargetProtocol); 2] =
    [("http1", TargetProtocol::Http1), ("http2", TargetProtocol::Http2)];
const SLOW_START_MIN: Duration = Duration::from_secs(1);
const SLOW_START_MAX: Duration = Duration::from_mins(15);
const DEREGISTRATION_DELAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(1);
const EJECTION: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);
const OUTLIERS: Outliers = Outliers { consecutive_errors: 5, eject_for: Duration::from_secs(30) };

/// A target group. That `targets` is missing has been reported.
pub(super) fn target_group(section: &Section<'_>) -> Option<TargetGroup> {
    let targets = section.get("targets").and_then(|value| targets::targets(&value));
    let transport = tls::transport(section);
    let health_check = section.get("health_check");
    let health_check = health_check
        .and_then(|value| value.section(|section| health_check::read(section, &transport)));
    Some(TargetGroup {
        tls: transport.tls(),
        protocol: section.or("protocol", TargetProtocol::Http1, |value| value.one_of(&PROTOCOLS)),
        host: section.or("host", HostField::Client, |value| value.parsed(host_field)),
        headers: section
            .or("headers", Vec::new(), |value| fields::secret_pairs(value, permit_to_targets)),
        algorithm: algorithm::algorithm(section),
        connect_timeout: section
            .or("connect_timeout", Duration::from_secs(5), |value| value.duration(DEADLINE)),
        response_timeout: section
            .or("response_timeout", Duration::from_secs(30), |value| value.duration(DEADLINE)),
        attempts: section.or("attempts", 3, |value| value.whole(ATTEMPTS)),
        retry_budget: section.or("retry_budget", 20, |value| value.whole(0..=100)),
        health_check,
        slow_start: section.or("slow_start", Duration::ZERO, slow_start),
        deregistration_delay: section.or("deregistration_delay", Duration::from_mins(5), |value| {
            value.duration(DEREGISTRATION_DELAY)
        }),
        stickiness: section
            .get("stickiness")
            .and_then(|value| unless_off(&value, stickiness::stickiness)),
        outliers: section.or("outliers", Some(OUTLIERS), |value| {
            Some(unless_off(value, |section| Some(outliers(section))))
        }),
        circuit: section.get("circuit").and_then(|value| value.section(circuit)),
        // Behind the others: each of them has its own problems to report.
        targets: targets?,
    })
}

/// Why a field may not be set on every request to a target.
pub(crate) fn permit_to_targets(name: &HeaderName) -> Result<(), &'static str> {
    if *name == header::HOST {
        return Err("the Host field has a key of its own: `host`");
    }
    if fields::is_framing(name) {
        return Err("frames one connection's messages and cannot be set");
    }
    Ok(())
}

fn host_field(text: &str) -> Result<HostField, String> {
    match text {
        "client" => Ok(HostField::Client),
        "target" => Ok(HostField::Target),
        literal => literal_host(literal)
            .map(HostField::Literal)
            .ok_or_else(|| format!("is \"client\", \"target\" or a host, not {literal:?}")),
    }
}

/// A host, and a port if there is one, as the Host field has them.
fn literal_host(text: &str) -> Option<HeaderValue> {
    let authority = text.parse::<http::uri::Authority>().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    HeaderValue::from_str(authority.as_str()).ok()
}

/// A table, or `"off"`.
fn unless_off<T>(value: &Value<'_>, read: impl FnOnce(&Section<'_>) -> Option<T>) -> Option<T> {
    if value.is_table() {
        return value.section(read);
    }
    if value.is_text() {
        value.one_of(&[("off", ())]);
        return None;
    }
    value.is_not("a table or \"off\"")
}

fn slow_start(value: &Value<'_>) -> Option<Duration> {
    let slow_start = value.duration(Duration::ZERO..=SLOW_START_MAX)?;
    if !slow_start.is_zero() && slow_start < SLOW_START_MIN {
        value.problem("must be 0s, which is off, or 1s to 15m");
    }
    Some(slow_start)
}

fn outliers(section: &Section<'_>) -> Outliers {
    let Outliers { consecutive_errors: errors, eject_for } = OUTLIERS;
    Outliers {
        consecutive_errors: section.or("consecutive_errors", errors, |value| value.whole(1..=100)),
        eject_for: section.or("eject_for", eject_for, |value| value.duration(EJECTION)),
    }
}

fn circuit(section: &Section<'_>) -> Option<Circuit> {
    let in_flight = section.need("in_flight").and_then(|value| value.whole(1..=1_000_000));
    let waiting = section.or("waiting", 0, |value| value.whole(0..=100_000));
    Some(Circuit { in_flight: in_flight?, waiting })
}
