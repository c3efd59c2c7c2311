//! `[log]`.

use crate::model::{AccessLog, Level, Log, LogFormat};
use crate::raw::{Section, Value};

/// `[log]`.
pub(super) fn log(section: &Section<'_>) -> Log {
    let levels = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    Log {
        level: section.or("level", Level::Info, |value| value.one_of(&levels)),
        access: section.or("access", AccessLog::Stdout, access),
        format: section.or("format", LogFormat::Json, |value| value.one_of(&formats)),
    }
}

fn access(value: &Value<'_>) -> Option<AccessLog> {
    // A misspelled word is not to become a file of that name.
    if value.text()?.contains('/') {
        return value.path().map(AccessLog::File);
    }
    value.parsed(|text| match text {
        "stdout" => Ok(AccessLog::Stdout),
        "off" => Ok(AccessLog::Off),
        text => Err(format!("is \"stdout\", \"off\" or a path with a `/` in it, not {text:?}")),
    })
}
