//! What the configuration, and the files that it names, say of certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use warmfront_acme::Endpoint;
use warmfront_certs::Certificates;
use warmfront_config::{Config, DnsPublisher};
use warmfront_dns::Publisher;

use super::ground::{OrdersError, signing_keys};
use super::plan::Plan;

/// Any of the three bits.
const EXECUTABLE: u32 = 0o111;

/// Hosts for which no order would ever succeed, a sentence each. `certificates` are the user's own:
/// what they speak for is not ordered.
pub fn certificates_offline(config: &Config, certificates: &Certificates) -> Vec<String> {
    let Some(acme) = &config.acme else { return Vec::new() };
    let told = config.sites.iter().flat_map(|site| {
        let plan = Plan::new(site, acme, |host| certificates.owns(host));
        let left_out = plan.map_or_else(Vec::new, |plan| plan.left_out);
        left_out.into_iter().map(|left_out| format!("sites.{}: {left_out}", site.name))
    });
    told.collect()
}

/// What would keep the node from starting, or every order from being placed: files that an authority
/// or the publisher of records is configured with, a sentence each. No network.
pub fn certificates_usable(config: &Config, clock: fn() -> SystemTime) -> Vec<String> {
    let Some(acme) = &config.acme else { return Vec::new() };
    let endpoints = acme.authorities.iter();
    let endpoints = endpoints.map(|it| Endpoint::new(it, acme.email.as_deref(), clock));
    let mut problems: Vec<String> =
        endpoints.filter_map(Result::err).map(|error| error.to_string()).collect();
    let Some(dns) = &acme.dns else { return problems };
    if let Err(error) = Publisher::new(dns, &config.resolver, signing_keys(dns)) {
        problems.push(OrdersError::from(error).to_string());
    }
    if let DnsPublisher::Exec(program) = dns {
        let why = not_runnable(program);
        problems.extend(why.map(|why| format!("acme.dns.exec: {} {why}", program.display())));
    }
    problems
}

fn not_runnable(program: &Path) -> Option<String> {
    match fs::metadata(program) {
        Err(error) => Some(format!("cannot be run: {error}")),
        Ok(found) if !found.is_file() => Some("is no file".to_owned()),
        Ok(found) if found.permissions().mode() & EXECUTABLE == 0 => {
            Some("is not executable".to_owned())
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use crate::tests::node::{Sites, clock, config};

    use super::*;

    #[test]
    fn what_an_authority_and_a_publisher_are_configured_with_must_be_there() {
        let state = tempfile::tempdir().unwrap();
        let hook = state.path().join("hook.sh");
        let mut config = config(Sites::WwwAndOrdered, "127.0.0.1:0", state.path());
        config.acme.as_mut().unwrap().dns = Some(DnsPublisher::Exec(hook.clone()));
        let path = hook.display();
        let told = certificates_usable(&config, clock);
        let [missing] = &told[..] else { panic!("{told:?}") };
        assert!(
            missing.starts_with(&format!("acme.dns.exec: {path} cannot be run: ")),
            "{missing}"
        );
        fs::write(&hook, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&hook, Permissions::from_mode(0o600)).unwrap();
        let expected = format!("acme.dns.exec: {path} is not executable");
        assert_eq!(certificates_usable(&config, clock), [expected]);
        fs::set_permissions(&hook, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(certificates_usable(&config, clock), [""; 0]);

        config.acme.as_mut().unwrap().authorities[0].ca_file = Some(state.path().join("none.pem"));
        let told = certificates_usable(&config, clock);
        assert!(matches!(&told[..], [it] if it.contains("none.pem")), "{told:?}");
    }
}
