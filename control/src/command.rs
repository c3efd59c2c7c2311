//! What the command line asks a running node.

mod invalidate;
mod status;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::client::ClientError;

pub use invalidate::{Invalidate, invalidate};
pub use status::{Status, status};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done: 0.
    Done,
    /// It was refused, or it failed: 1.
    Failed,
}

// === impl Exit ===

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
        }
    }
}

/// The node's problem as it is; what never reached the node in the same shape.
fn problem(error: ClientError) -> Value {
    match error {
        ClientError::Refused { problem, .. } => problem,
        error => json!({ "type": "about:blank", "detail": error.to_string() }),
    }
}
