use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::LazyConfigAcceptor;
use warmfront_config::{Authority, BeforeFirst};

use super::*;

const CONFIG: &str = r#"
[listen]
http = ["127.0.0.1:0"]
https = []
[origins.api]
targets = ["127.0.0.1:1"]
[sites.www]
hosts = ["www.acme.dev"]
origin = "api"
viewer = "allow-all"
"#;

/// What answers where the host points.
#[derive(Debug, Clone, Copy)]
enum Server {
    /// This node.
    Ours,
    /// Somebody else's.
    Other(&'static str),
}

fn acme(public: bool, public_addresses: &[&str]) -> Acme {
    Acme {
        email: None,
        authorities: vec![Authority {
            name: "a".to_owned(),
            directory: "https://a.example/directory".to_owned(),
            ca_file: None,
            external_account: None,
            public,
        }],
        public_addresses: public_addresses.iter().map(|it| it.parse().unwrap()).collect(),
        before_first: BeforeFirst::SelfSigned,
        dns: None,
    }
}

fn config() -> Config {
    warmfront_config::parse(CONFIG, Path::new("/x.toml"), &|_| None).unwrap()
}

/// One whose node listens on this port of an address that is not the host's.
fn pointer(port: u16, acme: &Acme) -> Pointer {
    let mut config = config();
    let elsewhere = SocketAddr::from(([127, 0, 0, 77], port));
    config.listen.http = vec![elsewhere];
    config.listen.https = vec![elsewhere];
    let certificates = Certificates::load(&config).unwrap();
    let resolver = Resolver::new(&config.resolver).unwrap();
    Pointer::new(&config, acme, &resolver, &certificates)
}

async fn look(pointer: &Pointer, host: &str, challenge: ChallengeKind) -> Pointing {
    let hosts = [HostPattern::parse(host).unwrap()];
    pointer.look(&hosts, challenge).await.remove(0).1
}

/// Answers as this node would, or as another server.
async fn serve_http(listener: TcpListener, certificates: Arc<Certificates>, server: Server) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        assert!(head.to_ascii_lowercase().contains("host: localhost"), "{head}");
        let path = head.split(' ').nth(1).unwrap();
        let token = path.strip_prefix("/.well-known/acme-challenge/").unwrap();
        let answer = match server {
            Server::Ours => {
                let content = certificates.challenges().answer_http(token).unwrap();
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{content}", content.len())
            }
            Server::Other(answer) => answer.to_owned(),
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn our_own_addresses_need_no_asking() {
    let pointer = pointer(1, &acme(true, &["203.0.113.9", "2001:db8::1"]));
    let http = ChallengeKind::Http01;
    for host in ["203.0.113.9", "127.0.0.77", "2001:db8::1"] {
        assert_eq!(look(&pointer, host, http).await, Pointing::Here, "{host}");
    }
    for host in ["*.acme.dev", "acme.invalid"] {
        let dns = ChallengeKind::Dns01;
        assert_eq!(look(&pointer, host, dns).await, Pointing::Here, "{host}: nobody comes for it");
    }
}

#[tokio::test]
async fn what_is_elsewhere_is_asked_for_something_that_only_we_know() {
    let other = |why: &str| Pointing::Elsewhere(why.to_owned());
    let redirect = "HTTP/1.1 301 Moved\r\nlocation: /\r\ncontent-length: 0\r\n\r\n";
    for (server, expected) in [
        (Server::Ours, Pointing::Here),
        (
            Server::Other("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
            other("port PORT: another server answered"),
        ),
        (Server::Other(redirect), other("port PORT: it answered with status 301")),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pointer = pointer(address.port(), &acme(false, &[]));
        let served = serve_http(listener, pointer.certificates.clone(), server);
        let serving = tokio::spawn(served);
        let rehearsal = Rehearsal::http("localhost", &pointer.certificates);
        let asked = ask(&rehearsal, address.ip(), &[address.port()]).await;
        let found = match asked {
            Ok(()) => Pointing::Here,
            Err(why) => other(&why.replace(&address.port().to_string(), "PORT")),
        };
        assert_eq!(found, expected, "{server:?}");
        serving.abort();
    }
}

#[tokio::test]
async fn an_answer_is_published_only_as_long_as_it_is_asked_for() {
    let certificates = Certificates::load(&config()).unwrap();
    let challenges = certificates.challenges();
    let rehearsal = Rehearsal::tls("www.acme.dev", &certificates).unwrap();
    assert!(challenges.tls("www.acme.dev").is_some());
    drop(rehearsal);
    assert!(challenges.tls("www.acme.dev").is_none());
}

#[tokio::test]
async fn a_handshake_must_show_our_very_certificate() {
    for (host, ours) in [("www.acme.dev", true), ("192.0.2.7", true), ("www.acme.dev", false)] {
        let certificates = Certificates::load(&config()).unwrap();
        let others = Certificates::load(&config()).unwrap();
        others.challenges().publish_tls(host, &[7; 32]).unwrap();
        let shown = if ours { certificates.clone() } else { others };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await;
            let start = start.unwrap();
            let name = start.client_hello().server_name().unwrap().to_owned();
            let _ = start.into_stream(shown.challenges().tls(&name).unwrap()).await;
        });
        let rehearsal = Rehearsal::tls(host, &certificates).unwrap();
        let answered = rehearsal.ask(address).await;
        assert_eq!(answered.is_ok(), ours, "{host}: {answered:?}");
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn nobody_who_listens_is_said_to_be_elsewhere() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let pointer = pointer(closed.port(), &acme(false, &[]));
    let rehearsal = Rehearsal::http("localhost", &pointer.certificates);
    let why = ask(&rehearsal, closed.ip(), &[closed.port()]).await.unwrap_err();
    assert_eq!(why, format!("port {}: connection refused", closed.port()));
    let gone = look(&pointer, "gone.invalid", ChallengeKind::Http01).await;
    let why = gone.elsewhere().unwrap();
    assert!(why.starts_with("the name `gone.invalid` does not resolve: "), "{why}");
}

#[tokio::test(start_paused = true)]
async fn one_look_has_its_time_and_what_was_not_seen_is_elsewhere() {
    // It takes connections and says nothing: five seconds for each, eight at once.
    let silent = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let pointer = pointer(silent.local_addr().unwrap().port(), &acme(false, &["203.0.113.9"]));
    let names = (0..200).map(|n| format!("127.0.1.{n}"));
    let names = ["203.0.113.9".to_owned()].into_iter().chain(names);
    let hosts: Vec<HostPattern> = names.map(|name| HostPattern::parse(&name).unwrap()).collect();
    let began = tokio::time::Instant::now();
    let seen = pointer.look(&hosts, ChallengeKind::Http01).await;
    assert!(began.elapsed() <= LOOK_TIME_MAX + Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(seen.iter().map(|(host, _)| host).eq(&hosts), "in their order");
    assert_eq!(seen[0].1, Pointing::Here);
    let silent = seen[1].1.elsewhere().unwrap();
    assert!(silent.starts_with("127.0.1.0 did not answer for this node"), "{silent}");
    let late = "where 127.0.1.199 points was not seen within 60 s";
    assert_eq!(seen[200].1.elsewhere(), Some(late));
}

#[test]
fn a_private_authority_may_validate_on_the_port_that_is_listened_on() {
    let listeners = ["[::]:8080".parse().unwrap(), "192.0.2.1:80".parse().unwrap()];
    let approach =
        |public| Approach::new(&listeners, HTTP_PORT, &acme(public, &["::ffff:203.0.113.9"]));
    assert_eq!(approach(true).ports, [80]);
    assert_eq!(approach(false).ports, [8080, 80]);
    let ours = ["192.0.2.1", "203.0.113.9"].map(|it| it.parse::<IpAddr>().unwrap());
    assert_eq!(approach(true).ours, BTreeSet::from(ours), "`[::]` is no address of ours");
}

#[test]
fn looks_get_rarer() {
    let waits = [1, 2, 3, 4, 5, 6, 99].map(|looks| look_again(looks).as_secs());
    assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600]);
}
