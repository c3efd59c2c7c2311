//! Certificates from authorities that speak ACME (RFC 8555).
//!
//! An attempt logs in ([`Endpoint::log_in`]) and obtains ([`obtain`]): one order, whose states are
//! types. Whatever must outlive a crash goes through a [`Journal`] before it is acted on; whatever
//! the authority must see goes through [`Proofs`]. When to try, whom to ask and when to renew is
//! decided by pure functions in [`backoff`], [`choice`] and [`renewal`].

pub mod backoff;
pub mod choice;
pub mod renewal;

mod attempt;
mod authority;
mod certificate;
mod endpoint;
mod https;
mod instant;
mod journal;
mod order;
mod pace;
mod problem;
mod proofs;
mod proving;
mod refusal;
mod retry_after;

pub use attempt::{Ask, Issued, Obtained, ProfileRule, Wanted, obtain};
pub use endpoint::{Endpoint, EndpointError, LoggedIn};
pub use journal::{Accounts, Journal, KeepError, OpenOrder, Step};
pub use proofs::{Answer, Proof, Proofs};
pub use refusal::{Blame, Refusal};
pub use renewal::Window;
