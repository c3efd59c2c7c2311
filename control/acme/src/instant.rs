//! Authorities by way of the crate instant-acme, which is named in this folder alone.

mod account;
mod order;
mod renewal;
mod speaking;
mod transport;
mod words;

pub(crate) use account::log_in;
pub(crate) use renewal::renewal_window;
pub(crate) use transport::said;

#[cfg(test)]
mod tests;
