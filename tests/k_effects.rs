//! What other methods do to stored responses: RFC 9111 §4.3.5, §4.4.

use crate::support::exchange::Served::{Hit, Miss};
use crate::support::exchange::{Says, Scenario, Step, get, head, ok, play, says, scenario, send};

fn lasting() -> Says {
    ok().cache("max-age=60")
}

/// RFC 9111 §4.4: a stored response is gone when something unsafe was done to its target.
#[test]
fn what_was_changed_is_invalidated() {
    let methods = ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "FOO", "MKCOL", "post"];
    let by_method = methods.into_iter().flat_map(|method| {
        [200, 201, 204, 299, 302, 303].map(|status| {
            scenario(format!("{method}, {status}"))
                .origins([lasting(), says(status), lasting()])
                .get(Miss)
                .get(Hit)
                .ask(send(method, Miss).body("x").status(status))
                .ask(get(Miss).text("answer 003"))
                .get(Hit)
        })
    });
    play(by_method);
}

/// RFC 9111 §4.4: what failed changed nothing, and neither did what is safe.
#[test]
fn what_was_not_changed_stays() {
    let failed = ["POST", "PUT", "DELETE", "PATCH", "FOO"]
        .into_iter()
        .flat_map(|method| [400, 403, 404, 405, 409, 412, 500, 503].map(|status| (method, status)));
    let safe = [("OPTIONS", 200), ("OPTIONS", 204)];
    play(failed.chain(safe).map(|(method, status)| {
        scenario(format!("{method}, {status}"))
            .origins([lasting(), says(status), lasting()])
            .get(Miss)
            .ask(send(method, Miss).body("x").status(status))
            .ask(get(Hit).text("answer 001"))
    }));
}

/// All that is stored for one target is one thing to invalidate; another query is another target.
#[test]
fn all_of_a_target_and_nothing_else() {
    let foo = |step: Step, value: &str| step.with("foo", value);
    play([
        scenario("all variants")
            .origin(lasting().vary("Foo"))
            .ask(foo(get(Miss), "1"))
            .ask(foo(get(Miss), "2"))
            .ask(send("POST", Miss).body("x"))
            .ask(foo(get(Miss), "1"))
            .ask(foo(get(Miss), "2")),
        scenario("its query alone")
            .origin(lasting())
            .ask(get(Miss).query("?a=1"))
            .ask(get(Miss).query("?a=2"))
            .get(Miss)
            .ask(send("POST", Miss).query("?a=1").body("x"))
            .ask(get(Hit).query("?a=2"))
            .get(Hit)
            .ask(get(Miss).query("?a=1")),
        scenario("its path alone")
            .origin(lasting())
            .origins_at("/other", [lasting()])
            .get(Miss)
            .ask(get(Miss).at("/other"))
            .ask(send("POST", Miss).body("x"))
            .ask(get(Hit).at("/other"))
            .get(Miss),
        scenario("what is stale is gone too")
            .origins([lasting().age("60").etag("\"a\""), ok(), lasting()])
            .get(Miss)
            .ask(send("DELETE", Miss))
            .ask(get(Miss).saw_no("if-none-match")),
    ]);
}

/// A change of `/a/b` that names another target in `field`, of which something is stored.
fn naming(field: &'static str, value: &str, status: u16, method: &'static str) -> Scenario {
    scenario(format!("{method}, {status}, {field}: {value}"))
        .origins_at("/a/b", [says(status).field(field, value)])
        .origins_at("/other", [lasting()])
        .ask(get(Miss).at("/other"))
        .ask(send(method, Miss).at("/a/b").body("x").status(status))
}

/// RFC 9111 §4.4: so is what Location and Content-Location name, if it is of the same origin.
#[test]
fn what_was_named_is_invalidated() {
    let forms = [
        "{here}/other",
        "{site}{here}/other",
        "{SITE}{here}/other",
        "../other",
        "../a/../other",
        "./../other",
        "{here}/a/./../other",
        "{here}/other#part",
        "{site}{here}/other#part",
    ];
    let fields = ["Location", "Content-Location"];
    let named = fields.into_iter().flat_map(|field| {
        forms.map(|form| naming(field, form, 201, "POST").ask(get(Miss).at("/other")))
    });
    let methods = ["PUT", "DELETE", "PATCH", "M-SEARCH"].into_iter().flat_map(|method| {
        fields.map(|field| naming(field, "{here}/other", 200, method).ask(get(Miss).at("/other")))
    });
    let redirected = naming("Location", "{here}/other", 303, "POST").ask(get(Miss).at("/other"));
    play(named.chain(methods).chain([redirected]));
}

/// RFC 9111 §4.4: what is named of another origin, or by what failed or is safe, stays.
#[test]
fn what_was_named_in_vain_stays() {
    let forms = [
        "http://other.example.test{here}/other",
        "https://other.example.test{here}/other",
        "//other.example.test{here}/other",
        "ftp://www.example.test{here}/other",
        "{site}:8080{here}/other",
        "{site}.evil.test{here}/other",
        "{here}/other?a=1",
        "{here}/OTHER",
        "other",
        "",
        "http://",
        "http://[::1",
        ":",
    ];
    let stays = |scenario: Scenario| scenario.ask(get(Hit).at("/other"));
    let forms = forms.into_iter().flat_map(|form| {
        ["Location", "Content-Location"].map(|field| stays(naming(field, form, 201, "POST")))
    });
    let failed =
        [400, 404, 500].map(|status| stays(naming("Location", "{here}/other", status, "POST")));
    let safe =
        [("GET", 302), ("GET", 200), ("OPTIONS", 200)].into_iter().flat_map(|(method, status)| {
            ["Location", "Content-Location"]
                .map(|field| stays(naming(field, "{here}/other", status, method)))
        });
    play(forms.chain(failed).chain(safe));
}

/// RFC 9111 §4.3.5: HEAD is answered from a stored GET, and asked of the origin where that is stale.
/// If the origin has something else by now, the stored one stays stale.
#[test]
fn head_and_the_stored_response() {
    let stale = || lasting().age("60").etag("\"a\"").field("X-A", "1");
    let tagged = |tag: &str| ok().etag(tag).cache("max-age=600").field("X-A", "2");
    let said = || tagged("\"a\"");
    let asked = || head(Miss).saw_method("HEAD");
    let two = |name: &str, first: Says, second: Says| {
        scenario(name).origins([first, second, lasting().etag("\"c\"")]).get(Miss)
    };
    play([
        scenario("fresh")
            .origin(lasting().field("X-A", "1"))
            .get(Miss)
            .ask(head(Hit).has("content-length", "10").has("x-a", "1")),
        two("the same tag", stale(), said())
            .ask(asked().has("x-a", "2"))
            .ask(get(Hit).text("answer 001").has("x-a", "2").has("cache-control", "max-age=600")),
        two("the same tag, other fields stay", stale().field("X-B", "3"), said())
            .ask(asked())
            .ask(get(Hit).text("answer 001").has("x-b", "3")),
        two(
            "the same date",
            lasting().age("60").modified(THEN),
            ok().modified(THEN).cache("max-age=60"),
        )
        .ask(asked())
        .ask(get(Hit).text("answer 001")),
        two("another tag", stale(), tagged("\"b\""))
            .ask(asked())
            .ask(get(Miss).text("answer 003").saw("if-none-match", "\"a\"")),
        two("another date", lasting().age("60").modified(THEN), ok().modified("{date-60}"))
            .ask(asked())
            .ask(get(Miss).text("answer 003")),
        two("another length", stale(), said().field("Content-Length", "99"))
            .ask(asked().has("content-length", "99"))
            .ask(get(Miss).text("answer 003")),
        two("it is gone", stale(), says(410).cache("max-age=600"))
            .ask(asked().status(410))
            .ask(get(Miss).text("answer 003")),
        two("it is missing", stale(), says(404))
            .ask(asked().status(404))
            .ask(get(Miss).text("answer 003")),
        two("the same length", stale(), said().field("Content-Length", "10"))
            .ask(asked())
            .ask(get(Hit).text("answer 001")),
    ]);
}

const THEN: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
