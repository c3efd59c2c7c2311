use std::time::{Duration, UNIX_EPOCH};

use warmfront_config::BeforeFirst;
use warmfront_state::Database;

use super::super::journal::{Attempt, Outcome};
use super::*;

const HOUR: u64 = 3_600;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn now() -> SystemTime {
    at(0)
}

fn directory(name: &str) -> String {
    format!("https://{name}.example/directory")
}

/// `a` is public, `b` stands in for it.
fn two() -> Authorities {
    let authority = |name: &str, public| Authority {
        name: name.to_owned(),
        directory: directory(name),
        ca_file: None,
        external_account: None,
        public,
    };
    let acme = Acme {
        email: None,
        authorities: vec![authority("a", true), authority("b", false)],
        public_addresses: Vec::new(),
        before_first: BeforeFirst::SelfSigned,
        dns: None,
    };
    let database = Database::in_memory().unwrap();
    let journal = Journal::open(database).unwrap();
    Authorities::open(&acme, &journal, now).unwrap()
}

/// So many failures at each, the last with this Retry-After.
fn past(failures: &str, retry_after: Option<SystemTime>) -> Past {
    let mut past = Past::default();
    for name in failures.split_terminator(' ') {
        past.add(Attempt {
            at: now(),
            directory: directory(name),
            authority: name.to_owned(),
            outcome: Outcome::Names,
            sentence: "no".to_owned(),
            retry_after,
            next: None,
        });
    }
    past
}

fn open(name: &str) -> OpenOrder {
    OpenOrder {
        directory: directory(name),
        account: "https://a.example/account".to_owned(),
        url: "https://a.example/order".to_owned(),
        hosts: vec!["www.acme.dev".to_owned()],
        placed: now(),
        profile: None,
    }
}

/// Who wants what is due.
fn applicant<'a>(past: &'a Past, open: Option<&'a OpenOrder>) -> Applicant<'a> {
    Applicant { past, open, wanted: Wanted::Certificate, asked: false }
}

fn shown(next: &Next) -> String {
    match next {
        Next::Ask(known) => known.settings.name.clone(),
        Next::Wait(until) => format!("{}", until.duration_since(now()).unwrap().as_secs()),
    }
}

#[test]
fn the_second_authority_is_asked_when_the_first_has_failed_three_times() {
    let authorities = two();
    let orders = [None, Some(open("b"))];
    for (failures, order, expected) in [
        ("", 0, "a"),
        ("a a", 0, "a"),
        ("a a a", 0, "b"),
        ("a a a b b b", 0, "a"),
        ("a", 1, "b"),
        ("b b b", 1, "a"),
    ] {
        let open = orders[order].as_ref();
        let next = authorities.next(&applicant(&past(failures, None), open), now());
        assert_eq!(shown(&next), expected, "{failures}, open: {order}");
    }
}

#[test]
fn what_an_authority_told_one_site_holds_for_an_hour_for_the_others() {
    let authorities = two();
    let day = at(24 * HOUR);
    let until = authorities.told_to_wait(&directory("a"), day, now());
    assert_eq!(until, at(HOUR));
    let next = |past: &Past, seconds| shown(&authorities.next(&applicant(past, None), at(seconds)));
    let (told, other) = (past("a", Some(day)), past("", None));
    assert_eq!((next(&told, 0), next(&other, 0)), ("b".to_owned(), "b".to_owned()));
    assert_eq!((next(&told, HOUR), next(&other, HOUR)), ("b".to_owned(), "a".to_owned()));
    assert_eq!(next(&told, 24 * HOUR), "a");

    authorities.told_to_wait(&directory("b"), at(60), now());
    assert_eq!(next(&other, 0), "60", "nobody wants to be asked");
}

#[test]
fn orders_are_counted_for_public_authorities() {
    let authorities = two();
    for name in ["a", "b"] {
        (0..250).for_each(|second| authorities.placed(&directory(name), at(second)));
    }
    let none = past("", None);
    let next =
        |applicant: Applicant<'_>, seconds| shown(&authorities.next(&applicant, at(seconds)));
    let due = applicant(&none, None);
    assert_eq!(next(due, 250), "b");
    assert_eq!(next(due, 3 * HOUR), "a", "the first one counts no more");
    let open = open("a");
    assert_eq!(next(applicant(&none, Some(&open)), 250), "a", "it is placed already");
    let asked = Applicant { asked: true, ..due };
    assert_eq!(next(asked, 250), "a", "some are left for who asks");
    (250..290).for_each(|second| authorities.placed(&directory("a"), at(second)));
    assert_eq!(next(asked, 290), "b");
}

#[test]
fn an_open_order_is_waited_for_where_it_was_placed() {
    let authorities = two();
    let order = open("a");
    let next = |past: &Past, wanted| {
        let applicant = Applicant { wanted, ..applicant(past, Some(&order)) };
        shown(&authorities.next(&applicant, now()))
    };
    let (certificate, resumption) = (Wanted::Certificate, Wanted::Resumption);
    let told = past("a", Some(at(90)));
    assert_eq!((next(&told, certificate), next(&told, resumption)), ("90".into(), "90".into()));
    let failing = past("a a a", None);
    assert_eq!((next(&failing, certificate), next(&failing, resumption)), ("b".into(), "a".into()));
}

#[test]
fn an_authority_that_nobody_reaches_is_passed_over_by_all_for_ten_minutes() {
    use Outcome::{Authority, Edge, Issued, Names};
    let none = past("", None);
    // What befell other sites, at which authority, whether there was an order; who is asked then.
    for (case, befell, expected) in [
        ("two", vec![("a", Authority, false); 2], "a"),
        ("three", vec![("a", Authority, false); 3], "b"),
        ("with an order", vec![("a", Authority, true); 3], "a"),
        ("their names", vec![("a", Names, false); 3], "a"),
        ("ourselves", vec![("a", Edge, false); 3], "a"),
        ("an answer", [vec![("a", Authority, false); 3], vec![("a", Issued, true)]].concat(), "a"),
        (
            "both",
            [vec![("a", Authority, false); 3], vec![("b", Authority, false); 3]].concat(),
            "a",
        ),
    ] {
        let authorities = two();
        for (name, outcome, is_placed) in befell {
            authorities.attempted(&directory(name), outcome, is_placed, now());
        }
        let next = |seconds| shown(&authorities.next(&applicant(&none, None), at(seconds)));
        assert_eq!(next(0), expected, "{case}");
        let asked = Applicant { asked: true, ..applicant(&none, None) };
        assert_eq!(shown(&authorities.next(&asked, now())), "a", "{case}: somebody asks");
        assert_eq!(next(600), "a", "{case}: ten minutes later");
        authorities.attempted(&directory("a"), Authority, false, at(600));
        if case == "three" {
            assert_eq!(next(601), "b", "one more is enough");
        }
    }
}
