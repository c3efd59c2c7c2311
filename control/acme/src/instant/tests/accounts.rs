//! Logging in.

use serde_json::json;

use super::ca::{Ca, Kept, later, problem, with};
use crate::https::tests::answer;
use crate::refusal::Blame;

const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

#[tokio::test]
async fn an_account_is_kept_and_found_again() {
    let ca = Ca::start().await;
    let kept = Kept::default();
    let first = ca.endpoint().log_in(&kept).await.unwrap();
    assert_eq!(first.account(), ca.server.url("/account/1"));
    let wanted = json!({ "contact": ["mailto:ops@example.com"], "termsOfServiceAgreed": true });
    assert_eq!(ca.payload(), wanted);
    assert!(kept.text.lock().is_some());

    let again = ca.endpoint().log_in(&kept).await.unwrap();
    assert_eq!(ca.payload()["onlyReturnExisting"], true);
    assert_eq!(again.account(), first.account());
    for request in &*ca.server.requests.lock() {
        let agent = request.headers()["user-agent"].to_str().unwrap();
        assert_eq!(agent, format!("warmfront/{}", env!("CARGO_PKG_VERSION")));
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_kept_is_not_used() {
    let ca = Ca::start().await;
    let kept = Kept { full: true, ..Kept::default() };
    let refusal = ca.endpoint().log_in(&kept).await.err().unwrap();
    let sentence = "cannot keep the account at ca: no space left on device";
    assert_eq!((refusal.sentence.as_str(), refusal.blame), (sentence, Blame::Edge));
}

#[tokio::test]
async fn an_account_that_the_authority_has_lost_is_made_anew_once() {
    let ca = Ca::start().await;
    let kept = Kept::default();
    ca.endpoint().log_in(&kept).await.unwrap();
    let before = kept.text.lock().clone();
    ca.script("/account", problem(400, "accountDoesNotExist", "who?"));
    ca.endpoint().log_in(&kept).await.unwrap();
    assert_ne!(before, *kept.text.lock());

    *kept.text.lock() = Some("{ damaged".to_owned());
    ca.endpoint().log_in(&kept).await.unwrap();
    assert_ne!(kept.text.lock().as_deref(), Some("{ damaged"));

    ca.script("/account", problem(400, "accountDoesNotExist", "who?"));
    ca.script("/account", problem(400, "accountDoesNotExist", "who?"));
    let refusal = ca.endpoint().log_in(&kept).await.err().unwrap();
    assert_eq!(refusal.sentence, "ca did not make an account: who? (accountDoesNotExist)");
    assert_eq!(refusal.blame, Blame::Account);
}

#[tokio::test]
async fn of_several_who_miss_an_account_one_makes_it() {
    for kept in [None, Some("{ damaged"), Some("lost")] {
        let ca = Ca::start().await;
        let accounts = Kept::default();
        let endpoint = ca.endpoint();
        if kept == Some("lost") {
            endpoint.log_in(&accounts).await.unwrap();
            (0..3).for_each(|_| {
                ca.script("/account", problem(400, "accountDoesNotExist", "who?"));
            });
        } else {
            *accounts.text.lock() = kept.map(str::to_owned);
        }
        ca.payloads("/account");
        let (first, second, third) = tokio::join!(
            endpoint.log_in(&accounts),
            endpoint.log_in(&accounts),
            endpoint.log_in(&accounts),
        );
        assert!(first.is_ok() && second.is_ok() && third.is_ok(), "{kept:?}");
        let asked = ca.payloads("/account");
        let made = asked.iter().filter(|payload| payload["onlyReturnExisting"] != true);
        assert_eq!(made.count(), 1, "{kept:?}: {asked:?}");
    }
}

#[tokio::test]
async fn an_account_is_not_given_up_for_anything_else() {
    let ca = Ca::start().await;
    let kept = Kept::default();
    ca.endpoint().log_in(&kept).await.unwrap();
    let before = kept.text.lock().clone();
    let (not_taken, not_said) = ("does not take our account", "did not say whether it knows our");
    for (reply, blame, did) in [
        (problem(403, "unauthorized", "deactivated"), Blame::Account, not_taken),
        (problem(500, "serverInternal", "oops"), Blame::Authority, not_taken),
        (answer(502, "<html>"), Blame::Authority, not_said),
    ] {
        ca.script("/account", reply);
        let refusal = ca.endpoint().log_in(&kept).await.err().unwrap();
        assert!(refusal.sentence.starts_with(&format!("ca {did}")), "{refusal}");
        assert_eq!(refusal.blame, blame);
    }
    ca.script("/account", problem(400, "externalAccountRequired", "even now"));
    assert!(ca.endpoint().log_in(&kept).await.is_ok());
    assert_eq!(before, *kept.text.lock());
}

#[tokio::test]
async fn an_external_account_is_bound_and_its_errors_are_plain() {
    let mut ca = Ca::start().await;
    ca.script("/account", problem(403, "externalAccountRequired", "bind it"));
    let refusal = ca.log_in().await.err().unwrap();
    assert!(refusal.sentence.contains("set external_account, with the kid and"), "{refusal}");
    assert_eq!(refusal.blame, Blame::Account);

    ca.external = Some(("kid-1", KEY));
    ca.log_in().await.unwrap();
    assert!(ca.payload()["externalAccountBinding"]["signature"].is_string());
    ca.script("/account", problem(400, "malformed", "unknown kid"));
    let refusal = ca.log_in().await.err().unwrap();
    assert_eq!(
        refusal.sentence,
        "ca did not make an account: it does not recognise the key identifier `kid-1` of \
         external_account, or its hmac_key_file is of another: unknown kid (malformed)"
    );
    assert_eq!(refusal.blame, Blame::Account);
    ca.script("/account", with(problem(429, "rateLimited", "10 a day"), "retry-after", "60"));
    let refusal = ca.log_in().await.err().unwrap();
    assert_eq!((refusal.blame, later(&refusal)), (Blame::Busy, Some(60)));
}
