//! Where a value is published, by which means, and when it counts as published.

use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use hickory_proto::ProtoError;
use hickory_proto::rr::Name;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use warmfront_config::{DnsPublisher, Resolver};

use crate::SigningKeys;
use crate::authoritative::{Server, Unseen, servers_of, sight, wait_until_seen};
use crate::exec::{Hook, HookError};
use crate::lookup::Lookup;
use crate::rfc2136::{UpdateError, Updates};
use crate::route53::{HostedZone, Route53Error};

/// Names that stand for other names are followed so far.
const ALIASES_MAX: usize = 8;

/// Publishes the proofs of dns-01.
#[derive(Debug)]
pub struct Publisher {
    means: Means,
    lookup: Lookup,
    /// Name servers that the configuration names, with their ports: there they listen, not on 53.
    ports: HashMap<IpAddr, u16>,
}

/// A value and where it is published, to be withdrawn: also after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    #[serde(with = "written")]
    name: Name,
    value: String,
}

/// Why there is no publisher.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// A name in the settings is none.
    #[error("`{name}` is no domain name")]
    Name {
        /// As it was written.
        name: String,
        /// What is wrong with it.
        #[source]
        source: ProtoError,
    },
    /// The TSIG key can not be used.
    #[error("the TSIG key `{key}` cannot be used: {reason}")]
    Key {
        /// Its name.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to verify Route 53's certificate with.
    #[error("loading the roots that Route 53 is trusted by")]
    Roots(#[source] std::io::Error),
    /// Nobody signs.
    #[error("requests to Route 53 are signed, and there are no keys to sign them with")]
    Unsigned,
}

/// Why a value is not published, or not withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The host can not have such a record: with `_acme-challenge.` it is too long.
    #[error("`{name}` is no domain name")]
    Name {
        /// `_acme-challenge` and the host.
        name: String,
        /// What is wrong with it.
        #[source]
        source: ProtoError,
    },
    /// A loop, or a chain that no authority would follow.
    #[error("`{name}` leads over more than {ALIASES_MAX} CNAME records")]
    Aliases {
        /// Where the chain begins.
        name: String,
    },
    /// Nothing was changed.
    #[error("{name} does not lie in the zone `{zone}`, which is the one that is published in")]
    OutsideZone {
        /// The name, and what led to it.
        name: String,
        /// The zone of the settings.
        zone: String,
    },
    /// Nothing was changed, and no program was run.
    #[error("`{0}` is no name that a value is published at")]
    Unspeakable(String),
    /// A name server did not take the update.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// Route 53 did not take the change.
    #[error(transparent)]
    Route53(#[from] Route53Error),
    /// The program failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// It was published, was not seen everywhere in time, and has been withdrawn.
    #[error("`{name}` was published and does not show")]
    Unseen {
        /// The record's name.
        name: String,
        /// Where it is missing.
        #[source]
        source: Unseen,
    },
}

#[derive(Debug)]
enum Means {
    Rfc2136(Updates),
    Route53(Box<HostedZone>),
    Exec(Hook),
}

// === impl Publisher ===

impl Publisher {
    /// `resolver` says who is asked for CNAME records and name servers. `keys` are for Route 53
    /// alone. Nothing is connected or asked; for Route 53 the system's roots are read.
    pub fn new(
        settings: &DnsPublisher,
        resolver: &Resolver,
        keys: Option<Arc<dyn SigningKeys>>,
    ) -> Result<Self, PublisherError> {
        let means = match settings {
            DnsPublisher::Rfc2136(settings) => Means::Rfc2136(Updates::new(settings)?),
            DnsPublisher::Route53(settings) => {
                let keys = keys.ok_or(PublisherError::Unsigned)?;
                Means::Route53(Box::new(HostedZone::new(settings, keys)?))
            }
            DnsPublisher::Exec(program) => Means::Exec(Hook::new(program.clone())),
        };
        let mut ports: HashMap<IpAddr, u16> =
            resolver.servers.iter().map(|server| (server.ip(), server.port())).collect();
        if let Means::Rfc2136(updates) = &means {
            ports.insert(updates.server().ip(), updates.server().port());
        }
        Ok(Self { means, lookup: Lookup::new(resolver), ports })
    }

    /// Where a value is to be published for a host: at `_acme-challenge.HOST`, or at what that is
    /// another name for. Changes nothing, so that it can be written down first. `host` comes without
    /// `*.`; `now` is for signatures.
    ///
    /// Fails where nothing may be published there.
    pub async fn locate(
        &self,
        host: &str,
        value: &str,
        now: SystemTime,
    ) -> Result<Published, DnsError> {
        let began = Instant::now();
        let asked = record_name(host)?;
        let name = self.end_of_aliases(&asked).await?;
        if fully_qualified(&plain(&name)).is_ok_and(|again| again == name) {
            self.prove_ours(&name, &asked, now + began.elapsed()).await?;
        } else {
            // It could not be read again after a restart.
            return Err(DnsError::Unspeakable(plain(&name)));
        }
        Ok(Published { name, value: value.to_owned() })
    }

    /// Adds the value beside the TXT records that are there, and returns when all of the zone's name
    /// servers that answer have it, or after 2 min. Name servers that this node does not find are
    /// not waited for.
    ///
    /// Fails if it cannot be published, and if a name server answers without it to the end. It has
    /// been withdrawn then, as far as that can be done: an answer may be lost after it took effect.
    pub async fn publish(&self, published: &Published, now: SystemTime) -> Result<(), DnsError> {
        let began = Instant::now();
        let outcome = match self.add(published, now).await {
            Ok(()) => self.wait(published).await.map_err(|source| {
                let name = published.name();
                DnsError::Unseen { name, source }
            }),
            Err(error) => Err(error),
        };
        if outcome.is_err()
            && let Err(error) = self.withdraw(published, now + began.elapsed()).await
        {
            let name = published.name();
            tracing::warn!(name, "a TXT record may be left behind: {}", error.sentence());
        }
        outcome
    }

    /// Removes this value alone, and waits for nobody to see it. Removing what is gone succeeds.
    pub async fn withdraw(&self, published: &Published, now: SystemTime) -> Result<(), DnsError> {
        let Published { name, value } = published;
        match &self.means {
            Means::Rfc2136(updates) => updates.delete(name, value, now).await?,
            Means::Route53(zone) => zone.remove(name, value, now).await?,
            Means::Exec(hook) => hook.cleanup(&argument(name)?, value).await?,
        }
        Ok(())
    }

    /// What the name stands for: the world's view of it is what the authority has.
    async fn end_of_aliases(&self, asked: &Name) -> Result<Name, DnsError> {
        let mut name = asked.clone();
        for _ in 0..=ALIASES_MAX {
            match self.lookup.alias(&name).await {
                Ok(Some(next)) => name = next,
                Ok(None) => return Ok(name),
                // The authority sees what it sees; that this node does not is no reason to give up.
                Err(error) => {
                    tracing::warn!("published without knowing whether it is a CNAME: {error}");
                    return Ok(name);
                }
            }
        }
        Err(DnsError::Aliases { name: plain(asked) })
    }

    /// Before anything is changed.
    async fn prove_ours(&self, name: &Name, asked: &Name, now: SystemTime) -> Result<(), DnsError> {
        let zone = match &self.means {
            Means::Rfc2136(updates) => updates.zone(),
            Means::Route53(zone) => zone.name(now).await?,
            Means::Exec(_) => return argument(name).map(|_| ()),
        };
        if zone.zone_of(name) {
            return Ok(());
        }
        let mut shown = format!("`{}`", plain(name));
        if name != asked {
            shown = format!("{shown}, to which a CNAME at `{}` leads,", plain(asked));
        }
        Err(DnsError::OutsideZone { name: shown, zone: plain(zone) })
    }

    async fn add(&self, published: &Published, now: SystemTime) -> Result<(), DnsError> {
        let Published { name, value } = published;
        match &self.means {
            Means::Rfc2136(updates) => updates.add(name, value, now).await?,
            Means::Route53(zone) => zone.add(name, value, now).await?,
            Means::Exec(hook) => hook.present(&argument(name)?, value).await?,
        }
        Ok(())
    }

    async fn wait(&self, published: &Published) -> Result<(), Unseen> {
        let Published { name, value } = published;
        let zone = match &self.means {
            Means::Rfc2136(updates) => Ok(Some(updates.zone().clone())),
            // What an endpoint of the user's own holds is in no DNS that could be asked.
            Means::Route53(zone) if zone.has_own_endpoint() => return Ok(()),
            Means::Route53(_) | Means::Exec(_) => self.lookup.zone_of(name).await,
        };
        let mut servers = match zone {
            Ok(Some(zone)) => servers_of(&zone, &self.lookup, &self.ports).await,
            Ok(None) => Err("no zone is delegated that it lies in".to_owned()),
            Err(error) => Err(error.to_string()),
        }
        .unwrap_or_else(|reason| {
            tracing::warn!(name = plain(name), "name servers were not found: {reason}");
            Vec::new()
        });
        if let Means::Rfc2136(updates) = &self.means {
            let address = updates.server();
            // It may be a hidden primary, which no NS record names.
            if servers.iter().all(|server| server.address != address) {
                servers.push(Server { title: address.to_string(), address });
            }
        }
        let ask = |server| sight(server, name.clone(), value.clone());
        wait_until_seen(servers, ask).await
    }
}

// === impl Published ===

impl Published {
    /// The record's name, without the last dot: what a CNAME led to, where there is one.
    pub fn name(&self) -> String {
        plain(&self.name)
    }
}

// === impl DnsError ===

impl DnsError {
    /// The error and everything that caused it, in one sentence.
    pub fn sentence(&self) -> String {
        let mut sentence = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            sentence = format!("{sentence}: {cause}");
            next = cause.source();
        }
        sentence
    }
}

/// A name as a program is given it: no letter of it means anything to a shell, and it is no option
/// of a program's. Whoever owns the host says where a CNAME leads.
fn argument(name: &Name) -> Result<String, DnsError> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let labels = name.iter().map(|label| match str::from_utf8(label) {
        Ok(text) if label.iter().all(is_plain) => Some(text),
        _ => None,
    });
    let labels: Option<Vec<&str>> = labels.collect();
    let argument = labels.map(|labels| labels.join("."));
    let argument = argument.filter(|it| !it.is_empty() && !it.starts_with('-'));
    argument.ok_or_else(|| DnsError::Unspeakable(plain(name)))
}

/// RFC 8555 §8.4.
fn record_name(host: &str) -> Result<Name, DnsError> {
    let name = format!("_acme-challenge.{host}");
    match fully_qualified(&name) {
        Ok(parsed) => Ok(parsed),
        Err(source) => Err(DnsError::Name { name, source }),
    }
}

/// A complete name, with or without the last dot, in lower case.
pub(crate) fn fully_qualified(name: &str) -> Result<Name, ProtoError> {
    let mut parsed = Name::from_ascii(name)?.to_lowercase();
    parsed.set_fqdn(true);
    Ok(parsed)
}

/// A name as [`plain`] text.
mod written {
    use hickory_proto::rr::Name;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de};

    pub(super) fn serialize<S: Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
        super::plain(name).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Name, D::Error> {
        let name = String::deserialize(deserializer)?;
        super::fully_qualified(&name).map_err(de::Error::custom)
    }
}

/// As people write it: without the last dot.
pub(crate) fn plain(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
