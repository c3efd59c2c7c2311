//! What refused requests leave behind: whichever door refused a key, and why, its line is written.

use std::sync::{Arc, OnceLock};

use axum::response::Response;
use http::{Method, StatusCode};
use warmfront_keys::Principal;

use super::access::is_change;
use super::audit;
use super::metrics::{Counts, Refused};

/// Goes with a request, and learns whose it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(Arc<OnceLock<Principal>>);

// === impl Trail ===

impl Trail {
    pub(super) fn note(&self, principal: &Principal) {
        // It is proven once.
        let _ = self.0.set(principal.clone());
    }

    /// Writes the line of a refusal that has none yet. What was looked for and is not there was not
    /// refused.
    pub(super) fn end(&self, method: &Method, path: &str, answer: &Response, counts: &Counts) {
        let Some(principal) = self.0.get() else { return };
        let status = answer.status();
        let is_denied = status == StatusCode::FORBIDDEN;
        if is_denied {
            counts.refused(Refused::Denied);
        }
        let is_refusal = status.is_client_error() || status.is_server_error();
        let is_told = answer.extensions().get::<audit::Written>().is_some();
        if (is_denied || (is_refusal && is_change(method))) && !is_told {
            audit::refused(principal, method.as_str(), path, status);
        }
    }
}
