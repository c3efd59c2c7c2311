use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use warmfront_config::AdminAddr;

use super::node::{Node, Sites};
use crate::AdminListener;

#[test]
fn a_taken_port_is_named() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let refused = AdminListener::bind(&AdminAddr::Tcp(address)).unwrap_err();
    let expected = format!("listen.admin {address}: address already in use");
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn a_socket_file_is_private_and_replaced_only_when_stale() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("admin.sock");
    let address = AdminAddr::Unix(path.clone());
    let first = AdminListener::bind(&address).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let named = format!("listen.admin unix:{}", path.display());

    let refused = AdminListener::bind(&address).unwrap_err();
    assert_eq!(refused.to_string(), format!("{named}: address already in use"));
    drop(first);
    AdminListener::bind(&address).unwrap();

    let file = place.path().join("precious");
    std::fs::write(&file, "kept").unwrap();
    let refused = AdminListener::bind(&AdminAddr::Unix(file.clone())).unwrap_err();
    assert!(refused.to_string().contains("a file that is no socket is in the way"));
    assert_eq!(std::fs::read(&file).unwrap(), b"kept");

    let nowhere = AdminAddr::Unix(place.path().join("none/admin.sock"));
    let refused = AdminListener::bind(&nowhere).unwrap_err();
    assert!(refused.to_string().ends_with("no such file or directory"), "{refused}");
}

#[tokio::test]
async fn a_unix_socket_answers_by_any_name() {
    let state = tempfile::tempdir().unwrap();
    let admin = format!("unix:{}", state.path().join("admin.sock").display());
    let node = Node::listen(Sites::Www, &admin, state);
    let request = Request::get("/metrics").header("host", "any.example");
    let answer = node.send(request.body(String::new()).unwrap()).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn stopping_waits_for_no_idle_connection() {
    let node = Node::start(Sites::Www);
    let AdminAddr::Tcp(address) = node.address else {
        panic!("not TCP");
    };
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    node.shutdown.send(true).unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(5), node.served).await;
    stopped.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

/// Sends what it is given and no more, and returns all that comes back until the node hangs up.
async fn stall(node: &Node, begun: &str) -> String {
    let AdminAddr::Tcp(address) = node.address else {
        panic!("not TCP");
    };
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(begun.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_never_ends_is_cut_off() {
    let node = Node::start(Sites::Www);
    let head = "GET /live HTTP/1.1\r\nHost: localhost\r\n";
    let start = tokio::time::Instant::now();
    assert_eq!(stall(&node, head).await, "");
    let waited = start.elapsed();
    assert_eq!(waited.as_secs(), 10, "{waited:?}");

    let body = format!(
        "POST /invalidate HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        node.root()
    );
    let answer = stall(&node, &body).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}
