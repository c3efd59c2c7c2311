//! A program that runs: what it says is kept, and shown if its test fails.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionread;
use tokio::sync::watch;

/// A running program. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
}

/// The lines of one of a program's streams. What was said before an answer was sent is there for
/// whoever has the answer: who looks takes it out of the pipe, if no one has yet.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pipe: Arc<Pipe>,
    state: watch::Receiver<State>,
}

#[derive(Debug)]
struct Pipe {
    file: File,
    told: Mutex<Vec<u8>>,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

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
        let stdout = Lines::of(child.stdout.take().expect("it is piped").into());
        let stderr = Lines::of(child.stderr.take().expect("it is piped").into());
        Self { child, stdout, stderr }
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

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    /// A program that nobody listens to stands still at a full pipe, so a thread listens.
    fn of(stream: OwnedFd) -> Self {
        let (sender, state) = watch::channel(State::Open);
        let pipe = Pipe { file: stream.into(), told: Mutex::default(), state: sender };
        let lines = Self { pipe: Arc::new(pipe), state };
        let pipe = lines.pipe.clone();
        thread::spawn(move || while pipe.listen() == State::Open {});
        lines
    }

    /// The first line that is `wanted`, from the beginning or still to come.
    pub(crate) async fn find(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut state = self.state.clone();
        let mut passed = 0;
        loop {
            let now = *state.borrow_and_update();
            let told = self.pipe.told()[passed..].to_vec();
            let whole = told.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            if let Some(line) = text(&told[..whole]).lines().find(|line| wanted(line)) {
                return line.to_owned();
            }
            assert_eq!(now, State::Open, "the program ended without such a line");
            passed += whole;
            state.changed().await.expect("this holds the sender, too");
        }
    }

    /// All of it so far.
    pub(crate) fn text(&self) -> String {
        text(&self.pipe.told())
    }
}

// === impl Pipe ===

impl Pipe {
    /// Waits until there is more, or the end.
    fn listen(&self) -> State {
        let mut ready = [PollFd::new(&self.file, PollFlags::IN)];
        poll(&mut ready, None).unwrap();
        drop(self.told());
        // Nobody can write any more, so that was the last of it.
        if ready[0].revents().contains(PollFlags::HUP) {
            self.state.send_replace(State::Ended);
            return State::Ended;
        }
        State::Open
    }

    /// All of it so far, what is still on its way included.
    fn told(&self) -> MutexGuard<'_, Vec<u8>> {
        let mut told = self.told.lock();
        let more = usize::try_from(ioctl_fionread(&self.file).unwrap()).unwrap();
        if more > 0 {
            let before = told.len();
            told.resize(before + more, 0);
            (&self.file).read_exact(&mut told[before..]).unwrap();
            self.state.send_replace(State::Open);
        }
        told
    }
}

fn text(told: &[u8]) -> String {
    String::from_utf8_lossy(told).into_owned()
}

/// How often the end of a process is looked for; the standard library does not tell.
pub(crate) const POLL: Duration = Duration::from_millis(10);
