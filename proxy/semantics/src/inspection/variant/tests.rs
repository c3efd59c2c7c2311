use http::header;

use super::*;

const OPEN: Bounds = Bounds { min: Duration::ZERO, default: None, max: Duration::MAX };

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

fn fields() -> HeaderMap {
    [(header::CACHE_CONTROL, "max-age=60".parse().unwrap())].into_iter().collect()
}

/// Received at 0 with `max-age=60`.
fn stored(fields: &HeaderMap) -> StoredFacts<'_> {
    StoredFacts {
        status: StatusCode::OK,
        fields,
        vary: &[],
        received: at(0),
        epoch: at(0),
        lifetime: Duration::from_mins(1),
        softened: None,
        standing: Standing::Live,
        while_revalidate: Duration::ZERO,
        if_error: Duration::ZERO,
        tags: Vec::new(),
        bytes: Some(3),
        codings: &[],
    }
}

#[test]
fn the_arithmetic_is_told_in_a_sentence() {
    let fields = fields();
    let plain = stored(&fields);
    let half = plain.received + Duration::from_millis(12_500);
    for (stored, now, fresh_for, sentence) in [
        (
            plain.clone(),
            at(12),
            48,
            "stored 12 s ago with max-age=60 by the origin: fresh for another 48 s",
        ),
        (
            plain.clone(),
            half,
            48,
            "stored 12 s ago with max-age=60 by the origin: fresh for another 48 s",
        ),
        (plain.clone(), at(60), 0, "stored 1 min ago with max-age=60 by the origin: stale for 0 s"),
        (
            plain.clone(),
            at(90),
            -30,
            "stored 1 min 30 s ago with max-age=60 by the origin: stale for 30 s",
        ),
        (
            StoredFacts { while_revalidate: Duration::from_secs(35), ..plain.clone() },
            at(90),
            -30,
            "stored 1 min 30 s ago with max-age=60 by the origin: stale for 30 s, and served while it is \
             refreshed for another 5 s",
        ),
        (
            StoredFacts { received: at(20), ..plain.clone() },
            at(32),
            28,
            "stored 12 s ago, 20 s old already then, with max-age=60 by the origin: fresh for another 28 s",
        ),
        (
            StoredFacts { standing: Standing::Stale, softened: Some(at(10)), ..plain.clone() },
            at(13),
            -3,
            "stored 13 s ago with max-age=60 by the origin: marked stale by an invalidation 3 s ago, 47 s \
             before its time",
        ),
        (
            StoredFacts { standing: Standing::Dead, ..plain.clone() },
            at(13),
            47,
            "stored 13 s ago with max-age=60 by the origin: taken out of service by an invalidation",
        ),
        (
            StoredFacts { standing: Standing::Retired, ..plain.clone() },
            at(13),
            47,
            "stored 13 s ago with max-age=60 by the origin: taken by a deploy, and kept for where the \
             origin has it no more",
        ),
    ] {
        assert_eq!(stored.sentence(&OPEN, now), sentence);
        assert_eq!(Variant::tell(stored, &OPEN, now).fresh_for, fresh_for, "{sentence}");
    }
}

#[test]
fn what_is_stored_is_told_as_scripts_read_it() {
    let fields = fields();
    let (vary, codings) = ([header::ACCEPT_LANGUAGE], [Coding::Brotli]);
    let facts =
        StoredFacts { vary: &vary, codings: &codings, tags: vec!["a".into()], ..stored(&fields) };
    let told = serde_json::to_value(Variant::tell(facts, &OPEN, at(12))).unwrap();
    let expected = serde_json::json!({
        "selected": false,
        "standing": "live",
        "status": 200,
        "vary": ["accept-language"],
        "received": "1970-01-12T13:46:40.000Z",
        "age": 12,
        "lifetime": {"seconds": 60, "from": "origin", "said": "max-age=60"},
        "fresh_for": 48,
        "stale_while_revalidate": 0,
        "stale_if_error": 0,
        "tags": ["a"],
        "bytes": 3,
        "codings": ["br"],
        "freshness": "stored 12 s ago with max-age=60 by the origin: fresh for another 48 s",
    });
    assert_eq!(told, expected);
}
