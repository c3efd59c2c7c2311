use super::*;
use proptest::prelude::*;
use sfv::{List, Parser};

#[test]
fn reads_like_the_rfc() {
    let hit = CacheStatus { ttl: Some(30), ..CacheStatus::of(Lookup::Hit) };
    let missed = CacheStatus {
        forward_status: Some(200),
        stored: true,
        ..CacheStatus::of(Lookup::Forwarded(Forward::UriMiss))
    };
    let stale = CacheStatus { lookup: Lookup::Stale, ttl: Some(-2), ..hit.clone() };
    let waited = CacheStatus {
        lookup: Lookup::Collapsed(Forward::UriMiss),
        stored: false,
        ..missed.clone()
    };
    let stood_in = CacheStatus {
        lookup: Lookup::StoodIn,
        forward_status: Some(503),
        ..CacheStatus { ttl: Some(-9), ..hit.clone() }
    };
    let refused = CacheStatus {
        detail: Some("no-store"),
        ..CacheStatus::of(Lookup::Forwarded(Forward::Miss))
    };
    let shown = CacheStatus { key: Some("a \"\\ü\n".to_owned()), ..CacheStatus::of(Lookup::Hit) };
    for (status, text) in [
        (hit.clone(), "warmfront; hit; ttl=30"),
        (stale, "warmfront; hit; ttl=-2"),
        (missed.clone(), "warmfront; fwd=uri-miss; fwd-status=200; stored"),
        (
            CacheStatus { ttl: Some(60), ..missed },
            "warmfront; fwd=uri-miss; fwd-status=200; ttl=60; stored",
        ),
        (waited, "warmfront; fwd=uri-miss; collapsed"),
        (stood_in, "warmfront; fwd=stale; fwd-status=503; ttl=-9"),
        (refused, "warmfront; fwd=miss; detail=no-store"),
        (
            CacheStatus { lookup: Lookup::Revalidated(Forward::Stale), ..hit.clone() },
            "warmfront; fwd=stale; fwd-status=304; ttl=30",
        ),
        (CacheStatus { forward_status: Some(200), ..hit.clone() }, "warmfront; hit; ttl=30"),
        (CacheStatus { stored: true, ..hit }, "warmfront; hit; ttl=30"),
        (CacheStatus::of(Lookup::Answered), "warmfront"),
        (shown, r#"warmfront; hit; key="a \"\\%C3%BC%0A""#),
    ] {
        assert_eq!(status.to_string(), text);
    }
}

#[test]
fn a_detail_is_a_token_or_a_string() {
    for (detail, text) in [
        ("no-store", "warmfront; detail=no-store"),
        ("*", "warmfront; detail=*"),
        ("5xx", "warmfront; detail=\"5xx\""),
        ("two words", "warmfront; detail=\"two words\""),
        ("", "warmfront; detail=\"\""),
    ] {
        let status = CacheStatus { detail: Some(detail), ..CacheStatus::of(Lookup::Answered) };
        assert_eq!(status.to_string(), text);
    }
}

fn lookups() -> impl Strategy<Value = Lookup> {
    prop_oneof![
        Just(Lookup::Hit),
        Just(Lookup::Stale),
        Just(Lookup::StoodIn),
        Just(Lookup::Collapsed(Forward::UriMiss)),
        Just(Lookup::Revalidated(Forward::Request)),
        Just(Lookup::Failed(Forward::UriMiss)),
        Just(Lookup::Answered),
        Just(Lookup::Forwarded(Forward::Bypass)),
        Just(Lookup::Forwarded(Forward::Method)),
        Just(Lookup::Forwarded(Forward::Miss)),
        Just(Lookup::Forwarded(Forward::Partial)),
        Just(Lookup::Forwarded(Forward::Request)),
        Just(Lookup::Forwarded(Forward::Stale)),
        Just(Lookup::Forwarded(Forward::UriMiss)),
        Just(Lookup::Forwarded(Forward::VaryMiss)),
    ]
}

proptest! {
    #[test]
    fn every_status_is_a_structured_list(
        lookup in lookups(),
        forward_status in any::<Option<u16>>(),
        ttl in any::<Option<i64>>(),
        stored in any::<bool>(),
        key in any::<Option<String>>(),
        detail in prop::option::of(prop::sample::select(vec!["no-store", "", "é\"", "a b"])),
    ) {
        let text = CacheStatus { lookup, forward_status, ttl, stored, key, detail }
            .to_string();
        let list = Parser::new(&text).parse::<List>();
        prop_assert_eq!(list.map(|list| list.len()).ok(), Some(1), "{}", text);
    }
}
