//! Goal: what is recorded is told again, and what is still to be done is not forgotten.

use super::*;
use crate::invalidation::{Invalidation, Prefetch, PrefetchState};
use crate::ledger::{Position, Verdict};
use warmfront_semantics::tags::Tag;

#[test]
fn a_reference_is_for_one_thing_in_whatever_sequence() {
    let bench = bench(8 << 20, 1 << 20);
    let asked = |named: &[&str], kind, prefetch: Option<&str>| Order {
        paths: named.iter().map(|path| InvalidationPath::parse(path).unwrap()).collect(),
        reference: Some("build".into()),
        prefetch: prefetch.map(|path| Prefetch { paths: vec![path.into()], sitemap: None }),
        ..order(kind)
    };
    let ask = |order| bench.store.invalidate(order, NOW).unwrap();
    assert!(matches!(ask(asked(&["/a", "/b"], Kind::Hard, None)), Receipt::New(_)));
    assert!(matches!(ask(asked(&["/b", "/a", "/a"], Kind::Hard, None)), Receipt::Repeated(_)));
    assert!(matches!(ask(asked(&["/a", "/b"], Kind::Soft, None)), Receipt::Conflict(_)));
    assert!(matches!(ask(asked(&["/a", "/b"], Kind::Hard, Some("/"))), Receipt::Conflict(_)));
    let tagged =
        Order { tags: vec![Tag::parse("t").unwrap()], ..asked(&["/a", "/b"], Kind::Hard, None) };
    assert!(matches!(ask(tagged), Receipt::Conflict(_)));
}

#[test]
fn a_prefetch_is_written_down_and_begins_anew_until_it_is_done() {
    let bench = bench(8 << 20, 1 << 20);
    let asked = Prefetch { paths: vec!["/".into()], sitemap: Some("/sitemap.xml".into()) };
    let order = Order {
        paths: vec![InvalidationPath::parse("/*").unwrap()],
        prefetch: Some(asked),
        ..order(Kind::Hard)
    };
    bench.order(Kind::Hard, &["/other"]);
    let Receipt::New(done) = bench.store.invalidate(order, NOW).unwrap() else { panic!("not new") };
    assert!(!done.is_completed());
    let Bench { store, dir } = bench;
    drop(store);
    let reopen = || Store::open(&limits(8 << 20, 1 << 20), database(&dir), clock).unwrap();
    let store = reopen();
    assert_eq!(store.unfinished().unwrap(), std::slice::from_ref(&done));
    let detail = Some("2 were not there".to_owned());
    let state = PrefetchState::Done {
        fetched: 7,
        failed: 2,
        finished: NOW + Duration::from_secs(4),
        detail,
    };
    store.prefetched(&done.id, state.clone()).unwrap();
    store.prefetched("unknown", PrefetchState::Running).unwrap();
    drop(store);
    let store = reopen();
    assert!(store.unfinished().unwrap().is_empty());
    let done = store.invalidation(&done.id).unwrap().unwrap();
    assert!(done.is_completed());
    assert_eq!(done.prefetch.unwrap().state, state);
}

#[test]
fn what_is_under_way_is_not_let_go_of_by_the_orders_behind_it() {
    let bench = bench(8 << 20, 1 << 20);
    let long = "x".repeat(3_900);
    let paths = |n: u64| {
        let long = &long;
        (0..1_000).map(move |m| format!("/{n}/{m}/{long}"))
    };
    let order = Order {
        paths: paths(1).map(|path| InvalidationPath::parse(&path).unwrap()).collect(),
        prefetch: Some(Prefetch { paths: vec!["/".into()], sitemap: None }),
        ..order(Kind::Hard)
    };
    let Receipt::New(first) = bench.store.invalidate(order, NOW).unwrap() else {
        panic!("not new")
    };
    let large = |n| {
        bench.invalidate_all(paths(n), None);
    };
    (2..14).for_each(large);
    let positions = |done: &[Invalidation]| -> Vec<u64> {
        done.iter().map(|done| done.position.get()).collect()
    };
    assert_eq!(positions(&bench.store.unfinished().unwrap()), [1]);
    let kept = bench.store.invalidations(&|_| true, None, 100).unwrap().unwrap();
    let kept = positions(&kept);
    assert_eq!(kept.last(), Some(&1));
    let gone = kept[kept.len() - 2] - 1;
    assert!(gone > 2, "{kept:?}");
    let state = PrefetchState::Done { fetched: 1, failed: 0, finished: NOW, detail: None };
    bench.store.prefetched(&first.id, state).unwrap();
    large(14);
    assert_eq!(bench.store.invalidation(&first.id).unwrap(), None);
    let Bench { store, dir } = bench;
    drop(store);
    let store = Store::open(&limits(8 << 20, 1 << 20), database(&dir), clock).unwrap();
    let bench = Bench { store: Arc::new(store), dir };
    let judged = |since| {
        let admission = bench.admission("/any", None);
        bench.store.site("www").judge(&admission, Position::new(since))
    };
    assert_eq!(judged(gone - 1), Verdict::Dead, "what went late lowers no floor");
    assert_eq!(judged(14), Verdict::Spared { softened: None });
}

#[test]
fn a_record_of_an_earlier_version_is_read() {
    let record = r#"{"id":"IABCDEFGHIJKLM","position":7,"site":"www","paths":["/*","/a b"],
        "reference":"build-41","by":"root","created":{"secs_since_epoch":1,"nanos_since_epoch":2},
        "counted":{"matched":3,"bytes":4}}"#;
    let read: Invalidation = serde_json::from_str(record).unwrap();
    assert_eq!((read.position.get(), read.counted.matched), (7, 3));
    assert_eq!((read.kind, read.tags.len(), &read.prefetch), (Kind::Hard, 0, &None));
    assert!(read.is_completed());
    let written = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<Invalidation>(&written).unwrap(), read);
}

#[test]
fn lists_are_paged_by_the_sites_that_are_shown() {
    let bench = bench(8 << 20, 1 << 20);
    let ask = |n| {
        let site = if n % 2 == 0 { "www" } else { "other" }.to_owned();
        let paths = vec![InvalidationPath::parse("/a").unwrap()];
        let order = Order { site, paths, ..order(Kind::Hard) };
        match bench.store.invalidate(order, NOW).unwrap() {
            Receipt::New(done) => done.id,
            other => panic!("{other:?}"),
        }
    };
    let ids: Vec<String> = (0..6).map(ask).collect();
    let other = |site: &str| site == "other";
    let page = |shown: &dyn Fn(&str) -> bool, after, most| {
        let page = bench.store.invalidations(shown, after, most).unwrap();
        page.map(|page| page.into_iter().map(|done| done.id).collect::<Vec<_>>())
    };
    let picked = |picked: &[usize]| Some(picked.iter().map(|n| ids[*n].clone()).collect());
    assert_eq!(page(&|_| true, None, 2), picked(&[5, 4]));
    assert_eq!(page(&|_| true, Some(&ids[4]), 9), picked(&[3, 2, 1, 0]));
    assert_eq!(page(&other, None, 2), picked(&[5, 3]));
    assert_eq!(page(&other, Some(&ids[3]), 2), picked(&[1]));
    assert_eq!(page(&other, Some(&ids[4]), 2), None, "who does not see it may not start there");
    assert_eq!(page(&other, Some("unknown"), 2), None);
}
