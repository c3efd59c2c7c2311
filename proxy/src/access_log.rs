//! Writing requests down, on a thread of its own: a slow disk must not slow a request.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use warmfront_config::{AccessLog as Destination, Log, LogFormat};

/// Bytes that wait to be written. Beyond it lines are dropped and counted.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Lines are gathered this long and written together: waking the writer for each would cost a
/// request more than forming its line does.
const GATHER: Duration = Duration::from_millis(20);

/// A pipe that nobody reads must not keep the node from ending.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where lines go.
#[derive(Debug)]
pub struct AccessLog {
    queue: Option<Arc<Queue>>,
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

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    closed: bool,
    /// The last line is written.
    written: bool,
}

// === impl AccessLog ===

impl AccessLog {
    /// Opens the destination and starts its writer.
    pub fn open(log: &Log) -> Result<Self, AccessLogError> {
        let to: Option<Box<dyn Write + Send>> = match &log.access {
            Destination::Off => None,
            Destination::Stdout => Some(Box::new(io::stdout())),
            Destination::File(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                let file: File =
                    file.map_err(|source| AccessLogError { path: path.clone(), source })?;
                Some(Box::new(file))
            }
        };
        let Some(to) = to else {
            return Ok(Self { queue: None, format: log.format });
        };
        let queue = Arc::new(Queue::default());
        let writer = thread::Builder::new().name("access-log".into());
        let shared = queue.clone();
        // Without a thread nothing is written: the queue fills, and each line is counted as dropped.
        let _ = writer.spawn(move || shared.write_all(to));
        Ok(Self { queue: Some(queue), format: log.format })
    }

    /// How a line is formed, or nothing if nobody reads it.
    pub(crate) fn format(&self) -> Option<LogFormat> {
        self.queue.is_some().then_some(self.format)
    }

    /// Queues a line, its end included.
    pub(crate) fn write(&self, line: &[u8]) -> Written {
        let Some(queue) = &self.queue else {
            return Written::Queued;
        };
        let mut state = queue.state.lock();
        if state.lines.len() + line.len() > WAITING_BYTES_MAX {
            return Written::Dropped;
        }
        let first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if first {
            queue.changed.notify_all();
        }
        Written::Queued
    }

    /// Writes what waits, and ends. Blocks until it is written, or until it is clear that nobody
    /// reads it.
    pub(crate) fn close(&self) {
        let Some(queue) = &self.queue else { return };
        let mut state = queue.state.lock();
        state.closed = true;
        queue.changed.notify_all();
        queue.changed.wait_while_for(&mut state, |state| !state.written, CLOSE_TIMEOUT);
    }
}

// === impl Queue ===

impl Queue {
    fn write_all(&self, mut to: impl Write) {
        let mut lines = Vec::new();
        let mut closed = false;
        while !closed {
            let mut state = self.state.lock();
            self.changed.wait_while(&mut state, |state| state.lines.is_empty() && !state.closed);
            // Ends early only when the log is closed.
            self.changed.wait_while_for(&mut state, |state| !state.closed, GATHER);
            closed = state.closed;
            std::mem::swap(&mut lines, &mut state.lines);
            drop(state);
            // A full disk must not stop the node; the lines that do not fit are lost.
            let _ = to.write_all(&lines).and_then(|()| to.flush());
            lines.clear();
        }
        self.state.lock().written = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warmfront_config::Level;

    #[test]
    fn every_line_is_written_by_the_time_the_log_is_closed() {
        let path = std::env::temp_dir().join(format!("warmfront-log-{}", rand::random::<u64>()));
        let access = Destination::File(path.clone());
        let log = Log { level: Level::Info, access, format: LogFormat::Json };
        let log = AccessLog::open(&log).unwrap();
        for n in 0..1000 {
            assert_eq!(log.write(format!("{n}\n").as_bytes()), Written::Queued);
        }
        log.close();
        let written = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(written.lines().eq((0..1000).map(|n| n.to_string())), "{written}");
    }
}
