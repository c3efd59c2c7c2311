//! Compression on the way: the miss itself, waiters, what is not stored, what is stale.

use super::{Kind, Site, assert_coded, page};
use crate::support::coding::{CODINGS, decoded, decoded_so_far, prose};
use crate::support::edge::before;
use crate::support::{Edge, Gate, Origin, Over, Reply, TestBucket, WWW, run};

#[test]
fn the_miss_itself_is_compressed() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let body = prose(40_000);
        for (n, (over, coding)) in everything().enumerate() {
            let reply = Reply::stream().send(body.clone()).cache("max-age=60");
            let reply = reply.field("content-type", "text/css").field("etag", "\"one\"");
            let told = reply.clone().length(40_000);
            for (path, reply) in [(format!("/{n}/chunked"), reply), (format!("/{n}/told"), told)] {
                site.answer(&path, reply);
                let ask = site.edge.ask("GET", WWW, &path).over(over);
                let answer = ask.field("accept-encoding", coding).send().await;
                assert_eq!(answer.cache(), "Miss", "{over:?} {coding}");
                assert_coded(&answer, coding, &body);
                assert_eq!(answer.field("content-length"), "", "{over:?} {coding}");
                let is_chunked = answer.field("transfer-encoding") == "chunked";
                assert_eq!(is_chunked, over != Over::Http2, "{over:?} {coding}");
            }
        }
    });
}

/// Every coding over every protocol.
fn everything() -> impl Iterator<Item = (Over, &'static str)> {
    let overs = [Over::Plain, Over::Http1, Over::Http2].into_iter();
    overs.flat_map(|over| CODINGS.map(|coding| (over, coding)))
}

#[test]
fn each_who_waits_for_the_same_gets_a_coding_of_its_own() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let (gate, body) = (Gate::closed(), prose(40_000));
        site.answer("/a", page(body.clone()).held_by(&gate));
        let ask = |coding| {
            let over = if coding == "zstd" { Over::Http1 } else { Over::Http2 };
            let ask = site.edge.ask("GET", WWW, "/a").over(over);
            ask.field("accept-encoding", coding).send()
        };
        let opened = async {
            site.edge.connected(4).await;
            site.origin.reached("/a", 1).await;
            gate.open();
        };
        let (br, zstd, gzip, none, ()) =
            tokio::join!(ask("br"), ask("zstd"), ask("gzip"), ask("identity"), opened);
        for (answer, coding) in [(br, "br"), (zstd, "zstd"), (gzip, "gzip"), (none, "")] {
            assert_coded(&answer, coding, &body);
        }
        assert_eq!(site.seen("/a").len(), 1);
    });
}

#[test]
fn what_is_not_stored_is_compressed_for_each() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let body = prose(40_000);
        let reply = Reply::bytes(body.clone()).field("content-type", "application/json");
        site.answer("/a", reply.field("etag", "\"one\"").cache("no-store"));
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            for method in ["GET", "POST"] {
                for coding in CODINGS {
                    let ask = site.edge.ask(method, WWW, "/a").over(over);
                    let answer = ask.field("accept-encoding", coding).send().await;
                    assert_coded(&answer, coding, &body);
                }
            }
        }
        let seen = site.seen("/a");
        assert_eq!(seen.len(), 18);
        assert!(seen.iter().all(|it| it.field("accept-encoding") == "identity"));
    });
}

#[test]
fn the_first_bytes_come_through_before_the_last_are_there() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let (first, rest) = (prose(3_000), prose(50_000));
        for (n, (over, coding)) in everything().enumerate() {
            for cache in ["max-age=60", "no-store"] {
                let (path, gate) = (format!("/{n}/{cache}"), Gate::closed());
                let reply = Reply::stream().send(first.clone()).wait_for(&gate);
                let reply = reply.send(rest.clone()).field("content-type", "text/plain");
                site.answer(&path, reply.cache(cache));
                let ask = site.edge.ask("GET", WWW, &path).over(over);
                let mut answer = ask.field("accept-encoding", coding).open().await.unwrap();
                let mut got = Vec::new();
                while decoded_so_far(coding, &got).0.len() < first.len() {
                    got.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
                }
                gate.open();
                got.extend_from_slice(&answer.rest().await.unwrap().body);
                let (body, end) = decoded_so_far(coding, &got);
                end.unwrap();
                assert!(body == [&*first, &*rest].concat(), "{over:?} {coding} {cache}");
            }
        }
    });
}

#[test]
fn a_body_that_does_not_get_smaller_is_sent_as_it_is() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let noise: Vec<u8> = (0..20_000).map(|_| rand::random()).collect();
        site.answer("/a", page(noise.clone()));
        for coding in CODINGS {
            // While it is on its way nobody knows.
            while !site.get("/a", coding).await.field("content-encoding").is_empty() {}
            for _ in 0..2 {
                let answer = site.get("/a", coding).await;
                assert_coded(&answer, "", &noise);
                assert_eq!(answer.field("content-length"), "20000");
            }
        }
        assert_eq!(site.seen("/a").len(), 1);
    });
}

#[test]
fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let mut n = 0;
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            for (coding, cache) in [("br", "max-age=60"), ("gzip", "no-store")] {
                n += 1;
                let (path, gate) = (format!("/{n}"), Gate::closed());
                let reply = Reply::stream().length(50_000).send(prose(20_000)).wait_for(&gate);
                let reply = reply.then_hang_up().field("content-type", "text/plain").cache(cache);
                site.answer(&path, reply);
                let ask = site.edge.ask("GET", WWW, &path).over(over);
                let answer = ask.field("accept-encoding", coding).open().await.unwrap();
                assert_eq!(answer.head.headers.get("content-encoding").unwrap(), coding);
                gate.open();
                let answer = answer.rest().await;
                assert!(answer.is_err(), "{over:?} {coding} {answer:?}");
            }
        }
    });
}

#[test]
fn an_invalidation_takes_the_coded_forms_too() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        for order in ["/a", "/*"] {
            let (old, new) = (prose(5_000), prose(6_000));
            site.answer("/a", page(old.clone()));
            site.edge.invalidate(r#"{"paths":["/*"]}"#).await;
            site.warm("/a").await;
            for coding in CODINGS {
                assert_coded(&site.get("/a", coding).await, coding, &old);
            }
            site.answer("/a", page(new.clone()));
            let told = site.edge.invalidate(&format!(r#"{{"paths":["{order}"]}}"#)).await.json();
            assert_eq!(told["matched"], 1, "forms are no responses of their own: {told}");
            for coding in CODINGS.into_iter().chain([""]) {
                assert_coded(&site.get("/a", coding).await, coding, &new);
            }
        }
        assert_eq!(site.seen("/a").len(), 4);
    });
}

#[test]
fn what_is_stale_is_compressed_as_well() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let body = prose(5_000);
        let reply = || page(body.clone()).field("age", "700");
        site.answer("/error", reply().cache("stale-if-error=9000"));
        site.answer("/meanwhile", reply().cache("stale-while-revalidate=9000"));
        for path in ["/error", "/meanwhile"] {
            site.get(path, "identity").await;
        }
        site.answer("/error", Reply::hang_up());
        site.answer("/meanwhile", reply().held_by(&Gate::closed()));
        for path in ["/error", "/meanwhile"] {
            site.warm(path).await;
        }
        for coding in CODINGS.into_iter().chain([""]) {
            for path in ["/error", "/meanwhile"] {
                let answer = site.get(path, coding).await;
                assert_eq!(answer.cache(), "Hit", "{path} {coding}");
                assert_coded(&answer, coding, &body);
                let length = answer.body.len().to_string();
                assert_eq!(answer.field("content-length"), length, "{path} {coding}");
            }
        }
    });
}

#[test]
fn an_error_page_is_compressed_too() {
    run(async {
        let origin = Origin::start().await;
        let keys =
            "policy = \"optimized\"\nerror_pages = [{ status = [404, 500], page = \"/oops\" }]\n";
        let edge = Edge::start(&(before(&[origin.address()]) + keys)).await;
        let body = prose(5_000);
        origin.answer("/oops", page(body.clone()));
        origin.answer("/broken", Reply::text("no").status(500).cache("no-store"));
        for (path, status) in [("/none", 404), ("/broken", 500)] {
            for coding in CODINGS.into_iter().chain(["identity"]) {
                for over in [Over::Http1, Over::Http2] {
                    let ask = edge.ask("GET", WWW, path).over(over);
                    let answer = ask.field("accept-encoding", coding).send().await;
                    assert_eq!(answer.status.as_u16(), status, "{coding} {answer:?}");
                    assert_eq!(answer.field("content-encoding"), coding.replace("identity", ""));
                    assert!(decoded(&answer) == body, "{path} {coding}");
                    assert_eq!(answer.field("vary"), "accept-encoding");
                }
            }
        }
        assert_eq!(origin.seen("/oops").len(), 1);
    });
}

#[test]
fn a_private_object_is_compressed() {
    run(async {
        let bucket = TestBucket::start().await;
        let body = prose(30_000);
        bucket.put("app.js", "text/javascript", &body).await;
        let in_file = crate::support::bucket::in_file(crate::support::bucket::SECRET);
        let edge = Edge::start(&bucket.site(&in_file, "")).await;
        let get = |coding| edge.ask("GET", WWW, "/app.js").field("accept-encoding", coding).send();
        let identity = get("identity").await;
        assert_eq!(
            (identity.field("vary"), identity.cache()),
            ("accept-encoding".into(), "Miss".into())
        );
        for coding in CODINGS {
            let answer = get(coding).await;
            assert_eq!(answer.cache(), "Hit");
            assert_eq!(answer.field("content-encoding"), coding);
            assert_eq!(answer.field("etag"), format!("W/{}", identity.field("etag")));
            assert!(decoded(&answer) == body);
        }
    });
}

#[test]
fn without_compression_the_origin_is_asked_for_what_the_client_takes() {
    run(async {
        let origin = Origin::start().await;
        let reply = Reply::bytes(prose(5_000)).field("content-type", "text/plain");
        origin.answer("/a", reply.field("vary", "Accept-Encoding").cache("max-age=60"));
        for keys in ["compress = false", "policy = \"plain\"", "policy = \"origin\""] {
            let plain = "[policies.plain]\ncompress = false\n";
            let config = format!("{}policy = \"optimized\"\n{keys}\n", before(&[origin.address()]));
            let config = config.replacen("policy = \"optimized\"\npolicy", "policy", 1);
            let edge = Edge::start(&(config + plain)).await;
            let earlier = origin.seen("/a").len();
            for (accepts, cache) in
                [("gzip", "Miss"), ("br", "Miss"), ("gzip", "Hit"), ("br", "Hit"), ("zstd", "Miss")]
            {
                let ask = edge.ask("GET", WWW, "/a").field("accept-encoding", accepts);
                let answer = ask.send().await;
                assert_eq!(answer.cache(), cache, "{keys} {accepts}");
                assert_eq!(answer.field("content-encoding"), "", "{keys} {accepts}");
                assert_eq!(answer.field("vary"), "Accept-Encoding");
            }
            let seen = origin.seen("/a").split_off(earlier);
            let accepts: Vec<_> = seen.iter().map(|it| it.field("accept-encoding")).collect();
            assert_eq!(accepts, ["gzip", "br", "zstd"], "{keys}");
        }
    });
}
