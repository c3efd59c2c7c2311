//! What the binary can be asked to do.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use warmfront_config::{Config, Problem, Problems, Whereabouts};
use warmfront_control::{
    Audience, Console, Entrance, Exit, Inspect, Invalidate, Invalidations, Keys, Status,
};

pub(crate) mod check;
mod data_plane;
pub(crate) mod demo;
pub(crate) mod import;
mod logging;
mod node;
pub(crate) mod run;

/// Where the file is looked for, in this order.
const DEFAULT_FILES: [&str; 2] = ["warmfront.toml", "/etc/warmfront/warmfront.toml"];

/// `warmfront invalidate`.
pub(crate) fn invalidate(order: &Invalidate, config: Option<PathBuf>) -> ExitCode {
    ask_node(config, async |node, console| {
        warmfront_control::invalidate(order, node, console).await
    })
}

/// `warmfront invalidations`.
pub(crate) fn invalidations(order: &Invalidations, config: Option<PathBuf>) -> ExitCode {
    ask_node(config, async |node, console| {
        warmfront_control::invalidations(order, node, console).await
    })
}

/// `warmfront inspect`.
pub(crate) fn inspect(order: &Inspect, config: Option<PathBuf>) -> ExitCode {
    ask_node(config, async |node, console| warmfront_control::inspect(order, node, console).await)
}

/// `warmfront keys`.
pub(crate) fn keys(order: &Keys, config: Option<PathBuf>) -> ExitCode {
    ask_node(config, async |node, console| warmfront_control::keys(order, node, console).await)
}

/// `warmfront status`.
pub(crate) fn status(order: &Status, config: Option<PathBuf>) -> ExitCode {
    ask_node(config, async |node, console| {
        warmfront_control::status(order, node, warmfront_proxy::now(), console).await
    })
}

/// Asks the node that runs with this configuration, with the key from the environment if it is there.
fn ask_node(
    config: Option<PathBuf>,
    ask: impl AsyncFnOnce(Entrance<'_>, &mut Console<'_>) -> io::Result<Exit>,
) -> ExitCode {
    let node = match node_meant(config) {
        Ok(node) => node,
        Err(problems) => return fail(&problems),
    };
    let key = std::env::var_os("WARMFRONT_KEY").map(|key| key.to_string_lossy().into_owned());
    let entrance = Entrance { config: &node, key: key.as_deref() };
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let audience = if err.is_terminal() { Audience::Person } else { Audience::Script };
    let mut console = Console { out: &mut out, err: &mut err, audience };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.and_then(|runtime| runtime.block_on(ask(entrance, &mut console)));
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

/// Whom a command asks: the node whose file was named, else the one that `WARMFRONT_ADMIN` names,
/// else the one of a default file. Fails with a sentence for each problem.
fn node_meant(named: Option<PathBuf>) -> Result<Whereabouts, Vec<String>> {
    if named.is_none()
        && let Some(url) = std::env::var_os("WARMFRONT_ADMIN")
    {
        let elsewhere = warmfront_control::elsewhere(&url.to_string_lossy());
        return elsewhere.map_err(|error| vec![error.to_string()]);
    }
    read(&file(named), |path| Whereabouts::load(path, &environment))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    read(path, |path| warmfront_config::load(path, &environment))
}

/// Reads a file, or says where there could have been one.
fn read<T>(
    path: &Path,
    load: impl FnOnce(&Path) -> Result<T, Problems>,
) -> Result<T, Vec<Problem>> {
    let [here, elsewhere] = DEFAULT_FILES;
    if path == Path::new(here) && !path.exists() {
        let message = format!("not found, and neither is {elsewhere}: name a file with --config");
        let (key, suggestion) = (String::new(), None);
        return Err(vec![Problem { file: path.to_owned(), line: 0, key, message, suggestion }]);
    }
    load(path).map_err(|problems| problems.into_iter().collect())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The file that was named, or the first default that is there.
fn file(named: Option<PathBuf>) -> PathBuf {
    named.unwrap_or_else(|| {
        let mut defaults = DEFAULT_FILES.iter().map(PathBuf::from);
        defaults.find(|path| path.exists()).unwrap_or_else(|| PathBuf::from(DEFAULT_FILES[0]))
    })
}
