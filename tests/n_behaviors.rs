//! Behaviors: which one a request is for, and what each of them says for itself.

use std::fmt::Write as _;

use crate::support::{Edge, Origin, Over, Reply, WWW, run};

/// Patterns in their order, each of a behavior with an origin that answers with its number; the
/// site itself is the last.
async fn site(patterns: &[&str]) -> (Vec<Origin>, Edge) {
    let behaviors = patterns.iter().enumerate().map(|(nth, pattern)| {
        format!("[[sites.www.behaviors]]\npath = '{pattern}'\norigin = 'o{nth}'\n")
    });
    let mut config = format!(
        "[sites.www]\nhosts = ['{WWW}']\norigin = 'o{}'\nviewer = 'allow-all'\n{}",
        patterns.len(),
        behaviors.collect::<Vec<_>>().concat()
    );
    let mut origins = Vec::new();
    for nth in 0..=patterns.len() {
        let origin = Origin::start().await;
        writeln!(config, "[origins.o{nth}]\ntargets = ['{origin}']").unwrap();
        origins.push(origin);
    }
    (origins, Edge::start(&config).await)
}

const PATTERNS: [&str; 8] =
    ["/exact", "/img/?.png", "/img/*.png", "*.gif", "/api/*/v?", "/Case/*", "/a*b*c", "/q?x"];

/// A request target, and which of [`PATTERNS`] it is for.
const TARGETS: [(&str, usize); 33] = [
    ("/exact", 0),
    ("/exact?x=1", 0),
    ("/exact/", 8),
    ("/Exact", 8),
    ("/exact.", 8),
    ("/img/a.png", 1),
    ("/img/ab.png", 2),
    ("/img/.png", 2),
    ("/img/a/b.png", 2),
    ("/img/a.png?x=.gif", 1),
    ("/img/a.PNG", 8),
    ("/img/a.gif", 3),
    ("/x/y.gif", 3),
    ("/.gif", 3),
    ("/a.gif.zip", 8),
    ("/api/users/v1", 4),
    ("/api/a/b/v2", 4),
    // One slash, as far as patterns go.
    ("/api//v2", 8),
    ("/api/users/v10", 8),
    ("/api/v1", 8),
    ("/Case/x", 5),
    ("/case/x", 8),
    ("/Case", 8),
    ("/abc", 6),
    ("/aXbYc", 6),
    ("/a/b/c", 6),
    ("/acb", 8),
    ("/qax", 7),
    ("/q/x", 7),
    ("/qx", 8),
    ("/q?x", 8),
    ("/x?/exact", 8),
    ("/x?y=a.gif", 8),
];

#[test]
fn the_first_pattern_that_matches_the_path() {
    run(async {
        let (origins, edge) = site(&PATTERNS).await;
        for (target, expected) in TARGETS {
            let path = target.split('?').next().unwrap();
            for (nth, origin) in origins.iter().enumerate() {
                origin.answer(path, Reply::text(&nth.to_string()));
            }
            for over in [Over::Plain, Over::Http2] {
                let answer = edge.ask("GET", WWW, target).over(over).send().await;
                assert_eq!(answer.text(), expected.to_string(), "{target} over {over:?}");
            }
        }
    });
}

const OF_THEIR_OWN: &str = "
[[sites.www.behaviors]]
path = '/secure/*'
viewer = 'https-only'

[[sites.www.behaviors]]
path = '/moved/*'
viewer = 'redirect-to-https'

[[sites.www.behaviors]]
path = '/read/*'
methods = ['GET', 'HEAD']

[[sites.www.behaviors]]
path = '/write/*'
methods = ['GET', 'HEAD', 'OPTIONS', 'PUT']

[[sites.www.behaviors]]
path = '/all/*'
methods = 'all'
policy = 'disabled'
";

async fn with_behaviors(site: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    let config = format!(
        "[origins.app]\ntargets = ['{origin}']\n[sites.www]\nhosts = ['{WWW}']\norigin = 'app'\n\
         {site}\n{OF_THEIR_OWN}"
    );
    (origin, Edge::start(&config).await)
}

#[test]
fn each_has_a_viewer_policy_of_its_own() {
    run(async {
        let (origin, edge) = with_behaviors("viewer = 'allow-all'").await;
        for (path, method, status) in [
            ("/a", "GET", 200),
            ("/a", "POST", 200),
            ("/secure/a", "GET", 403),
            ("/secure/a", "POST", 403),
            ("/moved/a", "GET", 301),
            ("/moved/a", "HEAD", 301),
            ("/moved/a", "POST", 307),
            ("/read/a", "GET", 200),
        ] {
            origin.answer(path, Reply::text("answer").cache("max-age=60"));
            let asked = origin.seen(path).len();
            let in_clear = edge.ask(method, WWW, &format!("{path}?q=1")).over(Over::Plain);
            let in_clear = in_clear.send().await;
            assert_eq!(in_clear.status, status, "{method} {path}");
            if status == 200 {
                continue;
            }
            let location = in_clear.field("location");
            let https = format!("https://{WWW}:{}{path}?q=1", edge.setup().place.https.port());
            assert_eq!(location, if status == 403 { "" } else { &https }, "{path}");
            assert_eq!(origin.seen(path).len(), asked, "{path}");
            let over_tls = edge.ask(method, WWW, path).send().await;
            assert_eq!(over_tls.status, 200, "{method} {path}");
        }
    });
}

#[test]
fn each_has_methods_of_its_own() {
    run(async {
        let (origin, edge) = with_behaviors("methods = ['GET', 'HEAD', 'OPTIONS', 'POST']").await;
        let site = "GET, HEAD, OPTIONS, POST";
        for (path, allow, let_through) in [
            ("/a", site, ["GET", "HEAD", "OPTIONS", "POST"].as_slice()),
            ("/moved/a", site, &["GET", "HEAD", "OPTIONS", "POST"]),
            ("/read/a", "GET, HEAD", &["GET", "HEAD"]),
            ("/write/a", "GET, HEAD, OPTIONS, PUT", &["GET", "HEAD", "OPTIONS", "PUT"]),
            (
                "/all/a",
                "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
                &["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "MKCOL", "get"],
            ),
        ] {
            origin.answer(path, Reply::text("answer"));
            let overs = [Over::Http1, Over::Http2];
            for (method, over) in METHODS.iter().flat_map(|it| overs.map(|over| (*it, over))) {
                let asked = origin.seen(path).len();
                let answer = edge.ask(method, WWW, path).over(over).send().await;
                let passes = let_through.contains(&method);
                let expected = if passes { (200, "") } else { (405, allow) };
                let got = (answer.status.as_u16(), &*answer.field("allow"));
                assert_eq!(got, expected, "{method} {path} {over:?}: {answer:?}");
                assert_eq!(origin.seen(path).len() > asked, passes, "{method} {path} {over:?}");
            }
        }
    });
}

const METHODS: [&str; 10] =
    ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "MKCOL", "get", "TRACE"];

/// The policy of a behavior is the site's unless it names another.
#[test]
fn each_has_a_policy_of_its_own() {
    run(async {
        let (origin, edge) = with_behaviors("policy = 'optimized'").await;
        for (path, seen, second) in
            [("/a", "", "Hit"), ("/read/a", "", "Hit"), ("/all/a", "?q=1", "Miss")]
        {
            origin.answer(path, Reply::text("answer"));
            assert_eq!(edge.get(WWW, &format!("{path}?q=1")).await.cache(), "Miss");
            assert_eq!(origin.seen(path)[0].target, format!("{path}{seen}"));
            assert_eq!(edge.get(WWW, &format!("{path}?q=1")).await.cache(), second, "{path}");
        }
    });
}
