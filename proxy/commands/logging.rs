//! The node's own log, on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::UtcTime;
use warmfront_config::{Level, Log, LogFormat};

/// Starts the log. Audit lines are written whatever the level.
pub(crate) fn start(log: &Log) {
    let level = match log.level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // The libraries report every client that hangs up as an error; what matters of it is in the
    // access log. Whoever debugs wants to see it all the same.
    let quiet = match log.level {
        Level::Debug | Level::Trace => "",
        _ => {
            ",pingora_core=off,pingora_proxy=off,pingora_cache=off,h2=off,rustls=off,aws_config=error"
        }
    };
    let filter = EnvFilter::new(format!("{level},audit=info{quiet}"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_timer(UtcTime::rfc_3339());
    // A second start, in a test, keeps the first log.
    let _ = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.try_init(),
    };
}
