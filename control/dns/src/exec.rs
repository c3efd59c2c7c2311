//! A program of the user's that publishes: `PROGRAM present|cleanup FQDN VALUE`.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;
use warmfront_semantics::tame::tame;

/// The most that a run may take.
const RUN_TIMEOUT: Duration = Duration::from_mins(1);
/// What a program left running may hold its error output open for.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(200);
/// The most of its error output that is kept: the end.
const WORDS_BYTES_MAX: usize = 400;
/// Opens the node's API, and is none of the program's business.
const WITHHELD: &str = "WARMFRONT_KEY";

/// Run without a shell, for one value at a time.
///
/// A program that takes too long is killed; what it started is not, and is not waited for.
#[derive(Debug)]
pub(crate) struct Hook {
    program: PathBuf,
    limit: Duration,
}

/// A run that failed.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It did not begin, or nobody knows how it ended.
    #[error("running {} {verb}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// `present` or `cleanup`.
        verb: &'static str,
        /// What was wrong.
        #[source]
        source: io::Error,
    },
    /// It was killed.
    #[error("{} {verb} did not end within {} s and was killed{words}", program.display(), limit.as_secs())]
    Late {
        /// The program.
        program: PathBuf,
        /// `present` or `cleanup`.
        verb: &'static str,
        /// What it had.
        limit: Duration,
        /// What it wrote to its error output at last, behind a colon; or nothing.
        words: String,
    },
    /// It says that it failed.
    #[error("{} {verb} failed ({status}){words}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// `present` or `cleanup`.
        verb: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to its error output at last, behind a colon; or nothing.
        words: String,
    },
}

// === impl Hook ===

impl Hook {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, limit: RUN_TIMEOUT }
    }

    /// `fqdn` comes without the last dot.
    pub(crate) async fn present(&self, fqdn: &str, value: &str) -> Result<(), HookError> {
        self.run("present", fqdn, value).await
    }

    /// `fqdn` comes without the last dot.
    pub(crate) async fn cleanup(&self, fqdn: &str, value: &str) -> Result<(), HookError> {
        self.run("cleanup", fqdn, value).await
    }

    async fn run(&self, verb: &'static str, fqdn: &str, value: &str) -> Result<(), HookError> {
        let program = self.program.clone();
        let failed = |source| HookError::Run { program: program.clone(), verb, source };
        let mut child = self.command(verb, fqdn, value).spawn().map_err(failed)?;
        let mut end = End::default();
        let Ok(status) = timeout(self.limit, ended(&mut child, &mut end)).await else {
            // One that has ended just now is dead already.
            let _ = child.kill().await;
            let words = end.words();
            return Err(HookError::Late { program, verb, limit: self.limit, words });
        };
        let status = status.map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        Err(HookError::Failed { program, verb, status, words: end.words() })
    }

    fn command(&self, verb: &str, fqdn: &str, value: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args([verb, fqdn, value])
            .env_remove(WITHHELD)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// Reads while it waits: a program must not hang on a full pipe.
async fn ended(child: &mut Child, end: &mut End) -> io::Result<ExitStatus> {
    let Some(mut stderr) = child.stderr.take() else {
        return child.wait().await;
    };
    let status = tokio::select! {
        status = child.wait() => Some(status),
        () = end.read(&mut stderr) => None,
    };
    match status {
        Some(status) => {
            let _ = timeout(DRAIN_TIMEOUT, end.read(&mut stderr)).await;
            status
        }
        None => child.wait().await,
    }
}

/// The end of what a program wrote.
#[derive(Debug, Default)]
struct End(Vec<u8>);

// === impl End ===

impl End {
    /// To the last byte. May be broken off and begun again.
    async fn read(&mut self, stderr: &mut ChildStderr) {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
            self.push(buffer.get(..length).unwrap_or_default());
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let excess = self.0.len().saturating_sub(WORDS_BYTES_MAX);
        self.0.drain(..excess);
    }

    /// In one line, behind a colon; nothing if there is nothing.
    fn words(&self) -> String {
        let words = tame(&String::from_utf8_lossy(&self.0), WORDS_BYTES_MAX);
        if words.is_empty() { words } else { format!(": {words}") }
    }
}

#[cfg(test)]
mod tests;
