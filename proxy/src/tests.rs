//! The data plane as a client, the control plane and a prefetch see it.

mod explained;
mod inspected;
mod kit;
mod prefetched;
mod softened;
mod tagged;
