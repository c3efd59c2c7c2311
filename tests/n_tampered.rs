//! Signed URLs that are not what was signed: each is 403 and nothing more, and the log says why.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::n_signed::{IN_CLEAR, SECRET, URL, ask, cookies, get, secret, site};
use crate::support::signer::{Key, Order, Signer, in_seconds};
use crate::support::{Edge, WWW, run, run_within};

#[test]
fn what_is_not_as_it_was_signed_is_refused_without_a_reason() {
    run(async {
        let signer = Signer::start().await;
        let (origin, edge) = site(&signer, "").await;
        let unsigned = get(&edge, URL).await;
        let rows = rows(&signer).await;
        for (name, url, why) in rows {
            let answer = get(&edge, &url).await;
            assert_eq!(answer.status, 403, "{name}: {url}");
            assert_eq!(answer.text(), unsigned.text(), "{name}");
            let id = answer.field("x-request-id");
            let line = edge.process.stdout.find(|line| line.contains(&id)).await;
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let path = line["path"].as_str().unwrap();
            assert!(!path.contains("Signature=") || path.contains("Signature=-"), "{path}");
            let detail = line["detail"].as_str().unwrap_or_default();
            assert_eq!(line["fault"], "signature", "{name}: {line}");
            assert!(detail.contains(why), "{name}: {detail}");
        }
        assert!(unsigned.text().contains("access is denied"), "{}", unsigned.text());
        assert_eq!(origin.seen("/private/a").len(), 0);
    });
}

/// A name, a URL, and what the log says of it.
type Row = (&'static str, String, &'static str);

async fn rows(signer: &Signer) -> Vec<Row> {
    let orders = [
        Order::canned(URL),
        Order::canned(&format!("{URL}?a=1&b=2")),
        Order::custom(URL, URL),
        Order::custom(URL, EVERYWHERE),
    ];
    let [canned, with_query, custom, wide] = signer.sign(orders).await;
    let mut rows = of_another_url(&canned, &with_query);
    rows.extend(with_other_parts(&canned, &custom, &wide));
    rows.extend(spelled_otherwise(&canned, &custom));
    let others = orders_for_others();
    let urls = signer.sign(others.each_ref().map(|(_, order, _)| order.clone())).await;
    rows.extend(others.into_iter().zip(urls).map(|((name, _, why), url)| (name, url, why)));
    rows
}

fn of_another_url(canned: &str, with_query: &str) -> Vec<Row> {
    let forged = "not that of its key";
    let (expires, later) = (part(canned, "Expires"), in_seconds(7200).to_string());
    vec![
        ("another path", canned.replace("private/a", "private/b"), forged),
        ("another spelling of it", canned.replace("private/a", "private/%61"), forged),
        ("a query", canned.replace('?', "?x=1&"), forged),
        ("a query behind it", format!("{canned}&x=1"), forged),
        ("an empty pair", format!("{canned}&"), forged),
        ("no query", with_query.replace("a=1&b=2&", ""), forged),
        ("another order", with_query.replace("a=1&b=2", "b=2&a=1"), forged),
        ("a later date", canned.replace(&expires, &later), forged),
        ("a key of another kind", canned.replace("K2RSA", "K3ECDSA"), forged),
        ("a key of nobody", canned.replace("K2RSA", "K2RSB"), "not trusted"),
        ("a key of nobody here", canned.replace("K2RSA", "K4STRANGER"), "not trusted"),
        ("a key that is none", canned.replace("K2RSA", "K2%52SA"), "not a key's id"),
    ]
}

fn with_other_parts(canned: &str, custom: &str, wide: &str) -> Vec<Row> {
    let [expires, signature] = ["Expires", "Signature"].map(|name| part(canned, name));
    let again = |name: &str| format!("{canned}&{name}={}", part(canned, name));
    let policy = part(wide, "Policy");
    let no = |text: &str| canned.replace(text, "");
    vec![
        ("another policy", custom.replace(&part(custom, "Policy"), &policy), "not that of its key"),
        ("another signature", wide.replace(&part(wide, "Signature"), &signature), "not that of"),
        ("no signature", no(&format!("&Signature={signature}")), "no Signature"),
        ("an empty signature", no(&signature), "no Signature"),
        ("no key", no("&Key-Pair-Id=K2RSA"), "no Key-Pair-Id"),
        ("no date", no(&format!("Expires={expires}&")), "no Policy or Expires"),
        ("a key alone", format!("{URL}?Key-Pair-Id=K2RSA"), "no Policy or Expires"),
        ("a date in lower case", canned.replace("Expires", "expires"), "no Policy or Expires"),
        ("two dates", again("Expires"), "more than one Expires"),
        ("two signatures", again("Signature"), "more than one Signature"),
        ("two keys", again("Key-Pair-Id"), "more than one Key-Pair-Id"),
        ("two policies", format!("{custom}&Policy={policy}"), "more than one Policy"),
        ("a date and a policy", format!("{canned}&Policy={policy}"), "both Policy and Expires"),
        ("a policy and a date", format!("{custom}&Expires={expires}"), "both Policy and Expires"),
    ]
}

fn spelled_otherwise(canned: &str, custom: &str) -> Vec<Row> {
    let [expires, signature] = ["Expires", "Signature"].map(|name| part(canned, name));
    let policy = part(custom, "Policy");
    let encoded: Vec<String> = policy.bytes().map(|octet| format!("%{octet:02X}")).collect();
    let encoded = encoded.concat();
    let (base64, number) = ("is not canonical base64", "whole number");
    let policy = |spelled: &str| custom.replace(&policy, spelled);
    let signature = |end: &str| canned.replace(&signature, &signature.replace("__", end));
    let expires = |before: &str| canned.replace(&expires, &format!("{before}{expires}"));
    vec![
        ("a percent-encoded policy", policy(&encoded), base64),
        ("a doubly encoded one", policy(&encoded.replace('%', "%25")), base64),
        ("one in no base64", policy("!!!!"), base64),
        ("one in base64 twice", policy("ZXlKVGRHRjBaVzFsYm5RaU9sdDdmVjE5"), "reading the policy"),
        ("one that is no JSON", policy("bm90IGpzb24_"), "reading the policy"),
        ("one that is too long", policy(&"eyJT".repeat(1500)), "more than 4096 bytes"),
        ("a signature with the usual padding", signature("=="), base64),
        ("one without padding", signature(""), base64),
        ("one with more padding", signature("____"), base64),
        ("a number with a zero before it", expires("0"), number),
        ("one with a sign", expires("+"), number),
        ("one with a blank", expires("%20"), number),
    ]
}

/// What is signed by the right key, and does not let this request in.
fn orders_for_others() -> [(&'static str, Order, &'static str); 16] {
    let any = EVERYWHERE;
    let hour = in_seconds(3600);
    let of = |condition: &str| {
        let policy = format!(r#"{{"Statement":[{{"Resource":"{any}","Condition":{condition}}}]}}"#);
        Order::written(URL, &policy)
    };
    let until = format!(r#""DateLessThan":{{"AWS:EpochTime":{hour}}}"#);
    let statement = format!(r#"{{"Resource":"{any}","Condition":{{{until}}}}}"#);
    let statements = |all: &str| Order::written(URL, &format!(r#"{{"Statement":[{all}]}}"#));
    [
        ("over", Order::canned(URL).until(-1), "has expired"),
        ("just over", Order::custom(URL, any).until(0), "has expired"),
        ("to come", Order::custom(URL, any).after(60), "not in force yet"),
        ("for another client", Order::custom(URL, any).address("10.0.0.1"), "client address"),
        ("for others", Order::custom(URL, any).address("128.0.0.0/1"), "client address"),
        ("for another scheme", Order::custom(URL, IN_CLEAR), "another URL"),
        ("for another path", Order::custom(URL, &format!("{URL}b")), "another URL"),
        ("by a stranger", Order::canned(URL).by(Key::Stranger).named("K2RSA"), "not that of"),
        ("without an end", of("{}"), "reading the policy"),
        ("without conditions", of("null"), "reading the policy"),
        ("with a condition of its own", of(&format!("{{{until},\"Moon\":{{}}}}")), "reading"),
        ("with none for one", of(&format!("{{{until},\"IpAddress\":null}}")), "reading"),
        ("with a date twice", of(&format!("{{{until},{until}}}")), "reading the policy"),
        ("with no statement", statements(""), "one statement"),
        ("with two", statements(&format!("{statement},{statement}")), "one statement"),
        ("for what is no URL", Order::custom(URL, "/private/*"), "Resource"),
    ]
}

/// The value of a parameter.
fn part(url: &str, name: &str) -> String {
    let pairs = url.split(['?', '&']).filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(of, _)| *of == name).map(|(_, value)| value.to_owned());
    values.next().unwrap_or_else(|| panic!("{name} in {url}"))
}

#[test]
fn wildcards_stay_within_their_section() {
    run(async {
        let signer = Signer::start().await;
        let (origin, edge) = site(&signer, "").await;
        let rows = [
            ("https://www.example.test/private/*", "/private/a", 200),
            ("https://www.example.test/private/*", "/private/a/b/c?x=1", 200),
            ("https://www.example.test/private/*", "/public/a", 403),
            ("https://www.example.test/private/?", "/private/a", 200),
            ("https://www.example.test/private/?", "/private/ab", 403),
            ("https://www.example.test/*/a", "/private/a", 200),
            ("https://www.example.test/*/a", "/private/a?x=/a", 403),
            ("https://www.example.test/*.mp4?q=*", "/v/a.mp4?q=1", 200),
            ("https://www.example.test/*.mp4?q=*", "/v/a.mp4?r=1", 403),
            ("https://*.example.test/private/a", "/private/a", 200),
            ("https://*.test", "/", 200),
            ("https://*", "/private/a?x=1", 200),
            ("http*://www.example.test/private/a", "/private/a", 200),
            ("http://*", "/private/a", 403),
            ("*", "/any/thing?at=all", 200),
            ("*.example.org/private/a", "/private/a", 403),
            ("https://*example.test/b*", "/private/a", 403),
        ];
        let url = |target: &str| format!("https://{WWW}{target}");
        let urls = signer.sign(rows.map(|(of, target, _)| Order::custom(&url(target), of))).await;
        for ((resource, target, status), url) in rows.into_iter().zip(urls) {
            let path = target.split('?').next().unwrap();
            origin.answer(path, secret());
            assert_eq!(get(&edge, &url).await.status, status, "{resource}: {target}");
        }
    });
}

#[test]
fn clocks_may_differ_by_the_tolerance() {
    run(async {
        let signer = Signer::start().await;
        let (_origin, edge) = site(&signer, "clock_tolerance = '5m'").await;
        let orders = [
            Order::canned(URL).until(-200),
            Order::canned(URL).until(-400),
            Order::custom(URL, URL).after(200),
            Order::custom(URL, URL).after(400),
        ];
        for (url, status) in signer.sign(orders).await.into_iter().zip([200, 403, 200, 403]) {
            assert_eq!(get(&edge, &url).await.status, status, "{url}");
            let by_cookies = ask(&edge, "GET", URL).field("cookie", &cookies(&url));
            assert_eq!(by_cookies.send().await.status, status, "{url}");
        }
    });
}

/// Every bit of every octet of the target is changed in turn. What comes of it is no request, is not
/// signed, or is for something else.
#[test]
fn no_bit_of_a_signed_url_can_be_changed() {
    run_within(BITS_LIMIT, async {
        let signer = Signer::start().await;
        let (origin, edge) = site(&signer, "").await;
        let url = format!("{IN_CLEAR}?size=1");
        let urls = signer.sign([
            Order::canned(&url),
            Order::canned(&url).by(Key::Ecdsa),
            Order::custom(&url, &url),
            Order::custom(IN_CLEAR, EVERYWHERE).by(Key::Ecdsa).address("127.0.0.1").after(-60),
        ]);
        let mut line = Line::to(&edge);
        for url in urls.await {
            let target = url.strip_prefix("http://www.example.test").expect("it is of the site");
            assert_eq!(
                line.get(target.as_bytes(), b"").await,
                (200, SECRET.to_owned()),
                "{target}"
            );
            let asked = origin.seen("/private/a").len();
            for changed in every_bit(target) {
                let answer = line.get(&changed, b"").await;
                assert_refused(&answer, &changed);
            }
            assert_eq!(origin.seen("/private/a").len(), asked, "{target}");
            assert_eq!(line.get(target.as_bytes(), b"").await.0, 200, "{target}");
        }
    });
}

/// A policy for every query, so that nothing but the cookies can be what is wrong.
#[test]
fn no_bit_of_signed_cookies_can_be_changed() {
    run_within(BITS_LIMIT, async {
        let signer = Signer::start().await;
        let (origin, edge) = site(&signer, "").await;
        let urls = signer.sign([
            Order::canned(IN_CLEAR).by(Key::Ecdsa),
            Order::custom(IN_CLEAR, EVERYWHERE).by(Key::Ecdsa),
        ]);
        let mut line = Line::to(&edge);
        for url in urls.await {
            let cookies = cookies(&url);
            let good = line.get(b"/private/a", cookies.as_bytes()).await;
            assert_eq!(good, (200, SECRET.to_owned()), "{cookies}");
            for changed in every_bit(&cookies) {
                let answer = line.get(b"/private/a", &changed).await;
                assert_refused(&answer, &changed);
            }
            assert_eq!(origin.seen("/private/a").len(), 1, "{cookies}");
        }
    });
}

const EVERYWHERE: &str = "http*://*/private/*";
/// For some ten thousand requests.
const BITS_LIMIT: Duration = Duration::from_mins(3);

fn every_bit(text: &str) -> impl Iterator<Item = Vec<u8>> {
    (0..text.len() * 8).map(move |bit| {
        let mut changed = text.as_bytes().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}

#[track_caller]
fn assert_refused((status, body): &(u16, String), changed: &[u8]) {
    let told = String::from_utf8_lossy(changed);
    assert!((400..500).contains(status), "{status}: {told}");
    assert!(!body.contains(SECRET), "{told}");
}

/// One connection after the other, each kept for as long as the edge does, for requests that no
/// library would send.
struct Line<'e> {
    edge: &'e Edge,
    stream: Option<BufReader<TcpStream>>,
}

// === impl Line ===

impl<'e> Line<'e> {
    fn to(edge: &'e Edge) -> Self {
        Self { edge, stream: None }
    }

    /// Status and body of the answer to a GET.
    async fn get(&mut self, target: &[u8], cookies: &[u8]) -> (u16, String) {
        let host = format!(" HTTP/1.1\r\nhost: {WWW}\r\ncookie: ");
        let request = [b"GET ", target, host.as_bytes(), cookies, b"\r\n\r\n"].concat();
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(self.edge.setup().place.http).await.unwrap()),
        };
        stream.write_all(&request).await.unwrap();
        let (mut status, mut length, mut closes) = (0, 0, false);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let line = line.trim_ascii_end().to_ascii_lowercase();
            if let Some(told) = line.strip_prefix("http/1.1 ") {
                status = told.split(' ').next().unwrap().parse().unwrap();
            }
            if let Some(told) = line.strip_prefix("content-length: ") {
                length = told.parse().unwrap();
            }
            closes |= line == "connection: close";
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        self.stream = (!closes).then_some(stream);
        (status, String::from_utf8(body).unwrap())
    }
}
