//! A prefetcher on a ledger of its own, before a data plane that answers from a table.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use warmfront_semantics::coding::Coding;
use warmfront_semantics::errand::{Answer, Body, Cached, Fetch, Fetched, Form};
use warmfront_semantics::inspection::{Inspection, Question, Unroutable};
use warmfront_state::Database;
use warmfront_store::{InvalidationPath, Kind, Order, Receipt, StoreLimits};

use super::super::*;
use crate::tests::disk::Disk;
use crate::tests::node::clock;

const CONFIG: &str = r#"
[listen]
http = []
[[tls.certificates]]
chain = "/own.pem"
key = "/own.key"
[cache]
prefetch_rate = 50
[origins.app]
targets = ["127.0.0.1:3000"]
[sites.www]
hosts = ["www.example.com"]
origin = "app"
[sites.shop]
hosts = ["shop.example.com"]
origin = "app"
"#;

/// How long it takes to answer.
const TAKES: Duration = Duration::from_millis(200);

/// A data plane that answers by target: what is in no table is stored and not compressed.
#[derive(Default)]
pub(super) struct Table {
    pub(super) answers: BTreeMap<&'static str, Fetched>,
    pub(super) asked: Mutex<Vec<(Instant, Fetch)>>,
    pub(super) at_once: AtomicUsize,
    pub(super) most: AtomicUsize,
}

/// A prefetcher on a ledger of its own.
pub(super) struct Ground {
    pub(super) store: Arc<Store>,
    pub(super) table: Arc<Table>,
    pub(super) registry: Registry,
    pub(super) prefetcher: Arc<Prefetcher>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) running: JoinHandle<()>,
}

// === impl Table ===

impl Table {
    pub(super) fn targets(&self) -> Vec<String> {
        let asked = self.asked.lock();
        asked.iter().map(|(_, fetch)| fetch.target.clone()).collect()
    }
}

#[async_trait]
impl DataPlane for Table {
    fn inspect(&self, _: &Question) -> Result<Inspection, Unroutable> {
        Err(Unroutable::UnknownHost)
    }

    async fn prefetch(&self, asked: &Fetch) -> Fetched {
        self.asked.lock().push((Instant::now(), asked.clone()));
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(at_once, Ordering::Relaxed);
        assert!(!asked.target.contains("panic"), "as was asked");
        // What the edge makes itself is there at once.
        let is_coded = matches!(asked.form, Form::Coded(_));
        if !is_coded {
            sleep(TAKES).await;
        }
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        let fetched = self.answers.get(asked.target.as_str()).cloned().unwrap_or_else(stored);
        match fetched {
            Fetched::Answered(answer) if is_coded && !asked.target.contains("evicted") => {
                Fetched::Answered(Answer { cached: Cached::Hit, ..answer })
            }
            fetched => fetched,
        }
    }
}

// === impl Ground ===

impl Ground {
    pub(super) fn new(answers: impl IntoIterator<Item = (&'static str, Fetched)>) -> Self {
        Self::on_disk(&Arc::default(), answers)
    }

    /// On a disk that is full as long as this is said.
    pub(super) fn on_disk(
        is_full: &Arc<AtomicBool>,
        answers: impl IntoIterator<Item = (&'static str, Fetched)>,
    ) -> Self {
        let disk = Disk::new(is_full);
        let database = Database::on(move || disk.clone()).unwrap();
        let limits = StoreLimits { memory_bytes: 1 << 20, object_bytes: 1 << 10, workers: 1 };
        let store = Store::open(&limits, database, clock).unwrap();
        Self::on(Arc::new(store), answers)
    }

    pub(super) fn on(
        store: Arc<Store>,
        answers: impl IntoIterator<Item = (&'static str, Fetched)>,
    ) -> Self {
        let table = Table { answers: answers.into_iter().collect(), ..Table::default() };
        let (table, registry) = (Arc::new(table), Registry::new());
        let config = warmfront_config::parse(CONFIG, Path::new("/warmfront.toml"), &|_| None);
        let prefetcher = Prefetcher::new(Parts {
            config: Arc::new(config.unwrap_or_else(|problems| panic!("{problems:?}"))),
            store: store.clone(),
            data_plane: table.clone(),
            registry: &registry,
            clock,
        });
        let (prefetcher, (stop, stops)) = (prefetcher.unwrap(), watch::channel(false));
        let running = tokio::spawn(prefetcher.clone().run(stops));
        Self { store, table, registry, prefetcher, stop, running }
    }

    /// Records and begins; the id.
    pub(super) fn begin(&self, paths: &[&str], sitemap: Option<&str>) -> String {
        self.begin_of("www", paths, sitemap)
    }

    pub(super) fn begin_of(&self, site: &str, paths: &[&str], sitemap: Option<&str>) -> String {
        let seat = self.prefetcher.seat().unwrap();
        let recorded = self.record(site, paths, sitemap);
        seat.begin(&recorded);
        recorded.id
    }

    pub(super) fn record(&self, site: &str, paths: &[&str], sitemap: Option<&str>) -> Invalidation {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let order = Order {
            site: site.to_owned(),
            paths: vec![InvalidationPath::parse("/*").unwrap()],
            tags: Vec::new(),
            kind: Kind::Hard,
            reference: None,
            by: "root".to_owned(),
            prefetch: Some(Prefetch { paths, sitemap: sitemap.map(str::to_owned) }),
        };
        match self.store.invalidate(order, clock()).unwrap() {
            Receipt::New(recorded) => recorded,
            other => panic!("{other:?}"),
        }
    }

    /// Fetched, failed and what went wrong (empty if nothing did), once the ledger says so.
    pub(super) async fn done(&self, id: &str) -> (u64, u64, String) {
        loop {
            let recorded = self.store.invalidation(id).unwrap().unwrap();
            if let PrefetchState::Done { fetched, failed, finished, detail } =
                recorded.prefetch.unwrap().state
            {
                assert_eq!(finished, clock());
                return (fetched, failed, detail.unwrap_or_default());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// A whole job.
    pub(super) async fn fetch(&self, paths: &[&str], sitemap: Option<&str>) -> (u64, u64, String) {
        let id = self.begin(paths, sitemap);
        self.done(&id).await
    }

    pub(super) fn counted(&self, outcome: &str) -> String {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather());
        let text = text.unwrap();
        let metric =
            format!("warmfront_prefetch_requests_total{{outcome=\"{outcome}\",site=\"www\"");
        let line = text.lines().find(|line| line.starts_with(&metric)).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    }
}

pub(super) fn answer(status: u16, cached: Cached) -> Fetched {
    let status = StatusCode::from_u16(status).unwrap();
    Fetched::Answered(Answer { status, cached, forms: Vec::new(), body: Body::Dropped })
}

pub(super) fn stored() -> Fetched {
    answer(200, Cached::Stored)
}

pub(super) fn in_every_coding() -> Fetched {
    let Fetched::Answered(whole) = stored() else { unreachable!("it is an answer") };
    let forms = vec![Coding::Brotli, Coding::Zstd, Coding::Gzip];
    let forms = forms.into_iter().map(Form::Coded).collect();
    Fetched::Answered(Answer { forms, ..whole })
}

pub(super) fn kept(body: impl Into<Bytes>) -> Fetched {
    Fetched::Answered(Answer {
        status: StatusCode::OK,
        cached: Cached::Stored,
        forms: Vec::new(),
        body: Body::Kept(body.into()),
    })
}

pub(super) fn urlset(urls: &[&str]) -> Fetched {
    let urls: Vec<String> = urls.iter().map(|url| format!("<url><loc>{url}</loc></url>")).collect();
    kept(format!("<urlset>{}</urlset>", urls.concat()))
}
