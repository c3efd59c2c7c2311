//! HTTP as pure functions: RFC 9110, 9111, 9112 and 9211.
//!
//! No I/O, no clock, no runtime. Everything that has to be *decided* about a message is decided
//! here, and the rooms of the data plane only ask.

pub mod authority;
pub mod cache_status;
pub mod chunked;
pub mod fields;
pub mod head;
pub mod navigation;
pub mod storable;
pub mod target;
pub mod vary;
