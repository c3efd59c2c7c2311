//! A node on another machine, by the URL of its control API: `WARMFRONT_ADMIN`.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use http::Uri;
use warmfront_config::{AdminAddr, AdminTls, Whereabouts};

use crate::cause::cause;

/// How long each of several addresses may take to be found deaf.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);

/// Why a node cannot be asked by a URL. Each is a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum ElsewhereError {
    /// It says something else, or more, than where.
    #[error("WARMFRONT_ADMIN is not `https://HOST[:PORT]`, such as https://www.example.com:9900")]
    Shape,
    /// Who listens on the way could read the key.
    #[error(
        "WARMFRONT_ADMIN: the key would cross the network in clear: give the node \
         listen.admin_tls and write https://, or forward its port to this machine (ssh -L)"
    )]
    Clear,
    /// The host has no address.
    #[error("WARMFRONT_ADMIN: cannot find {host}: {}", cause(.source))]
    Unresolved {
        /// The URL's host.
        host: String,
        /// What the system says.
        source: io::Error,
    },
}

/// Where the node with this control API is: `https://HOST[:PORT]`, or `http://` for an address of
/// this machine. Its certificate is trusted by the system's roots. Asks the system's resolver.
pub fn elsewhere(url: &str) -> Result<Whereabouts, ElsewhereError> {
    let url: Uri = url.trim().parse().map_err(|_| ElsewhereError::Shape)?;
    let is_tls = match url.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(ElsewhereError::Shape),
    };
    let authority = url.authority().filter(|authority| !authority.as_str().contains('@'));
    let authority = authority.ok_or(ElsewhereError::Shape)?;
    if url.path_and_query().is_some_and(|path| path.as_str() != "/") {
        return Err(ElsewhereError::Shape);
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_bare = authority.as_str() == authority.host();
    let usual = is_bare.then_some(if is_tls { 443 } else { 80 });
    let port = authority.port_u16().or(usual).ok_or(ElsewhereError::Shape)?;
    let unresolved = |source| ElsewhereError::Unresolved { host: host.clone(), source };
    let found: Vec<_> = (host.as_str(), port).to_socket_addrs().map_err(unresolved)?.collect();
    let answers =
        |address: &SocketAddr| TcpStream::connect_timeout(address, CONNECT_TIME_MAX).is_ok();
    // One address is asked as it is; of several, the first that somebody listens at.
    let address = match found.as_slice() {
        [several @ .., last] => several.iter().copied().find(answers).unwrap_or(*last),
        [] => return Err(unresolved(io::ErrorKind::NotFound.into())),
    };
    if !is_tls && !address.ip().to_canonical().is_loopback() {
        return Err(ElsewhereError::Clear);
    }
    let tls = is_tls.then(|| AdminTls { name: host, site: None, chains: Vec::new() });
    Ok(Whereabouts { admin: AdminAddr::Tcp(address), tls, state: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_nothing_else() {
        for (url, admin, name) in [
            ("https://127.0.0.1:9900", "127.0.0.1:9900", Some("127.0.0.1")),
            ("https://[::1]/", "[::1]:443", Some("::1")),
            (" http://127.0.0.1:9900\n", "127.0.0.1:9900", None),
            ("http://[::1]", "[::1]:80", None),
        ] {
            let found = elsewhere(url).unwrap();
            assert_eq!(found.admin, AdminAddr::Tcp(admin.parse().unwrap()), "{url}");
            assert_eq!(found.tls.map(|tls| tls.name).as_deref(), name, "{url}");
        }
        for url in [
            "",
            "www.example.com:9900",
            "ftp://a",
            "https://a/b",
            "https://a:b@c",
            "https://",
            "https://a:99999",
            "https://[::1]:",
            "https://a:x",
        ] {
            assert!(matches!(elsewhere(url), Err(ElsewhereError::Shape)), "{url}");
        }
        assert!(matches!(elsewhere("http://192.0.2.1"), Err(ElsewhereError::Clear)));
    }
}
