//! What of a request is in the key, and what else reaches the origin.

use http::HeaderName;

use super::ImportError;
use super::page::{Table, inline, text, texts};
use super::setting::Setting;
use crate::model::{Forward, Selection};

/// Fields that CloudFront keeps from origins unless they are in the key.
pub(super) const HIDDEN: [&str; 5] =
    ["accept", "accept-charset", "accept-language", "referer", "user-agent"];

/// Everything a client sends.
pub(super) fn everything() -> Forward {
    Forward { query: Selection::All, headers: Selection::All, cookies: Selection::All }
}

/// Nothing of what a client sends.
pub(super) fn nothing() -> Forward {
    Forward { query: Selection::None, headers: Selection::None, cookies: Selection::None }
}

/// As `forward` says it.
pub(super) fn forwarded(forward: &Forward) -> String {
    let Forward { query, headers, cookies } = forward;
    let member = |name, selection| (name, chosen(selection));
    inline(&[member("query", query), member("headers", headers), member("cookies", cookies)])
}

/// A selection as TOML.
pub(super) fn chosen(selection: &Selection) -> String {
    match selection {
        Selection::None => text("none"),
        Selection::All => text("all"),
        Selection::Only(names) => texts(names),
        Selection::Except(names) => inline(&[("except", texts(names))]),
    }
}

/// A selection as CloudFront says it: a word, and a list of names beside it.
pub(super) fn selection(
    config: &Setting<'_>,
    behavior: &str,
    names: &str,
) -> Result<Selection, ImportError> {
    let said = config.text(behavior)?.unwrap_or("none");
    // A list beside "all" or "none" means nothing, and is left to be named.
    let listed = || config.texts(names).map(|names| owned(&names));
    if said == "whitelist" && listed()?.is_empty() {
        return Ok(Selection::None);
    }
    match said {
        "none" => Ok(Selection::None),
        "all" => Ok(Selection::All),
        "whitelist" => listed().map(Selection::Only),
        "allExcept" => listed().map(Selection::Except),
        _ => {
            Err(config.need(behavior)?.is_not("\"none\", \"all\", \"whitelist\" or \"allExcept\""))
        }
    }
}

/// Fields for the key, lower-case and sorted, and whether Host is among them.
pub(super) fn key_headers(
    listed: &[impl AsRef<str>],
    compress: bool,
    table: &mut Table,
) -> (Vec<String>, bool) {
    let mut headers = Vec::new();
    for name in listed.iter().map(AsRef::as_ref) {
        let lower = name.to_ascii_lowercase();
        match unfit_for_key(&lower, compress) {
            Some(why) => table.remark(format!("header {} is not in the key: {why}", text(name))),
            None => headers.push(lower),
        }
    }
    headers.sort();
    headers.dedup();
    let host = headers.iter().any(|name| name == "host");
    (headers, host)
}

fn unfit_for_key(lower: &str, compress: bool) -> Option<&'static str> {
    let one_connection = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
    ];
    match lower {
        "accept-encoding" if compress => Some("the edge negotiates codings itself"),
        "cookie" => Some("cookies are chosen by name, with `cookies`"),
        "range" => Some("ranges are cut at the edge"),
        _ if lower.starts_with("if-") => Some("conditions are answered at the edge"),
        _ if one_connection.contains(&lower) => Some("it is of one connection alone"),
        _ if HeaderName::from_bytes(lower.as_bytes()).is_err() => Some("it is no field name"),
        _ => made_here(lower),
    }
}

/// Fields that do not come from the client.
fn made_here(lower: &str) -> Option<&'static str> {
    if lower.starts_with("cloudfront-") {
        Some("only CloudFront makes it")
    } else if lower.starts_with("x-forwarded-") || ["via", "x-request-id"].contains(&lower) {
        Some("the edge makes it anew and always sends it")
    } else {
        None
    }
}

/// Fields that an origin request policy adds; Host is told apart.
pub(super) fn asked_headers(
    config: &Setting<'_>,
    host: &mut bool,
    table: &mut Table,
) -> Result<Selection, ImportError> {
    let behavior = config.text("HeaderBehavior")?.unwrap_or("none");
    // A list beside another word means nothing, and is left to be named.
    let listed = match behavior {
        "none" | "allViewer" => Vec::new(),
        _ => config.texts("Headers")?,
    };
    let lower: Vec<_> = listed.iter().map(|name| name.to_ascii_lowercase()).collect();
    let has_host = lower.iter().any(|name| name == "host");
    let mut rest = Vec::new();
    for (name, lower) in listed.iter().zip(&lower) {
        let nameless = HeaderName::from_bytes(lower.as_bytes()).is_err();
        if let Some(why) = made_here(lower).or_else(|| nameless.then_some("it is no field name")) {
            table.remark(format!("header {} is not asked for: {why}", text(name)));
        } else if lower != "host" {
            rest.push(lower.clone());
        }
    }
    *host = matches!(behavior, "allViewer" | "allViewerAndWhitelistCloudFront")
        || (behavior == "whitelist" && has_host)
        || (behavior == "allExcept" && !has_host);
    Ok(match behavior {
        "none" => Selection::None,
        "allViewer" | "allViewerAndWhitelistCloudFront" => Selection::All,
        "whitelist" if rest.is_empty() => Selection::None,
        "whitelist" => Selection::Only(rest),
        "allExcept" if rest.is_empty() => Selection::All,
        "allExcept" => Selection::Except(rest),
        _ => return Err(config.need("HeaderBehavior")?.is_not("a behavior that is known")),
    })
}

/// Names of one's own.
pub(super) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
