//! The hosts file, read anew for each look-up as getaddrinfo(3) does.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;

/// What the file says of the name; nothing if it does not know it.
pub(super) async fn addresses(file: &Path, host: &str) -> Vec<IpAddr> {
    match tokio::fs::read(file).await {
        Ok(text) => parse(&String::from_utf8_lossy(&text), host),
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            tracing::debug!(file = %file.display(), %error, "the hosts file is not readable");
            Vec::new()
        }
    }
}

fn parse(text: &str, host: &str) -> Vec<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut addresses = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or(line);
        let mut words = line.split_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        if let Some(address) = address
            && words.any(|name| name.eq_ignore_ascii_case(host))
        {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::parse;

    const FILE: &str = "\
# comment
127.0.0.1 localhost
::1\tlocalhost ip6-localhost
10.0.0.7 app App2.example  # old: app3
fe80::1%lo0 scoped
nonsense app
10.0.0.8 app
10.0.0.9";

    #[test]
    fn a_name_has_every_address_of_its_lines() {
        for (host, expected) in [
            ("localhost", vec!["127.0.0.1", "::1"]),
            ("app", vec!["10.0.0.7", "10.0.0.8"]),
            ("app2.EXAMPLE", vec!["10.0.0.7"]),
            ("app2.example.", vec!["10.0.0.7"]),
            ("app3", vec![]),
            ("scoped", vec![]),
            ("10.0.0.9", vec![]),
            ("", vec![]),
        ] {
            let expected: Vec<IpAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(parse(FILE, host), expected, "{host}");
        }
    }
}
