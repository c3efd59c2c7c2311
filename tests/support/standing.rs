//! How the certificates of an edge stand, as a person would find out.

use std::time::SystemTime;

use http::StatusCode;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::client::Place;
use super::process::POLL;
use super::{Edge, Shown};

/// What `/ready` tells of an edge that is ready.
pub(crate) async fn problems(edge: &Edge) -> Vec<String> {
    let ready = edge.admin("/ready").await;
    assert_eq!(ready.status, StatusCode::OK, "{}", ready.text());
    let told = ready.json();
    assert_eq!(told["ready"], true, "{told}");
    let problems = told["problems"].as_array().unwrap_or_else(|| panic!("{told}"));
    problems.iter().map(|problem| problem.as_str().unwrap().to_owned()).collect()
}

/// Waits until `/ready` tells of nothing.
pub(crate) async fn without_problems(edge: &Edge) {
    while !problems(edge).await.is_empty() {
        tokio::time::sleep(POLL).await;
    }
}

/// `POST /certificates/{host}/renew`, taken. Waits until nothing is being ordered, as that would be
/// new enough.
pub(crate) async fn renew(edge: &Edge, host: &str) -> Value {
    while edge.control("GET", "/certificates", "").await.text().contains("\"renewing\"") {
        tokio::time::sleep(POLL).await;
    }
    let answer = edge.control("POST", &format!("/certificates/{host}/renew"), "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    answer.json()
}

/// How many attempts of a site have failed since the edge started.
pub(crate) async fn failures(edge: &Edge, site: &str) -> usize {
    edge.metric(&format!("warmfront_certificate_failures_total{{site=\"{site}\"}}")).await
}

/// Waits until so many attempts of a site have failed since the edge started, and says how its
/// certificate stands then.
pub(crate) async fn failed(edge: &Edge, site: &str, times: usize) -> Value {
    while failures(edge, site).await < times {
        tokio::time::sleep(POLL).await;
    }
    edge.certificate_is(site, "failing").await
}

/// Waits until a client of `host` is shown another certificate than this one, and trusts it.
/// Somebody is shown one all the while.
pub(crate) async fn replaced(place: &Place, host: &str, old: &CertificateDer<'_>) -> Shown {
    loop {
        let shown = Shown::to(place, host).await.unwrap();
        if shown.leaf != *old {
            assert_eq!(shown.distrust, None, "{host}");
            return shown;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A time in an answer of the API.
pub(crate) fn time(written: &Value) -> SystemTime {
    let text = written.as_str().unwrap_or_else(|| panic!("{written} is no time"));
    OffsetDateTime::parse(text, &Rfc3339).unwrap().into()
}
