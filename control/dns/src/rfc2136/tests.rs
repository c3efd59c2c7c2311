//! Messages as Knot DNS and its `knsupdate` exchanged them, recorded with a real server.

use std::time::{Duration, SystemTime};

use hickory_proto::op::Message;
use proptest::prelude::{any, prop, proptest};
use warmfront_config::{Rfc2136, Secret, TsigAlgorithm};

use super::message::{Verdict, addition, deletion, verdict};
use super::{Reason, Updates};
use crate::publisher::{PublisherError, fully_qualified};

const VALUE: &str = "gfj9Xq-Rg85nM";
const NAME: &str = "_acme-challenge.www.example.test";
const ADD: &str = include_str!("captured/add.hex");
const DELETE: &str = include_str!("captured/delete.hex");

#[test]
fn updates_are_what_knsupdate_sends_to_the_last_byte() {
    let (zone, name) = (fully_qualified("example.test").unwrap(), fully_qualified(NAME).unwrap());
    for (captured, update) in
        [(ADD, addition(&zone, &name, VALUE)), (DELETE, deletion(&zone, &name, VALUE))]
    {
        let [sent, _] = exchanged(captured);
        let (again, _) = signed_again(&sent, update);
        assert_eq!(again, sent);
    }
}

#[test]
fn a_yes_counts_if_the_key_signed_it() {
    for captured in [ADD, DELETE] {
        let [sent, answer] = exchanged(captured);
        assert_eq!(judge(&sent, &answer).unwrap(), Verdict::Made);
    }
    // The answer to the other update, with this one's id.
    let ([sent, _], [_, mut other]) = (exchanged(ADD), exchanged(DELETE));
    other[..2].copy_from_slice(&sent[..2]);
    assert_eq!(judge(&sent, &other).unwrap(), Verdict::Unproven);
    // Without a signature at all.
    let [_, answer] = exchanged(ADD);
    let mut bare = Message::from_vec(&answer).unwrap();
    bare.take_signature();
    assert_eq!(judge(&sent, &bare.to_vec().unwrap()).unwrap(), Verdict::Unproven);
}

#[test]
fn every_no_is_a_sentence() {
    for (captured, expected) in [
        (
            include_str!("captured/unknown-key.hex"),
            "the server does not take the key `acme-key` with hmac-sha256 for this zone",
        ),
        (
            include_str!("captured/wrong-secret.hex"),
            "the server has another secret for the key `acme-key`",
        ),
        (
            include_str!("captured/clocks.hex"),
            "the server's clock and this node's differ by more than 300 s",
        ),
        (
            include_str!("captured/not-authoritative.hex"),
            "the server is not authoritative for the zone",
        ),
    ] {
        let [sent, answer] = exchanged(captured);
        let verdict = judge(&sent, &answer).unwrap();
        let reason = verdict.into_result("acme-key", "hmac-sha256", NAME).unwrap_err();
        assert_eq!(reason.to_string(), expected);
    }
    for (code, expected) in [
        (2, "the server answers Server Failure"),
        (4, "the server takes no updates"),
        (
            5,
            "the server refuses: the key `acme-key` may not change `_acme-challenge.www.example.test`",
        ),
        (10, "the server says that `_acme-challenge.www.example.test` does not lie in the zone"),
    ] {
        let [sent, mut answer] = exchanged(include_str!("captured/not-authoritative.hex"));
        answer[3] = answer[3] & 0xf0 | code;
        let verdict = judge(&sent, &answer).unwrap();
        let reason = verdict.into_result("acme-key", "hmac-sha256", NAME).unwrap_err();
        assert_eq!(reason.to_string(), expected);
    }
}

#[test]
fn an_answer_to_something_else_is_none() {
    let [sent, answer] = exchanged(ADD);
    let mut of_another_id = answer.clone();
    of_another_id[0] ^= 1;
    for wrong in [&of_another_id[..], &sent[..], &answer[..40], &[]] {
        assert!(matches!(judge(&sent, wrong), Err(Reason::Nonsense)));
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let wrong = |change: fn(&mut Rfc2136)| {
        let mut settings = settings();
        change(&mut settings);
        Updates::new(&settings).unwrap_err()
    };
    let no_key = wrong(|settings| settings.secret = Secret::new("no base64!"));
    assert!(matches!(no_key, PublisherError::Key { key, .. } if key == "acme-key"));
    let no_zone = wrong(|settings| settings.zone = "a..b".to_owned());
    assert!(matches!(no_zone, PublisherError::Name { name, .. } if name == "a..b"));
    let updates = Updates::new(&settings()).unwrap();
    assert!(!format!("{updates:?}").contains("secret"), "a key never shows itself");
}

proptest! {
    #[test]
    fn an_answer_that_was_changed_on_the_way_is_no_yes(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        // The zone section, the time, the MAC, and the error beside it.
        let signed: Vec<usize> = [12..30, 63..71, 73..105, 107..109].into_iter().flatten().collect();
        let [sent, mut answer] = exchanged(ADD);
        answer[*at.get(&signed)] ^= flip;
        assert!(judge(&sent, &answer).ok() != Some(Verdict::Made), "{answer:02x?}");
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let [sent, _] = exchanged(ADD);
        assert!(judge(&sent, &bytes).ok() != Some(Verdict::Made));
    }
}

fn settings() -> Rfc2136 {
    Rfc2136 {
        server: ([127, 0, 0, 1], 53).into(),
        zone: "example.test".to_owned(),
        key: "acme-key".to_owned(),
        algorithm: TsigAlgorithm::HmacSha256,
        secret: Secret::new("YSBzZWNyZXQgb2Ygc29tZSAzMiBieXRlcywgcmVhbGx5"),
    }
}

/// The request and its answer.
fn exchanged(captured: &str) -> [Vec<u8>; 2] {
    let mut lines = captured.lines().map(|line| {
        let digits = (0..line.len()).step_by(2).map(|at| line.get(at..at + 2).unwrap());
        digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
    });
    [lines.next().unwrap(), lines.next().unwrap()]
}

/// An update with the id and the time of one that was sent, and what its answer is proven by.
fn signed_again(sent: &[u8], mut update: Message) -> (Vec<u8>, hickory_proto::rr::TSigVerifier) {
    let original = Message::from_vec(sent).unwrap();
    update.metadata.id = original.metadata.id;
    let seconds = original.signature().unwrap().data.time;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let updates = Updates::new(&settings()).unwrap();
    let (bytes, verifier) = updates.signed(&mut update, time).unwrap();
    (bytes, verifier.unwrap())
}

fn judge(sent: &[u8], answer: &[u8]) -> Result<Verdict, Reason> {
    let original = Message::from_vec(sent).unwrap();
    let mut unsigned = original.clone();
    unsigned.take_signature();
    let (_, mut verifier) = signed_again(sent, unsigned);
    verdict(original.metadata.id, answer, |answer| verifier.verify(answer).is_ok())
}
