//! What becomes of an order that is open when an attempt begins.

use super::*;

#[tokio::test(start_paused = true)]
async fn killed_anywhere_it_goes_on_where_it_was() {
    for (at, placed, presented) in [
        // Nobody could know of the order.
        ("place", 1, true),
        ("authorizations", 0, true),
        ("present", 0, true),
        ("ready", 0, true),
        ("authorization", 0, true),
        ("withdraw", 0, false),
        ("refresh", 0, false),
        ("finalize", 0, false),
        ("certificate", 0, false),
    ] {
        let scene = Scene::default();
        attempt_killed(&scene, at).await;
        scene.events();
        let issued = attempt(&scene, &USUAL).await;
        assert!(issued.is_ok(), "{at}: {issued:?}");
        let events = scene.events();
        let count = |what: &str| events.iter().filter(|event| event.starts_with(what)).count();
        assert_eq!(count("place "), placed, "{at}: {events:?}");
        assert_eq!(count("present ") > 0, presented, "{at}: {events:?}");
        assert_eq!(count("closed"), 0, "{at}");
        let world = scene.0.lock();
        assert_eq!((world.orders.len(), world.published.len()), (1, 0), "{at}");
        assert_eq!(world.key, issued.ok().map(|issued| issued.key), "{at}: the kept key");
    }
}

#[tokio::test(start_paused = true)]
async fn the_state_of_an_open_order_decides() {
    for (status, keyed, goes_on) in [
        (OrderStatus::Pending, false, true),
        (OrderStatus::Pending, true, true),
        (OrderStatus::Ready, false, true),
        (OrderStatus::Ready, true, true),
        (OrderStatus::Processing, true, true),
        (OrderStatus::Processing, false, false),
        (OrderStatus::Valid, true, true),
        (OrderStatus::Valid, false, false),
        (OrderStatus::Invalid, true, false),
        (OrderStatus::Invalid, false, false),
    ] {
        let scene = Scene::default();
        attempt_killed(&scene, "certificate").await;
        {
            let mut world = scene.0.lock();
            let order = world.orders.last_mut().unwrap();
            order.status = status;
            if status == OrderStatus::Pending {
                order.proofs.iter_mut().for_each(|(_, standing)| *standing = Standing::Pending);
            }
            world.key = world.key.take().filter(|_| keyed);
        }
        scene.events();
        let issued = attempt(&scene, &USUAL).await;
        assert!(issued.is_ok(), "{status:?} {keyed}: {issued:?}");
        let events = scene.events();
        assert_eq!(scene.0.lock().orders.len(), if goes_on { 1 } else { 2 }, "{status:?} {keyed}");
        let closed = events.iter().position(|event| event == "closed");
        let placed = events.iter().position(|event| event.starts_with("place "));
        assert_eq!(closed.is_some(), !goes_on, "{status:?} {keyed}");
        assert!(closed <= placed, "{status:?} {keyed}: the old one is forgotten first: {events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_does_not_fit_is_left_for_a_new_one() {
    type Change = fn(&mut OpenOrder);
    let changes: [(&str, Change); 5] = [
        ("another authority is asked now", |order| order.directory = "https://other/dir".into()),
        ("it belongs to another account", |order| order.account = "https://fake/account/2".into()),
        ("other hosts are wanted now", |order| order.hosts.truncate(1)),
        ("another profile is wanted now", |order| order.profile = Some("shortlived".into())),
        ("it has come to nothing for a day", |order| order.placed -= Duration::from_hours(25)),
    ];
    for (reason, change) in changes {
        let scene = Scene::default();
        attempt_killed(&scene, "authorizations").await;
        change(scene.0.lock().open.as_mut().unwrap());
        scene.events();
        attempt(&scene, &USUAL).await.unwrap();
        let gave_up = format!("- gave up the order order/0: {reason}");
        let events = scene.events();
        let first = events.iter().take(3).map(String::as_str).collect::<Vec<_>>();
        assert_eq!(first, [gave_up.as_str(), "closed", "place 2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_ordered_where_only_the_open_order_is_wanted() {
    let wish = Wish { wanted: Wanted::Resumption, ..USUAL };
    let scene = Scene::default();
    assert_eq!(tried(&scene, &wish).await, Ok(Obtained::NothingToResume));
    assert_eq!(scene.events(), [""; 0], "nobody is asked");

    attempt_killed(&scene, "ready").await;
    let Ok(Obtained::Issued(_)) = tried(&scene, &wish).await else { panic!("it was open") };

    let gone = || problem(404, "malformed", "no such order");
    script(&scene, "look", gone());
    scene.events();
    assert_eq!(tried(&scene, &wish).await, Ok(Obtained::NothingToResume));
    let gave_up = "- gave up the order order/0: it is gone: no such order (malformed)";
    assert_eq!(scene.events(), ["look order/0", gave_up, "closed"]);
    assert!(scene.0.lock().open.is_none() && scene.0.lock().key.is_none());

    // One that fails after it was taken up has failed.
    attempt_killed(&scene, "ready").await;
    script(&scene, "finalize", problem(403, "caa", "CAA forbids it"));
    let refusal = tried(&scene, &wish).await.unwrap_err();
    assert_eq!(refusal.blame, Blame::Names);
    assert_eq!(scene.0.lock().orders.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_order_is_not_given_up_for_an_authority_that_is_down() {
    let scene = Scene::default();
    attempt_killed(&scene, "authorizations").await;
    for fault in [silent(), problem(503, "serverInternal", "maintenance"), problem(429, "", "")] {
        script(&scene, "look", fault);
        attempt(&scene, &USUAL).await.unwrap_err();
        assert!(scene.0.lock().open.is_some());
    }
    script(&scene, "look", problem(404, "malformed", "no such order"));
    attempt(&scene, &USUAL).await.unwrap();
    assert_eq!(scene.0.lock().orders.len(), 2);
}
