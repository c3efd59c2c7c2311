use std::time::Duration;

use serde_json::{Value, json};
use warmfront_certs::{CertificateFolder, Record, Storage as _};

use super::client::whereabouts;
use super::node::{Answer, DEPLOY, Node, Sites, clock};
use crate::{Audience, Console, Entrance, Exit, Status, status};

/// Asks until the answer is the one that is waited for.
async fn until(node: &Node, path: &str, is_it: impl Fn(&Answer) -> bool) -> Answer {
    let asked = async {
        loop {
            let answer = node.get(path, node.root()).await;
            if is_it(&answer) {
                return answer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap()
}

/// The node's first attempt has failed: nobody is where its authority should be.
async fn failing(node: &Node) -> Vec<Value> {
    let listed = until(node, "/certificates", |it| it.text.contains("failing")).await.json();
    listed["certificates"].as_array().unwrap().clone()
}

#[tokio::test]
async fn certificates_are_shown_with_what_became_of_them() {
    let node = Node::start(Sites::WwwAndOrdered);
    let listed = failing(&node).await;
    let [ordered, own, _lost] = &listed[..] else { panic!("{listed:?}") };
    for (field, expected) in [
        ("site", json!("ordered")),
        ("source", json!("self-signed")),
        ("names", json!(["127.0.0.1"])),
        ("authority", json!(null)),
        ("state", json!("failing")),
        ("next_renewal", json!(null)),
        ("file", json!(null)),
    ] {
        assert_eq!(ordered[field], expected, "{field}");
    }
    let last = &ordered["last_attempt"];
    assert_eq!(last["at"], "2023-11-14T22:13:20.000Z");
    assert_eq!(
        (&last["authority"], &last["outcome"]),
        (&json!("127.0.0.1:1"), &json!("authority"))
    );
    assert_eq!(ordered["last_error"], last["error"]);
    let next = ordered["next_attempt"].as_str().unwrap();
    assert!(next.starts_with("2023-11-14T22:13:3"), "{next}");

    let file = node.state.path().join("own.pem").display().to_string();
    assert_eq!((&own["site"], &own["source"]), (&json!("ordered"), &json!("file")));
    assert_eq!((&own["file"], &own["state"]), (&json!(file), &json!("valid")));
    assert_eq!(own["names"], json!(["own.example.com"]));
    assert_eq!(node.get("/certificates", DEPLOY).await.json(), json!({ "certificates": [] }));
    assert_eq!(node.look("/certificates").await.problem().0, 401);
}

#[tokio::test]
async fn a_certificate_that_is_kept_is_served_and_none_is_ordered() {
    let state = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let record = Record {
        authority: "https://127.0.0.1:1/directory".to_owned(),
        account: "https://127.0.0.1:1/account".to_owned(),
        ordered: clock(),
    };
    let folder = CertificateFolder::open(state.path()).unwrap();
    let key = made.signing_key.serialize_pem();
    folder.keep("ordered", &made.cert.pem(), &key, &record).unwrap();
    drop(folder);
    let node = Node::listen(Sites::WwwAndOrdered, "127.0.0.1:0", state);
    // By then the other site's keeper has had its turn.
    let listed = until(&node, "/certificates", |it| it.text.contains("waiting")).await.json();
    let ordered = &listed["certificates"][0];
    for (field, expected) in [
        ("source", json!("acme")),
        ("state", json!("valid")),
        ("authority", json!("127.0.0.1:1")),
        ("last_attempt", json!(null)),
        ("last_error", json!(null)),
    ] {
        assert_eq!(ordered[field], expected, "{field}");
    }
    let renewal = ordered["next_renewal"].as_str().unwrap();
    assert!(renewal > "2023-11-15", "{renewal}");
    let text = node.look("/metrics").await.text;
    assert!(text.contains(r#"warmfront_certificate_next_renewal_seconds{site="ordered"} "#));
    assert!(text.contains(r#"warmfront_certificate_failures_total{site="ordered"} 0"#));
}

#[tokio::test]
async fn a_damaged_certificate_is_told_of_and_gone_on_without() {
    let state = tempfile::tempdir().unwrap();
    let live = state.path().join("certs/ordered/live");
    std::fs::create_dir_all(&live).unwrap();
    for file in ["fullchain.pem", "privkey.pem", "meta.json"] {
        std::fs::write(live.join(file), "damaged").unwrap();
    }
    let node = Node::listen(Sites::WwwAndOrdered, "127.0.0.1:0", state);
    let problems = node.look("/ready").await.text;
    let problem = "site ordered: the stored certificate cannot be used: ";
    assert!(problems.contains(problem), "{problems}");
    failing(&node).await;
}

#[tokio::test]
async fn a_failure_is_told_in_ready_and_counted() {
    let node = Node::start(Sites::WwwAndOrdered);
    failing(&node).await;
    let problems = node.look("/ready").await.json();
    let problem = problems["problems"][1].as_str().unwrap();
    let began = "site ordered: the last attempt to get a certificate failed: ";
    assert!(problem.starts_with(began), "{problem}");
    assert!(problem.ends_with("; there is none yet"), "{problem}");
    let text = node.look("/metrics").await.text;
    let ended = r#"authority="127.0.0.1:1",outcome="authority",site="ordered""#;
    for line in [
        r#"warmfront_certificate_failures_total{site="ordered"} 1"#.to_owned(),
        format!("warmfront_certificate_orders_total{{{ended}}} 1"),
        // Of its own certificate: a stand-in is none.
        r#"warmfront_certificate_not_after_seconds{site="ordered"} 67"#.to_owned(),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(!text.contains(r#"not_after_seconds{site="www"}"#), "{text}");
    assert!(!text.contains("warmfront_certificate_next_renewal_seconds{"), "{text}");
}

#[tokio::test]
async fn a_host_that_is_nowhere_is_not_ordered_and_told_of() {
    let node = Node::start(Sites::WwwAndOrdered);
    let listed = until(&node, "/certificates", |it| it.text.contains("waiting")).await.json();
    let lost = &listed["certificates"][2];
    assert_eq!((&lost["site"], &lost["state"]), (&json!("lost"), &json!("waiting")));
    assert_eq!((&lost["last_attempt"], &lost["next_attempt"]), (&Value::Null, &Value::Null));
    let why = lost["last_error"].as_str().unwrap();
    assert!(why.starts_with("the name `lost.invalid` does not resolve: "), "{why}");
    let problems = node.look("/ready").await.text;
    let problem = "site lost: no certificate is ordered for now: the name `lost.invalid`";
    assert!(problems.contains(problem), "{problems}");
}

#[tokio::test]
async fn a_new_certificate_is_asked_for_by_host() {
    let node = Node::start(Sites::WwwAndOrdered);
    failing(&node).await;
    let renew = async |host: &str, key: &str| {
        node.order("POST", &format!("/certificates/{host}/renew"), key, "").await
    };
    let renewed = renew("127.0.0.1", node.root()).await;
    let body = json!({
        "site": "ordered",
        "names": ["127.0.0.1"],
        "not_before": "2023-11-14T22:13:20.000Z",
    });
    assert_eq!((renewed.status.as_u16(), renewed.json()), (202, body));
    let passed_over = r#"failures_total{site="ordered"} 2"#;
    until(&node, "/metrics", |it| it.text.contains(passed_over)).await;

    for (host, status, sentence) in [
        ("none.example.com", 404, "no site has the host `none.example.com`"),
        ("%FF", 404, "no site has the host ``"),
        ("plain.example.com", 409, "nothing is ordered for the site plain"),
        (
            "own.example.com",
            409,
            "a certificate of your own speaks for own.example.com: put another in its files, and \
             it is read again",
        ),
    ] {
        let problem = renew(host, node.root()).await.problem();
        assert_eq!(problem, (status, sentence.to_owned()), "{host}");
    }
    for host in ["127.0.0.1", "none.example.com"] {
        let sentence = format!("this key may not renew the certificate of {host}");
        assert_eq!(renew(host, DEPLOY).await.problem(), (403, sentence));
    }
}

#[tokio::test]
async fn status_tells_it_all_and_fails_while_the_node_is_not_ready() {
    let node = Node::start(Sites::WwwAndOrdered);
    failing(&node).await;
    let key = node.root().trim_start_matches("Bearer ").to_owned();
    let mut config = node.config.clone();
    config.listen.admin = node.address.clone();
    let ask = async |json: bool| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let now = clock();
        let order = Status { json };
        let entrance = Entrance { config: &whereabouts(&config), key: Some(&key) };
        let mut console = Console { out: &mut out, err: &mut err, audience: Audience::Script };
        let exit = status(&order, entrance, now, &mut console).await.unwrap();
        assert_eq!(String::from_utf8(err).unwrap(), "");
        (exit, String::from_utf8(out).unwrap())
    };
    let (exit, told) = ask(false).await;
    assert_eq!(exit, Exit::Failed, "it is starting");
    assert!(
        told.starts_with("not ready\n  starting: no configuration is in force yet\n"),
        "{told}"
    );
    node.readiness.set_serving();
    let (exit, told) = ask(false).await;
    assert_eq!(exit, Exit::Done);
    for part in
        ["ready\n  site ordered: ", "\nSITE ", "ordered  127.0.0.1 ", "\napi     127.0.0.1:3000"]
    {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let (_, told) = ask(true).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["ready"], true);
    assert_eq!(told["certificates"][0]["site"], "ordered");
    assert_eq!(told["origins"][0]["name"], "api");
}
