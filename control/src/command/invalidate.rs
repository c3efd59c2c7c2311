//! `warmfront invalidate`.

use std::io::{self, Write};

use warmfront_config::Config;

use super::{Exit, problem};
use crate::client::{Client, ClientError, Kind, Outcome};

/// Take stored responses out of service: no request is served one of them again.
#[derive(Debug, Clone, clap::Args)]
pub struct Invalidate {
    /// The site; may be left out if the node has only one
    #[arg(long)]
    pub site: Option<String>,
    /// Only tell what would be taken
    #[arg(long)]
    pub dry_run: bool,
    /// A name for this invalidation: the same one again is not done twice
    #[arg(long)]
    pub reference: Option<String>,
    /// Print the node's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// Paths such as /index.html or "/assets/*"; `*` is any run of characters
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,
}

/// Asks the node that runs with this configuration, and prints what became of it: to `out` what was
/// asked for, to `err` why not. `key` is `WARMFRONT_KEY`. Fails only if it cannot print.
pub async fn invalidate(
    order: &Invalidate,
    config: &Config,
    key: Option<&str>,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> io::Result<Exit> {
    match ask(order, config, key).await {
        Ok(outcome) if order.json => writeln!(out, "{}", outcome.json).map(|()| Exit::Done),
        Ok(outcome) => writeln!(out, "{}", sentence(&outcome)).map(|()| Exit::Done),
        Err(error) if order.json => writeln!(out, "{}", problem(error)).map(|()| Exit::Failed),
        Err(error) => writeln!(err, "warmfront: {error}").map(|()| Exit::Failed),
    }
}

async fn ask(
    order: &Invalidate,
    config: &Config,
    key: Option<&str>,
) -> Result<Outcome, ClientError> {
    let client = Client::from_config(config, key)?;
    let (site, reference) = (order.site.as_deref(), order.reference.as_deref());
    client.invalidate(site, &order.paths, order.dry_run, reference).await
}

fn sentence(outcome: &Outcome) -> String {
    let plural = if outcome.matched == 1 { "" } else { "s" };
    let taken = format!(
        "{} stored response{plural} ({}) of {}",
        outcome.matched,
        size(outcome.bytes),
        outcome.site
    );
    match &outcome.kind {
        Kind::Done(id) => format!("invalidated {taken}: {id}"),
        Kind::Repeated(id) => format!("already done, by the same reference, took {taken}: {id}"),
        Kind::DryRun => format!("would invalidate {taken}"),
    }
}

/// Rounded down to what a person can use: `340 KiB`, `1.5 GiB`.
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let steps = units.iter().zip(1_u32..).take_while(|(_, step)| bytes >> (10 * step) > 0);
    let Some((unit, step)) = steps.last() else {
        return format!("{bytes} B");
    };
    let whole = bytes >> (10 * step);
    let tenth = (bytes >> (10 * (step - 1))) % 1_024 * 10 / 1_024;
    match whole {
        0..10 => format!("{whole}.{tenth} {unit}"),
        _ => format!("{whole} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (348_160, "340 KiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "15 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
