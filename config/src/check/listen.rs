//! `[listen]`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::sites::Sites;
use crate::model::{AdminAddr, Listen};
use crate::raw::{Section, Value};

const HTTP: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 80);
const HTTPS: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 443);
/// Where the control API listens unless the file says otherwise.
pub(crate) const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9900);

/// Whether there are listeners of a kind, for the tables that depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listening {
    /// There are; this line is to blame for them.
    On(usize),
    /// There are none.
    Off,
    /// What was written could not be read.
    Unknown,
}

/// Both kinds of listeners.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listeners {
    pub(super) http: Listening,
    pub(super) https: Listening,
}

/// What `admin_tls` names, until the sites are known.
pub(super) struct AdminTls<'r>(Option<Value<'r>>);

impl AdminTls<'_> {
    /// The site that is meant.
    pub(super) fn find(&self, sites: &Sites, admin: &AdminAddr) -> Option<String> {
        let value = self.0.as_ref()?;
        if matches!(admin, AdminAddr::Unix(_)) {
            value.problem("is for a TCP `admin`: nobody listens in on a Unix socket");
            return None;
        }
        sites.find(value)
    }
}

/// `[listen]`, and what is among it.
pub(super) fn listen<'r>(section: &Section<'r>) -> (Listen, Listeners, AdminTls<'r>) {
    let http = listeners(section, "http", "listen.http", HTTP);
    let https = listeners(section, "https", "listen.https", HTTPS);
    let written = section.get("admin");
    let admin = match &written {
        None => Some(AdminAddr::Tcp(ADMIN)),
        Some(value) => admin(value),
    };
    let tcp_admin = match &admin {
        Some(AdminAddr::Tcp(address)) => {
            Some(Listener { address: *address, name: "listen.admin", written })
        }
        Some(AdminAddr::Unix(_)) | None => None,
    };
    if let (Some(http), Some(https)) = (&http, &https) {
        report_doubles(http.iter().chain(https).chain(&tcp_admin).collect());
        if http.is_empty() && https.is_empty() {
            let message = "`http` and `https` are both empty: nothing would be served";
            section.miss(&["http", "https"], None, message);
        }
    }
    let listening = Listeners {
        http: listening(section, http.as_deref()),
        https: listening(section, https.as_deref()),
    };
    let addresses = |listeners: Option<Vec<Listener<'_>>>| {
        listeners.unwrap_or_default().iter().map(|listener| listener.address).collect()
    };
    let listen = Listen {
        http: addresses(http),
        https: addresses(https),
        admin: admin.unwrap_or(AdminAddr::Tcp(ADMIN)),
        // A site that `admin_tls` finds among them, once they are read.
        admin_tls: None,
        state: state(section),
        workers: section.get("workers").and_then(|value| workers(&value)).unwrap_or_else(cores),
    };
    (listen, listening, AdminTls(section.get("admin_tls")))
}

// === listeners ===

struct Listener<'r> {
    address: SocketAddr,
    name: &'static str,
    /// `None` where it is the default.
    written: Option<Value<'r>>,
}

/// `None` if what was written could not be read.
fn listeners<'r>(
    section: &Section<'r>,
    key: &'static str,
    name: &'static str,
    default: SocketAddr,
) -> Option<Vec<Listener<'r>>> {
    let Some(value) = section.get(key) else {
        return Some(vec![Listener { address: default, name, written: None }]);
    };
    value.each(|item| {
        let address = item.parsed(|text| socket_address(text, default))?;
        Some(Listener { address, name, written: Some(item.clone()) })
    })
}

fn listening(section: &Section<'_>, listeners: Option<&[Listener<'_>]>) -> Listening {
    match listeners {
        Some([first, ..]) => {
            Listening::On(first.written.as_ref().map_or_else(|| section.line(), Value::line))
        }
        Some([]) => Listening::Off,
        None => Listening::Unknown,
    }
}

/// `listen.admin`.
pub(crate) fn admin(value: &Value<'_>) -> Option<AdminAddr> {
    if value.text()?.starts_with("unix:") {
        return value.path_behind("unix:").map(AdminAddr::Unix);
    }
    value.parsed(|text| socket_address(text, ADMIN)).map(AdminAddr::Tcp)
}

fn socket_address(text: &str, example: SocketAddr) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
        let whole = SocketAddr::new(address, example.port());
        return Err(format!("has no port: write \"{whole}\""));
    }
    Err(format!("{text:?} is no address with a port, such as \"{example}\""))
}

/// Port 0 is a port of the system's choice, another one each time.
fn report_doubles(listeners: Vec<&Listener<'_>>) {
    let mut seen: Vec<&Listener<'_>> = Vec::new();
    for listener in listeners {
        let address = listener.address;
        let first = seen.iter().find(|first| first.address == address && address.port() != 0);
        match (first, &listener.written) {
            (Some(first), Some(value)) => value.problem(first.taken()),
            (Some(first), None) => {
                if let Some(value) = &first.written {
                    value.problem(listener.taken());
                }
            }
            (None, _) => seen.push(listener),
        }
    }
}

impl Listener<'_> {
    fn taken(&self) -> String {
        let (address, name) = (self.address, self.name);
        match &self.written {
            Some(value) => format!("{address} is taken by `{name}` on line {}", value.line()),
            None => format!("{address} is taken by `{name}`, whose default it is"),
        }
    }
}

// === the rest ===

/// `listen.state`.
pub(crate) fn state(section: &Section<'_>) -> PathBuf {
    section.or("state", PathBuf::from("/var/lib/warmfront"), Value::path)
}

fn workers(value: &Value<'_>) -> Option<NonZeroUsize> {
    if value.is_text() {
        return value.one_of(&[("auto", cores())]);
    }
    value.whole(1..=1024).and_then(NonZeroUsize::new)
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
