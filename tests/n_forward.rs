//! `forward`: what reaches an app server or a bucket beside what is in the key.

use crate::support::bucket::{SECRET, in_file};
use crate::support::{Edge, Origin, Reply, TestBucket, WWW, run};

/// Keys of a behavior, and what its origin sees of [`ask`]: the query, X-A, X-K, cookies.
type Row = (&'static str, [&'static str; 4]);

const ALL: [&str; 4] = ["?a=1&b=2&k=3", "yes", "yes", "a=1; k=2; b=3"];

const TO_AN_APP: [Row; 16] = [
    ("", ALL),
    ("policy = 'none'", ["", "yes", "yes", "a=1; k=2; b=3"]),
    ("policy = 'disabled'", ALL),
    ("policy = 'none'\nforward.query = 'all'", ALL),
    ("policy = 'none'\nforward.query = ['b']", ["?b=2", "yes", "yes", "a=1; k=2; b=3"]),
    (
        "policy = 'none'\nforward.query = { except = ['b'] }",
        ["?a=1&k=3", "yes", "yes", "a=1; k=2; b=3"],
    ),
    ("forward.headers = 'none'", ["?a=1&b=2&k=3", "", "", "a=1; k=2; b=3"]),
    ("forward.headers = ['X-A']", ["?a=1&b=2&k=3", "yes", "", "a=1; k=2; b=3"]),
    ("forward.headers = { except = ['x-a'] }", ["?a=1&b=2&k=3", "", "yes", "a=1; k=2; b=3"]),
    ("forward.cookies = 'none'", ["?a=1&b=2&k=3", "yes", "yes", ""]),
    ("forward.cookies = ['b']", ["?a=1&b=2&k=3", "yes", "yes", "b=3"]),
    ("forward.cookies = { except = ['b'] }", ["?a=1&b=2&k=3", "yes", "yes", "a=1; k=2"]),
    // What is in the key gets there whatever is said of the rest.
    (
        "policy = 'keyed'\nforward = { query = 'none', headers = 'none', cookies = 'none' }",
        ["?k=3", "", "yes", "k=2"],
    ),
    ("policy = 'keyed'", ["?k=3", "yes", "yes", "a=1; k=2; b=3"]),
    (
        "policy = 'keyed'\nforward = { query = ['b'], headers = ['x-a'], cookies = ['b'] }",
        ["?b=2&k=3", "yes", "yes", "k=2; b=3"],
    ),
    (
        "policy = 'disabled'\nforward = { query = ['b'], headers = ['x-a'], cookies = ['b'] }",
        ["?b=2", "yes", "", "b=3"],
    ),
];

const TO_A_BUCKET: [Row; 7] = [
    ("", ["", "", "", ""]),
    ("policy = 'disabled'", ["", "", "", ""]),
    ("policy = 'origin'", ["?a=1&b=2&k=3", "", "", ""]),
    ("policy = 'keyed'", ["?k=3", "", "yes", "k=2"]),
    ("forward.query = 'all'", ["?a=1&b=2&k=3", "", "", ""]),
    ("forward = { headers = 'all', cookies = 'all' }", ["", "yes", "yes", "a=1; k=2; b=3"]),
    (
        "policy = 'keyed'\nforward = { query = ['b'], headers = ['x-a'], cookies = ['b'] }",
        ["?b=2&k=3", "yes", "yes", "k=2; b=3"],
    ),
];

#[test]
fn to_an_app_server() {
    run(async {
        let origin = Origin::start().await;
        let edge = Edge::start(&site(&format!("targets = [\"{origin}\"]"), &TO_AN_APP)).await;
        for (nth, (keys, expected)) in TO_AN_APP.into_iter().enumerate() {
            let path = format!("/{nth}/a");
            assert_eq!(ask(&edge, &origin, &path, &path).await, expected, "{keys}");
        }
    });
}

/// The bucket is one in name only: it shows what it was asked.
#[test]
fn to_a_bucket() {
    run(async {
        let origin = Origin::start().await;
        let bucket = format!(
            "s3 = {{ bucket = 'web', region = 'us-east-1', endpoint = 'http://{origin}', \
             path_style = true, credentials = {} }}",
            in_file(SECRET)
        );
        let edge = Edge::start(&site(&bucket, &TO_A_BUCKET)).await;
        for (nth, (keys, expected)) in TO_A_BUCKET.into_iter().enumerate() {
            let (path, object) = (format!("/{nth}/a"), format!("/web/{nth}/a"));
            assert_eq!(ask(&edge, &origin, &path, &object).await, expected, "{keys}");
            let seen = origin.seen(&object).pop().unwrap();
            assert!(seen.field("authorization").starts_with("AWS4-HMAC-SHA256 "), "{keys}");
            assert_eq!(seen.field("x-amz-acl"), "", "no client instructs the bucket");
        }
    });
}

/// Asks for what is under `path` at the edge and under `at` at the origin, and tells what of the
/// request the origin saw.
async fn ask(edge: &Edge, origin: &Origin, path: &str, at: &str) -> [String; 4] {
    origin.answer(at, Reply::text("answer").cache("max-age=60"));
    let ask = edge.ask("GET", WWW, &format!("{path}?a=1&b=2&k=3"));
    let ask = ask.field("x-a", "yes").field("x-k", "yes").field("x-amz-acl", "public-read");
    let answer = ask.field("cookie", "a=1; k=2").field("cookie", "b=3").send().await;
    assert_eq!(answer.text(), "answer", "{answer:?}");
    let seen = origin.seen(at).pop().unwrap();
    let query = seen.target.strip_prefix(at).unwrap().to_owned();
    let [a, k, cookies] = ["x-a", "x-k", "cookie"].map(|name| seen.field(name).to_owned());
    [query, a, k, cookies]
}

/// The n-th row has the paths under `/n/`.
fn site(origin: &str, rows: &[Row]) -> String {
    let rows = rows
        .iter()
        .enumerate()
        .map(|(nth, (keys, _))| format!("[[sites.www.behaviors]]\npath = '/{nth}/*'\n{keys}\n"));
    format!(
        "[origins.app]\n{origin}\n[policies.none]\n\
         [policies.keyed]\nquery = ['k']\nheaders = ['x-k']\ncookies = ['k']\n\
         [sites.www]\nhosts = ['{WWW}']\norigin = 'app'\n{}",
        rows.collect::<Vec<_>>().concat()
    )
}

/// A bucket that verifies signatures takes a query only if every octet of it was signed as it was
/// sent.
#[test]
fn a_query_to_a_bucket_is_signed() {
    run(async {
        let bucket = TestBucket::start().await;
        bucket.put("a.txt", "text/plain", b"a").await;
        let policy = "policy = 'versioned'\n[policies.versioned]\nquery = 'all'";
        let edge = Edge::start(&bucket.site(&in_file(SECRET), policy)).await;
        for query in [
            "?versionId=null",
            "?b=2&a=1",
            "?a=2&a=1&a",
            "?a=%20+%2B%2f~",
            "?gr%C3%B6%c3%9fe=%E6%97%A5",
            "?a=b=c&=d&&e",
            "?a=;/?:@!$'()*,",
            "?%zz=%",
            "?",
        ] {
            let answer = edge.get(WWW, &format!("/a.txt{query}")).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, "a"), "{query}: {answer:?}");
            assert_eq!(answer.cache(), "Miss", "{query}");
        }
    });
}
