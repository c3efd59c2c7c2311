//! `warmfront invalidations`.

use std::io;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::console::{Console, Format};
use super::shown::{count, list, number, plain, size, text, texts};
use super::table::Table;
use super::{Entrance, Exit};
use crate::client::{Client, ClientError};

/// Tell which invalidations there were, newest first, or what became of one.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Invalidations {
    /// Only those of this site
    #[arg(long, conflicts_with = "id")]
    pub site: Option<String>,
    /// How many at most, from 1 to 1000
    #[arg(long, value_name = "COUNT", conflicts_with = "id", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// Only older ones than this
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    pub after: Option<String>,
    /// Print the node's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// One invalidation
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// Asks a running node, and prints what it answers. Fails only if it cannot print.
pub async fn invalidations(
    order: &Invalidations,
    entrance: Entrance<'_>,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    let format = Format::of(order.json);
    match ask(order, entrance).await {
        Ok(answer) if order.id.is_some() => console.answer(format, &answer, one),
        Ok(answer) => console.answer(format, &answer, all),
        Err(error) => console.refuse(format, error),
    }
}

async fn ask(order: &Invalidations, entrance: Entrance<'_>) -> Result<Value, ClientError> {
    let client = Client::from_config(entrance.config, entrance.key)?;
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let path = if let Some(id) = &order.id {
        format!("/invalidations/{}", escaped(id))
    } else {
        let filters = [("site", &order.site), ("after", &order.after)];
        let filters = filters.iter().filter_map(|(name, value)| {
            value.as_ref().map(|value| format!("&{name}={}", escaped(value)))
        });
        format!("/invalidations?limit={}{}", order.limit, filters.collect::<String>())
    };
    client.look(&path).await.map(Value::Object)
}

fn all(answer: &Value) -> String {
    let jobs = list(answer.get("invalidations"));
    if jobs.is_empty() {
        return "there are none".to_owned();
    }
    let mut table = Table::new(&["ID", "CREATED", "SITE", "WHAT", "TOOK", "STATUS", "REFERENCE"]);
    for job in jobs {
        table.add(vec![
            text(job, "id"),
            text(job, "created"),
            text(job, "site"),
            what(job),
            number(job, "matched").to_string(),
            status(job),
            text(job, "reference"),
        ]);
    }
    match answer.get("next").and_then(Value::as_str) {
        Some(next) => format!("{table}\nthere are older ones: --after {}", plain(next)),
        None => table.to_string(),
    }
}

fn one(job: &Value) -> String {
    let mut lines = vec![
        format!("{} of {}, {}", text(job, "id"), text(job, "site"), status(job)),
        format!("  created    {}", text(job, "created")),
        format!("  paths      {}", texts(job, "paths")),
        format!("  tags       {}", texts(job, "tags")),
        format!("  kind       {}", if is_soft(job) { "soft: marks stale" } else { "hard" }),
        format!(
            "  took       {}, {}",
            count(number(job, "matched"), "stored response"),
            size(number(job, "bytes"))
        ),
        format!("  reference  {}", text(job, "reference")),
    ];
    if let Some(prefetch) = job.get("prefetch").filter(|prefetch| prefetch.is_object()) {
        let (fetched, failed) = (number(prefetch, "fetched"), number(prefetch, "failed"));
        let total = prefetch.get("total").and_then(Value::as_u64);
        let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
        let state = text(prefetch, "state");
        lines.push(format!("  prefetch   {state}: {fetched} fetched, {failed} failed{of}"));
        if let Some(detail) = prefetch.get("detail").and_then(Value::as_str) {
            lines.push(format!("             {}", plain(detail)));
        }
    }
    lines.join("\n")
}

/// The first of what it names, and how many more.
fn what(job: &Value) -> String {
    let of = |field: &str| list(job.get(field)).iter().filter_map(Value::as_str).map(plain);
    let mut named = of("paths").chain(of("tags").map(|tag| format!("#{tag}")));
    let first = named.next().unwrap_or_else(|| "-".to_owned());
    let soft = if is_soft(job) { " (soft)" } else { "" };
    match named.count() {
        0 => format!("{first}{soft}"),
        more => format!("{first} +{more}{soft}"),
    }
}

fn status(job: &Value) -> String {
    let progress = job.get("prefetch").filter(|prefetch| {
        prefetch.get("state").and_then(Value::as_str).is_some_and(|state| state == "running")
    });
    let Some(progress) = progress else { return text(job, "status") };
    let done = number(progress, "fetched").saturating_add(number(progress, "failed"));
    match progress.get("total").and_then(Value::as_u64) {
        Some(total) => format!("{} ({done} of {total} prefetched)", text(job, "status")),
        None => format!("{} (prefetching)", text(job, "status")),
    }
}

fn is_soft(job: &Value) -> bool {
    job.get("soft").and_then(Value::as_bool).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn jobs() -> Value {
        json!({ "invalidations": [
            {
                "id": "I2", "status": "in-progress", "matched": 3, "bytes": 2048, "site": "www",
                "created": "2023-11-14T22:13:20.000Z", "paths": ["/a", "/b"], "tags": ["news"],
                "soft": true, "reference": null,
                "prefetch": {
                    "state": "running", "fetched": 1, "failed": 0, "total": 4, "detail": "/x\u{1b}",
                },
            },
            {
                "id": "I1", "status": "completed", "matched": 1, "bytes": 1, "site": "www",
                "created": "2023-11-14T22:13:19.000Z", "paths": ["/*"], "tags": [], "soft": false,
                "reference": "build-41", "prefetch": null,
            },
        ], "next": "I1" })
    }

    #[test]
    fn jobs_are_a_table() {
        let expected = "\
ID  CREATED                   SITE  WHAT          TOOK  STATUS                          REFERENCE
I2  2023-11-14T22:13:20.000Z  www   /a +2 (soft)  3     in-progress (1 of 4 prefetched)  -
I1  2023-11-14T22:13:19.000Z  www   /*            1     completed                        build-41

there are older ones: --after I1";
        let squeezed = |text: &str| {
            text.lines()
                .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
        };
        assert_eq!(squeezed(&all(&jobs())), squeezed(expected));
        assert_eq!(all(&json!({ "invalidations": [] })), "there are none");
    }

    #[test]
    fn one_job_is_told_whole() {
        let expected = "\
I2 of www, in-progress (1 of 4 prefetched)
  created    2023-11-14T22:13:20.000Z
  paths      /a, /b
  tags       news
  kind       soft: marks stale
  took       3 stored responses, 2.0 KiB
  reference  -
  prefetch   running: 1 fetched, 0 failed of 4
             /x";
        assert_eq!(one(&jobs()["invalidations"][0]), expected);
    }
}
