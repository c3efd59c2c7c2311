use proptest::prelude::*;
use warmfront_acme::Window;
use warmfront_acme::renewal::Lifetime;
use warmfront_dns::Published;

use super::*;

const DIRECTORY: &str = "https://a.example/directory";

fn database() -> Arc<Database> {
    Database::in_memory().unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn order(directory: &str, placed: u64) -> OpenOrder {
    OpenOrder {
        directory: directory.to_owned(),
        account: "https://a.example/account/1".to_owned(),
        url: format!("https://a.example/order/{placed}"),
        hosts: vec!["www.acme.dev".to_owned()],
        placed: at(placed),
        profile: None,
    }
}

fn attempt(number: u64, outcome: Outcome) -> Attempt {
    Attempt {
        at: at(number),
        directory: DIRECTORY.to_owned(),
        authority: "a".to_owned(),
        outcome,
        sentence: format!("attempt {number}"),
        retry_after: None,
        next: Some(at(number + 10)),
    }
}

#[test]
fn nothing_is_forgotten_over_a_restart() {
    let database = database();
    let renewal = Renewal {
        serial: "0A".to_owned(),
        at: at(60),
        window: Some((at(50), at(70))),
        ask_again: at(20),
    };
    let journal = Journal::open(database.clone()).unwrap();
    journal.placed("www", &order(DIRECTORY, 5)).unwrap();
    journal.record("www", &attempt(1, Outcome::Busy)).unwrap();
    journal.wait(DIRECTORY, at(100)).unwrap();
    journal.keep_renewal("www", &renewal).unwrap();
    journal.keep(DIRECTORY, "{}").unwrap();

    let journal = Journal::open(database).unwrap();
    assert_eq!(journal.open_order("www").unwrap(), Some(order(DIRECTORY, 5)));
    assert_eq!(journal.open_order("shop").unwrap(), None);
    assert_eq!(journal.attempts("www").unwrap(), [attempt(1, Outcome::Busy)]);
    assert_eq!(journal.attempts("shop").unwrap(), []);
    let told = Told { until: Some(at(100)), placed: vec![at(5)] };
    assert_eq!(journal.told(DIRECTORY, at(6)).unwrap(), told);
    assert_eq!(journal.renewal("www").unwrap(), Some(renewal));
    assert_eq!(journal.load(DIRECTORY).unwrap().as_deref(), Some("{}"));
    assert_eq!(journal.load("https://b.example/directory").unwrap(), None);

    journal.closed("www").unwrap();
    assert_eq!(journal.open_order("www").unwrap(), None);
    let counted = journal.told(DIRECTORY, at(6)).unwrap().placed;
    assert_eq!(counted, [at(5)], "an order that is over was placed all the same");
}

#[test]
fn the_last_hundred_attempts_of_each_site_are_kept() {
    let journal = Journal::open(database()).unwrap();
    journal.record("shop", &attempt(7, Outcome::Names)).unwrap();
    for number in 0..130 {
        journal.record("www", &attempt(number, Outcome::Names)).unwrap();
    }
    let kept = journal.attempts("www").unwrap();
    assert_eq!(kept.len(), 100);
    assert_eq!((kept[0].at, kept[99].at), (at(30), at(129)));
    assert_eq!(journal.attempts("shop").unwrap().len(), 1);
}

#[test]
fn the_later_of_two_waits_holds() {
    let journal = Journal::open(database()).unwrap();
    journal.wait(DIRECTORY, at(100)).unwrap();
    journal.wait(DIRECTORY, at(50)).unwrap();
    let told = journal.told(DIRECTORY, at(0)).unwrap();
    assert_eq!(told.waits(None, at(99)), Some(at(100)));
    assert_eq!(told.waits(None, at(100)), None);
    let far = Told { until: Some(at(90_000)), placed: Vec::new() };
    assert_eq!(far.waits(None, at(0)), None, "written by a clock that ran ahead");
}

#[test]
fn a_public_authority_gets_so_many_orders_and_no_more() {
    let journal = Journal::open(database()).unwrap();
    for second in 1..=250 {
        let site = format!("site-{}", second % 7);
        journal.placed(&site, &order(DIRECTORY, second)).unwrap();
    }
    journal.placed("www", &order("https://b.example/directory", 1)).unwrap();
    let told = journal.told(DIRECTORY, at(300)).unwrap();
    let room = Some(250);
    assert_eq!(told.waits(room, at(300)), Some(at(3 * 3_600 + 1)), "the first one leaves then");
    assert_eq!(told.waits(None, at(300)), None, "a private one has its own limits");
    assert_eq!(told.waits(Some(251), at(300)), None);
    assert_eq!(told.waits(room, at(3 * 3_600 + 1)), None);

    let later = 3 * 3_600 + 100;
    assert_eq!(journal.told(DIRECTORY, at(later)).unwrap().placed.len(), 151);
    journal.placed("www", &order(DIRECTORY, later)).unwrap();
    let all = journal.told(DIRECTORY, UNIX_EPOCH).unwrap().placed;
    assert_eq!(all.len(), 152, "older ones are forgotten");
}

#[test]
fn failures_in_a_row_end_with_a_certificate() {
    use Outcome::{Authority, Issued, Names};
    for (outcomes, expected) in [
        (vec![], 0),
        (vec![Issued], 0),
        (vec![Names, Authority], 2),
        (vec![Names, Issued, Authority], 1),
        (vec![Names, Authority, Issued], 0),
    ] {
        let attempts: Vec<Attempt> =
            outcomes.iter().zip(0..).map(|(outcome, number)| attempt(number, *outcome)).collect();
        assert_eq!(failures_in_a_row(&attempts).len(), expected, "{outcomes:?}");
    }
}

#[test]
fn what_another_version_wrote_is_gone_on_without() {
    let database = database();
    let journal = Journal::open(database.clone()).unwrap();
    journal.record("www", &attempt(1, Outcome::Names)).unwrap();
    let written = database.write(|tx| {
        tx.open_table(ORDERS)?.insert("www", b"{}".as_slice())?;
        tx.open_table(ATTEMPTS)?.insert(("www", 1), b"[]".as_slice())?;
        tx.open_table(RENEWALS)?.insert("www", b"\xFF".as_slice())?;
        tx.open_table(PUBLISHED)?.insert(("www", b"7".as_slice()), ())?;
        Ok(())
    });
    written.unwrap();
    journal.record("www", &attempt(2, Outcome::Busy)).unwrap();
    let attempts = [attempt(1, Outcome::Names), attempt(2, Outcome::Busy)];
    assert_eq!(journal.attempts("www").unwrap(), attempts);
    assert_eq!(journal.open_order("www").unwrap(), None);
    assert_eq!(journal.renewal("www").unwrap(), None);
    assert_eq!(journal.published("www").unwrap(), []);
}

#[test]
fn sites_that_are_gone_leave_only_what_is_in_the_dns() {
    let database = database();
    let journal = Journal::open(database.clone()).unwrap();
    let renewal = Renewal { serial: "0A".to_owned(), at: at(60), window: None, ask_again: at(20) };
    let record = |value: &str| -> Published {
        let json = serde_json::json!({ "name": "_acme-challenge.acme.dev", "value": value });
        serde_json::from_value(json).unwrap()
    };
    for site in ["shop", "www", "ww"] {
        journal.placed(site, &order(DIRECTORY, 5)).unwrap();
        journal.record(site, &attempt(1, Outcome::Names)).unwrap();
        journal.keep_renewal(site, &renewal).unwrap();
        journal.publishing(site, &record("one")).unwrap();
        journal.publishing(site, &record("two")).unwrap();
        journal.publishing(site, &record("two")).unwrap();
    }
    assert_eq!(journal.forget_all_but(&["ww"]).unwrap(), ["shop", "www"]);
    assert_eq!(journal.forget_all_but(&["ww"]).unwrap(), [""; 0]);
    let kept = |site: &str| {
        let attempts = journal.attempts(site).unwrap().len();
        let is_open = journal.open_order(site).unwrap().is_some();
        (attempts, is_open, journal.renewal(site).unwrap().is_some())
    };
    assert_eq!((kept("www"), kept("ww")), ((0, false, false), (1, true, true)));

    let journal = Journal::open(database).unwrap();
    assert_eq!(journal.publishers().unwrap(), ["shop", "ww", "www"]);
    assert_eq!(journal.published("www").unwrap(), [record("one"), record("two")]);
    journal.withdrawn("www", &record("one")).unwrap();
    assert_eq!(journal.published("www").unwrap(), [record("two")]);
    assert_eq!(journal.published("ww").unwrap().len(), 2);
    assert_eq!(journal.published("w").unwrap(), []);
}

#[test]
fn a_renewal_follows_the_authority_and_outlives_its_silence() {
    let lifetime = Lifetime::new(at(0), at(90 * 86_400));
    let day = |day: u64| at(day * 86_400);
    let by_lifetime =
        Renewal { serial: "0A".to_owned(), at: day(60), window: None, ask_again: day(0) };
    let window = |from, to| Window {
        start: day(from),
        end: day(to),
        explanation: None,
        ask_again: Duration::from_hours(6),
    };
    let told = by_lifetime.told(&lifetime, Some(&window(50, 54)), day(1), 0.5);
    assert_eq!((told.at, told.window), (day(52), Some((day(50), day(54)))));
    assert_eq!(told.ask_again, day(1) + Duration::from_hours(6));
    let again = told.told(&lifetime, Some(&window(51, 55)), day(2), 0.0);
    assert_eq!(again.at, day(52), "chosen once, for as long as the window holds it");
    let sooner = again.told(&lifetime, Some(&window(1, 2)), day(3), 0.0);
    assert_eq!(sooner.at, day(1), "which is over: at once");
    let silent = again.told(&lifetime, None, day(3), 0.0);
    assert_eq!((silent.at, silent.window), (again.at, again.window));
    assert!(silent.ask_again > day(3));
}

#[test]
fn a_window_before_the_epoch_can_be_kept() {
    let journal = Journal::open(database()).unwrap();
    let lifetime = Lifetime::new(at(0), at(90 * 86_400));
    let before = Renewal { serial: "0A".to_owned(), at: at(60), window: None, ask_again: at(0) };
    let window = Window {
        start: UNIX_EPOCH - Duration::from_hours(48),
        end: UNIX_EPOCH - Duration::from_hours(24),
        explanation: None,
        ask_again: Duration::from_hours(6),
    };
    let told = before.told(&lifetime, Some(&window), at(7), 0.5);
    journal.keep_renewal("www", &told).unwrap();
    assert_eq!(journal.renewal("www").unwrap(), Some(told));
}

proptest! {
    #[test]
    fn a_full_window_always_opens_again(placed in proptest::collection::vec(0_u64..20_000, 0..600)) {
        let mut placed: Vec<SystemTime> = placed.into_iter().map(at).collect();
        placed.sort_unstable();
        let told = Told { until: None, placed: placed.clone() };
        let now = at(20_000);
        let until = told.waits(Some(250), now).unwrap_or(now);
        prop_assert_eq!(told.waits(Some(250), until), None);
        let counted = placed.iter().filter(|at| **at + ORDERS_COUNTED > until).count();
        prop_assert!(counted < 250);
    }
}
