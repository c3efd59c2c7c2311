//! Where the paths of a site are asked for, as its clients would.

use std::fmt::Write as _;
use std::net::SocketAddr;

use warmfront_config::spelling::matched_path;
use warmfront_config::{Config, HostPattern, PathPattern, Site, Viewer};
use warmfront_semantics::authority::Host;
use warmfront_semantics::errand::Scheme;
use warmfront_semantics::target::Target;

/// One URL, by every entrance that has a stored response of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Resource {
    /// Path and query, fit for a request line.
    pub(super) target: String,
    pub(super) entrances: Vec<Entrance>,
}

/// Where clients come in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Entrance {
    pub(super) scheme: Scheme,
    /// What their Host says: with the port, where it is not the scheme's own.
    pub(super) host: String,
}

/// How a site is reached.
#[derive(Debug)]
pub(super) struct Front<'c> {
    config: &'c Config,
    site: &'c Site,
    /// The patterns of its behaviors, as the edge matches them, and whom each lets in.
    behaviors: Vec<(PathPattern, Viewer)>,
    /// Which clients are not sent away from to another one.
    host: String,
}

// === impl Front ===

impl<'c> Front<'c> {
    pub(super) fn new(config: &'c Config, site: &'c Site) -> Self {
        let exact = site.hosts.iter().find_map(|host| match host {
            HostPattern::Exact(name) => Some(name.as_str()),
            HostPattern::Wildcard(_) => None,
        });
        let named = site.canonical_host.as_deref().or(exact).map(bracketed);
        let host = named.unwrap_or_else(|| match site.hosts.first() {
            // Where targets see the host, others under it have stored responses of their own.
            Some(HostPattern::Wildcard(parent)) => format!("www.{parent}"),
            Some(HostPattern::Exact(name)) => bracketed(name),
            None => String::new(),
        });
        let behaviors = site.behaviors.iter().map(|it| (it.path.matched(), it.viewer)).collect();
        Self { config, site, behaviors, host }
    }

    /// The host that paths are asked for by, if it is only one of those under a wildcard.
    pub(super) fn made_up(&self) -> Option<&str> {
        let is_exact = |host: &HostPattern| matches!(host, HostPattern::Exact(_));
        let named = self.site.canonical_host.is_some() || self.site.hosts.iter().any(is_exact);
        (!named).then_some(self.host.as_str())
    }

    /// A path of the site, with or without a query; `None` if it has no slash.
    pub(super) fn of_path(&self, path: &str) -> Option<Resource> {
        path.starts_with('/').then(|| self.resource(&self.host, None, request_target(path)))
    }

    /// A URL; `None` if it is no URL of this site.
    pub(super) fn of_url(&self, url: &str) -> Option<Resource> {
        let (scheme, authority, target) = Scheme::split(url)?;
        let written = Host::parse(authority.as_bytes()).ok()?;
        let bare = written.as_str().trim_start_matches('[').trim_end_matches(']');
        if !self.site.hosts.iter().any(|own| own.matches(bare)) {
            return None;
        }
        let host = if self.site.canonical_host.is_some() { &self.host } else { written.as_str() };
        // Of all that are written; none is 0.
        let port = written.port_beside(0);
        if !port.is_none_or(|port| self.is_own(scheme, port)) {
            return None;
        }
        Some(self.resource(host, port.map(|port| (scheme, port)), request_target(&target)))
    }

    /// `said` is the port that a URL has, and its scheme.
    fn resource(&self, host: &str, said: Option<(Scheme, u16)>, target: String) -> Resource {
        let entrance = |scheme| {
            let said = said.filter(|(of, _)| *of == scheme).map(|(_, port)| port);
            let host = match said.unwrap_or_else(|| self.port(scheme)) {
                port if port == scheme.default_port() => host.to_owned(),
                port => format!("{host}:{port}"),
            };
            Entrance { scheme, host }
        };
        Resource { entrances: self.schemes(&target).into_iter().map(entrance).collect(), target }
    }

    /// Where the edge sends clients of this scheme to: the first of its sockets.
    fn port(&self, scheme: Scheme) -> u16 {
        self.sockets(scheme).first().map_or_else(|| scheme.default_port(), SocketAddr::port)
    }

    /// Whether clients of the site may come in by this port; another's is another server's.
    fn is_own(&self, scheme: Scheme, port: u16) -> bool {
        let mut ports = self.sockets(scheme).iter().map(SocketAddr::port);
        port == scheme.default_port() || ports.any(|own| own == port)
    }

    fn sockets(&self, scheme: Scheme) -> &[SocketAddr] {
        match scheme {
            Scheme::Http => &self.config.listen.http,
            Scheme::Https => &self.config.listen.https,
        }
    }

    /// Where clients may come both ways, both have stored responses of their own.
    fn schemes(&self, target: &str) -> Vec<Scheme> {
        let path = matched_path(Target::split(target).path);
        let behavior = self.behaviors.iter().find(|(pattern, _)| pattern.matches(&path));
        match behavior {
            Some((_, Viewer::RedirectToHttps | Viewer::HttpsOnly)) => vec![Scheme::Https],
            Some((_, Viewer::AllowAll)) | None => {
                let both = [Scheme::Https, Scheme::Http].into_iter();
                both.filter(|scheme| !self.sockets(*scheme).is_empty()).collect()
            }
        }
    }
}

/// An IPv6 address as it stands in a Host field.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// As a browser spells it: what may not stand in a request line is escaped (RFC 3986 §2.1, §3.3),
/// everything else stays as it was written.
pub(crate) fn request_target(written: &str) -> String {
    let mut target = String::with_capacity(written.len());
    let bytes = written.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let is_escape = || {
            let digits = bytes.get(at + 1..at + 3);
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        let stays = match byte {
            b'%' => is_escape(),
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte),
        };
        if stays {
            target.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(target, "%{byte:02X}");
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(site: &str) -> Config {
        let text = format!(
            "[[tls.certificates]]\nchain = \"/own.pem\"\nkey = \"/own.key\"\n[origins.app]\n\
             targets = [\"127.0.0.1:3000\"]\n[sites.www]\norigin = \"app\"\n{site}"
        );
        match warmfront_config::parse(&text, Path::new("/warmfront.toml"), &|_| None) {
            Ok(config) => config,
            Err(problems) => panic!("{problems:?}"),
        }
    }

    fn resource(host: &str, target: &str, schemes: &[Scheme]) -> Resource {
        let entrance = |scheme: &Scheme| Entrance { scheme: *scheme, host: host.to_owned() };
        Resource { target: target.to_owned(), entrances: schemes.iter().map(entrance).collect() }
    }

    /// Each entrance as a client's URL begins.
    fn entrances(resource: Option<Resource>) -> Vec<String> {
        let entrances = resource.into_iter().flat_map(|resource| resource.entrances);
        entrances.map(|Entrance { scheme, host }| format!("{}://{host}", scheme.as_str())).collect()
    }

    #[test]
    fn a_path_is_asked_for_as_clients_do() {
        const BOTH: [Scheme; 2] = [Scheme::Https, Scheme::Http];
        let config = config(
            r#"
hosts = ["*.example.net", "www.example.com", "example.com"]
viewer = "allow-all"
[[sites.www.behaviors]]
path = "/login/*"
viewer = "https-only"
[[sites.www.behaviors]]
path = "/my%20shop/*"
viewer = "https-only"
"#,
        );
        let front = Front::new(&config, &config.sites[0]);
        for (path, target, schemes) in [
            ("/", "/", &BOTH[..]),
            ("/a b?q=ü&c=%7e", "/a%20b?q=%C3%BC&c=%7e", &BOTH),
            ("/100%#top", "/100%25%23top", &BOTH),
            ("/login/form", "/login/form", &[Scheme::Https]),
            ("/my shop/1", "/my%20shop/1", &[Scheme::Https]),
        ] {
            assert_eq!(
                front.of_path(path),
                Some(resource("www.example.com", target, schemes)),
                "{path}"
            );
        }
        assert_eq!(front.of_path("no-slash"), None);
    }

    #[test]
    fn a_url_is_of_the_site_or_is_not() {
        const HTTPS: [Scheme; 1] = [Scheme::Https];
        let own = config("hosts = [\"www.example.com\", \"*.example.net\", \"::1\"]");
        let front = Front::new(&own, &own.sites[0]);
        for (url, found) in [
            ("https://www.example.com", Some(resource("www.example.com", "/", &HTTPS))),
            ("HTTP://WWW.example.com:80/a?b#c", Some(resource("www.example.com", "/a?b", &HTTPS))),
            ("https://www.example.com:443/", Some(resource("www.example.com", "/", &HTTPS))),
            ("https://a.example.net?q", Some(resource("a.example.net", "/?q", &HTTPS))),
            ("https://[::1]/x", Some(resource("[::1]", "/x", &HTTPS))),
            ("https://www.example.org/", None),
            ("https://www.example.com:8443/", None),
            ("http://www.example.com:443/", None),
            ("https://user@www.example.com/", None),
            ("ftp://www.example.com/", None),
            ("/relative", None),
            ("https://", None),
        ] {
            assert_eq!(front.of_url(url), found, "{url}");
        }
        let moved = config(
            "hosts = [\"www.example.com\", \"example.com\"]\ncanonical_host = \"example.com\"",
        );
        let moved_front = Front::new(&moved, &moved.sites[0]);
        assert_eq!(
            moved_front.of_url("https://www.example.com/a"),
            Some(resource("example.com", "/a", &HTTPS))
        );
        assert_eq!(moved_front.of_path("/a"), Some(resource("example.com", "/a", &HTTPS)));
        let wild = config("hosts = [\"*.example.net\"]");
        let front = Front::new(&wild, &wild.sites[0]);
        assert_eq!(front.of_path("/a"), Some(resource("www.example.net", "/a", &HTTPS)));
        assert_eq!((front.made_up(), moved_front.made_up()), (Some("www.example.net"), None));
    }

    #[test]
    fn clients_of_an_odd_port_say_it() {
        let own = config(
            "hosts = [\"www.example.com\"]\nviewer = \"allow-all\"\n[listen]\n\
             http = [\"[::]:8080\"]\nhttps = [\"[::]:8443\", \"[::]:443\"]",
        );
        let front = Front::new(&own, &own.sites[0]);
        let expected = ["https://www.example.com:8443", "http://www.example.com:8080"];
        assert_eq!(entrances(front.of_path("/a")), expected);
        assert_eq!(entrances(front.of_url("https://www.example.com/a")), expected);
        assert_eq!(entrances(front.of_url("http://www.example.com:8080/a")), expected);
        let expected = ["https://www.example.com", "http://www.example.com:8080"];
        assert_eq!(entrances(front.of_url("https://www.example.com:443/a")), expected);
        assert_eq!(front.of_url("http://www.example.com:81/a"), None);
    }
}
