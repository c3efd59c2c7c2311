use std::fs;

use super::*;
use crate::listed::{Listed, Signing, Source};

const DAY: Duration = Duration::from_hours(24);

fn names(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|key| key.name.as_str()).collect()
}

#[test]
fn a_created_key_opens_at_once_and_after_a_restart() {
    let node = Node::start();
    assert!(!node.state.path().join("seal.key").exists(), "made before it is needed");
    let issued = node.create("ci");
    let ci = || Ok("ci".to_owned());
    assert_eq!(node.opens(&issued.id, &issued.secret, now()), [ci(), ci()]);
    assert_eq!(issued.token().reveal(), format!("{}.{}", issued.id, issued.secret.reveal()));
    let by = node.root.id().to_owned();

    let node = node.restart();
    assert_eq!(node.opens(&issued.id, &issued.secret, now()), [ci(), ci()]);
    let listed = node.ring.list(now());
    assert_eq!(names(&listed), ["root", "deploy", "ci"]);
    let sources: Vec<Source> = listed.iter().map(|key| key.source).collect();
    assert_eq!(sources, [Source::Root, Source::Configuration, Source::Created]);
    let key = &listed[2];
    assert_eq!((key.created, key.by.as_ref()), (Some(now()), Some(&by)));
    assert_eq!((key.used, key.signing), (Some(now()), Signing::Able));
    assert_eq!(listed[1].used, None);
    assert_eq!(format!("{:?}", key.allow), format!("{:?}", [reads()]));
    assert!(!format!("{listed:?}").contains(issued.secret.reveal()));
}

#[test]
fn a_copy_of_the_database_opens_nothing() {
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("ledger.redb");
    let mut node = Node::start();
    node.database = Database::open(file.path()).unwrap();
    let node = node.restart();
    let issued = node.create("ci");
    let copy = fs::read(&path).unwrap();
    let holds = |words: &str| copy.windows(words.len()).any(|window| window == words.as_bytes());
    assert!(holds(&issued.id) && !holds(issued.secret.reveal()));
}

#[test]
fn names_are_plain_and_each_key_has_its_own() {
    let node = Node::start();
    let root = node.as_root();
    let create = |name: &str| {
        let asked = NewKey { name: name.to_owned(), allow: vec![reads()] };
        node.ring.create(asked, &root, now()).map(|_| ()).map_err(|error| error.to_string())
    };
    let bad = Err("a key's name is 1 to 64 letters, digits, `-` and `_`".to_owned());
    let taken = |name: &str| Err(format!("there is a key named `{name}` already, or with that id"));
    for (name, answer) in [
        ("ci-2_b", Ok(())),
        ("ci-2_b", taken("ci-2_b")),
        ("deploy", taken("deploy")),
        ("DEPLOY", taken("DEPLOY")),
        ("root", taken("root")),
        ("", bad.clone()),
        ("a b", bad.clone()),
        ("ü", bad.clone()),
        (&"a".repeat(64), Ok(())),
        (&"a".repeat(65), bad),
    ] {
        assert_eq!(create(name), answer, "{name:?}");
    }
}

#[test]
fn a_revoked_key_opens_nothing_ever_again() {
    let node = Node::start();
    let issued = node.create("ci");
    let fields = signed(&issued.id, &issued.secret, b"", now());
    let claimed = node.ring.claim(&Method::POST, TARGET, &fields, now()).unwrap();
    let Claimed::Signed(half_read) = claimed else { panic!("{claimed:?}") };

    node.ring.revoke(&issued.id).unwrap();
    assert_eq!(half_read.prove(b"", now()).unwrap_err(), Refusal::Unknown);
    let nothing = [Err(Refusal::Wrong), Err(Refusal::Unknown)];
    assert_eq!(node.opens(&issued.id, &issued.secret, now()), nothing);
    assert!(matches!(node.ring.revoke(&issued.id), Err(KeysError::Unknown)));
    let node = node.restart();
    assert_eq!(node.opens(&issued.id, &issued.secret, now()), nothing);
    assert_ne!(node.create("ci").id, issued.id, "the name is free again");
}

#[test]
fn what_is_not_created_is_not_revoked_here() {
    let node = Node::start();
    for (id, sentence) in [
        (node.root.id(), "the root key is not revoked: rotate it, or delete root.key and restart"),
        ("DEPLOY", "the key stands in the configuration: change or remove [keys.deploy] there"),
        ("", "no key has this id"),
    ] {
        let refused = node.ring.revoke(id).unwrap_err().to_string();
        assert!(refused.starts_with(sentence), "{refused}");
    }
    let configured = node.ring.rotate("DEPLOY", DAY, now());
    assert!(matches!(configured, Err(KeysError::Configured { name }) if name == "deploy"));
}

#[test]
fn an_old_secret_passes_until_its_overlap_is_over() {
    let node = Node::start();
    let first = node.create("ci");
    let second = node.ring.rotate(&first.id, DAY, now()).unwrap();
    assert_eq!((&second.id, &second.name), (&first.id, &first.name));
    assert_eq!(second.old_secret_ends, Some(now() + DAY));
    let passes = |node: &Node, key: &Issued, at| {
        let [bearer, signature] = node.opens(&key.id, &key.secret, at).map(|opened| opened.is_ok());
        assert_eq!(bearer, signature);
        bearer
    };
    let end = now() + DAY;
    let node = node.restart();
    for (at, old) in [(now(), true), (end - Duration::from_secs(1), true), (end, false)] {
        assert_eq!((passes(&node, &first, at), passes(&node, &second, at)), (old, true));
        assert_eq!(node.ring.list(at)[2].old_secret_ends, old.then_some(end));
    }

    assert_eq!(node.record(&first.id)["old"], serde_json::Value::Null, "it is on no disk any more");

    let third = node.ring.rotate(&first.id, DAY, now()).unwrap();
    assert_ne!(node.record(&first.id)["old"], serde_json::Value::Null);
    let all = [&first, &second, &third].map(|key| passes(&node, key, now()));
    assert_eq!(all, [false, true, true], "the older one ends");
    let fourth = node.ring.rotate(&first.id, Duration::ZERO, now()).unwrap();
    assert_eq!(fourth.old_secret_ends, None);
    let node = node.restart();
    let all = [&first, &second, &third, &fourth].map(|key| passes(&node, key, now()));
    assert_eq!(all, [false, false, false, true]);

    let long = node.ring.rotate(&first.id, 30 * DAY + Duration::from_secs(1), now());
    assert!(matches!(long, Err(KeysError::Overlap)));
    let nobody = node.ring.rotate("NOBODY", DAY, now());
    assert!(matches!(nobody, Err(KeysError::Unknown)));
}

#[test]
fn the_root_key_rotates_on_disk_and_its_old_secret_ends_with_the_process() {
    let node = Node::start();
    let old = node.root.clone();
    let new = node.ring.rotate(old.id(), DAY, now()).unwrap();
    assert_eq!(RootKey::read(node.state.path()).unwrap().token(), new.token());
    let root = || Ok("root".to_owned());
    assert_eq!(node.opens(old.id(), old.secret(), now()), [root(), root()]);
    assert_eq!(node.opens(old.id(), &new.secret, now() + DAY), [root(), root()]);
    assert_eq!(node.opens(old.id(), old.secret(), now() + DAY)[0], Err(Refusal::Wrong));

    let node = node.restart();
    assert_eq!(node.opens(old.id(), old.secret(), now())[0], Err(Refusal::Wrong));
    assert_eq!(node.opens(old.id(), &new.secret, now()), [root(), root()]);
    assert!(node.as_root().is_root());
}

#[test]
fn without_its_seal_a_key_is_good_as_a_bearer_token_until_it_is_rotated() {
    let node = Node::start();
    let issued = node.create("ci");
    fs::remove_file(node.state.path().join("seal.key")).unwrap();
    let node = node.restart();
    let ci = || Ok("ci".to_owned());
    let opened = node.opens(&issued.id, &issued.secret, now());
    assert_eq!(opened, [ci(), Err(Refusal::Unsealed)]);
    assert_eq!(node.ring.list(now())[2].signing, Signing::Unsealed);

    let other = node.create("other");
    let rotated = node.ring.rotate(&issued.id, Duration::ZERO, now()).unwrap();
    let node = node.restart();
    assert_eq!(node.opens(&issued.id, &rotated.secret, now()), [ci(), ci()]);
    assert!(node.opens(&other.id, &other.secret, now()).iter().all(Result::is_ok));
}

#[test]
fn a_damaged_seal_key_is_told_at_the_start() {
    let node = Node::start();
    node.create("ci");
    fs::write(node.state.path().join("seal.key"), "?").unwrap();
    let Node { state, database, root, .. } = node;
    let refused = Keyring::open(&root, &[], database, state.path(), now()).unwrap_err().to_string();
    assert!(refused.contains("seal.key is damaged"), "{refused}");
}

#[test]
fn what_another_version_recorded_grants_nothing_more_and_is_kept() {
    let node = Node::start();
    let issued = node.create("ci");
    node.edit(&issued.id, |record| {
        record["colour"] = "blue".into();
        record["allow"][0]["actions"] = serde_json::json!(["read", "fly"]);
        let mut limited = record["allow"][0].clone();
        limited["hours"] = "9-17".into();
        record["allow"].as_array_mut().unwrap().push(limited);
    });
    let node = node.restart();
    let listed = node.ring.list(now());
    assert_eq!(names(&listed), ["root", "deploy", "ci"]);
    let actions: Vec<_> = listed[2].allow.iter().map(|grant| grant.actions.clone()).collect();
    assert_eq!(actions, [[Action::Read]]);

    node.ring.rotate(&issued.id, DAY, now()).unwrap();
    node.edit(&issued.id, |record| {
        assert_eq!(record["colour"], "blue");
        assert_eq!(record["allow"][1]["hours"], "9-17");
        *record = serde_json::json!({ "what": "is this" });
    });
    let node = node.restart();
    assert_eq!(names(&node.ring.list(now())), ["root", "deploy"]);
    node.ring.revoke(&issued.id).unwrap();
}

#[test]
fn a_key_of_the_configuration_stands_before_a_created_one_of_its_id() {
    let node = Node::start();
    let issued = node.create("ci");
    let copied = Key { id: issued.id.clone(), ..deploy() };
    let Node { state, database, root, .. } = node;
    let ring = Keyring::open(&root, &[copied], database.clone(), state.path(), now()).unwrap();
    let node = Node { state, database, root, ring };
    assert_eq!(node.opens(&issued.id, &issued.secret, now())[0], Err(Refusal::Wrong));
    assert!(matches!(node.ring.revoke(&issued.id), Err(KeysError::Configured { .. })));
}

#[test]
fn a_thousand_keys_and_no_more() {
    let node = Node::start();
    for number in 0..1_000 {
        node.create(&format!("key-{number}"));
    }
    let asked = NewKey { name: "one-more".to_owned(), allow: vec![reads()] };
    let full = node.ring.create(asked, &node.as_root(), now());
    assert!(matches!(full, Err(KeysError::Full)));
}

#[test]
fn an_old_secret_that_is_over_does_not_outlive_a_restart() {
    let node = Node::start();
    let issued = node.create("ci");
    node.ring.rotate(&issued.id, DAY, now()).unwrap();
    let node = node.restart();
    assert_ne!(node.record(&issued.id)["old"], serde_json::Value::Null);
    node.edit(&issued.id, |record| {
        record["old"]["until"]["secs_since_epoch"] = 0.into();
    });
    let node = node.restart();
    assert_eq!(node.record(&issued.id)["old"], serde_json::Value::Null);
}
