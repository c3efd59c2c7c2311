//! Who is asked: by health, by tier, by what requests came to, by the client.

use super::*;

#[tokio::test]
async fn targets_take_turns_and_the_tried_are_passed_over() {
    let (group, now) = group(&settings(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]));
    let mut turns = hosts(&group, 6, now).await;
    turns.sort();
    assert_eq!(turns, ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.3"]);
    let mut asks = Asks::default();
    for _ in 0..3 {
        let lease = group.lease(&asks.wish(), now).await.unwrap();
        assert!(!asks.tried.contains(&lease.address()));
        asks.tried.push(lease.address());
    }
    assert_eq!(group.lease(&asks.wish(), now).await.unwrap_err(), NoTarget::AllTried);
}

#[tokio::test]
async fn only_the_healthy_are_asked_and_all_of_them_when_none_is() {
    let (group, now) = group(&checked(&["10.0.0.1", "10.0.0.2"]));
    assert_eq!(distinct(&group, now).await.len(), 2, "initial ones are better than none");
    check(&group, "10.0.0.1", true, now);
    assert_eq!(state(&group, "10.0.0.1", now), "healthy", "a new target needs one check");
    assert_eq!(distinct(&group, now).await, ["10.0.0.1".to_owned()].into());
    for _ in 0..2 {
        check(&group, "10.0.0.1", false, now);
        check(&group, "10.0.0.2", false, now);
    }
    let condition = target(&group, "10.0.0.2").condition(now);
    assert_eq!(condition.reason, "the check was answered with status 500");
    assert_eq!(condition.code, Some("Target.ResponseCodeMismatch"));
    assert_eq!(distinct(&group, now).await.len(), 2, "fail-open");
    for _ in 0..2 {
        check(&group, "10.0.0.2", true, now);
    }
    assert_eq!(distinct(&group, now).await, ["10.0.0.2".to_owned()].into());
}

#[tokio::test]
async fn a_tier_stands_by_until_no_lower_one_is_healthy() {
    let mut settings = checked(&["10.0.0.1", "10.0.0.2"]);
    settings.targets[1].tier = 1;
    let (group, now) = group(&settings);
    check(&group, "10.0.0.1", true, now);
    check(&group, "10.0.0.2", true, now);
    assert_eq!(distinct(&group, now).await, ["10.0.0.1".to_owned()].into());
    check(&group, "10.0.0.1", false, now);
    check(&group, "10.0.0.1", false, now);
    assert_eq!(distinct(&group, now).await, ["10.0.0.2".to_owned()].into());
}

#[tokio::test]
async fn what_fails_again_and_again_is_ejected_and_tried_with_one_request() {
    let (group, now) = group(&settings(&["10.0.0.1", "10.0.0.2"]));
    for _ in 0..3 {
        fail(&group, "10.0.0.1", 503, now).await;
    }
    assert_eq!(state(&group, "10.0.0.1", now), "unhealthy");
    assert_eq!(distinct(&group, now).await, ["10.0.0.2".to_owned()].into());

    let later = now + OUTLIERS.eject_for;
    let mut trial = None;
    let mut others = Vec::new();
    for _ in 0..6 {
        let lease = lease(&group, later).await;
        if lease.name().host == "10.0.0.1" {
            assert!(trial.replace(lease).is_none(), "one request is the trial");
        } else {
            others.push(lease);
        }
    }
    trial.unwrap().answered(StatusCode::OK, &HeaderMap::new(), later);
    assert_eq!(state(&group, "10.0.0.1", later), "healthy");
    assert_eq!(distinct(&group, later).await.len(), 2);
    assert_eq!(target(&group, "10.0.0.1").ejections(), 1);
}

#[tokio::test]
async fn half_of_the_targets_stay_whatever_they_do() {
    let (group, now) = group(&settings(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]));
    for _ in 0..20 {
        lease(&group, now).await.failed(Failure::Unreachable, now);
    }
    let out = group.targets();
    let out = out.iter().filter(|status| status.target.ejections() > 0).count();
    assert_eq!(out, 1, "two of three would be more than half");
}

#[tokio::test]
async fn the_last_good_target_is_not_ejected_for_one_that_is_not() {
    for failed_checks in [1, 2] {
        let (group, now) = group(&checked(&["10.0.0.1", "10.0.0.2"]));
        check(&group, "10.0.0.1", true, now);
        for _ in 0..failed_checks {
            check(&group, "10.0.0.2", false, now);
        }
        for _ in 0..9 {
            fail(&group, "10.0.0.1", 500, now).await;
        }
        let other = state(&group, "10.0.0.2", now);
        assert_eq!(distinct(&group, now).await, ["10.0.0.1".to_owned()].into(), "beside {other}");
    }
}

#[tokio::test]
async fn an_ejected_target_whose_checks_pass_is_better_than_one_whose_do_not() {
    let (group, now) = group(&checked(&["10.0.0.1", "10.0.0.2"]));
    for host in ["10.0.0.1", "10.0.0.2"] {
        check(&group, host, true, now);
    }
    for _ in 0..3 {
        fail(&group, "10.0.0.1", 500, now).await;
    }
    for _ in 0..2 {
        check(&group, "10.0.0.2", false, now);
    }
    assert_eq!(distinct(&group, now).await, ["10.0.0.1".to_owned()].into());
}

#[tokio::test]
async fn a_target_without_weight_stands_in_for_nobody() {
    let mut settings = settings(&["10.0.0.1", "10.0.0.2"]);
    settings.targets[1].weight = 0;
    let (group, now) = group(&settings);
    for _ in 0..9 {
        lease(&group, now).await.failed(Failure::Unreachable, now);
    }
    assert_eq!(target(&group, "10.0.0.1").ejections(), 0);
}

#[tokio::test]
async fn a_check_that_passes_brings_back_what_was_out_of_reach() {
    let (group, now) = group(&checked(&["10.0.0.1", "10.0.0.2"]));
    for host in ["10.0.0.1", "10.0.0.2"] {
        check(&group, host, true, now);
    }
    let mut unreachable = lease(&group, now).await;
    let host = unreachable.name().host.clone();
    unreachable.failed(Failure::Unreachable, now);
    assert_eq!(state(&group, &host, now), "unhealthy");
    check(&group, &host, true, now);
    assert_eq!(state(&group, &host, now), "healthy");
    for _ in 0..3 {
        fail(&group, &host, 500, now).await;
    }
    check(&group, &host, true, now);
    assert_eq!(state(&group, &host, now), "unhealthy", "its checks passed all the while");
}

#[tokio::test]
async fn a_full_target_makes_room_for_those_who_wait_in_turn() {
    let circuit = Some(Circuit { in_flight: 1, waiting: 1 });
    let (group, now) = group(&Settings { circuit, ..settings(&["10.0.0.1"]) });
    let first = lease(&group, now).await;
    let waits = tokio::spawn({
        let group = group.clone();
        async move { lease(&group, now).await.address() }
    });
    while group.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    let asks = Asks::default();
    assert_eq!(group.lease(&asks.wish(), now).await.unwrap_err(), NoTarget::Busy);
    drop(first);
    waits.await.unwrap();
    assert_eq!(group.waiting(), 0);
    drop(lease(&group, now).await);
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_an_ejected_target_as_soon_as_it_may_be_tried() {
    let circuit = Some(Circuit { in_flight: 1, waiting: 1 });
    let (group, _) = group(&Settings { circuit, ..settings(&["10.0.0.1", "10.0.0.2"]) });
    let now = tokio::time::Instant::now();
    let _held = lease(&group, now.into_std()).await;
    lease(&group, now.into_std()).await.failed(Failure::Unreachable, now.into_std());
    drop(lease(&group, now.into_std()).await);
    assert_eq!(now.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn those_who_wait_are_let_in_as_they_came() {
    let circuit = Some(Circuit { in_flight: 1, waiting: 9 });
    let (group, now) = group(&Settings { circuit, ..settings(&["10.0.0.1"]) });
    let mut held = Some(lease(&group, now).await);
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..5 {
        let (group, served) = (group.clone(), served.clone());
        tokio::spawn(async move {
            let lease = lease(&group, now).await;
            served.send((number, lease)).unwrap();
        });
        // A newcomer for each one that is let in.
        if number > 1 {
            drop(held.take());
            let (first, lease) = order.recv().await.unwrap();
            assert_eq!(first, number - 2);
            held = Some(lease);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_longer_than_a_connection_may_take() {
    let circuit = Some(Circuit { in_flight: 1, waiting: 1 });
    let (group, _) = group(&Settings { circuit, ..settings(&["10.0.0.1"]) });
    let now = tokio::time::Instant::now();
    let _first = lease(&group, now.into_std()).await;
    let asks = Asks::default();
    let waited = group.lease(&asks.wish(), now.into_std()).await;
    assert_eq!(waited.unwrap_err(), NoTarget::Busy);
    assert_eq!(now.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_new_target_begins_slowly_and_the_first_ones_do_not() {
    let settings = Settings {
        slow_start: Duration::from_secs(30),
        outliers: None,
        ..checked(&["10.0.0.1", "10.0.0.2"])
    };
    let (group, now) = group(&settings);
    check(&group, "10.0.0.1", true, now);
    let later = now + Duration::from_mins(1);
    check(&group, "10.0.0.2", true, later);
    let share = async |at: Instant| {
        let hosts = hosts(&group, 100, at).await;
        hosts.iter().filter(|host| *host == "10.0.0.2").count()
    };
    assert!(share(later).await <= 2);
    let half = share(later + Duration::from_secs(15)).await;
    assert!((30..=36).contains(&half), "a half to one is a third: {half}");
    assert!((49..=51).contains(&share(later + Duration::from_secs(30)).await));
}

#[tokio::test]
async fn one_client_has_one_target_by_its_hash() {
    let algorithm = Algorithm::ConsistentHash(HashOn::Header("x-user".parse().unwrap()));
    let (group, now) = group(&Settings { algorithm, ..settings(&["10.0.0.1", "10.0.0.2"]) });
    let mut used = BTreeSet::new();
    for user in 0..20 {
        let mut asks = Asks::default();
        asks.fields.insert("x-user", HeaderValue::from(user));
        let first = group.lease(&asks.wish(), now).await.unwrap().address();
        for _ in 0..3 {
            assert_eq!(group.lease(&asks.wish(), now).await.unwrap().address(), first);
        }
        used.insert(first);
    }
    assert_eq!(used.len(), 2);
}

#[tokio::test]
async fn a_dead_name_does_not_stop_the_living() {
    let (mixed, now) = group(&settings(&["no-such-host.invalid", "127.0.0.1"]));
    assert_eq!(distinct(&mixed, now).await, ["127.0.0.1".to_owned()].into());
    let (dead, now) = group(&settings(&["no-such-host.invalid"]));
    let asks = Asks::default();
    let unresolved = dead.lease(&asks.wish(), now).await.unwrap_err();
    assert!(matches!(unresolved, NoTarget::Unresolved(_)), "{unresolved}");
    let (named, now) = group(&settings(&["localhost"]));
    assert!(lease(&named, now).await.address().ip().is_loopback());
}

#[test]
fn an_idle_connection_is_given_up_before_its_server_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (group, now) = group(&settings(&["10.0.0.1"]));
    for (said, seconds) in [
        ("", 60.0),
        ("timeout=5", 4.0),
        ("timeout=1, max=1000", 0.5),
        ("max=3, Timeout = 20", 19.0),
        ("timeout=x", 19.0),
        ("timeout=300", 60.0),
        ("timeout=18446744073709551615", 60.0),
    ] {
        let mut lease = runtime.block_on(lease(&group, now));
        let mut fields = HeaderMap::new();
        fields.insert("keep-alive", HeaderValue::from_static(said));
        lease.answered(StatusCode::OK, &fields, now);
        assert!((lease.idle().as_secs_f64() - seconds).abs() < 1e-9, "{said}");
    }
}
