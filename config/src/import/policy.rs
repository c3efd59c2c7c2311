//! Cache policies and origin request policies, and the older settings that both came of.

use super::lifetimes::lifetimes;
use super::managed;
use super::page::{Names, Reasons, Table, inline, key, seconds, text, texts, word};
use super::request::{
    HIDDEN, Named, asked_headers, chosen, everything, key_headers, narrowed, owned, said_cookies,
    said_query, said_selection,
};
use super::setting::Setting;
use super::{ImportError, PolicyFile, PolicyKind};
use crate::model::{Forward, Selection};

/// `[policies.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CachePolicy {
    /// Least, default and greatest lifetime, in seconds.
    pub(super) ttl: [u64; 3],
    pub(super) query: Selection,
    /// Lower-case.
    pub(super) headers: Vec<String>,
    pub(super) cookies: Selection,
    pub(super) compress: bool,
}

/// What `policy` says, and what follows from it.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) name: String,
    /// What is to be said beside the name.
    pub(super) note: Option<&'static str>,
    pub(super) compression: Compression,
    /// Whether anything is stored under it.
    pub(super) stores: bool,
    /// Whether the origin gets the client's Host with it.
    pub(super) host: bool,
    /// What older settings forward beside the key.
    pub(super) forward: Option<Forward>,
}

/// What a policy says of compression, before the behavior has its say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Here and there.
    On,
    /// Neither here nor there.
    Off,
    /// Here, but not in CloudFront.
    HereAlone,
}

/// What an origin request policy says.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) forward: Forward,
    /// Whether the origin gets the client's Host.
    pub(super) host: bool,
}

/// The policies of the file that is being written.
#[derive(Debug)]
pub(super) struct Policies<'n> {
    files: &'n [PolicyFile],
    names: Names,
    known: Vec<(CachePolicy, String)>,
    /// In the order in which behaviors named them.
    pub(super) tables: Vec<Table>,
    /// Ids of the files that something was said of.
    told: Vec<&'n str>,
}

/// Of every policy's configuration.
const CONFIG: &Reasons = &[("Comment", ""), ("Name", "")];
/// Of every policy's file.
pub(super) const FILE: &Reasons = &[
    ("ETag", ""),
    ("CachePolicy", ""),
    ("OriginRequestPolicy", ""),
    ("ResponseHeadersPolicy", ""),
];

// === impl Policies ===

impl<'n> Policies<'n> {
    pub(super) fn new(files: &'n [PolicyFile]) -> Self {
        let names = Names::reserved(&["optimized", "disabled", "origin"]);
        Self { files, names, known: Vec::new(), tables: Vec::new(), told: Vec::new() }
    }

    /// The policy of a behavior. `label` names one that has no name of its own.
    pub(super) fn cache(
        &mut self,
        behavior: &Setting<'n>,
        label: &str,
        table: &mut Table,
    ) -> Result<Chosen, ImportError> {
        if let Some(id) = behavior.text("CachePolicyId")? {
            return self.by_id(id, table);
        }
        if let Some(values) = behavior.get("ForwardedValues")? {
            return self.forwarded_values(behavior, &values, label, table);
        }
        let note = Some("fill in: neither CachePolicyId nor ForwardedValues is there");
        Ok(Chosen { note, ..Chosen::built_in("disabled") })
    }

    fn by_id(&mut self, id: &str, table: &mut Table) -> Result<Chosen, ImportError> {
        if let Some(file) = self.file(PolicyKind::Cache, id) {
            let (root, config) = (file.root(), file.config()?);
            let name = config.text("Name")?.unwrap_or("policy");
            let mut silence = Table::new(String::new());
            let table = if self.tell(&file.id) { table } else { &mut silence };
            let policy = CachePolicy::read(&config, table)?;
            table.leftovers(&config, "CachePolicyConfig.", CONFIG);
            table.leftovers(&root, "", FILE);
            let chosen = self.written(&policy, name);
            if chosen.name != name {
                table.remark(format!("the policy is called {} in CloudFront", text(name)));
            }
            return Ok(chosen);
        }
        match managed::cache(id) {
            Some(managed::Cache::BuiltIn(name, note)) => {
                Ok(Chosen { note, ..Chosen::built_in(name) })
            }
            Some(managed::Cache::Uncompressed) => {
                Ok(Chosen { compression: Compression::HereAlone, ..Chosen::built_in("optimized") })
            }
            Some(managed::Cache::Written(name, policy, remark)) => {
                if !remark.is_empty() {
                    table.remark(remark);
                }
                Ok(self.written(&policy, name))
            }
            None => {
                unknown("CachePolicyId", id, "get-cache-policy", table);
                let note = Some("fill in: until it is known, nothing is stored");
                Ok(Chosen { note, ..Chosen::built_in("disabled") })
            }
        }
    }

    /// Settings from before there were policies: what is forwarded is the key, and more is.
    fn forwarded_values(
        &mut self,
        behavior: &Setting<'n>,
        values: &Setting<'n>,
        label: &str,
        table: &mut Table,
    ) -> Result<Chosen, ImportError> {
        let listed = values.texts("Headers")?;
        let whole_query = values.is_on("QueryString")?;
        let cookies = match values.get("Cookies")? {
            Some(cookies) => said_selection(&cookies, "Forward", "WhitelistedNames")?,
            None => Selection::None,
        };
        let cookies = narrowed(cookies, Named::Cookie, table);
        if listed.contains(&"*") {
            // All of them in the key: CloudFront stores nothing then, and passes them all on.
            let query = if whole_query { Selection::All } else { Selection::None };
            let forward = Forward { query, cookies, ..everything() };
            if let (Some(headers), true) = (values.get("Headers")?, listed.len() > 1) {
                headers.release();
            }
            return Ok(Chosen {
                forward: Some(forward),
                host: true,
                ..Chosen::built_in("disabled")
            });
        }
        let chosen = if whole_query { values.texts("QueryStringCacheKeys")? } else { Vec::new() };
        let query = match (whole_query, chosen.as_slice()) {
            (true, []) => Selection::All,
            (true, names) => Selection::Only(owned(names)),
            (false, _) => Selection::None,
        };
        let query = narrowed(query, Named::Parameter, table);
        let compress = behavior.flag("Compress")?.unwrap_or(false);
        let (headers, host) = key_headers(&listed, compress, table);
        let read = |key| behavior.number(key);
        let ttl = lifetimes(read("MinTTL")?, read("DefaultTTL")?, read("MaxTTL")?, table);
        let hidden: Vec<_> =
            HIDDEN.iter().filter(|name| !headers.iter().any(|it| it == *name)).collect();
        let forward = Forward {
            query: if chosen.is_empty() { Selection::None } else { Selection::All },
            headers: Selection::Except(hidden.iter().map(|name| (**name).to_owned()).collect()),
            cookies: Selection::None,
        };
        let policy = CachePolicy { ttl, query, headers, cookies, compress };
        Ok(Chosen {
            forward: Some(forward),
            host,
            ..self.written(&policy, &label.replace('.', " "))
        })
    }

    /// What an origin request policy adds; `None` if there is none, or none that is known.
    pub(super) fn origin_request(
        &mut self,
        behavior: &Setting<'n>,
        table: &mut Table,
    ) -> Result<Option<Asked>, ImportError> {
        let Some(id) = behavior.text("OriginRequestPolicyId")? else { return Ok(None) };
        if let Some(file) = self.file(PolicyKind::OriginRequest, id) {
            let config = file.config()?;
            let mut silence = Table::new(String::new());
            let table = if self.tell(&file.id) { table } else { &mut silence };
            let asked = Asked::read(&config, table)?;
            table.leftovers(&config, "OriginRequestPolicyConfig.", CONFIG);
            table.leftovers(&file.root(), "", FILE);
            return Ok(Some(asked));
        }
        let managed = managed::origin_request(id);
        match &managed {
            Some((_, remark)) if !remark.is_empty() => table.remark(*remark),
            Some(_) => {}
            None => unknown("OriginRequestPolicyId", id, "get-origin-request-policy", table),
        }
        Ok(managed.map(|(asked, _)| asked))
    }

    /// The settings of a response headers policy that was given along, and its file.
    pub(super) fn response_headers(&self, id: &str) -> Option<&'n PolicyFile> {
        self.file(PolicyKind::ResponseHeaders, id)
    }

    /// Whether this is the first time that something is said of the file.
    pub(super) fn tell(&mut self, id: &'n str) -> bool {
        let first = !self.told.contains(&id);
        if first {
            self.told.push(id);
        }
        first
    }

    fn file(&self, kind: PolicyKind, id: &str) -> Option<&'n PolicyFile> {
        self.files.iter().find(|file| file.kind == kind && file.id == id)
    }

    /// One like it that is there already, or a new table.
    fn written(&mut self, policy: &CachePolicy, wanted: &str) -> Chosen {
        let known = self.known.iter().find(|(known, _)| known == policy);
        let name = if let Some((_, name)) = known {
            name.clone()
        } else {
            let name = self.names.take(wanted);
            self.tables.push(policy.table(&name));
            self.known.push((policy.clone(), name.clone()));
            name
        };
        Chosen {
            name,
            note: None,
            compression: Compression::of(policy.compress),
            stores: policy.ttl.iter().any(|ttl| *ttl != 0),
            host: policy.headers.iter().any(|name| name == "host"),
            forward: None,
        }
    }
}

// === impl Chosen ===

impl Chosen {
    fn built_in(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            note: None,
            compression: Compression::of(name == "optimized"),
            stores: name != "disabled",
            host: false,
            forward: None,
        }
    }
}

// === impl Compression ===

impl Compression {
    fn of(compress: bool) -> Self {
        if compress { Self::On } else { Self::Off }
    }
}

// === impl CachePolicy ===

impl CachePolicy {
    fn read(config: &Setting<'_>, table: &mut Table) -> Result<Self, ImportError> {
        let read = |key| config.number(key);
        let ttl = lifetimes(read("MinTTL")?, read("DefaultTTL")?, read("MaxTTL")?, table);
        let none = Self {
            ttl,
            query: Selection::None,
            headers: Vec::new(),
            cookies: Selection::None,
            compress: false,
        };
        let Some(parameters) = config.get("ParametersInCacheKeyAndForwardedToOrigin")? else {
            return Ok(none);
        };
        let gzip = parameters.flag("EnableAcceptEncodingGzip")?.unwrap_or(false);
        let brotli = parameters.flag("EnableAcceptEncodingBrotli")?.unwrap_or(false);
        if gzip != brotli {
            let only = if gzip { "gzip" } else { "brotli" };
            table.remark(format!(
                "the cache policy enables {only} alone; `compress` offers brotli, zstd and gzip"
            ));
        }
        let compress = gzip || brotli;
        let part = |name| parameters.get(name);
        let headers = match part("HeadersConfig")? {
            Some(config) => match said_selection(&config, "HeaderBehavior", "Headers")? {
                Selection::Only(names) => key_headers(&names, compress, table).0,
                _ => Vec::new(),
            },
            None => Vec::new(),
        };
        let cookies = match part("CookiesConfig")? {
            Some(config) => said_cookies(&config, table)?,
            None => Selection::None,
        };
        let query = match part("QueryStringsConfig")? {
            Some(config) => said_query(&config, table)?,
            None => Selection::None,
        };
        Ok(Self { query, headers, cookies, compress, ..none })
    }

    fn table(&self, name: &str) -> Table {
        let mut table = Table::new(format!("[policies.{}]", key(name)));
        let [min, default, max] = self.ttl.map(seconds);
        table.set("ttl", inline(&[("min", min), ("default", default), ("max", max)]));
        table.set("query", chosen(&self.query));
        table.set("headers", texts(&self.headers));
        table.set("cookies", chosen(&self.cookies));
        table.set("compress", self.compress.to_string());
        table
    }
}

// === impl Asked ===

impl Asked {
    fn read(config: &Setting<'_>, table: &mut Table) -> Result<Self, ImportError> {
        let mut host = false;
        let headers = match config.get("HeadersConfig")? {
            Some(config) => asked_headers(&config, &mut host, table)?,
            None => Selection::None,
        };
        let cookies = match config.get("CookiesConfig")? {
            Some(config) => said_cookies(&config, table)?,
            None => Selection::None,
        };
        let query = match config.get("QueryStringsConfig")? {
            Some(config) => said_query(&config, table)?,
            None => Selection::None,
        };
        Ok(Self { forward: Forward { query, headers, cookies }, host })
    }
}

/// What to do about a policy of which the distribution has the id alone.
pub(super) fn unknown(setting: &str, id: &str, command: &str, table: &mut Table) {
    table.remark(format!(
        "fill in: a distribution does not say what {setting} = {} means: import it",
        text(id)
    ));
    table.remark("again, with what this prints in a file behind the distribution's:");
    table.remark(format!("  aws cloudfront {command} --id {}", word(id)));
}
