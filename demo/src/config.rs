//! The configuration file that warmfront runs the demo from.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::ports::Listeners;
use crate::{BUCKET, BUCKET_SECRET, DISTRIBUTION, DemoError, REGION, authority};

/// What the file ties together.
pub(crate) struct Parts<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) listeners: &'a Listeners,
    pub(crate) bucket: SocketAddr,
    pub(crate) key_id: &'a str,
    pub(crate) apps: [SocketAddr; 2],
}

/// Fails for a directory whose name a configuration file cannot hold: `${` in a string would be
/// read as a variable of the environment.
pub(crate) fn text(parts: &Parts<'_>) -> Result<String, DemoError> {
    let path = |name: &str| {
        let path = parts.dir.join(name);
        match path.to_str() {
            Some(path) if !path.contains("${") => Ok(quoted(path)),
            _ => Err(DemoError::DirectoryName(parts.dir.to_path_buf())),
        }
    };
    Ok(format!(
        r#"# Written by `warmfront demo` at every start.

[listen]
http = {http}
https = {https}
admin = "{admin}"
state = {state}

[[tls.certificates]]
chain = {chain}
key = {key}

[origins.app.s3]
bucket = "{BUCKET}"
region = "{REGION}"
endpoint = "http://{bucket}"
path_style = true
credentials = {{ access_key_id = {key_id}, secret_access_key_file = {secret} }}

[origins.api]
targets = {targets}
health_check = {{ path = "/health", interval = "5s" }}

[sites.www]
id = "{DISTRIBUTION}"
hosts = ["localhost", "*.localhost", "127.0.0.1"]
origin = "app"
spa = "/index.html"

[[sites.www.behaviors]]
path = "/api/*"
origin = "api"

[log]
access = "stdout"
"#,
        http = list(&parts.listeners.http),
        https = list(&parts.listeners.https),
        admin = parts.listeners.admin,
        state = path("state")?,
        chain = path(authority::LEAF_FILE)?,
        key = path(authority::LEAF_KEY_FILE)?,
        bucket = parts.bucket,
        key_id = quoted(parts.key_id),
        secret = path(BUCKET_SECRET)?,
        targets = list(&parts.apps),
    ))
}

fn list(addresses: &[SocketAddr]) -> String {
    let quoted: Vec<_> = addresses.iter().map(|it| format!("\"{it}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_quoted_as_toml_does() {
        let table = [
            ("/home/x/demo", r#""/home/x/demo""#),
            ("a \"b\" \\ c", r#""a \"b\" \\ c""#),
            ("line\nend", r#""line\u000Aend""#),
            ("größe", "\"größe\""),
        ];
        for (text, expected) in table {
            assert_eq!(quoted(text), expected);
        }
    }
}
