//! What deploy scripts do with the control API of an edge, beside invalidating.

use std::fmt::Write as _;

use http::StatusCode;
use serde_json::{Value, json};

use super::Edge;
use super::client::{Answer, plain};
use super::process::POLL;

impl Edge {
    /// The distribution id of a site, as the API shows it.
    pub(crate) async fn distribution(&self, site: &str) -> String {
        let shown = self.control("GET", "/sites", "").await.json();
        let all = shown["sites"].as_array().unwrap_or_else(|| panic!("{shown}"));
        let of_site = all.iter().find(|it| it["name"] == site);
        let id = of_site.and_then(|site| site["id"].as_str());
        id.unwrap_or_else(|| panic!("{site} in {shown}")).to_owned()
    }

    /// A request of the control API with any key, `<id>.<secret>`; a body is JSON.
    pub(crate) async fn control_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {key}");
        let fields = [("authorization", &*bearer), ("content-type", "application/json")];
        plain(self.setup().admin, method, path, &fields, body).await.unwrap()
    }

    /// Creates a key with these grants; what it is told of it, its `token` (`<id>.<secret>`) too.
    pub(crate) async fn created_key(&self, name: &str, allow: &Value) -> Value {
        let order = json!({ "name": name, "allow": allow }).to_string();
        let created = self.control("POST", "/keys", &order).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text());
        created.json()
    }

    /// An invalidation, as the API shows it.
    pub(crate) async fn invalidation(&self, id: &str) -> Value {
        let shown = self.control("GET", &format!("/invalidations/{id}"), "").await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
        shown.json()
    }

    /// Waits until an invalidation has done all that it was to do, and says how it is then.
    pub(crate) async fn completed(&self, id: &str) -> Value {
        loop {
            let shown = self.invalidation(id).await;
            if shown["status"] == "completed" {
                return shown;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the node says of a GET of this URL, as the holder of the root key.
    pub(crate) async fn inspected(&self, url: &str) -> Value {
        let encoded = url.bytes().fold(String::new(), |mut encoded, byte| {
            let _ = write!(encoded, "%{byte:02X}");
            encoded
        });
        let shown = self.control("GET", &format!("/inspect?url={encoded}"), "").await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
        shown.json()
    }

    /// Waits for a line of the log that tells of a change or of a refusal, from the beginning.
    pub(crate) async fn audited(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let line =
            self.process.stderr.find(|line| audit_line(line).is_some_and(|line| wanted(&line)));
        audit_line(&line.await).expect("it was found")
    }

    /// Waits until there are so many such lines; more there must not be.
    pub(crate) async fn audited_lines(&self, many: usize) -> Vec<Value> {
        loop {
            let lines = self.audit();
            if lines.len() >= many {
                assert_eq!(lines.len(), many, "{lines:?}");
                return lines;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// All such lines so far; the answer to a request may be here before its line.
    pub(crate) fn audit(&self) -> Vec<Value> {
        self.process.stderr.text().lines().filter_map(audit_line).collect()
    }
}

fn audit_line(line: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["target"] == "audit").then_some(line)
}
