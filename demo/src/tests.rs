use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;

#[tokio::test]
async fn it_starts_again_in_the_same_directory() {
    let home = tempfile::tempdir().unwrap();
    let options = Options::any_ports(Demo::default_dir(Some(home.path()), Path::new("/tmp")));
    let first = Demo::start(options.clone(), now()).await.unwrap();
    let ca = std::fs::read(first.ca_path()).unwrap();
    let page = bucket::Upload {
        key: "index.html",
        body: b"changed",
        content_type: "text/plain",
        cache_control: None,
    };
    first.bucket().put(BUCKET, page).await.unwrap();
    drop(first);

    let second = Demo::start(options, now()).await.unwrap();
    assert_eq!(ca, std::fs::read(second.ca_path()).unwrap());
    let page = std::fs::read_to_string(second.dir().join("bucket/app/index.html")).unwrap();
    assert!(page.contains(&site::script_key()), "{page}");
}

#[tokio::test]
async fn what_is_secret_is_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Options::any_ports(dir.path().join("demo")), now()).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(demo.dir()), 0o700);
    for secret in ["warmfront.toml", "bucket.secret", "key.pem", "ca-key.pem"] {
        assert_eq!(mode(&demo.dir().join(secret)), 0o600, "{secret}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let free = Options::any_ports(dir.path().to_path_buf());
    let table = [
        Options { http: port, ..free.clone() },
        Options { https: port, ..free.clone() },
        Options { admin: port, ..free.clone() },
        Options { bucket: port, ..free.clone() },
        Options { apps: [0, port], ..free },
    ];
    for options in table {
        let error = Demo::start(options, now()).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("127.0.0.1:{port} is in use")), "{error}");
    }
}

#[tokio::test]
async fn the_lines_to_copy_fit_what_runs() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Options::any_ports(dir.path().to_path_buf()), now()).await.unwrap();
    let config = std::fs::read_to_string(demo.config_path()).unwrap();
    let greeting = demo.greeting("./warmfront");
    let config_path = demo.config_path().display().to_string();
    for expected in [
        &*format!("curl -sI 'http://localhost:{}/a?b=c'", demo.listeners.http_port()),
        &*format!("https://localhost:{}/deep/link", demo.listeners.https_port()),
        &*format!("./warmfront invalidate --config {config_path} '/*'"),
        &*format!("http://{}/app/index.html", demo.bucket().address()),
        "aws --endpoint-url",
    ] {
        assert!(greeting.contains(expected), "{expected} in {greeting}");
    }
    assert!(config.contains(&format!("admin = \"{}\"", demo.listeners.admin)), "{config}");
}

/// 2026-01-01.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(490_896)
}
