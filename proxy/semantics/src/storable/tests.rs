use std::time::{Duration, SystemTime};

use super::*;
use crate::freshness::{Bounds, Times};
use proptest::prelude::*;

const BOUNDS: Bounds =
    Bounds { min: Duration::ZERO, default: None, max: Duration::from_hours(24 * 365) };

type Lines<'a> = &'a [(&'a str, &'a str)];

fn fields(lines: Lines<'_>) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), value.parse().unwrap())
    };
    lines.iter().map(field).collect()
}

fn judge(method: &Method, request: Lines<'_>, status: u16, response: Lines<'_>) -> Storable {
    judge_with(method, request, status, response, Cookies::Skip)
}

fn judge_with(
    method: &Method,
    request: Lines<'_>,
    status: u16,
    response: Lines<'_>,
    cookies: Cookies,
) -> Storable {
    let (request, response) = (fields(request), fields(response));
    let status = StatusCode::from_u16(status).unwrap();
    let control = Control::of(&response);
    let received = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let times = Times { requested: received, received };
    let freshness = Freshness::judge(status, &response, &control, &times, &BOUNDS);
    let exchange = Exchange {
        method,
        request: &request,
        status,
        response: &response,
        control: &control,
        cookies,
    };
    Storable::judge(&exchange, &freshness)
}

#[test]
fn nothing_private_is_shared() {
    let fresh = |cc| [("cache-control", cc)];
    let no = Storable::No;
    let cases: [(Lines<'_>, Lines<'_>, Storable); 18] = [
        (&[], &fresh("max-age=60"), Storable::Yes),
        (&[], &fresh("max-age=60, No-Store"), no(Why::Forbidden)),
        (&[], &fresh("max-age=60, no-store=\"x\""), no(Why::Forbidden)),
        (&[], &fresh("max-age=60, private"), no(Why::Forbidden)),
        (&[], &fresh("max-age=60, private, public"), no(Why::Forbidden)),
        (&[], &fresh("max-age=60, private=\"x\""), Storable::Yes),
        (&[("cache-control", "no-store")], &fresh("max-age=60"), no(Why::RequestNoStore)),
        (&[("cache-control", "no-cache")], &fresh("max-age=60"), Storable::Yes),
        (&[("cookie", "a=b")], &fresh("max-age=60"), Storable::Yes),
        (&[("authorization", "x")], &fresh("max-age=60"), no(Why::Authorization)),
        (&[("authorization", "x")], &fresh("max-age=60, proxy-revalidate"), no(Why::Authorization)),
        (&[("authorization", "x")], &fresh("max-age=60, public"), Storable::Yes),
        (&[("authorization", "x")], &fresh("max-age=60, must-revalidate"), Storable::Yes),
        (&[("authorization", "x")], &fresh("s-maxage=60"), Storable::Yes),
        (&[("authorization", "x")], &[("cdn-cache-control", "s-maxage=60")], Storable::Yes),
        (&[("authorization", "x")], &[("cdn-cache-control", "max-age=60")], no(Why::Authorization)),
        (&[], &[("cdn-cache-control", "max-age=60"), ("cache-control", "no-store")], Storable::Yes),
        (
            &[],
            &[("cdn-cache-control", "no-store"), ("cache-control", "max-age=60")],
            no(Why::Forbidden),
        ),
    ];
    for (request, response, expected) in cases {
        assert_eq!(
            judge(&Method::GET, request, 200, response),
            expected,
            "{request:?} {response:?}"
        );
        assert_eq!(judge(&Method::HEAD, request, 200, response), expected);
    }
    for method in [Method::POST, Method::OPTIONS, Method::DELETE] {
        assert_eq!(judge(&method, &[], 200, &fresh("max-age=60")), no(Why::Method));
    }
}

#[test]
fn a_cookie_is_stored_as_the_site_wants() {
    let withheld_or = |skip: Storable| {
        [(Cookies::Skip, skip), (Cookies::Store, Storable::Yes), (Cookies::Strip, Storable::Yes)]
    };
    for (name, value, skip) in [
        ("cache-control", "max-age=60", Storable::No(Why::SetCookie)),
        ("cache-control", "max-age=60, public", Storable::Yes),
        ("cache-control", "s-maxage=60", Storable::Yes),
        ("cdn-cache-control", "max-age=60", Storable::Yes),
    ] {
        for (cookies, expected) in withheld_or(skip) {
            let response = [(name, value), ("set-cookie", "a=b")];
            let judged = judge_with(&Method::GET, &[], 200, &response, cookies);
            assert_eq!(judged, expected, "{value} {cookies:?}");
        }
    }
}

#[test]
fn fields_that_are_one_clients_own_are_left_out() {
    let control = Control::of(&fields(&[("cache-control", "private=\"a\", no-cache=\"b, c\"")]));
    let names = |cookies| -> Vec<String> {
        withheld(&control, cookies).iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(Cookies::Store), ["b", "c", "a"]);
    assert_eq!(names(Cookies::Strip), ["b", "c", "a", "set-cookie", "set-cookie2"]);
    let whole = Control::of(&fields(&[("cache-control", "no-cache")]));
    assert!(withheld(&whole, Cookies::Skip).is_empty());
}

#[test]
fn a_status_is_final_and_whole() {
    let unexplained = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    let never = [206, 304, 407, 412, 416, 428, 429, 431, 511];
    for status in 100..=999 {
        let is = |lines: Lines<'_>| judge(&Method::GET, &[], status, lines) == Storable::Yes;
        let whole = status >= 200 && !never.contains(&status);
        assert_eq!(is(&[("cache-control", "max-age=60")]), whole, "{status}");
        assert_eq!(is(&[("cdn-cache-control", "max-age=60")]), whole, "{status}");
        assert_eq!(is(&[("expires", "Fri, 01 Jan 2100 00:00:00 GMT")]), whole, "{status}");
        let tagged = ("etag", "\"a\"");
        assert_eq!(is(&[tagged, ("cache-control", "public")]), whole, "{status}");
        assert_eq!(is(&[tagged]), unexplained.contains(&status), "{status}");
        let checked = [tagged, ("cache-control", "no-cache")];
        assert_eq!(is(&checked), unexplained.contains(&status), "{status}");
    }
}

#[test]
fn must_understand_asks_for_a_known_status() {
    for (status, cc, expected) in [
        (200, "max-age=60, must-understand, no-store", Storable::Yes),
        (404, "max-age=60, must-understand", Storable::Yes),
        (599, "max-age=60", Storable::Yes),
        (599, "max-age=60, must-understand", Storable::No(Why::Forbidden)),
        (599, "max-age=60, must-understand, no-store", Storable::No(Why::Forbidden)),
        (200, "max-age=60, must-understand, private", Storable::No(Why::Forbidden)),
    ] {
        let judged = judge(&Method::GET, &[], status, &[("cache-control", cc)]);
        assert_eq!(judged, expected, "{status} {cc}");
    }
}

#[test]
fn what_no_request_can_reuse_is_not_kept() {
    let (cc, etag) = (|value| ("cache-control", value), ("etag", "\"a\""));
    let nothing = Storable::No(Why::NothingToReuse);
    let modified = "Fri, 01 Jan 2021 00:00:00 GMT";
    let cases: [(Lines<'_>, Storable); 16] = [
        (&[], nothing),
        (&[("etag", "")], nothing),
        (&[("last-modified", "yesterday")], nothing),
        (&[cc("public")], nothing),
        (&[cc("no-cache")], nothing),
        (&[cc("max-age=0")], nothing),
        (&[cc("max-age=60"), ("age", "60")], nothing),
        (&[cc("max-age=60, stale-while-revalidate=9"), ("age", "60")], Storable::Yes),
        (&[cc("max-age=60, stale-if-error=9"), ("age", "69")], nothing),
        (&[cc("s-maxage=60, stale-if-error=9"), ("age", "60")], nothing),
        (&[cc("no-cache"), etag], Storable::Yes),
        (&[cc("max-age=0"), etag], Storable::Yes),
        (&[etag], Storable::Yes),
        (&[("last-modified", modified)], Storable::Yes),
        (&[cc("max-age=60"), ("vary", "*")], Storable::No(Why::VaryStar)),
        (&[cc("max-age=60"), ("vary", "accept, *")], Storable::No(Why::VaryStar)),
    ];
    for (response, expected) in cases {
        assert_eq!(judge(&Method::GET, &[], 200, response), expected, "{response:?}");
    }
}

#[test]
fn one_clients_wish_says_nothing_of_the_next() {
    assert!(Why::is_passing(Why::RequestNoStore.as_str()));
    assert!(!Why::is_passing(Why::Forbidden.as_str()));
}

proptest! {
    #[test]
    fn no_store_is_never_stored(
        before in "[a-z0-9=, ]{0,20}",
        after in "[a-z0-9=, ]{0,20}",
        status in 100..1000_u16,
    ) {
        let lines = format!("{before},no-store,{after}");
        let response = [("cache-control", lines.as_str()), ("etag", "\"a\"")];
        prop_assert_ne!(judge(&Method::GET, &[], status, &response), Storable::Yes);
    }
}
