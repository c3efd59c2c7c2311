use http::HeaderValue;
use proptest::prelude::*;
use warmfront_config::Secret;
use warmfront_store::Place;

use super::*;

fn ring(allow: Vec<Grant>) -> (Keyring, RootKey, tempfile::TempDir) {
    let state = tempfile::tempdir().unwrap();
    let root = RootKey::open(state.path()).unwrap();
    let key = Key {
        name: "deploy".to_owned(),
        id: "DEPLOY".to_owned(),
        secret: Secret::new("dotted.secret-of-deploy"),
        allow,
    };
    (Keyring::new(&root, &[key]), root, state)
}

fn grant(actions: &[Action], site: Option<&str>, paths: &[&str]) -> Grant {
    let paths = paths.iter().map(|path| PathPattern::parse(path).unwrap());
    Grant {
        actions: actions.to_vec(),
        site: site.map(str::to_owned),
        origin: None,
        paths: paths.collect(),
    }
}

fn authorization(fields: &[&str]) -> HeaderMap {
    let fields = fields.iter().map(|field| {
        let value = HeaderValue::from_bytes(field.as_bytes()).unwrap();
        (AUTHORIZATION, value)
    });
    fields.collect()
}

fn deploy(allow: Vec<Grant>) -> Principal {
    let (ring, _, _state) = ring(allow);
    let headers = authorization(&["Bearer DEPLOY.dotted.secret-of-deploy"]);
    ring.authenticate(&headers).unwrap()
}

#[test]
fn only_the_whole_key_opens() {
    let (ring, root, _state) = ring(vec![grant(&[Action::Read], None, &[])]);
    let root = root.token();
    for (fields, answer) in [
        (vec![], Err(Refusal::Missing)),
        (vec!["Bearer DEPLOY.dotted.secret-of-deploy".to_owned()], Ok("deploy")),
        (vec!["bearer  DEPLOY.dotted.secret-of-deploy".to_owned()], Ok("deploy")),
        (vec![format!("Bearer {}", root.reveal())], Ok("root")),
        (vec![format!("Bearer {}x", root.reveal())], Err(Refusal::Wrong)),
        (vec!["Bearer DEPLOY.wrong".to_owned()], Err(Refusal::Wrong)),
        (vec!["Bearer OTHER.dotted.secret-of-deploy".to_owned()], Err(Refusal::Wrong)),
        (vec!["Bearer DEPLOY.".to_owned()], Err(Refusal::Malformed)),
        (vec!["Bearer DEPLOY".to_owned()], Err(Refusal::Malformed)),
        (vec!["Bearer".to_owned()], Err(Refusal::Malformed)),
        (vec!["Basic DEPLOY.dotted.secret-of-deploy".to_owned()], Err(Refusal::Malformed)),
        (vec!["Bearer DEPLOY.ünïcode".to_owned()], Err(Refusal::Wrong)),
        (vec!["Bearer DEPLOY.dotted.secret-of-deploy".to_owned(); 2], Err(Refusal::Malformed)),
    ] {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let principal = ring.authenticate(&authorization(&fields));
        let name = principal.as_ref().map(Principal::name).map_err(|refusal| *refusal);
        assert_eq!(name, answer, "{fields:?}");
    }
    assert!(!format!("{ring:?}").contains("dotted"));
}

#[test]
fn a_key_limited_to_paths_stays_within_them() {
    let within = ["/assets/*", "/a b/*", "/page-?.html", "*.map", "/~me"];
    let key = deploy(vec![grant(&[Action::Invalidate], Some("www"), &within)]);
    for (asked, may) in [
        ("/assets/app.js", true),
        ("/assets/*", true),
        ("/assets/js/*.js", true),
        ("/assets/%2E%2E/x", true),
        ("/assets/app.js?v=*", true),
        ("/assets*", false),
        ("/a*", false),
        ("/*", false),
        ("/", false),
        ("/*/assets/x", false),
        ("/a%20b/c", true),
        ("/a b/c", true),
        ("/page-1.html", true),
        ("/page-*.html", false),
        ("/deep/app.js.map", true),
        ("/*.map", true),
        ("/x?.map", false),
        ("/%7Eme", true),
        ("/~me*", false),
    ] {
        let paths = [InvalidationPath::parse(asked).unwrap()];
        let permission = key.may(Action::Invalidate, Some("www"), &paths);
        assert_eq!(permission == Permission::Granted, may, "{asked}: {permission:?}");
    }
}

#[test]
fn every_path_must_be_within_some_grant() {
    let key = deploy(vec![
        grant(&[Action::Invalidate], Some("www"), &["/a/*"]),
        grant(&[Action::Invalidate, Action::Read], Some("www"), &["/b/*"]),
        grant(&[Action::Read], None, &[]),
    ]);
    let paths = |written: &[&str]| -> Vec<InvalidationPath> {
        let parsed = written.iter().map(|path| InvalidationPath::parse(path));
        parsed.collect::<Result<_, _>>().unwrap()
    };
    let may = |action, site, written: &[&str]| key.may(action, site, &paths(written));
    let denied = |sentence: &str| Permission::Denied(sentence.to_owned());

    let both = may(Action::Invalidate, Some("www"), &["/a/1", "/b/2"]);
    assert_eq!(both, Permission::Granted);
    assert_eq!(
        may(Action::Invalidate, Some("www"), &["/a/1", "/c"]),
        denied("this key may not invalidate `/c` of www")
    );
    assert_eq!(
        may(Action::Invalidate, Some("api"), &["/a/1"]),
        denied("this key may not invalidate stored responses of api")
    );
    assert_eq!(may(Action::Read, Some("api"), &[]), Permission::Granted);
    assert_eq!(may(Action::Read, None, &[]), Permission::Granted);
}

#[test]
fn targets_are_changed_by_origin_and_origins_seen_by_site() {
    let of = |origin: &str, grant| Grant { origin: Some(origin.to_owned()), ..grant };
    let (change, read) = ([Action::Targets], [Action::Read]);
    for (allow, changes, sees) in [
        (grant(&change, None, &[]), true, true),
        (of("api", grant(&change, None, &[])), true, true),
        (of("web", grant(&change, None, &[])), false, false),
        (grant(&read, None, &[]), false, true),
        (grant(&read, Some("www"), &[]), false, true),
        (grant(&read, Some("other"), &[]), false, false),
        // The origin bounds the one action, the site the other.
        (of("web", grant(&[Action::Targets, Action::Read], Some("www"), &[])), false, true),
        (grant(&[Action::Invalidate], None, &[]), false, false),
    ] {
        let key = deploy(vec![allow.clone()]);
        let may_change = key.may_change_targets("api");
        assert_eq!(may_change == Permission::Granted, changes, "{allow:?}");
        let may_see = key.may_see_origin("api", &["shop", "www"]);
        assert_eq!(may_see == Permission::Granted, sees, "{allow:?}");
    }
    let key = deploy(vec![grant(&read, Some("www"), &[])]);
    let denied = Permission::Denied("this key may not change the targets of api".to_owned());
    assert_eq!(key.may_change_targets("api"), denied);
    let unused = Permission::Denied("this key may not read about spare".to_owned());
    assert_eq!(key.may_see_origin("spare", &[]), unused);
}

proptest! {
    /// What a limited key is let do never takes a stored response outside its paths.
    #[test]
    fn a_grant_is_never_read_too_widely(
        granted in "[/*][ab*?]{0,5}",
        asked in "/[ab*]{0,5}",
        path in "/[ab]{0,6}",
    ) {
        let key = deploy(vec![grant(&[Action::Invalidate], None, &[&granted])]);
        let asked = InvalidationPath::parse(&asked).unwrap();
        let place = Place { path: path.as_str().into(), query: None, made_from: None };
        let may = key.may(Action::Invalidate, Some("www"), std::slice::from_ref(&asked));
        if may == Permission::Granted && asked.takes(&place) {
            prop_assert!(PathPattern::parse(&granted).unwrap().matches(&path));
        }
    }

    #[test]
    fn no_token_breaks_the_reader(field in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Some((id, secret)) = bearer(&field) {
            prop_assert!(!id.is_empty() && !id.contains(&b'.') && !secret.is_empty());
        }
    }
}
