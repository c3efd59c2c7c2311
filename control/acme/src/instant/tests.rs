//! Goal: nothing that an authority says is lost, and nothing it says surprises. Method: a small one
//! that answers by script, over HTTPS.

mod accounts;
mod ca;
mod strangers;

use http::Response;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use warmfront_config::{ChallengeKind, HostPattern};

use crate::authority::{Authority, Challenge, Fault, NewOrder, Proving};
use crate::certificate::Key;
use crate::certificate::tests::{hosts, sign};
use crate::https::tests::answer;
use crate::proofs::Answer;
use crate::refusal::{Blame, Refusal};
use ca::{Ca, clock, later, order, problem, with};

/// A certificate of before, in DER.
fn leaf() -> Vec<u8> {
    let request = Key::generate().unwrap().request(&hosts(&["example.com"])).unwrap();
    CertificateDer::from_pem_slice(sign(&request, 2030).as_bytes()).unwrap().to_vec()
}

async fn place(authority: &dyn Authority, replaces: Option<&[u8]>) -> Result<String, Fault> {
    let hosts: Vec<HostPattern> = hosts(&["example.com", "*.example.com", "192.0.2.7"]);
    let order = NewOrder { hosts: &hosts, profile: None, replaces };
    authority.place(&order).await.map(|order| order.url().to_owned())
}

#[tokio::test]
async fn what_an_answer_says_besides_is_not_lost() {
    let date = httpdate::fmt_http_date(clock() + std::time::Duration::from_secs(90));
    let page = || answer(502, "<html><h1>Bad Gateway</h1></html>");
    let text = "502 Bad Gateway without a word that an ACME client understands";
    for (reply, sentence, blame, wait) in [
        (
            with(problem(429, "rateLimited", "slow"), "retry-after", "120"),
            "slow (rateLimited)",
            Blame::Busy,
            Some(120),
        ),
        (
            with(problem(503, "serverInternal", "later"), "retry-after", &date),
            "later (serverInternal)",
            Blame::Authority,
            Some(90),
        ),
        (
            with(page(), "retry-after", "99999999999999999999"),
            text,
            Blame::Authority,
            Some(604_800),
        ),
        (page(), text, Blame::Authority, None),
        (
            answer(429, ""),
            "429 Too Many Requests without a word that an ACME client understands",
            Blame::Busy,
            None,
        ),
        (
            answer(500, "[1]"),
            "500 Internal Server Error without a word that an ACME client understands",
            Blame::Authority,
            None,
        ),
        (answer(403, r#"{"type":"urn:ietf:params:acme:error:caa"}"#), "caa", Blame::Names, None),
        (
            with(answer(301, ""), "location", "/v2"),
            "it sends us on to /v2: write the address of the directory itself",
            Blame::Authority,
            None,
        ),
        (
            answer(201, "<html>"),
            "it answered what cannot be understood (expected value at line 1 column 1)",
            Blame::Authority,
            None,
        ),
        (
            answer(201, order("pending").to_string()),
            "it answered what cannot be understood (no order URL found)",
            Blame::Authority,
            None,
        ),
    ] {
        let ca = Ca::start().await;
        let authority = ca.log_in().await.unwrap();
        ca.script("/order", reply);
        let fault = place(authority.as_ref(), None).await.unwrap_err();
        let refusal = Refusal::of_fault("ca did not take the order", &fault, clock());
        assert_eq!(refusal.sentence, format!("ca did not take the order: {sentence}"));
        assert_eq!((refusal.blame, later(&refusal)), (blame, wait), "{refusal}");
    }
}

#[tokio::test]
async fn strangers_words_are_bounded_and_in_one_line() {
    let ca = Ca::start().await;
    let authority = ca.log_in().await.unwrap();
    let subproblem = |n: usize| {
        let identifier = json!({ "type": "dns", "value": format!("{n}.example.com") });
        json!({ "type": "caa", "detail": "no\nno", "identifier": identifier })
    };
    let subproblems: Vec<Value> = (0..12).map(subproblem).collect();
    let detail = format!("\u{1b}[31m{}", "x".repeat(1 << 19));
    let said = json!({ "type": "t".repeat(900), "detail": detail, "subproblems": subproblems });
    ca.script("/order", answer(400, said.to_string()));
    let fault = place(authority.as_ref(), None).await.unwrap_err().to_string();
    let start =
        format!("[31m{}… ({}…); 0.example.com: no no (caa); ", "x".repeat(493), "t".repeat(61));
    assert!(fault.starts_with(&start), "{fault}");
    assert!(fault.ends_with("; 9.example.com: no no (caa); and 2 more"), "{fault}");
    assert_eq!(Refusal::new(Blame::Names, "y".repeat(9_999)).sentence.len(), 2_000);
}

#[tokio::test]
async fn no_url_of_an_authority_leads_to_plain_http() {
    let ca = Ca::start().await;
    let authority = ca.log_in().await.unwrap();
    let at = |url: &str| with(answer(201, order("pending").to_string()), "location", url);
    let long = format!("https://127.0.0.1/{}", "o".repeat(2_000));
    for (url, sentence) in [
        (
            "http://127.0.0.1/order/1",
            "its order is at http://127.0.0.1/order/1, which is not https",
        ),
        (long.as_str(), "it names a URL of more than 2000 bytes"),
    ] {
        ca.script("/order", at(url));
        assert_eq!(place(authority.as_ref(), None).await.unwrap_err().to_string(), sentence);
    }
    let plain = |path: &str| ca.server.url(path).replace("https", "http");
    let sent = |path: &str| format!("it sends us to {}, which is not https", plain(path));
    let mut open = order("ready");
    open["authorizations"] = json!([plain("/authz")]);
    open["finalize"] = plain("/finalize").into();
    ca.script(
        "/order",
        with(answer(201, open.to_string()), "location", &ca.server.url("/order/1")),
    );
    let hosts = hosts(&["example.com"]);
    let wanted = NewOrder { hosts: &hosts, profile: None, replaces: None };
    let mut placed = authority.place(&wanted).await.unwrap();
    let fault = placed.authorizations(ChallengeKind::Http01).await.unwrap_err();
    assert_eq!(fault.to_string(), sent("/authz"));
    assert_eq!(placed.finalize(b"request").await.unwrap_err().to_string(), sent("/finalize"));
    (open["status"], open["certificate"]) = ("valid".into(), plain("/certificate").into());
    ca.script("/order/1", answer(200, open.to_string()));
    placed.refresh().await.unwrap();
    assert_eq!(placed.certificate().await.unwrap_err().to_string(), sent("/certificate"));
}

#[tokio::test]
async fn an_error_is_no_directory_and_no_nonce() {
    let ca = Ca::start().await;
    for (path, reply, sentence) in [
        ("/dir", problem(503, "serverInternal", "maintenance"), "maintenance (serverInternal)"),
        ("/dir", answer(404, "no"), "404 Not Found without a word"),
        ("/dir", answer(200, "<html>"), "it answered what cannot be understood"),
        ("/dir", answer(200, "{}"), "it answered what cannot be understood (missing field"),
        ("/nonce", answer(503, ""), "503 Service Unavailable without a word"),
    ] {
        ca.script(path, with(reply, "retry-after", "30"));
        let refusal = ca.log_in().await.err().unwrap();
        let start = format!("ca did not make an account: {sentence}");
        assert!(refusal.sentence.starts_with(&start), "{refusal}");
        assert_eq!((refusal.blame, later(&refusal)), (Blame::Authority, Some(30)), "{refusal}");
    }
}

#[tokio::test]
async fn a_refused_nonce_is_no_refusal() {
    let refuse = |ca: &Ca, times: usize| {
        (0..times).for_each(|_| ca.script("/order", problem(400, "badNonce", "stale")));
    };
    let ca = Ca::start().await;
    let authority = ca.log_in().await.unwrap();
    refuse(&ca, 8);
    let began = tokio::time::Instant::now();
    assert!(place(authority.as_ref(), None).await.is_ok());
    assert!(began.elapsed().as_millis() >= 300, "they are given a moment");
}

#[tokio::test]
async fn an_order_names_hosts_and_what_it_replaces() {
    let ca = Ca::start().await;
    ca.directory(
        json!({ "renewalInfo": "BASE/ari", "meta": { "profiles": { "b": "", "a": "" } } }),
    );
    let authority = ca.log_in().await.unwrap();
    assert_eq!(authority.profiles(), ["a", "b"]);
    let url = place(authority.as_ref(), None).await.unwrap();
    assert_eq!(url, ca.server.url("/order/1"));
    let identifiers = json!([
        { "type": "dns", "value": "example.com" },
        { "type": "dns", "value": "*.example.com" },
        { "type": "ip", "value": "192.0.2.7" },
    ]);
    assert_eq!(ca.payload(), json!({ "identifiers": identifiers }));
}

#[tokio::test]
async fn an_order_whose_answer_does_not_repeat_what_is_replaced_is_not_left_behind() {
    let ca = Ca::start().await;
    ca.directory(json!({ "renewalInfo": "BASE/ari" }));
    let authority = ca.log_in().await.unwrap();
    ca.asked();
    let url = place(authority.as_ref(), Some(&leaf())).await.unwrap();
    assert_eq!(url, ca.server.url("/order/1"));
    assert_eq!(ca.asked(), ["/nonce", "/order", "/nonce", "/order/1"], "one order, looked at");
}

#[tokio::test]
async fn an_authority_may_mind_what_is_replaced() {
    let ca = Ca::start().await;
    ca.directory(json!({ "renewalInfo": "BASE/ari" }));
    let authority = ca.log_in().await.unwrap();
    let leaf = leaf();
    for (reply, minds) in [
        (problem(409, "alreadyReplaced", "by another"), true),
        (problem(409, "malformed", "no"), true),
        (problem(400, "malformed", "the field 'replaces' is unknown"), true),
        (problem(404, "malformed", "parsing ARI CertID failed"), true),
        (problem(400, "malformed", "no such name"), false),
        (problem(429, "rateLimited", "too many replacements"), false),
        (answer(500, "replaces"), false),
    ] {
        ca.script("/order", reply);
        let fault = place(authority.as_ref(), Some(&leaf)).await.unwrap_err();
        assert_eq!(matches!(fault, Fault::Replaces { .. }), minds, "{fault}");
    }
    // Without the field the same words are about something else.
    ca.script("/order", problem(409, "alreadyReplaced", "by another"));
    let fault = place(authority.as_ref(), None).await.unwrap_err();
    assert!(matches!(fault, Fault::Problem { .. }), "{fault}");
    let fault = place(authority.as_ref(), Some(b"no certificate")).await.unwrap_err();
    assert!(matches!(fault, Fault::Replaces { .. }), "{fault}");

    let without = Ca::start().await;
    let authority = without.log_in().await.unwrap();
    without.asked();
    place(authority.as_ref(), Some(&leaf)).await.unwrap();
    assert_eq!(without.payload().get("replaces"), None, "who has no such field is not sent it");
    assert_eq!(without.asked(), ["/nonce", "/order"]);
}

#[tokio::test]
async fn an_authorization_is_read_with_whatever_challenges_it_has() {
    let new = json!({ "type": "dns-persist-01", "url": "https://c", "status": "pending" });
    let challenge = |kind: &str, token: &str| {
        let mut challenge = new.clone();
        challenge["type"] = kind.into();
        challenge["token"] = token.into();
        challenge
    };
    let http = |token: &str| vec![challenge("http-01", token), new.clone()];
    let tokens = ["../../index.html", "a/b", "", "a b", "%2e"];
    let nonsense = "it answered what cannot be understood (a token that is not";
    let ca = Ca::start().await;
    let authority = ca.log_in().await.unwrap();
    let read = async |challenges: Vec<Value>| {
        let mut wanted = order("pending");
        wanted["authorizations"] = json!([ca.server.url("/authz")]);
        let reply = with(answer(200, wanted.to_string()), "retry-after", "7");
        ca.script("/order/1", reply);
        let identifier = json!({ "type": "dns", "value": "Example.com" });
        let authorization = json!({
            "status": "pending",
            "identifier": identifier,
            "wildcard": true,
            "challenges": challenges,
        });
        ca.script("/authz", answer(200, authorization.to_string()));
        let mut order = authority.look(&ca.server.url("/order/1")).await.unwrap();
        assert_eq!(order.seen().ask_again.map(|wait| wait.as_secs()), Some(7));
        order.authorizations(ChallengeKind::Http01).await.map(|mut all| all.remove(0))
    };
    let one = read(http("good-TOKEN_1")).await.unwrap();
    assert_eq!(one.host, HostPattern::Wildcard("example.com".to_owned()));
    let Proving::Open(Challenge::Pending(proof)) = one.proving else { panic!("{one:?}") };
    let Answer::Http01 { token, content } = proof.answer else { panic!("{proof:?}") };
    assert_eq!(token, "good-TOKEN_1");
    assert!(content.starts_with("good-TOKEN_1.") && content.len() == 12 + 1 + 43, "{content}");

    let one = read(vec![new.clone(), challenge("dns-01", "t")]).await.unwrap();
    let offered = ["dns-persist-01", "dns-01"].map(str::to_owned).to_vec();
    assert_eq!(one.proving, Proving::NotOffered(offered));
    for token in tokens {
        let fault = read(http(token)).await.unwrap_err();
        assert!(fault.to_string().starts_with(nonsense), "{token}: {fault}");
    }
}

#[tokio::test]
async fn the_authority_says_when_to_renew() {
    let window = |start: &str, end: &str| {
        let window = json!({ "start": start, "end": end });
        answer(200, json!({ "suggestedWindow": window, "explanationURL": "https://e" }).to_string())
    };
    let usual = || window("2030-06-01T00:00:00Z", "2030-06-02T00:00:00Z");
    let again = |value: &str| with(usual(), "retry-after", value);
    let (hour, day) = (3600, 86_400);
    let ca = Ca::start().await;
    ca.directory(json!({ "renewalInfo": "BASE/ari" }));
    let authority = ca.endpoint();
    let leaf = leaf();
    // The library asks for it at the name of the certificate, and tells nobody who asks.
    assert!(authority.renewal_window(&leaf).await.is_err());
    let [directory, path] = ca.asked().try_into().unwrap();
    assert_eq!(directory, "/dir");
    let path: &'static str = path.leak();
    for (reply, outcome) in [
        (again("7200"), Ok(2 * hour)),
        (usual(), Ok(6 * hour)),
        (again("when it is ready"), Ok(6 * hour)),
        (again("1"), Ok(1)),
        (again("99999999999999999999999"), Ok(7 * day)),
        (again("500000"), Ok(500_000)),
        (problem(404, "malformed", "not ours"), Err("not ours (malformed)")),
        (answer(503, "<html>"), Err("503 Service Unavailable without a word")),
        (answer(200, "{}"), Err("it answered what cannot be understood")),
    ] {
        ca.script(path, reply);
        match (authority.renewal_window(&leaf).await, outcome) {
            (Ok(Some(window)), Ok(secs)) => {
                assert!(window.ask_again.as_secs().abs_diff(secs) <= 1, "{window:?}");
                assert_eq!(window.end.duration_since(window.start).unwrap().as_secs(), day);
                assert_eq!(window.explanation.as_deref(), Some("https://e"));
            }
            (Err(refusal), Err(reason)) => {
                let start = format!("ca did not tell when to renew: {reason}");
                assert!(refusal.sentence.starts_with(&start), "{refusal}");
            }
            (found, wanted) => panic!("{found:?} rather than {wanted:?}"),
        }
    }
    ca.script(path, window("2030-06-02T00:00:00Z", "2030-06-02T00:00:00Z"));
    let refusal = authority.renewal_window(&leaf).await.unwrap_err();
    assert_eq!(refusal.sentence, "ca wants renewals to end before they begin");
    assert_eq!(authority.renewal_window(b"no certificate").await, Ok(None));
    let without: Response<_> = problem(500, "", "");
    let silent = Ca::start().await;
    silent.script("/ari", without);
    assert_eq!(silent.endpoint().renewal_window(&leaf).await, Ok(None));
}
