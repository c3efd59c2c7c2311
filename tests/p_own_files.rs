//! Certificates of the user's own are read again when their files change.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use serde_json::Value;

use crate::support::client::Place;
use crate::support::kept::Kept;
use crate::support::own::{Issued, OwnFiles, tables};
use crate::support::process::POLL;
use crate::support::world::{bare, site};
use crate::support::{Edge, Kind, Origin, Reply, Setup, Shown, World, run, trusted};

#[test]
fn a_certificate_that_was_replaced_is_shown_within_seconds_and_older_connections_live_on() {
    run(async {
        let setup = bare();
        let files = OwnFiles::beside(&setup);
        for manner in Manner::ALL {
            manner.put(&files, "first", &files.issue(&[&manner.host()]));
        }
        let (_origin, edge) = own(setup, &Manner::ALL.map(Manner::name)).await;
        let place = edge.setup().place.clone();
        let mut connections = Vec::new();
        let mut replaced = Vec::new();
        for manner in Manner::ALL {
            let host = manner.host();
            assert_eq!(Shown::to(&place, &host).await.unwrap().distrust, None, "{host}");
            connections.push(Kept::open(&place, &host).await);
            let second = files.issue(&[&host]);
            manner.put(&files, "second", &second);
            replaced.push((host, second));
        }
        for (host, second) in &replaced {
            let shown = tokio::time::timeout(SOON, shown_as(&place, host, &second.leaf)).await;
            shown.unwrap_or_else(|_| panic!("{host} is shown the old one"));
            let said = format!("{host}, valid until ");
            edge.process.stderr.find(|line| line.contains(&said)).await;
        }
        for ((host, _), connection) in replaced.iter().zip(&mut connections) {
            let (status, body) = connection.get(host).await;
            assert_eq!((status.as_u16(), &*body), (200, "here"), "{host}");
        }
    });
}

#[test]
fn a_bad_pair_is_refused_and_told_of_and_the_certificate_from_before_is_shown_until_it_heals() {
    run(async {
        let setup = bare();
        let files = OwnFiles::beside(&setup);
        let first = BAD.map(|name| files.put(name, &[&host(name)]));
        let (_origin, edge) = own(setup, &BAD).await;
        let place = edge.setup().place.clone();
        let second = BAD.map(|name| files.issue(&[&host(name)]));

        // The chain came first, and its key is on its way.
        std::fs::write(files.chain("mixed"), &second[0].chain).unwrap();
        let (cut, _) = second[1].chain.split_at(second[1].chain.len() / 2);
        std::fs::write(files.chain("cut"), cut).unwrap();
        std::fs::remove_file(files.key("gone")).unwrap();
        let problems = [
            ("cut", files.chain("cut"), "is not PEM: "),
            ("gone", files.key("gone"), "No such file or directory"),
            ("mixed", files.key("mixed"), "cannot be used with "),
        ];
        let told = problems_are(&edge, |all| all.len() == BAD.len()).await;
        for (name, file, words) in &problems {
            let file = file.display().to_string();
            let sentence = told.iter().find(|it| it.contains(&file));
            let sentence = sentence.unwrap_or_else(|| panic!("{name}: {told:#?}"));
            assert!(sentence.starts_with("tls.certificates: "), "{sentence}");
            assert!(sentence.contains(words), "{sentence}");
            let end = "; the certificate from before is shown on";
            assert!(sentence.ends_with(end), "{sentence}");
            edge.process.stderr.find(|line| line.contains(sentence)).await;
        }
        for (name, first) in BAD.iter().zip(&first) {
            assert_eq!(Shown::to(&place, &host(name)).await.unwrap().leaf, first.leaf, "{name}");
            assert_eq!(edge.get(&host(name), "/").await.text(), "here");
        }

        std::fs::write(files.key("mixed"), &second[0].key).unwrap();
        std::fs::write(files.key("cut"), &second[1].key).unwrap();
        std::fs::write(files.chain("cut"), &second[1].chain).unwrap();
        std::fs::write(files.key("gone"), &first[2].key).unwrap();
        problems_are(&edge, <[_]>::is_empty).await;
        for (name, expected) in BAD.iter().zip([&second[0], &second[1], &first[2]]) {
            let shown = Shown::to(&place, &host(name)).await.unwrap();
            assert_eq!(shown.leaf, expected.leaf, "{name}");
        }
        // However often the files were looked at meanwhile.
        let log = edge.process.stderr.text();
        for sentence in &told {
            assert_eq!(log.lines().filter(|line| line.contains(sentence)).count(), 1, "{log}");
        }
    });
}

#[test]
fn only_hosts_that_no_own_certificate_speaks_for_are_ordered_and_that_follows_the_files() {
    run(async {
        let (world, setup) = World::start().await;
        let files = OwnFiles::beside(&setup);
        files.put("wins", &["a.wins.test"]);
        files.put("loses", &["*.loses.test", "loses.test"]);
        let sites = site("wins", &["a.wins.test", "b.wins.test"], "")
            + &site("loses", &["a.loses.test", "loses.test"], "")
            + &tables(&["wins", "loses"]);
        let edge = world.ordering(setup, "", &sites).await.start().await;
        let place = edge.setup().place.clone();
        trusted(&place, "b.wins.test").await;
        assert_eq!(ordered(&world), [["b.wins.test"]]);
        let before = edge.control("GET", "/certificates", "").await.json();
        assert_eq!(sources(&before), ["wins acme", "wins file", "loses file"]);

        let wins = files.put("wins", &["a.wins.test", "b.wins.test"]);
        let loses = files.put("loses", &["loses.test"]);
        let shown = trusted(&place, "a.loses.test").await;
        assert_eq!(shown.openssl(&["-ext", "subjectAltName"]).await.matches("DNS:").count(), 1);
        assert_eq!(ordered(&world), [["b.wins.test"], ["a.loses.test"]]);
        shown_as(&place, "loses.test", &loses.leaf).await;
        shown_as(&place, "b.wins.test", &wins.leaf).await;
        let after = edge.control("GET", "/certificates", "").await.json();
        assert_eq!(sources(&after), ["wins file", "loses acme", "loses file"]);
        assert_eq!(
            edge.certificate_log("wins").last().unwrap(),
            "ordered for nothing from now on, not for b.wins.test"
        );
        assert_eq!(world.authority.made(Kind::NewOrder), 2);
    });
}

/// How files are replaced.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Others take their names.
    Renamed,
    /// A link to their folder leads to another, as in a pod of Kubernetes.
    Linked,
    /// They are written anew.
    Written,
}

// === impl Manner ===

impl Manner {
    const ALL: [Self; 3] = [Self::Renamed, Self::Linked, Self::Written];

    fn name(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::Linked => "linked",
            Self::Written => "written",
        }
    }

    fn host(self) -> String {
        host(self.name())
    }

    /// `version` is another one each time.
    fn put(self, files: &OwnFiles, version: &str, issued: &Issued) {
        let (chain, key) = (files.chain(self.name()), files.key(self.name()));
        let [new_chain, new_key] = [&chain, &key].map(|path| path.with_added_extension(version));
        match self {
            Self::Renamed => {
                std::fs::write(&new_chain, &issued.chain).unwrap();
                std::fs::write(&new_key, &issued.key).unwrap();
                std::fs::rename(new_chain, chain).unwrap();
                std::fs::rename(new_key, key).unwrap();
            }
            Self::Linked => link(&chain, &key, version, issued),
            Self::Written => {
                std::fs::write(chain, &issued.chain).unwrap();
                std::fs::write(key, &issued.key).unwrap();
            }
        }
    }
}

fn link(chain: &Path, key: &Path, version: &str, issued: &Issued) {
    let dir = chain.parent().unwrap();
    std::fs::create_dir(dir.join(version)).unwrap();
    std::fs::write(dir.join(version).join("tls.crt"), &issued.chain).unwrap();
    std::fs::write(dir.join(version).join("tls.key"), &issued.key).unwrap();
    symlink(version, dir.join("..new")).unwrap();
    std::fs::rename(dir.join("..new"), dir.join("..data")).unwrap();
    if !chain.is_symlink() {
        symlink("..data/tls.crt", chain).unwrap();
        symlink("..data/tls.key", key).unwrap();
    }
}

/// An edge with own certificates in the files of these names, each for a host with a site.
async fn own(setup: Setup, names: &[&str]) -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/", Reply::text("here").cache("no-store"));
    let hosts: Vec<String> = names.iter().map(|name| host(name)).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let config = std::fs::read_to_string(setup.config()).unwrap()
        + &format!("[origins.app]\ntargets = [\"{origin}\"]\n")
        + &site("all", &hosts, "")
        + &tables(names);
    std::fs::write(setup.config(), config).unwrap();
    (origin, setup.start().await)
}

fn host(name: &str) -> String {
    format!("{name}.example.test")
}

/// Waits until this one is shown; somebody is all the while.
async fn shown_as(place: &Place, host: &str, leaf: &CertificateDer<'_>) {
    while Shown::to(place, host).await.unwrap().leaf != *leaf {
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until what `/ready` tells of is this; the edge is ready all the while.
async fn problems_are(edge: &Edge, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
    loop {
        let ready = edge.admin("/ready").await;
        assert_eq!(ready.status, 200);
        let problems: Vec<String> =
            serde_json::from_value(ready.json()["problems"].take()).unwrap();
        if wanted(&problems) {
            return problems;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The names of each order so far.
fn ordered(world: &World) -> Vec<Vec<String>> {
    let names = |order: &Value| {
        let all = order["identifiers"].as_array().unwrap().iter();
        all.map(|it| it["value"].as_str().unwrap().to_owned()).collect()
    };
    world.authority.orders().iter().map(names).collect()
}

/// Of each certificate the site and where it is from.
fn sources(listed: &Value) -> Vec<String> {
    let all = listed["certificates"].as_array().unwrap().iter();
    let word = |one: &Value, field: &str| one[field].as_str().unwrap_or("-").to_owned();
    all.map(|one| format!("{} {}", word(one, "site"), word(one, "source"))).collect()
}

const BAD: [&str; 3] = ["mixed", "cut", "gone"];
/// Files are looked at every five seconds.
const SOON: Duration = Duration::from_secs(20);
