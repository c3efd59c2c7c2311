//! What changes while requests go on: clients that move, drains, registrations, restarts.

use super::*;
use crate::names::Due;
use crate::target::Finding;

#[tokio::test]
async fn a_client_stays_with_its_target_and_moves_once() {
    let stickiness = Stickiness::LoadBalancer { duration: Duration::from_hours(1) };
    let settings = Settings {
        stickiness: Some(stickiness),
        ..settings(&["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    };
    let (group, now) = group(&settings);
    let mut asks = Asks::default();
    let mut home = String::new();
    for round in 0..2 {
        let first = group.lease(&asks.wish(), now).await.unwrap();
        assert_ne!(first.name().host, home, "the home of round {round} is gone");
        home.clone_from(&first.name().host);
        let cookie = first.cookie(&HeaderMap::new(), Channel::Plain, SystemTime::UNIX_EPOCH);
        let cookie = cookie.unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
        assert!(!cookie.contains(&home), "{cookie}");
        asks.fields.insert(header::COOKIE, HeaderValue::try_from(cookie).unwrap());
        for _ in 0..7 {
            assert_eq!(group.lease(&asks.wish(), now).await.unwrap().name().host, home);
        }
        group.drain(&name(&home), "ann", now).unwrap();
    }
}

#[tokio::test]
async fn what_drains_finishes_and_gets_nothing_new() {
    let (group, now) = group(&settings(&["10.0.0.1", "10.0.0.2"]));
    let held: Vec<_> = [lease(&group, now).await, lease(&group, now).await].into();
    group.drain(&name("10.0.0.1"), "ann", now).unwrap();
    let condition = target(&group, "10.0.0.1").condition(now);
    assert_eq!((condition.state.as_str(), &*condition.reason), ("draining", "drained by ann"));
    assert_eq!(distinct(&group, now).await, ["10.0.0.2".to_owned()].into());
    drop(held);
    group.tend(now);
    assert_eq!(state(&group, "10.0.0.1", now), "unused");

    let again = TargetEntry { name: name("10.0.0.1"), weight: 1, tier: 0 };
    group.register(&again, "ann", now).unwrap();
    assert_eq!(distinct(&group, now).await.len(), 2);
}

#[tokio::test]
async fn a_deregistered_target_leaves_when_it_is_done() {
    let (group, now) = group(&settings(&["10.0.0.1", "10.0.0.2"]));
    let held = [lease(&group, now).await, lease(&group, now).await];
    group.deregister(&name("10.0.0.1"), "ann", now).unwrap();
    assert_eq!(state(&group, "10.0.0.1", now), "draining");
    let unknown = group.deregister(&name("10.0.0.9"), "ann", now).unwrap_err();
    assert!(unknown.to_string().contains("10.0.0.2:80"), "{unknown}");
    let over = now + Duration::from_mins(5);
    group.tend(over);
    assert_eq!(state(&group, "10.0.0.1", over), "unused", "the delay is over");
    drop(held);
    group.tend(over);
    assert_eq!(group.targets().len(), 1);

    group.deregister(&name("10.0.0.2"), "ann", now).unwrap();
    let asks = Asks::default();
    assert_eq!(group.lease(&asks.wish(), over).await.unwrap_err(), NoTarget::NoneInUse);
}

#[tokio::test]
async fn what_the_api_changed_holds_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let database = warmfront_state::Database::open(dir.path()).unwrap();
    let kept = Arc::new(Registrations::open(database).unwrap());
    let (settings, now) = (settings(&["10.0.0.1", "10.0.0.2"]), Instant::now());
    let group = grounded(&settings, Some(kept.clone()), now);
    let new = TargetEntry { name: name("10.0.0.3"), weight: 7, tier: 0 };
    group.register(&new, "ann", now).unwrap();
    group.deregister(&name("10.0.0.1"), "ann", now).unwrap();
    group.drain(&name("10.0.0.2"), "ann", now).unwrap();

    let again = grounded(&settings, Some(kept.clone()), now);
    let shown = again.targets();
    let hosts: Vec<_> = shown.iter().map(|status| &*status.target.name().host).collect();
    assert_eq!(hosts, ["10.0.0.2", "10.0.0.3"]);
    assert_eq!(state(&again, "10.0.0.2", now), "unused");
    assert_eq!(shown[1].weight, 7);

    let mut changed = settings;
    changed.targets[0].weight = 2;
    let file = grounded(&changed, Some(kept), now);
    assert_eq!(file.targets().len(), 2, "the file was changed, and wins");
}

#[tokio::test]
async fn a_check_from_before_says_nothing_of_what_was_registered_since() {
    let (group, now) = group(&checked(&["10.0.0.1"]));
    let target = target(&group, "10.0.0.1");
    assert_eq!(target.begin_check(now), Due::Now);
    group.drain(&name("10.0.0.1"), "ann", now).unwrap();
    let again = TargetEntry { name: name("10.0.0.1"), weight: 1, tier: 0 };
    group.register(&again, "ann", now).unwrap();
    assert_eq!(target.begin_check(now), Due::Never, "the one from before is still under way");
    let next = now + Duration::from_secs(30);
    assert_eq!(target.end_check(next, now), Finding::Outdated);
    assert_eq!(target.begin_check(now), Due::Now, "what is registered now is checked at once");
    assert_eq!(target.end_check(next, now), Finding::Current);
    assert_eq!(target.begin_check(now), Due::At(next));
}

#[tokio::test]
async fn an_address_of_two_names_is_that_of_the_one_in_use() {
    let (group, now) = group(&settings(&["localhost", "127.0.0.1"]));
    let both = async || {
        let _ = group.lease(&Asks::default().wish(), now).await;
        let shared = group.registrations().into_iter();
        shared.map(|it| (it.entry.name.host, it.shares.map(|name| name.host))).collect::<Vec<_>>()
    };
    let (dns, literal) = ("localhost".to_owned(), "127.0.0.1".to_owned());
    group.resolve_all(now).await;
    assert_eq!(both().await, [(dns.clone(), None), (literal.clone(), Some(dns.clone()))]);
    group.drain(&name("localhost"), "ann", now).unwrap();
    assert_eq!(lease(&group, now).await.name().host, literal, "the other name takes over");
    assert_eq!(both().await[1], (literal, None));
}
