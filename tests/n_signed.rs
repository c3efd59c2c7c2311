//! Signed URLs and signed cookies: what botocore's `CloudFrontSigner` and the AWS CLI sign is let in.

use crate::support::client::{Answer, Ask};
use crate::support::signer::{Key, Order, Signer, in_seconds};
use crate::support::{Edge, Origin, Over, Reply, WWW, run};

/// A site whose every path wants a signature of the team's, but for those under `/open/` and, of
/// another key's, under `/others/`.
pub(crate) async fn site(signer: &Signer, more: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/private/a", secret());
    let config = format!(
        "{}\n[origins.app]\ntargets = ['{origin}']\nhost = 'target'\n\n[sites.www]\nhosts = ['{WWW}']\n\
         origin = 'app'\nviewer = 'allow-all'\ntrusted_key_groups = ['team']\n{more}\n\
         [[sites.www.behaviors]]\npath = '/open/*'\ntrusted_key_groups = []\n\n\
         [[sites.www.behaviors]]\npath = '/others/*'\ntrusted_key_groups = ['others']\n",
        signer.groups()
    );
    (origin, Edge::start(&config).await)
}

pub(crate) fn secret() -> Reply {
    Reply::text(SECRET).cache("max-age=60").field("etag", "\"a\"")
}

/// A request for a URL of this site's, in clear or over HTTP/2 as its scheme has it.
pub(crate) fn ask(edge: &Edge, method: &str, url: &str) -> Ask {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (host, _) = rest.split_once('/').expect("a path");
    let over = if scheme == "https" { Over::Http2 } else { Over::Plain };
    edge.ask(method, host, rest.strip_prefix(host).expect("it begins so")).over(over)
}

pub(crate) async fn get(edge: &Edge, url: &str) -> Answer {
    ask(edge, "GET", url).send().await
}

/// The parts of a URL's signature as the cookies that say the same.
pub(crate) fn cookies(url: &str) -> String {
    let query = url.split_once('?').expect("it is signed").1;
    let parts = query.split('&').map(|part| format!("CloudFront-{part}"));
    parts.collect::<Vec<_>>().join("; ")
}

pub(crate) const SECRET: &str = "0123456789";
pub(crate) const URL: &str = "https://www.example.test/private/a";
pub(crate) const IN_CLEAR: &str = "http://www.example.test/private/a";

#[test]
fn what_botocore_signs_is_let_in() {
    run(async {
        let signer = Signer::start().await;
        let (_origin, edge) = site(&signer, "").await;
        let with_query = format!("{URL}?size=large&name=a%20b");
        let urls = signer.sign([
            Order::canned(URL),
            Order::canned(IN_CLEAR),
            Order::canned(&with_query),
            Order::custom(URL, URL),
            Order::custom(&with_query, &with_query),
            Order::custom(URL, URL).after(-60),
            Order::custom(URL, URL).address("127.0.0.1"),
            Order::custom(IN_CLEAR, "http*://*.example.test/*").address("127.0.0.0/8").after(-1),
        ]);
        for url in urls.await {
            let answer = get(&edge, &url).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, SECRET), "{url}: {answer:?}");
            let head = ask(&edge, "HEAD", &url).send().await;
            assert_eq!(
                (head.status.as_u16(), &*head.field("content-length")),
                (200, "10"),
                "{url}"
            );
            let part = ask(&edge, "GET", &url).field("range", "bytes=2-4").send().await;
            assert_eq!((part.status.as_u16(), part.text()), (206, "234"), "{url}");
            let known = ask(&edge, "GET", &url).field("if-none-match", "\"a\"").send().await;
            assert_eq!(known.status, 304, "{url}");
            let post = ask(&edge, "POST", &url).body("x").send().await;
            assert_eq!((post.status.as_u16(), post.text()), (200, SECRET), "{url}");
        }
        for url in [URL, IN_CLEAR, &with_query] {
            for method in ["GET", "HEAD", "POST", "OPTIONS"] {
                let answer = ask(&edge, method, url).send().await;
                assert_eq!(answer.status, 403, "{method} {url}");
            }
        }
    });
}

#[test]
fn so_is_what_the_aws_cli_signs() {
    run(async {
        let signer = Signer::start().await;
        let (_origin, edge) = site(&signer, "").await;
        let (hour, past) = (in_seconds(3600).to_string(), in_seconds(-3600).to_string());
        let (until, over) = (["--date-less-than", &hour], ["--date-less-than", &past]);
        let address = ["--ip-address", "127.0.0.0/8"];
        for (words, status) in [
            (until.to_vec(), 200),
            ([until, ["--date-greater-than", &past]].concat(), 200),
            ([until, address].concat(), 200),
            ([until, ["--date-greater-than", &hour]].concat(), 403),
            ([until, ["--ip-address", "10.0.0.1"]].concat(), 403),
            (over.to_vec(), 403),
        ] {
            let url = signer.sign_by_aws(URL, &words).await;
            assert_eq!(get(&edge, &url).await.status, status, "{words:?} {url}");
        }
    });
}

/// CloudFront's default is SHA-1; `Hash-Algorithm` names another digest, and what is signed has to
/// be that.
#[test]
fn keys_and_digests_of_every_kind() {
    run(async {
        let signer = Signer::start().await;
        let (origin, edge) = site(&signer, "").await;
        let rows = [
            (Key::Rsa, "sha1", "", 200),
            (Key::Rsa, "sha1", "&Hash-Algorithm=SHA1", 200),
            (Key::Rsa, "sha256", "&Hash-Algorithm=SHA256", 200),
            (Key::Ecdsa, "sha1", "", 200),
            (Key::Ecdsa, "sha1", "&Hash-Algorithm=SHA1", 200),
            (Key::Ecdsa, "sha256", "&Hash-Algorithm=SHA256", 200),
            (Key::Rsa, "sha1", "&Hash-Algorithm=SHA256", 403),
            (Key::Rsa, "sha256", "", 403),
            (Key::Rsa, "sha256", "&Hash-Algorithm=sha256", 403),
            (Key::Rsa, "sha512", "&Hash-Algorithm=SHA512", 403),
            (Key::Rsa, "sha1", "&Hash-Algorithm=", 403),
            (Key::Rsa, "sha256", "&Hash-Algorithm=SHA256&Hash-Algorithm=SHA256", 403),
            (Key::Ecdsa, "sha256", "", 403),
            (Key::Stranger, "sha1", "", 403),
        ];
        let canned = rows.map(|(key, digest, ..)| Order::canned(URL).by(key).digest(digest));
        let custom = rows.map(|(key, digest, ..)| Order::custom(URL, URL).by(key).digest(digest));
        let urls = [signer.sign(canned).await, signer.sign(custom).await];
        for (nth, (key, digest, named, status)) in rows.into_iter().enumerate() {
            for url in &urls {
                let url = format!("{}{named}", url[nth]);
                let told = format!("{key:?} {digest} {named}");
                assert_eq!(get(&edge, &url).await.status, status, "{told}");
                let by_cookies = ask(&edge, "GET", URL).field("cookie", &cookies(&url));
                assert_eq!(by_cookies.send().await.status, status, "{told}");
            }
        }
        let url = URL.replace("private", "others");
        origin.answer("/others/a", secret());
        let [of_team, of_others] =
            signer.sign([Order::canned(&url), Order::canned(&url).by(Key::Stranger)]).await;
        assert_eq!(get(&edge, &of_team).await.status, 403);
        assert_eq!(get(&edge, &of_others).await.status, 200);
    });
}

#[test]
fn cookies_are_as_good_as_a_url_that_has_no_signature() {
    run(async {
        let signer = Signer::start().await;
        let (origin, edge) = site(&signer, "").await;
        origin.answer("/private/b", secret());
        let all = "https://www.example.test/private/*";
        let orders = [
            Order::canned(URL),
            Order::custom(URL, all),
            Order::canned(URL).until(-60),
            Order::custom(URL, all).until(-60),
        ];
        let [canned, custom, old, old_custom] = signer.sign(orders).await;
        let b = URL.replace("/a", "/b");
        for (url, signed, status) in [
            (URL, cookies(&canned), 200),
            (&*b, cookies(&canned), 403),
            (URL, cookies(&custom), 200),
            (&*b, cookies(&custom), 200),
            (&*format!("{b}?own=query"), cookies(&custom), 200),
            (&*b.replace("private", "other"), cookies(&custom), 403),
            (URL, cookies(&old), 403),
            (URL, cookies(&old_custom), 403),
            (URL, format!("{}; other=1", cookies(&custom)), 200),
            (URL, cookies(&custom).replace("CloudFront-", "cloudfront-"), 403),
            (URL, cookies(&custom).replace("CloudFront-", ""), 403),
            (URL, format!("{0}; {0}", cookies(&custom)), 403),
            (URL, format!("{}; {}", cookies(&custom), cookies(&canned)), 403),
            // Where the URL is signed, the URL counts.
            (&*custom, cookies(&old), 200),
            (&*old, cookies(&custom), 403),
            (&*format!("{URL}?Expires=1"), cookies(&custom), 403),
        ] {
            let in_one = ask(&edge, "GET", url).field("cookie", &signed).send().await;
            assert_eq!(in_one.status, status, "{url} {signed}");
            let each = signed.split("; ");
            let in_many = each.fold(ask(&edge, "GET", url), |ask, it| ask.field("cookie", it));
            assert_eq!(in_many.send().await.status, status, "{url} {signed}");
        }
    });
}

/// Whoever signs for somebody gives out a URL of their own; what is behind it is one.
#[test]
fn the_signature_reaches_neither_the_origin_nor_the_key() {
    run(async {
        let signer = Signer::start().await;
        let policy = "policy = 'own'\n[policies.own]\nquery = 'all'\ncookies = 'all'";
        let (origin, edge) = site(&signer, policy).await;
        let query = format!("{URL}?size=large");
        let [first, second, third, bare, of_ecdsa] = signer
            .sign([
                Order::canned(&query),
                Order::canned(&query).until(7200),
                Order::custom(&query, "https://www.example.test/*").by(Key::Ecdsa),
                Order::custom(URL, "https://www.example.test/*"),
                Order::custom(URL, "https://www.example.test/*").by(Key::Ecdsa),
            ])
            .await;
        let in_front = third.replace("?size=large&", "?") + "&size=large";
        let (own_cookie, no_cookie) = (format!("{}; own=1", cookies(&bare)), String::new());
        let other_order = format!("own=1; {}", cookies(&of_ecdsa));
        for (url, cookie, cache) in [
            (&*first, no_cookie.clone(), "Miss"),
            (&*second, no_cookie.clone(), "Hit"),
            (&*third, no_cookie.clone(), "Hit"),
            (&*in_front, no_cookie.clone(), "Hit"),
            (&*query, cookies(&bare), "Hit"),
            (&*bare, no_cookie, "Miss"),
            (URL, own_cookie, "Miss"),
            (URL, other_order, "Hit"),
        ] {
            let answer = ask(&edge, "GET", url).field("cookie", &cookie).send().await;
            assert_eq!((answer.text(), &*answer.cache()), (SECRET, cache), "{url} {cookie}");
        }
        let seen = origin.seen("/private/a");
        let seen: Vec<_> = seen.iter().map(|it| (&*it.target, it.field("cookie"))).collect();
        let expected = [("/private/a?size=large", ""), ("/private/a", ""), ("/private/a", "own=1")];
        assert_eq!(seen, expected);
    });
}

/// Nor does it make a variant of its own where the origin's answers vary by cookies.
#[test]
fn an_origin_that_varies_by_cookies_is_not_asked_by_each_signature() {
    run(async {
        let signer = Signer::start().await;
        let (origin, edge) = site(&signer, "").await;
        origin.answer("/private/a", secret().field("vary", "Cookie"));
        let orders = [Order::canned(URL), Order::canned(URL).until(7200)];
        let [first, second] = signer.sign(orders).await.map(|url| cookies(&url));
        for (cookies, cache) in [
            (first.clone(), "Miss"),
            (second.clone(), "Hit"),
            (format!("{first}; own=1"), "Miss"),
            (format!("own=1; {second}"), "Hit"),
            (format!("own=2; {second}"), "Miss"),
        ] {
            let answer = ask(&edge, "GET", URL).field("cookie", &cookies).send().await;
            assert_eq!((answer.text(), &*answer.cache()), (SECRET, cache), "{cookies}");
        }
    });
}

#[test]
fn what_is_open_needs_no_signature() {
    run(async {
        let signer = Signer::start().await;
        let more = "error_pages = [{ status = 403, page = '/private/sorry.html', respond = 403 }]\n\
                    response_headers.cors = { origins = ['https://app.test'] }";
        let (origin, edge) = site(&signer, more).await;
        origin.answer("/open/a", Reply::text("open {n}").cache("max-age=60"));
        let sorry = Reply::text("sorry").cache("max-age=60").field("content-type", "text/html");
        origin.answer("/private/sorry.html", sorry);

        let open = "https://www.example.test/open/a";
        let [closed] = signer.sign([Order::canned(open)]).await;
        assert_eq!(get(&edge, open).await.text(), "open 001");
        // Without keys to trust, such parameters are like any other.
        assert_eq!(get(&edge, &closed).await.text(), "open 002");
        assert!(origin.seen("/open/a")[1].target.contains("?Expires="));

        let preflight = ask(&edge, "OPTIONS", URL).field("origin", "https://app.test");
        let preflight = preflight.field("access-control-request-method", "GET").send().await;
        assert_eq!(preflight.status, 204);
        assert_eq!(preflight.field("access-control-allow-origin"), "https://app.test");
        assert_eq!(ask(&edge, "OPTIONS", URL).send().await.status, 403);

        for url in [URL, "https://www.example.test/private/sorry.html"] {
            for _ in 0..2 {
                let refused = get(&edge, url).await;
                let got = (refused.status.as_u16(), refused.text(), &*refused.cache());
                assert_eq!(got, (403, "sorry", "Error"), "{url}: {refused:?}");
            }
        }
        let asked = ["/private/a", "/private/sorry.html"].map(|path| origin.seen(path).len());
        assert_eq!(asked, [0, 1]);
    });
}
