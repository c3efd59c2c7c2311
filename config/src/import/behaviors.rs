//! Cache behaviors: the site's own, and those of its path patterns.

use super::ImportError;
use super::origins::{Hosts, Origin, Origins};
use super::page::{Reasons, Table, text, texts};
use super::policy::{Compression, Policies};
use super::request::{everything, forwarded, nothing};
use super::response::{Shaping, shaping};
use super::setting::Setting;
use crate::check::paths::{path_pattern, resolved};
use crate::model::{Forward, Selection};
use crate::pattern::PathPattern;

/// What behaviors are read with.
#[derive(Debug)]
pub(super) struct Reading<'r, 'n> {
    pub(super) origins: &'r Origins<'n>,
    pub(super) policies: Policies<'n>,
    pub(super) hosts: Hosts,
    /// Key groups that behaviors trust, in the order in which they named them.
    pub(super) key_groups: Vec<String>,
}

/// The keys of a behavior.
#[derive(Debug)]
pub(super) struct Behavior(Vec<Said>);

/// One key of it.
#[derive(Debug)]
struct Said {
    name: &'static str,
    value: String,
    /// What holds where nobody says anything; `None` where somebody has to.
    unsaid: Option<String>,
    note: Option<&'static str>,
}

/// The name of the group that stands for accounts whose keys are trusted.
pub(super) const SIGNERS: &str = "trusted-signers";

// === impl Behavior ===

impl Behavior {
    /// Reads one. What there is to remark, and what is left, goes to `table`, in which each name
    /// has `shown` before it.
    pub(super) fn read<'n>(
        setting: &Setting<'n>,
        label: &str,
        shown: &str,
        reading: &mut Reading<'_, 'n>,
        table: &mut Table,
    ) -> Result<Self, ImportError> {
        let origin = reading.origins.find(setting)?;
        let viewer = viewer(setting)?;
        let methods = methods(setting, origin, table)?;
        let policy = reading.policies.cache(setting, label, table)?;
        let asked = reading.policies.origin_request(setting, table)?;
        let unsaid = unsaid_forward(origin, policy.stores);
        let host = policy.host || asked.as_ref().is_some_and(|asked| asked.host);
        let is_known = setting.text("OriginRequestPolicyId")?.is_none() || asked.is_some();
        if is_known {
            reading.hosts.note(origin, host);
        }
        if host && origin.is_bucket {
            table.remark(format!("{shown}Host is not passed on: a bucket answers to its own name"));
        }
        let forward = match (asked.map(|asked| asked.forward), policy.forward) {
            // Older settings name what is hidden; from a bucket everything else is too.
            (None, Some(forward)) if origin.is_bucket => {
                Forward { headers: Selection::None, ..forward }
            }
            (Some(forward), _) | (None, Some(forward)) => forward,
            (None, None) if is_known => nothing(),
            (None, None) => unsaid.clone(),
        };
        let compress = setting.is_on("Compress")?;
        let codings = policy.compression == Compression::On;
        if compress && !codings {
            table.remark(format!(
                "{shown}Compress = true: as in CloudFront, it does nothing under this policy"
            ));
        }
        let trusted = trusted(setting, reading, table)?;
        let Shaping { response_headers, server_timing } =
            shaping(setting, &mut reading.policies, table)?;
        table.leftovers(setting, shown, REASONS);
        let said = |name, value, unsaid| Said { name, value, unsaid, note: None };
        Ok(Self(vec![
            said("origin", text(origin.name), None),
            said("viewer", text(viewer), None),
            said("methods", methods, None),
            Said { note: policy.note, ..said("policy", text(&policy.name), None) },
            said(
                "compress",
                (compress && codings).to_string(),
                Some((policy.compression != Compression::Off).to_string()),
            ),
            said("forward", forwarded(&forward), Some(forwarded(&unsaid))),
            said("response_headers", response_headers, Some("{}".to_owned())),
            said("trusted_key_groups", texts(&trusted), Some("[]".to_owned())),
            said("server_timing", server_timing.to_string(), Some("false".to_owned())),
        ]))
    }

    /// Whether it asks for a signature.
    pub(super) fn is_signed(&self) -> bool {
        self.0.iter().any(|said| said.name == "trusted_key_groups" && said.value != "[]")
    }

    /// Writes what has to be said where `site`, if it is another, says what it says.
    pub(super) fn write(self, site: Option<&Self>, table: &mut Table) {
        let mut names_policy = false;
        for said in self.0 {
            // Who names a policy means all of it, and not what the site says over another one.
            let site = site.filter(|_| said.name != "compress" || !names_policy);
            let above = site.and_then(|site| site.0.iter().find(|above| above.name == said.name));
            let above = above.filter(|above| above.unsaid.as_ref() != Some(&above.value));
            let holds = above.map(|above| &above.value).or(said.unsaid.as_ref());
            // A note has to be seen where it belongs, even if the value is the site's.
            let noted = above.is_none_or(|above| above.note == said.note);
            if holds == Some(&said.value) && noted {
                continue;
            }
            names_policy |= said.name == "policy";
            match said.note {
                Some(note) => table.set_with(said.name, said.value, note),
                None => table.set(said.name, said.value),
            }
        }
    }
}

/// What reaches an origin of that kind where nobody says anything.
fn unsaid_forward(origin: Origin<'_>, stores: bool) -> Forward {
    match (origin.is_bucket, stores) {
        (true, _) => nothing(),
        (false, true) => Forward { query: Selection::None, ..everything() },
        (false, false) => everything(),
    }
}

fn viewer<'n>(setting: &Setting<'n>) -> Result<&'n str, ImportError> {
    let said = setting.text("ViewerProtocolPolicy")?.unwrap_or("allow-all");
    if ["allow-all", "https-only", "redirect-to-https"].contains(&said) {
        return Ok(said);
    }
    let policy = setting.need("ViewerProtocolPolicy")?;
    Err(policy.is_not("\"allow-all\", \"https-only\" or \"redirect-to-https\""))
}

fn methods(
    setting: &Setting<'_>,
    origin: Origin<'_>,
    table: &mut Table,
) -> Result<String, ImportError> {
    const ALL: [&str; 7] = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"];
    let mut methods: Vec<&str> = setting.texts("AllowedMethods")?;
    if let Some(strange) = methods.iter().find(|method| !ALL.contains(method)) {
        table.remark(format!(
            "not carried over: method {}: it is none that is known",
            text(strange)
        ));
        methods.retain(|method| ALL.contains(method));
    }
    let cached = match setting.get("AllowedMethods")? {
        Some(allowed) => allowed.texts("CachedMethods")?,
        None => Vec::new(),
    };
    for method in cached.iter().filter(|method| !["GET", "HEAD"].contains(method)) {
        table.remark(format!(
            "not carried over: CachedMethods has {}: answers to GET and HEAD alone are stored",
            text(method)
        ));
    }
    // They are always let through.
    methods.extend(["GET", "HEAD"]);
    let is_all = ALL.iter().all(|method| methods.contains(method));
    if is_all && !origin.is_bucket {
        return Ok(text("all"));
    }
    let known = ALL.iter().filter(|method| methods.contains(method));
    Ok(texts(&known.collect::<Vec<_>>()))
}

/// Whose signatures are asked for. What cannot be known is asked for all the same: better nobody
/// is let in than everybody.
fn trusted(
    setting: &Setting<'_>,
    reading: &mut Reading<'_, '_>,
    table: &mut Table,
) -> Result<Vec<String>, ImportError> {
    let mut groups: Vec<String> = Vec::new();
    if let Some(trusted) = setting.get("TrustedKeyGroups")?
        && trusted.is_on("Enabled")?
    {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        for group in setting.items("TrustedKeyGroups")? {
            let id = group.own_text()?;
            if (1..=64).contains(&id.len()) && id.chars().all(plain) && !groups.contains(&id.into())
            {
                groups.push(id.to_owned());
            } else {
                group.release();
            }
        }
        if groups.is_empty() {
            table.remark("fill in: TrustedKeyGroups.Enabled = true, but no group is named");
            groups.push(SIGNERS.to_owned());
        }
    }
    if let Some(signers) = setting.get("TrustedSigners")?
        && signers.is_on("Enabled")?
    {
        if !groups.iter().any(|group| group == SIGNERS) {
            groups.push(SIGNERS.to_owned());
        }
        let accounts = setting.texts("TrustedSigners")?;
        if accounts.is_empty() {
            table.remark("fill in: TrustedSigners.Enabled = true, but no account is named");
        }
        for account in accounts {
            table.remark(format!("fill in: TrustedSigners has the account {}:", text(account)));
            table.remark(format!("  its public keys belong into [key_groups.{SIGNERS}]"));
        }
    }
    for group in &groups {
        if !reading.key_groups.contains(group) {
            reading.key_groups.push(group.clone());
        }
    }
    Ok(groups)
}

// === path patterns ===

/// A pattern as it is written here, and what was to be changed about it. Within: the pattern as it
/// was and why it is none, if no spelling of it is.
pub(super) fn pattern(
    setting: &Setting<'_>,
    table: &mut Table,
) -> Result<Result<PathPattern, Refused>, ImportError> {
    let written = setting.need("PathPattern")?.own_text()?;
    let rooted = |text: &str| {
        let slash = if text.starts_with(['/', '*']) { "" } else { "/" };
        format!("{slash}{text}")
    };
    let path = rooted(written);
    let why = match path_pattern(&path) {
        Ok(pattern) => return Ok(Ok(pattern)),
        Err(why) => why,
    };
    let resolve = |text: &str| path_pattern(&resolved(text)?).ok();
    if let Some(pattern) = resolve(&path) {
        table.remark(format!(
            "PathPattern = {} is written as paths are matched: dot segments resolved, one slash \
             for several",
            text(written)
        ));
        return Ok(Ok(pattern));
    }
    let plain = rooted(&literal(written));
    if let Some(pattern) = path_pattern(&plain).ok().or_else(|| resolve(&plain)) {
        table.remark(format!(
            "PathPattern = {} reads as a regular expression; `?` here takes any one character",
            text(written)
        ));
        return Ok(Ok(pattern));
    }
    Ok(Err(Refused { path, why }))
}

/// A pattern that matches nothing here.
#[derive(Debug)]
pub(super) struct Refused {
    /// With the slash that CloudFront lets one leave out.
    pub(super) path: String,
    pub(super) why: String,
}

/// With `?` for what means another thing in a regular expression, and is refused for that.
fn literal(written: &str) -> String {
    let one = |letter: char| {
        let foreign = "^|\\{}()[]<>\"`".contains(letter) || letter.is_control();
        if foreign { '?' } else { letter }
    };
    let mut plain: String = written.chars().map(one).collect();
    if let Some(before) = plain.strip_suffix('$') {
        plain = format!("{before}?");
    }
    plain.replace(".*", ".?*").replace(".+", "?+")
}

const REASONS: &Reasons = &[
    ("TrustedSigners", "it is off, so no signature is asked for"),
    ("TrustedKeyGroups", "it is off, or this is not the id of a key group"),
    ("AllowedMethods", "GET and HEAD are always let through"),
    ("SmoothStreaming", "Microsoft Smooth Streaming is not there"),
    ("Compress", "without it nothing is compressed"),
    ("LambdaFunctionAssociations", "no code runs at the edge: what it did is not done"),
    ("FunctionAssociations", "no code runs at the edge: what it did is not done"),
    (
        "FieldLevelEncryptionId",
        "nothing is encrypted here: request bodies are passed on as they are",
    ),
    ("RealtimeLogConfigArn", "the access log is `[log] access`"),
    ("GrpcConfig", "gRPC passes to an origin with `protocol = \"http2\"`"),
    ("ForwardedValues", "nothing is stored under these settings, so nothing is chosen"),
    ("MinTTL", "the policy has lifetimes of its own"),
    ("DefaultTTL", "the policy has lifetimes of its own"),
    ("MaxTTL", "the policy has lifetimes of its own"),
];
