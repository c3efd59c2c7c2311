//! One line of the access log, formed in one buffer.

use std::fmt::Display;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use warmfront_config::LogFormat;

/// Longest text that goes into a line, in bytes: a client chooses it.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Most lines fit.
const LINE_BYTES: usize = 640;

/// `name=value` pairs for a person, or one JSON object.
///
/// Control characters are escaped in both, so that no client can end a line or forge a field.
#[derive(Debug)]
pub(super) struct Line {
    format: LogFormat,
    bytes: Vec<u8>,
}

// === impl Line ===

impl Line {
    pub(super) fn new(format: LogFormat) -> Self {
        Self { format, bytes: Vec::with_capacity(LINE_BYTES) }
    }

    pub(super) fn text(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        let value = value.get(..TEXT_BYTES_MAX).unwrap_or(value);
        let bare = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
        let bare = !value.is_empty() && value.iter().all(bare);
        match (bare, self.format) {
            (true, LogFormat::Text) => self.bytes.extend_from_slice(value),
            (true, LogFormat::Json) => {
                self.bytes.push(b'"');
                self.bytes.extend_from_slice(value);
                self.bytes.push(b'"');
            }
            (false, _) => {
                // Writing to a Vec cannot fail.
                let _ = serde_json::to_writer(&mut self.bytes, &String::from_utf8_lossy(value));
            }
        }
    }

    pub(super) fn display(&mut self, name: &str, value: &dyn Display) {
        self.text(name, value.to_string().as_bytes());
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.bytes, "{value}");
    }

    /// Milliseconds with three decimals: a hit takes far less than one.
    pub(super) fn millis(&mut self, name: &str, value: Duration) {
        self.name(name);
        let _ = write!(self.bytes, "{}.{:03}", value.as_millis(), value.subsec_micros() % 1000);
    }

    /// RFC 3339, in UTC.
    pub(super) fn time(&mut self, name: &str, at: SystemTime) {
        let at = OffsetDateTime::from(at);
        self.text(name, at.format(&Rfc3339).unwrap_or_default().as_bytes());
    }

    /// The whole line, with its end.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.format == LogFormat::Json {
            self.bytes.push(b'}');
        }
        self.bytes.push(b'\n');
        self.bytes
    }

    fn name(&mut self, name: &str) {
        let (first, between, after): (&[u8], &[u8], &[u8]) = match self.format {
            LogFormat::Json => (b"{\"", b",\"", b"\":"),
            LogFormat::Text => (b"", b" ", b"="),
        };
        self.bytes.extend_from_slice(if self.bytes.is_empty() { first } else { between });
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: LogFormat) -> String {
        let mut line = Line::new(format);
        line.text("path", b"/a?b");
        line.text("agent", b"x\"\r\n\x1b[0m \xff");
        line.number("status", 200);
        line.millis("took", Duration::from_micros(1_002_034));
        String::from_utf8(line.finish()).unwrap()
    }

    #[test]
    fn no_client_ends_a_line_or_forges_a_field() {
        let json: serde_json::Value = serde_json::from_str(&line(LogFormat::Json)).unwrap();
        assert_eq!(json["path"], "/a?b");
        assert_eq!(json["agent"], "x\"\r\n\u{1b}[0m \u{fffd}");
        assert_eq!(json["took"], 1002.034);
        assert_eq!(
            line(LogFormat::Text),
            "path=/a?b agent=\"x\\\"\\r\\n\\u001b[0m \u{fffd}\" status=200 took=1002.034\n"
        );
    }
}
