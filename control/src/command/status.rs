//! `warmfront status`.

mod table;

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use warmfront_config::Config;

use super::{Exit, problem};
use crate::client::{Client, ClientError};
use table::Table;

/// Tell how a running node is: whether it is ready, its certificates, its targets.
#[derive(Debug, Clone, clap::Args)]
pub struct Status {
    /// Print the node's answers as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is asked, one after the other. Their answers share no field.
const PATHS: [&str; 3] = ["/ready", "/certificates", "/origins"];

/// Asks the node that runs with this configuration, and prints how it is to `out`, or to `err` why
/// it cannot be told. `key` is `WARMFRONT_KEY`. It has failed, too, if the node is not ready. Fails
/// only if it cannot print.
pub async fn status(
    order: &Status,
    config: &Config,
    key: Option<&str>,
    now: SystemTime,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> io::Result<Exit> {
    let answers = match ask(config, key).await {
        Ok(answers) => answers,
        Err(error) if order.json => {
            return writeln!(out, "{}", problem(error)).map(|()| Exit::Failed);
        }
        Err(error) => return writeln!(err, "warmfront: {error}").map(|()| Exit::Failed),
    };
    let is_ready = answers.get("ready") == Some(&Value::Bool(true));
    if order.json {
        writeln!(out, "{}", Value::Object(answers))?;
    } else {
        write!(out, "{}", told(&answers, now))?;
    }
    Ok(if is_ready { Exit::Done } else { Exit::Failed })
}

async fn ask(config: &Config, key: Option<&str>) -> Result<Map<String, Value>, ClientError> {
    let client = Client::from_config(config, key)?;
    let mut answers = Map::new();
    for path in PATHS {
        answers.append(&mut client.look(path).await?);
    }
    Ok(answers)
}

/// For a person: what is wrong first.
fn told(answers: &Map<String, Value>, now: SystemTime) -> String {
    let is_ready = answers.get("ready") == Some(&Value::Bool(true));
    let mut told = if is_ready { "ready\n" } else { "not ready\n" }.to_owned();
    for problem in list(answers.get("problems")).iter().filter_map(Value::as_str) {
        told = format!("{told}  {}\n", plain(problem));
    }
    let certificates = certificates(list(answers.get("certificates")), now);
    let targets = targets(list(answers.get("origins")));
    for table in [certificates, targets].into_iter().filter(|table| !table.is_empty()) {
        told = format!("{told}\n{table}");
    }
    told
}

fn certificates(all: &[Value], now: SystemTime) -> Table {
    let head = ["SITE", "NAMES", "SOURCE", "STATE", "EXPIRES IN", "NEXT RENEWAL", "LAST ERROR"];
    let mut table = Table::new(&head);
    for one in all {
        let names = list(one.get("names"));
        let first = plain(names.first().and_then(Value::as_str).unwrap_or("-"));
        let names = match names.len() {
            0 | 1 => first,
            count => format!("{first} +{}", count - 1),
        };
        // A stand-in is made anew for as long as it is needed.
        let expiry = match one.get("source").and_then(Value::as_str) {
            Some("self-signed") => "-".to_owned(),
            _ => until(one, "not_after", now),
        };
        table.add(vec![
            text(one, "site"),
            names,
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

/// What a node says must not move a terminal's cursor.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(of: &Value, field: &str) -> String {
    plain(of.get(field).and_then(Value::as_str).unwrap_or("-"))
}

fn until(of: &Value, field: &str, now: SystemTime) -> String {
    let at = of.get(field).and_then(Value::as_str);
    let at = at.and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok()).map(SystemTime::from);
    match at.map(|at| at.duration_since(now)) {
        None => "-".to_owned(),
        Some(Ok(left)) => roughly(left),
        Some(Err(_)) => "now".to_owned(),
    }
}

/// Rounded down to what a person can use: `59 d`, `23 h`.
fn roughly(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_sees_what_is_wrong_and_then_everything() {
        let answers = json!({
            "ready": true,
            "problems": ["site shop: no certificate is ordered for now: it does not resolve"],
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
";
        assert_eq!(told(&answers, now), expected);
    }

    #[test]
    fn times_are_for_people() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
            (u64::MAX, "213503982334601 d"),
        ] {
            assert_eq!(roughly(Duration::from_secs(seconds)), text);
        }
    }
}
