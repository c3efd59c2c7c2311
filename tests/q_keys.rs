//! Keys that are made, used, rotated and revoked while the node runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::edge::before;
use crate::support::program::{Ended, output, program, warmfront};
use crate::support::sigv4::{Unsigned, element};
use crate::support::{Edge, Origin, Setup, run};

#[test]
fn a_key_of_the_command_line_opens_what_it_may_by_token_and_by_signature() {
    run(async {
        let (_origin, edge) = site().await;
        let words = ["create", "ci", "--allow=invalidate,read", "--site=www", "--path=/assets/*"];
        let made = command(&edge, &words).await;
        let token = made.stdout.trim_end();
        let (id, secret) = token.split_once('.').unwrap();
        assert!(made.stderr.is_empty(), "advice is for a terminal: {made:?}");

        for (path, status) in [("/assets/*", 201), ("/assets/a.js", 201), ("/*", 403), ("/", 403)] {
            let order = json!({ "paths": [path] }).to_string();
            let told = edge.invalidate_as(token, &order).await;
            assert_eq!(told.status, status, "{path}: {}", told.text());
            let signed = Unsigned::new(token, "POST", "/invalidate", &order);
            let told = signed.field("content-type", "application/json").send(&edge).await;
            assert_eq!(told.status, status, "{path}: {}", told.text());
            let told = Unsigned::invalidation(&edge, ID, &[path]).key(token).send(&edge).await;
            assert_eq!(told.status, status, "{path}: {}", told.text());
            let told = curl(&edge, id, secret, &order).await;
            assert!(told.stdout.ends_with(&format!(" {status}")), "{path}: {told:?}");
            let told = as_key(&edge, token, &["invalidate", path]).await;
            assert_eq!(told.code, i32::from(status != 201), "{path}: {told:?}");
        }
        for (method, path) in [("POST", "/keys"), ("DELETE", "/keys/x"), ("POST", "/keys/x/rotate")]
        {
            let told = edge.control_as(token, method, path, r#"{"name":"x","allow":[]}"#).await;
            assert_eq!(told.status, StatusCode::FORBIDDEN, "{path}: {}", told.text());
        }
        let own = edge.control_as(token, "GET", "/keys", "").await.json();
        assert_eq!(own["keys"].as_array().unwrap().len(), 1, "{own}");
    });
}

#[test]
fn keys_are_listed_without_secrets_rotated_with_an_overlap_and_revoked_at_once() {
    run(async {
        let (_origin, edge) = site().await;
        let made = command(&edge, &["create", "ci", "--allow", "read"]).await;
        let first = made.stdout.trim_end().to_owned();
        let (id, _) = first.split_once('.').unwrap();
        let rotated = command(&edge, &["rotate", id, "--overlap", "1h", "--json"]).await;
        let rotated: Value = serde_json::from_str(&rotated.stdout).unwrap();
        let second = rotated["token"].as_str().unwrap();
        assert_ne!(second, first);
        assert_eq!(opens(&edge, &[&first, second]).await, [200, 200]);

        for words in [&["list"][..], &["list", "--json"]] {
            let listed = command(&edge, words).await;
            assert_eq!(listed.code, 0, "{listed:?}");
            for name in ["root", "deploy", "ci"] {
                assert!(listed.stdout.contains(name), "{listed:?}");
            }
            for key in [&*first, second, DEPLOY, &edge.root_key()] {
                let (_, secret) = key.split_once('.').unwrap();
                assert!(!listed.stdout.contains(secret), "{listed:?}");
            }
        }
        let third = command(&edge, &["rotate", id, "--overlap", "0s"]).await;
        let third = third.stdout.trim_end();
        assert_eq!(opens(&edge, &[&first, second, third]).await, [401, 401, 200]);
        let revoked = command(&edge, &["revoke", id]).await;
        assert_eq!(revoked.code, 0, "{revoked:?}");
        assert_eq!(opens(&edge, &[third]).await, [401]);
        let again = command(&edge, &["revoke", id]).await;
        assert_eq!(again.code, 1, "{again:?}");
        assert!(again.stderr.contains("no key has this id"), "{again:?}");
    });
}

#[test]
fn keys_outlive_a_restart_and_a_kill() {
    run(async {
        let (_origin, edge) = site().await;
        let allow = json!([{ "action": ["invalidate"], "site": "www" }]);
        let kept = token(&edge.created_key("kept", &allow).await);
        let revoked = edge.created_key("revoked", &allow).await;
        let path = format!("/keys/{}", revoked["id"].as_str().unwrap());
        assert_eq!(edge.control("DELETE", &path, "").await.status, StatusCode::NO_CONTENT);

        let edge = edge.kill().await.start().await;
        let last = token(&edge.created_key("last", &allow).await);
        let edge = edge.restart().await;
        for (key, status) in [(&*kept, 201), (&last, 201), (&token(&revoked), 403)] {
            let answer = Unsigned::invalidation(&edge, ID, &["/*"]).key(key).send(&edge).await;
            assert_eq!(answer.status, status, "{}", answer.text());
        }
        let taken = json!({ "name": "kept", "allow": allow }).to_string();
        let taken = edge.control("POST", "/keys", &taken).await;
        assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.text());
    });
}

#[test]
fn a_secret_is_in_no_log_and_in_no_file_as_it_is() {
    run(async {
        let (_origin, mut edge) = site().await;
        let allow = json!([{ "action": ["read", "invalidate"] }]);
        let made = edge.created_key("ci", &allow).await;
        let rotate = format!("/keys/{}/rotate", made["id"].as_str().unwrap());
        let rotated = edge.control("POST", &rotate, "").await.json();
        for key in [&made, &rotated] {
            let key = token(key);
            assert_eq!(edge.invalidate_as(&key, r#"{"paths":["/*"]}"#).await.status, 201);
            assert_eq!(
                Unsigned::invalidation(&edge, ID, &["/*"]).key(&key).send(&edge).await.status,
                201
            );
            // Mistyped, as keys are: what is said of it repeats none of it.
            edge.control_as(&format!("{key}x"), "GET", "/keys", "").await;
            edge.control_as(&key.replacen('.', "", 1), "GET", "/keys", "").await;
        }
        let secrets = [&made, &rotated].map(|key| key["secret"].as_str().unwrap());
        edge.process.terminate();
        assert!(edge.process.exit().await.success());
        let logs = edge.process.stdout.text() + &edge.process.stderr.text();
        let state = edge.setup().dir().join("state");
        assert_eq!(mode(&state), 0o700);
        assert_eq!(mode(&state.join("seal.key")), 0o600);
        assert_eq!(mode(&state.join("root.key")), 0o600);
        for secret in secrets {
            assert!(!logs.contains(secret), "a secret is in a log");
            for file in files(&state) {
                let bytes = std::fs::read(&file).unwrap();
                let is_in = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!is_in, "a secret is in {}", file.display());
                assert_eq!(mode(&file) & 0o077, 0, "{} is open to others", file.display());
            }
        }
    });
}

#[test]
fn a_key_whose_seal_is_lost_is_a_token_still_and_signs_again_once_rotated() {
    run(async {
        let (_origin, edge) = site().await;
        let made = edge.created_key("ci", &json!([{ "action": ["read", "invalidate"] }])).await;
        let id = made["id"].as_str().unwrap();
        let setup = edge.kill().await;
        std::fs::remove_file(setup.dir().join("state/seal.key")).unwrap();
        let edge = setup.start().await;
        let key = token(&made);
        assert_eq!(opens(&edge, &[&key]).await, [200]);
        let signed = Unsigned::invalidation(&edge, ID, &["/*"]).key(&key).send(&edge).await;
        assert_eq!(element(signed.text(), "Code"), "InvalidClientTokenId", "{}", signed.text());
        let told = element(signed.text(), "Message");
        assert!(told.contains("rotate the key"), "{told}");
        let listed = edge.control("GET", "/keys", "").await.json();
        let listed = listed["keys"].as_array().unwrap().iter().find(|it| it["id"] == id).cloned();
        assert_eq!(listed.unwrap()["signing"], false);

        let rotate = format!("/keys/{id}/rotate");
        let rotated = edge.control("POST", &rotate, r#"{"overlap":"0s"}"#).await.json();
        let key = token(&rotated);
        let signed = Unsigned::invalidation(&edge, ID, &["/*"]).key(&key).send(&edge).await;
        assert_eq!(signed.status, StatusCode::CREATED, "{}", signed.text());
    });
}

#[test]
fn the_root_key_is_rotated_in_its_file() {
    run(async {
        let (_origin, edge) = site().await;
        let old = edge.root_key();
        let (id, _) = old.split_once('.').unwrap();
        let told = command(&edge, &["rotate", id, "--overlap", "1h"]).await;
        let new = edge.root_key();
        assert_eq!(told.stdout.trim_end(), new);
        assert_ne!(new, old);
        assert_eq!(mode(&edge.setup().dir().join("state/root.key")), 0o600);
        assert_eq!(opens(&edge, &[&old, &new]).await, [200, 200]);
        let signed = Unsigned::invalidation(&edge, ID, &["/*"]).key(&new).send(&edge).await;
        assert_eq!(signed.status, StatusCode::CREATED, "{}", signed.text());
        let edge = edge.restart().await;
        assert_eq!(opens(&edge, &[&old, &new]).await, [401, 200]);
    });
}

#[test]
fn what_stands_in_the_configuration_is_not_changed_here() {
    run(async {
        let (_origin, edge) = site().await;
        let root = edge.root_key();
        let root = root.split('.').next().unwrap();
        for (words, says) in [
            (&["revoke", "DEPLOYKEY"][..], "[keys.deploy]"),
            (&["rotate", "DEPLOYKEY"], "[keys.deploy]"),
            (&["revoke", root], "root"),
            (&["revoke", "../keys"], "no key has this id"),
            (&["create", "deploy", "--allow", "read"], "named `deploy` already"),
            (&["create", "a b", "--allow", "read"], "a key's name is"),
            (&["create", "x", "--allow", "read", "--site", "ww"], "did you mean `www`?"),
            (&["create", "x", "--allow", "write"], "`allow[0].action"),
        ] {
            let told = command(&edge, words).await;
            assert_eq!((told.code, &*told.stdout), (1, ""), "{words:?}: {told:?}");
            assert!(told.stderr.contains(says), "{words:?}: {told:?}");
        }
        assert_eq!(opens(&edge, &[DEPLOY, &edge.root_key()]).await, [200, 200]);
        let listed = edge.control("GET", "/keys", "").await.json();
        assert_eq!(listed["keys"].as_array().unwrap().len(), 2, "{listed}");
    });
}

#[test]
fn who_guesses_is_told_to_wait_and_a_right_key_passes() {
    run(async {
        let (_origin, edge) = site().await;
        let mut told = Vec::new();
        for number in 0..12 {
            let guess = format!("DEPLOYKEY.guess{number}");
            told.push(edge.control_as(&guess, "GET", "/keys", "").await);
        }
        let statuses: Vec<u16> = told.iter().map(|answer| answer.status.as_u16()).collect();
        assert_eq!(statuses, [&[401; 10][..], &[429; 2]].concat());
        let wait: u32 = told[11].field("retry-after").parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
        // One that is guessed at by signatures is the same one.
        let signed = Unsigned::invalidation(&edge, ID, &["/*"]).key("DEPLOYKEY.guess");
        let answer = signed.send(&edge).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_ne!(answer.field("retry-after"), "", "{}", answer.text());
        let lines = edge.audited_lines(10).await;
        assert!(lines.iter().all(|line| line["action"] == "authenticate"), "{lines:?}");
        assert_eq!(opens(&edge, &[DEPLOY, &edge.root_key()]).await, [200, 200]);
        assert!(!edge.process.stderr.text().contains("guess0"));
    });
}

#[test]
fn every_change_of_a_key_and_every_refusal_of_one_leaves_a_line() {
    run(async {
        let (_origin, edge) = site().await;
        let made = edge.created_key("ci", &json!([{ "action": ["read"] }])).await;
        let id = made["id"].as_str().unwrap();
        let one = format!("/keys/{id}");
        let rotate = format!("{one}/rotate");
        let root = edge.root_key();
        let reader = token(&made);
        let mut lines = 1;
        for (key, method, path, body, expected) in [
            (&*root, "POST", &*rotate, "", json!(["keys", "root", "rotate", id, 200])),
            (&root, "POST", "/keys", "{}", json!(["refuse", "root", null, null, 400])),
            (
                &root,
                "DELETE",
                "/keys/DEPLOYKEY",
                "",
                json!(["keys", "root", "revoke", "DEPLOYKEY", 409]),
            ),
            (&reader, "DELETE", "/keys/DEPLOYKEY", "", json!(["refuse", "ci", null, null, 403])),
            (
                &reader,
                "POST",
                "/invalidate",
                r#"{"paths":["/*"]}"#,
                json!(["invalidate", "ci", null, null, 403]),
            ),
            (&root, "DELETE", &one, "", json!(["keys", "root", "revoke", id, 204])),
        ] {
            edge.control_as(key, method, path, body).await;
            lines += 1;
            let line = edge.audited_lines(lines).await.remove(lines - 1);
            let shown = ["action", "name", "change", "changed", "status"].map(|it| &line[it]);
            assert_eq!(json!(shown), expected, "{line}");
        }
        let created = &edge.audit()[0];
        assert_eq!((&created["changed"], &created["id"]), (&json!("ci"), &json!(id)), "{created}");
    });
}

/// Goal: who only asks a node needs nothing of what the node needs. Method: the variable that its file
/// speaks of is the node's alone, a secret file is gone, and in another folder there is no file.
#[test]
fn a_client_needs_neither_the_nodes_secrets_nor_its_file() {
    run(async {
        let origin = Origin::start().await;
        let site = before(&[origin.address()])
            .replace("[sites.www]", "headers = { x-origin = \"${ORIGIN_SECRET}\" }\n[sites.www]");
        let setup = Setup::new(&(site + &KEYS.replace("secret =", "secret_file =")));
        let secret = setup.dir().join("0123456789abcdef");
        std::fs::write(&secret, "0123456789abcdef").unwrap();
        let edge = setup.variable("ORIGIN_SECRET", "s3cret").start().await;
        std::fs::remove_file(secret).unwrap();
        let told = as_key(&edge, DEPLOY, &["status"]).await;
        assert_eq!((told.code, &*told.stderr), (0, ""), "{told:?}");
        let id = edge.distribution("www").await;
        assert!(told.stdout.contains(&format!("www   {id}  www.example.test")), "{told:?}");
        let told = as_key(&edge, "", &["status"]).await;
        assert!(told.code == 1 && told.stderr.contains("WARMFRONT_KEY is empty"), "{told:?}");
        let told = as_key(&edge, "", &["check"]).await;
        assert!(told.stderr.contains("no variable `ORIGIN_SECRET`"), "{told:?}");

        // Where a demo ran, too.
        let home = tempfile::tempdir().unwrap();
        let demo = home.path().join(".cache/warmfront-demo");
        std::fs::create_dir_all(&demo).unwrap();
        std::fs::copy(edge.setup().config(), demo.join("warmfront.toml")).unwrap();
        let afar = |url: Option<String>| {
            let mut command = warmfront();
            command.env_clear().current_dir(home.path()).env("HOME", home.path());
            command.env("WARMFRONT_KEY", DEPLOY).args(["invalidate", "/*"]);
            command.envs(url.map(|url| ("WARMFRONT_ADMIN", url)));
            command
        };
        let told = output(&mut afar(None)).await;
        assert!(told.code == 1 && told.stderr.contains("name a file with --config"), "{told:?}");
        let url = format!("http://{}", edge.setup().admin);
        let told = output(&mut afar(Some(url))).await;
        assert_eq!((told.code, &*told.stderr), (0, ""), "{told:?}");
        let told = output(&mut afar(Some("http://192.0.2.1:9900".to_owned()))).await;
        assert!(told.stderr.contains("in clear"), "{told:?}");
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let config = before(&[origin.address()]) + &format!("id = \"{ID}\"\n") + KEYS;
    (origin, Edge::start(&config).await)
}

/// `warmfront keys WORDS`, by whoever may read the root key.
async fn command(edge: &Edge, words: &[&str]) -> Ended {
    edge.setup().command(&[&["keys"], words].concat()).await
}

/// `warmfront WORDS`, by whoever has this key.
pub(crate) async fn as_key(edge: &Edge, key: &str, words: &[&str]) -> Ended {
    let mut command = warmfront();
    command.env_clear().env("WARMFRONT_KEY", key).args(words);
    output(command.arg("--config").arg(edge.setup().config())).await
}

/// Prints the answer, a space and its status.
async fn curl(edge: &Edge, id: &str, secret: &str, order: &str) -> Ended {
    let mut curl = program("curl");
    curl.args(["-sS", "--aws-sigv4", "aws:amz:eu-west-1:cloudfront", "--user"])
        .arg(format!("{id}:{secret}"))
        .args(["-H", "content-type: application/json", "-w", " %{http_code}", "--data", order])
        .arg(format!("http://{}/invalidate", edge.setup().admin));
    output(&mut curl).await
}

/// What each of the tokens is answered to a look.
async fn opens(edge: &Edge, keys: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for key in keys {
        statuses.push(edge.control_as(key, "GET", "/keys", "").await.status.as_u16());
    }
    statuses
}

fn token(key: &Value) -> String {
    key["token"].as_str().unwrap_or_else(|| panic!("{key}")).to_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

const ID: &str = "E2QWRUHAPOMQZL";
const DEPLOY: &str = "DEPLOYKEY.0123456789abcdef";
const KEYS: &str = r#"
[keys.deploy]
id = "DEPLOYKEY"
secret = "0123456789abcdef"
allow = [{ action = ["read", "invalidate"] }]
"#;
