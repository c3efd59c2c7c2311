//! From words to meaning: one file for each family of tables.

mod address;
mod behaviors;
mod keys;
mod limits;
mod listen;
mod log;
mod origins;
mod s3;
mod sites;

use crate::model::Config;
use crate::raw::{Section, Value};
use crate::secret::Secret;

/// Reads the whole file. What it returns is a configuration only if no problem was reported.
pub(crate) fn config(root: &Section<'_>) -> Config {
    let (listen, https) = root.table("listen", listen::listen);
    let limits = root.table("limits", limits::limits);
    let tls = root.table("tls", |section| listen::tls(section, https));
    let cache = root.table("cache", limits::cache);
    let origins = origins::Origins::read(root);
    let sites = sites::Sites::read(root, &origins, https);
    let keys = keys::keys(root, &sites);
    let log = root.table("log", log::log);
    Config {
        listen,
        limits,
        tls,
        cache,
        origins: origins.proven(),
        sites: sites.proven(),
        keys,
        log,
    }
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
