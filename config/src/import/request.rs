//! What of a request is in the key, and what else reaches the origin.

use http::HeaderName;

use super::ImportError;
use super::page::{Table, inline, text, texts};
use super::setting::Setting;
use crate::check::{policies, selection};
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
pub(super) fn said_selection(
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

/// Cookies, as policies say them.
pub(super) fn said_cookies(
    config: &Setting<'_>,
    table: &mut Table,
) -> Result<Selection, ImportError> {
    let cookies = said_selection(config, "CookieBehavior", "Cookies")?;
    Ok(narrowed(cookies, Named::Cookie, table))
}

/// Parameters of the query, as policies say them.
pub(super) fn said_query(
    config: &Setting<'_>,
    table: &mut Table,
) -> Result<Selection, ImportError> {
    let query = said_selection(config, "QueryStringBehavior", "QueryStrings")?;
    Ok(narrowed(query, Named::Parameter, table))
}

/// The part of a selection that can be chosen here; what cannot is told.
pub(super) fn narrowed(selection: Selection, kind: Named, table: &mut Table) -> Selection {
    match selection {
        Selection::Only(names) => match kind.kept(&names, table) {
            names if names.is_empty() => Selection::None,
            names => Selection::Only(names),
        },
        Selection::Except(names) => match kind.kept(&names, table) {
            names if names.is_empty() => Selection::All,
            names => Selection::Except(names),
        },
        whole @ (Selection::None | Selection::All) => whole,
    }
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Parameter,
    Cookie,
}

// === impl Named ===

impl Named {
    fn kept(self, names: &[String], table: &mut Table) -> Vec<String> {
        let (kind, rule): (_, fn(&str) -> _) = match self {
            Self::Parameter => ("parameter", selection::parameter_name),
            Self::Cookie => ("cookie", selection::cookie_name),
        };
        if self == Self::Cookie {
            for name in names.iter().filter(|name| name.contains(['*', '?'])) {
                table.remark(format!(
                    "fill in: cookie {}: CloudFront takes `*` and `?` in it for any others, here \
                     they are letters",
                    text(name)
                ));
            }
        }
        fit(names, &format!("{kind} {{}} is not chosen"), rule, table)
    }
}

/// The names that `rule` takes, each once. Of the others it is told why; `{}` in `told` is the name.
fn fit(
    names: &[impl AsRef<str>],
    told: &str,
    rule: impl Fn(&str) -> Result<String, &'static str>,
    table: &mut Table,
) -> Vec<String> {
    let mut kept = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        match rule(name) {
            Ok(name) if kept.contains(&name) => {}
            Ok(name) => kept.push(name),
            Err(why) => table.remark(format!("{}: {why}", told.replace("{}", &text(name)))),
        }
    }
    kept
}

/// Fields for the key, lower-case and sorted, and whether Host is among them.
pub(super) fn key_headers(
    listed: &[impl AsRef<str>],
    compress: bool,
    table: &mut Table,
) -> (Vec<String>, bool) {
    let rule = |text: &str| {
        cloudfronts_own(text)?;
        let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| "is no field name")?;
        policies::permit_in_key(&name, compress).map(|()| name.as_str().to_owned())
    };
    let mut headers = fit(listed, "header {} is not in the key", rule, table);
    headers.sort();
    let host = headers.iter().any(|name| name == "host");
    (headers, host)
}

fn cloudfronts_own(name: &str) -> Result<(), &'static str> {
    if name.to_ascii_lowercase().starts_with("cloudfront-") {
        return Err("only CloudFront makes it");
    }
    Ok(())
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
    let (hosts, listed): (Vec<&str>, Vec<_>) =
        listed.into_iter().partition(|name| name.eq_ignore_ascii_case("host"));
    let has_host = !hosts.is_empty();
    let rest = if behavior == "allExcept" {
        fit(&listed, "header {} is not kept from the origin", selection::withheld_name, table)
    } else {
        let rule =
            |text: &str| cloudfronts_own(text).and_then(|()| selection::forwarded_name(text));
        fit(&listed, "header {} is not asked for", rule, table)
    };
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
