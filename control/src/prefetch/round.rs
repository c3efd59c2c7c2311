//! One job: what is to be fetched, and its way through the edge.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::{JoinError, JoinSet};
use warmfront_config::{Config, Site};
use warmfront_store::Prefetch;

use super::Progress;
use super::fetcher::{Fetcher, Visit};
use super::front::{Front, Resource};
use super::sitemap::{Extent, Kind, LOCATIONS_MAX, SITEMAP_BYTES_MAX, Sitemap};
use super::tally::Tally;

/// URLs that are asked for at the same time.
const AT_ONCE: usize = 4;
/// Sitemaps of one index that are read.
const SITEMAPS_MAX: usize = 100;

/// A job under way.
pub(super) struct Round<'r> {
    site: &'r Site,
    front: Front<'r>,
    fetcher: &'r Arc<Fetcher>,
    progress: &'r Mutex<Progress>,
    tally: Tally,
    /// In order, each once.
    resources: Vec<Resource>,
    known: HashSet<Resource>,
    /// URLs that sitemaps may still name.
    left: usize,
}

// === impl Round ===

impl<'r> Round<'r> {
    pub(super) fn new(
        config: &'r Config,
        site: &'r Site,
        fetcher: &'r Arc<Fetcher>,
        progress: &'r Mutex<Progress>,
    ) -> Self {
        let (front, mut tally) = (Front::new(config, site), Tally::default());
        if let Some(host) = front.made_up() {
            tally.remark(format!("no host has a name of its own here: {host} was asked for"));
        }
        Self {
            site,
            front,
            fetcher,
            progress,
            tally,
            resources: Vec::new(),
            known: HashSet::new(),
            left: LOCATIONS_MAX,
        }
    }

    /// Fetches the paths, then what the sitemap names.
    pub(super) async fn carry_out(mut self, asked: &Prefetch) -> Tally {
        for path in &asked.paths {
            match self.front.of_path(path) {
                Some(resource) => self.add(resource),
                None => self.tally.fail(path, "does not begin with `/`"),
            }
        }
        if let Some(sitemap) = &asked.sitemap {
            self.follow(sitemap).await;
        }
        let resources = std::mem::take(&mut self.resources);
        let total = u64::try_from(resources.len()).unwrap_or(u64::MAX);
        self.progress.lock().total = Some(total.saturating_add(self.tally.failed));
        let mut visits = JoinSet::new();
        for resource in resources {
            if visits.len() == AT_ONCE {
                let visited = visits.join_next().await;
                self.count(visited);
            }
            let (fetcher, site) = (self.fetcher.clone(), self.site.name.clone());
            visits.spawn(async move {
                let visit = fetcher.visit(&site, &resource).await;
                (resource.target, visit)
            });
        }
        while let Some(visited) = visits.join_next().await {
            self.count(Some(visited));
        }
        self.tally
    }

    /// Reads a sitemap, or the sitemaps of an index.
    async fn follow(&mut self, path: &str) {
        let Some(resource) = self.front.of_path(path) else {
            return self.tally.fail(path, "does not begin with `/`");
        };
        let sitemap = match self.read(&resource).await {
            Ok(sitemap) => sitemap,
            Err(why) => return self.tally.fail(path, &why),
        };
        match sitemap.kind {
            Kind::Pages => self.add_pages(&sitemap),
            Kind::Sitemaps => self.follow_index(&sitemap).await,
        }
    }

    async fn follow_index(&mut self, index: &Sitemap) {
        if index.locations.len() > SITEMAPS_MAX {
            let count = index.locations.len();
            self.tally.remark(format!("of {count} sitemaps the first {SITEMAPS_MAX} were read"));
        }
        for location in index.locations.iter().take(SITEMAPS_MAX) {
            let Some(resource) = self.front.of_url(location) else {
                self.tally.pass_over();
                continue;
            };
            match self.read(&resource).await {
                Ok(sitemap) if sitemap.kind == Kind::Pages => self.add_pages(&sitemap),
                Ok(_) => {
                    self.tally.fail(&resource.target, "is an index within an index: not followed");
                }
                Err(why) => self.tally.fail(&resource.target, &why),
            }
            if self.left == 0 {
                return;
            }
        }
    }

    async fn read(&self, resource: &Resource) -> Result<Sitemap, String> {
        let document = self.fetcher.read(&self.site.name, resource, SITEMAP_BYTES_MAX).await?;
        // Megabytes of it would hold up the requests of this thread.
        let read = tokio::task::spawn_blocking(move || Sitemap::read(&document)).await;
        match read {
            Ok(read) => read.map_err(|bad| bad.to_string()),
            Err(error) => Err(fault(&error)),
        }
    }

    fn add_pages(&mut self, sitemap: &Sitemap) {
        let is_cut = sitemap.extent == Extent::Beginning || sitemap.locations.len() > self.left;
        for location in sitemap.locations.iter().take(self.left) {
            match self.front.of_url(location) {
                Some(resource) => self.add(resource),
                None => self.tally.pass_over(),
            }
        }
        self.left = self.left.saturating_sub(sitemap.locations.len());
        if is_cut {
            self.left = 0;
            self.tally
                .remark(format!("of the sitemap's URLs the first {LOCATIONS_MAX} were taken"));
        }
    }

    fn add(&mut self, resource: Resource) {
        if self.known.insert(resource.clone()) {
            self.resources.push(resource);
        }
    }

    fn count(&mut self, visited: Option<Result<(String, Visit), JoinError>>) {
        match visited {
            Some(Ok((target, visit))) => self.tally.count(&target, visit),
            Some(Err(error)) => self.tally.fail("a request", &fault(&error)),
            None => {}
        }
        let mut progress = self.progress.lock();
        (progress.fetched, progress.failed) = (self.tally.fetched, self.tally.failed);
        progress.detail = self.tally.detail();
    }
}

fn fault(error: &JoinError) -> String {
    tracing::error!(%error, "a prefetch failed inside the node");
    "failed inside the node; its log says why".to_owned()
}
