//! What the command line asks a running node.

mod console;
mod inspect;
mod invalidate;
mod invalidations;
mod keys;
mod shown;
mod status;
mod table;

use std::process::ExitCode;

use warmfront_config::Whereabouts;

pub use console::{Audience, Console};
pub use inspect::{Inspect, inspect};
pub use invalidate::{Invalidate, invalidate};
pub use invalidations::{Invalidations, invalidations};
pub use keys::{CreateKey, KeyGrant, Keys, RotateKey, keys};
pub use status::{Status, status};

/// What the help of every command that asks a node ends with.
pub const ENVIRONMENT: &str = "\
Environment:
  WARMFRONT_KEY    Ask with this access key, <id>.<secret> [default: the root key in listen.state]
  WARMFRONT_ADMIN  Without --config: ask the node with this control API, https://HOST[:PORT], and
                   read no configuration; WARMFRONT_KEY is needed";

/// Which node is asked, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Entrance<'c> {
    /// Where it is.
    pub config: &'c Whereabouts,
    /// `WARMFRONT_KEY`, an `<id>.<secret>`; `None` is the root key from the state directory. An
    /// empty one is refused: it was meant to be a key.
    pub key: Option<&'c str>,
}

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
