//! The door from the control plane to the data plane, neither of which knows the other.

use std::sync::Arc;

use async_trait::async_trait;
use warmfront_control::DataPlane;
use warmfront_proxy::Edge;
use warmfront_semantics::errand::{Fetch, Fetched};
use warmfront_semantics::inspection::{Inspection, Question, Unroutable};

/// The edge, as the control plane sees it.
pub(super) struct Plane(pub(super) Arc<Edge>);

#[async_trait]
impl DataPlane for Plane {
    fn inspect(&self, question: &Question) -> Result<Inspection, Unroutable> {
        self.0.inspect(question)
    }

    async fn prefetch(&self, asked: &Fetch) -> Fetched {
        self.0.prefetch(asked).await
    }
}
