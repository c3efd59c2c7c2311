//! Programs of the machine that a test runs to their end.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program with nothing to read.
pub(crate) async fn output(command: &mut Command) -> Ended {
    told(command, "").await
}

/// Runs a program that reads `input`.
pub(crate) async fn told(command: &mut Command, input: &str) -> Ended {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}: run `make parts`"));
    let mut stdin = child.stdin.take().expect("it is piped");
    // A program that reads nothing may be gone already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A program of the machine.
pub(crate) fn program(name: &str) -> Command {
    Command::new(name)
}

/// The program under test.
pub(crate) fn warmfront() -> Command {
    Command::new(WARMFRONT)
}

/// A part that `make parts` installs.
pub(crate) fn part(path: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(path.exists(), "{} is missing: run `make parts`", path.display());
    path
}

pub(crate) const WARMFRONT: &str = env!("CARGO_BIN_EXE_warmfront");
