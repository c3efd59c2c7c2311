//! `health_check`: what targets are asked, how often, and which answer is a good one.

use std::ops::RangeInclusive;
use std::time::Duration;

use http::uri::PathAndQuery;

use super::codes::codes;
use super::literal_host;
use super::tls::Transport;
use crate::model::{GrpcProbe, HealthCheck, Probe};
use crate::raw::{Section, Value, show_duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Https,
    Tcp,
    Grpc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    /// The one of the requests.
    Traffic,
    Own(u16),
}

const PROTOCOLS: [(&str, Protocol); 4] = [
    ("http", Protocol::Http),
    ("https", Protocol::Https),
    ("tcp", Protocol::Tcp),
    ("grpc", Protocol::Grpc),
];

const INTERVAL_DEFAULT: Duration = Duration::from_secs(30);
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(2);
const IN_A_ROW: RangeInclusive<u64> = 1..=10;
const HTTP_STATUSES: RangeInclusive<u16> = 200..=599;
const GRPC_CODES: RangeInclusive<u16> = 0..=99;
/// UNIMPLEMENTED: a server that says so is there.
const GRPC_CODE_DEFAULT: u16 = 12;

/// `health_check`; `None` if it cannot be made out what is asked.
pub(super) fn read(section: &Section<'_>, transport: &Transport) -> Option<HealthCheck> {
    let written_port = section.get("port");
    let port = written_port.as_ref().map_or(Some(Port::Traffic), port);
    let protocol = protocol(section, transport, port);
    let probe = Written::of(section).probe(protocol);
    let (interval, timeout) = pace(section);
    Some(HealthCheck {
        port: match port? {
            Port::Traffic => None,
            Port::Own(port) => Some(port),
        },
        interval,
        timeout,
        healthy: section.or("healthy", 5, |value| value.whole(IN_A_ROW)),
        unhealthy: section.or("unhealthy", 2, |value| value.whole(IN_A_ROW)),
        probe: probe?,
    })
}

fn port(value: &Value<'_>) -> Option<Port> {
    if value.is_text() {
        return value.parsed(|text| match text {
            "traffic" => Ok(Port::Traffic),
            _ => Err(format!("is \"traffic\" or a number without quotes, not {text:?}")),
        });
    }
    value.whole(1..=65_535).map(Port::Own)
}

/// As the requests go, unless the file says otherwise.
fn protocol(section: &Section<'_>, transport: &Transport, port: Option<Port>) -> Option<Protocol> {
    let Some(value) = section.get("protocol") else {
        let is_tls = matches!(transport, Transport::Tls(_));
        return Some(if is_tls { Protocol::Https } else { Protocol::Http });
    };
    let protocol = value.one_of(&PROTOCOLS)?;
    if port == Some(Port::Traffic) {
        match (protocol, transport) {
            (Protocol::Http, Transport::Tls(_)) => value.problem(
                "would never pass: the targets speak TLS; write \"https\", or a `port` of its own",
            ),
            (Protocol::Https, Transport::Plain) => value.problem(
                "would never pass: the targets speak no TLS; write \"http\", or a `port` of its own",
            ),
            _ => {}
        }
    }
    Some(protocol)
}

/// From one check to the next, and to the whole answer.
fn pace(section: &Section<'_>) -> (Duration, Duration) {
    let interval = match section.get("interval") {
        Some(value) => value.duration(INTERVAL),
        None => Some(INTERVAL_DEFAULT),
    };
    let default = TIMEOUT_DEFAULT.min(interval.unwrap_or(INTERVAL_DEFAULT));
    let timeout = section.or("timeout", default, |value| {
        let timeout = value.duration(TIMEOUT)?;
        if let Some(interval) = interval.filter(|interval| timeout > *interval) {
            let interval = show_duration(interval);
            value.problem(format!("is more than `interval` ({interval}): one check at a time"));
        }
        Some(timeout)
    });
    (interval.unwrap_or(INTERVAL_DEFAULT), timeout)
}

/// The keys that not every protocol has.
struct Written<'r> {
    path: Option<Value<'r>>,
    status: Option<Value<'r>>,
    host: Option<Value<'r>>,
    service: Option<Value<'r>>,
}

impl<'r> Written<'r> {
    fn of(section: &Section<'r>) -> Self {
        Self {
            path: section.get("path"),
            status: section.get("status"),
            host: section.get("host"),
            service: section.get("service"),
        }
    }

    /// What is asked in this protocol; `None` is one that could not be read.
    fn probe(self, protocol: Option<Protocol>) -> Option<Probe> {
        match protocol? {
            Protocol::Http => self.http(false),
            Protocol::Https => self.http(true),
            Protocol::Tcp => {
                let foreign = [self.path, self.status, self.host, self.service];
                for value in foreign.into_iter().flatten() {
                    value.problem("would do nothing: a TCP check only connects");
                }
                Some(Probe::Tcp)
            }
            Protocol::Grpc => self.grpc().map(Probe::Grpc),
        }
    }

    fn http(self, tls: bool) -> Option<Probe> {
        if let Some(value) = self.service {
            value.problem("stands only beside `protocol = \"grpc\"`");
        }
        let path = self.path.map_or_else(|| Some("/".to_owned()), |value| value.parsed(path));
        let host = self.host.and_then(|value| {
            value.parsed(|text| literal_host(text).ok_or_else(|| format!("is no host: {text:?}")))
        });
        let statuses = self
            .status
            .map_or_else(|| Some(vec![200..=200]), |value| passing(&value, &HTTP_STATUSES));
        Some(Probe::Http { tls, path: path?, host, statuses: statuses? })
    }

    fn grpc(self) -> Option<GrpcProbe> {
        if let Some(value) = self.host {
            value.problem("would do nothing: a gRPC check names the target itself");
        }
        let Some(path) = self.path else {
            if let Some(value) = self.status {
                value.problem("would do nothing: without `path` the answer SERVING passes");
            }
            let service =
                self.service.map_or_else(|| Some(String::new()), |value| value.parsed(service))?;
            return Some(GrpcProbe::Health { service });
        };
        if let Some(value) = self.service {
            value.problem("cannot stand beside `path`: only the health service is asked for one");
        }
        let codes = self.status.map_or_else(
            || Some(vec![GRPC_CODE_DEFAULT..=GRPC_CODE_DEFAULT]),
            |value| passing(&value, &GRPC_CODES),
        );
        Some(GrpcProbe::Method { path: path.parsed(method)?, codes: codes? })
    }
}

/// Path and query, as a request has them.
fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("is a path, so it starts with a slash: write \"/{text}\""));
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !plain || text.parse::<PathAndQuery>().is_err() {
        return Err("is a path and perhaps a query: no fragment, and white space, control \
                    characters and what is not ASCII are escaped, as in `%20`"
            .to_owned());
    }
    Ok(text.to_owned())
}

/// The path of a gRPC method.
fn method(text: &str) -> Result<String, String> {
    let segments: Vec<&str> = text.split('/').collect();
    match segments.as_slice() {
        ["", service, method]
            if !service.is_empty() && !method.is_empty() && !method.contains('?') =>
        {
            path(text)
        }
        _ => Err(format!("is `/package.service/method`, not {text:?}")),
    }
}

fn service(text: &str) -> Result<String, &'static str> {
    if text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err("is the name of a service: no white space, no control characters");
    }
    Ok(text.to_owned())
}

/// A list of codes in a string, or a single one.
fn passing(value: &Value<'_>, bounds: &RangeInclusive<u16>) -> Option<Vec<RangeInclusive<u16>>> {
    if value.is_text() {
        return value.parsed(|text| codes(text, bounds));
    }
    if value.is_array() || value.is_table() {
        return value.is_not("a string such as \"200,302\" or \"200-399\"");
    }
    let code = value.whole(u64::from(*bounds.start())..=u64::from(*bounds.end()))?;
    Some(vec![code..=code])
}
