//! Goal: an order takes or marks what it names, once.

use super::*;
use crate::invalidation::{Counted, Invalidation};
use crate::sweeper::Work;
use warmfront_semantics::coding::Coding;
use warmfront_semantics::tags::Tag;

/// Long enough for its forms to be smaller.
const TAGGED: &[u8] = &[b't'; 10_000];

impl Bench {
    pub(super) fn order(&self, kind: Kind, named: &[&str]) -> Invalidation {
        let (tags, paths): (Vec<&str>, Vec<&str>) =
            named.iter().partition(|named| named.starts_with('#'));
        let order = Order {
            paths: paths.iter().map(|path| InvalidationPath::parse(path).unwrap()).collect(),
            tags: tags.iter().map(|tag| Tag::parse(tag.trim_start_matches('#')).unwrap()).collect(),
            ..order(kind)
        };
        match self.store.invalidate(order, clock()).unwrap() {
            Receipt::New(done) => done,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn put_tagged(&self, key: Digest, path: &str, tags: &[&str]) {
        let tags = Some(tags.iter().map(|tag| Tag::parse(tag).unwrap()).collect());
        let admission = Admission { tags, ..self.admission(path, None) };
        let mut filling = self.store.fill(key, head(), admission);
        filling.write(&Bytes::from_static(TAGGED)).unwrap();
        filling.finish();
    }

    pub(super) fn standing(&self, key: Digest) -> Standing {
        self.store.find(&key).map_or(Standing::Dead, |found| found.standing)
    }
}

fn second(n: u64) -> SystemTime {
    NOW + Duration::from_secs(n)
}

#[test]
fn a_tag_takes_what_carries_it_whatever_its_path() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_tagged([1; 16], "/a", &["news", "front"]);
    bench.put_tagged([2; 16], "/b", &["news"]);
    bench.put_tagged([3; 16], "/c", &["front"]);
    let began = Admission {
        tags: Some([Tag::parse("News").unwrap()].into_iter().collect()),
        ..bench.admission("/d", None)
    };
    assert_eq!(bench.order(Kind::Hard, &["#NEWS"]).counted.matched, 2);
    for (key, standing) in [(1, Standing::Dead), (2, Standing::Dead), (3, Standing::Live)] {
        assert_eq!(bench.standing([key; 16]), standing, "{key}");
    }
    bench.store.fill([4; 16], head(), began).finish();
    assert_eq!(bench.standing([4; 16]), Standing::Dead, "it began before");
    bench.put_tagged([1; 16], "/a", &["news"]);
    assert_eq!(bench.standing([1; 16]), Standing::Live);
}

#[test]
fn a_304_that_says_no_tags_keeps_them_and_one_that_does_changes_them() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_tagged(KEY, "/a", &["old"]);
    let freshen = |tags| {
        let was = bench.stored(KEY);
        let birth = bench.store.birth();
        let admission = Admission { tags, birth, ..was.admission().clone() };
        assert!(bench.store.freshen(KEY, &was, head(), admission));
    };
    freshen(None);
    assert!(bench.stored(KEY).tags().contains(&Tag::parse("old").unwrap()));
    freshen(Some([Tag::parse("new").unwrap()].into_iter().collect()));
    assert_eq!(bench.order(Kind::Hard, &["#old"]).counted.matched, 0);
    assert_eq!(bench.order(Kind::Hard, &["#new"]).counted.matched, 1);
}

#[test]
fn what_takes_a_tag_takes_what_freshens_its_carrier_meanwhile() {
    let tag = |tag| Some([Tag::parse(tag).unwrap()].into_iter().collect());
    let softened = Standing::Stale { since: second(3) };
    for (kind, named, freshened, standing) in [
        (Kind::Hard, "#old", false, Standing::Dead),
        (Kind::Soft, "#old", true, softened),
        (Kind::Soft, "#new", true, softened),
        // What the 304 makes of it is taken; as it was, nobody has named it.
        (Kind::Hard, "#new", false, Standing::Live),
    ] {
        let bench = bench(8 << 20, 1 << 20);
        bench.put_tagged(KEY, "/a", &["old"]);
        let was = bench.stored(KEY);
        let admission =
            Admission { tags: tag("new"), birth: bench.store.birth(), ..was.admission().clone() };
        set_time(second(3));
        bench.order(kind, &[named]);
        let done = bench.store.freshen(KEY, &was, head(), admission);
        assert_eq!((done, bench.standing(KEY)), (freshened, standing), "{kind:?} {named}");
    }
}

#[test]
fn what_is_taken_does_not_come_back_by_a_304_that_was_asked_for_later() {
    for named in ["/a", "/*", "#t"] {
        let bench = bench(8 << 20, 1 << 20);
        bench.put_tagged(KEY, "/a", &["t"]);
        let was = bench.stored(KEY);
        bench.order(Kind::Hard, &[named]);
        let admission = Admission { birth: bench.store.birth(), ..was.admission().clone() };
        assert!(!bench.store.freshen(KEY, &was, head(), admission), "{named}");
        assert_eq!(bench.standing(KEY), Standing::Dead, "{named}");
        assert_eq!(bench.store.stats().objects, 0, "{named}");
    }
}

#[test]
fn a_deploy_waits_for_no_count_and_nothing_is_counted_twice() {
    let bench = bench(8 << 20, 1 << 20);
    for n in 0..6 {
        bench.put([n; 16], &format!("/{n}"), b"body");
    }
    let order = Order { paths: vec![InvalidationPath::parse("/*1").unwrap()], ..order(Kind::Hard) };
    let Receipt::New(done) = bench.store.record(order, NOW).unwrap() else { panic!("not new") };
    let taking = bench.store.publish(&done);
    // Two orders name it, and it goes before either has come there.
    assert_eq!(bench.standing([1; 16]), Standing::Dead);
    let held = bench.store.site("www");
    let counting = held.counting.lock();
    assert_eq!(bench.order(Kind::Hard, &["/*"]).counted.matched, 5);
    drop(counting);
    assert_eq!(bench.store.count_taken(taking).matched, 1);
}

#[tokio::test]
async fn what_is_softened_is_stale_until_it_is_born_anew() {
    let bench = bench(8 << 20, 1 << 20);
    for (named, path) in [("/a", "/a"), ("/*", "/b"), ("/c*", "/c"), ("#t", "/d")] {
        bench.put_tagged(KEY, path, &["t"]);
        let form = bench.encoded(KEY, Coding::Gzip).await.unwrap();
        set_time(second(5));
        let first = bench.order(Kind::Soft, &[named]).counted;
        assert_eq!(first.matched, 1, "{named}");
        set_time(second(9));
        assert_eq!(bench.order(Kind::Soft, &[named]).counted, first, "it names it again");
        for _ in 0..2 {
            assert_eq!(bench.standing(KEY), Standing::Stale { since: second(5) }, "{named}");
        }
        bench.store.sweep();
        assert_eq!(bench.read(KEY).await.as_deref(), Some(TAGGED));
        let again = bench.encoded(KEY, Coding::Gzip).await.unwrap();
        assert!(again.is(&form), "{named}: it was made again");
        let was = bench.stored(KEY);
        let admission = Admission { birth: bench.store.birth(), ..was.admission().clone() };
        assert!(bench.store.freshen(KEY, &was, head(), admission));
        assert_eq!(bench.standing(KEY), Standing::Live, "{named}");
        bench.order(Kind::Soft, &[named]);
        bench.order(Kind::Hard, &[named]);
        assert_eq!(bench.standing(KEY), Standing::Dead, "{named}: a hard one wins");
    }
}

#[test]
fn what_was_on_its_way_is_softened_when_it_comes() {
    let bench = bench(8 << 20, 1 << 20);
    let mut filling = bench.fill(KEY, "/a", None);
    set_time(second(3));
    assert_eq!(bench.order(Kind::Soft, &["/a"]).counted.matched, 1);
    let late = bench.admission("/a", None);
    filling.write(&Bytes::from_static(b"old")).unwrap();
    filling.finish();
    assert_eq!(bench.standing(KEY), Standing::Stale { since: second(3) });
    bench.store.fill(KEY, head(), late).finish();
    assert_eq!(bench.standing(KEY), Standing::Live);
}

#[test]
fn what_is_dead_on_arrival_is_neither_kept_nor_counted() {
    let bench = bench(8 << 20, 1 << 20);
    let before = bench.admission("/a", Some(3));
    bench.order(Kind::Hard, &["/a"]);
    let room = before.room.clone();
    let mut filling = bench.store.fill(KEY, head(), before);
    assert!(!room.is_made());
    filling.write(&Bytes::from_static(b"old")).unwrap();
    assert_eq!(bench.store.stats().objects, 0);
    filling.finish();
    assert_eq!(bench.store.stats().objects, 0);
    assert_eq!(bench.order(Kind::Hard, &["/*"]).counted, Counted::default());
}

#[test]
fn a_fill_that_is_overtaken_gives_back_what_is_still_kept() {
    use crate::tenure::Keep;
    let bench = bench(8 << 20, 1 << 20);
    let kept = Admission { keep: Some(Keep::Deploys(1)), ..bench.admission("/a", None) };
    bench.store.fill(KEY, head(), kept).finish();
    let filling = bench.fill(KEY, "/a", None);
    bench.order(Kind::Hard, &["/*"]);
    assert_eq!(bench.standing(KEY), Standing::Dead);
    filling.finish();
    // What stood there before was taken out of the way by the fill, and is kept for one deploy.
    assert_eq!(bench.standing(KEY), Standing::Dead, "a look-up has removed the fill");
    let kept = Admission { keep: Some(Keep::Deploys(1)), ..bench.admission("/b", None) };
    bench.store.fill([2; 16], head(), kept).finish();
    let filling = bench.fill([2; 16], "/b", None);
    bench.order(Kind::Hard, &["/*"]);
    filling.finish();
    assert_eq!(bench.standing([2; 16]), Standing::Retired);
}

#[test]
fn what_leaves_while_it_is_counted_is_counted() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put([1; 16], "/dir/a", b"body");
    bench.put([2; 16], "/dir/b", b"body");
    bench.put([3; 16], "/other", b"body");
    let order =
        Order { paths: vec![InvalidationPath::parse("/dir/*").unwrap()], ..order(Kind::Hard) };
    let Receipt::New(done) = bench.store.record(order, NOW).unwrap() else { panic!("not new") };
    let taking = bench.store.publish(&done);
    // Found dead and removed, or replaced, before the count has come there.
    assert_eq!(bench.standing([1; 16]), Standing::Dead);
    bench.put([2; 16], "/dir/b", b"newer");
    assert_eq!(bench.store.count_taken(taking).matched, 2);
    assert_eq!(bench.standing([2; 16]), Standing::Live);
    assert_eq!(bench.order(Kind::Hard, &["/*"]).counted.matched, 2);
}

#[test]
fn a_sweeper_gives_memory_back_by_itself_and_ends_with_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&limits(8 << 20, 1 << 20), database(&dir), clock).unwrap();
    let bench = Bench { store: Arc::new(store), dir };
    for n in 0..100 {
        bench.put([n; 16], &format!("/{n}"), b"body");
    }
    assert_eq!(bench.order(Kind::Hard, &["/1*", "/7"]).counted.matched, 12);
    bench.store.sweeper.wait_until_clean();
    assert_eq!(bench.store.stats().objects, 88);
    assert_eq!(bench.order(Kind::Hard, &["/*"]).counted.matched, 88);
    bench.store.sweeper.wait_until_clean();
    assert_eq!(bench.store.stats(), Stats { objects: 0, bytes: 0 });
    bench.store.sweeper.take(Work::Ledger(bench.store.site("www")));
    drop(bench);
}

#[tokio::test]
async fn a_full_ledger_forgets_and_nobody_notices() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_tagged(KEY, "/kept", &["kept"]);
    bench.put([2; 16], "/soft", b"body");
    let mut filling = bench.fill([3; 16], "/filling", None);
    set_time(second(1));
    bench.order(Kind::Soft, &["/soft"]);
    for n in 0..30 {
        let paths: Vec<String> = (0..3_000).map(|m| format!("/{n}/{m}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        bench.order(Kind::Hard, &paths);
    }
    // Even where nobody sweeps.
    assert_eq!(bench.standing(KEY), Standing::Live);
    bench.store.sweep();
    assert_eq!(bench.standing(KEY), Standing::Live);
    assert_eq!(bench.standing([2; 16]), Standing::Stale { since: second(1) });
    filling.write(&Bytes::from_static(b"whole")).unwrap();
    filling.finish();
    assert_eq!(bench.read([3; 16]).await.as_deref(), Some(b"whole".as_slice()));
    let first = bench.encoded(KEY, Coding::Gzip).await.unwrap();
    let second = bench.encoded(KEY, Coding::Gzip).await.unwrap();
    assert!(second.is(&first), "it was made again");
    assert_eq!(bench.order(Kind::Hard, &["#kept"]).counted.matched, 1);
}
