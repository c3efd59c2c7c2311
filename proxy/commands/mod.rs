//! What the binary can be asked to do.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use warmfront_config::{Config, Problem};
use warmfront_control::{Exit, Invalidate, Status};

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod import;
mod logging;
mod node;
pub(crate) mod run;
mod state;

/// Where the file is looked for, in this order.
const DEFAULT_FILES: [&str; 2] = ["warmfront.toml", "/etc/warmfront/warmfront.toml"];

/// `warmfront invalidate`.
pub(crate) fn invalidate(order: &Invalidate, config: Option<PathBuf>) -> ExitCode {
    ask_node(config, async |config, key| {
        let (mut out, mut err) = (io::stdout(), io::stderr());
        warmfront_control::invalidate(order, config, key, &mut out, &mut err).await
    })
}

/// `warmfront status`.
pub(crate) fn status(order: &Status, config: Option<PathBuf>) -> ExitCode {
    ask_node(config, async |config, key| {
        let (mut out, mut err) = (io::stdout(), io::stderr());
        let now = warmfront_proxy::now();
        warmfront_control::status(order, config, key, now, &mut out, &mut err).await
    })
}

/// Asks the node that runs with this configuration, with the key from the environment if it is there.
fn ask_node(
    config: Option<PathBuf>,
    ask: impl AsyncFnOnce(&Config, Option<&str>) -> io::Result<Exit>,
) -> ExitCode {
    let config = match load(&running_node(config)) {
        Ok(config) => config,
        Err(problems) => return fail(&problems),
    };
    let key = std::env::var("WARMFRONT_KEY").ok().filter(|key| !key.is_empty());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.and_then(|runtime| runtime.block_on(ask(&config, key.as_deref())));
    done.map_or_else(|error| fail(&[error]), Into::into)
}

/// Prints each on a line of its own and fails.
pub(crate) fn fail(problems: &[impl Display]) -> ExitCode {
    let mut err = io::stderr().lock();
    for problem in problems {
        // With nobody to read standard error, the exit code still says it.
        let _ = writeln!(err, "warmfront: {problem}");
    }
    ExitCode::FAILURE
}

/// Says what is no problem, each on a line of its own, beside what was asked for.
fn note(notes: &[String]) {
    let mut err = io::stderr().lock();
    for note in notes {
        let _ = writeln!(err, "note: {note}");
    }
}

/// Prints lines for a person.
fn say(lines: &str) {
    // A closed pipe is the reader's choice.
    let _ = writeln!(io::stdout().lock(), "{lines}");
}

fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    let environment = |name: &str| std::env::var(name).ok();
    let [here, elsewhere] = DEFAULT_FILES;
    if path == Path::new(here) && !path.exists() {
        let message = format!("not found, and neither is {elsewhere}: name a file with --config");
        let (key, suggestion) = (String::new(), None);
        return Err(vec![Problem { file: path.to_owned(), line: 0, key, message, suggestion }]);
    }
    warmfront_config::load(path, &environment).map_err(|problems| problems.into_iter().collect())
}

/// The file that was named, or the first default that is there.
fn file(named: Option<PathBuf>) -> PathBuf {
    named.unwrap_or_else(|| {
        let mut defaults = DEFAULT_FILES.iter().map(PathBuf::from);
        defaults.find(|path| path.exists()).unwrap_or_else(|| PathBuf::from(DEFAULT_FILES[0]))
    })
}

/// For commands that talk to a node: with no file at the defaults, a demo's is meant.
fn running_node(named: Option<PathBuf>) -> PathBuf {
    let path = file(named);
    let demo = demo::default_dir().join("warmfront.toml");
    if !path.exists() && path == Path::new(DEFAULT_FILES[0]) && demo.exists() {
        return demo;
    }
    path
}
