//! An authority, a journal and a publisher in memory, all in one scene: a script says what goes
//! wrong, and everything that happens is written down in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parking_lot::Mutex;
use warmfront_config::{ChallengeKind, HostPattern};

use crate::authority::{
    Authority, Authorization, Challenge, Fault, NewOrder, OrderStatus, Proving, RemoteOrder, Seen,
};
use crate::certificate::tests::sign;
use crate::journal::{Journal, KeepError, OpenOrder, Step};
use crate::problem::Problem;
use crate::proofs::{Answer, Proof, Proofs};

/// Everything there is, on both sides. Clones are the same scene.
#[derive(Clone, Default)]
pub(crate) struct Scene(pub(crate) Arc<Mutex<World>>);

#[derive(Default)]
pub(crate) struct World {
    /// What happened, in order.
    pub(crate) events: Vec<String>,
    /// The journal's content.
    pub(crate) open: Option<OpenOrder>,
    pub(crate) key: Option<String>,
    /// The call that never returns, as if the process were killed there: `finalize`.
    pub(crate) killed_at: Option<&'static str>,
    /// What is answered to a call instead of doing it, in order.
    pub(crate) faults: VecDeque<(&'static str, Fault)>,
    /// Orders at the authority, the last one the newest.
    pub(crate) orders: Vec<Remote>,
    /// Hosts that the authority is never convinced of.
    pub(crate) unconvincing: Vec<&'static str>,
    /// Hosts whose proof cannot be published.
    pub(crate) unpublishable: Vec<&'static str>,
    /// What is published now, and the most that ever was at once.
    pub(crate) published: Vec<String>,
    pub(crate) published_max: usize,
    pub(crate) profiles: Vec<String>,
    /// How many looks at an authorization or an order find it undecided.
    pub(crate) undecided: u32,
    /// How long it wants to be left alone, as every look at an order says.
    pub(crate) ask_again: Option<Duration>,
    /// The journal cannot forget an order.
    pub(crate) full: bool,
    /// The year in which what is issued ends; 2030 where it is 0.
    pub(crate) end: i32,
}

/// An order as the authority has it.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) status: OrderStatus,
    pub(crate) proofs: Vec<(HostPattern, Standing)>,
    pub(crate) chain: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Done,
    Failed,
    Pending,
    Processing,
}

/// One of its orders.
struct Handle {
    scene: Scene,
    at: usize,
    url: String,
}

// === impl Scene ===

impl Scene {
    /// Notes a call. Never returns from the one that the process is killed at.
    async fn call(&self, name: &str, what: &str) -> Result<(), Fault> {
        let killed = {
            let mut world = self.0.lock();
            world.events.push(format!("{name} {what}").trim_end().to_owned());
            world.killed_at == Some(name)
        };
        if killed {
            std::future::pending::<()>().await;
        }
        let mut world = self.0.lock();
        match world.faults.front() {
            Some((at, _)) if *at == name => Err(world.faults.pop_front().unwrap().1),
            _ => Ok(()),
        }
    }

    fn note(&self, event: &str) {
        self.0.lock().events.push(event.to_owned());
    }

    fn handle(&self, at: usize) -> Box<dyn RemoteOrder> {
        Box::new(Handle { scene: self.clone(), at, url: format!("order/{at}") })
    }

    /// The events since the last time.
    pub(crate) fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().events)
    }
}

#[async_trait]
impl Authority for Scene {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn directory(&self) -> &'static str {
        "https://fake/dir"
    }

    fn account(&self) -> &'static str {
        "https://fake/account/1"
    }

    fn profiles(&self) -> Vec<String> {
        self.0.lock().profiles.clone()
    }

    async fn place(&self, order: &NewOrder<'_>) -> Result<Box<dyn RemoteOrder>, Fault> {
        let replaces = if order.replaces.is_some() { " replacing" } else { "" };
        let profile = order.profile.map(|name| format!(" as {name}")).unwrap_or_default();
        self.call("place", &format!("{}{replaces}{profile}", order.hosts.len())).await?;
        let mut world = self.0.lock();
        let proofs = order.hosts.iter().map(|host| (host.clone(), Standing::Pending)).collect();
        let status = OrderStatus::Pending;
        world.orders.push(Remote { status, proofs, chain: String::new() });
        Ok(self.handle(world.orders.len() - 1))
    }

    async fn look(&self, url: &str) -> Result<Box<dyn RemoteOrder>, Fault> {
        self.call("look", url).await?;
        Ok(self.handle(url.trim_start_matches("order/").parse().unwrap()))
    }
}

// === impl Handle ===

impl Handle {
    fn with<T>(&self, look: impl FnOnce(&mut Remote) -> T) -> T {
        look(&mut self.scene.0.lock().orders[self.at])
    }

    /// What an authority does between two looks.
    fn pass_time(&self) {
        let mut world = self.scene.0.lock();
        if world.undecided > 0 {
            world.undecided -= 1;
            return;
        }
        let unconvincing = world.unconvincing.clone();
        let order = &mut world.orders[self.at];
        for (host, standing) in &mut order.proofs {
            if *standing == Standing::Processing {
                let failed = unconvincing.contains(&host.to_string().as_str());
                *standing = if failed { Standing::Failed } else { Standing::Done };
            }
        }
        order.status = match order.status {
            OrderStatus::Pending if order.proofs.iter().any(|(_, at)| *at == Standing::Failed) => {
                OrderStatus::Invalid
            }
            OrderStatus::Pending if order.proofs.iter().all(|(_, at)| *at == Standing::Done) => {
                OrderStatus::Ready
            }
            OrderStatus::Processing => OrderStatus::Valid,
            status => status,
        };
    }

    fn authorization_at(&self, at: usize) -> Authorization {
        let (host, standing) = self.with(|order| order.proofs[at].clone());
        let token = format!("token-{at}");
        let answer = Answer::Http01 { content: format!("{token}.thumb"), token };
        let proof = Proof { host: host.clone(), answer };
        let proving = match standing {
            Standing::Done => Proving::Done,
            Standing::Failed => Proving::Failed(Some(Problem {
                kind: "connection".to_owned(),
                detail: "192.0.2.7: Connection refused".to_owned(),
                ..Problem::default()
            })),
            Standing::Pending => Proving::Open(Challenge::Pending(proof)),
            Standing::Processing => Proving::Open(Challenge::Processing(proof)),
        };
        Authorization { url: format!("authz/{at}"), host, proving, ask_again: None }
    }
}

fn place_of(authorization: &str) -> usize {
    authorization.trim_start_matches("authz/").parse().unwrap()
}

#[async_trait]
impl RemoteOrder for Handle {
    fn url(&self) -> &str {
        &self.url
    }

    fn seen(&self) -> Seen {
        let ask_again = self.scene.0.lock().ask_again;
        Seen { status: self.with(|order| order.status), error: None, ask_again }
    }

    async fn refresh(&mut self) -> Result<Seen, Fault> {
        self.scene.call("refresh", "").await?;
        self.pass_time();
        Ok(self.seen())
    }

    fn proofs_wanted(&mut self) -> usize {
        self.with(|order| order.proofs.len())
    }

    async fn authorizations(&mut self, _kind: ChallengeKind) -> Result<Vec<Authorization>, Fault> {
        self.scene.call("authorizations", "").await?;
        let many = self.with(|order| order.proofs.len());
        Ok((0..many).map(|at| self.authorization_at(at)).collect())
    }

    async fn authorization(
        &mut self,
        url: &str,
        _kind: ChallengeKind,
    ) -> Result<Authorization, Fault> {
        self.scene.call("authorization", url).await?;
        self.pass_time();
        Ok(self.authorization_at(place_of(url)))
    }

    async fn ready(&mut self, url: &str, _kind: ChallengeKind) -> Result<(), Fault> {
        self.scene.call("ready", url).await?;
        self.with(|order| order.proofs[place_of(url)].1 = Standing::Processing);
        Ok(())
    }

    async fn finalize(&mut self, request: &[u8]) -> Result<(), Fault> {
        self.scene.call("finalize", "").await?;
        let end = self.scene.0.lock().end;
        let chain = sign(request, if end == 0 { 2030 } else { end });
        self.with(|order| {
            order.status = OrderStatus::Processing;
            order.chain = chain;
        });
        Ok(())
    }

    async fn certificate(&mut self) -> Result<String, Fault> {
        self.scene.call("certificate", "").await?;
        Ok(self.with(|order| order.chain.clone()))
    }
}

// === our side ===

#[async_trait]
impl Proofs for Scene {
    async fn present(&self, proof: &Proof) -> Result<(), String> {
        let host = proof.host.to_string();
        let _ = self.call("present", &host).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut world = self.0.lock();
        if world.unpublishable.contains(&host.as_str()) {
            return Err("the zone refuses it".to_owned());
        }
        world.published.push(host);
        world.published_max = world.published_max.max(world.published.len());
        Ok(())
    }

    async fn withdraw(&self, proof: &Proof) {
        let _ = self.call("withdraw", &proof.host.to_string()).await;
        self.0.lock().published.retain(|host| *host != proof.host.to_string());
    }
}

impl Journal for Scene {
    fn placed(&mut self, order: &OpenOrder) -> Result<(), KeepError> {
        self.note("placed");
        self.0.lock().open = Some(order.clone());
        Ok(())
    }

    fn key(&mut self) -> Result<Option<String>, KeepError> {
        Ok(self.0.lock().key.clone())
    }

    fn keep_key(&mut self, pem: &str) -> Result<(), KeepError> {
        self.note("keep_key");
        self.0.lock().key = Some(pem.to_owned());
        Ok(())
    }

    fn closed(&mut self) -> Result<(), KeepError> {
        self.note("closed");
        let mut world = self.0.lock();
        if world.full {
            return Err(KeepError::new("no space left on device"));
        }
        (world.open, world.key) = (None, None);
        Ok(())
    }

    fn step(&mut self, step: Step) {
        self.note(&format!("- {step}"));
    }
}

/// When the scene plays.
pub(crate) fn clock() -> SystemTime {
    crate::certificate::tests::now()
}
