use proptest::prelude::*;

use super::*;

const PLAIN: Explained<'_> = Explained {
    lookup: Lookup::Hit,
    status: 200,
    origin_status: None,
    stored: false,
    detail: None,
    bypass: None,
    fault: None,
    freshness: None,
    taken: None,
    route: Some(("www", "/a/*")),
};

#[test]
fn what_happened_is_told_in_one_line() {
    let forwarded = |why| Explained { lookup: Lookup::Forwarded(why), ..PLAIN };
    let freshness = Some("stored 1 s ago with max-age=9 by the origin: fresh for another 8 s");
    for (explained, line) in [
        (
            Explained { freshness, ..PLAIN },
            "hit: served from the store; it was stored 1 s ago with max-age=9 by the origin: \
             fresh for another 8 s; site www, behavior /a/*",
        ),
        (
            Explained { lookup: Lookup::Stale, detail: Some(INVALIDATED), ..PLAIN },
            "stale: served at once and refreshed, as a soft invalidation marked it; \
             site www, behavior /a/*",
        ),
        (
            Explained {
                lookup: Lookup::Revalidated(Forward::Stale),
                detail: Some(INVALIDATED),
                taken: Some("the soft invalidation I1 of /a by ci, 3 s ago"),
                ..PLAIN
            },
            "revalidated: the origin says it is still good, because the soft invalidation I1 of \
             /a by ci, 3 s ago marked what was stored; site www, behavior /a/*",
        ),
        (
            Explained { lookup: Lookup::StoodIn, detail: Some("unreachable"), ..PLAIN },
            "stale: it stands in for the origin, which failed: unreachable; \
             site www, behavior /a/*",
        ),
        (
            Explained {
                origin_status: Some(200),
                stored: true,
                taken: Some("the invalidation I1 of /* by ci, 3 s ago"),
                freshness: Some(
                    "stored 0 s ago with max-age=9 by the origin: fresh for another 9 s",
                ),
                ..forwarded(Forward::UriMiss)
            },
            "miss: the origin was asked, because nothing was stored under the key (the newest hard \
             one that names it is the invalidation I1 of /* by ci, 3 s ago), and answered 200; its \
             answer was stored 0 s ago with max-age=9 by the origin: fresh for another 9 s; site \
             www, behavior /a/*",
        ),
        (
            Explained { detail: Some("set-cookie"), ..forwarded(Forward::VaryMiss) },
            "miss: the origin was asked, because what was stored is for other values of its \
             Vary fields; its answer is not stored (set-cookie); site www, behavior /a/*",
        ),
        (
            Explained {
                bypass: Some("the behavior's policy stores nothing"),
                ..forwarded(Forward::Bypass)
            },
            "bypass: the origin was asked, because the behavior's policy stores nothing; \
             site www, behavior /a/*",
        ),
        (
            Explained {
                lookup: Lookup::Answered,
                status: 404,
                fault: Some("no site answers to this host"),
                route: None,
                ..PLAIN
            },
            "none: the edge answers 404 by itself: no site answers to this host",
        ),
    ] {
        assert_eq!(explained.sentence(), line);
    }
}

proptest! {
    #[test]
    fn it_fits_into_a_field(words in any::<String>(), repeated in 1..400_usize) {
        let words = words.repeat(repeated);
        let explained = Explained { fault: Some(&words), lookup: Lookup::StoodIn, ..PLAIN };
        let line = explained.sentence();
        prop_assert!(line.len() <= BYTES_MAX);
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}
