//! A thousand certificates are as good as one, and forty sites are ordered for in turn.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::support::own::{OwnFiles, tables};
use crate::support::world::{bare, site};
use crate::support::{Edge, Kind, Origin, Shown, World, run_within, trusted};

#[test]
fn a_thousand_certificates_are_shown_right_for_little_memory_and_no_more_work() {
    run_within(Duration::from_mins(2), async {
        let origin = Origin::start().await;
        let one = shown(&origin, 1).await;
        let thousand = shown(&origin, HANDSHAKES).await;
        assert!(thousand.kib < one.kib + 32 * 1024, "{one:?} {thousand:?}");
        // A busy machine makes a little more of the same work.
        assert!(thousand.ticks * 2 < one.ticks * 3, "{one:?} {thousand:?}");
    });
}

#[test]
fn forty_sites_have_one_account_and_four_open_orders_at_most() {
    run_within(Duration::from_mins(2), async {
        let (world, setup) = World::start().await;
        let sites: String = (0..SITES).map(|nth| site(&name(nth), &[&host(nth)], "")).collect();
        let edge = world.ordering(setup, "", &sites).await.start().await;
        for nth in 0..SITES {
            trusted(&edge.setup().place, &host(nth)).await;
            edge.certificate_is(&name(nth), "valid").await;
        }
        let accounts = world.authority.asked(Kind::NewAccount);
        let wanted = accounts.iter().filter(|it| it.payload["onlyReturnExisting"] != true);
        assert_eq!(wanted.count(), 1, "{}", world.authority.story());
        assert_eq!((world.authority.made(Kind::NewOrder), world.pebble.issued()), (SITES, SITES));
        assert_eq!(most_open(&world.authority.story()), 4, "{}", world.authority.story());

        let edge = edge.restart().await;
        for nth in 0..SITES {
            let shown = Shown::to(&edge.setup().place, &host(nth)).await.unwrap();
            assert_eq!(shown.distrust, None, "{}", host(nth));
            edge.certificate_is(&name(nth), "valid").await;
        }
        assert_eq!(world.authority.count(Kind::NewOrder), SITES);
    });
}

/// What an edge has used.
#[derive(Debug)]
struct Used {
    /// Resident memory, after the handshakes.
    kib: usize,
    /// Time on a processor, for the handshakes; a hundred are a second.
    ticks: usize,
}

/// Starts an edge with so many certificates, and lets a thousand clients see that they are right.
async fn shown(origin: &Origin, certificates: usize) -> Used {
    let (edge, leaves) = own(origin, certificates).await;
    let place = edge.setup().place.clone();
    let before = ticks(&edge);
    for nth in (0..HANDSHAKES).map(|nth| nth % certificates) {
        let shown = Shown::to(&place, &host(nth)).await.unwrap();
        assert_eq!((&shown.leaf, shown.distrust), (&leaves[nth], None), "{}", host(nth));
    }
    edge.connected(0).await;
    Used { kib: resident_kib(&edge), ticks: ticks(&edge) - before }
}

/// An edge with so many sites, each with a certificate of its own, and the certificates.
async fn own(origin: &Origin, count: usize) -> (Edge, Vec<CertificateDer<'static>>) {
    let setup = bare();
    let files = OwnFiles::beside(&setup);
    let config = std::fs::read_to_string(setup.config()).unwrap();
    let mut config = format!("{config}[origins.app]\ntargets = [\"{origin}\"]\n");
    let mut leaves = Vec::new();
    for nth in 0..count {
        leaves.push(files.put(&name(nth), &[&host(nth)]).leaf);
        config += &site(&name(nth), &[&host(nth)], "");
        config += &tables(&[&name(nth)]);
    }
    std::fs::write(setup.config(), config).unwrap();
    (setup.start().await, leaves)
}

/// How many orders were open at a time: from being asked for to the certificate being fetched.
fn most_open(story: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for line in story.lines() {
        match line.split(' ').next() {
            Some("NewOrder") => open += 1,
            Some("Certificate") => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn resident_kib(edge: &Edge) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", edge.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// In its own code and in the system's, by `proc_pid_stat(5)`.
fn ticks(edge: &Edge) -> usize {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", edge.process.id())).unwrap();
    // Behind the name of the program, which may hold blanks.
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
    fields.skip(11).take(2).map(|field| field.parse::<usize>().unwrap()).sum()
}

fn name(nth: usize) -> String {
    format!("n{nth}")
}

fn host(nth: usize) -> String {
    format!("n{nth}.example.test")
}

const HANDSHAKES: usize = 1_000;
const SITES: usize = 40;
