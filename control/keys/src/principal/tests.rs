use proptest::prelude::*;

use super::*;

fn grant(actions: &[Action], site: Option<&str>, paths: &[&str]) -> Grant {
    let paths = paths.iter().map(|path| PathPattern::parse(path).unwrap());
    Grant {
        actions: actions.to_vec(),
        site: site.map(str::to_owned),
        origin: None,
        paths: paths.collect(),
    }
}

fn deploy(allow: &[Grant]) -> Principal {
    Principal::granted("DEPLOY", "deploy", allow)
}

fn denied(sentence: &str) -> Permission {
    Permission::Denied(sentence.to_owned())
}

#[test]
fn a_key_limited_to_paths_stays_within_them() {
    let within = ["/assets/*", "/a b/*", "/page-?.html", "*.map", "/~me"];
    let key = deploy(&[grant(&[Action::Invalidate], Some("www"), &within)]);
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
        let permission = key.may(Action::Invalidate, Some("www"), &[asked]);
        assert_eq!(permission == Permission::Granted, may, "{asked}: {permission:?}");
    }
}

#[test]
fn every_path_must_be_within_some_grant() {
    let key = deploy(&[
        grant(&[Action::Invalidate], Some("www"), &["/a/*"]),
        grant(&[Action::Invalidate, Action::Read], Some("www"), &["/b/*"]),
        grant(&[Action::Read], None, &[]),
    ]);
    let both = key.may(Action::Invalidate, Some("www"), &["/a/1", "/b/2"]);
    assert_eq!(both, Permission::Granted);
    assert_eq!(
        key.may(Action::Invalidate, Some("www"), &["/a/1", "/c"]),
        denied("this key may not invalidate `/c` of www")
    );
    assert_eq!(
        key.may(Action::Invalidate, Some("api"), &["/a/1"]),
        denied("this key may not invalidate stored responses of api")
    );
    assert_eq!(key.may(Action::Read, Some("api"), &[]), Permission::Granted);
    assert_eq!(key.may(Action::Read, None, &[]), Permission::Granted);
}

#[test]
fn tags_take_a_grant_without_paths() {
    let (change, read) = ([Action::Invalidate], [Action::Read]);
    let none = denied("this key may not invalidate stored responses of www");
    let paths =
        denied("this key is limited to paths of www, so it may name neither tags nor a sitemap");
    for (allow, permission) in [
        (vec![grant(&change, None, &[])], Permission::Granted),
        (vec![grant(&change, Some("www"), &["/*"])], Permission::Granted),
        (vec![grant(&change, Some("www"), &["/a/*"])], paths.clone()),
        (vec![grant(&change, Some("www"), &["/a/*"]), grant(&change, Some("api"), &[])], paths),
        (
            vec![grant(&change, Some("www"), &["/a/*"]), grant(&change, None, &[])],
            Permission::Granted,
        ),
        (vec![grant(&change, Some("api"), &[])], none.clone()),
        (vec![grant(&read, None, &[])], none),
    ] {
        assert_eq!(deploy(&allow).may_use_tags("www"), permission, "{allow:?}");
    }
    let root = Principal::root("ROOT");
    assert_eq!(root.may_use_tags("www"), Permission::Granted);
    assert!(root.is_root() && !deploy(&[grant(&change, None, &[])]).is_root());
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
        let key = deploy(std::slice::from_ref(&allow));
        let may_change = key.may_change_targets("api");
        assert_eq!(may_change == Permission::Granted, changes, "{allow:?}");
        let may_see = key.may_see_origin("api", &["shop", "www"]);
        assert_eq!(may_see == Permission::Granted, sees, "{allow:?}");
    }
    let key = deploy(&[grant(&read, Some("www"), &[])]);
    assert_eq!(key.may_change_targets("api"), denied("this key may not change the targets of api"));
    assert_eq!(key.may_see_origin("spare", &[]), denied("this key may not read about spare"));
}

proptest! {
    /// What a limited key is let do never takes a stored response outside its paths.
    #[test]
    fn a_grant_is_never_read_too_widely(
        granted in "[/*][ab*?]{0,5}",
        asked in "/[ab*]{0,5}",
        path in "/[ab]{0,6}",
    ) {
        let key = deploy(&[grant(&[Action::Invalidate], None, &[&granted])]);
        let may = key.may(Action::Invalidate, Some("www"), &[&asked]);
        let taken = PathPattern::parse(&asked).unwrap().matches(&path);
        if may == Permission::Granted && taken {
            prop_assert!(PathPattern::parse(&granted).unwrap().matches(&path));
        }
    }
}
