//! Goal: an asset outlives so many deploys, and nothing else that takes it. Method: deploys are
//! invalidations of `/*`, and time is set by hand.

use super::*;
use crate::tenure::Keep;
use warmfront_semantics::coding::Coding;

const DAY: Duration = Duration::from_hours(24);
const ASSET: &str = "/assets/app.1a2b3c.js";

#[derive(Debug, PartialEq)]
enum Service {
    Live,
    Kept,
    Gone,
}
use Service::{Gone, Live};

impl Bench {
    fn put_kept(&self, key: Digest, keep: Keep) {
        let mut filling = self.fill_kept(key, keep);
        filling.write(&Bytes::from_static(&[b'a'; 5_000])).unwrap();
        filling.finish();
    }

    fn fill_kept(&self, key: Digest, keep: Keep) -> Filling {
        let admission = Admission { keep: Some(keep), ..self.admission(ASSET, None) };
        self.store.fill(key, head(), admission)
    }

    fn service(&self, key: Digest) -> Service {
        match self.store.find(&key) {
            None => Gone,
            Some(Found { standing: Standing::Retired, .. }) => Service::Kept,
            Some(_) => Live,
        }
    }

    fn matched(&self, path: &str) -> u64 {
        match self.invalidate(path, None) {
            Receipt::New(done) => done.counted.matched,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_asset_outlives_so_many_deploys() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_kept(KEY, Keep::Deploys(2));
    bench.put([2; 16], "/assets/other.js", b"not kept");
    assert_eq!(bench.service(KEY), Live);
    assert_eq!(bench.matched("/*"), 2);
    assert_eq!((bench.service(KEY), bench.service([2; 16])), (Service::Kept, Gone));
    assert_eq!(bench.matched("/index.html"), 0, "it does not take what a deploy has retired");
    assert_eq!(bench.matched("/*"), 1);
    assert_eq!(bench.service(KEY), Service::Kept);
    assert_eq!(bench.matched("/*"), 1);
    assert_eq!(bench.service(KEY), Gone);
    assert_eq!(bench.store.stats().objects, 0, "its memory was not given back");
}

#[test]
fn an_asset_outlives_deploys_for_so_long_after_the_first() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_kept(KEY, Keep::For(7 * DAY));
    set_time(NOW + 30 * DAY);
    assert_eq!(bench.service(KEY), Live, "no deploy has come");
    bench.invalidate("/*", None);
    set_time(NOW + 36 * DAY);
    bench.invalidate("/*", None);
    assert_eq!(bench.service(KEY), Service::Kept);
    set_time(NOW + 37 * DAY);
    assert_eq!(bench.service(KEY), Service::Kept, "to the last second");
    set_time(NOW + 37 * DAY + Duration::from_secs(1));
    assert_eq!(bench.service(KEY), Gone);
    set_time(NOW);
    assert_eq!(bench.service(KEY), Gone, "what is gone does not come back");
}

#[test]
fn any_other_invalidation_takes_it_at_once() {
    for path in [ASSET, "/assets/*", "/*?x=1*", "/*.js"] {
        let taken = path != "/*?x=1*";
        let gone_or = |service| if taken { Gone } else { service };
        let bench = bench(8 << 20, 1 << 20);
        bench.put_kept(KEY, Keep::Deploys(9));
        bench.put_kept([2; 16], Keep::Deploys(9));
        bench.invalidate(path, None);
        assert_eq!(bench.service(KEY), gone_or(Live), "{path} before a deploy");
        bench.put_kept(KEY, Keep::Deploys(9));
        bench.invalidate("/*", None);
        bench.invalidate(path, None);
        assert_eq!(bench.service(KEY), gone_or(Service::Kept), "{path} after a deploy");
        bench.put_kept(KEY, Keep::Deploys(9));
        bench.invalidate_all(["/*".to_owned(), path.to_owned()], None);
        assert_eq!(bench.service(KEY), gone_or(Service::Kept), "{path} with a deploy");
    }
}

#[test]
fn what_its_origin_still_has_is_live_again() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_kept(KEY, Keep::Deploys(1));
    for _ in 0..3 {
        bench.invalidate("/*", None);
        assert_eq!(bench.service(KEY), Service::Kept);
        let was = bench.store.find(&KEY).unwrap().stored;
        let admission = Admission { birth: bench.store.birth(), ..was.admission().clone() };
        assert!(bench.store.freshen(KEY, &was, head(), admission));
        assert_eq!(bench.service(KEY), Live);
    }
}

#[tokio::test]
async fn its_encoded_form_is_kept_with_it() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_kept(KEY, Keep::Deploys(1));
    let encoded = async || {
        let stored = bench.store.find(&KEY).unwrap().stored;
        bench.store.encoded(KEY, &stored, Coding::Zstd).await.unwrap()
    };
    let form = encoded().await;
    for _ in 0..3 {
        bench.invalidate("/*", None);
        assert!(encoded().await.is(&form), "a retired one");
        let was = bench.store.find(&KEY).unwrap().stored;
        let admission = Admission { birth: bench.store.birth(), ..was.admission().clone() };
        bench.store.freshen(KEY, &was, head(), admission);
        assert!(encoded().await.is(&form), "one that is live again");
    }
}

#[tokio::test]
async fn a_fill_that_comes_to_nothing_leaves_what_was_kept() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_kept(KEY, Keep::Deploys(1));
    bench.invalidate("/*", None);
    drop(bench.fill(KEY, ASSET, Some(9)));
    assert_eq!(bench.service(KEY), Service::Kept);
    let cut = bench.fill(KEY, ASSET, Some(9));
    bench.invalidate("/*", None);
    drop(cut);
    assert_eq!(bench.service(KEY), Gone, "its time came meanwhile");
}

#[test]
fn a_deploy_that_overtakes_a_fill_retires_it() {
    let bench = bench(8 << 20, 1 << 20);
    let mut filling = bench.fill_kept(KEY, Keep::Deploys(1));
    filling.write(&Bytes::from_static(b"old")).unwrap();
    bench.invalidate("/*", None);
    assert_eq!(bench.service(KEY), Service::Kept);
    filling.finish();
    assert_eq!(bench.service(KEY), Service::Kept);
}

#[test]
fn a_change_spares_nothing() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_kept(KEY, Keep::Deploys(9));
    bench.invalidate("/*", None);
    bench.store.change(&KEY);
    assert_eq!(bench.service(KEY), Gone);
}
