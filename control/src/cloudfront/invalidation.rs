//! Invalidations, as CloudFront shows them.

use warmfront_store::Invalidation;

use super::operation::Page;
use super::xml::Xml;
use crate::timestamp::rfc3339;

/// What `GetInvalidation` and `CreateInvalidation` answer.
pub(super) fn shown(invalidation: &Invalidation) -> String {
    Xml::document("Invalidation", |xml| {
        xml.text("Id", &invalidation.id);
        xml.text("Status", status(invalidation));
        xml.text("CreateTime", rfc3339(invalidation.created));
        xml.element("InvalidationBatch", |xml| {
            let paths = invalidation.paths.iter().map(|path| path.as_str().to_owned());
            let tags = invalidation.tags.iter().map(|tag| format!("#{}", tag.as_str()));
            let items: Vec<String> = paths.chain(tags).collect();
            xml.texts("Paths", "Path", items.iter());
            // One of the own API may have no reference; CloudFront's always have one.
            let reference = invalidation.reference.as_ref();
            xml.text("CallerReference", reference.unwrap_or(&invalidation.id));
        });
    })
}

/// What `ListInvalidations` answers. `found` are the items of the page, and one more if there is one.
pub(super) fn listed(page: &Page, found: &[Invalidation]) -> String {
    let shown = found.get(..page.most).unwrap_or(found);
    let is_truncated = shown.len() < found.len();
    Xml::document("InvalidationList", |xml| {
        xml.text("Marker", page.marker.as_deref().unwrap_or_default());
        if let Some(last) = shown.last().filter(|_| is_truncated) {
            xml.text("NextMarker", &last.id);
        }
        xml.text("MaxItems", page.most);
        xml.text("IsTruncated", is_truncated);
        xml.items(shown.iter(), |xml, invalidation| {
            xml.element("InvalidationSummary", |xml| {
                xml.text("Id", &invalidation.id);
                xml.text("CreateTime", rfc3339(invalidation.created));
                xml.text("Status", status(invalidation));
            });
        });
    })
}

/// The waiters of all SDKs compare it letter by letter.
fn status(invalidation: &Invalidation) -> &'static str {
    if invalidation.is_completed() { "Completed" } else { "InProgress" }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::*;

    /// As the ledger's journal keeps it.
    fn invalidation(id: &str, paths: &[&str], reference: Option<&str>) -> Invalidation {
        let created = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_348_800_123);
        let record = json!({
            "id": id,
            "position": 1,
            "site": "www",
            "paths": paths,
            "reference": reference,
            "by": "WFDEPLOY",
            "created": created,
            "counted": { "matched": 0, "bytes": 0 },
        });
        serde_json::from_value(record).unwrap()
    }

    fn body(capture: &str) -> &str {
        capture.split("\r\n\r\n").nth(1).unwrap()
    }

    #[test]
    fn one_is_shown_as_clients_take_it() {
        let done = invalidation("I1JLWSDAP8FU89", &["/*"], Some("cli-1"));
        let capture = include_str!("captures/get-invalidation-04.reply");
        assert_eq!(shown(&done), body(capture));
        let own = shown(&invalidation("I2", &["/a&b", "/c"], None));
        let batch = "<Paths><Quantity>2</Quantity><Items><Path>/a&amp;b</Path><Path>/c</Path>\
            </Items></Paths><CallerReference>I2</CallerReference>";
        assert!(own.contains(batch), "{own}");
    }

    #[test]
    fn a_list_says_where_it_goes_on() {
        let found: Vec<_> = ["I3", "I2", "I1"].map(|id| invalidation(id, &["/*"], None)).into();
        let page = |most| Page { marker: None, most };
        let first = listed(&page(1), &found[..2]);
        let capture = body(include_str!("captures/list-invalidations-05.reply"));
        let alike = first
            .replace("I3", "I1")
            .replace(".123Z", "Z")
            .replace("<MaxItems>1<", "<MaxItems>100<");
        assert_eq!(alike.replace("<Marker></Marker>", "<Marker/>"), capture);
        let whole = listed(&page(3), &found);
        assert!(
            whole.contains("<IsTruncated>false</IsTruncated><Quantity>3</Quantity>"),
            "{whole}"
        );
        assert!(!whole.contains("NextMarker"), "{whole}");
        let none = listed(&Page { marker: Some("I1".to_owned()), most: 5 }, &[]);
        let expected = "<Marker>I1</Marker><MaxItems>5</MaxItems><IsTruncated>false</IsTruncated>\
            <Quantity>0</Quantity></InvalidationList>";
        assert!(none.ends_with(expected), "{none}");
    }
}
