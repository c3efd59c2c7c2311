//! Goal: whatever happens, wherever it stops, there is one order at a time and no certificate
//! without its key. Method: a scripted authority, and time that does not pass by itself.

mod resuming;

use std::pin::Pin;

use super::fake::{Scene, Standing, clock};
use super::*;
use crate::authority::OrderStatus;
use crate::certificate::tests::hosts;
use crate::problem::{Problem, Subproblem};

const HOSTS: [&str; 2] = ["a.example.com", "b.example.com"];

struct Wish<'a> {
    hosts: &'a [&'a str],
    profile: ProfileRule<'a>,
    replaces: Option<&'a [u8]>,
    wanted: Wanted,
}

const USUAL: Wish<'_> =
    Wish { hosts: &HOSTS, profile: ProfileRule::Any, replaces: None, wanted: Wanted::Certificate };

async fn attempt(scene: &Scene, wish: &Wish<'_>) -> Result<Issued, Refusal> {
    match tried(scene, wish).await? {
        Obtained::Issued(issued) => Ok(issued),
        Obtained::NothingToResume => panic!("a certificate was wanted"),
    }
}

async fn tried(scene: &Scene, wish: &Wish<'_>) -> Result<Obtained, Refusal> {
    let hosts = hosts(wish.hosts);
    let open = scene.0.lock().open.clone();
    let ask = Ask {
        hosts: &hosts,
        challenge: ChallengeKind::Http01,
        profile: wish.profile,
        replaces: wish.replaces,
        open,
        wanted: wish.wanted,
    };
    let mut journal = scene.clone();
    let authority = LoggedIn(Box::new(scene.clone()));
    // Boxed as whoever spawns it would: it can be sent to another thread.
    let attempt: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(obtain(&authority, &ask, scene, &mut journal, clock));
    attempt.await
}

/// As far as it goes until the process is killed.
async fn attempt_killed(scene: &Scene, at: &'static str) {
    scene.0.lock().killed_at = Some(at);
    let killed = tokio::time::timeout(Duration::from_mins(4), attempt(scene, &USUAL)).await;
    assert!(killed.is_err(), "{at} was reached");
    let mut world = scene.0.lock();
    world.killed_at = None;
    // A proof does not outlive its process.
    world.published.clear();
}

fn problem(status: u16, kind: &str, detail: &str) -> Fault {
    let (kind, detail) = (kind.into(), detail.into());
    let problem = Problem { kind, detail, status, ..Problem::default() };
    Fault::Problem { problem, retry_after: None }
}

fn silent() -> Fault {
    Fault::Unusable { reason: "no answer within 30 s".into(), status: None, retry_after: None }
}

fn script(scene: &Scene, at: &'static str, fault: Fault) {
    scene.0.lock().faults.push_back((at, fault));
}

#[tokio::test(start_paused = true)]
async fn an_order_goes_its_way_and_is_written_down_first() {
    let scene = Scene::default();
    let issued = attempt(&scene, &USUAL).await.unwrap();
    assert_eq!(
        scene.events(),
        [
            "place 2",
            "placed",
            "- ordered from fake: order/0",
            "authorizations",
            "- proving a.example.com, b.example.com",
            "present a.example.com",
            "present b.example.com",
            "ready authz/0",
            "ready authz/1",
            "authorization authz/0",
            "authorization authz/1",
            "withdraw a.example.com",
            "withdraw b.example.com",
            "refresh",
            "- proven",
            "keep_key",
            "finalize",
            "- finalized",
            "refresh",
            "certificate",
            "- issued",
        ]
    );
    let world = scene.0.lock();
    assert_eq!(world.key.as_deref(), Some(issued.key.as_str()), "closed by whoever stores it");
    assert_eq!(world.open.as_ref().unwrap().url, "order/0");
    assert_eq!((issued.account.as_str(), world.published_max), ("https://fake/account/1", 2));
}

#[tokio::test(start_paused = true)]
async fn what_the_authority_said_is_not_lost_over_our_own_disk() {
    let scene = Scene::default();
    scene.0.lock().full = true;
    script(&scene, "finalize", problem(403, "caa", "CAA forbids it"));
    let refusal = attempt(&scene, &USUAL).await.unwrap_err();
    assert_eq!(
        refusal.sentence,
        "fake did not make the certificate for a.example.com and 1 more: CAA forbids it (caa); \
         cannot forget the order: no space left on device"
    );
    assert_eq!(refusal.blame, Blame::Names);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_takes_its_time_is_no_reason_to_leave_the_authority_alone() {
    for (status, killed_at) in
        [(OrderStatus::Processing, "certificate"), (OrderStatus::Pending, "refresh")]
    {
        let scene = Scene::default();
        attempt_killed(&scene, killed_at).await;
        let hour = Duration::from_hours(1);
        {
            let mut world = scene.0.lock();
            (world.ask_again, world.undecided) = (Some(hour), u32::MAX);
            world.orders[0].status = status;
        }
        let refusal = attempt(&scene, &USUAL).await.unwrap_err();
        let start = "fake did not get on with the order for a.example.com and 1 more in time";
        assert_eq!((refusal.sentence.as_str(), refusal.blame), (start, Blame::Authority));
        assert_eq!(refusal.retry_after, Some(clock() + hour));
        assert!(scene.0.lock().open.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_authority_found_is_said_for_each_host() {
    let scene = Scene::default();
    scene.0.lock().unconvincing = HOSTS.to_vec();
    let refusal = attempt(&scene, &USUAL).await.unwrap_err();
    assert_eq!(
        refusal.sentence,
        "fake was not convinced by http-01: \
         a.example.com: 192.0.2.7: Connection refused (connection); \
         b.example.com: 192.0.2.7: Connection refused (connection)"
    );
    assert_eq!(refusal.blame, Blame::Names);
    let world = scene.0.lock();
    assert!(world.open.is_none() && world.published.is_empty(), "{:?}", world.events);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_proven_that_was_not_ordered() {
    let scene = Scene::default();
    attempt_killed(&scene, "authorizations").await;
    scene.0.lock().orders[0].proofs[1].0 = HostPattern::Exact("bank.example".to_owned());
    let refusal = attempt(&scene, &USUAL).await.unwrap_err();
    let sentence = "fake wants a proof for bank.example, which was not ordered";
    assert_eq!((refusal.sentence.as_str(), refusal.blame), (sentence, Blame::Authority));
    assert!(!scene.events().iter().any(|event| event.starts_with("present")));
    // Not even looked at, where there are more than were ordered.
    attempt_killed(&scene, "authorizations").await;
    scene.events();
    let one = scene.0.lock().orders[1].proofs[0].clone();
    scene.0.lock().orders[1].proofs.extend([one.clone(), one]);
    let refusal = attempt(&scene, &USUAL).await.unwrap_err();
    let sentence = "fake wants 4 proofs for an order of 2";
    assert_eq!((refusal.sentence.as_str(), refusal.blame), (sentence, Blame::Authority));
    assert_eq!(scene.events(), ["look order/1", "- going on with the order order/1", "closed"]);
    // Some authorities leave out that it is a wildcard.
    attempt_killed(&scene, "authorizations").await;
    let wanted = ["*.example.com", "2001:db8::1"];
    let wish = Wish { hosts: &wanted, ..USUAL };
    scene.0.lock().open.as_mut().unwrap().hosts = wanted.map(str::to_owned).to_vec();
    let given = ["example.com", "2001:DB8:0::1"].map(|name| HostPattern::Exact(name.to_owned()));
    let proofs = given.map(|host| (host, Standing::Done)).to_vec();
    scene.0.lock().orders[2].proofs = proofs;
    attempt(&scene, &wish).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_cannot_be_published_is_our_fault_and_leaves_nothing_behind() {
    let scene = Scene::default();
    scene.0.lock().unpublishable = vec!["b.example.com"];
    let refusal = attempt(&scene, &USUAL).await.unwrap_err();
    let sentence = "cannot show the proof for http-01: b.example.com: the zone refuses it";
    assert_eq!((refusal.sentence.as_str(), refusal.blame), (sentence, Blame::Edge));
    let world = scene.0.lock();
    let withdrawn = world.events.iter().filter(|event| event.starts_with("withdraw")).count();
    assert_eq!((withdrawn, world.published.len()), (2, 0));
    assert!(world.open.is_some(), "the order can still be proven");
    assert!(!world.events.iter().any(|event| event.starts_with("ready")));
}

#[tokio::test(start_paused = true)]
async fn proofs_are_withdrawn_after_any_error() {
    for at in ["ready", "authorization"] {
        let scene = Scene::default();
        script(&scene, at, silent());
        let refusal = attempt(&scene, &USUAL).await.unwrap_err();
        let sentence = "fake did not try http-01 for a.example.com: no answer within 30 s";
        assert_eq!((refusal.sentence.as_str(), refusal.blame), (sentence, Blame::Authority));
        assert!(scene.0.lock().published.is_empty() && scene.0.lock().open.is_some(), "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_never_decides_is_left_after_five_minutes() {
    let scene = Scene::default();
    scene.0.lock().undecided = u32::MAX;
    let start = tokio::time::Instant::now();
    let refusal = attempt(&scene, &USUAL).await.unwrap_err();
    assert_eq!(refusal.sentence, "fake did not try http-01 for a.example.com in time");
    assert!((290..=302).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert!(scene.0.lock().published.is_empty() && scene.0.lock().open.is_some());
    scene.0.lock().undecided = 3;
    attempt(&scene, &USUAL).await.unwrap();
    assert_eq!(scene.0.lock().orders.len(), 1, "and found again");
}

#[tokio::test(start_paused = true)]
async fn what_is_replaced_is_left_out_where_the_authority_minds() {
    let scene = Scene::default();
    script(&scene, "place", Fault::Replaces { reason: "already replaced".into() });
    attempt(&scene, &Wish { replaces: Some(&[0]), ..USUAL }).await.unwrap();
    let events = scene.events();
    let first = events.iter().take(4).map(String::as_str).collect::<Vec<_>>();
    let without = "- ordering without naming the certificate that is replaced: already replaced";
    assert_eq!(first, ["place 2 replacing", without, "place 2", "placed"]);

    // Once.
    script(&scene, "place", Fault::Replaces { reason: "already replaced".into() });
    script(&scene, "place", problem(500, "serverInternal", "oops"));
    scene.0.lock().open = None;
    let refusal = attempt(&scene, &Wish { replaces: Some(&[0]), ..USUAL }).await.unwrap_err();
    assert_eq!(
        refusal.sentence,
        "fake did not take the order for a.example.com and 1 more: oops (serverInternal)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_profile_is_wanted_or_wished_for() {
    let required = ProfileRule::Required("shortlived");
    let wished = ProfileRule::IfOffered("shortlived");
    for (rule, offered, outcome) in [
        (ProfileRule::Any, vec!["classic"], Ok("place 2")),
        (required, vec!["classic", "shortlived"], Ok("place 2 as shortlived")),
        (wished, vec!["shortlived"], Ok("place 2 as shortlived")),
        (wished, vec![], Ok("place 2")),
        (
            required,
            vec!["classic", "tlsserver"],
            Err("fake has no profile `shortlived`; it offers classic, tlsserver"),
        ),
        (required, vec![], Err("fake has no profile `shortlived`; it offers none")),
    ] {
        let scene = Scene::default();
        scene.0.lock().profiles = offered.into_iter().map(str::to_owned).collect();
        let issued = attempt(&scene, &Wish { profile: rule, ..USUAL }).await;
        let events = scene.events();
        let placed = events.iter().find(|event| event.starts_with("place "));
        let placed = placed.map(String::as_str).unwrap_or_default();
        let found = issued.as_ref().map(|_| placed).map_err(|refusal| refusal.sentence.as_str());
        assert_eq!(found, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_of_no_use_is_not_taken_and_not_fetched_again() {
    let scene = Scene::default();
    scene.0.lock().end = 2029;
    let refusal = attempt(&scene, &USUAL).await.unwrap_err();
    let sentence = "fake made a certificate that is of no use: it ended before it came";
    assert_eq!((refusal.sentence.as_str(), refusal.blame), (sentence, Blame::Authority));
    assert!(scene.0.lock().open.is_none() && scene.0.lock().key.is_none());
}

#[tokio::test(start_paused = true)]
async fn whose_fault_it_is_and_whether_the_order_is_over() {
    let wait = Duration::from_mins(90);
    let limited = Problem { kind: "rateLimited".into(), status: 429, ..Problem::default() };
    let limited = Fault::Problem { problem: limited, retry_after: Some(wait) };
    let html = Fault::Unusable { reason: "502".into(), status: Some(502), retry_after: Some(wait) };
    let rejected = Subproblem {
        host: Some("b.example.com".into()),
        kind: "rejectedIdentifier".into(),
        detail: "not on our list.".into(),
    };
    let rejected = Problem { status: 400, subproblems: vec![rejected], ..Problem::default() };
    let rejected = Fault::Problem { problem: rejected, retry_after: None };
    for (at, fault, blame, open, later) in [
        ("place", limited.clone(), Blame::Busy, false, true),
        ("place", html, Blame::Authority, false, true),
        ("place", rejected, Blame::Names, false, false),
        ("place", problem(403, "unauthorized", "deactivated"), Blame::Account, false, false),
        ("place", problem(403, "userActionRequired", "new terms"), Blame::Account, false, false),
        ("place", problem(400, "badNonce", ""), Blame::Authority, false, false),
        ("finalize", limited, Blame::Busy, true, true),
        ("finalize", silent(), Blame::Authority, true, false),
        ("finalize", problem(403, "orderNotReady", ""), Blame::Authority, true, false),
        ("finalize", problem(403, "caa", "CAA forbids it"), Blame::Names, false, false),
        ("finalize", problem(400, "badCSR", "weak"), Blame::Authority, false, false),
        ("certificate", problem(500, "serverInternal", ""), Blame::Authority, true, false),
    ] {
        let scene = Scene::default();
        script(&scene, at, fault.clone());
        let refusal = attempt(&scene, &USUAL).await.unwrap_err();
        assert_eq!(refusal.blame, blame, "{at} {fault:?}");
        assert_eq!(refusal.retry_after, later.then(|| clock() + wait), "{at} {fault:?}");
        assert_eq!(scene.0.lock().open.is_some(), open, "{at} {fault:?}");
    }
}
