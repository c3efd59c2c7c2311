//! Response headers policies.

use http::HeaderName;

use super::managed;
use super::page::{Reasons, Table, inline, seconds, text, texts};
use super::policy::{FILE, Policies, unknown};
use super::setting::Setting;
use super::{ImportError, PolicyFile};

/// What a response headers policy becomes.
#[derive(Debug, Default)]
pub(super) struct Shaping {
    /// The value of `response_headers`; `{}` changes nothing.
    pub(super) response_headers: String,
    pub(super) server_timing: bool,
}

/// Names and values, both as TOML.
type Fields = Vec<(String, String)>;

const YEAR: u64 = 365 * 86_400;

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
    let mut fields = Shaper::default();
    let hsts = match config.get("SecurityHeadersConfig")? {
        Some(security) => fields.security(&security, table)?,
        None => None,
    };
    fields.custom(&config)?;
    let mut remove = Vec::new();
    for item in config.items("RemoveHeadersConfig")? {
        let name = item.text("Header")?.unwrap_or_default();
        if is_settable(name) && !name.eq_ignore_ascii_case("date") {
            remove.push(name);
        } else {
            item.release();
        }
    }
    let cors = match config.get("CorsConfig")? {
        Some(config) => Some(cors(&config, table)?),
        None => None,
    };
    let mut server_timing = false;
    if let Some(timing) = config.get("ServerTimingHeadersConfig")? {
        server_timing = timing.is_on("Enabled")?;
        if server_timing {
            timing.accept("SamplingRate", "100")?;
        }
    }
    table.leftovers(&config, "ResponseHeadersPolicyConfig.", REASONS);
    table.leftovers(&file.root(), "", FILE);
    let Shaper { set, default } = fields;
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
    ("CustomHeadersConfig", "not a field that the edge may set, or an empty one"),
    ("RemoveHeadersConfig", "not a field that the edge may take away"),
    ("ServerTimingHeadersConfig", "`server_timing` is on every response or on none"),
];

/// Fields that replace the origin's, and those that stand in for missing ones.
#[derive(Debug, Default)]
struct Shaper {
    set: Fields,
    default: Fields,
}

// === impl Shaper ===

impl Shaper {
    fn add(&mut self, name: &str, value: &str, replaces: bool) {
        let fields = if replaces { &mut self.set } else { &mut self.default };
        fields.push((name.to_owned(), text(value)));
    }

    fn custom(&mut self, config: &Setting<'_>) -> Result<(), ImportError> {
        for item in config.items("CustomHeadersConfig")? {
            let name = item.text("Header")?.unwrap_or_default();
            let value = item.text("Value")?.unwrap_or_default();
            let replaces = item.flag("Override")?.unwrap_or(false);
            let taken =
                |fields: &Fields| fields.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
            let free = !taken(&self.set) && !taken(&self.default);
            let has_key = name.eq_ignore_ascii_case("strict-transport-security");
            if free && !has_key && is_settable(name) && !value.is_empty() {
                self.add(name, value, replaces);
            } else {
                item.release();
            }
        }
        Ok(())
    }

    /// Gives back `hsts`.
    fn security(
        &mut self,
        config: &Setting<'_>,
        table: &mut Table,
    ) -> Result<Option<String>, ImportError> {
        let replaces = |part: &Setting<'_>| part.flag("Override").map(|it| it.unwrap_or(false));
        if let Some(part) = config.get("ContentTypeOptions")? {
            self.add("X-Content-Type-Options", "nosniff", replaces(&part)?);
        }
        let plain = [
            ("FrameOptions", "FrameOption", "X-Frame-Options"),
            ("ReferrerPolicy", "ReferrerPolicy", "Referrer-Policy"),
            ("ContentSecurityPolicy", "ContentSecurityPolicy", "Content-Security-Policy"),
        ];
        for (part, member, name) in plain {
            let Some(part) = config.get(part)? else { continue };
            if let Some(value) = part.text(member)? {
                self.add(name, value, replaces(&part)?);
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
            self.add("X-XSS-Protection", &value, replaces(&part)?);
        }
        config.get("StrictTransportSecurity")?.map(|part| hsts(&part, table)).transpose()
    }
}

fn hsts(part: &Setting<'_>, table: &mut Table) -> Result<String, ImportError> {
    let age = part.number("AccessControlMaxAgeSec")?.unwrap_or(YEAR);
    let subdomains = part.flag("IncludeSubdomains")?.unwrap_or(false);
    let mut preload = part.flag("Preload")?.unwrap_or(false);
    if preload && (!subdomains || age < YEAR) {
        preload = false;
        table.remark(
            "Preload = true: browsers' lists want includeSubDomains and a year; left out of `hsts`",
        );
    }
    if part.is_on("Override")? {
        table.remark("StrictTransportSecurity.Override = true: here the origin's own field wins");
    }
    let members = [
        ("max_age", seconds(age)),
        ("include_subdomains", subdomains.to_string()),
        ("preload", preload.to_string()),
    ];
    Ok(inline(&members))
}

fn cors(config: &Setting<'_>, table: &mut Table) -> Result<String, ImportError> {
    let mut origins = Vec::new();
    for origin in config.texts("AccessControlAllowOrigins")? {
        let origin = origin.trim_end_matches('/').to_ascii_lowercase();
        if origin == "*" || origin.contains("://") {
            origins.push(origin);
        } else {
            // CloudFront lets a bare name stand for both schemes.
            origins.extend([format!("https://{origin}"), format!("http://{origin}")]);
        }
    }
    let any = origins.iter().any(|origin| origin == "*");
    if any {
        origins = vec!["*".to_owned()];
    }
    let mut methods = config.texts("AccessControlAllowMethods")?;
    if methods.contains(&"ALL") {
        methods = vec!["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];
    }
    let headers = config.texts("AccessControlAllowHeaders")?;
    let expose = config.texts("AccessControlExposeHeaders")?;
    let credentials = config.flag("AccessControlAllowCredentials")?.unwrap_or(false);
    let age = config.number("AccessControlMaxAgeSec")?;
    if config.flag("OriginOverride")? == Some(false) {
        table.remark(CORS_SPEAKS);
    }
    if credentials && any {
        table.remark(
            "fill in: AccessControlAllowCredentials = true needs origins by name, not \"*\"",
        );
    }
    let headers = if headers.contains(&"*") { text("all") } else { texts(&headers) };
    let mut members = vec![("origins", texts(&origins))];
    if !methods.is_empty() {
        members.push(("methods", texts(&methods)));
    }
    members.push(("headers", headers));
    if !expose.is_empty() {
        members.push(("expose", texts(&expose)));
    }
    if credentials && !any {
        members.push(("credentials", "true".to_owned()));
    }
    members.extend(age.map(|age| ("max_age", seconds(age))));
    Ok(inline(&members))
}

/// Fields that frame a message, or that the edge itself answers for, stay as they are.
fn is_settable(name: &str) -> bool {
    const KEPT: [&str; 18] = [
        "age",
        "cache-status",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "via",
        "x-cache",
        "x-request-id",
    ];
    let lower = name.to_ascii_lowercase();
    HeaderName::from_bytes(lower.as_bytes()).is_ok() && !KEPT.contains(&lower.as_str())
}
