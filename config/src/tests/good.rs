//! Good files and what they mean.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;

use super::{LEAST, read};
use crate::*;

const FULL: &str = r#"
[listen]
http  = ["[::]:80"]
https = ["[::]:443"]
admin = "unix:run/admin.sock"
state = "state"
workers = 3

[limits]
header_bytes = "16KiB"
header_timeout = "250ms"
body_bytes = "1GB"

[tls]
min_version = "1.3"
certificates = [{ chain = "/etc/ssl/x.pem", key = "x.key" }]

[cache]
memory = "1GiB"
max_object = "64MiB"

[origins.web]
s3 = { bucket = "example-web-prod", region = "eu-central-1", prefix = "/build" }

[origins.minio]
s3 = { bucket = "web", endpoint = "http://127.0.0.1:9000", credentials = { access_key_id = "AKIA", secret_access_key = "${SECRET}" } }

[origins.api]
targets = ["API.internal:8080", "[::1]:8081"]
host = "target"
headers = { "X-Origin-Secret" = "${SECRET} $${x}" }
attempts = 2

[sites.zebra]
hosts = ["WWW.example.com", "*.preview.example.com"]
origin = "web"
spa = "/index.html"
ttl = { max = "1h" }

[[sites.zebra.behaviors]]
path = "/api/*"
origin = "api"

[[sites.zebra.behaviors]]
path = "/assets/*"
ttl = { default = "30m" }

[sites.apple]
hosts = ["[2001:DB8::1]"]
origin = "minio"
default_root_object = "/home.html"
set_cookie = "strip"
request_directives = "honor"
stale_if_unreachable = "5m"
access_log = false

[keys.deploy]
id = "WFDEPLOYKEYEXAMPLE"
secret = "0123456789abcdef"
allow = [{ action = "invalidate", site = "zebra", paths = ["/*"] }, { action = ["read"] }]

[log]
level = "debug"
access = "logs/access.log"
format = "text"
"#;

#[test]
fn defaults_are_the_documented_ones() {
    let config = read(LEAST).unwrap();
    assert_eq!(config.listen.http, ["[::]:80".parse().unwrap()]);
    assert_eq!(config.listen.admin, AdminAddr::Tcp("127.0.0.1:9900".parse().unwrap()));
    assert_eq!(config.listen.state, Path::new("/var/lib/warmfront"));
    let limits = Limits {
        header_bytes: 32 << 10,
        header_fields: 128,
        url_bytes: 8 << 10,
        header_timeout: Duration::from_secs(10),
        body_bytes: 1 << 30,
        idle_timeout: Duration::from_mins(1),
        requests_per_connection: 10_000,
        connections: 20_000,
        connections_per_client: 1_000,
        h2_streams: 128,
    };
    assert_eq!(config.limits, limits);
    let collapse_timeout = Duration::from_secs(30);
    let prefetch_rate = NonZeroU32::new(50).unwrap();
    let cache = Cache { memory: 512 << 20, max_object: 64 << 20, collapse_timeout, prefetch_rate };
    assert_eq!(config.cache, cache);
    assert!(config.resolver.servers.is_empty());
    let log = Log { level: Level::Info, access: AccessLog::Stdout, format: LogFormat::Json };
    assert_eq!(config.log, log);
    let [site] = config.sites.as_slice() else { panic!("one site") };
    assert!(site.access_log && site.spa.is_none() && site.default_root_object.is_empty());
    assert_eq!(site.set_cookie, SetCookie::Skip);
    assert_eq!(site.request_directives, RequestDirectives::Ignore);
    assert_eq!(site.stale_if_unreachable, Duration::from_hours(24));
    let [whole] = site.behaviors.as_slice() else { panic!("only the site itself") };
    assert_eq!(whole.path.as_str(), "*");
    assert_eq!((&whole.policy.query, &whole.methods), (&Selection::All, &Methods::All));
    assert_eq!(whole.policy.ttl, ttl(0, None, 365 * 86_400));
    assert!(site.error_pages.is_empty() && site.canonical_host.is_none());
    assert!(site.keep_assets.is_none() && site.clients.allow.is_empty());
    assert!(site.clients.deny.is_empty() && !whole.server_timing);
    assert!(whole.trusted_keys.is_none() && *whole.response_fields == ResponseFields::default());
}

#[test]
fn the_front_of_the_file_means_what_it_says() {
    let config = read(FULL).unwrap();
    assert_eq!(config.listen.admin, AdminAddr::Unix(PathBuf::from("run/admin.sock")));
    assert_eq!(config.listen.workers.get(), 3);
    assert_eq!(config.limits.url_bytes, 8 << 10);
    assert_eq!(config.limits.header_timeout, Duration::from_millis(250));
    assert_eq!(config.limits.body_bytes, 1_000_000_000);
    assert_eq!(config.tls.policy, TlsPolicy::V1_3_2025);
    let files = CertificateFiles { chain: "/etc/ssl/x.pem".into(), key: "x.key".into() };
    assert_eq!(config.tls.certificates, [files]);
    assert_eq!(config.log.access, AccessLog::File("logs/access.log".into()));
}

#[test]
fn origins_mean_what_they_say() {
    let config = read(FULL).unwrap();
    let OriginKind::S3(web) = &config.origins["web"].kind else { panic!("a bucket") };
    assert_eq!((web.prefix.as_str(), web.path_style), ("build/", false));
    let OriginKind::S3(minio) = &config.origins["minio"].kind else { panic!("a bucket") };
    assert_eq!(minio.region, "us-east-1");
    assert!(minio.path_style, "an address has no sub-domains");
    let endpoint = Endpoint { tls: false, host: "127.0.0.1".to_owned(), port: 9000 };
    assert_eq!(minio.endpoint.as_ref(), Some(&endpoint));
    assert!(!format!("{minio:?}").contains("from-the-environment"));
    let OriginKind::TargetGroup(api) = &config.origins["api"].kind else { panic!("targets") };
    let target = |host: &str, port| TargetEntry {
        name: TargetName { host: host.to_owned(), port },
        weight: 1,
        tier: 0,
    };
    assert_eq!(api.targets, [target("api.internal", 8080), target("::1", 8081)]);
    assert_eq!(api.host, HostField::Target);
    let [(name, value)] = api.headers.as_slice() else { panic!("one field") };
    assert_eq!(
        (name.as_str(), value.as_bytes()),
        ("x-origin-secret", &b"from-the-environment ${x}"[..])
    );
}

#[test]
fn sites_and_keys_mean_what_they_say() {
    let config = read(FULL).unwrap();
    let [zebra, apple] = config.sites.as_slice() else { panic!("in the order of the file") };
    let hosts: Vec<_> = zebra.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["www.example.com", "*.preview.example.com"]);
    assert_eq!(zebra.default_root_object, "index.html");
    assert_eq!(zebra.spa.as_deref(), Some("/index.html"));
    let behaviors = zebra.behaviors.iter();
    let seen: Vec<_> = behaviors
        .map(|b| (b.path.as_str(), b.origin.name.as_str(), b.policy.ttl, b.methods.clone()))
        .collect();
    let safe = || Methods::Only(vec![Method::GET, Method::HEAD, Method::OPTIONS]);
    let expected = [
        ("/api/*", "api", ttl(0, None, 3_600), Methods::All),
        ("/assets/*", "web", ttl(0, Some(1_800), 3_600), safe()),
        ("*", "web", ttl(0, Some(3_600), 3_600), safe()),
    ];
    assert_eq!(seen, expected);
    assert_eq!(apple.hosts, [HostPattern::Exact("2001:db8::1".to_owned())]);
    assert_eq!((apple.default_root_object.as_str(), apple.access_log), ("home.html", false));
    assert_eq!(apple.set_cookie, SetCookie::Strip);
    assert_eq!(apple.request_directives, RequestDirectives::Honor);
    assert_eq!(apple.stale_if_unreachable, Duration::from_mins(5));
    let [key] = config.keys.as_slice() else { panic!("one key") };
    let [deploy, look] = key.allow.as_slice() else { panic!("two grants") };
    assert_eq!(
        (deploy.actions.as_slice(), deploy.site.as_deref()),
        (&[Action::Invalidate][..], Some("zebra"))
    );
    assert_eq!(
        (look.actions.as_slice(), look.site.as_deref(), look.paths.len()),
        (&[Action::Read][..], None, 0)
    );
}

#[test]
fn buckets_get_the_address_style_that_works() {
    let cases = [
        (r#"bucket = "a-b", region = "r""#, false),
        (r#"bucket = "a.b", region = "r""#, true),
        (r#"bucket = "a.b", region = "r", website = true"#, false),
        (r#"bucket = "a.b", endpoint = "https://s3.example.com""#, false),
        (r#"bucket = "ab", endpoint = "https://s3.example.com", path_style = true"#, true),
        (r#"bucket = "ab", endpoint = "http://[::1]:9000""#, true),
    ];
    for (s3, path_style) in cases {
        let text = LEAST.replace(r#"targets = ["10.0.1.10:8080"]"#, &format!("s3 = {{ {s3} }}"));
        let config = read(&text).unwrap();
        let OriginKind::S3(bucket) = &config.origins["api"].kind else { panic!("a bucket") };
        assert_eq!(bucket.path_style, path_style, "{s3}");
    }
}

#[test]
fn defaults_keep_within_what_is_written() {
    let small = format!("{LEAST}[cache]\nmemory = \"8MiB\"\n[limits]\nheader_bytes = \"4KiB\"\n");
    let config = read(&small).unwrap();
    assert_eq!(config.cache.max_object, 2 << 20);
    assert_eq!(config.limits.url_bytes, 4 << 10);
    for (written, expected) in [
        (r#"{ min = "2d" }"#, ttl(172_800, Some(172_800), 365 * 86_400)),
        (r#"{ min = "400d" }"#, ttl(400 * 86_400, Some(400 * 86_400), 400 * 86_400)),
        (r#"{ default = "0s" }"#, ttl(0, Some(0), 365 * 86_400)),
    ] {
        let text = LEAST
            .replace(r#"targets = ["10.0.1.10:8080"]"#, r#"s3 = { bucket = "abc", region = "r" }"#);
        let config = read(&format!("{text}ttl = {written}\n")).unwrap();
        assert_eq!(config.sites[0].behaviors[0].policy.ttl, expected, "{written}");
    }
}

#[test]
fn files_are_found_from_the_files_own_directory() {
    let directory = tempfile::tempdir().unwrap();
    let key =
        "[keys.k]\nid = \"k\"\nsecret_file = \"deploy.secret\"\nallow = [{ action = \"read\" }]\n";
    let file = directory.path().join("warmfront.toml");
    std::fs::write(&file, format!("{LEAST}{key}")).unwrap();
    std::fs::write(directory.path().join("deploy.secret"), " 0123456789abcdef\n").unwrap();
    let config = load(&file, &|_| None).unwrap();
    assert_eq!(config.keys[0].secret.reveal(), "0123456789abcdef");
}

fn ttl(min: u64, default: Option<u64>, max: u64) -> Ttl {
    let seconds = Duration::from_secs;
    Ttl { min: seconds(min), default: default.map(seconds), max: seconds(max) }
}

#[test]
fn the_file_that_fuzzing_starts_from_is_sound() {
    let config = read(include_str!("../../../fuzz/seeds/config/everything"));
    assert_eq!(config.map(|config| config.origins.len()), Ok(5));
}
