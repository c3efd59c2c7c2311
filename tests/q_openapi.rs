//! The control API is what `/openapi.json` says of it: Schemathesis asks for all of it, rightly and
//! wrongly, and holds every answer against the document.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::support::schemathesis::Exploration;
use crate::support::{Edge, Origin, Reply, WWW, run_within};

#[test]
fn who_may_do_everything_is_answered_as_the_document_says() {
    run_within(LIMIT, async {
        let (origin, edge) = site().await;
        of(&edge, &edge.root_key()).examples(25).run().await.is_true();

        // Whatever was asked, the node is as it should be.
        assert_eq!(edge.admin("/ready").await.status, StatusCode::OK);
        assert_eq!(edge.control("GET", "/keys", "").await.status, StatusCode::OK);
        let order = json!({ "paths": ["/*"], "site": "www" }).to_string();
        assert_eq!(edge.invalidate(&order).await.status, StatusCode::CREATED);
        assert!(!edge.process.stderr.text().contains("panicked"));
        drop(origin);
    });
}

#[test]
fn who_may_do_little_or_nothing_is_answered_as_the_document_says() {
    run_within(LIMIT, async {
        let (_origin, edge) = site().await;
        let allow = json!([{ "action": ["read"], "site": "www" }]);
        let reader = edge.created_key("reader", &allow).await;
        for key in [reader["token"].as_str().unwrap(), "NOBODY.secret"] {
            of(&edge, key).examples(5).run().await.is_true();
        }
        let listed = edge.control("GET", "/invalidations", "").await.json();
        assert_eq!(listed, json!({ "invalidations": [] }));
        let listed = edge.control("GET", "/keys", "").await.json();
        assert_eq!(listed["keys"].as_array().unwrap().len(), 2, "{listed}");
        assert_eq!(edge.get(WWW, "/").await.status, StatusCode::OK);
    });
}

fn of(edge: &Edge, key: &str) -> Exploration {
    Exploration::new(&format!("http://{}/openapi.json", edge.setup().admin), key)
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/", Reply::text("home").cache("max-age=600"));
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}

/// Thousands of requests by a program in Python.
const LIMIT: Duration = Duration::from_mins(5);
