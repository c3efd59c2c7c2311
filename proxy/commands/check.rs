//! `warmfront check`: everything that is wrong, before it is in force.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use warmfront_certs::Certificates;
use warmfront_config::Config;
use warmfront_control::{
    CertificatesOnline, certificates_offline, certificates_online, certificates_untimely,
    certificates_usable,
};
use warmfront_origin::{Ground, Origin, Resolver};

/// Print every problem of the configuration; exit 1 if there is one.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Ask DNS, the origins and the buckets too.
    #[arg(long)]
    online: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was found, a sentence each.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<String>,
    /// What may be well, and cannot be told from here.
    notes: Vec<String>,
}

impl Check {
    pub(crate) fn run(&self, config: Option<PathBuf>) -> ExitCode {
        let path = super::file(config);
        let config = match super::load(&path) {
            Ok(config) => config,
            Err(problems) if self.json => {
                super::say(&json!({ "problems": problems, "notes": [] }).to_string());
                return ExitCode::FAILURE;
            }
            Err(problems) => return super::fail(&problems),
        };
        let Findings { problems, notes } = self.beyond_the_file(&config);
        if self.json {
            let told = |sentences: &[String]| -> Vec<Value> {
                sentences.iter().map(|sentence| json!({ "message": sentence })).collect()
            };
            let (problems, notes) = (told(&problems), told(&notes));
            super::say(&json!({ "problems": problems, "notes": notes }).to_string());
        } else {
            super::note(&notes);
            if problems.is_empty() {
                let count =
                    |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
                let sites = count(config.sites.len(), "site");
                let origins = count(config.origins.len(), "origin");
                super::say(&format!("{}: sound ({sites}, {origins})", path.display()));
            }
        }
        match problems.as_slice() {
            [] => ExitCode::SUCCESS,
            _ if self.json => ExitCode::FAILURE,
            problems => super::fail(problems),
        }
    }

    fn beyond_the_file(&self, config: &Config) -> Findings {
        let mut found = Findings::default();
        let certificates = Certificates::load(config);
        match &certificates {
            Ok(certificates) => {
                let now = warmfront_proxy::now();
                found.problems.extend(uncovered(config, certificates));
                found.problems.extend(certificates_untimely(certificates, now));
            }
            Err(errors) => found.problems.extend(errors.iter().map(ToString::to_string)),
        }
        found.problems.extend(certificates_usable(config, warmfront_proxy::now));
        let origins = offline(config);
        if let Err(errors) = &origins {
            found.problems.extend(errors.iter().cloned());
        }
        if !self.online {
            return found;
        }
        found.problems.extend(not_writable(&config.listen.state));
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(async {
                found.problems.extend(probe(&origins.unwrap_or_default()).await);
                if let Ok(certificates) = &certificates {
                    let told = probe_certificates(config, certificates).await;
                    found.problems.extend(told.problems);
                    found.notes.extend(told.notes);
                }
            }),
            Err(error) => found.problems.push(error.to_string()),
        }
        found
    }
}

/// Why nothing could be kept in the state folder. One that is not there yet is made at a start.
fn not_writable(state: &Path) -> Option<String> {
    if !state.exists() {
        return None;
    }
    let trial = state.join(format!(".check-{}", std::process::id()));
    let tried = fs::write(&trial, "").and_then(|()| fs::remove_file(&trial));
    tried.err().map(|error| format!("listen.state: {} cannot be written: {error}", state.display()))
}

/// The origins of the file, as nobody has changed them.
fn offline(config: &Config) -> Result<Vec<Origin>, Vec<String>> {
    let resolver = Resolver::new(&config.resolver).map_err(|error| vec![error.to_string()])?;
    origins(config, &Ground { resolver, registrations: None, now: Instant::now() })
}

/// Every origin that is not made of others; every problem with them at once.
pub(crate) fn origins(config: &Config, ground: &Ground) -> Result<Vec<Origin>, Vec<String>> {
    let (mut origins, mut problems) = (Vec::new(), Vec::new());
    for origin in config.origins.values() {
        match Origin::new(origin, ground) {
            Ok(origin) => origins.extend(origin),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() { Ok(origins) } else { Err(problems) }
}

/// Hosts that no certificate will ever speak for that a client would trust.
pub(crate) fn uncovered(config: &Config, certificates: &Certificates) -> Vec<String> {
    if config.listen.https.is_empty() {
        return Vec::new();
    }
    let left_alone = config.sites.iter().filter(|site| site.issuance.is_none());
    let hosts = left_alone.flat_map(|site| site.hosts.iter().map(move |host| (site, host)));
    let uncovered = hosts.filter(|(_, host)| !certificates.owns(host));
    let told = uncovered.map(|(site, host)| {
        format!("sites.{}.hosts: none of tls.certificates speaks for {host}", site.name)
    });
    told.chain(certificates_offline(config, certificates)).collect()
}

async fn probe(origins: &[Origin]) -> Vec<String> {
    let mut problems = Vec::new();
    for origin in origins {
        if let Err(sentence) = origin.probe(warmfront_proxy::now()).await {
            problems.push(format!("origins.{}: {sentence}", origin.name()));
        }
    }
    problems
}

/// Whether certificates can be ordered.
async fn probe_certificates(config: &Config, certificates: &Certificates) -> CertificatesOnline {
    match Resolver::new(&config.resolver) {
        Ok(resolver) => {
            certificates_online(config, certificates, &resolver, warmfront_proxy::now).await
        }
        // Told with the origins, which need one too.
        Err(_) => CertificatesOnline::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_that_takes_nothing_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(not_writable(folder.path()), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(not_writable(&folder.path().join("later")), None);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let told = not_writable(&file).unwrap();
        assert!(told.starts_with(&format!("listen.state: {} ", file.display())), "{told}");
    }
}
