use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use warmfront_acme::{Answer, Blame, OpenOrder, Proof, Proofs as _, Refusal, Wanted};
use warmfront_certs::{CertificateFolder, Certificates, Record, Source, Storage as _};
use warmfront_config::Config;
use warmfront_dns::Published;
use warmfront_origin::Resolver;
use warmfront_state::Database;

use super::*;
use crate::certificates::authorities::Next;
use crate::certificates::journal::{Attempt, Journal, Outcome, Renewal};
use crate::certificates::proofs::Showcase;
use crate::certificates::{Orders, certificates_offline};
use crate::tests::disk::Disk;
use crate::tests::node::clock;

const CONFIG: &str = r#"
[listen]
http = ["127.0.0.1:8080"]
https = ["127.0.0.1:8443"]
state = "STATE"
[acme]
agree_to_terms = true
directory = "letsencrypt-staging"
before_first = "self-signed"
dns = { exec = "STATE/hook.sh" }
[origins.api]
targets = ["127.0.0.1:1"]
[sites.www]
hosts = ["www.acme.dev", "intranet"]
origin = "api"
viewer = "allow-all"
acme = { challenge = "dns-01" }
"#;

/// The state of a node before it starts.
pub(crate) struct Before {
    state: tempfile::TempDir,
    database: Arc<Database>,
    pub(crate) journal: Journal,
    pub(crate) storage: Arc<CertificateFolder>,
    /// From then on, nothing can be written into the database.
    pub(crate) is_full: Arc<AtomicBool>,
}

// === impl Before ===

impl Before {
    pub(crate) fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let is_full = Arc::new(AtomicBool::new(false));
        let disk = Disk::new(&is_full);
        let database = Database::on(move || disk.clone()).unwrap();
        let journal = Journal::open(database.clone()).unwrap();
        let storage = Arc::new(CertificateFolder::open(state.path()).unwrap());
        let hook = state.path().join("hook.sh");
        let told = state.path().join("told");
        std::fs::write(&hook, format!("#!/bin/sh\necho \"$@\" >> {}\n", told.display())).unwrap();
        std::fs::set_permissions(&hook, Permissions::from_mode(0o700)).unwrap();
        Self { state, database, journal, storage, is_full }
    }

    fn config(&self) -> Arc<Config> {
        let text = CONFIG.replace("STATE", self.state.path().to_str().unwrap());
        let parsed = warmfront_config::parse(&text, Path::new("/x.toml"), &|_| None);
        Arc::new(parsed.unwrap_or_else(|problems| panic!("{problems:?}")))
    }

    pub(crate) fn start(&self) -> (Arc<Certificates>, Arc<Orders>) {
        let config = self.config();
        let certificates = Certificates::load(&config).unwrap();
        let resolver = Resolver::new(&config.resolver).unwrap();
        let storage = self.storage.clone();
        let orders =
            Orders::open(&config, &certificates, storage, &self.database, &resolver, clock);
        (certificates, orders.unwrap().unwrap())
    }

    /// One that began so long ago.
    pub(crate) fn placed(&self, hours: u64, change: impl FnOnce(&mut OpenOrder)) {
        let config = self.config();
        let acme = config.acme.as_ref().unwrap();
        let mut order = OpenOrder {
            directory: acme.authorities[0].directory.clone(),
            account: "https://a.example/account".to_owned(),
            url: "https://a.example/order".to_owned(),
            hosts: vec!["www.acme.dev".to_owned()],
            profile: None,
            placed: clock() - Duration::from_hours(hours),
        };
        change(&mut order);
        self.journal.placed("www", &order).unwrap();
        self.storage.keep_pending_key("www", &key()).unwrap();
    }

    /// A certificate that is valid for years and was ordered a day ago.
    fn kept(&self) {
        let made = rcgen::generate_simple_self_signed(["www.acme.dev".to_owned()]).unwrap();
        let record = Record {
            authority: self.config().acme.as_ref().unwrap().authorities[0].directory.clone(),
            account: "https://a.example/account".to_owned(),
            ordered: clock() - Duration::from_hours(24 * 30),
        };
        let key = made.signing_key.serialize_pem();
        self.storage.keep("www", &made.cert.pem(), &key, &record).unwrap();
    }
}

fn key() -> String {
    rcgen::KeyPair::generate().unwrap().serialize_pem()
}

fn host(name: &str) -> HostPattern {
    HostPattern::parse(name).unwrap()
}

#[tokio::test]
async fn an_order_that_cannot_be_gone_on_with_is_closed_at_a_start() {
    type Change = fn(&mut OpenOrder);
    let cases: [(&str, u64, Change, bool); 5] = [
        ("fresh", 1, |_| {}, true),
        ("old", 25, |_| {}, false),
        ("elsewhere", 1, |it| it.directory = "https://b.example/directory".to_owned(), false),
        ("other hosts", 1, |it| it.hosts.push("shop.acme.dev".to_owned()), false),
        ("other profile", 1, |it| it.profile = Some("shortlived".to_owned()), false),
    ];
    for (case, hours, change, is_kept) in cases {
        let before = Before::new();
        before.kept();
        before.placed(hours, change);
        let (_, orders) = before.start();
        assert_eq!(before.journal.open_order("www").unwrap().is_some(), is_kept, "{case}");
        assert_eq!(before.storage.pending_key("www").unwrap().is_some(), is_kept, "{case}");
        let due = orders.keepers[0].due(clock());
        let expected = if is_kept { Cause::Resumed } else { Cause::Renewal };
        assert_eq!((due.at <= clock(), due.cause), (is_kept, expected), "{case}");
    }
}

#[tokio::test]
async fn what_an_earlier_life_left_in_the_dns_is_withdrawn_unless_its_order_is_open() {
    let record = |value: &str| -> Published {
        let json = serde_json::json!({ "name": "_acme-challenge.acme.dev", "value": value });
        serde_json::from_value(json).unwrap()
    };
    for is_open in [false, true] {
        let before = Before::new();
        if is_open {
            before.placed(1, |_| {});
        }
        before.journal.publishing("www", &record("one")).unwrap();
        before.journal.publishing("www", &record("two")).unwrap();
        before.journal.publishing("gone", &record("three")).unwrap();
        let (_, orders) = before.start();
        assert_eq!(orders.gone, ["gone"]);
        assert!(orders.keepers[0].has_published);
        orders.keepers[0].sweep().await;
        proofs::sweep(&orders.ground, "gone").await;
        let told = std::fs::read_to_string(before.state.path().join("told")).unwrap();
        let withdrawn = |value: &str| format!("cleanup _acme-challenge.acme.dev {value}\n");
        let own = if is_open { String::new() } else { withdrawn("one") + &withdrawn("two") };
        let expected = own + &withdrawn("three");
        assert_eq!(told, expected);
        let left = before.journal.published("www").unwrap().len();
        assert_eq!(left, if is_open { 2 } else { 0 });
        assert_eq!(before.journal.published("gone").unwrap(), []);
    }
}

#[tokio::test]
async fn only_an_authority_that_is_busy_is_left_alone_by_all_sites() {
    for (blame, is_shared) in [(Blame::Busy, true), (Blame::Authority, false)] {
        let before = Before::new();
        let (_, orders) = before.start();
        let keeper = &orders.keepers[0];
        let Next::Ask(authority) = keeper.next(&Cause::First, clock()) else { panic!("nobody") };
        let until = clock() + Duration::from_mins(5);
        let sentence = "come again".to_owned();
        keeper.refused(&authority, Refusal { sentence, blame, retry_after: Some(until) });
        let told = before.journal.told(&authority.settings.directory, clock()).unwrap();
        assert_eq!(told.until, is_shared.then_some(until), "{blame:?}");
        let next = keeper.next(&Cause::First, clock());
        assert!(matches!(next, Next::Wait(at) if at == until), "the site itself waits: {blame:?}");
    }
}

#[tokio::test]
async fn only_a_limit_puts_an_attempt_off_for_days() {
    let far = clock() + Duration::from_hours(30 * 24);
    for (blame, hours) in [(Blame::Busy, 7 * 24), (Blame::Authority, 1), (Blame::Names, 1)] {
        let before = Before::new();
        let (_, orders) = before.start();
        let keeper = &orders.keepers[0];
        let Next::Ask(authority) = keeper.next(&Cause::First, clock()) else { panic!("nobody") };
        let sentence = "come again".to_owned();
        keeper.refused(&authority, Refusal { sentence, blame, retry_after: Some(far) });
        let kept = before.journal.attempts("www").unwrap();
        let believed = clock() + Duration::from_hours(hours);
        assert_eq!(kept[0].retry_after, Some(believed), "{blame:?}");
    }
}

#[tokio::test]
async fn a_wish_is_kept_until_a_certificate_has_come() {
    let before = Before::new();
    before.kept();
    let (_, orders) = before.start();
    let keeper = &orders.keepers[0];
    let Next::Ask(authority) = keeper.next(&Cause::Asked, clock()) else { panic!("nobody") };
    let refuse = || {
        let sentence = "no".to_owned();
        keeper.refused(&authority, Refusal { sentence, blame: Blame::Edge, retry_after: None });
    };
    let asked = |at| Due { at, cause: Cause::Asked };
    keeper.ask();
    assert_eq!(keeper.due(clock()), asked(clock()));
    keeper.begin();
    refuse();
    let due = keeper.due(clock());
    assert_eq!((due.cause, due.at > clock()), (Cause::Asked, true), "it is backed off");
    keeper.ask();
    assert_eq!(keeper.due(clock()), asked(clock()), "who asks again does not wait");
    keeper.begin();
    keeper.ask();
    refuse();
    assert_eq!(keeper.due(clock()), asked(clock()), "wished for while it was attempted");
    keeper.begin();
    keeper.ask();
    let record = keeper.progress.lock().record.clone().unwrap();
    keeper.issued(&authority, record);
    assert_eq!(keeper.due(clock()).cause, Cause::Renewal, "the one that came is new enough");
}

#[tokio::test]
async fn nothing_is_sent_to_an_authority_that_could_not_be_kept() {
    let before = Before::new();
    let (_, orders) = before.start();
    let keeper = &orders.keepers[0];
    let Next::Ask(authority) = keeper.next(&Cause::First, clock()) else { panic!("nobody") };
    let commission = keeper.commission(authority, vec![host("www.acme.dev")], Wanted::Certificate);
    before.is_full.store(true, Ordering::Relaxed);
    let refusal = commission.carry_out(&orders.ground).await.unwrap_err();
    assert_eq!(refusal.blame, Blame::Edge);
    assert!(refusal.sentence.starts_with("nothing is ordered: cannot write "), "{refusal:?}");
    before.is_full.store(false, Ordering::Relaxed);
    let is_told = |it: &String| it.starts_with("cannot write the journal of certificates: ");
    assert!(orders.problems(clock()).iter().any(is_told));
    orders.ground.journal.prove("www").unwrap();
    assert!(!orders.problems(clock()).iter().any(is_told), "there is room");
}

#[tokio::test]
async fn what_is_cut_off_leaves_no_proof_behind() {
    let before = Before::new();
    let (certificates, orders) = before.start();
    let proof = Proof {
        host: host("www.acme.dev"),
        answer: Answer::Http01 { token: "token".to_owned(), content: "content".to_owned() },
    };
    let showcase = Showcase {
        site: "www",
        ground: &orders.ground,
        published: Mutex::default(),
        shown: Mutex::default(),
    };
    showcase.present(&proof).await.unwrap();
    assert!(certificates.challenges().answer_http("token").is_some());
    drop(showcase);
    assert!(certificates.challenges().answer_http("token").is_none());
}

#[tokio::test]
async fn a_key_without_an_order_is_dropped_at_a_start() {
    let before = Before::new();
    before.kept();
    before.storage.keep_pending_key("www", &key()).unwrap();
    before.start();
    assert_eq!(before.storage.pending_key("www").unwrap(), None);
}

#[tokio::test]
async fn a_host_that_nothing_is_ordered_for_has_a_stand_in_and_is_told_of() {
    let before = Before::new();
    let (certificates, orders) = before.start();
    for name in ["www.acme.dev", "intranet"] {
        let shown = certificates.speaks_for(&host(name)).unwrap();
        assert_eq!(shown.source, Source::StandIn, "{name}");
    }
    let why = orders.renew("www", &host("intranet"), clock()).unwrap_err();
    assert!(why.starts_with("no certificate is ordered for intranet: no public "), "{why}");
    let (names, at) = orders.renew("www", &host("www.acme.dev"), clock()).unwrap();
    assert_eq!((names, at), (vec!["www.acme.dev".to_owned()], clock()));
    let config = before.config();
    assert_eq!(certificates_offline(&config, &certificates), [format!("sites.www: {why}")]);

    // The stand-in outlives the certificate, for what that does not speak for.
    before.kept();
    let (certificates, _orders) = before.start();
    let source = |name: &str| certificates.speaks_for(&host(name)).unwrap().source;
    assert_eq!((source("www.acme.dev"), source("intranet")), (Source::Ordered, Source::StandIn));
}

#[tokio::test]
async fn where_nothing_is_ordered_any_more_no_failure_is_told() {
    let before = Before::new();
    before.journal.record("www", &failed()).unwrap();
    let (_, orders) = before.start();
    let failing = |problems: &[String]| problems.iter().any(|it| it.contains("failed"));
    assert!(failing(&orders.problems(clock())));
    let config = before.config();
    let plan = Plan::new(&config.sites[0], &orders.acme, |owned| *owned == host("www.acme.dev"));
    orders.keepers[0].plan_anew(plan.unwrap());
    let problems = orders.problems(clock());
    assert!(!failing(&problems), "{problems:?}");
    assert_eq!(problems.len(), 1, "but for the host that is left out: {problems:?}");
}

#[tokio::test]
async fn a_question_that_came_to_nothing_has_its_time_again() {
    let before = Before::new();
    before.kept();
    // Of the certificate before.
    let foreign =
        Renewal { serial: "0A".to_owned(), at: clock(), window: None, ask_again: clock() };
    before.journal.keep_renewal("www", &foreign).unwrap();
    let (_, orders) = before.start();
    let keeper = &orders.keepers[0];
    assert!(keeper.question().unwrap() <= clock());
    // Dropped in the middle, as by a panic.
    let asking = Box::pin(keeper.ask_for_window());
    let _ = tokio::time::timeout(Duration::ZERO, asking).await;
    assert!(keeper.question().unwrap() > clock());
}

#[tokio::test]
async fn a_keeper_that_panics_is_told_of_until_it_looks_again() {
    let before = Before::new();
    let (_, orders) = before.start();
    let keeper = &orders.keepers[0];
    keeper.broken();
    let told = |problems: Vec<String>| problems.iter().any(|it| it.contains("inside the node"));
    assert!(told(orders.problems(clock())));
}

fn failed() -> Attempt {
    Attempt {
        at: clock(),
        directory: "https://a.example/directory".to_owned(),
        authority: "a".to_owned(),
        outcome: Outcome::Names,
        sentence: "no".to_owned(),
        retry_after: None,
        next: None,
    }
}
