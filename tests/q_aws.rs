//! Deploy scripts that speak AWS: its own command line, told of the edge by the environment alone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bucket::{KEY_ID, SECRET, in_file};
use crate::support::edge::before;
use crate::support::{Aws, Edge, Origin, Reply, TestBucket, WWW, run_within};

#[test]
fn an_invalidation_by_the_cli_is_completed_and_the_next_request_is_a_miss() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        let aws = Aws::of(&edge);
        for path in ["/a", "/b"] {
            edge.get(WWW, path).await;
            assert_eq!(edge.get(WWW, path).await.cache(), "Hit", "{path}");
        }
        let words = ["create-invalidation", "--distribution-id", ID, "--paths", "/*"];
        let created = aws.prints(&words).await;
        for path in ["/a", "/b"] {
            assert_eq!(edge.get(WWW, path).await.cache(), "Miss", "{path}");
        }
        let id = created["Invalidation"]["Id"].as_str().unwrap();
        assert_eq!(created["Invalidation"]["Status"], "Completed");
        let paths = json!({ "Quantity": 1, "Items": ["/*"] });
        assert_eq!(created["Invalidation"]["InvalidationBatch"]["Paths"], paths);
        let place = created["Location"].as_str().unwrap();
        let expected =
            format!("http://{}/2020-05-31/distribution/{ID}/invalidation/{id}", edge.setup().admin);
        assert_eq!(place, expected);

        let words = ["wait", "invalidation-completed", "--distribution-id", ID, "--id", id];
        assert_eq!(aws.prints(&words).await, Value::Null);
        let words = ["get-invalidation", "--distribution-id", ID, "--id", id];
        assert_eq!(aws.prints(&words).await["Invalidation"], created["Invalidation"]);
        let words = ["get-invalidation", "--distribution-id", ID, "--id", "INONE"];
        assert_eq!(aws.refused(&words).await, "NoSuchInvalidation");

        let shown = edge.invalidation(id).await;
        assert_eq!((&shown["matched"], &shown["paths"]), (&json!(2), &json!(["/*"])));
    });
}

#[test]
fn paths_are_taken_as_scripts_type_them() {
    run_within(LIMIT, async {
        let (origin, edge) = site().await;
        let aws = Aws::of(&edge);
        let red = Reply::text("{n}").cache("max-age=600").field("cache-tag", "Red,blue");
        origin.answer("/tagged", red);
        let all = [
            "/a%20b",
            "/%C3%BCn%C3%AF",
            "/x?a=1&b=2",
            "/x?a=1&b=3",
            "/dir/main~1.js",
            "/dir/deep/2",
            "/<b>&'c'",
            "/tagged",
            "/a",
        ];
        for (typed, taken) in [
            (&["/a b"][..], &["/a%20b"][..]),
            (&["/a%20b"], &["/a%20b"]),
            (&["/ünï"], &["/%C3%BCn%C3%AF"]),
            (&["/x?a=1&b=2"], &["/x?a=1&b=2"]),
            (&["/dir/main%7E1.js"], &["/dir/main~1.js"]),
            (&["/dir/*", "/a"], &["/dir/main~1.js", "/dir/deep/2", "/a"]),
            (&["/<b>&'c'"], &["/<b>&'c'"]),
            (&["#RED"], &["/tagged"]),
            (&["#green", "/x*"], &["/x?a=1&b=2", "/x?a=1&b=3"]),
        ] {
            for target in all {
                edge.get(WWW, &sent(target)).await;
            }
            let words = ["create-invalidation", "--distribution-id", ID, "--paths"];
            let words: Vec<&str> = words.iter().chain(typed).copied().collect();
            let created = aws.prints(&words).await;
            let items = &created["Invalidation"]["InvalidationBatch"]["Paths"]["Items"];
            let items = items.as_array().unwrap();
            assert_eq!(items.len(), typed.len(), "{items:?}");
            for target in all {
                let expected = if taken.contains(&target) { "Miss" } else { "Hit" };
                let cache = edge.get(WWW, &sent(target)).await.cache();
                assert_eq!(cache, expected, "{target} after {typed:?}");
            }
        }
    });
}

#[test]
fn a_reference_is_one_job_whoever_asks_again() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        let aws = Aws::of(&edge);
        let batch = |paths: &[&str]| {
            let paths = json!({ "Quantity": paths.len(), "Items": paths });
            json!({ "Paths": paths, "CallerReference": "build-41" }).to_string()
        };
        let file = aws.home().join("batch.json");
        std::fs::write(&file, batch(&["/a", "/b"])).unwrap();
        let file = format!("file://{}", file.display());
        let (same, different) = (batch(&["/b", "/a"]), batch(&["/c"]));
        let create = ["create-invalidation", "--distribution-id", ID, "--invalidation-batch"];
        let [first, again, other] =
            [&*file, &*same, &*different].map(|batch| [&create[..], &[batch]].concat());

        let created = aws.prints(&first).await;
        edge.get(WWW, "/a").await;
        let repeated = aws.prints(&again).await;
        assert_eq!(repeated["Invalidation"]["Id"], created["Invalidation"]["Id"]);
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Hit", "it was not done again");
        assert_eq!(aws.refused(&other).await, "InvalidationBatchAlreadyExists");

        let edge = edge.restart().await;
        assert_eq!(aws.prints(&again).await, repeated);
        let own = edge.invalidate(r#"{"paths":["/a","/b"],"reference":"build-41"}"#).await;
        assert_eq!((own.status.as_u16(), &own.json()["id"]), (200, &created["Invalidation"]["Id"]));
        let listed = edge.control("GET", "/invalidations", "").await.json();
        assert_eq!(listed["invalidations"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn both_apis_list_the_same_jobs_newest_first_and_page_by_page() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        let aws = Aws::of(&edge);
        for number in 0..4 {
            let order = format!(r#"{{"paths":["/{number}"]}}"#);
            assert_eq!(edge.invalidate(&order).await.status, 201);
        }
        aws.prints(&["create-invalidation", "--distribution-id", ID, "--paths", "/5"]).await;
        let own = edge.control("GET", "/invalidations", "").await.json();
        let own: Vec<&Value> = own["invalidations"].as_array().unwrap().iter().collect();
        assert_eq!((own.len(), &own[0]["paths"]), (5, &json!(["/5"])));
        let own: Vec<&str> = own.iter().map(|job| job["id"].as_str().unwrap()).collect();

        let list = ["list-invalidations", "--distribution-id", ID];
        for more in [&[][..], &["--page-size", "2"], &["--page-size", "5"]] {
            let listed = aws.prints(&[&list[..], more].concat()).await;
            assert_eq!(ids(&listed), own, "{more:?}");
        }
        let listed = aws.prints(&[&list[..], &["--max-items", "3"]].concat()).await;
        assert_eq!(ids(&listed), own[..3]);
        let token = listed["NextToken"].as_str().unwrap();
        let rest = aws.prints(&[&list[..], &["--starting-token", token]].concat()).await;
        assert_eq!(ids(&rest), own[3..]);
        let words = [&list[..], &["--no-paginate", "--max-items", "1"]].concat();
        let page = aws.prints(&words).await;
        assert_eq!(ids(&page), own[..1]);
        assert_eq!(page["InvalidationList"]["NextMarker"], own[0]);
    });
}

#[test]
fn a_distribution_is_found_by_its_alias_and_is_deployed() {
    run_within(LIMIT, async {
        let origin = Origin::start().await;
        let config = before(&[origin.address()]) + &format!("id = \"{ID}\"\n");
        let other = "\n[sites.shop]\nhosts = [\"shop.example.test\"]\norigin = \"app\"\n";
        let edge = Edge::start(&(config + other)).await;
        let aws = Aws::of(&edge);
        for (alias, id) in [(WWW, ID), ("shop.example.test", &edge.distribution("shop").await)] {
            let query = format!("DistributionList.Items[?contains(Aliases.Items,'{alias}')].Id");
            let words = ["list-distributions", "--query", &query];
            assert_eq!(aws.prints(&words).await, json!([id]), "{alias}");
            // The idiom of scripts that put it into a variable.
            let query = format!("{query} | [0]");
            let words = ["list-distributions", "--query", &query, "--output", "text"];
            assert_eq!(aws.cli(&words).await.stdout.trim(), id);
        }
        let listed = aws.prints(&["list-distributions", "--page-size", "1"]).await;
        assert_eq!(listed["DistributionList"]["Items"].as_array().unwrap().len(), 2);

        let shown = aws.prints(&["get-distribution", "--id", ID]).await;
        let distribution = &shown["Distribution"];
        assert_eq!(
            (&distribution["Id"], &distribution["Status"]),
            (&json!(ID), &json!("Deployed"))
        );
        assert_eq!(distribution["DomainName"], WWW);
        let config = aws.prints(&["get-distribution-config", "--id", ID]).await;
        assert_eq!(config["ETag"], shown["ETag"]);
        assert_eq!(config["DistributionConfig"], distribution["DistributionConfig"]);
        assert_eq!(config["DistributionConfig"]["Aliases"]["Items"], json!([WWW]));
        assert_eq!(config["DistributionConfig"]["Comment"], "www");
        let waited = aws.prints(&["wait", "distribution-deployed", "--id", ID]).await;
        assert_eq!(waited, Value::Null);
        assert_eq!(aws.refused(&["get-distribution", "--id", "ENONE"]).await, "NoSuchDistribution");
    });
}

#[test]
fn a_key_that_may_only_invalidate_waits_for_what_it_ordered() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        let key =
            edge.created_key("ci", &json!([{ "action": ["invalidate"], "site": "www" }])).await;
        let aws =
            Aws::new(&format!("http://{}", edge.setup().admin), key["token"].as_str().unwrap());
        let words = ["create-invalidation", "--distribution-id", ID, "--paths", "/*"];
        let created = aws.prints(&words).await;
        let id = created["Invalidation"]["Id"].as_str().unwrap();
        let words = ["wait", "invalidation-completed", "--distribution-id", ID, "--id", id];
        assert_eq!(aws.prints(&words).await, Value::Null);
        let words = ["list-invalidations", "--distribution-id", ID];
        assert_eq!(aws.refused(&words).await, "AccessDenied");
        // The name of the site, where its id belongs.
        let words = ["create-invalidation", "--distribution-id", "www", "--paths", "/*"];
        assert_eq!(aws.refused(&words).await, "NoSuchDistribution");
    });
}

/// The node has the pair of the bucket as a key, so that one environment signs for both.
#[test]
fn a_deploy_script_stays_as_it_is_but_for_one_variable() {
    run_within(LIMIT, async {
        let bucket = TestBucket::start().await;
        bucket.put_cached("index.html", "text/html", "max-age=600", b"old").await;
        let key = format!(
            "\n[keys.deploy]\nid = \"{KEY_ID}\"\nsecret = \"{SECRET}\"\n\
             allow = [{{ action = [\"invalidate\", \"read\"], site = \"www\" }}]\n"
        );
        let site = bucket.site(&in_file(SECRET), &format!("id = \"{ID}\""));
        let edge = Edge::start(&(site + &key)).await;
        assert_eq!(edge.get(WWW, "/index.html").await.text(), "old");
        assert_eq!(edge.get(WWW, "/index.html").await.cache(), "Hit");

        let endpoint = format!("http://{}", edge.setup().admin);
        let aws = Aws::new(&endpoint, &format!("{KEY_ID}.{SECRET}"))
            .variable("AWS_ENDPOINT_URL_S3", &format!("http://{}", bucket.address()))
            .variable("ID", ID);
        std::fs::create_dir(aws.home().join("dist")).unwrap();
        std::fs::write(aws.home().join("dist/index.html"), "new").unwrap();
        let ended = aws
            .deploy(
                "aws s3 sync ./dist s3://web --delete && \
                 aws cloudfront create-invalidation --distribution-id $ID --paths '/*'",
            )
            .await;
        assert_eq!((ended.code, &*ended.stderr), (0, ""), "{ended:?}");
        assert!(ended.stdout.contains("upload: dist/index.html to s3://web/index.html"));
        let answer = edge.get(WWW, "/index.html").await;
        assert_eq!((answer.cache(), answer.text()), ("Miss".to_owned(), "new"));

        // `set -e` and CI see what went wrong.
        let aws = aws.variable("ID", "ENONE");
        let line = "aws cloudfront create-invalidation --distribution-id $ID --paths '/*'";
        let ended = aws.deploy(line).await;
        assert!(ended.code != 0 && ended.stderr.contains("(AccessDenied)"), "{ended:?}");
    });
}

/// One site before an origin that answers whatever these tests ask for.
async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    for path in [
        "/a",
        "/b",
        "/a%20b",
        "/%C3%BCn%C3%AF",
        "/x",
        "/dir/main~1.js",
        "/dir/deep/2",
        "/%3Cb%3E&'c'",
    ] {
        origin.answer(path, Reply::text("{n}").cache("max-age=600"));
    }
    let edge = Edge::start(&(before(&[origin.address()]) + &format!("id = \"{ID}\"\n"))).await;
    (origin, edge)
}

/// As browsers send it.
fn sent(target: &str) -> String {
    target.replace('<', "%3C").replace('>', "%3E")
}

fn ids(listed: &Value) -> Vec<&str> {
    let items = listed["InvalidationList"]["Items"].as_array();
    let items = items.unwrap_or_else(|| panic!("{listed}"));
    items.iter().map(|item| item["Id"].as_str().unwrap()).collect()
}

const ID: &str = "E2QWRUHAPOMQZL";
/// Each run of the CLI is a second of a busy machine.
const LIMIT: Duration = Duration::from_mins(3);
