//! From words to meaning: one file for each family of tables.
//!
//! What may stand where is said by functions of their own, which the importer asks too: what it
//! writes is never refused here.

mod acme;
pub(crate) mod address;
mod behaviors;
mod clients;
pub(crate) mod cors;
pub(crate) mod distribution;
pub(crate) mod error_pages;
mod fields;
mod key_groups;
pub(crate) mod keys;
pub(crate) mod lifetimes;
pub(crate) mod limits;
pub(crate) mod listen;
mod log;
pub(crate) mod methods;
pub(crate) mod origins;
pub(crate) mod paths;
pub(crate) mod policies;
mod public_key;
mod resolver;
pub(crate) mod response_fields;
pub(crate) mod s3;
pub(crate) mod selection;
pub(crate) mod signed_pages;
pub(crate) mod sites;
mod target_group;
pub(crate) mod tls;

use crate::model::Config;
use crate::raw::{Section, Value};
use crate::secret::Secret;

/// Reads the whole file. What it returns is a configuration only if no problem was reported.
pub(crate) fn config(root: &Section<'_>) -> Config {
    let (mut listen, listeners, admin_tls) = root.table("listen", listen::listen);
    let limits = root.table("limits", limits::limits);
    let acme = acme::Reading::read(root, listeners);
    let is_ordered = acme.is_written();
    let tls = root.table("tls", |section| tls::tls(section, listeners.https, is_ordered));
    let cache = root.table("cache", limits::cache);
    let resolver = root.table("resolver", resolver::resolver);
    let origins = origins::Origins::read(root);
    let policies = policies::Policies::read(root);
    let key_groups = key_groups::KeyGroups::read(root);
    let named = Named {
        acme: &acme,
        origins: &origins,
        policies: &policies,
        key_groups: &key_groups,
        https: listeners.https,
    };
    let sites = sites::Sites::read(root, &named);
    listen.admin_tls = admin_tls.find(&sites, &listen.admin);
    let keys = keys::keys(root, &keys::Nameable { sites: &sites, origins: &origins });
    let log = root.table("log", log::log);
    Config {
        listen,
        limits,
        tls,
        acme: acme.proven(),
        cache,
        resolver,
        origins: origins.proven(),
        sites: sites.proven(),
        keys,
        log,
    }
}

/// What stands in tables of its own and sites name.
struct Named<'n> {
    acme: &'n acme::Reading<'n>,
    origins: &'n origins::Origins,
    policies: &'n policies::Policies,
    key_groups: &'n key_groups::KeyGroups,
    https: listen::Listening,
}

/// Names turn up in metrics, log lines and the API's paths.
fn check_name(name: &str, value: &Value<'_>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
        value.problem("a name is 1 to 64 letters, digits, `-`, `_` and `.`");
    }
}

/// A secret: written as it is under `inline`, or the content of the file under `in_file`.
fn secret(section: &Section<'_>, inline: &'static str, in_file: &'static str) -> Option<Secret> {
    match (section.get(inline), section.get(in_file)) {
        (Some(value), None) => value.text().map(Secret::new),
        (None, Some(value)) => value.secret_file(),
        (Some(_), Some(value)) => {
            value.problem(format!("cannot stand beside `{inline}`: one secret is enough"));
            None
        }
        (None, None) => {
            let message = format!("missing; the secret itself may stand here as `{inline}`");
            section.miss(&[in_file, inline], Some(in_file), &message);
            None
        }
    }
}
