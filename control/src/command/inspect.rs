//! `warmfront inspect`.

use std::io;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::console::{Console, Format};
use super::shown::{list, plain, size, text, texts};
use super::table::Table;
use super::{Entrance, Exit};
use crate::client::{Client, ClientError};

/// Tell what a request would meet now, and why it would be a hit or a miss.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Inspect {
    /// A field of the request, such as "Accept-Encoding: br"; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// The method of the request
    #[arg(short = 'X', long, default_value = "GET")]
    pub method: String,
    /// Print the node's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// The whole URL, such as `https://www.example.com/index.html`
    #[arg(value_name = "URL")]
    pub url: String,
}

/// Asks a running node, and prints what it answers. Fails only if it cannot print.
pub async fn inspect(
    order: &Inspect,
    entrance: Entrance<'_>,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    let format = Format::of(order.json);
    match ask(order, entrance).await {
        Ok(answer) => console.answer(format, &answer, told),
        Err(error) => console.refuse(format, error),
    }
}

async fn ask(order: &Inspect, entrance: Entrance<'_>) -> Result<Value, ClientError> {
    let client = Client::from_config(entrance.config, entrance.key)?;
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let headers = order.headers.iter().map(|line| format!("&header={}", escaped(line)));
    let (url, method) = (escaped(&order.url), escaped(&order.method));
    let path = format!("/inspect?url={url}&method={method}{}", headers.collect::<String>());
    client.look(&path).await.map(Value::Object)
}

/// What is asked most comes first: what a request would come to, and why.
fn told(answer: &Value) -> String {
    let mut lines = vec![format!("{} {}", text(answer, "method"), text(answer, "url"))];
    let mut line = |name: &str, text: String| lines.push(format!("  {name:<9} {text}"));
    if let Some(next) = answer.get("next") {
        let cache = text(next, "cache");
        let forward = next.get("forward").and_then(Value::as_str).map(plain);
        let forward = forward.map(|word| format!(" ({word})")).unwrap_or_default();
        line("next", format!("{cache}{forward}: {}", text(next, "reason")));
    }
    line("site", text(answer, "site"));
    line("behavior", text(answer, "behavior"));
    line("origin", text(answer, "origin"));
    line("key", text(answer, "key"));
    if let Some(taken) = answer.get("invalidation").filter(|taken| taken.is_object()) {
        line("named by", format!("{} ({})", text(taken, "sentence"), text(taken, "created")));
    }
    for note in list(answer.get("notes")).iter().filter_map(Value::as_str) {
        line("note", plain(note));
    }
    let variants = list(answer.get("variants"));
    match variants {
        [] => line("stored", "nothing".to_owned()),
        variants => lines.push(format!("\n{}", held(variants))),
    }
    lines.join("\n")
}

/// What is stored under the key; the one that the request would find is marked.
fn held(variants: &[Value]) -> Table {
    let head = ["", "STATUS", "STANDING", "FRESHNESS", "VARY", "BYTES", "CODINGS", "TAGS"];
    let mut table = Table::new(&head);
    for variant in variants {
        let is_selected = variant.get("selected").and_then(Value::as_bool).unwrap_or_default();
        let bytes = variant.get("bytes").and_then(Value::as_u64);
        let status = variant.get("status").and_then(Value::as_u64).unwrap_or_default();
        table.add(vec![
            if is_selected { "*" } else { "" }.to_owned(),
            status.to_string(),
            text(variant, "standing"),
            text(variant, "freshness"),
            texts(variant, "vary"),
            bytes.map_or_else(|| "coming in".to_owned(), size),
            texts(variant, "codings"),
            texts(variant, "tags"),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_sees_what_would_happen_first() {
        let answer = json!({
            "url": "https://www.example.com/a", "method": "GET", "site": "www", "behavior": "*",
            "origin": "app", "key": "00ff",
            "next": {
                "cache": "miss", "forward": "vary-miss", "status": null,
                "reason": "the origin is asked: something is stored, but for another",
            },
            "variants": [{
                "selected": false, "standing": "live", "status": 200, "vary": ["accept"],
                "bytes": 2048, "codings": ["br"], "tags": [],
                "freshness": "stored 12 s ago with max-age=60 by the origin: fresh for another 48 s",
            }],
            "invalidation": {
                "id": "I1", "created": "2023-11-14T22:13:20.000Z",
                "sentence": "the invalidation I1 of /* by \u{1b}[1mdeploy",
            },
            "notes": ["the origin's tags are not known"],
        });
        let expected = "\
GET https://www.example.com/a
  next      miss (vary-miss): the origin is asked: something is stored, but for another
  site      www
  behavior  *
  origin    app
  key       00ff
  named by  the invalidation I1 of /* by [1mdeploy (2023-11-14T22:13:20.000Z)
  note      the origin's tags are not known

   STATUS  STANDING  FRESHNESS                                                              VARY    BYTES    CODINGS  TAGS
   200     live      stored 12 s ago with max-age=60 by the origin: fresh for another 48 s  accept  2.0 KiB  br       -
";
        let lines = |text: &str| -> Vec<String> {
            let squeezed = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
            squeezed.collect()
        };
        assert_eq!(lines(&told(&answer)), lines(expected));
    }
}
