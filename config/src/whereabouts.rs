//! Where a node is to be asked: the little of its file that whoever only asks it has to understand.

use std::path::{Path, PathBuf};

use crate::check::listen;
use crate::model::AdminAddr;
use crate::pattern::HostPattern;
use crate::problem::Problems;
use crate::raw::{Section, Value};

/// Where a node's control API is, and what is needed to ask it.
///
/// Read from the node's own file, of which nothing else has to be sound, or readable for whoever
/// asks: no secret, no variable that stands elsewhere in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// Where it listens.
    pub admin: AdminAddr,
    /// How it is asked over TLS; `None` is without.
    pub tls: Option<AdminTls>,
    /// Where its root key is; `None` if it is on another machine.
    pub state: Option<PathBuf>,
}

/// What a control API under a site's certificate is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTls {
    /// A name that the certificate speaks for: the site's first exact host.
    pub name: String,
    /// The site; `None` if only the name is known.
    pub site: Option<String>,
    /// Chains on this machine that the certificate may come from.
    pub chains: Vec<PathBuf>,
}

impl Whereabouts {
    /// Reads the file at `path`, as [`crate::load`] does. Fails with everything that is wrong with
    /// what it needs of it.
    pub fn load(
        path: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Self::parse(&crate::text_of(path)?, path, environment)
    }

    /// Reads it from `text`, as [`crate::parse`] does. Fails with everything that is wrong with
    /// what it needs of it.
    pub fn parse(
        text: &str,
        file: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        crate::read_part(text, file, environment, whereabouts)
    }
}

fn whereabouts(root: &Section<'_>) -> Whereabouts {
    let (admin, state, site) = root.table("listen", |section| {
        let admin = section.or("admin", AdminAddr::Tcp(listen::ADMIN), listen::admin);
        (admin, listen::state(section), section.get("admin_tls"))
    });
    // Nobody listens in on a Unix socket.
    let site = site.filter(|_| matches!(admin, AdminAddr::Tcp(_)));
    Whereabouts { admin, tls: site.and_then(|site| tls(root, &site)), state: Some(state) }
}

fn tls(root: &Section<'_>, site: &Value<'_>) -> Option<AdminTls> {
    let wanted = site.text()?;
    let sites = root.named("sites")?;
    let Some((_, table)) = sites.iter().find(|(name, _)| *name == wanted) else {
        let known = sites.iter().map(|(name, _)| *name);
        site.unknown(format!("there is no site `{wanted}`"), &wanted, known);
        return None;
    };
    let hosts = table
        .section(|section| section.need("hosts")?.each(|item| item.parsed(HostPattern::parse)))?;
    let exact = hosts.iter().find(|host| matches!(host, HostPattern::Exact(_)));
    let name = match exact.or_else(|| hosts.first()) {
        Some(HostPattern::Exact(name)) => name.clone(),
        // Any name that the wildcard stands for.
        Some(HostPattern::Wildcard(parent)) => format!("admin.{parent}"),
        None => {
            table.problem("a site needs at least one host");
            return None;
        }
    };
    let chain = |files: &Value<'_>| files.section(|section| section.need("chain")?.path());
    let chains = root.table("tls", |section| {
        let certificates = section.get("certificates").and_then(|value| value.items());
        certificates.unwrap_or_default().iter().filter_map(chain).collect()
    });
    Some(AdminTls { name, site: Some(wanted), chains })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"
[listen]
admin = "127.0.0.1:${PORT}"
admin_tls = "www"
state = "state"
workers = "of a later version"
[[tls.certificates]]
chain = "own.pem"
key = "${SECRET_DIR}/own.key"
[origins.api]
targets = ["127.0.0.1:3000"]
headers = { x-origin-secret = "${ORIGIN_SECRET}" }
[sites.www]
hosts = ["*.example.com", "www.example.com"]
spa = "${APP}"
[keys.deploy]
secret_file = "/of/another/user"
"#;

    fn read(text: &str) -> Result<Whereabouts, String> {
        let environment = |name: &str| (name == "PORT").then(|| "9902".to_owned());
        Whereabouts::parse(text, Path::new("/etc/warmfront.toml"), &environment)
            .map_err(|problems| problems.to_string().replace("/etc/warmfront.toml:", ""))
    }

    #[test]
    fn what_only_the_node_needs_is_not_asked_for() {
        let expected = Whereabouts {
            admin: AdminAddr::Tcp("127.0.0.1:9902".parse().unwrap()),
            tls: Some(AdminTls {
                name: "www.example.com".to_owned(),
                site: Some("www".to_owned()),
                chains: vec![PathBuf::from("/etc/own.pem")],
            }),
            state: Some(PathBuf::from("/etc/state")),
        };
        assert_eq!(read(FULL), Ok(expected));
        let wildcard = read(&FULL.replace(", \"www.example.com\"", "")).unwrap();
        assert_eq!(wildcard.tls.unwrap().name, "admin.example.com");
        let unix = read(&FULL.replace("127.0.0.1:${PORT}", "unix:admin.sock")).unwrap();
        assert_eq!(unix.admin, AdminAddr::Unix(PathBuf::from("/etc/admin.sock")));
        assert_eq!(unix.tls, None);
        let bare = read("").unwrap();
        assert_eq!(bare.admin, AdminAddr::Tcp("127.0.0.1:9900".parse().unwrap()));
        assert_eq!(bare.state, Some(PathBuf::from("/var/lib/warmfront")));
    }

    #[test]
    fn what_is_needed_has_to_be_sound() {
        for (good, bad, problem) in [
            ("${PORT}", "${PROT}", "3: listen.admin: the environment has no variable `PROT`"),
            (
                "= \"www\"",
                "= \"ww\"",
                "4: listen.admin_tls: there is no site `ww`; did you mean `www`?",
            ),
            ("hosts =", "host =", "13: sites.www.hosts: missing"),
            ("[keys.deploy]", "[keys.deploy", "16: not TOML: unclosed table, expected `]`"),
        ] {
            assert_eq!(read(&FULL.replacen(good, bad, 1)), Err(problem.to_owned()), "{bad}");
        }
    }
}
