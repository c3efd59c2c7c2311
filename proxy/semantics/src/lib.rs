//! HTTP as pure functions: RFC 9110, 9111, 9112 and 9211, and how requests to AWS are signed.
//!
//! No I/O, no clock, no runtime. Everything that has to be *decided* about a message is decided
//! here, and the rooms of the data plane only ask.

pub mod authority;
pub mod cache_status;
pub mod chunked;
pub mod coding;
pub mod control;
pub mod cookie;
pub mod date;
pub mod directives;
pub mod errand;
pub mod fields;
pub mod freshness;
pub mod head;
pub mod inspection;
pub mod navigation;
pub mod precondition;
pub mod query;
pub mod range;
pub mod reference;
pub mod signed;
pub mod sigv4;
pub mod storable;
pub mod tags;
pub mod tame;
pub mod target;
pub mod targeted;
pub mod timestamp;
pub mod validate;
pub mod vary;
