//! An authority on a bad day: a front before a real Pebble that can fail at every step, and that
//! offers what Pebble does not.
//!
//! It passes `Host` on, so that Pebble makes URLs with the front's address and everything signed for
//! them comes through here. What is asked is remembered by its kind, with the payload that was signed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::edge::{free_ports, own_address};
use super::pebble::{Line, Pebble};

mod asked;
mod serving;
mod spoiled;

pub(crate) use asked::{Asked, Kind};
pub(crate) use spoiled::Spoiled;

/// Listens on a loopback address of its own until dropped; connections are cut then.
#[derive(Debug)]
pub(crate) struct Authority {
    address: SocketAddr,
    ca_file: PathBuf,
    tls: Arc<ServerConfig>,
    book: Arc<Book>,
    accepting: JoinSet<()>,
}

/// A request that waits for the test's word.
#[derive(Debug)]
pub(crate) struct Held {
    arrived: Option<oneshot::Receiver<Asked>>,
    word: oneshot::Sender<Word>,
}

/// What is to become of a request that was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Pass,
    Cut,
}

/// When a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Before Pebble has seen it.
    Asked,
    /// When Pebble has done it, and nobody knows yet.
    Answered,
}

/// The next request of a kind waits here.
#[derive(Debug)]
struct Waiting {
    kind: Kind,
    moment: Moment,
    bell: oneshot::Sender<Asked>,
    word: oneshot::Receiver<Word>,
}

#[derive(Debug)]
struct Book {
    pebble: Line,
    address: SocketAddr,
    asked: watch::Sender<Vec<Asked>>,
    /// The first that fits is taken.
    spoiled: Mutex<Vec<(Kind, RangeInclusive<usize>, Spoiled)>>,
    waiting: Mutex<Vec<Waiting>>,
    offers: Mutex<Offers>,
    connections: Mutex<JoinSet<()>>,
}

/// What the front adds to Pebble.
#[derive(Debug, Default, Clone)]
struct Offers {
    /// RFC 9773 is spoken if this is there.
    renewal: Option<Renewal>,
    refuses_replaces: bool,
    /// Names and descriptions; none are told if this is empty.
    profiles: BTreeMap<String, String>,
}

/// What is answered about the renewal of any certificate.
#[derive(Debug, Clone)]
struct Renewal {
    window: Range<SystemTime>,
    /// `Retry-After`.
    again: Option<String>,
}

// === impl Authority ===

impl Authority {
    pub(crate) async fn before(pebble: &Pebble) -> Self {
        let ip = own_address();
        let [address] = free_ports(ip);
        let pair = pebble.ca().issue(&[&ip.to_string()]);
        let chain = CertificateDer::pem_file_iter(pair.chain).unwrap();
        let key = PrivateKeyDer::from_pem_file(pair.key).unwrap();
        let tls = ServerConfig::builder().with_no_client_auth();
        let tls = tls.with_single_cert(chain.map(Result::unwrap).collect(), key).unwrap();
        let book = Book {
            pebble: pebble.line(),
            address,
            asked: watch::Sender::default(),
            spoiled: Mutex::default(),
            waiting: Mutex::default(),
            offers: Mutex::default(),
            connections: Mutex::default(),
        };
        let mut authority = Self {
            address,
            ca_file: pebble.ca_file(),
            tls: Arc::new(tls),
            book: Arc::new(book),
            accepting: JoinSet::new(),
        };
        authority.back().await;
        authority
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its directory.
    pub(crate) fn directory(&self) -> String {
        format!("https://{}/dir", self.address)
    }

    /// The root that its HTTPS is trusted by: `acme.ca_file`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.ca_file.clone()
    }

    /// Both, as a table of `acme.fallback`.
    pub(crate) fn table(&self) -> String {
        let (directory, ca_file) = (self.directory(), self.ca_file.display());
        format!("{{ directory = \"{directory}\", ca_file = \"{ca_file}\" }}")
    }

    /// What was asked of this kind so far, in the order in which it was read.
    pub(crate) fn asked(&self, kind: Kind) -> Vec<Asked> {
        self.book.asked.borrow().iter().filter(|it| it.kind == kind).cloned().collect()
    }

    /// How much was asked of this kind so far.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        count(&self.book.asked.borrow(), kind)
    }

    /// How many accounts, or orders, it has made so far (201).
    pub(crate) fn made(&self, kind: Kind) -> usize {
        self.asked(kind).iter().filter(|it| it.status == Some(201)).count()
    }

    /// Everything that was asked so far, a line for each: its kind and the status of its answer.
    pub(crate) fn story(&self) -> String {
        let lines: Vec<String> = self.book.asked.borrow().iter().map(Asked::to_string).collect();
        lines.join("\n") + "\n"
    }

    /// Waits until this much was asked of this kind.
    pub(crate) async fn reached(&self, kind: Kind, times: usize) {
        let mut asked = self.book.asked.subscribe();
        let reached = asked.wait_for(|asked| count(asked, kind) >= times);
        reached.await.expect("the sender is in the book");
    }

    /// What is answered to the first of this kind, the second … of all that are asked.
    pub(crate) fn spoils(&self, kind: Kind, which: RangeInclusive<usize>, with: Spoiled) -> &Self {
        self.book.spoiled.lock().push((kind, which, with));
        self
    }

    /// Whatever is asked of this kind from now on is answered with this.
    pub(crate) fn spoils_all(&self, kind: Kind, with: Spoiled) -> &Self {
        self.spoils(kind, 1..=usize::MAX, with)
    }

    /// Takes back what [`Self::spoils`] and [`Self::spoils_all`] were told.
    pub(crate) fn heals(&self) {
        self.book.spoiled.lock().clear();
    }

    /// The next request of this kind waits, and Pebble does not see it yet.
    pub(crate) fn holds(&self, kind: Kind) -> Held {
        self.hold(kind, Moment::Asked)
    }

    /// The next request of this kind is done by Pebble, and its answer waits.
    pub(crate) fn holds_answer(&self, kind: Kind) -> Held {
        self.hold(kind, Moment::Answered)
    }

    fn hold(&self, kind: Kind, moment: Moment) -> Held {
        let (bell, arrived) = oneshot::channel();
        let (says, word) = oneshot::channel();
        self.book.waiting.lock().push(Waiting { kind, moment, bell, word });
        Held { arrived: Some(arrived), word: says }
    }

    /// Cuts every connection, and refuses new ones from now on.
    pub(crate) async fn gone(&mut self) {
        self.accepting.shutdown().await;
        self.book.connections.lock().abort_all();
    }

    /// Listens again, after [`Self::gone`].
    pub(crate) async fn back(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.accepting.spawn(serving::serve(listener, self.tls.clone(), self.book.clone()));
    }

    /// From now on there is renewal information (RFC 9773): every certificate is to be renewed within
    /// this window, whatever it is. `again` is the `Retry-After` of the answer.
    pub(crate) fn suggests(&self, window: Range<SystemTime>, again: Option<&str>) {
        let again = again.map(str::to_owned);
        self.book.offers.lock().renewal = Some(Renewal { window, again });
    }

    /// Orders with `replaces` are refused from now on, or no longer: `alreadyReplaced`.
    pub(crate) fn refuses_replaces(&self, refuses: bool) {
        self.book.offers.lock().refuses_replaces = refuses;
    }

    /// The profiles that the directory tells; Pebble issues the same whichever is ordered.
    pub(crate) fn offers(&self, profiles: &[&str]) {
        let described = profiles.iter().map(|it| (it.to_string(), format!("as {it} as can be")));
        self.book.offers.lock().profiles = described.collect();
    }

    /// The payloads of the orders that were asked for.
    pub(crate) fn orders(&self) -> Vec<Value> {
        self.asked(Kind::NewOrder).into_iter().map(|it| it.payload).collect()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.book.connections.lock().abort_all();
        if std::thread::panicking() {
            let told = format!("--- what the authority was asked\n{}---\n", self.story());
            let _ = std::io::stderr().lock().write_all(told.as_bytes());
        }
    }
}

// === impl Held ===

impl Held {
    /// Waits for the request, once.
    pub(crate) async fn arrived(&mut self) -> Asked {
        let arrived = self.arrived.take().expect("it is waited for once");
        arrived.await.expect("the authority is there")
    }

    /// Goes on as if nothing had been, even if whoever has asked is dead meanwhile.
    pub(crate) fn pass(self) {
        // Whoever waits is gone only with the test.
        let _ = self.word.send(Word::Pass);
    }

    /// The connection is closed without an answer. So it is when this is dropped.
    pub(crate) fn cut(self) {
        // As above.
        let _ = self.word.send(Word::Cut);
    }
}

fn count(asked: &[Asked], kind: Kind) -> usize {
    asked.iter().filter(|it| it.kind == kind).count()
}
