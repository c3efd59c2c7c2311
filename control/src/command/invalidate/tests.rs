use clap::Parser as _;
use serde_json::json;

use super::*;

fn order(prefetch: &[&str], sitemap: Option<&str>) -> Invalidate {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Invalidate {
        prefetch: texts(prefetch),
        sitemap: sitemap.map(str::to_owned),
        paths: texts(&["/a", "/b/*"]),
        ..Invalidate::default()
    }
}

#[test]
fn the_node_is_asked_for_what_was_said() {
    let paths = json!(["/a", "/b/*"]);
    for (order, body) in [
        (order(&[], None), json!({ "paths": paths })),
        (order(&[""], None), json!({ "paths": paths, "then": "prefetch" })),
        (
            order(&["", "/c"], None),
            json!({ "paths": paths, "then": "prefetch", "prefetch": ["/c"] }),
        ),
        (order(&["/c"], None), json!({ "paths": paths, "prefetch": ["/c"] })),
        (order(&[], Some("/s.xml")), json!({ "paths": paths, "sitemap": "/s.xml" })),
        (
            order(&[""], Some("/s.xml")),
            json!({ "paths": paths, "then": "prefetch", "sitemap": "/s.xml" }),
        ),
    ] {
        assert_eq!(super::body(&order), body);
    }
    let tagged = Invalidate {
        site: Some("www".to_owned()),
        tags: vec!["news".to_owned()],
        soft: true,
        reference: Some("41".to_owned()),
        ..Invalidate::default()
    };
    let body = json!({
        "site": "www", "tags": ["news"], "soft": true, "reference": "41",
    });
    assert_eq!(super::body(&tagged), body);
}

#[test]
fn a_prefetch_is_told_as_it_went() {
    let told = |json: Value| {
        let prefetched: Prefetched = serde_json::from_value(json).unwrap();
        prefetched.sentence()
    };
    for (json, sentence) in [
        (json!({ "state": "running", "total": null }), "prefetching"),
        (
            json!({ "state": "running", "detail": "waits for another" }),
            "prefetching: waits for another",
        ),
        (
            json!({ "state": "running", "fetched": 118, "failed": 2, "total": 400 }),
            "prefetching 120 of 400",
        ),
        (json!({ "state": "done", "fetched": 1, "failed": 0 }), "prefetched 1 URL"),
        (
            json!({ "state": "done", "fetched": 2, "failed": 1, "detail": "/\u{1b}x is gone" }),
            "prefetched 2 URLs, 1 failed: /x is gone",
        ),
    ] {
        assert_eq!(told(json), sentence);
    }
}

#[test]
fn only_what_has_ended_can_have_failed() {
    for (prefetch, exit) in [
        (json!(null), Exit::Done),
        (json!({ "state": "running", "failed": 1 }), Exit::Done),
        (json!({ "state": "done", "failed": 1 }), Exit::Failed),
        (json!({ "state": "done", "failed": 1, "fetched": 1 }), Exit::Done),
    ] {
        let json = json!({ "site": "www", "matched": 0, "bytes": 0, "prefetch": prefetch });
        let answered = Answered::deserialize(&json).unwrap();
        let outcome = Outcome { kind: Kind::DryRun, answered, json };
        assert_eq!(outcome.exit(), exit, "{}", outcome.json);
    }
}

#[test]
fn words_that_mean_something_else_are_refused_with_a_hint() {
    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        order: Invalidate,
    }
    let read = |words: &[&str]| Line::try_parse_from([&["invalidate"], words].concat());
    for (words, says) in [
        (&[][..], "<PATH|--tag <TAG>>"),
        (&["--site=www"], "<PATH|--tag <TAG>>"),
        (&["#a"], "`--tag a`"),
        (&["--tag", "#a"], "without the `#`: `--tag a`"),
        (&["--dry-run", "--reference=1", "/a"], "'--dry-run' cannot be used with"),
        (&["--dry-run", "--prefetch", "/a"], "'--dry-run' cannot be used with"),
        (&["--no-wait", "/a"], "<--prefetch[=<PATH>]|--sitemap <PATH>>"),
    ] {
        let refused = read(words).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    for words in [
        &["--no-wait", "--sitemap=/s.xml", "--prefetch", "/a"][..],
        &["--prefetch", "--prefetch=/b", "--tag=a#b", "/#a"],
    ] {
        read(words).unwrap();
    }
    let order = read(&["--prefetch", "/a"]).unwrap().order;
    assert_eq!((order.prefetch, order.paths), (vec![String::new()], vec!["/a".to_owned()]));
}
