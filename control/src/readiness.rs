//! What `/ready` says: whether the node wants traffic, and what somebody should know.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

/// The node's readiness, shared by whoever changes it and whoever tells it.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    state: Arc<RwLock<State>>,
    draining: Arc<watch::Sender<bool>>,
}

/// Where the node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// The first configuration is not in force yet.
    #[default]
    Starting,
    /// Traffic is welcome.
    Serving,
    /// Only what is open is served.
    Draining,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// By topic, so that a problem that comes again is told once.
    problems: BTreeMap<&'static str, String>,
}

// === impl Readiness ===

impl Readiness {
    /// A node that is starting and has no problems.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first configuration is in force and every listener accepts.
    pub fn set_serving(&self) {
        self.state.write().phase = Phase::Serving;
    }

    /// No new traffic is wanted: the node is about to stop.
    pub fn set_draining(&self) {
        self.state.write().phase = Phase::Draining;
        self.draining.send_replace(true);
    }

    /// Returns when no new traffic is wanted any more.
    pub(crate) async fn draining(&self) {
        let mut draining = self.draining.subscribe();
        // The sender is ours: it is not gone.
        let _ = draining.wait_for(|draining| *draining).await;
    }

    /// Tells of a problem that the node lives with; a later one of the same topic takes its place.
    /// It does not make the node unready: the last good state serves on.
    pub fn report(&self, topic: &'static str, sentence: String) {
        self.state.write().problems.insert(topic, sentence);
    }

    /// Takes back what was reported under this topic.
    pub fn resolve(&self, topic: &'static str) {
        if self.state.read().problems.contains_key(topic) {
            self.state.write().problems.remove(topic);
        }
    }

    /// Where the node is in its life. It is ready while it serves.
    pub fn phase(&self) -> Phase {
        self.state.read().phase
    }

    /// What keeps the node from being ready, if anything, then what it lives with.
    pub fn problems(&self) -> Vec<String> {
        let state = self.state.read();
        let phase = match state.phase {
            Phase::Starting => Some("starting: no configuration is in force yet"),
            Phase::Serving => None,
            Phase::Draining => Some("draining: the node is about to stop"),
        };
        let reported = state.problems.values().cloned();
        phase.map(str::to_owned).into_iter().chain(reported).collect()
    }
}
