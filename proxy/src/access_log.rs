//! Writing requests down, on a thread of its own: a slow disk must not slow a request.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;

use warmfront_config::{AccessLog as Destination, Log, LogFormat};

/// Lines that wait to be written. Beyond it lines are dropped and counted.
const LINES_WAITING_MAX: usize = 16 * 1024;

/// Where lines go.
#[derive(Debug)]
pub struct AccessLog {
    lines: Option<SyncSender<String>>,
    format: LogFormat,
}

/// The access log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("log.access: cannot open {}: {source}", path.display())]
pub struct AccessLogError {
    path: PathBuf,
    source: io::Error,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Queued,
    Dropped,
}

// === impl AccessLog ===

impl AccessLog {
    /// Opens the destination and starts its writer.
    pub fn open(log: &Log) -> Result<Self, AccessLogError> {
        let lines = match &log.access {
            Destination::Off => None,
            Destination::Stdout => Some(start(io::stdout())),
            Destination::File(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                let file: File = file.map_err(|source| AccessLogError {
                    path: path.clone(),
                    source,
                })?;
                Some(start(file))
            }
        };
        Ok(Self {
            lines,
            format: log.format,
        })
    }

    /// How a line is formed, or nothing if nobody reads it.
    pub(crate) fn format(&self) -> Option<LogFormat> {
        self.lines.is_some().then_some(self.format)
    }

    pub(crate) fn write(&self, line: String) -> Written {
        match self.lines.as_ref().map(|lines| lines.try_send(line)) {
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) => Written::Dropped,
            _ => Written::Queued,
        }
    }
}

fn start(to: impl Write + Send + 'static) -> SyncSender<String> {
    let (sender, lines) = mpsc::sync_channel(LINES_WAITING_MAX);
    let writer = thread::Builder::new().name("access-log".into());
    // Without a thread there is no log; the sender then drops every line, and each is counted.
    let _ = writer.spawn(move || write_all(BufWriter::with_capacity(64 * 1024, to), &lines));
    sender
}

fn write_all(mut to: BufWriter<impl Write>, lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        let mut next = Some(line);
        while let Some(line) = next {
            // A full disk must not stop the node; the lines that do not fit are lost.
            let _ = to
                .write_all(line.as_bytes())
                .and_then(|()| to.write_all(b"\n"));
            next = lines.try_recv().ok();
        }
        let _ = to.flush();
    }
}
