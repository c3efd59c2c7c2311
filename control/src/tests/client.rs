use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use warmfront_config::{AdminAddr, Config};

use super::node::{self, Node, Sites};
use crate::{Client, Exit, Invalidate, invalidate};

/// What was printed, and how the command ended.
struct Printed {
    exit: Exit,
    out: String,
    err: String,
}

async fn run(config: &Config, key: Option<&str>, order: &Invalidate) -> Printed {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = invalidate(order, config, key, &mut out, &mut err).await;
    Printed {
        exit: exit.unwrap(),
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

fn order(paths: &[&str]) -> Invalidate {
    Invalidate {
        site: None,
        dry_run: false,
        reference: None,
        json: false,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}

/// The configuration as the command line reads it, with the port that the system chose.
fn config(node: &Node) -> Config {
    let mut config = node.config.clone();
    config.listen.admin = node.address.clone();
    config
}

#[tokio::test]
async fn the_command_finds_the_node_and_its_key() {
    let node = Node::start(Sites::Www);
    let config = config(&node);
    let done = run(&config, None, &order(&["/*"])).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Done, ""));
    let (line, id) = done.out.trim_end().rsplit_once(": ").unwrap();
    assert_eq!(line, "invalidated 0 stored responses (0 B) of www");
    assert!(id.starts_with('I'), "{id}");

    let dry = Invalidate { dry_run: true, ..order(&["/*"]) };
    let dry = run(&config, None, &dry).await;
    assert_eq!(dry.out, "would invalidate 0 stored responses (0 B) of www\n");

    let named = Invalidate { reference: Some("build-41".to_owned()), json: true, ..order(&["/a"]) };
    let first = run(&config, None, &named).await;
    let first: Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!((&first["status"], &first["reference"]), (&"completed".into(), &"build-41".into()));
    let again = run(&config, None, &Invalidate { json: false, ..named }).await;
    let expected = "already done, by the same reference, took 0 stored responses (0 B) of www: ";
    assert_eq!(again.out, format!("{expected}{}\n", first["id"].as_str().unwrap()));
}

#[tokio::test]
async fn a_refusal_is_a_sentence_or_a_problem() {
    let node = Node::start(Sites::Www);
    let config = config(&node);
    let key = Some("DEPLOY.secret-of-the-deploy-key");
    let refused = run(&config, key, &order(&["/x"])).await;
    assert_eq!((refused.exit, refused.out.as_str()), (Exit::Failed, ""));
    assert_eq!(refused.err, "warmfront: this key may not invalidate `/x` of www\n");

    let as_json = Invalidate { json: true, ..order(&["/x"]) };
    let refused = run(&config, key, &as_json).await;
    let problem: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!((refused.exit, problem["status"].as_u64()), (Exit::Failed, Some(403)));

    let no_key = run(&config, Some("nonsense"), &order(&["/x"])).await;
    assert_eq!(no_key.err, "warmfront: WARMFRONT_KEY is not `<id>.<secret>`\n");
}

#[tokio::test]
async fn a_unix_socket_works_as_well() {
    let state = tempfile::tempdir().unwrap();
    let admin = format!("unix:{}", state.path().join("admin.sock").display());
    let node = Node::listen(Sites::Www, &admin, state);
    let done = run(&node.config, None, &order(&["/*"])).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.err);
}

#[tokio::test]
async fn a_node_on_every_address_is_asked_on_loopback() {
    let node = Node::listen(Sites::Www, "0.0.0.0:0", tempfile::tempdir().unwrap());
    let done = run(&config(&node), None, &order(&["/*"])).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.err);
}

#[tokio::test]
async fn no_node_and_no_key_are_told_apart() {
    let state = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    drop(holder);
    let config = node::config(Sites::Www, &address.to_string(), state.path());

    let no_key = Client::from_config(&config, None).unwrap_err().to_string();
    let path = state.path().join("root.key");
    let expected = format!(
        "cannot read the root key {}: no such file or directory; run as the user warmfront runs \
         as, or set WARMFRONT_KEY",
        path.display()
    );
    assert_eq!(no_key, expected);

    let client = Client::from_config(&config, Some("A.B")).unwrap();
    let no_node = client.invalidate(None, &["/*".to_owned()], false, None).await.unwrap_err();
    let expected =
        format!("no warmfront answers at {address} (connection refused): is it running?");
    assert_eq!(no_node.to_string(), expected);

    let socket = AdminAddr::Unix(state.path().join("none.sock"));
    let client = Client::new(socket, warmfront_config::Secret::new("A.B"));
    let no_node = client.invalidate(None, &["/*".to_owned()], false, None).await.unwrap_err();
    assert!(no_node.to_string().contains("(no such file or directory)"), "{no_node}");
}

#[tokio::test]
async fn what_is_no_warmfront_is_said_so() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4_096]).await;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
        stream.write_all(answer).await.unwrap();
    });
    let client = Client::new(AdminAddr::Tcp(address), warmfront_config::Secret::new("A.B"));
    let foreign = client.invalidate(None, &["/*".to_owned()], false, None).await.unwrap_err();
    let expected =
        format!("what answers at {address} with status 200 OK is no warmfront of this version");
    assert_eq!(foreign.to_string(), expected);
}

#[tokio::test]
async fn an_open_key_file_is_refused_by_the_command_too() {
    let node = Node::start(Sites::Www);
    let path = node.state.path().join("root.key");
    set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let refused = run(&config(&node), None, &order(&["/*"])).await;
    assert!(refused.err.contains("open to other users (mode 0644)"), "{}", refused.err);
}
