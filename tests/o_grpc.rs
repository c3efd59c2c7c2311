//! gRPC, with the server, the client and the health service that Node programs use.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use bytes::Bytes;
use h2::client::Builder;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::http2::Streams;
use crate::support::process::Process;
use crate::support::program::{output, part, program};
use crate::support::{Edge, WWW, run};

#[test]
fn a_call_is_answered() {
    run(async {
        let (_server, edge) = shop("").await;
        let told = call(&edge, "Get", "7").await;
        assert_eq!(told, json!({ "code": 0, "details": "OK", "messages": ["order 7"] }));
    });
}

#[test]
fn a_server_streams_its_messages() {
    run(async {
        let (_server, edge) = shop("").await;
        let told = call(&edge, "List", "3").await;
        let messages = ["order 1", "order 2", "order 3"];
        assert_eq!(told, json!({ "code": 0, "details": "OK", "messages": messages }));
    });
}

#[test]
fn client_and_server_talk_in_turns() {
    run(async {
        let (_server, edge) = shop("").await;
        // The next word is sent when the one before was answered.
        let told = call(&edge, "Talk", "one two three").await;
        let messages = ["you said one", "you said two", "you said three"];
        assert_eq!(told, json!({ "code": 0, "details": "OK", "messages": messages }));
    });
}

#[test]
fn an_error_is_told_with_its_status_and_words() {
    run(async {
        let (_server, edge) = shop("").await;
        let told = call(&edge, "Get", "lost").await;
        assert_eq!(told, json!({ "code": 5, "details": "no such order", "messages": [] }));
    });
}

#[test]
fn an_error_without_a_message_is_a_head_and_nothing_else() {
    run(async {
        let (_server, edge) = shop("").await;
        let streams = Streams::open(&edge, &Builder::new()).await;
        let request = Request::post(format!("https://{WWW}/shop.Orders/Get"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        let (answer, mut body) = streams.ask(request).await.unwrap();
        // Not compressed, and its length (the gRPC specification's Length-Prefixed-Message).
        body.send_data(Bytes::from_static(b"\0\0\0\0\x04lost"), true).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["grpc-status"], "5");
        // Percent-encoded by its server.
        assert_eq!(answer.headers()["grpc-message"], "no%20such%20order");
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/grpc"));
        assert!(answer.body().is_end_stream(), "{answer:?}");
    });
}

#[test]
fn the_health_service_says_who_is_healthy() {
    run(async {
        let (server, edge) = shop(
            "health_check = { protocol = \"grpc\", service = \"shop.Orders\", interval = \"1s\", \
             healthy = 1, unhealthy = 2 }",
        )
        .await;
        edge.target_is(server.address, "healthy").await;
        for (status, state) in
            [("NOT_SERVING", "unhealthy"), ("SERVING", "healthy"), ("NOT_SERVING", "unhealthy")]
        {
            server.becomes(status).await;
            let shown = edge.target_is(server.address, state).await;
            let reason = shown["reason"].as_str().unwrap();
            assert_eq!(reason.contains("NOT_SERVING"), state == "unhealthy", "{shown}");
        }
        // It is the only one, and still answers: better than nothing.
        assert_eq!(call(&edge, "Get", "7").await["code"], 0);
    });
}

#[test]
fn a_server_without_the_service_that_is_asked_about_is_not_healthy() {
    run(async {
        let check =
            "health_check = { protocol = \"grpc\", service = \"shop.Carts\", interval = \"1s\" }";
        let (server, edge) = shop(check).await;
        let shown = edge.target_is(server.address, "unhealthy").await;
        // NOT_FOUND, as the health service has it.
        assert_eq!(shown["reason"], "the check was answered with gRPC status 5");
    });
}

/// A running `tests/parts/grpc-server.mjs`; it is killed when dropped.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    _process: Process,
}

// === impl Server ===

impl Server {
    async fn start() -> Self {
        let mut command = Command::new(part("tests/parts/node_modules/.bin/node"));
        let process = Process::spawn(command.arg(part("tests/parts/grpc-server.mjs")));
        let port = process.stdout.find(|_| true).await;
        let address = (Ipv4Addr::LOCALHOST, port.parse::<u16>().unwrap()).into();
        Self { address, _process: process }
    }

    /// What its health service says from now on.
    async fn becomes(&self, status: &str) {
        let told = client(&self.address.to_string(), "-", "Become", status).await;
        assert_eq!(told["code"], 0, "{told}");
    }
}

/// A server behind an edge, with more keys of its group.
async fn shop(keys: &str) -> (Server, Edge) {
    let server = Server::start().await;
    let keys = format!("protocol = \"http2\"\n{keys}");
    let edge = Edge::grouping(&[server.address], &keys).await;
    (server, edge)
}

/// A call through the edge.
async fn call(edge: &Edge, method: &str, message: &str) -> Value {
    let ca = edge.setup().dir().join("ca.pem");
    let https = edge.setup().place.https.to_string();
    client(&https, ca.to_str().unwrap(), method, message).await
}

async fn client(address: &str, ca: &str, method: &str, message: &str) -> Value {
    let node = part("tests/parts/node_modules/.bin/node");
    let mut command = program(node.to_str().unwrap());
    command.arg(part("tests/parts/grpc-client.mjs")).args([address, ca, method, message]);
    let ended = output(&mut command).await;
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{method}: {ended:?}"))
}
