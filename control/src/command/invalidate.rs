//! `warmfront invalidate`.

mod wait;

use std::io;

use clap::ArgGroup;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::console::{Console, Format};
use super::shown::{count, plain, size};
use super::{Entrance, Exit};
use crate::client::{Client, ClientError, Reply};

/// Take stored responses out of service: no request is served one of them again.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(group(ArgGroup::new("named").args(["paths", "tags"]).multiple(true).required(true)))]
#[command(group(ArgGroup::new("fetched").args(["prefetch", "sitemap"]).multiple(true)))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Invalidate {
    /// The site; may be left out if the node has only one
    #[arg(long)]
    pub site: Option<String>,
    /// Everything that its origin tagged so, too; may be repeated
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub tags: Vec<String>,
    /// Only mark stale: the next request gets the old answer at once, and it is refreshed
    #[arg(long)]
    pub soft: bool,
    /// Only tell what would be taken
    #[arg(long, conflicts_with_all = ["reference", "fetched"])]
    pub dry_run: bool,
    /// A name for this invalidation: the same one again is not done twice
    #[arg(long)]
    pub reference: Option<String>,
    /// Fetch a path afterwards, so that the next client finds it stored; without a path, those of
    /// PATH that have no `*`; may be repeated. Write `--prefetch=/a`: behind a space stands another
    /// path to invalidate
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true,
          default_missing_value = "")]
    pub prefetch: Vec<String>,
    /// Fetch what this sitemap of the site names afterwards
    #[arg(long, value_name = "PATH")]
    pub sitemap: Option<String>,
    /// Do not wait until everything is fetched
    #[arg(long, requires = "fetched")]
    pub no_wait: bool,
    /// Print the node's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// Paths such as /index.html or "/assets/*"; `*` is any run of characters
    #[arg(value_name = "PATH", value_parser = path)]
    pub paths: Vec<String>,
}

/// What an invalidation came to.
#[derive(Debug, Clone)]
struct Outcome {
    kind: Kind,
    answered: Answered,
    /// The node's answer as it came.
    json: Value,
}

/// Whether an invalidation was done.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Now, under this id.
    Done(String),
    /// Before, by the same reference, under this id.
    Repeated(String),
    /// It was only asked what it would take.
    DryRun,
}

/// What is read of the node's answer.
#[derive(Debug, Clone, Deserialize)]
struct Answered {
    id: Option<String>,
    site: String,
    matched: u64,
    bytes: u64,
    #[serde(default)]
    soft: bool,
    prefetch: Option<Prefetched>,
}

/// How far a prefetch is.
#[derive(Debug, Clone, Deserialize)]
struct Prefetched {
    state: String,
    #[serde(default)]
    fetched: u64,
    #[serde(default)]
    failed: u64,
    total: Option<u64>,
    detail: Option<String>,
}

/// Asks a running node for it, waits until what is to be fetched is fetched, and prints what became
/// of it. It has failed, too, if nothing could be fetched. Fails only if it cannot print.
pub async fn invalidate(
    order: &Invalidate,
    entrance: Entrance<'_>,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    let format = Format::of(order.json);
    let (client, mut outcome) = match ask(order, entrance).await {
        Ok(asked) => asked,
        Err(error) => return console.refuse(format, error),
    };
    if format == Format::Text {
        console.say(&sentence(&outcome))?;
    }
    if let Some(id) = outcome.awaited().filter(|_| !order.no_wait) {
        outcome = match wait::until_fetched(&client, &id, console).await {
            Ok(outcome) => outcome,
            // It is another key's, and how far that one is this one is not told.
            Err(error) if error.is_forbidden() && matches!(outcome.kind, Kind::Repeated(_)) => {
                console.advise(&format!("it is not waited for: {}\n", plain(&error.to_string())));
                outcome
            }
            Err(error) => {
                // What is done is done, and can only be asked for by its id.
                if format == Format::Json {
                    console.say(&outcome.json.to_string())?;
                }
                return console.refuse(Format::Text, error);
            }
        };
    }
    match (format, &outcome.answered.prefetch) {
        (Format::Json, _) => console.say(&outcome.json.to_string())?,
        (Format::Text, Some(prefetched)) => console.say(&prefetched.sentence())?,
        (Format::Text, None) => {}
    }
    Ok(outcome.exit())
}

async fn ask(order: &Invalidate, entrance: Entrance<'_>) -> Result<(Client, Outcome), ClientError> {
    let client = Client::from_config(entrance.config, entrance.key)?;
    let reply = client.send(Method::POST, "/invalidate", Some(&body(order))).await?;
    let outcome = Outcome::read(reply, &client)?;
    Ok((client, outcome))
}

/// Only what was said: each node has defaults of its own for the rest.
fn body(order: &Invalidate) -> Value {
    let mut body = Map::new();
    let mut say = |name: &str, value: Option<Value>| {
        body.extend(value.map(|value| (name.to_owned(), value)));
    };
    let some = |texts: Vec<String>| (!texts.is_empty()).then(|| Value::from(texts));
    let flag = |flag: bool| flag.then_some(Value::Bool(true));
    say("site", order.site.clone().map(Value::from));
    say("paths", some(order.paths.clone()));
    say("tags", some(order.tags.clone()));
    say("soft", flag(order.soft));
    say("dry_run", flag(order.dry_run));
    say("reference", order.reference.clone().map(Value::from));
    let (bare, named): (Vec<String>, Vec<String>) =
        order.prefetch.iter().cloned().partition(String::is_empty);
    say("then", (!bare.is_empty()).then(|| "prefetch".into()));
    say("prefetch", some(named));
    say("sitemap", order.sitemap.clone().map(Value::from));
    Value::Object(body)
}

/// A path as it is written on the command line; whether it is one says the node.
fn path(written: &str) -> Result<String, String> {
    match written.strip_prefix('#') {
        Some(tag) => Err(format!("it begins with `#`; a tag is named by `--tag {tag}`")),
        None => Ok(written.to_owned()),
    }
}

/// CloudFront's API wants a `#` before a tag, which here would be a letter of another one.
fn tag(written: &str) -> Result<String, String> {
    match written.strip_prefix('#') {
        Some(tag) => Err(format!("a tag is named without the `#`: `--tag {tag}`")),
        None => Ok(written.to_owned()),
    }
}

fn sentence(outcome: &Outcome) -> String {
    let answered = &outcome.answered;
    let taken = format!(
        "{} ({}) of {}",
        count(answered.matched, "stored response"),
        size(answered.bytes),
        plain(&answered.site)
    );
    let (did, end) = if answered.soft { ("mark", " stale") } else { ("invalidate", "") };
    match &outcome.kind {
        Kind::Done(id) if answered.soft => format!("marked {taken} stale: {id}"),
        Kind::Done(id) => format!("invalidated {taken}: {id}"),
        Kind::Repeated(id) if answered.soft => {
            format!("already done, by the same reference, marked {taken} stale: {id}")
        }
        Kind::Repeated(id) => format!("already done, by the same reference, took {taken}: {id}"),
        Kind::DryRun => format!("would {did} {taken}{end}"),
    }
}

// === impl Outcome ===

impl Outcome {
    fn read(reply: Reply, client: &Client) -> Result<Self, ClientError> {
        let Reply { status, json } = reply;
        let answered = Answered::deserialize(&json).map_err(|_| client.foreign(status))?;
        let kind = match (answered.id.as_deref().map(plain), status) {
            (None, _) => Kind::DryRun,
            (Some(id), StatusCode::CREATED) => Kind::Done(id),
            (Some(id), _) => Kind::Repeated(id),
        };
        Ok(Self { kind, answered, json })
    }

    /// The id of what is not done yet.
    fn awaited(&self) -> Option<String> {
        let is_running = self.answered.prefetch.as_ref().is_some_and(Prefetched::is_running);
        self.answered.id.clone().filter(|_| is_running)
    }

    /// What was asked for is done, even if some of it could not be fetched: not if nothing could.
    fn exit(&self) -> Exit {
        match &self.answered.prefetch {
            // Of one that still runs nobody knows yet.
            Some(prefetched @ Prefetched { fetched: 0, failed: 1.., .. })
                if !prefetched.is_running() =>
            {
                Exit::Failed
            }
            _ => Exit::Done,
        }
    }
}

// === impl Prefetched ===

impl Prefetched {
    fn is_running(&self) -> bool {
        self.state == "running"
    }

    fn sentence(&self) -> String {
        if self.is_running() {
            return self.progress();
        }
        let failed =
            if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let detail = self.detail.as_deref().map(|detail| format!(": {}", plain(detail)));
        format!("prefetched {}{failed}{}", count(self.fetched, "URL"), detail.unwrap_or_default())
    }

    fn progress(&self) -> String {
        let done = self.fetched.saturating_add(self.failed);
        match self.total {
            Some(total) => format!("prefetching {done} of {total}"),
            // It has not begun, and this is why.
            None => match &self.detail {
                Some(detail) => format!("prefetching: {}", plain(detail)),
                None => "prefetching".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
