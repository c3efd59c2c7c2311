//! What the tests of invalidation are made of does what it says.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::edge::before;
use crate::support::program::part;
use crate::support::schemathesis::Exploration;
use crate::support::sigv4::{Unsigned, batch, element};
use crate::support::{Aws, Call, Edge, Origin, Reply, SDKS, WWW, run};

const ID: &str = "E1EXAMPLE";

#[test]
fn the_cli_is_the_one_that_is_pinned_and_knows_nothing_of_the_machine() {
    run(async {
        let aws = Aws::new("http://127.0.0.1:9", "AKIDEXAMPLE.secret");
        let pinned = std::fs::read_to_string(part("tests/parts/requirements.txt")).unwrap();
        let pinned = pinned.lines().find_map(|line| line.strip_prefix("awscli==")).unwrap();
        let told = aws.deploy("aws --version && aws configure list").await;
        assert_eq!(told.code, 0, "{told:?}");
        assert!(told.stdout.contains(&format!("aws-cli/{pinned} ")), "{told:?}");
        assert!(told.stdout.contains("****************MPLE"), "{told:?}");
        let refused = aws.without("AWS_DEFAULT_REGION").cli(&["list-distributions"]).await;
        assert!(refused.stderr.contains("You must specify a region"), "{refused:?}");
    });
}

#[test]
fn every_client_signs_and_tells_what_it_was_answered() {
    run(async {
        let origin = Origin::start().await;
        let refused = "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchDistribution</Code>\
            <Message>The specified distribution does not exist.</Message></Error>\
            <RequestId>r-1</RequestId></ErrorResponse>";
        origin.answer(
            &format!("/2020-05-31/distribution/{ID}/invalidation"),
            Reply::text(CREATED).status(201).field("x-amzn-requestid", "r-0"),
        );
        origin.answer(
            &format!("/2020-05-31/distribution/{ID}/invalidation/I1"),
            Reply::text(CREATED.split_once('\n').unwrap().1),
        );
        origin.answer("/2020-05-31/distribution/ENONE", Reply::text(refused).status(404));
        let aws = Aws::new(&format!("http://{origin}"), "AKIDEXAMPLE.secret");

        let words = ["create-invalidation", "--distribution-id", ID, "--paths", "/*"];
        assert_eq!(aws.prints(&words).await["Invalidation"]["Id"], "I1");
        let words = ["wait", "invalidation-completed", "--distribution-id", ID, "--id", "I1"];
        assert_eq!(aws.prints(&words).await, Value::Null);
        assert_eq!(aws.refused(&["get-distribution", "--id", "ENONE"]).await, "NoSuchDistribution");

        for sdk in SDKS {
            let waited = json!({ "DistributionId": ID, "Id": "$0.Invalidation.Id" });
            let calls = [
                Call::invalidate(ID, &["/*", "#tag"], "build-1"),
                Call::wait("InvalidationCompleted", waited),
                Call::ask("GetDistribution", json!({ "Id": "ENONE" })),
            ];
            let [created, waited, refused] = aws.calls(sdk, calls).await;
            assert_eq!(created.succeeded()["Invalidation"]["Id"], "I1", "{sdk:?}");
            assert_eq!((created.status, &*created.request, created.attempts), (201, "r-0", 1));
            assert_eq!(waited.succeeded(), &Value::Null);
            assert_eq!((refused.status, &*refused.code), (404, "NoSuchDistribution"), "{sdk:?}");
            assert_eq!(refused.message, "The specified distribution does not exist.");
        }
        let seen = origin.seen(&format!("/2020-05-31/distribution/{ID}/invalidation"));
        assert_eq!(seen.len(), 3);
        for request in seen {
            let authorization = request.field("authorization");
            assert!(authorization.contains("AKIDEXAMPLE/"), "{authorization}");
            assert!(authorization.contains("/eu-west-1/cloudfront/"), "{authorization}");
        }
    });
}

/// What the AWS CLI signed with AWS's published key, and sent to this address.
#[test]
fn requests_are_signed_here_as_the_cli_signs_them() {
    let to = "127.0.0.1:18080".parse().unwrap();
    let key = "AKIDEXAMPLE.wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let target = format!("/2020-05-31/distribution/{ID}/invalidation");
    let by_cli = |body: &str, at: u64| {
        Unsigned::new(key, "POST", &target, body)
            .at(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
            .region("eu-west-1")
    };
    let body = batch(&["/*"], "cli-1795351174-710344");
    let signed = by_cli(&body, 1_795_351_174).session("FwoGZXIvYXdzSESSIONTOKEN").sign(to);
    let expected = "7a85dfb970e6d1cf70ccd105056b26ced24fb8a83de9386cd95beafe5ffa6dfa";
    assert!(signed.authorization().ends_with(expected), "{}", signed.authorization());
    assert!(!signed.forged().authorization().ends_with(expected));
}

#[test]
fn schemathesis_finds_what_is_not_as_the_document_says() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/openapi.json", Reply::text(&document("string")).field(TYPE.0, TYPE.1));
        origin.answer("/thing", Reply::text(r#"{"id":"a"}"#).field(TYPE.0, TYPE.1));
        let look = Exploration::new(&format!("http://{origin}/openapi.json"), "id.secret");
        let look = look.examples(5).words(&["--exclude-checks", "unsupported_method"]);
        let explored = look.run().await;
        explored.is_true();
        assert!(explored.cases > 0 && explored.operations == (1, 1), "{explored:?}");
        assert_eq!(origin.seen("/thing")[0].field("authorization"), "Bearer id.secret");

        origin.answer("/openapi.json", Reply::text(&document("integer")).field(TYPE.0, TYPE.1));
        let failures = look.run().await.failures;
        assert_eq!(failures, ["ST108 Response violates schema: GET /thing"]);
    });
}

#[test]
fn an_edge_does_what_every_client_asks_of_it() {
    run(async {
        let (origin, edge) = site().await;
        let id = edge.distribution("www").await;
        let aws = Aws::of(&edge).variable("ID", &id);
        edge.get(WWW, "/a").await;
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Hit");
        let create = "aws cloudfront create-invalidation --distribution-id $ID --paths '/*'";
        let told = aws.deploy(&format!("{create} --query Invalidation.Id --output text")).await;
        assert_eq!(told.code, 0, "{told:?}");
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Miss");
        let job = told.stdout.trim();
        let wait = ["wait", "invalidation-completed", "--distribution-id", &id, "--id", job];
        aws.prints(&wait).await;
        assert_eq!(edge.completed(job).await["paths"], json!(["/*"]));

        for sdk in SDKS {
            edge.get(WWW, "/a").await;
            let reference = format!("{sdk:?}");
            let listed = json!({ "DistributionId": id });
            let waited = json!({ "DistributionId": id, "Id": "$0.Invalidation.Id" });
            let calls = [
                Call::invalidate(&id, &["/a"], &reference),
                Call::wait("InvalidationCompleted", waited),
                Call::pages("ListInvalidations", 1, listed),
            ];
            let [created, waited, pages] = aws.calls(sdk, calls).await;
            let job = &created.succeeded()["Invalidation"]["Id"];
            assert_eq!((created.status, waited.succeeded()), (201, &Value::Null));
            assert_eq!(&pages.succeeded()[0]["InvalidationList"]["Items"][0]["Id"], job);
            assert_eq!(edge.get(WWW, "/a").await.cache(), "Miss", "{sdk:?}");
        }
        assert_eq!(origin.seen("/a").len(), 4);
    });
}

#[test]
fn an_edge_takes_what_is_signed_here_and_nothing_else() {
    run(async {
        let (_origin, edge) = site().await;
        let id = edge.distribution("www").await;
        let made = edge.created_key("ci", &json!([{ "action": ["invalidate"] }])).await;
        let key = made["token"].as_str().unwrap();
        let asked = Unsigned::invalidation(&edge, &id, &["/a", "#red"]);
        let done = asked.clone().key(key).region("").session("token").send(&edge).await;
        assert_eq!((done.status.as_u16(), element(done.text(), "Status")), (201, "Completed"));
        edge.completed(element(done.text(), "Id")).await;

        let admin = edge.setup().admin;
        for (refused, code) in [
            (asked.sign(admin).forged(), "SignatureDoesNotMatch"),
            (asked.sign(admin).body(&batch(&["/b"], "r")), "SignatureDoesNotMatch"),
            (asked.sign(admin).target("/2020-05-31/distribution"), "SignatureDoesNotMatch"),
            (asked.clone().hashing("").sign(admin), "SignatureDoesNotMatch"),
            (asked.clone().skewed(-310).sign(admin), "SignatureDoesNotMatch"),
        ] {
            let answer = refused.send().await;
            assert_eq!(element(answer.text(), "Code"), code, "{}", answer.text());
            assert_eq!(answer.status, 403, "{}", answer.text());
        }
        edge.audited(|line| line["name"] == "ci" && line["status"] == 201).await;
        let whys = ["does not match", "Signature expired"];
        for why in whys {
            let is_why = |line: &Value| line["why"].as_str().is_some_and(|it| it.contains(why));
            edge.audited(is_why).await;
        }
        let seen = edge.inspected("https://www.example.test/a").await;
        assert_eq!(seen["site"], "www", "{seen:#}");
    });
}

const TYPE: (&str, &str) = ("content-type", "application/json");

const CREATED: &str = "<?xml version=\"1.0\"?>
<Invalidation xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Id>I1</Id>\
<Status>Completed</Status><CreateTime>2026-11-22T12:00:00Z</CreateTime><InvalidationBatch><Paths>\
<Quantity>1</Quantity><Items><Path>/*</Path></Items></Paths><CallerReference>c</CallerReference>\
</InvalidationBatch></Invalidation>";

fn document(kind: &str) -> String {
    let schema = json!({ "type": "object", "properties": { "id": { "type": kind } } });
    let body = json!({ "application/json": { "schema": schema } });
    let get = json!({ "responses": { "200": { "description": "It.", "content": body } } });
    let paths = json!({ "/thing": { "get": get } });
    let about = json!({ "title": "Things", "version": "1" });
    json!({ "openapi": "3.1.0", "info": about, "paths": paths }).to_string()
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/a", Reply::text("a").cache("max-age=600").field("cache-tag", "Red"));
    let edge = Edge::start(&before(&[origin.address()])).await;
    (origin, edge)
}
