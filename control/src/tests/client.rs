//! The command line, against a control plane on a socket.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use warmfront_config::{AdminAddr, AdminTls, Config, HostPattern, Key, Whereabouts};

use super::node::{self, Node, Sites};
use crate::{
    Audience, Console, CreateKey, Entrance, Exit, Inspect, Invalidate, Invalidations, KeyGrant,
    Keys, RotateKey, Status,
};

/// What was printed, and how the command ended.
struct Printed {
    exit: Exit,
    out: String,
    err: String,
}

/// One of the commands.
#[derive(Debug, Clone)]
enum Line {
    Invalidate(Invalidate),
    Invalidations(Invalidations),
    Inspect(Inspect),
    Keys(Keys),
    Status(Status),
}

// === impl Printed ===

impl Printed {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// As a script calls it.
async fn run(config: &Whereabouts, key: Option<&str>, line: impl Into<Line>) -> Printed {
    print(config, key, line.into(), Audience::Script).await
}

async fn print(config: &Whereabouts, key: Option<&str>, line: Line, audience: Audience) -> Printed {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console { out: &mut out, err: &mut err, audience };
    let (console, node) = (&mut console, Entrance { config, key });
    let exit = match &line {
        Line::Invalidate(order) => crate::invalidate(order, node, console).await,
        Line::Invalidations(order) => crate::invalidations(order, node, console).await,
        Line::Inspect(order) => crate::inspect(order, node, console).await,
        Line::Keys(order) => crate::keys(order, node, console).await,
        Line::Status(order) => crate::status(order, node, node::clock(), console).await,
    };
    Printed {
        exit: exit.unwrap(),
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

fn order(paths: &[&str]) -> Invalidate {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    Invalidate { paths, ..Invalidate::default() }
}

/// Where the node is, at the port that the system chose.
fn config(node: &Node) -> Whereabouts {
    Whereabouts { admin: node.address.clone(), ..whereabouts(&node.config) }
}

/// What the command line reads of the file.
pub(super) fn whereabouts(config: &Config) -> Whereabouts {
    let tls = config.listen.admin_tls.as_ref().map(|name| {
        let site = config.sites.iter().find(|site| site.name == *name).unwrap();
        let HostPattern::Exact(host) = &site.hosts[0] else { panic!("{site:?}") };
        let chains = config.tls.certificates.iter().map(|files| files.chain.clone()).collect();
        AdminTls { name: host.clone(), site: Some(name.clone()), chains }
    });
    let state = Some(config.listen.state.clone());
    Whereabouts { admin: config.listen.admin.clone(), tls, state }
}

#[tokio::test]
async fn the_command_finds_the_node_and_its_key() {
    let node = Node::start(Sites::Www);
    let config = config(&node);
    let done = run(&config, None, order(&["/*"])).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Done, ""));
    let (line, id) = done.out.trim_end().rsplit_once(": ").unwrap();
    assert_eq!(line, "invalidated 0 stored responses (0 B) of www");
    assert!(id.starts_with('I'), "{id}");

    let dry = Invalidate { dry_run: true, ..order(&["/*"]) };
    let dry = run(&config, None, dry).await;
    assert_eq!(dry.out, "would invalidate 0 stored responses (0 B) of www\n");

    let named = Invalidate { reference: Some("build-41".to_owned()), json: true, ..order(&["/a"]) };
    let first = run(&config, None, named.clone()).await.json();
    assert_eq!((&first["status"], &first["reference"]), (&"completed".into(), &"build-41".into()));
    let again = run(&config, None, Invalidate { json: false, ..named }).await;
    let expected = "already done, by the same reference, took 0 stored responses (0 B) of www: ";
    assert_eq!(again.out, format!("{expected}{}\n", first["id"].as_str().unwrap()));

    let soft = Invalidate { tags: vec!["news".to_owned()], soft: true, ..Invalidate::default() };
    let soft = run(&config, None, soft).await;
    assert!(
        soft.out.starts_with("marked 0 stored responses (0 B) of www stale: I"),
        "{}",
        soft.out
    );

    let listed = run(&config, None, Invalidations { limit: 2, ..Invalidations::default() }).await;
    let lines: Vec<&str> = listed.out.lines().collect();
    assert!(lines[1].contains("#news (soft)") && lines[2].contains("build-41"), "{}", listed.out);
    let older = lines[4].strip_prefix("there are older ones: --after ").unwrap();
    let after = Invalidations { limit: 2, after: Some(older.to_owned()), ..Default::default() };
    let older = run(&config, None, after).await;
    assert!(older.out.contains(id) && !older.out.contains("older ones"), "{}", older.out);
    let one = Invalidations { id: Some(id.to_owned()), ..Default::default() };
    let one = run(&config, None, one).await;
    assert!(one.out.starts_with(&format!("{id} of www, completed\n")), "{}", one.out);
}

#[tokio::test]
async fn it_waits_for_what_is_fetched_and_tells_a_person_how_far_it_is() {
    let node = Node::start(Sites::Www);
    let config = config(&node);
    let fetching = Invalidate { prefetch: vec![String::new()], ..order(&["/a", "/b", "/c/*"]) };
    let begun = run(&config, None, Invalidate { no_wait: true, ..fetching.clone() }).await;
    assert_eq!(begun.exit, Exit::Done);
    assert!(begun.out.lines().nth(1).unwrap().starts_with("prefetching"), "{}", begun.out);
    let listed = run(&config, None, Invalidations { limit: 1, ..Default::default() }).await;
    assert!(listed.out.contains("in-progress ("), "{}", listed.out);

    let waits = print(&config, None, Line::Invalidate(fetching), Audience::Person);
    let answers = async {
        // Not before somebody waits for it.
        while node.plane.asked.lock().len() < 2 {
            tokio::task::yield_now().await;
        }
        node.plane.answers.add_permits(100);
    };
    let (waited, ()) = tokio::join!(waits, answers);
    assert_eq!(waited.exit, Exit::Done);
    assert!(waited.out.ends_with("\nprefetched 2 URLs\n"), "{}", waited.out);
    assert!(waited.err.ends_with("\r\u{1b}[K"), "{}", waited.err);

    // Nothing at all could be fetched.
    node.plane.answers.close();
    let sitemap = Invalidate { sitemap: Some("/s.xml".to_owned()), ..order(&["/*"]) };
    let failed = run(&config, None, sitemap.clone()).await;
    assert_eq!((failed.exit, failed.err.as_str()), (Exit::Failed, ""));
    let told = "\nprefetched 0 URLs, 1 failed: /s.xml nobody answers\n";
    assert!(failed.out.ends_with(told), "{}", failed.out);
    let failed = run(&config, None, Invalidate { json: true, ..sitemap }).await;
    assert_eq!(failed.json()["prefetch"]["failed"], 1);
}

#[tokio::test]
async fn a_url_is_inspected_as_it_was_written() {
    let node = Node::start(Sites::Www);
    let config = config(&node);
    let inspect = Inspect {
        headers: vec!["Accept: a+b, \"c\"; q=1&d".to_owned()],
        method: "HEAD".to_owned(),
        json: true,
        url: "https://www.example.com/a b?c=d&e=%2B+#f".replace(' ', "%20"),
    };
    let answer = run(&config, None, inspect.clone()).await.json();
    assert_eq!(answer["url"], "https://www.example.com/a%20b?c=d&e=%2B+");
    assert_eq!(answer["method"], "HEAD");
    assert!(answer["notes"].to_string().contains(r#"accept: a+b, \"c\"; q=1&d"#), "{answer}");
    let told = run(&config, None, Inspect { json: false, ..inspect.clone() }).await;
    assert!(told.out.starts_with("HEAD https://www.example.com/a%20b?c=d&e=%2B+\n  next"));
    let elsewhere = Inspect { url: "https://x.example/".to_owned(), json: false, ..inspect };
    let refused = run(&config, None, elsewhere).await;
    assert_eq!(refused.exit, Exit::Failed);
    assert!(refused.err.contains("no site answers"), "{}", refused.err);
}

#[tokio::test]
async fn a_key_lives_from_create_to_revoke() {
    let node = Node::start(Sites::Www);
    let config = config(&node);
    let create = Keys::Create(CreateKey {
        actions: vec!["invalidate".to_owned(), "read".to_owned()],
        limits: KeyGrant { site: Some("www".to_owned()), ..KeyGrant::default() },
        name: "ci".to_owned(),
        ..CreateKey::default()
    });
    let made = print(&config, None, Line::Keys(create), Audience::Person).await;
    assert_eq!(made.exit, Exit::Done, "{}", made.err);
    let token = made.out.trim_end();
    let (id, secret) = token.split_once('.').unwrap();
    assert!(made.err.contains("AWS_ENDPOINT_URL_CLOUDFRONT=http://127.0.0.1:"), "{}", made.err);
    assert!(!made.err.contains(secret));
    assert_eq!(run(&config, Some(token), order(&["/a"])).await.exit, Exit::Done);

    let rotate = RotateKey { overlap: "0s".to_owned(), key: id.to_owned(), json: false };
    let rotated = run(&config, None, Keys::Rotate(rotate)).await;
    assert_eq!((rotated.exit, rotated.err.as_str()), (Exit::Done, ""), "a script gets no advice");
    let fresh = rotated.out.trim_end();
    assert!(fresh.starts_with(&format!("{id}.")) && fresh != token);
    assert_eq!(run(&config, Some(token), order(&["/a"])).await.exit, Exit::Failed);
    assert_eq!(run(&config, Some(fresh), order(&["/a"])).await.exit, Exit::Done);

    let listed = run(&config, None, Keys::List { json: false }).await;
    assert!(listed.out.contains("invalidate, read at site www"), "{}", listed.out);
    assert!(!listed.out.contains(fresh));
    // By its name, which no other key has.
    let revoke = Keys::Revoke { json: false, key: "ci".to_owned() };
    let revoked = run(&config, None, revoke.clone()).await;
    assert_eq!(revoked.out, format!("revoked {id}\n"));
    assert_eq!(run(&config, Some(fresh), order(&["/a"])).await.exit, Exit::Failed);
    let again = run(&config, None, revoke).await;
    assert_eq!((again.exit, again.err.as_str()), (Exit::Failed, "warmfront: no key has this id\n"));
}

#[tokio::test]
async fn without_tls_no_key_leaves_this_machine() {
    let node = Node::start(Sites::Www);
    let elsewhere = AdminAddr::Tcp("192.0.2.1:9900".parse().unwrap());
    let config = Whereabouts { admin: elsewhere, ..config(&node) };
    let refused = run(&config, None, order(&["/*"])).await;
    let expected = "warmfront: listen.admin: 192.0.2.1:9900 is no address of this machine";
    assert!(refused.err.starts_with(expected), "{}", refused.err);
}

#[tokio::test]
async fn a_name_that_two_keys_have_means_neither() {
    let state = tempfile::tempdir().unwrap();
    let mut file = node::config(Sites::Www, "127.0.0.1:0", state.path());
    let twin = Key { id: "TWIN".to_owned(), ..file.keys[0].clone() };
    file.keys.push(twin);
    let node = Node::with(file, state);
    let revoke = Keys::Revoke { json: false, key: "deploy".to_owned() };
    let refused = run(&config(&node), None, revoke).await;
    assert!(
        refused.err.starts_with("warmfront: `deploy` is the name or the id of more than one key: ")
    );
    assert!(refused.err.contains("TWIN") && refused.err.contains("DEPLOY"), "{}", refused.err);
}

#[tokio::test]
async fn a_refusal_is_a_sentence_or_a_problem() {
    let node = Node::start(Sites::Www);
    let config = config(&node);
    let key = Some("DEPLOY.secret-of-the-deploy-key");
    let refused = run(&config, key, order(&["/x"])).await;
    assert_eq!((refused.exit, refused.out.as_str()), (Exit::Failed, ""));
    assert_eq!(refused.err, "warmfront: this key may not invalidate `/x` of www\n");

    let as_json = Invalidate { json: true, ..order(&["/x"]) };
    let refused = run(&config, key, as_json).await;
    assert_eq!((refused.exit, refused.json()["status"].as_u64()), (Exit::Failed, Some(403)));

    let no_key = run(&config, Some("nonsense"), order(&["/x"])).await;
    assert_eq!(no_key.err, "warmfront: WARMFRONT_KEY is not `<id>.<secret>`\n");
    for empty in ["", "\n"] {
        let refused = run(&config, Some(empty), order(&["/x"])).await;
        assert!(refused.err.starts_with("warmfront: WARMFRONT_KEY is empty: "), "{}", refused.err);
    }
    let elsewhere = Whereabouts { state: None, ..config };
    let keyless = run(&elsewhere, None, order(&["/x"])).await;
    assert!(keyless.err.starts_with("warmfront: WARMFRONT_ADMIN needs "), "{}", keyless.err);
}

#[tokio::test]
async fn a_unix_socket_works_as_well() {
    let state = tempfile::tempdir().unwrap();
    let admin = format!("unix:{}", state.path().join("admin.sock").display());
    let node = Node::listen(Sites::Www, &admin, state);
    let done = run(&whereabouts(&node.config), None, order(&["/*"])).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.err);
}

#[tokio::test]
async fn a_node_on_every_address_is_asked_on_loopback() {
    let node = Node::listen(Sites::Www, "0.0.0.0:0", tempfile::tempdir().unwrap());
    let done = run(&config(&node), None, order(&["/*"])).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.err);
}

#[tokio::test]
async fn under_tls_the_very_certificate_is_trusted_and_no_other() {
    let node = Node::start(Sites::WwwUnderTls);
    let config = config(&node);
    let done = run(&config, None, order(&["/*"])).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.err);
    // As if this machine had another one, and no state of a node.
    node::own_pair(node.state.path(), &["www.example.com"]);
    let strange = Whereabouts { state: None, ..config.clone() };
    let refused = run(&strange, Some("A.B"), order(&["/*"])).await;
    assert_eq!(refused.exit, Exit::Failed);
    let address = match &node.address {
        AdminAddr::Tcp(address) => address.to_string(),
        AdminAddr::Unix(_) => panic!("a TCP address"),
    };
    let begin = format!(
        "warmfront: no TLS with {address} as www.example.com (listen.admin_tls): invalid peer \
         certificate: "
    );
    assert!(refused.err.starts_with(&begin), "{}", refused.err);
    // What it shows lies in its state, whoever made it: a stand-in, too.
    let done = run(&config, None, order(&["/*"])).await;
    assert_eq!(done.exit, Exit::Done, "{}", done.err);
}

#[tokio::test]
async fn no_node_and_no_key_are_told_apart() {
    let state = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    drop(holder);
    let file = node::config(Sites::Www, &address.to_string(), state.path());
    let mut config = whereabouts(&file);

    let no_key = run(&config, None, order(&["/*"])).await;
    let path = state.path().join("root.key");
    let expected = format!(
        "warmfront: cannot read the root key {}: no such file or directory; run as the user \
         warmfront runs as, or set WARMFRONT_KEY\n",
        path.display()
    );
    assert_eq!(no_key.err, expected);

    let no_node = run(&config, Some("A.B"), order(&["/*"])).await;
    let expected = format!(
        "warmfront: no warmfront answers at {address} (connection refused): is it running?\n"
    );
    assert_eq!(no_node.err, expected);

    config.admin = AdminAddr::Unix(state.path().join("none.sock"));
    let no_node = run(&config, Some("A.B"), Status { json: false }).await;
    assert!(no_node.err.contains("(no such file or directory)"), "{}", no_node.err);
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
    let state = tempfile::tempdir().unwrap();
    let file = node::config(Sites::Www, &address.to_string(), state.path());
    let config = whereabouts(&file);
    let foreign = run(&config, Some("A.B"), order(&["/*"])).await;
    let expected = format!(
        "warmfront: what answers at {address} with status 200 OK is no warmfront of this version\n"
    );
    assert_eq!(foreign.err, expected);
}

#[tokio::test]
async fn an_open_key_file_is_refused_by_the_command_too() {
    let node = Node::start(Sites::Www);
    let path = node.state.path().join("root.key");
    set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let refused = run(&config(&node), None, order(&["/*"])).await;
    assert!(refused.err.contains("open to other users (mode 0644)"), "{}", refused.err);
}

impl From<Invalidate> for Line {
    fn from(order: Invalidate) -> Self {
        Self::Invalidate(order)
    }
}

impl From<Invalidations> for Line {
    fn from(order: Invalidations) -> Self {
        Self::Invalidations(order)
    }
}

impl From<Inspect> for Line {
    fn from(order: Inspect) -> Self {
        Self::Inspect(order)
    }
}

impl From<Keys> for Line {
    fn from(order: Keys) -> Self {
        Self::Keys(order)
    }
}

impl From<Status> for Line {
    fn from(order: Status) -> Self {
        Self::Status(order)
    }
}
