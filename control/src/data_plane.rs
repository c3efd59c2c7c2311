//! What the control plane asks of the data plane. The door between the two is in the binary.

use async_trait::async_trait;
use warmfront_semantics::errand::{Fetch, Fetched};
use warmfront_semantics::inspection::{Inspection, Question, Unroutable};

/// The data plane, as the control plane sees it.
#[async_trait]
pub trait DataPlane: Send + Sync + 'static {
    /// What a request would meet now, and why; it changes nothing. Reads the ledger from its disk.
    /// Fails if no site would answer the request.
    fn inspect(&self, question: &Question) -> Result<Inspection, Unroutable>;

    /// One request through every room, as a client's would be, read to its end or given up in time.
    async fn prefetch(&self, asked: &Fetch) -> Fetched;
}
