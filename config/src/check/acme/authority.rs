//! `acme.directory` with what belongs to it, and `acme.fallback`.

use std::path::PathBuf;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::shared_secret::shared_secret;
use crate::check::address::host_and_port;
use crate::model::{Authority, ExternalAccount};
use crate::raw::{Section, Value};

/// Whom an order goes to first, and who comes after; `None` if one of them could not be read.
pub(super) fn authorities(section: &Section<'_>) -> Option<Vec<Authority>> {
    let written = section.get("directory");
    let meant = written.as_ref().map_or(Some(Directory::Known(&LETS_ENCRYPT)), directory);
    let place =
        written.as_ref().map_or_else(|| "`acme.directory`, whose default it is".to_owned(), at);
    let first = authority(section, meant, written.as_ref());
    let mut taken: Vec<_> = first.iter().map(|it| (it.directory.clone(), place.clone())).collect();
    let mut authorities = vec![first];
    if let Some(fallback) = section.get("fallback") {
        for item in fallback.items()? {
            let next = next(&item);
            if let Some(next) = &next {
                match taken.iter().find(|(known, _)| *known == next.directory) {
                    Some((_, first)) => item.problem(format!("is there already: {first}")),
                    None => taken.push((next.directory.clone(), at(&item))),
                }
            }
            authorities.push(next);
        }
    }
    authorities.into_iter().collect()
}

fn at(value: &Value<'_>) -> String {
    format!("`{}` on line {}", value.key(), value.line())
}

/// One of `fallback`: a name, a URL, or a table.
fn next(item: &Value<'_>) -> Option<Authority> {
    if item.is_text() {
        return Some(by_name(directory(item)?, item));
    }
    item.section(|section| {
        let written = section.need("directory");
        authority(section, written.as_ref().and_then(directory), written.as_ref())
    })
}

/// Whether it is Let's Encrypt, which has rules of its own for addresses.
pub(super) fn is_lets_encrypt(authority: &Authority) -> bool {
    [LETS_ENCRYPT.directory, STAGING.directory].contains(&authority.directory.as_str())
}

/// An authority that a name is enough for.
struct Known {
    name: &'static str,
    directory: &'static str,
    accounts: Accounts,
}

/// Whether an account is bound to one that its owner has there already (RFC 8555 §7.3.4).
enum Accounts {
    /// It is not.
    Free,
    /// It is; its key identifier and MAC key are made on this page.
    Bound(&'static str),
}

const LETS_ENCRYPT: Known = Known {
    name: "letsencrypt",
    directory: "https://acme-v02.api.letsencrypt.org/directory",
    accounts: Accounts::Free,
};
const STAGING: Known = Known {
    name: "letsencrypt-staging",
    directory: "https://acme-staging-v02.api.letsencrypt.org/directory",
    accounts: Accounts::Free,
};
const ZERO_SSL: Known = Known {
    name: "zerossl",
    directory: "https://acme.zerossl.com/v2/DV90",
    accounts: Accounts::Bound("https://app.zerossl.com/developer"),
};
static KNOWN: [Known; 3] = [LETS_ENCRYPT, STAGING, ZERO_SSL];

/// Who is meant.
enum Directory {
    Known(&'static Known),
    Other { name: String, url: String },
}

/// A name, or a URL. The URL of one that has a name is that one.
fn directory(value: &Value<'_>) -> Option<Directory> {
    let text = value.text()?;
    if text.starts_with("https://") {
        let (name, url) = value.parsed(url)?;
        let known = KNOWN.iter().find(|known| known.directory == url);
        return Some(known.map_or(Directory::Other { name, url }, Directory::Known));
    }
    if text.starts_with("http://") {
        // RFC 8555 §6.1.
        value.problem("has to be https: an authority is never asked over plain HTTP");
        return None;
    }
    let known = KNOWN.iter().find(|known| known.name == text);
    if known.is_none() {
        let names = KNOWN.each_ref().map(|known| format!("{:?}", known.name)).join(", ");
        let message = format!("is {names} or the https URL of a directory, not {text:?}");
        value.unknown(message, &text, KNOWN.iter().map(|known| known.name));
    }
    known.map(Directory::Known)
}

/// Host and port for people, and the URL in its one spelling.
fn url(text: &str) -> Result<(String, String), String> {
    let rest = text.strip_prefix("https://").unwrap_or(text);
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = host_and_port(authority)?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
    if !path.bytes().all(plain) {
        return Err(format!("{text:?} is no URL of a directory"));
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let name = match port {
        None | Some(443) => host,
        Some(port) => format!("{host}:{port}"),
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let url = format!("https://{name}{slash}{path}");
    Ok((name, url))
}

/// An authority of which `section` says the rest. `place` is where it is named, if not by default.
fn authority(
    section: &Section<'_>,
    directory: Option<Directory>,
    place: Option<&Value<'_>>,
) -> Option<Authority> {
    let ca_file = section.get("ca_file").filter(|value| !value.is_empty_text());
    let account = section.get("external_account");
    let external_account = account.as_ref().map(|value| value.section(external_account));
    let path = ca_file.as_ref().map(Value::path);
    let directory = directory?;
    if let Directory::Known(known) = &directory {
        let name = known.name;
        if let Some(value) = &ca_file {
            value.problem(format!(
                "is for private authorities: what proves `{name}` is among the system's roots"
            ));
        }
        match (&known.accounts, &account, place) {
            (Accounts::Free, Some(value), _) => {
                value.problem(format!("would do nothing: `{name}` binds no accounts"));
            }
            (Accounts::Bound(page), None, Some(place)) => place.problem(unbound(known, page)),
            _ => {}
        }
    }
    let ca_file = match path {
        Some(path) => Some(path?),
        None => None,
    };
    let external_account = match external_account {
        Some(account) => Some(account?),
        None => None,
    };
    Some(built(directory, ca_file, external_account))
}

/// An authority of which nothing is said but who it is.
fn by_name(directory: Directory, item: &Value<'_>) -> Authority {
    if let Directory::Known(known @ Known { accounts: Accounts::Bound(page), .. }) = &directory {
        item.problem(unbound(known, page));
    }
    built(directory, None, None)
}

fn unbound(known: &Known, page: &str) -> String {
    let name = known.name;
    format!(
        "`{name}` needs `external_account = {{ kid, hmac_key_file }}` beside `directory`: a key id \
         and a MAC key for your account there are made at {page}"
    )
}

fn built(
    directory: Directory,
    ca_file: Option<PathBuf>,
    external_account: Option<ExternalAccount>,
) -> Authority {
    let (name, directory, public) = match directory {
        Directory::Known(known) => (known.name.to_owned(), known.directory.to_owned(), true),
        Directory::Other { name, url } => (name, url, false),
    };
    Authority { name, directory, ca_file, external_account, public }
}

fn external_account(section: &Section<'_>) -> Option<ExternalAccount> {
    let kid = section.need("kid").and_then(|value| {
        value.parsed(|text| {
            let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            if is_id { Ok(text.to_owned()) } else { Err("is no key identifier") }
        })
    });
    let hmac_key = shared_secret(section, "hmac_key", "hmac_key_file", &URL_SAFE_NO_PAD);
    Some(ExternalAccount { kid: kid?, hmac_key: hmac_key? })
}
