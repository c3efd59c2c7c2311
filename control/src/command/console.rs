//! Where a command prints, and for whom.

use std::fmt::Display;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::Exit;
use super::shown::plain;
use crate::client::ClientError;

/// Where a command prints.
pub struct Console<'c> {
    /// What was asked for.
    pub out: &'c mut (dyn Write + Send),
    /// Why not, and how far it is.
    pub err: &'c mut (dyn Write + Send),
    /// Who reads `err`.
    pub audience: Audience,
}

/// Who reads what is beside the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Somebody before a terminal.
    Person,
    /// A file or a program: progress and advice would be in its way.
    Script,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    /// What the node answered, on one line.
    Json,
}

/// Back to the beginning of the line, and the rest of it blank.
const ANEW: &str = "\r\u{1b}[K";

// === impl Console ===

impl Console<'_> {
    /// Lines that were asked for.
    pub(super) fn say(&mut self, lines: &str) -> io::Result<()> {
        writeln!(self.out, "{}", lines.trim_end())?;
        self.out.flush()
    }

    /// The node's answer: as it is, or as `told` puts it.
    pub(super) fn answer<T: Display>(
        &mut self,
        format: Format,
        answer: &Value,
        told: impl FnOnce(&Value) -> T,
    ) -> io::Result<Exit> {
        match format {
            Format::Json => self.say(&answer.to_string())?,
            Format::Text => self.say(&told(answer).to_string())?,
        }
        Ok(Exit::Done)
    }

    /// Why there is no answer: the node's problem as it is, and what never reached the node in the
    /// same shape; or a sentence.
    pub(super) fn refuse(&mut self, format: Format, error: ClientError) -> io::Result<Exit> {
        match (format, error) {
            (Format::Json, ClientError::Refused { problem, .. }) => {
                self.say(&problem.to_string())?;
            }
            (Format::Json, error) => {
                let problem = json!({ "type": "about:blank", "detail": error.to_string() });
                self.say(&problem.to_string())?;
            }
            (Format::Text, error) => {
                writeln!(self.err, "warmfront: {}", plain(&error.to_string()))?;
            }
        }
        Ok(Exit::Failed)
    }

    /// How far it is, in place of how far it was.
    pub(super) fn progress(&mut self, text: &str) {
        self.beside(&format!("{ANEW}{text}"));
    }

    /// Takes the last progress off the terminal.
    pub(super) fn progressed(&mut self) {
        self.beside(ANEW);
    }

    /// Lines of advice.
    pub(super) fn advise(&mut self, lines: &str) {
        self.beside(lines);
    }

    fn beside(&mut self, text: &str) {
        if self.audience == Audience::Person {
            // A terminal that is gone is no reason to fail.
            let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
        }
    }
}

// === impl Format ===

impl Format {
    /// By `--json`.
    pub(super) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}
