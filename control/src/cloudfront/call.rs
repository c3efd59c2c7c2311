//! One operation, asked for by a key that has proven itself.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use warmfront_config::{Action, Site};
use warmfront_keys::{Permission, Principal};
use warmfront_origin::Origin;
use warmfront_store::{InvalidationPath, Kind, LedgerError, Order, Receipt};

use super::batch::Batch;
use super::distribution::{self, Ground};
use super::fault::Fault;
use super::invalidation;
use super::operation::{Operation, Page, VERSION};
use crate::api::audit::{self, Fate};
use crate::api::{Node, invalidate};

/// What is asked, by whom.
pub(super) struct Call {
    pub(super) node: Arc<Node>,
    pub(super) principal: Principal,
    pub(super) operation: Operation,
    pub(super) body: Bytes,
    /// What a place on this node begins with.
    pub(super) here: String,
}

/// What is answered when it went well.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) document: String,
    pub(super) fields: HeaderMap,
}

// === impl Call ===

impl Call {
    /// Reads and writes the ledger's file: not for a thread that serves.
    pub(super) fn carry_out(&self) -> Result<Answer, Fault> {
        match &self.operation {
            Operation::CreateInvalidation { .. } => self.create_invalidation(),
            Operation::GetDistribution { .. } => self.get_distribution(),
            Operation::GetDistributionConfig { .. } => {
                let site = self.site(Action::Read)?;
                let document = distribution::config_shown(self.ground(), site);
                Ok(Answer::ok(document).with(ETAG, &distribution::etag(self.ground(), site)))
            }
            Operation::GetInvalidation { id, .. } => self.get_invalidation(id),
            Operation::ListDistributions(page) => self.list_distributions(page),
            Operation::ListInvalidations { page, .. } => self.list_invalidations(page),
        }
    }

    fn create_invalidation(&self) -> Result<Answer, Fault> {
        let site = self.site(Action::Invalidate)?;
        let Batch { caller_reference, paths, tags } = Batch::read(&self.body)?;
        let order = Order {
            site: site.name.clone(),
            paths,
            tags,
            kind: Kind::Hard,
            reference: Some(caller_reference),
            by: self.principal.id().to_owned(),
            prefetch: None,
        };
        if let Err(denied) = self.permit(&order) {
            audit::invalidation(&self.principal, &order, Fate::Refused(StatusCode::FORBIDDEN));
            return Err(denied.audited());
        }
        let receipt = invalidate::carry_out(&self.node, &self.principal, &order);
        match receipt.map_err(|undone| Fault::Unavailable(undone.to_string()).audited())? {
            // A client that asks again did not hear the first answer: it gets the same one.
            Receipt::New(done) | Receipt::Repeated(done) => {
                let document = invalidation::shown(&done);
                let distribution = format!("{}/{VERSION}/distribution/{}", self.here, site.id);
                let place = format!("{distribution}/invalidation/{}", done.id);
                let answer = Answer { status: StatusCode::CREATED, ..Answer::ok(document) };
                Ok(answer.with(LOCATION, &place))
            }
            Receipt::Conflict(done) => Err(Fault::AlreadyExists {
                reference: order.reference.unwrap_or_default(),
                id: done.id,
            }
            .audited()),
        }
    }

    fn permit(&self, order: &Order) -> Result<(), Fault> {
        let paths: Vec<&str> = order.paths.iter().map(InvalidationPath::as_str).collect();
        self.granted(self.principal.may(Action::Invalidate, Some(&order.site), &paths))?;
        if order.tags.is_empty() {
            return Ok(());
        }
        self.granted(self.principal.may_use_tags(&order.site))
    }

    fn get_distribution(&self) -> Result<Answer, Fault> {
        let site = self.site(Action::Read)?;
        // Asked for again and again by whoever waits: nothing of it is read from the disk.
        let in_progress = self.node.prefetcher.running(&site.name);
        let document = distribution::shown(self.ground(), site, in_progress);
        Ok(Answer::ok(document).with(ETAG, &distribution::etag(self.ground(), site)))
    }

    fn get_invalidation(&self, id: &str) -> Result<Answer, Fault> {
        let found = self.node.store.invalidation(id).map_err(|error| unreadable(&error))?;
        // Whoever orders one may wait for it, without a right to read.
        let made = found.as_ref().filter(|found| found.by == self.principal.id());
        let own = self.named().filter(|site| made.is_some_and(|made| made.site == site.name));
        let site = own.map_or_else(|| self.site(Action::Read), Ok)?;
        let of_site = found.filter(|found| found.site == site.name);
        Ok(Answer::ok(invalidation::shown(&of_site.ok_or(Fault::NoSuchInvalidation)?)))
    }

    fn list_distributions(&self, page: &Page) -> Result<Answer, Fault> {
        self.granted(self.principal.may(Action::Read, None, &[]))?;
        let sites = self.node.config.sites.iter().map(|site| &**site);
        let sites: Vec<&Site> = sites.filter(|site| self.may_read(site)).collect();
        let listed = distribution::listed(self.ground(), page, &sites);
        Ok(Answer::ok(listed.ok_or_else(unknown_marker)?))
    }

    fn list_invalidations(&self, page: &Page) -> Result<Answer, Fault> {
        let site = self.site(Action::Read)?;
        let is_of_site = |name: &str| name == site.name;
        // One more than the page, to know whether there is another.
        let most = page.most + 1;
        let found = self.node.store.invalidations(&is_of_site, page.marker.as_deref(), most);
        let found = found.map_err(|error| unreadable(&error))?.ok_or_else(unknown_marker)?;
        Ok(Answer::ok(invalidation::listed(page, &found)))
    }

    /// The site that is asked about, if the key may do this to it. Whether there is such a
    /// distribution is told only to a key whose right does not depend on it.
    fn site(&self, action: Action) -> Result<&Site, Fault> {
        let id = self.operation.distribution().unwrap_or_default();
        let found = self.named();
        let name = found.map_or(id, |site| &site.name);
        match self.principal.may(action, Some(name), &[]) {
            Permission::Granted => found.ok_or_else(|| self.unknown(id)),
            // The permission's own sentence would name the site.
            Permission::Denied(_) => Err(self.denied("no grant of this key is for it".to_owned())),
        }
    }

    /// The site whose distribution is asked about, if there is one.
    fn named(&self) -> Option<&Site> {
        let id = self.operation.distribution()?;
        self.node.config.sites.iter().find(|site| site.id == id).map(|site| &**site)
    }

    /// To a key that has the right to a site of this name, if there is one.
    fn unknown(&self, id: &str) -> Fault {
        match self.node.config.sites.iter().find(|site| site.name == id) {
            Some(site) => Fault::NamedDistribution { name: id.to_owned(), id: site.id.clone() },
            None => Fault::NoSuchDistribution,
        }
    }

    fn may_read(&self, site: &Site) -> bool {
        self.principal.may(Action::Read, Some(&site.name), &[]) == Permission::Granted
    }

    fn granted(&self, permission: Permission) -> Result<(), Fault> {
        match permission {
            Permission::Granted => Ok(()),
            Permission::Denied(why) => Err(self.denied(why)),
        }
    }

    fn denied(&self, why: String) -> Fault {
        let resource = self.operation.distribution().map(distribution::arn);
        Fault::Denied {
            key: self.principal.id().to_owned(),
            operation: self.operation.name(),
            resource: resource.unwrap_or_else(|| "*".to_owned()),
            why,
        }
    }

    fn ground(&self) -> Ground<'_> {
        Ground { config: &self.node.config, hosts: self, in_force_since: self.node.in_force_since }
    }
}

impl distribution::Hosts for Call {
    fn bucket(&self, name: &str) -> Option<String> {
        self.node.origins.iter().find_map(|origin| match origin {
            Origin::Bucket(bucket) if bucket.name() == name => Some(bucket.host()),
            _ => None,
        })
    }
}

// === impl Answer ===

impl Answer {
    fn ok(document: String) -> Self {
        Self { status: StatusCode::OK, document, fields: HeaderMap::new() }
    }

    /// With a field; without it if the client called this node by a name that fits in none.
    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.fields.insert(name, value);
        }
        self
    }
}

fn unknown_marker() -> Fault {
    Fault::InvalidArgument("The Marker is not the id of an item of this list.".to_owned())
}

fn unreadable(error: &LedgerError) -> Fault {
    tracing::error!(%error, "the ledger could not be read");
    Fault::Unavailable(error.to_string())
}
