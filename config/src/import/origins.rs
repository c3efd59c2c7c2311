//! Origins and origin groups.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::ImportError;
use super::bucket::Bucket;
use super::page::{Names, Reasons, Table, inline, key, seconds, text, texts};
use super::setting::Setting;
use crate::check::address::target_name;
use crate::check::limits::DEADLINE;
use crate::check::origins::{ATTEMPTS, permit_to_targets};

/// All origins and groups by their id, in the order of the distribution.
#[derive(Debug)]
pub(super) struct Origins<'n>(Vec<Planned<'n>>);

/// An origin whose table is still to be written: behaviors decide which Host it gets.
#[derive(Debug)]
struct Planned<'n> {
    id: &'n str,
    name: String,
    kind: Kind,
    setting: Setting<'n>,
}

/// What an origin is here.
#[derive(Debug)]
enum Kind {
    Bucket(Bucket),
    Targets,
    /// Indices of the two.
    Failover([usize; 2]),
}

/// Which Host the behaviors want an origin to get.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts(BTreeMap<usize, Wanted>);

#[derive(Debug, Clone, Default)]
struct Wanted {
    clients: bool,
    own: bool,
}

/// An origin as behaviors see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'o> {
    pub(super) name: &'o str,
    /// For a failover, whether the first of the two is.
    pub(super) is_bucket: bool,
    index: usize,
}

// === impl Origins ===

impl<'n> Origins<'n> {
    pub(super) fn read(root: &Setting<'n>) -> Result<Self, ImportError> {
        let mut names = Names::default();
        let mut planned: Vec<Planned<'n>> = Vec::new();
        for setting in root.items("Origins")? {
            let id = setting.need("Id")?.own_text()?;
            let domain = setting.need("DomainName")?.own_text()?;
            let bucket = Bucket::of(domain, setting.get("S3OriginConfig")?.is_some());
            let kind = bucket.map_or(Kind::Targets, Kind::Bucket);
            planned.push(Planned { id, name: names.take(id), kind, setting });
        }
        // A failover of failovers there is in neither place.
        let origins: Vec<_> = planned.iter().map(|it| it.id).collect();
        for setting in root.items("OriginGroups")? {
            let id = setting.need("Id")?.own_text()?;
            let mut members = Vec::new();
            for member in setting.items("Members")?.iter().take(2) {
                let origin = member.need("OriginId")?;
                let id = origin.own_text()?;
                let found = origins.iter().position(|known| *known == id);
                members.push(found.ok_or_else(|| origin.is_not("the id of an origin"))?);
            }
            let kind = match *members {
                [primary, secondary] if primary != secondary => {
                    Kind::Failover([primary, secondary])
                }
                _ => return Err(setting.need("Members")?.is_not("a list of two origins")),
            };
            planned.push(Planned { id, name: names.take(id), kind, setting });
        }
        Ok(Self(planned))
    }

    /// The origin that a behavior names.
    pub(super) fn find(&self, behavior: &Setting<'n>) -> Result<Origin<'_>, ImportError> {
        let target = behavior.need("TargetOriginId")?;
        let id = target.own_text()?;
        let found = self.0.iter().enumerate().find(|(_, it)| it.id == id);
        let (index, planned) = found.ok_or_else(|| target.is_not("the id of an origin"))?;
        let first = match planned.kind {
            Kind::Failover([primary, _]) => self.0.get(primary),
            _ => Some(planned),
        };
        let is_bucket = first.is_some_and(|it| matches!(it.kind, Kind::Bucket(_)));
        Ok(Origin { name: &planned.name, is_bucket, index })
    }

    /// One table each.
    pub(super) fn tables(&self, hosts: &Hosts) -> Result<Vec<Table>, ImportError> {
        let table = |(index, it): (usize, &Planned<'n>)| {
            let mut table = Table::new(format!("[origins.{}]", key(&it.name)));
            if it.name != it.id {
                table.remark(format!("called {} in CloudFront", text(it.id)));
            }
            match &it.kind {
                Kind::Bucket(bucket) => bucket.write(&it.setting, &mut table)?,
                Kind::Targets => target_group(&it.setting, &self.host(index, hosts), &mut table)?,
                Kind::Failover(members) => self.failover(&it.setting, *members, &mut table)?,
            }
            table.leftovers(&it.setting, "", REASONS);
            Ok(table)
        };
        self.0.iter().enumerate().map(table).collect()
    }

    fn failover(
        &self,
        setting: &Setting<'n>,
        members: [usize; 2],
        table: &mut Table,
    ) -> Result<(), ImportError> {
        let names = members.map(|index| self.0.get(index).map_or("", |it| it.name.as_str()));
        let [primary, secondary] = names;
        table.set("primary", text(primary));
        table.set("secondary", text(secondary));
        let mut statuses = Vec::new();
        if let Some(criteria) = setting.get("FailoverCriteria")? {
            for item in criteria.items("StatusCodes")? {
                let status = item.own_number()?;
                if (400..=599).contains(&status) && !statuses.contains(&status) {
                    statuses.push(status);
                } else {
                    item.release();
                }
            }
        }
        if !statuses.is_empty() {
            let statuses: Vec<_> = statuses.iter().map(u64::to_string).collect();
            table.set("on", format!("[{}]", statuses.join(", ")));
        }
        setting.accept("SelectionCriteria", "\"default\"")
    }

    /// What the behaviors want, for itself and for groups that it is in.
    fn host(&self, index: usize, hosts: &Hosts) -> Wanted {
        let groups = self.0.iter().enumerate().filter_map(|(group, it)| match it.kind {
            Kind::Failover(members) if members.contains(&index) => Some(group),
            _ => None,
        });
        let mut wanted = Wanted::default();
        for asked in groups.chain([index]).filter_map(|index| hosts.0.get(&index)) {
            wanted.clients |= asked.clients;
            wanted.own |= asked.own;
        }
        wanted
    }
}

// === impl Hosts ===

impl Hosts {
    /// A behavior sends the client's Host to this origin, or does not.
    pub(super) fn note(&mut self, origin: Origin<'_>, clients: bool) {
        let wanted = self.0.entry(origin.index).or_default();
        wanted.clients |= clients;
        wanted.own |= !clients;
    }
}

// === target groups ===

fn target_group(
    setting: &Setting<'_>,
    host: &Wanted,
    table: &mut Table,
) -> Result<(), ImportError> {
    let custom = setting.get("CustomOriginConfig")?;
    targets(setting, custom.as_ref(), host, table)?;
    let headers = custom_headers(setting, permit_to_targets)?;
    if !headers.is_empty() {
        table.set("headers", inline(&headers));
    }
    let timeouts = match (&custom, setting.get("VpcOriginConfig")?) {
        (Some(config), _) => Some(config.clone()),
        (None, vpc) => vpc,
    };
    let deadline = |table: &mut Table, name, held: &Setting<'_>, member| {
        let asked = held.number(member)?;
        match asked {
            Some(asked) if DEADLINE.contains(&Duration::from_secs(asked)) => {
                table.set(name, seconds(asked));
            }
            Some(asked) => {
                table.remark(format!("not carried over: {member} = {asked}: 1 second to a day"));
            }
            None => {}
        }
        Ok::<_, ImportError>(())
    };
    deadline(table, "connect_timeout", setting, "ConnectionTimeout")?;
    if let Some(config) = &timeouts {
        deadline(table, "response_timeout", config, "OriginReadTimeout")?;
    }
    if let Some(attempts) = setting.number("ConnectionAttempts")? {
        if ATTEMPTS.contains(&attempts) {
            table.set("attempts", attempts.to_string());
        } else {
            table.remark(format!("not carried over: ConnectionAttempts = {attempts}: 1 to 10"));
        }
    }
    if let Some(config) = &custom {
        table.leftovers(config, "CustomOriginConfig.", CUSTOM);
    }
    Ok(())
}

/// Where they are, and what they are told of the host.
fn targets(
    setting: &Setting<'_>,
    custom: Option<&Setting<'_>>,
    host: &Wanted,
    table: &mut Table,
) -> Result<(), ImportError> {
    let domain = setting.need("DomainName")?.own_text()?;
    let (port, scheme) = match custom {
        Some(config) => port(config, table)?,
        None => (80, Scheme::Http),
    };
    let target = format!("{domain}:{port}");
    if target_name(&target).is_err() {
        return Err(setting.need("DomainName")?.is_not("a host name"));
    }
    let targets = texts(&[target]);
    if custom.is_some() {
        table.set("targets", targets);
    } else {
        let note = "fill in: the port; CloudFront had it elsewhere";
        table.set_with("targets", targets, note);
    }
    if scheme == Scheme::Https {
        table.set("tls", "true".to_owned());
        if host.clients {
            table.remark(format!(
                "the certificate has to be for {domain}; CloudFront takes one for the Host field's \
                 name, too: `tls = {{ server_name = \"…\" }}` is for that"
            ));
        }
    }
    if !host.clients {
        table.set("host", text(domain));
        return Ok(());
    }
    table.set("host", text("client"));
    if host.own {
        table.remark(format!(
            "fill in: behaviors disagree on the Host field; some want host = {}",
            text(domain)
        ));
    }
    Ok(())
}

/// How targets are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// The port that requests go to, and what is spoken there.
fn port(config: &Setting<'_>, table: &mut Table) -> Result<(u64, Scheme), ImportError> {
    let policy = config.text("OriginProtocolPolicy")?.unwrap_or("http-only");
    let port = |name, default| {
        let number = config.number(name)?.unwrap_or(default);
        let right = (1..=65_535).contains(&number);
        let wrong = || config.need(name).map_or_else(|error| error, |it| it.is_not("a port"));
        if right { Ok(number) } else { Err(wrong()) }
    };
    match policy {
        "http-only" => Ok((port("HTTPPort", 80)?, Scheme::Http)),
        "match-viewer" => {
            table.remark(
                "OriginProtocolPolicy = \"match-viewer\": targets are asked over plain HTTP, \
                 whatever the client speaks; `tls = true` with the HTTPS port makes it HTTPS",
            );
            Ok((port("HTTPPort", 80)?, Scheme::Http))
        }
        "https-only" => Ok((port("HTTPSPort", 443)?, Scheme::Https)),
        _ => {
            let policy = config.need("OriginProtocolPolicy")?;
            Err(policy.is_not("\"http-only\", \"https-only\" or \"match-viewer\""))
        }
    }
}

/// Fields that may be set on every request; the others are left to be named.
pub(super) fn custom_headers(
    setting: &Setting<'_>,
    permit: impl Fn(&HeaderName) -> Result<(), &'static str>,
) -> Result<Vec<(String, String)>, ImportError> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for item in setting.items("CustomHeaders")? {
        let name = item.text("HeaderName")?.unwrap_or_default();
        let value = item.text("HeaderValue")?.unwrap_or_default();
        let taken = headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let field = HeaderName::from_bytes(name.as_bytes()).ok();
        let right = field.is_some_and(|field| permit(&field).is_ok())
            && HeaderValue::from_str(value).is_ok();
        if right && !taken {
            headers.push((name.to_owned(), text(value)));
        } else {
            item.release();
        }
    }
    Ok(headers)
}

const CUSTOM: &Reasons = &[
    ("HTTPPort", ""),
    ("HTTPSPort", ""),
    ("OriginSslProtocols", ""),
    ("OriginKeepaliveTimeout", ""),
    ("IpAddressType", "a target's name is resolved to both families"),
    (
        "OriginMtlsConfig",
        "the certificate and its key are files here, tls = { client_certificate = \"…\", client_key = \"…\" }",
    ),
];
const REASONS: &Reasons = &[
    ("OriginPath", "a target group has no prefix: let the servers answer under it"),
    ("CustomHeaders", "not a field that may be set on every request"),
    ("CustomOriginConfig", ""),
    ("S3OriginConfig", ""),
    ("VpcOriginConfig", "the node reaches what its own network reaches"),
    ("ConnectionAttempts", ""),
    ("ConnectionTimeout", ""),
    ("ResponseCompletionTimeout", "only waiting for the next bytes is limited"),
    ("OriginShield", ""),
    ("OriginAccessControlId", "this kind of origin is not signed for"),
    ("Members", "a failover is two origins"),
    ("FailoverCriteria", "not a status that a failover can be for"),
    ("SelectionCriteria", "the first origin is always asked first"),
];
