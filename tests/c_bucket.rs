//! A private bucket behind the edge.

use http::StatusCode;

use crate::support::bucket::{SECRET, in_file};
use crate::support::{Edge, Origin, Over, Reply, Setup, TestBucket, WWW, run};

#[test]
fn a_private_object_is_a_miss_then_a_hit() {
    run(async {
        let bucket = TestBucket::start().await;
        bucket.put("app.css", "text/css", b"body {}").await;
        let edge = Edge::start(&bucket.site(&in_file(SECRET), "")).await;

        let miss = edge.get(WWW, "/app.css").await;
        assert_eq!((miss.text(), &*miss.cache()), ("body {}", "Miss"));
        assert_eq!(miss.field("content-type"), "text/css");
        assert_eq!(miss.field("x-amz-request-id"), "", "the bucket's own affair");
        let hit = edge.get(WWW, "/app.css?any=query").await;
        assert_eq!((hit.text(), &*hit.cache()), ("body {}", "Hit"));
        assert!(!hit.field("age").is_empty());
        let etag = hit.field("etag");
        let known = edge.ask("GET", WWW, "/app.css").field("if-none-match", &etag);
        assert_eq!(known.send().await.status, StatusCode::NOT_MODIFIED);
    });
}

#[test]
fn a_wrong_secret_is_a_502_whose_log_line_says_so() {
    run(async {
        let bucket = TestBucket::start().await;
        bucket.put("a.txt", "text/plain", b"a").await;
        let edge = Edge::start(&bucket.site(&in_file("another-secret"), "")).await;

        let refused = edge.get(WWW, "/a.txt").await;
        assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
        assert!(!refused.text().contains("secret"), "{}", refused.text());
        let line = edge.logged("/a.txt").await;
        assert_eq!(line["fault"], "bucket");
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.contains("secret"), "{detail}");
    });
}

#[test]
fn a_missing_object_is_404_and_a_missing_bucket_502() {
    run(async {
        let bucket = TestBucket::start().await;
        let edge = Edge::start(&bucket.site(&in_file(SECRET), "")).await;
        assert_eq!(edge.get(WWW, "/none.txt").await.status, StatusCode::NOT_FOUND);

        let config = bucket.site_of("elsewhere", &in_file(SECRET), "");
        let edge = Edge::start(&config).await;
        let answer = edge.get(WWW, "/a.txt").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        let line = edge.logged("/a.txt").await;
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.contains("the bucket does not exist"), "{detail}");
    });
}

#[test]
fn keys_are_found_however_they_are_spelled() {
    run(async {
        let bucket = TestBucket::start().await;
        let keys = [
            ("größe/日本.txt", "/gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC.txt"),
            ("größe/日本.txt", "/gr%c3%b6%c3%9fe/%e6%97%a5%e6%9c%ac.txt"),
            ("with space.txt", "/with%20space.txt"),
            ("plus+plus.txt", "/plus+plus.txt"),
            ("plus+plus.txt", "/plus%2Bplus.txt"),
            ("100%.txt", "/100%25.txt"),
            ("~home.txt", "/~home.txt"),
            ("~home.txt", "/%7Ehome.txt"),
            ("(a)'!*.txt", "/(a)'!*.txt"),
            ("a=b&c,d;e:f@g$.txt", "/a=b&c,d;e:f@g$.txt"),
        ];
        for (key, _) in keys {
            bucket.put(key, "text/plain", key.as_bytes()).await;
        }
        let edge = Edge::start(&bucket.site(&in_file(SECRET), "")).await;
        for (key, path) in keys {
            let answer = edge.get(WWW, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert_eq!(answer.text(), key, "{path}");
        }
    });
}

#[test]
fn what_a_bucket_is_asked_is_signed_and_names_the_key_as_it_is() {
    run(async {
        let s3 = Origin::start().await;
        let config = TestBucket::start().await.site(&in_file(SECRET), "");
        let setup = Setup::new(&config.replace("endpoint = ", "prefix = \"build\"\nendpoint = "));
        setup.rewrite("\nendpoint = \"http://", &format!("\nendpoint = \"http://{s3}\" #"));
        let edge = setup.start().await;
        for (path, asked) in [
            ("/a//b.txt", "/web/build/a//b.txt"),
            ("//a/b.txt?x=y", "/web/build//a/b.txt"),
            ("/a+b%20c%25~.txt", "/web/build/a%2Bb%20c%25~.txt"),
        ] {
            s3.answer(asked, Reply::text("object").cache("max-age=60"));
            let client = edge.ask("GET", WWW, path).field("cookie", "a=b").field("x-amz-acl", "x");
            assert_eq!(client.send().await.text(), "object", "{path}");
            let seen = s3.seen(asked).pop().unwrap();
            assert_eq!(seen.target, asked);
            assert_eq!(seen.field("host"), s3.to_string());
            let signature = seen.field("authorization");
            assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=TESTKEYID/"), "{signature}");
            assert!(signature.contains("x-amz-content-sha256"), "{signature}");
            assert_eq!((seen.field("cookie"), seen.field("x-amz-acl")), ("", ""));
        }
    });
}

#[test]
fn twenty_mebibytes_come_through_whole_and_in_part() {
    run(async {
        let bucket = TestBucket::start().await;
        let object: Vec<u8> = (0..20 * 1024 * 1024_u32).map(|i| (i % 251) as u8).collect();
        bucket.put("big.bin", "application/octet-stream", &object).await;
        bucket.put("cold.bin", "application/octet-stream", &object).await;
        let edge = Edge::start(&bucket.site(&in_file(SECRET), "")).await;

        for (expected, over) in [("Miss", Over::Http1), ("Hit", Over::Http1), ("Hit", Over::Http2)]
        {
            let answer = edge.ask("GET", WWW, "/big.bin").over(over).send().await;
            assert_eq!(answer.cache(), expected);
            assert!(answer.body == object, "{expected} over {over:?}");
        }
        for (path, cache) in [("/cold.bin", "Miss"), ("/big.bin", "Hit")] {
            let part = edge.ask("GET", WWW, path).field("range", "bytes=1000000-1000099");
            let part = part.send().await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{path}");
            assert_eq!(part.cache(), cache, "{path}");
            assert_eq!(part.field("content-range"), "bytes 1000000-1000099/20971520");
            assert!(part.body == object[1_000_000..1_000_100], "{path}");
        }
        let tail = edge.ask("GET", WWW, "/big.bin").field("range", "bytes=-3").send().await;
        assert_eq!(tail.body, object[object.len() - 3..]);
        let beyond = edge.ask("GET", WWW, "/big.bin").field("range", "bytes=99999999-");
        assert_eq!(beyond.send().await.status, StatusCode::RANGE_NOT_SATISFIABLE);
        let head = edge.ask("HEAD", WWW, "/big.bin").send().await;
        assert_eq!((head.field("content-length").as_str(), head.body.len()), ("20971520", 0));
    });
}

#[test]
fn a_cold_head_has_the_length_and_no_body() {
    run(async {
        let bucket = TestBucket::start().await;
        bucket.put("a.txt", "text/plain", b"12345").await;
        let edge = Edge::start(&bucket.site(&in_file(SECRET), "")).await;
        for over in [Over::Http2, Over::Http1] {
            let head = edge.ask("HEAD", WWW, "/a.txt").over(over).send().await;
            assert_eq!(head.status, StatusCode::OK);
            assert_eq!((head.field("content-length").as_str(), head.body.len()), ("5", 0));
            // What is not stored has no body either.
            let head = edge.ask("HEAD", WWW, "/none.txt").over(over).attempt().await.unwrap();
            assert_eq!((head.status, head.body.len()), (StatusCode::NOT_FOUND, 0));
            assert_eq!(edge.logged("/none.txt").await["bytes"], 0);
        }
        assert_eq!(edge.get(WWW, "/a.txt").await.text(), "12345");
    });
}

#[test]
fn a_single_page_app_answers_navigations_with_its_page() {
    run(async {
        let bucket = TestBucket::start().await;
        bucket.put("index.html", "text/html", b"<h1>app</h1>").await;
        let app = "default_root_object = \"index.html\"\nspa = \"/index.html\"";
        let edge = Edge::start(&bucket.site(&in_file(SECRET), app)).await;
        let browser = "text/html,application/xhtml+xml,*/*;q=0.8";

        for (path, accept, status, page) in [
            ("/", browser, 200, true),
            ("/deep/link", browser, 200, true),
            ("/user/john.doe", browser, 200, true),
            ("/assets/app.123.js", browser, 404, false),
            ("/assets/app.123.js", "*/*", 404, false),
            ("/deep/other", "application/json", 404, false),
        ] {
            let answer = edge.ask("GET", WWW, path).field("accept", accept).send().await;
            assert_eq!(answer.status, status, "{path} as {accept}");
            let is_page = answer.text() == "<h1>app</h1>";
            assert_eq!(is_page, page, "{path} as {accept}");
        }
        let put = edge.ask("PUT", WWW, "/index.html").body("x").send().await;
        assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(put.field("allow"), "GET, HEAD, OPTIONS");
    });
}

#[test]
fn the_online_check_names_what_is_wrong() {
    run(async {
        let bucket = TestBucket::start().await;
        let good = bucket.site(&in_file(SECRET), "");
        let ended = Setup::new(&good).command(&["check", "--online"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");

        let dead = "[origins.api]\ntargets = [\"127.0.0.1:9\"]\n";
        for (config, named) in [
            (bucket.site(&in_file("another-secret"), ""), vec!["origins.web: ", "secret"]),
            (
                bucket.site_of("elsewhere", &in_file(SECRET), ""),
                vec!["origins.web: the bucket does not exist"],
            ),
            (good + dead, vec!["origins.api: ", "127.0.0.1:9"]),
        ] {
            let ended = Setup::new(&config).command(&["check", "--online"]).await;
            assert_eq!(ended.code, 1, "{ended:?}");
            for word in named {
                assert!(ended.stderr.contains(word), "{word} in {ended:?}");
            }
        }
    });
}
