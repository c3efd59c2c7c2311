//! Goal: the catalog lists what stands in the memory tier, no more and no less, with its totals, whatever
//! Moka does and when. Method: everything that changes the tier, at random, in one thread and in many.

use super::*;
use crate::invalidation::Counted;
use crate::memory::Entry;
use crate::tenure::Keep;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use std::sync::Barrier;
use warmfront_semantics::tags::{Tag, Tags};

const PATHS: [&str; 4] = ["/a", "/b", "/dir/a", "/dir/b"];
const ORDERS: [&str; 6] = ["/*", "/a", "/dir/*", "/*a", "/b?x=1", "/*/*"];

#[derive(Debug, Clone)]
enum Act {
    /// A response of so many KiB under a key; or what is begun and comes to nothing.
    Put {
        key: u8,
        path: usize,
        kilobytes: usize,
        keep: Option<u32>,
        tag: bool,
        ends: bool,
    },
    Variant {
        key: u8,
        variant: u8,
    },
    Freshen {
        key: u8,
        tag: bool,
    },
    Discard {
        key: u8,
    },
    Change {
        key: u8,
    },
    Invalidate {
        named: usize,
        kind: Kind,
    },
    InvalidateTag,
    Sweep,
}

fn act() -> impl Strategy<Value = Act> {
    let key = 0..6_u8;
    let put =
        (0..6_u8, 0..PATHS.len(), 0..40_usize, prop::option::of(0..3_u32), any::<[bool; 2]>());
    let put = put.prop_map(|(key, path, kilobytes, keep, [tag, ends])| Act::Put {
        key,
        path,
        kilobytes,
        keep,
        tag,
        ends,
    });
    let kind = prop_oneof![Just(Kind::Hard), Just(Kind::Soft)];
    prop_oneof![
        6 => put,
        2 => (key.clone(), 10..14_u8).prop_map(|(key, variant)| Act::Variant { key, variant }),
        2 => (key.clone(), any::<bool>()).prop_map(|(key, tag)| Act::Freshen { key, tag }),
        1 => key.clone().prop_map(|key| Act::Discard { key }),
        1 => key.prop_map(|key| Act::Change { key }),
        2 => (0..ORDERS.len(), kind).prop_map(|(named, kind)| Act::Invalidate { named, kind }),
        1 => Just(Act::InvalidateTag),
        1 => Just(Act::Sweep),
    ]
}

fn tags(tagged: bool) -> Option<Tags> {
    let tag = Tag::parse("news").unwrap();
    tagged.then(|| [tag].into_iter().collect())
}

impl Bench {
    fn act_all(&self, acts: &[Act]) {
        for act in acts {
            self.act(act);
        }
    }

    fn act(&self, act: &Act) {
        match *act {
            Act::Put { key, path, kilobytes, keep, tag, ends } => {
                let admission = Admission {
                    keep: keep.map(Keep::Deploys),
                    tags: tags(tag),
                    ..self.admission(PATHS[path], None)
                };
                let mut filling = self.store.fill([key; 16], head(), admission);
                filling.write(&Bytes::from(vec![0; kilobytes * 1024 + 1])).unwrap();
                if ends {
                    filling.finish();
                }
            }
            Act::Variant { key, variant } => {
                self.put_variant([key; 16], "a", [variant; 16], b"variant");
            }
            Act::Freshen { key, tag } => {
                if let Some(Found { stored, .. }) = self.store.find(&[key; 16]) {
                    let admission = Admission {
                        birth: self.store.birth(),
                        tags: tags(tag),
                        ..stored.admission().clone()
                    };
                    self.store.freshen([key; 16], &stored, head(), admission);
                }
            }
            Act::Discard { key } => {
                if let Some(Found { stored, .. }) = self.store.find(&[key; 16]) {
                    self.store.discard([key; 16], &stored);
                }
            }
            Act::Change { key } => self.store.change(&[key; 16]),
            Act::Invalidate { named, kind } => self.take(Order {
                paths: vec![InvalidationPath::parse(ORDERS[named]).unwrap()],
                ..order(kind)
            }),
            Act::InvalidateTag => {
                self.take(Order { tags: vec![Tag::parse("News").unwrap()], ..order(Kind::Hard) });
            }
            Act::Sweep => self.store.sweep(),
        }
    }

    fn take(&self, order: Order) {
        self.store.invalidate(order, clock()).unwrap();
    }

    /// What is listed, and what stands there: each with its totals.
    fn audit(&self) -> [(Counted, Vec<usize>); 2] {
        self.store.sweep();
        // Moka evicts in batches.
        for _ in 0..20 {
            self.store.stats();
        }
        let listed = self.store.site("www").catalog.audit(clock());
        let standing: Vec<Entry> = self.store.memory.iter().map(|(_, entry)| entry).collect();
        let mut counted = Counted::default();
        for entry in &standing {
            counted.matched += u64::from(matches!(entry, Entry::Response(_)));
            counted.bytes += entry.weight();
        }
        let mut addresses: Vec<usize> = standing.iter().map(Entry::address).collect();
        addresses.sort_unstable();
        [listed, (counted, addresses)]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_listed_is_what_stands_there(acts in prop::collection::vec(act(), 1..60)) {
        // So small that much is evicted.
        let bench = bench(300 << 10, 64 << 10);
        for act in &acts {
            bench.act(act);
            let [listed, standing] = bench.audit();
            prop_assert_eq!(listed, standing, "after {:?}", act);
        }
    }
}

#[test]
fn what_is_listed_is_what_stands_there_after_many_threads() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..8 {
        let bench = bench(300 << 10, 64 << 10);
        let schedules: Vec<Vec<Act>> = (0..4)
            .map(|_| {
                let acts = prop::collection::vec(act(), 300);
                acts.new_tree(&mut runner).unwrap().current()
            })
            .collect();
        let begin = Barrier::new(schedules.len());
        std::thread::scope(|scope| {
            for acts in &schedules {
                let (bench, begin) = (&bench, &begin);
                scope.spawn(move || {
                    begin.wait();
                    bench.act_all(acts);
                });
            }
        });
        let [listed, standing] = bench.audit();
        assert_eq!(listed, standing);
    }
}

#[test]
fn ten_thousand_are_counted_in_chunks_as_they_are_at_once() {
    let bench = bench(256 << 20, 1 << 20);
    for n in 0..10_000_u128 {
        let path = if n % 3 == 0 { format!("/a/{n}.css") } else { format!("/b/{n}.js") };
        let admission = Admission { tags: tags(n % 5 == 0), ..bench.admission(&path, None) };
        let mut filling = bench.store.fill((n << 64 | n).to_be_bytes(), head(), admission);
        filling.write(&Bytes::from_static(b"body")).unwrap();
        filling.finish();
    }
    let by_paths = |paths: &[&str], kind| {
        let paths = paths.iter().map(|path| InvalidationPath::parse(path).unwrap());
        Order { paths: paths.collect(), ..order(kind) }
    };
    let told = |order: &Order| bench.store.count(order).matched;
    assert_eq!(told(&by_paths(&["/*"], Kind::Hard)), 10_000);
    assert_eq!(told(&by_paths(&["/a/*", "/*.css", "/a/0.css"], Kind::Soft)), 3_334);
    assert_eq!(told(&by_paths(&["/*.js", "/a/0.css"], Kind::Hard)), 6_667);
    let tagged = Order { tags: vec![Tag::parse("news").unwrap()], ..order(Kind::Hard) };
    assert_eq!(told(&tagged), 2_000);
    let counted = |order: Order| match bench.store.invalidate(order, clock()).unwrap() {
        Receipt::New(done) => done.counted.matched,
        other => panic!("{other:?}"),
    };
    assert_eq!(counted(by_paths(&["/a/*", "/*.css"], Kind::Soft)), 3_334);
    assert_eq!(counted(tagged.clone()), 2_000);
    assert_eq!(counted(tagged), 0, "what is dead is dead once");
    let rest = told(&by_paths(&["/*"], Kind::Hard));
    assert_eq!(counted(by_paths(&["/*.css"], Kind::Hard)), 10_000 / 3 + 1 - 667);
    assert_eq!(counted(by_paths(&["/*"], Kind::Hard)), rest + 667 - 3_334);
    bench.store.sweep();
    assert_eq!(bench.store.stats().objects, 0);
}
