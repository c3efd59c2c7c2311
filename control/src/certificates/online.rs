//! What `check --online` finds out about certificates, while nothing is served.

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use warmfront_acme::Endpoint;
use warmfront_certs::Certificates;
use warmfront_config::{Acme, ChallengeKind, Config, HostPattern};
use warmfront_origin::Resolver;

use super::plan::Plan;
use super::pointing::{foreign, ours};

/// What was found out, a sentence each.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CertificatesOnline {
    /// What would keep certificates from being ordered.
    pub problems: Vec<String>,
    /// What may be well, and cannot be told before the node serves.
    pub notes: Vec<String>,
}

/// Whether certificates can be ordered by this configuration, beyond what it says itself: whether
/// every authority answers, and whether the hosts that are ordered for resolve, to addresses of this
/// node as far as those are known. `certificates` are the user's own: what they speak for is not ordered.
///
/// Called on a tokio runtime.
pub async fn certificates_online(
    config: &Config,
    certificates: &Certificates,
    resolver: &Resolver,
    clock: fn() -> SystemTime,
) -> CertificatesOnline {
    let mut found = CertificatesOnline::default();
    let Some(acme) = &config.acme else { return found };
    for authority in &acme.authorities {
        // One that cannot even be asked is told without the network.
        let Ok(endpoint) = Endpoint::new(authority, acme.email.as_deref(), clock) else { continue };
        let refused = endpoint.probe().await.err();
        found.problems.extend(refused.map(|refusal| format!("acme: {}", refusal.sentence)));
    }
    for site in &config.sites {
        let Some(plan) = Plan::new(site, acme, |host| certificates.owns(host)) else { continue };
        let told = |problem: &dyn std::fmt::Display| format!("sites.{}: {problem}", site.name);
        let listeners = match plan.issuance.challenge {
            ChallengeKind::Http01 => &config.listen.http,
            ChallengeKind::TlsAlpn01 => &config.listen.https,
            // A TXT record is found wherever the host itself points.
            ChallengeKind::Dns01 => continue,
        };
        for host in &plan.hosts {
            match look(host, acme, listeners, resolver).await {
                Ok(None) => {}
                Ok(Some(note)) => found.notes.push(told(&note)),
                Err(problem) => found.problems.push(told(&problem)),
            }
        }
    }
    found
}

/// Fails where the host has no address; a note where it is not known whether that is this node's.
async fn look(
    host: &HostPattern,
    acme: &Acme,
    listeners: &[SocketAddr],
    resolver: &Resolver,
) -> Result<Option<String>, String> {
    let host = host.to_string();
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => resolver.addresses(&host).await.map_err(|error| error.to_string())?,
    };
    let foreign = foreign(&addresses, &ours(listeners, acme));
    Ok(foreign.first().map(|address| {
        let sentence = format!("whether {address} leads to this node could not be told from here");
        if address.to_string() == host {
            return sentence;
        }
        format!("{host} resolves to {address}; {sentence}")
    }))
}

#[cfg(test)]
mod tests {
    use crate::tests::node::{Sites, clock, config};

    use super::*;

    #[tokio::test]
    async fn it_tells_who_does_not_answer_and_what_does_not_resolve() {
        let state = tempfile::tempdir().unwrap();
        let mut config = config(Sites::WwwAndOrdered, "127.0.0.1:0", state.path());
        config.listen.http = vec!["[::]:80".parse().unwrap()];
        let certificates = Certificates::load(&config).unwrap();
        let resolver = Resolver::new(&config.resolver).unwrap();
        let found = certificates_online(&config, &certificates, &resolver, clock).await;
        let [authority, lost] = &found.problems[..] else { panic!("{found:?}") };
        assert!(authority.starts_with("acme: 127.0.0.1:1 "), "{authority}");
        let began = "sites.lost: the name `lost.invalid` does not resolve: ";
        assert!(lost.starts_with(began), "{lost}");
        let note =
            "sites.ordered: whether 127.0.0.1 leads to this node could not be told from here";
        assert_eq!(found.notes, [note]);
    }
}
