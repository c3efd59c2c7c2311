//! Deploy scripts that use one of AWS's SDKs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::edge::before;
use crate::support::{Aws, Call, Edge, Origin, Reply, SDKS, Sdk, WWW, run_within};

#[test]
fn an_sdk_creates_waits_gets_and_lists() {
    run_within(LIMIT, async {
        for sdk in SDKS {
            let (_origin, edge) = site().await;
            edge.get(WWW, "/a").await;
            assert_eq!(edge.get(WWW, "/a").await.cache(), "Hit");
            let job = json!({ "DistributionId": ID, "Id": "$0.Invalidation.Id" });
            let calls = [
                Call::invalidate(ID, &["/*", "#tag", "/ünï cö&de"], "build-1"),
                Call::wait("InvalidationCompleted", job.clone()),
                Call::ask("GetInvalidation", job),
                Call::invalidate(ID, &["/b"], "build-2"),
                Call::invalidate(ID, &["/c"], "build-3"),
                Call::pages("ListInvalidations", 2, json!({ "DistributionId": ID })),
                Call::ask("GetDistributionConfig", json!({ "Id": ID })),
                Call::ask("ListDistributions", json!({})),
            ];
            let told = Aws::of(&edge).calls(sdk, calls).await;
            for told in &told {
                told.succeeded();
                assert!(told.attempts <= 1, "{sdk:?}: {told:?}");
            }
            let [created, _, got, _, _, pages, config, distributions] = told;
            assert_eq!(edge.get(WWW, "/a").await.cache(), "Miss", "{sdk:?}");
            assert_eq!(created.status, 201);
            let invalidation = &created.succeeded()["Invalidation"];
            assert_eq!(&got.succeeded()["Invalidation"], invalidation, "{sdk:?}");
            assert_eq!(invalidation["Status"], "Completed");
            let items = &invalidation["InvalidationBatch"]["Paths"]["Items"];
            assert_eq!(items, &json!(["/*", "/ünï cö&de", "#tag"]), "{sdk:?}");

            let pages: Vec<_> = pages.succeeded().as_array().unwrap().iter().map(listed).collect();
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1], "{sdk:?}");
            assert_eq!(pages.concat()[2], invalidation["Id"], "newest first");
            let aliases = &config.succeeded()["DistributionConfig"]["Aliases"]["Items"];
            assert_eq!(aliases, &json!([WWW]));
            let first = &distributions.succeeded()["DistributionList"]["Items"][0];
            assert_eq!(first["Id"], ID, "{sdk:?}");
        }
    });
}

#[test]
fn an_sdk_tells_its_errors_by_their_codes() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        let aws = Aws::of(&edge);
        for sdk in SDKS {
            let reference = format!("{sdk:?}");
            let many = vec!["/a"; 3_001];
            let mut twice = json!({ "DistributionId": ID });
            let paths = json!({ "Quantity": 2, "Items": ["/a"] });
            twice["InvalidationBatch"] = json!({ "CallerReference": "q", "Paths": paths });
            let calls = [
                Call::invalidate(ID, &["/a"], &reference),
                Call::invalidate(ID, &["/b"], &reference),
                Call::invalidate("ENONE", &["/a"], "1"),
                Call::invalidate(ID, &["a"], "2"),
                Call::invalidate(ID, &["/a*b"], "3"),
                Call::invalidate(ID, &many, "4"),
                Call::ask("CreateInvalidation", twice),
                Call::ask("GetInvalidation", json!({ "DistributionId": ID, "Id": "INONE" })),
                Call::ask("GetDistribution", json!({ "Id": "ENONE" })),
                Call::ask("ListInvalidations", json!({ "DistributionId": ID, "Marker": "INONE" })),
                Call::ask("ListFunctions", json!({})),
                Call::ask("DeleteDistribution", json!({ "Id": ID, "IfMatch": "E1" })),
            ];
            let [done, refused @ ..] = aws.calls(sdk, calls).await;
            done.succeeded();
            for (told, (status, code)) in refused.iter().zip([
                (409, "InvalidationBatchAlreadyExists"),
                (404, "NoSuchDistribution"),
                (400, "InvalidArgument"),
                (400, "InvalidArgument"),
                (413, "BatchTooLarge"),
                (400, "InconsistentQuantities"),
                (404, "NoSuchInvalidation"),
                (404, "NoSuchDistribution"),
                (400, "InvalidArgument"),
                (400, "UnsupportedOperation"),
                (400, "UnsupportedOperation"),
            ]) {
                assert_eq!((told.status, &*told.code), (status, code), "{sdk:?}: {told:?}");
                assert_eq!((told.request.len(), told.attempts), (36, 1), "{sdk:?}: {told:?}");
                assert!(!told.message.is_empty(), "{sdk:?}: {told:?}");
            }
        }
        let listed = edge.control("GET", "/invalidations", "").await.json();
        assert_eq!(listed["invalidations"].as_array().unwrap().len(), 2, "{listed}");
    });
}

#[test]
fn a_wrong_key_is_told_by_its_code_and_not_tried_again() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        let (id, _) =
            edge.root_key().split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        for sdk in SDKS {
            for (key, code) in [
                ("AKIDEXAMPLE.secret".to_owned(), "InvalidClientTokenId"),
                (format!("{id}.not-its-secret"), "SignatureDoesNotMatch"),
            ] {
                let aws = Aws::of(&edge).key(&key).attempts(4);
                let [told] = aws.calls(sdk, [Call::invalidate(ID, &["/*"], "1")]).await;
                assert_eq!((told.status, &*told.code), (403, code), "{sdk:?}: {told:?}");
                assert_eq!(told.attempts, 1, "{sdk:?}: {told:?}");
            }
        }
    });
}

/// Whoever has one in the environment sends it; keys of a node are lent to nobody.
#[test]
fn a_session_token_does_no_harm() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        for sdk in SDKS {
            let aws = Aws::of(&edge).variable("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLETOKEN==");
            let call = Call::invalidate(ID, &["/*"], &format!("{sdk:?}"));
            let [told] = aws.calls(sdk, [call]).await;
            told.succeeded();
        }
        assert!(!edge.process.stderr.text().contains("EXAMPLETOKEN"));
    });
}

/// CDK, Ansible and CI images name one region or another, or an empty one.
#[test]
fn any_region_will_do() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        for region in ["us-east-1", "ap-southeast-4"] {
            for sdk in [Sdk::Python, Sdk::JavaScript] {
                let aws = Aws::of(&edge).variable("AWS_DEFAULT_REGION", region);
                let aws = aws.variable("AWS_REGION", region);
                let [told] = aws.calls(sdk, [Call::ask("ListDistributions", json!({}))]).await;
                told.succeeded();
            }
        }
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/a", Reply::text("{n}").cache("max-age=600"));
    let edge = Edge::start(&(before(&[origin.address()]) + &format!("id = \"{ID}\"\n"))).await;
    (origin, edge)
}

/// The ids of a page.
fn listed(page: &Value) -> Vec<Value> {
    let items = page["InvalidationList"]["Items"].as_array();
    items.unwrap_or_else(|| panic!("{page}")).iter().map(|item| item["Id"].clone()).collect()
}

const ID: &str = "E2QWRUHAPOMQZL";
/// Each start of an SDK is a second of a busy machine.
const LIMIT: Duration = Duration::from_mins(3);
