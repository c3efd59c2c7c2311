//! A distribution as a whole: the order of the tables, the site, and what is of no table.

use super::behaviors::{Behavior, Reading, Refused, SIGNERS, pattern};
use super::certificates::certificates;
use super::json::{Kind, Node};
use super::origins::{Hosts, Origins};
use super::page::{Names, Page, Reasons, Table, inline, key, text, texts, word};
use super::policy::Policies;
use super::setting::Setting;
use super::{ImportError, PolicyFile, errors};
use crate::check::distribution::distribution_id;
use crate::check::paths::as_matched;
use crate::check::signed_pages::signed_root;
use crate::check::sites::{object_key, tags_header};
use crate::pattern::{HostPattern, PathPattern};

/// The whole file.
pub(super) fn page(root: &Node, policies: &[PolicyFile]) -> Result<Page, ImportError> {
    let outer = Setting::new(root, "");
    let config = config(root).ok_or(ImportError::NotADistribution)?;
    let hosts = hosts(&config)?;
    let name = name(&hosts);
    let mut site = site(&config, &name, &hosts)?;
    identify(&outer, &mut site)?;
    tag(&config, &mut site)?;
    let mut tables = certificates(&config, &name, &hosts)?;

    let origins = Origins::read(&config)?;
    let mut reading = Reading {
        origins: &origins,
        policies: Policies::new(policies),
        hosts: Hosts::default(),
        key_groups: Vec::new(),
    };
    let own = config.need("DefaultCacheBehavior")?;
    let whole = Behavior::read(&own, "default", "DefaultCacheBehavior.", &mut reading, &mut site)?;
    let (behaviors, patterns) = behaviors(&config, &name, &whole, &mut reading)?;
    let mut root_object = config.text("DefaultRootObject")?;
    if let Some(Err(_)) = root_object.map(object_key) {
        config.need("DefaultRootObject")?.release();
        root_object = None;
    }
    if let Some(key) = root_object.filter(|key| is_signed_alone(key, &patterns, &whole)) {
        site.remark(format!(
            "not carried over: DefaultRootObject = {}: its own path asks for a signature, `/` does not",
            text(key)
        ));
        root_object = None;
    }
    whole.write(None, &mut site);
    if root_object.is_some() || origins.find(&own)?.is_bucket {
        site.set("default_root_object", text(root_object.unwrap_or_default()));
    }
    errors::pages(&config, &mut site)?;

    tables.extend(origins.tables(&reading.hosts)?);
    tables.append(&mut reading.policies.tables);
    tables.extend(reading.key_groups.iter().map(|group| key_group(group)));
    // Nothing may be left behind: what no table asked for is named here.
    site.leftovers(&config, "", REASONS);
    site.leftovers(&outer, "", WRAPPER);
    tables.push(site);
    tables.extend(behaviors);
    let mut preamble: Vec<_> = PREAMBLE.iter().map(|line| (*line).to_owned()).collect();
    preamble.extend(policies.iter().filter_map(unused));
    Ok(Page { preamble, tables })
}

const PREAMBLE: [&str; 5] = [
    "A CloudFront distribution, as `warmfront import` understands it.",
    "",
    "Before it serves: look for `fill in`, which only you know, then run `warmfront check`.",
    "`not carried over` is what CloudFront did and this file does not: each such line asks for a",
    "decision, above all where CloudFront kept somebody out.",
];

/// The configuration, wherever the command put it. Paths start at it.
fn config(root: &Node) -> Option<Setting<'_>> {
    let wrapped = root.member("Distribution").unwrap_or(root).member("DistributionConfig");
    let bare = || root.member("DefaultCacheBehavior").map(|_| root);
    let found = wrapped.or_else(bare).filter(|node| matches!(node.kind, Kind::Table(_)));
    found.map(|node| Setting::new(node, ""))
}

// === the site ===

/// `get-distribution` says the id, so that scripts which have it need no change.
fn identify(outer: &Setting<'_>, site: &mut Table) -> Result<(), ImportError> {
    let Some(distribution) = outer.get("Distribution")? else { return Ok(()) };
    if let Some(id) = distribution.text("Id")?.filter(|id| distribution_id(id).is_ok()) {
        site.set("id", text(id));
    }
    Ok(())
}

fn tag(config: &Setting<'_>, site: &mut Table) -> Result<(), ImportError> {
    let Some(tags) = config.get("CacheTagConfig")? else { return Ok(()) };
    if let Some(name) = tags.text("HeaderName")?.filter(|name| tags_header(name).is_ok()) {
        site.set("tags_header", text(&name.to_ascii_lowercase()));
    }
    Ok(())
}

/// The site's table, with what is not of its default behavior.
fn site(config: &Setting<'_>, name: &str, hosts: &[String]) -> Result<Table, ImportError> {
    let mut site = Table::new(format!("[sites.{}]", key(name)));
    if hosts.is_empty() {
        let note = "fill in: the distribution has no name but its own";
        site.set_with("hosts", texts(&["www.example.com"]), note);
    } else {
        site.set("hosts", texts(hosts));
    }
    if let Some(comment) = config.text("Comment")? {
        site.remark(format!("Comment: {}", text(comment)));
    }
    if config.flag("Enabled")? == Some(false) {
        site.remark("not carried over: Enabled = false: the distribution is off, this site is on");
    }
    if config.text("HttpVersion")? == Some("http2") {
        site.remark("HttpVersion = \"http2\": always on, beside HTTP/1.1");
    } else if let Some(version) = config.get("HttpVersion")? {
        version.release();
    }
    if config.flag("IsIPV6Enabled")? == Some(false) {
        site.remark(
            "not carried over: IsIPV6Enabled = false: `[listen] http = [\"0.0.0.0:80\"]` and `https` say it",
        );
    }
    Ok(site)
}

/// The aliases that can be hosts; what is left is named at the end.
fn hosts(config: &Setting<'_>) -> Result<Vec<String>, ImportError> {
    let mut hosts: Vec<String> = Vec::new();
    for alias in config.items("Aliases")? {
        match HostPattern::parse(alias.own_text()?) {
            Ok(host) if !hosts.contains(&host.to_string()) => hosts.push(host.to_string()),
            Ok(_) | Err(_) => alias.release(),
        }
    }
    Ok(hosts)
}

/// The site's name: the first label that is one.
fn name(hosts: &[String]) -> String {
    let host = hosts.iter().find(|host| !host.starts_with('*')).or_else(|| hosts.first());
    let label = host.map(|host| host.trim_start_matches("*.").split('.').next());
    Names::default().take(label.flatten().unwrap_or("www"))
}

/// The patterns of behaviors that are asked, and whether each asks for a signature.
type Patterns = Vec<(PathPattern, bool)>;

fn behaviors<'n>(
    config: &Setting<'n>,
    site: &str,
    whole: &Behavior,
    reading: &mut Reading<'_, 'n>,
) -> Result<(Vec<Table>, Patterns), ImportError> {
    let mut earlier = Patterns::new();
    let mut tables = Vec::new();
    for setting in config.items("CacheBehaviors")? {
        let mut table = Table::new(format!("[[sites.{}.behaviors]]", key(site)));
        let pattern = pattern(&setting, &mut table)?;
        let path = pattern.as_ref().map_or_else(|refused| refused.path.as_str(), |it| it.as_str());
        table.set("path", text(path));
        let hosts = reading.hosts.clone();
        let behavior = Behavior::read(&setting, path, "", reading, &mut table)?;
        let is_signed = behavior.is_signed();
        behavior.write(Some(whole), &mut table);
        let never = match pattern {
            Ok(pattern) => {
                let why = never_asked(&pattern, &earlier);
                if why.is_none() {
                    earlier.push((pattern, is_signed));
                }
                why
            }
            Err(Refused { path, why }) => {
                let open = if is_signed && !whole.is_signed() {
                    "; fill in another: its paths asked for signatures, and now ask for none"
                } else {
                    ""
                };
                Some(format!("not carried over: PathPattern = {}: {why}{open}", text(&path)))
            }
        };
        if let Some(why) = never {
            // It has no say in what its origin gets.
            reading.hosts = hosts;
            table.kill(why);
        }
        tables.push(table);
    }
    Ok((tables, earlier))
}

/// Why a behavior takes no request, if those before it take them all.
fn never_asked(pattern: &PathPattern, earlier: &[(PathPattern, bool)]) -> Option<String> {
    let path = as_matched(pattern);
    let (first, _) = earlier.iter().find(|(first, _)| as_matched(first).covers(&path))?;
    Some(format!(
        "never asked, in CloudFront neither: {} comes first and takes every path of it",
        text(first.as_str())
    ))
}

/// Whether the root object's own path asks for a signature that `/` does not ask for.
fn is_signed_alone(key: &str, patterns: &[(PathPattern, bool)], whole: &Behavior) -> bool {
    let any = PathPattern::any();
    let asked = patterns.iter().map(|(pattern, signed)| (pattern, *signed));
    let asked: Vec<_> = asked.chain([(&any, whole.is_signed())]).collect();
    let key = object_key(key).unwrap_or_default();
    signed_root(&key, &asked).is_some()
}

// === keys and policies ===

fn key_group(group: &str) -> Table {
    let mut table = Table::new(format!("[key_groups.{}]", key(group)));
    let file = text(&format!("/etc/warmfront/{group}.pem"));
    let key = inline(&[("id", text("KEXAMPLE")), ("public_key_file", file)]);
    let note = "fill in: each key's id, and its public half in a file";
    table.set_with("keys", format!("[{key}]"), note);
    if group != SIGNERS {
        table.remark(format!("aws cloudfront get-key-group --id {}", word(group)));
        table.remark("aws cloudfront get-public-key --id ID, for each of its keys");
    }
    table
}

/// For a policy that no behavior named.
fn unused(file: &PolicyFile) -> Option<String> {
    let leaves = file.config().ok()?.unused();
    let id = text(&file.id);
    (!leaves.is_empty()).then(|| format!("No behavior names the {} {id}.", file.kind.name()))
}

const WRAPPER: &Reasons = &[("ETag", ""), ("Distribution", "")];
const REASONS: &Reasons = &[
    ("CallerReference", ""),
    ("Aliases", "not a host name, or there already"),
    ("Origins", "not what the list of origins says"),
    ("OriginGroups", "not what the list of groups says"),
    ("DefaultRootObject", "there is none, or this is no key of an object"),
    ("CacheBehaviors", "not what the list of behaviors says"),
    ("CustomErrorResponses", "not what an error page can be, or a status that has one"),
    ("Comment", "a description"),
    ("Logging", "the access log is on this machine: `[log] access`"),
    ("PriceClass", ""),
    ("Restrictions", "no country is known here: whom this kept out is let in"),
    ("WebACLId", "there is no firewall: what its rules kept out is let in"),
    ("HttpVersion", "HTTP/1.1 and HTTP/2 are always on, HTTP/3 is not there"),
    ("ContinuousDeploymentPolicyId", "there is one configuration, and it takes all requests"),
    ("Staging", "there is one configuration, and it takes all requests"),
    ("AnycastIpListId", "a node has the addresses that it has"),
    ("TenantConfig", "a site has no tenants"),
    ("ConnectionMode", "a site has no tenants"),
    ("ViewerMtlsConfig", "no client is asked for a certificate: whom this kept out is let in"),
    ("ConnectionFunctionAssociation", "no code runs at the edge"),
    ("CacheTagConfig", "no name of a field"),
];
