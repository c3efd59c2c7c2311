//! `warmfront keys`.

mod advice;

use std::io;

use clap::ArgGroup;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::console::{Console, Format};
use super::shown::{list, text, texts};
use super::table::Table;
use super::{ENVIRONMENT, Entrance, Exit};
use crate::client::{Client, ClientError};

/// Make, show, rotate and revoke the access keys of a running node.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Keys {
    /// Tell which keys there are; no secret is shown
    #[command(after_help = ENVIRONMENT)]
    List {
        /// Print the node's answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a key and print it, `<id>.<secret>`, this once
    #[command(after_help = ENVIRONMENT)]
    Create(CreateKey),
    /// Give a key another secret and print it; the old one passes for a while
    #[command(after_help = ENVIRONMENT)]
    Rotate(RotateKey),
    /// Let a key open nothing any more, at once
    #[command(after_help = ENVIRONMENT)]
    Revoke {
        /// Print the node's answer as JSON
        #[arg(long)]
        json: bool,
        /// The key's id, as `keys list` shows it, or its name
        #[arg(value_name = "KEY")]
        key: String,
    },
}

/// Make a key and print it, `<id>.<secret>`, this once.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(group = ArgGroup::new("granted").args(["actions", "grants"]).required(true).multiple(true))]
pub struct CreateKey {
    /// What it may do: invalidate, read, targets, certificates; several with commas between
    #[arg(long = "allow", value_name = "ACTIONS", value_delimiter = ',')]
    pub actions: Vec<String>,
    /// Whose limits `--allow` has
    #[command(flatten)]
    pub limits: KeyGrant,
    /// A further grant, as a table of `allow` in the file, in JSON:
    /// '{"action":"read","site":"www"}'; may be repeated
    #[arg(long = "grant", value_name = "JSON", value_parser = json_object)]
    pub grants: Vec<Value>,
    /// Print the node's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// A name for logs and lists: letters, digits, `-` and `_`
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// What limits a grant.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct KeyGrant {
    /// Only at this site
    #[arg(long, requires = "actions")]
    pub site: Option<String>,
    /// Only for paths of this pattern; may be repeated
    #[arg(long = "path", value_name = "PATTERN", requires = "actions")]
    pub paths: Vec<String>,
    /// Only at this origin
    #[arg(long, requires = "actions")]
    pub origin: Option<String>,
}

/// Give a key another secret and print it; the old one passes for a while.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RotateKey {
    /// How long the old secret passes beside the new one: `0s` to `30d`
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    pub overlap: String,
    /// Print the node's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// The key's id, as `keys list` shows it, or its name
    #[arg(value_name = "KEY")]
    pub key: String,
}

/// Asks a running node for it, and prints what it answers. Fails only if it cannot print.
pub async fn keys(
    order: &Keys,
    entrance: Entrance<'_>,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    let format = Format::of(order.is_json());
    let answer = match ask(order, entrance).await {
        Ok(answer) => answer,
        Err(error) => return console.refuse(format, error),
    };
    match order {
        Keys::List { .. } => console.answer(format, &answer, listed),
        Keys::Create(_) | Keys::Rotate(_) => {
            let done = console.answer(format, &answer, |issued| text(issued, "token"))?;
            if format == Format::Text {
                console.advise(&advice::on(&answer, entrance.config));
            }
            Ok(done)
        }
        Keys::Revoke { .. } => {
            console.answer(format, &answer, |revoked| format!("revoked {}", text(revoked, "id")))
        }
    }
}

async fn ask(order: &Keys, entrance: Entrance<'_>) -> Result<Value, ClientError> {
    let client = Client::from_config(entrance.config, entrance.key)?;
    let of = |id: &str| format!("/keys/{}", utf8_percent_encode(id, NON_ALPHANUMERIC));
    let answer = match order {
        Keys::List { .. } => return client.look("/keys").await.map(Value::Object),
        Keys::Create(create) => client.send(Method::POST, "/keys", Some(&create.body())).await,
        Keys::Rotate(RotateKey { key, overlap, .. }) => {
            let place = of(&id(&client, key).await?);
            let body = json!({ "overlap": overlap });
            client.send(Method::POST, &format!("{place}/rotate"), Some(&body)).await
        }
        Keys::Revoke { key, .. } => {
            let id = id(&client, key).await?;
            client.send(Method::DELETE, &of(&id), None).await?;
            return Ok(json!({ "id": id, "revoked": true }));
        }
    };
    answer.map(|reply| reply.json)
}

/// The id of the key that is meant by an id, or by a name that no other key has.
async fn id(client: &Client, meant: &str) -> Result<String, ClientError> {
    let known = client.look("/keys").await?;
    let known = list(known.get("keys"));
    let is_meant = |key: &&Value| {
        ["id", "name"].iter().any(|field| key.get(field).and_then(Value::as_str) == Some(meant))
    };
    let ids: Vec<String> = known.iter().filter(is_meant).map(|key| text(key, "id")).collect();
    match ids.as_slice() {
        // The node says that there is none.
        [] => Ok(meant.to_owned()),
        [id] => Ok(id.clone()),
        ids => Err(ClientError::Ambiguous { name: meant.to_owned(), ids: ids.join(", ") }),
    }
}

fn listed(answer: &Value) -> Table {
    let head = ["ID", "NAME", "SOURCE", "MAY", "CREATED", "LAST USED", "OLD SECRET ENDS"];
    let mut table = Table::new(&head);
    for key in list(answer.get("keys")) {
        table.add(vec![
            text(key, "id"),
            text(key, "name"),
            text(key, "source"),
            may(key),
            text(key, "created"),
            text(key, "used"),
            text(key, "old_secret_ends"),
        ]);
    }
    table
}

fn may(key: &Value) -> String {
    let Some(grants) = key.get("allow").and_then(Value::as_array) else {
        return text(key, "allow");
    };
    let granted = grants.iter().map(|grant| {
        let limit = |word: &str, field: &str| match text(grant, field).as_str() {
            "-" => String::new(),
            name => format!(" {word} {name}"),
        };
        let paths = match texts(grant, "paths").as_str() {
            "-" => String::new(),
            paths => format!(" {paths}"),
        };
        let (site, origin) = (limit("at site", "site"), limit("at origin", "origin"));
        format!("{}{site}{origin}{paths}", texts(grant, "action"))
    });
    granted.collect::<Vec<_>>().join("; ")
}

fn json_object(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value.is_object() { Ok(value) } else { Err("not a JSON object".to_owned()) }
}

// === impl Keys ===

impl Keys {
    fn is_json(&self) -> bool {
        match self {
            Self::List { json } | Self::Revoke { json, .. } => *json,
            Self::Create(create) => create.json,
            Self::Rotate(rotate) => rotate.json,
        }
    }
}

// === impl CreateKey ===

impl CreateKey {
    fn body(&self) -> Value {
        let KeyGrant { site, paths, origin } = &self.limits;
        let own = (!self.actions.is_empty()).then(|| {
            let mut grant = Map::new();
            grant.insert("action".to_owned(), Value::from(self.actions.clone()));
            grant.extend(site.iter().map(|site| ("site".to_owned(), site.clone().into())));
            grant.extend(origin.iter().map(|origin| ("origin".to_owned(), origin.clone().into())));
            if !paths.is_empty() {
                grant.insert("paths".to_owned(), Value::from(paths.clone()));
            }
            Value::Object(grant)
        });
        let allow: Vec<Value> = own.into_iter().chain(self.grants.iter().cloned()).collect();
        json!({ "name": self.name, "allow": allow })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(subcommand)]
        keys: Keys,
    }

    fn create(line: &[&str]) -> Result<Value, String> {
        let words = ["warmfront", "create", "ci"].iter().chain(line);
        match Line::try_parse_from(words).map_err(|error| error.to_string())?.keys {
            Keys::Create(create) => Ok(create.body()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_key_is_asked_for_as_it_was_said() {
        for (line, allow) in [
            (&["--allow", "read"][..], json!([{ "action": ["read"] }])),
            (
                &["--allow", "invalidate,read", "--site", "www", "--path", "/a/*", "--path", "/b"],
                json!([{
                    "action": ["invalidate", "read"], "site": "www", "paths": ["/a/*", "/b"],
                }]),
            ),
            (
                &["--allow=targets", "--origin=app", r#"--grant={"action":"read","site":"www"}"#],
                json!([
                    { "action": ["targets"], "origin": "app" },
                    { "action": "read", "site": "www" },
                ]),
            ),
            (&[r#"--grant={"action":"read"}"#], json!([{ "action": "read" }])),
        ] {
            assert_eq!(create(line), Ok(json!({ "name": "ci", "allow": allow })), "{line:?}");
        }
        for line in [&[][..], &["--site", "www"], &["--grant", "read"], &["--grant", "[]"]] {
            assert!(create(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn keys_are_a_table() {
        let answer = json!({ "keys": [
            {
                "id": "WFROOT", "name": "root", "source": "root", "allow": "everything",
                "created": null, "used": null, "old_secret_ends": null,
            },
            {
                "id": "WFCI", "name": "ci", "source": "created", "created": "2023-11-14",
                "allow": [
                    { "action": ["invalidate", "read"], "site": "www", "paths": ["/a/*"] },
                    { "action": ["targets"], "origin": "app" },
                ],
                "used": null, "old_secret_ends": "2023-11-15",
            },
        ] });
        let told = listed(&answer).to_string();
        let lines: Vec<Vec<&str>> =
            told.lines().map(|line| line.split("  ").filter(|w| !w.is_empty()).collect()).collect();
        let words = |line: usize| lines[line].iter().map(|word| word.trim()).collect::<Vec<_>>();
        assert_eq!(words(1), ["WFROOT", "root", "root", "everything", "-", "-", "-"]);
        let may = "invalidate, read at site www /a/*; targets at origin app";
        assert_eq!(words(2), ["WFCI", "ci", "created", may, "2023-11-14", "-", "2023-11-15"]);
    }
}
