use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;

use super::{Due, Kind, Name};
use crate::resolver::Resolver;
use crate::resolver::tests::fake_server::{FakeServer, Reply};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn server_saying(ttl: u32, addresses: &'static [&'static str]) -> (FakeServer, Name) {
    let server = FakeServer::saying(move |_, _| Reply::addresses(ttl, addresses)).await;
    let resolver = Resolver::new(&server.settings()).unwrap();
    (server, Name::new("app.example", 80, &resolver))
}

fn known(name: &Name) -> String {
    let addresses = name.last_known().unwrap_or_default();
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" ")
}

/// What is left of a pause that began with a look-up at `now`, in whole seconds: the look-up itself
/// takes a moment.
fn pause(name: &Name, now: Instant) -> u64 {
    let Due::At(due) = name.due(now) else { panic!("asked once") };
    (due - now).as_secs()
}

#[tokio::test]
async fn a_literal_address_needs_no_look_up() {
    let now = Instant::now();
    let server = FakeServer::saying(|_, _| Reply::Silence).await;
    let resolver = Resolver::new(&server.settings()).unwrap();
    for (host, address) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
        let name = Name::new(host, 80, &resolver);
        assert_eq!(*name.addresses(now).await.unwrap(), [address.parse().unwrap()]);
        assert_eq!(known(&name), address);
        assert_eq!(name.due(now), Due::Never);
    }
}

#[tokio::test]
async fn the_first_look_up_is_awaited_and_serves_for_its_ttl() {
    let now = Instant::now();
    let (server, name) = server_saying(30, &["192.0.2.1"]).await;
    assert_eq!((name.due(now), name.last_known()), (Due::Now, None));
    assert_eq!(*name.addresses(now).await.unwrap(), ["192.0.2.1:80".parse().unwrap()]);
    assert_eq!(pause(&name, now), 30);
    assert_eq!(name.due(now + seconds(32)), Due::Now);

    let asked = server.asked();
    name.refresh(now + seconds(29)).await;
    assert_eq!(server.asked(), asked);
    name.refresh(now + seconds(32)).await;
    assert_eq!(server.asked(), asked + 2);
}

#[tokio::test]
async fn a_name_that_moves_is_followed() {
    let now = Instant::now();
    let (server, name) = server_saying(5, &["192.0.2.1", "192.0.2.2"]).await;
    name.refresh(now).await;
    server.says(|_, _| Reply::addresses(5, &["192.0.2.3", "192.0.2.2"]));
    name.refresh(now + seconds(4)).await;
    assert_eq!(known(&name), "192.0.2.1:80 192.0.2.2:80");
    name.refresh(now + seconds(6)).await;
    assert_eq!(known(&name), "192.0.2.2:80 192.0.2.3:80");
}

#[tokio::test]
async fn a_request_is_not_held_up_by_an_old_answer() {
    let now = Instant::now();
    let (server, name) = server_saying(5, &["192.0.2.1"]).await;
    name.refresh(now).await;
    server.says(|_, _| Reply::addresses(5, &["192.0.2.2"]));
    assert_eq!(*name.addresses(now + seconds(6)).await.unwrap(), ["192.0.2.1:80".parse().unwrap()]);
    wait_for_the_look_up(&name).await;
    assert_eq!(known(&name), "192.0.2.2:80");
}

#[tokio::test]
async fn the_last_answer_outlives_every_failure() {
    let failures: [fn() -> Reply; 3] = [
        || Reply::Code(ResponseCode::ServFail),
        || Reply::Code(ResponseCode::NXDomain),
        || Reply::Code(ResponseCode::NoError),
    ];
    for failure in failures {
        let mut now = Instant::now();
        let (server, name) = server_saying(5, &["192.0.2.1", "2001:db8::1"]).await;
        name.refresh(now).await;
        server.says(move |_, _| failure());
        for expected in [5, 10, 20, 30, 30] {
            now += seconds(60);
            name.refresh(now).await;
            assert_eq!(known(&name), "192.0.2.1:80 [2001:db8::1]:80");
            assert_eq!(pause(&name, now), expected);
            assert!(name.addresses(now).await.is_ok());
        }
        server.says(|_, _| Reply::addresses(5, &["192.0.2.2"]));
        now += seconds(60);
        name.refresh(now).await;
        assert_eq!((known(&name).as_str(), pause(&name, now)), ("192.0.2.2:80", 5));
        server.says(move |_, _| failure());
        now += seconds(60);
        name.refresh(now).await;
        assert_eq!(pause(&name, now), 5, "the pauses begin anew");
    }
}

#[tokio::test]
async fn the_last_answer_holds_for_the_one_family_that_fails() {
    let now = Instant::now();
    let (server, name) = server_saying(5, &["192.0.2.1", "2001:db8::1"]).await;
    name.refresh(now).await;
    let v4_moves = |v6: fn() -> Reply| {
        move |_: &str, kind| match kind {
            RecordType::A => Reply::addresses(5, &["192.0.2.2"]),
            _ => v6(),
        }
    };
    server.says(v4_moves(|| Reply::Code(ResponseCode::ServFail)));
    name.refresh(now + seconds(60)).await;
    assert_eq!(known(&name), "192.0.2.2:80 [2001:db8::1]:80");
    server.says(v4_moves(|| Reply::Code(ResponseCode::NoError)));
    name.refresh(now + seconds(120)).await;
    assert_eq!(known(&name), "192.0.2.2:80");
}

#[tokio::test]
async fn a_name_that_never_resolved_is_told_and_left_alone_for_a_while() {
    let now = Instant::now();
    let (server, name) = server_saying(5, &[]).await;
    let error = name.addresses(now).await.unwrap_err();
    assert_eq!(error.to_string(), "the name `app.example` does not resolve: it has no address");
    let asked = server.asked();
    assert_eq!(name.addresses(now + seconds(4)).await, Err(error));
    assert_eq!(server.asked(), asked);

    server.says(|_, _| Reply::addresses(5, &["192.0.2.1"]));
    assert!(name.look_up().await.is_ok(), "who asks what is wrong is told what is so now");
    assert_eq!(known(&name), "");
    assert!(name.addresses(now + seconds(6)).await.is_ok());
}

#[tokio::test]
async fn a_name_is_asked_for_once_at_a_time() {
    let now = Instant::now();
    let (server, name) = server_saying(5, &["192.0.2.1"]).await;
    let name = Arc::new(name);
    tokio::join!(name.refresh(now), name.refresh(now), async {
        name.addresses(now).await.unwrap();
    });
    assert_eq!(server.asked(), 2, "one look-up of two questions");
}

/// The background look-up holds the turn from before it was spawned until it is through.
async fn wait_for_the_look_up(name: &Name) {
    let Kind::Dns(dns) = &name.kind else { panic!("a name") };
    drop(dns.turn.lock().await);
}
