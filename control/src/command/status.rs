//! `warmfront status`.

use std::io;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::console::{Console, Format};
use super::shown::{list, plain, text, until};
use super::table::Table;
use super::{Entrance, Exit};
use crate::client::{Client, ClientError};

/// Tell how a running node is: whether it is ready, its sites, its certificates, its targets.
#[derive(Debug, Clone, clap::Args)]
pub struct Status {
    /// Print the node's answers as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is asked, one after the other. Their answers share no field.
const PATHS: [&str; 4] = ["/ready", "/sites", "/certificates", "/origins"];

/// Asks a running node how it is, and prints that, or why it cannot be told. It has failed, too, if
/// the node is not ready. Fails only if it cannot print.
pub async fn status(
    order: &Status,
    entrance: Entrance<'_>,
    now: SystemTime,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    let format = Format::of(order.json);
    let answers = match ask(entrance).await {
        Ok(answers) => answers,
        Err(error) => return console.refuse(format, error),
    };
    let is_ready = answers.get("ready") == Some(&Value::Bool(true));
    match format {
        Format::Json => console.say(&Value::Object(answers).to_string())?,
        Format::Text => console.say(&told(&answers, now))?,
    }
    Ok(if is_ready { Exit::Done } else { Exit::Failed })
}

async fn ask(entrance: Entrance<'_>) -> Result<Map<String, Value>, ClientError> {
    let client = Client::from_config(entrance.config, entrance.key)?;
    let mut answers = Map::new();
    for path in PATHS {
        answers.append(&mut client.look(path).await?);
    }
    Ok(answers)
}

/// For a person: what is wrong first, what never changes last.
fn told(answers: &Map<String, Value>, now: SystemTime) -> String {
    let is_ready = answers.get("ready") == Some(&Value::Bool(true));
    let mut told = if is_ready { "ready\n" } else { "not ready\n" }.to_owned();
    for problem in list(answers.get("problems")).iter().filter_map(Value::as_str) {
        told = format!("{told}  {}\n", plain(problem));
    }
    let sites = sites(list(answers.get("sites")));
    let certificates = certificates(list(answers.get("certificates")), now);
    let targets = targets(list(answers.get("origins")));
    for table in [certificates, targets, sites].into_iter().filter(|table| !table.is_empty()) {
        told = format!("{told}\n{table}");
    }
    told
}

/// With the distribution's id, which AWS tools ask for and the file need not say.
fn sites(all: &[Value]) -> Table {
    let mut table = Table::new(&["SITE", "ID", "HOSTS"]);
    for site in all {
        table.add(vec![text(site, "name"), text(site, "id"), first(list(site.get("hosts")))]);
    }
    table
}

fn certificates(all: &[Value], now: SystemTime) -> Table {
    let head = ["SITE", "NAMES", "SOURCE", "STATE", "EXPIRES IN", "NEXT RENEWAL", "LAST ERROR"];
    let mut table = Table::new(&head);
    for one in all {
        // A stand-in is made anew for as long as it is needed.
        let expiry = match one.get("source").and_then(Value::as_str) {
            Some("self-signed") => "-".to_owned(),
            _ => until(one, "not_after", now),
        };
        table.add(vec![
            text(one, "site"),
            first(list(one.get("names"))),
            text(one, "source"),
            text(one, "state"),
            expiry,
            until(one, "next_renewal", now),
            text(one, "last_error"),
        ]);
    }
    table
}

fn targets(origins: &[Value]) -> Table {
    let mut table = Table::new(&["ORIGIN", "TARGET", "STATE", "REASON"]);
    for origin in origins {
        for target in list(origin.get("targets")) {
            let address = match target.get("address") {
                Some(Value::String(address)) => plain(address),
                _ => text(target, "name"),
            };
            let row =
                [text(origin, "name"), address, text(target, "state"), text(target, "reason")];
            table.add(row.to_vec());
        }
    }
    table
}

/// The first, and how many there are besides.
fn first(names: &[Value]) -> String {
    let first = plain(names.first().and_then(Value::as_str).unwrap_or("-"));
    match names.len() {
        0 | 1 => first,
        count => format!("{first} +{}", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_sees_what_is_wrong_and_then_everything() {
        let answers = json!({
            "ready": true,
            "problems": ["site shop: no certificate is ordered for now: it does not resolve"],
            "sites": [
                { "name": "www", "id": "E2QWRUHAPOMQZL", "hosts": ["www.acme.dev", "acme.dev"] },
                { "name": "shop", "id": "EKA0L5L4OSSHOP", "hosts": ["shop.acme.dev"] },
            ],
            "certificates": [
                {
                    "site": "www",
                    "source": "acme",
                    "names": ["www.acme.dev", "acme.dev", "cdn.acme.dev"],
                    "state": "valid",
                    "not_after": "2023-12-14T22:13:20.000Z",
                    "next_renewal": "2023-11-15T04:13:20.000Z",
                    "last_error": null,
                },
                {
                    "site": "shop",
                    "source": "self-signed",
                    "names": ["shop.acme.dev"],
                    "state": "waiting",
                    "not_after": "2023-11-14T22:13:19.000Z",
                    "next_renewal": null,
                    "last_error": "it does not resolve",
                },
            ],
            "origins": [
                { "name": "web", "kind": "s3" },
                {
                    "name": "app",
                    "targets": [
                        {
                            "address": "10.0.0.1:80",
                            "name": "10.0.0.1:80",
                            "state": "healthy",
                            "reason": "it answered",
                        },
                        {
                            "address": null,
                            "name": "app.internal:80",
                            "state": "initial",
                            "reason": "the name has no address yet",
                        },
                    ],
                },
            ],
        });
        let Value::Object(answers) = answers else { panic!("an object") };
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let expected = "\
ready
  site shop: no certificate is ordered for now: it does not resolve

SITE  NAMES            SOURCE       STATE    EXPIRES IN  NEXT RENEWAL  LAST ERROR
www   www.acme.dev +2  acme         valid    30 d        6 h           -
shop  shop.acme.dev    self-signed  waiting  -           -             it does not resolve

ORIGIN  TARGET           STATE    REASON
app     10.0.0.1:80      healthy  it answered
app     app.internal:80  initial  the name has no address yet

SITE  ID              HOSTS
www   E2QWRUHAPOMQZL  www.acme.dev +1
shop  EKA0L5L4OSSHOP  shop.acme.dev
";
        assert_eq!(told(&answers, now), expected);
    }
}
