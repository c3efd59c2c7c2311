//! What an authority says is shown to people: no word of it as it came.

use serde_json::json;
use warmfront_config::ChallengeKind;

use super::ca::{Ca, order, problem, with};
use super::place;
use crate::authority::Proving;
use crate::https::tests::answer;
use crate::refusal::Blame;

#[tokio::test]
async fn a_directory_that_is_not_there_now_is_told_in_its_own_words() {
    let ca = Ca::start().await;
    let endpoint = ca.endpoint();
    endpoint.probe().await.unwrap();
    let nothing = "something that is no ACME directory";
    for (reply, sentence) in [
        (
            problem(503, "rateLimited", "The service is down\nfor maintenance\u{202e}!"),
            "503 Service Unavailable: The service is down for maintenance! (rateLimited)"
                .to_owned(),
        ),
        (answer(503, "<html>"), format!("503 Service Unavailable with {nothing}")),
        (answer(200, r#"{"detail":"no"}"#), format!("200 OK with {nothing}")),
    ] {
        ca.script("/dir", reply);
        let refusal = endpoint.probe().await.unwrap_err();
        let sentence = format!("ca ({}) answered {sentence}", ca.server.url("/dir"));
        assert_eq!((refusal.sentence, refusal.blame), (sentence, Blame::Authority));
    }
}

#[tokio::test]
async fn no_word_of_an_authority_comes_in_as_it_was_said() {
    const BAD: &str = "\u{1b}[2J\u{202e}\u{9b}\n\u{200b}evil";
    let bad = |what: &str| format!("{what}{BAD}{}", "x".repeat(3_000));
    let clean = |text: &str| {
        let unseen = |letter: char| letter.is_control() || "\u{202e}\u{200b}".contains(letter);
        assert!(!text.contains(unseen), "{text:?}");
        assert!(text.len() <= 2_000, "{} bytes", text.len());
    };
    let name = |value: String| json!({ "type": "dns", "value": value });
    let said = json!({
        "type": bad("type"),
        "detail": bad("detail"),
        "subproblems": [
            { "type": bad("part"), "detail": bad("detail"), "identifier": name(bad("host")) }
        ],
    });
    let ca = Ca::start().await;
    ca.directory(json!({ "meta": { "profiles": { (bad("profile")): bad("") } } }));
    let authority = ca.log_in().await.unwrap();
    authority.profiles().iter().for_each(|profile| clean(profile));
    // Whatever is in a status line or a URL is ASCII that can be seen, and short.
    clean(authority.account());
    let replies = [
        answer(400, said.to_string()),
        with(answer(301, ""), "location", &format!("https://e/{}", "o".repeat(1_999))),
        answer(201, json!({ "status": bad("status") }).to_string()),
        with(answer(201, order("pending").to_string()), "location", "ftp://somewhere"),
    ];
    for reply in replies {
        ca.script("/order", reply);
        clean(&place(authority.as_ref(), None).await.unwrap_err().to_string());
    }
    let mut wanted = order("pending");
    wanted["authorizations"] = json!([ca.server.url("/authz")]);
    wanted["error"] = said.clone();
    ca.script("/order/1", answer(200, wanted.to_string()));
    let mut order = authority.look(&ca.server.url("/order/1")).await.unwrap();
    clean(&order.seen().error.unwrap().to_string());
    let challenge = json!({ "type": bad("kind"), "url": "https://c", "status": "pending" });
    let failed = json!({
        "type": "http-01", "url": "https://c", "status": "invalid", "error": said, "token": "t"
    });
    for (status, challenge) in [("pending", challenge), ("invalid", failed)] {
        let authorization = json!({
            "status": status, "identifier": name(bad("host")), "challenges": [challenge]
        });
        ca.script("/authz", answer(200, authorization.to_string()));
        let all = order.authorizations(ChallengeKind::Http01).await.unwrap();
        clean(&all[0].host.to_string());
        match &all[0].proving {
            Proving::NotOffered(kinds) => clean(&kinds[0]),
            Proving::Failed(Some(problem)) => clean(&problem.to_string()),
            other => panic!("{other:?}"),
        }
        ca.script("/order/1", answer(200, wanted.to_string()));
        order = authority.look(&ca.server.url("/order/1")).await.unwrap();
    }
}
