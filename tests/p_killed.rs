//! A node that dies at any step of an order goes on with it at its next start, or begins anew; there
//! are never two orders at once, and nothing is served whose key is not on disk.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::support::authority::Held;
use crate::support::client::Place;
use crate::support::process::POLL;
use crate::support::program::{output, program};
use crate::support::standing::{failures, problems, renew, replaced};
use crate::support::world::{bare, site};
use crate::support::{Authority, Edge, Kind, Setup, Shown, WWW, World, run_within, trusted};

#[test]
fn killed_while_it_makes_an_account() {
    // An account that it did not hear of is nobody's.
    killed(Kind::NewAccount, [Made::ONCE, Made { accounts: 2, ..Made::ONCE }]);
}

#[test]
fn killed_while_it_places_the_order() {
    // As above.
    killed(Kind::NewOrder, [Made::ONCE, Made { orders: 2, ..Made::ONCE }]);
}

#[test]
fn killed_while_it_asks_what_to_prove() {
    killed(Kind::Authorization, [Made::ONCE; 2]);
}

#[test]
fn killed_while_it_says_that_the_proof_is_there() {
    // The authority may look for the proof while nobody is there: that order is over then.
    killed(Kind::Challenge, [Made::ONCE, Made { orders: 2, ..Made::ONCE }]);
}

#[test]
fn killed_while_it_waits_for_the_validation() {
    killed(Kind::Order, [Made::ONCE; 2]);
}

#[test]
fn killed_while_it_asks_for_the_certificate() {
    killed(Kind::Finalize, [Made::ONCE; 2]);
}

#[test]
fn killed_while_it_waits_for_the_certificate() {
    run_within(LIMIT, async {
        for moment in MOMENTS {
            let (world, setup) = node().await;
            let mut finalized = world.authority.holds_answer(Kind::Finalize);
            let edge = setup.start().await;
            finalized.arrived().await;
            let held = moment(&world.authority, Kind::Order);
            finalized.pass();
            let setup = dies(edge, held).await;
            gets_there(&world, setup, Made::ONCE).await;
        }
    });
}

#[test]
fn killed_while_it_fetches_the_certificate() {
    killed(Kind::Certificate, [Made::ONCE; 2]);
}

#[test]
fn killed_in_a_renewal_it_shows_the_old_certificate_at_once_and_then_the_new_one() {
    run_within(LIMIT, async {
        for (kind, moment) in [
            (Kind::Finalize, MOMENTS[0]),
            (Kind::Finalize, MOMENTS[1]),
            (Kind::Certificate, MOMENTS[1]),
        ] {
            let (world, setup) = node().await;
            let edge = setup.start().await;
            let place = edge.setup().place.clone();
            let first = trusted(&place, WWW).await;
            let held = moment(&world.authority, kind);
            renew(&edge, WWW).await;
            let setup = dies(edge, held).await;
            let mut resuming = world.authority.holds(Kind::Directory);
            let edge = setup.start().await;
            resuming.arrived().await;
            let shown = Shown::to(&place, WWW).await.unwrap();
            assert_eq!((shown.leaf, shown.distrust), (first.leaf.clone(), None), "{kind:?}");
            resuming.pass();
            replaced(&place, WWW, &first.leaf).await;
            is_sound(&edge).await;
            assert_eq!(world.authority.made(Kind::NewOrder), 2, "{kind:?}");
        }
    });
}

#[test]
fn killed_while_it_keeps_a_certificate_it_shows_what_is_kept() {
    run_within(LIMIT, async {
        let (world, setup) = node().await;
        let mut edge = setup.start().await;
        let place = edge.setup().place.clone();
        trusted(&place, WWW).await;
        for (written, renewals) in
            [A_FOLDER, A_LINK, AN_END, A_FOLDER, A_LINK, AN_END].into_iter().zip(1..)
        {
            settled(edge.setup()).await;
            let before = Kept::now(edge.setup());
            let mut handed_out = world.authority.holds_answer(Kind::Certificate);
            renew(&edge, WWW).await;
            handed_out.arrived().await;
            handed_out.pass();
            while !written(&before, &Kept::now(edge.setup())) {
                tokio::task::yield_now().await;
            }
            let setup = edge.kill().await;
            has_its_key(&live(&setup)).await;
            edge = setup.start().await;
            assert_eq!(Shown::to(&place, WWW).await.unwrap().distrust, None);
            settled(edge.setup()).await;
            is_sound(&edge).await;
            let made = world.authority.made(Kind::NewOrder);
            assert_eq!(made, 1 + renewals, "{}", world.authority.story());
            finalized_once(&world.authority);
        }
    });
}

#[test]
fn stopped_in_the_middle_of_an_order_it_goes_on_at_the_next_start() {
    run_within(LIMIT, async {
        let (world, setup) = node().await;
        let mut held = world.authority.holds(Kind::Finalize);
        let edge = setup.start().await;
        held.arrived().await;
        // SIGTERM; it does not wait for the authority.
        let edge = edge.restart().await;
        held.cut();
        trusted(&edge.setup().place, WWW).await;
        is_sound(&edge).await;
        assert_eq!(Made::by(&world.authority), Made::ONCE);
    });
}

#[test]
fn a_second_process_on_the_same_state_is_refused_until_the_first_is_gone() {
    run_within(LIMIT, async {
        let (world, setup) = node().await;
        let edge = setup.start().await;
        trusted(&edge.setup().place, WWW).await;

        let state = edge.setup().dir().join("state");
        let other = elsewhere(edge.setup());
        let refused = other.command(&["run"]).await;
        assert_ne!(refused.code, 0);
        let sentence =
            format!("{} is held by another warmfront", state.join("ledger.redb").display());
        assert!(refused.stderr.contains(&sentence), "{}", refused.stderr);
        assert_eq!(edge.get(WWW, "/").await.text(), "here");
        is_sound(&edge).await;

        let first = edge.kill().await;
        let edge = other.start().await;
        let place = &edge.setup().place;
        assert_eq!(Shown::to(place, WWW).await.unwrap().distrust, None);
        assert_eq!(world.authority.made(Kind::NewOrder), 1);
        drop(first);
    });
}

/// Killed before the authority has seen its first request of this kind, and again, in another life,
/// when the answer was on its way.
fn killed(kind: Kind, made: [Made; 2]) {
    run_within(LIMIT, async {
        for (moment, made) in MOMENTS.into_iter().zip(made) {
            let (world, setup) = node().await;
            let held = moment(&world.authority, kind);
            let setup = dies(setup.start().await, held).await;
            assert!(!live(&setup).exists(), "{kind:?}");
            gets_there(&world, setup, made).await;
        }
    });
}

/// A node with one site that needs a certificate.
async fn node() -> (World, Setup) {
    let (world, setup) = World::start().await;
    let setup = world.ordering(setup, "", &site("www", &[WWW], "")).await;
    (world, setup)
}

/// SIGKILL when the request has arrived. What it would have done is not done, or done already.
async fn dies(edge: Edge, mut held: Held) -> Setup {
    held.arrived().await;
    let setup = edge.kill().await;
    held.cut();
    setup
}

/// `most` is what the authority has made then, at the most.
async fn gets_there(world: &World, setup: Setup, most: Made) {
    let edge = setup.start().await;
    trusted(&edge.setup().place, WWW).await;
    is_sound(&edge).await;
    finalized_once(&world.authority);
    let made = Made::by(&world.authority);
    let is_enough = made.accounts <= most.accounts && made.orders <= most.orders;
    assert!(is_enough, "{made:?}\n{}", world.authority.story());
    assert_eq!(world.pebble.issued(), 1);
    // Nothing has failed: a dead node is nobody's failure.
    assert_eq!(failures(&edge, "www").await, 0);
    assert_eq!(problems(&edge).await, Vec::<String>::new());
    settled(edge.setup()).await;
}

/// What is shown is what lies in `live`, with its key.
async fn is_sound(edge: &Edge) {
    edge.certificate_is("www", "valid").await;
    let shown = Shown::to(&edge.setup().place, WWW).await.unwrap();
    assert_eq!(shown.distrust, None);
    let serial = has_its_key(&live(edge.setup())).await;
    assert_eq!(serial, shown.serial().await);
}

/// The certificate in this folder and the key in it are of one another; gives its serial.
async fn has_its_key(live: &Path) -> String {
    let openssl = async |words: &[&str], file: &str| {
        let mut openssl = program("openssl");
        let ended = output(openssl.args(words).arg("-in").arg(live.join(file))).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout
    };
    let certified = openssl(&["x509", "-noout", "-pubkey"], "fullchain.pem").await;
    assert_eq!(certified, openssl(&["pkey", "-pubout"], "privkey.pem").await);
    let serial = openssl(&["x509", "-noout", "-serial"], "fullchain.pem").await;
    serial.trim().trim_start_matches("serial=").to_owned()
}

/// Waits until no order is under way.
async fn settled(setup: &Setup) {
    while folder(setup).join("pending.key").exists() {
        tokio::time::sleep(POLL).await;
    }
}

/// No order was finalized twice.
fn finalized_once(authority: &Authority) {
    let mut times = HashMap::<String, usize>::new();
    for asked in authority.asked(Kind::Finalize) {
        if asked.status == Some(200) {
            *times.entry(asked.path).or_default() += 1;
        }
    }
    assert!(times.values().all(|times| *times == 1), "{}", authority.story());
}

/// The same node in another place, on the same state.
fn elsewhere(setup: &Setup) -> Setup {
    let mut other = bare();
    let Place { http, https, .. } = *other.place;
    let state = format!("state = \"{}\"", setup.dir().join("state").display());
    let config = fs::read_to_string(setup.config()).unwrap();
    let config = config
        .replace(&setup.place.http.to_string(), &http.to_string())
        .replace(&setup.place.https.to_string(), &https.to_string())
        .replace(&setup.admin.to_string(), &other.admin.to_string())
        .replace("state = \"state\"", &state);
    fs::write(other.config(), config).unwrap();
    other.place = Arc::new(Place { http, https, ca: setup.place.ca.clone() });
    other
}

/// What the authority has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Made {
    accounts: usize,
    orders: usize,
}

// === impl Made ===

impl Made {
    const ONCE: Self = Self { accounts: 1, orders: 1 };

    fn by(authority: &Authority) -> Self {
        let [accounts, orders] = [Kind::NewAccount, Kind::NewOrder].map(|it| authority.made(it));
        Self { accounts, orders }
    }
}

/// What lies in the folder of the site.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    folders: BTreeSet<OsString>,
    live: Option<PathBuf>,
    is_pending: bool,
}

// === impl Kept ===

impl Kept {
    fn now(setup: &Setup) -> Self {
        let folder = folder(setup);
        let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let serials = names.filter(|name| name.to_string_lossy().starts_with("serial-"));
        Self {
            folders: serials.collect(),
            live: fs::read_link(folder.join("live")).ok(),
            is_pending: folder.join("pending.key").exists(),
        }
    }
}

fn live(setup: &Setup) -> PathBuf {
    folder(setup).join("live")
}

fn folder(setup: &Setup) -> PathBuf {
    setup.dir().join("state/certs/www")
}

/// When a node is killed: when the authority has not seen its request yet, or has answered it.
const MOMENTS: [fn(&Authority, Kind) -> Held; 2] = [Authority::holds, Authority::holds_answer];

/// How far the keeping of a certificate is, by what was there before and what is there now.
type Written = fn(&Kept, &Kept) -> bool;

const A_FOLDER: Written = |before, now| !now.folders.is_subset(&before.folders);
const A_LINK: Written = |before, now| now.live != before.live;
const AN_END: Written = |_, now| !now.is_pending;

const LIMIT: Duration = Duration::from_mins(2);
