//! Response headers policies.

use http::{HeaderName, HeaderValue};

use super::lifetimes::lifetime;
use super::managed;
use super::page::{Reasons, Table, inline, text, texts};
use super::policy::{FILE, Policies, unknown};
use super::setting::Setting;
use super::{ImportError, PolicyFile};
use crate::check::cors::{origin as is_origin, permit_exposed};
use crate::check::methods::method;
use crate::check::response_fields::{YEAR, permit, permit_value};

/// What a response headers policy becomes.
#[derive(Debug, Default)]
pub(super) struct Shaping {
    /// The value of `response_headers`; `{}` changes nothing.
    pub(super) response_headers: String,
    pub(super) server_timing: bool,
}

/// Names and values, both as TOML.
type Fields = Vec<(String, String)>;

/// What a behavior does to its responses.
pub(super) fn shaping<'n>(
    behavior: &Setting<'n>,
    policies: &mut Policies<'n>,
    table: &mut Table,
) -> Result<Shaping, ImportError> {
    let none = Shaping { response_headers: "{}".to_owned(), server_timing: false };
    let Some(id) = behavior.text("ResponseHeadersPolicyId")? else { return Ok(none) };
    if let Some(file) = policies.response_headers(id) {
        let mut silence = Table::new(String::new());
        return read(file, if policies.tell(&file.id) { table } else { &mut silence });
    }
    let Some(members) = managed::response_headers(id) else {
        unknown("ResponseHeadersPolicyId", id, "get-response-headers-policy", table);
        return Ok(none);
    };
    if members.iter().any(|(name, _)| *name == "cors") {
        table.remark(CORS_SPEAKS);
    }
    Ok(Shaping { response_headers: inline(&members), server_timing: false })
}

const CORS_SPEAKS: &str = "`cors` speaks in the origin's place; CloudFront left the origin's own \
                           Access-Control fields as they were";

fn read(file: &PolicyFile, table: &mut Table) -> Result<Shaping, ImportError> {
    let config = file.config()?;
    let cors = match config.get("CorsConfig")? {
        Some(config) => cors(&config, table)?,
        None => None,
    };
    let mut fields = Shaper { has_cors: cors.is_some(), ..Shaper::default() };
    let hsts = match config.get("SecurityHeadersConfig")? {
        Some(security) => fields.security(&security, table)?,
        None => None,
    };
    fields.custom(&config)?;
    let remove = fields.removed(&config)?;
    let mut server_timing = false;
    if let Some(timing) = config.get("ServerTimingHeadersConfig")? {
        server_timing = timing.is_on("Enabled")?;
        if server_timing {
            timing.accept("SamplingRate", "100")?;
        }
    }
    table.leftovers(&config, "ResponseHeadersPolicyConfig.", REASONS);
    table.leftovers(&file.root(), "", FILE);
    let Shaper { set, default, .. } = fields;
    let members = [
        ("set", Some(set).filter(|set| !set.is_empty()).map(|set| inline(&set))),
        ("default", Some(default).filter(|it| !it.is_empty()).map(|it| inline(&it))),
        ("remove", Some(remove).filter(|it| !it.is_empty()).map(|it| texts(&it))),
        ("hsts", hsts),
        ("cors", cors),
    ];
    let members: Vec<_> =
        members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Ok(Shaping { response_headers: inline(&members), server_timing })
}

const REASONS: &Reasons = &[
    ("Comment", ""),
    ("Name", ""),
    ("CorsConfig", "`cors` does not say it"),
    ("SecurityHeadersConfig", "`response_headers` does not say it"),
    (
        "CustomHeadersConfig",
        "not a field that the edge may set, an empty one, or one that is said already",
    ),
    ("RemoveHeadersConfig", "not a field that the edge may take away, or one that it sets"),
    ("ServerTimingHeadersConfig", "`server_timing` is on every response or on none"),
];

/// Fields that replace the origin's, and those that stand in for missing ones.
#[derive(Debug, Default)]
struct Shaper {
    set: Fields,
    default: Fields,
    has_cors: bool,
}

// === impl Shaper ===

impl Shaper {
    /// Takes a field that `part` tells of; if it may not be set, `part` is left to be named.
    fn add(&mut self, part: &Setting<'_>, name: &str, value: &str) -> Result<(), ImportError> {
        let replaces = part.flag("Override")?.unwrap_or(false);
        let right = HeaderName::from_bytes(name.as_bytes())
            .is_ok_and(|name| permit_value(&name, self.has_cors).is_ok())
            && HeaderValue::from_str(value).is_ok_and(|value| !value.is_empty());
        if !right || has(&self.set, name) || has(&self.default, name) {
            part.release();
            return Ok(());
        }
        let fields = if replaces { &mut self.set } else { &mut self.default };
        fields.push((name.to_owned(), text(value)));
        Ok(())
    }

    fn custom(&mut self, config: &Setting<'_>) -> Result<(), ImportError> {
        for item in config.items("CustomHeadersConfig")? {
            let name = item.text("Header")?.unwrap_or_default();
            let value = item.text("Value")?.unwrap_or_default();
            self.add(&item, name, value)?;
        }
        Ok(())
    }

    /// What is set takes the origin's place anyway.
    fn removed<'n>(&self, config: &Setting<'n>) -> Result<Vec<&'n str>, ImportError> {
        let mut remove: Vec<&str> = Vec::new();
        for item in config.items("RemoveHeadersConfig")? {
            let name = item.text("Header")?.unwrap_or_default();
            let right = HeaderName::from_bytes(name.as_bytes()).is_ok_and(|it| permit(&it).is_ok());
            let taken = remove.iter().any(|known| known.eq_ignore_ascii_case(name));
            if right && !taken && !has(&self.set, name) {
                remove.push(name);
            } else {
                item.release();
            }
        }
        Ok(remove)
    }

    /// Gives back `hsts`.
    fn security(
        &mut self,
        config: &Setting<'_>,
        table: &mut Table,
    ) -> Result<Option<String>, ImportError> {
        if let Some(part) = config.get("ContentTypeOptions")? {
            self.add(&part, "X-Content-Type-Options", "nosniff")?;
        }
        let plain = [
            ("FrameOptions", "FrameOption", "X-Frame-Options"),
            ("ReferrerPolicy", "ReferrerPolicy", "Referrer-Policy"),
            ("ContentSecurityPolicy", "ContentSecurityPolicy", "Content-Security-Policy"),
        ];
        for (part, member, name) in plain {
            let Some(part) = config.get(part)? else { continue };
            if let Some(value) = part.text(member)? {
                self.add(&part, name, value)?;
            }
        }
        if let Some(part) = config.get("XSSProtection")? {
            let on = part.flag("Protection")?.unwrap_or(false);
            let block = on && part.flag("ModeBlock")?.unwrap_or(false);
            let report = if on && !block { part.text("ReportUri")? } else { None };
            let value = match (on, block, report) {
                (false, _, _) => "0".to_owned(),
                (true, true, _) => "1; mode=block".to_owned(),
                (true, false, Some(report)) => format!("1; report={report}"),
                (true, false, None) => "1".to_owned(),
            };
            self.add(&part, "X-XSS-Protection", &value)?;
        }
        config.get("StrictTransportSecurity")?.map(|part| hsts(&part, table)).transpose()
    }
}

fn hsts(part: &Setting<'_>, table: &mut Table) -> Result<String, ImportError> {
    let age = part.number("AccessControlMaxAgeSec")?.unwrap_or(YEAR.as_secs());
    let subdomains = part.flag("IncludeSubdomains")?.unwrap_or(false);
    let mut preload = part.flag("Preload")?.unwrap_or(false);
    if preload && (!subdomains || age < YEAR.as_secs()) {
        preload = false;
        table.remark(
            "Preload = true: browsers' lists want includeSubDomains and a year; left out of `hsts`",
        );
    }
    if part.is_on("Override")? {
        table.remark("StrictTransportSecurity.Override = true: here the origin's own field wins");
    }
    let members = [
        ("max_age", lifetime(age, "StrictTransportSecurity.AccessControlMaxAgeSec", table)),
        ("include_subdomains", subdomains.to_string()),
        ("preload", preload.to_string()),
    ];
    Ok(inline(&members))
}

/// `None` if nobody is let in.
fn cors(config: &Setting<'_>, table: &mut Table) -> Result<Option<String>, ImportError> {
    let Some(origins) = cors_origins(config)? else {
        config.release();
        return Ok(None);
    };
    let any = origins == ["*"];
    if config.flag("OriginOverride")? == Some(false) {
        table.remark(CORS_SPEAKS);
    }
    let mut credentials = config.flag("AccessControlAllowCredentials")?.unwrap_or(false);
    if credentials && any {
        credentials = false;
        table.remark(
            "fill in: AccessControlAllowCredentials = true needs origins by name, not \"*\"",
        );
    }
    let methods = cors_methods(config)?;
    let (headers, every) = field_names(config, "AccessControlAllowHeaders", |_| Ok(()))?;
    let headers = if every { text("all") } else { texts(&headers) };
    let permit = |name: &HeaderName| permit_exposed(name, credentials);
    let (mut expose, every) = field_names(config, "AccessControlExposeHeaders", permit)?;
    if every {
        expose = vec!["*"];
    }
    let mut members = vec![("origins", texts(&origins))];
    if !methods.is_empty() {
        members.push(("methods", texts(&methods)));
    }
    members.push(("headers", headers));
    if !expose.is_empty() {
        members.push(("expose", texts(&expose)));
    }
    if credentials {
        members.push(("credentials", "true".to_owned()));
    }
    if let Some(age) = config.number("AccessControlMaxAgeSec")? {
        members.push(("max_age", lifetime(age, "CorsConfig.AccessControlMaxAgeSec", table)));
    }
    Ok(Some(inline(&members)))
}

/// Everybody, or origins as browsers spell them; `None` if there are none.
fn cors_origins(config: &Setting<'_>) -> Result<Option<Vec<String>>, ImportError> {
    let items = config.items("AccessControlAllowOrigins")?;
    let mut origins: Vec<String> = Vec::new();
    for item in &items {
        let origin = item.own_text()?.trim_end_matches('/').to_ascii_lowercase();
        let meant = if origin == "*" || origin.contains("://") {
            vec![origin]
        } else {
            // CloudFront lets a bare name stand for both schemes.
            vec![format!("https://{origin}"), format!("http://{origin}")]
        };
        if meant.iter().all(|it| it == "*" || is_origin(it).is_ok()) {
            origins.extend(meant);
        } else {
            item.release();
        }
    }
    let mut seen = Vec::new();
    origins.retain(|origin| {
        let first = !seen.contains(origin);
        seen.push(origin.clone());
        first
    });
    if origins.iter().any(|origin| origin == "*") {
        origins = vec!["*".to_owned()];
    }
    Ok(Some(origins).filter(|origins| !origins.is_empty()))
}

fn cors_methods<'n>(config: &Setting<'n>) -> Result<Vec<&'n str>, ImportError> {
    let mut methods = Vec::new();
    for item in config.items("AccessControlAllowMethods")? {
        match item.own_text()? {
            "ALL" => {
                methods = vec!["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];
            }
            text if method(text).is_err() => item.release(),
            text if methods.contains(&text) => {}
            text => methods.push(text),
        }
    }
    Ok(methods)
}

/// Names of fields, each once, and whether `*` is among them.
fn field_names<'n>(
    config: &Setting<'n>,
    key: &str,
    permit: impl Fn(&HeaderName) -> Result<(), &'static str>,
) -> Result<(Vec<&'n str>, bool), ImportError> {
    let mut names: Vec<&str> = Vec::new();
    let mut every = false;
    for item in config.items(key)? {
        let name = item.own_text()?;
        let right = HeaderName::from_bytes(name.as_bytes()).is_ok_and(|it| permit(&it).is_ok());
        if !right {
            item.release();
        } else if name == "*" {
            every = true;
        } else if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    Ok((names, every))
}

fn has(fields: &Fields, name: &str) -> bool {
    fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}
