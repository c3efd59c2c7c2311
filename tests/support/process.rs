//! A program that runs: what it says is kept, and shown if its test fails.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

/// A running program. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
    readers: Vec<JoinHandle<()>>,
}

/// The lines of one of a program's streams, as they come.
#[derive(Debug)]
pub(crate) struct Lines(watch::Receiver<Vec<String>>);

/// What a program can be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Terminate,
    Kill,
    Stop,
    Continue,
}

// === impl Process ===

impl Process {
    /// Standard input stays open for as long as the program may run.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, out) = read(child.stdout.take().expect("it is piped"));
        let (stderr, err) = read(child.stderr.take().expect("it is piped"));
        Self { child, stdout, stderr, readers: vec![out, err] }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as systemd does.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::Terminate);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let kill = format!("kill -{} {}", signal.name(), self.id());
        let status = Command::new("bash").args(["-c", &kill]).status();
        assert!(status.unwrap().success(), "{kill}");
    }

    /// Waits until [`Signal::Stop`] has stopped it.
    pub(crate) async fn stopped(&self) {
        let place = format!("/proc/{}/stat", self.id());
        while !std::fs::read_to_string(&place).unwrap().contains(") T ") {
            tokio::time::sleep(POLL).await;
        }
    }

    /// How it ended; all that it said is in when this returns.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            tokio::time::sleep(POLL).await;
        };
        self.join();
        status
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn join(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join();
        if thread::panicking() {
            let (out, err) = (self.stdout.text(), self.stderr.text());
            let told = format!("--- standard output\n{out}--- standard error\n{err}---\n");
            let _ = std::io::stderr().lock().write_all(told.as_bytes());
        }
    }
}

// === impl Signal ===

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

// === impl Lines ===

impl Lines {
    /// The first line that is `wanted`, from the beginning or still to come.
    pub(crate) async fn find(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut lines = self.0.clone();
        let found = lines.wait_for(|lines| lines.iter().any(|line| wanted(line)));
        let lines = found.await.expect("the program ended without such a line");
        let line = lines.iter().find(|line| wanted(line));
        line.expect("it was waited for").clone()
    }

    /// All of it so far.
    pub(crate) fn text(&self) -> String {
        let line_end = |line: &String| format!("{line}\n");
        self.0.borrow().iter().map(line_end).collect()
    }
}

fn read(stream: impl Read + Send + 'static) -> (Lines, JoinHandle<()>) {
    let (lines, seen) = watch::channel(Vec::new());
    let reader = thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            lines.send_modify(|lines| lines.push(line));
        }
    });
    (Lines(seen), reader)
}

/// How often the end of a process is looked for; the standard library does not tell.
pub(crate) const POLL: Duration = Duration::from_millis(10);
