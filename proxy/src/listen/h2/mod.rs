//! HTTP/2: a front of our own before Pingora's proxy.
//!
//! Pingora's rewrites the Date of every response (RFC 9110 §6.6.1 lets nobody do that to a response
//! that is passed on), drops interim responses, and lets a stream that nobody reads gather 400 KiB.
//! Frames are the `h2` crate's, with its defences as they come.
//!
//! ```text
//!               serve              request                 session
//!   EdgeStream ------> h2 stream ----------> RequestHeader --------> Pingora's proxy
//!                          ^                                             |
//!                          +---- incoming: body, outgoing: response -----+
//! ```

mod incoming;
mod outgoing;
mod request;
mod serve;
mod session;
mod underway;

pub(crate) use outgoing::PASSED_ON;
pub(super) use serve::Front;
