//! Bodies of `CreateInvalidation` that ask for nothing, too much, or in another language.

use std::fmt::Write as _;

use serde_json::json;

use crate::support::edge::before;
use crate::support::sigv4::{Unsigned, batch, element};
use crate::support::{Edge, Origin, run};

#[test]
fn a_body_that_is_no_batch_changes_nothing_and_leaves_a_line() {
    run(async {
        let (_origin, edge) = site().await;
        let malformed = (400, "MalformedInput");
        let mut lines = 0;
        for (told, body, (status, code)) in [
            ("none", String::new(), (400, "MissingBody")),
            ("JSON", r#"{"paths":["/*"]}"#.to_owned(), malformed),
            ("a word", "invalidate".to_owned(), malformed),
            ("broken off", batch(&["/a"], "1").replace("</InvalidationBatch>", ""), malformed),
            (
                "crossed",
                batch(&["/a"], "1").replace("</Items></Paths>", "</Paths></Items>"),
                malformed,
            ),
            ("two", batch(&["/a"], "1").repeat(2), malformed),
            ("another root", batch(&["/a"], "1").replace("InvalidationBatch", "Batch"), malformed),
            ("another element", batch(&["/a"], "1").replace("Items>", "Item>"), malformed),
            (
                "another namespace",
                batch(&["/a"], "1").replace("2020-05-31", "2010-11-01"),
                malformed,
            ),
            ("a doctype", format!("<!DOCTYPE a>{}", batch(&["/a"], "1")), malformed),
            ("a file", format!("{FILE}{}", entity("&file;")), malformed),
            ("an unknown entity", entity("&file;"), malformed),
            ("laughs", format!("{}{}", laughs(), entity("&l9;")), malformed),
            ("deep", "<InvalidationBatch>".repeat(100_000), malformed),
            ("deep elsewhere", deep(), malformed),
            ("many attributes", attributes(), malformed),
            ("no quantity", batch(&["/a"], "1").replace("<Quantity>1</Quantity>", ""), malformed),
            ("not a number", quantity("one"), malformed),
            ("too few", quantity("2"), (400, "InconsistentQuantities")),
            ("too many", quantity("0"), (400, "InconsistentQuantities")),
            ("negative", quantity("-1"), malformed),
        ] {
            let answer = Unsigned::new(&edge.root_key(), "POST", PATH, &body).send(&edge).await;
            let text = answer.text();
            let answered = (answer.status.as_u16(), element(text, "Code"));
            assert_eq!(answered, (status, code), "{told}: {text}");
            assert_eq!(element(text, "RequestId"), answer.field("x-amzn-requestid"), "{told}");
            lines += 1;
            let audit = edge.audited_lines(lines).await;
            assert_eq!(audit[lines - 1]["status"], status, "{told}");
        }
        nothing_changed(&edge).await;
    });
}

#[test]
fn paths_that_cloudfront_would_refuse_are_refused() {
    run(async {
        let (_origin, edge) = site().await;
        let long = format!("/{}", "a".repeat(4_000));
        let many: Vec<String> = (0..3_001).map(|number| format!("/{number}")).collect();
        let many: Vec<&str> = many.iter().map(|path| &**path).collect();
        let tag = format!("#{}", "t".repeat(257));
        let reference = "r".repeat(257);
        let invalid = (400, "InvalidArgument");
        for (told, body, (status, code)) in [
            ("no slash", batch(&["a"], "1"), invalid),
            ("an empty one", batch(&[""], "1"), invalid),
            ("a URL", batch(&["https://www.example.test/a"], "1"), invalid),
            ("a star in it", batch(&["/a*b"], "1"), invalid),
            ("two stars", batch(&["/a/*/*"], "1"), invalid),
            ("one bad among good", batch(&["/a", "/b", "c"], "1"), invalid),
            ("4,001 characters", batch(&[&long], "1"), invalid),
            ("3,001 paths", batch(&many, "1"), (413, "BatchTooLarge")),
            ("an empty tag", batch(&["#"], "1"), invalid),
            ("a wild tag", batch(&["#a*"], "1"), invalid),
            ("a tag with a space", batch(&["#a b"], "1"), invalid),
            ("a tag with a comma", batch(&["#a,b"], "1"), invalid),
            ("a long tag", batch(&[&tag], "1"), invalid),
            ("a line end", batch(&["/a\nb"], "1"), invalid),
            ("no path", batch(&[], "1"), invalid),
            ("no reference", batch(&["/a"], ""), invalid),
            ("a long reference", batch(&["/a"], &reference), invalid),
            ("4 MiB", batch(&["/a"], "1") + &" ".repeat(4 << 20), (413, "BatchTooLarge")),
        ] {
            let answer = Unsigned::new(&edge.root_key(), "POST", PATH, &body).send(&edge).await;
            let text = answer.text();
            let answered = (answer.status.as_u16(), element(text, "Code"));
            assert_eq!(answered, (status, code), "{told}: {text}");
            assert!(text.len() < 2_000, "{told}: {text}");
        }
        nothing_changed(&edge).await;

        let good = batch(&many[..3_000], "1");
        let answer = Unsigned::new(&edge.root_key(), "POST", PATH, &good).send(&edge).await;
        assert_eq!(answer.status, 201, "3,000 are not too many");
    });
}

#[test]
fn a_batch_may_be_written_in_every_way_that_xml_has() {
    run(async {
        let (_origin, edge) = site().await;
        let expected = json!(["/a&b", "/ü"]);
        let paths = "<Paths><Items><Path>/a&amp;b</Path><Path>/&#xFC;</Path></Items>\
                     <Quantity>2</Quantity></Paths>";
        let prefixed = "<p:InvalidationBatch xmlns:p=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
             <p:Paths><p:Quantity> 2 </p:Quantity><p:Items><p:Path>/a&#38;b</p:Path>\
             <p:Path>/ü</p:Path></p:Items></p:Paths>\
             <p:CallerReference>2</p:CallerReference></p:InvalidationBatch>";
        for body in [
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<InvalidationBatch>\n  {paths}\n  \
                 <!-- by hand --><CallerReference>1</CallerReference>\n</InvalidationBatch>\n"
            ),
            prefixed.to_owned(),
            batch(&["/a&b", "/ü"], "3").replace("/ü", "<![CDATA[/ü]]>"),
        ] {
            let answer = Unsigned::new(&edge.root_key(), "POST", PATH, &body).send(&edge).await;
            assert_eq!(answer.status, 201, "{}", answer.text());
            let id = element(answer.text(), "Id");
            assert_eq!(edge.invalidation(id).await["paths"], expected, "{body}");
        }
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::start(&(before(&[origin.address()]) + "id = \"E2QWRUHAPOMQZL\"\n")).await;
    (origin, edge)
}

async fn nothing_changed(edge: &Edge) {
    let listed = edge.control("GET", "/invalidations", "").await.json();
    assert_eq!(listed, json!({ "invalidations": [] }));
}

/// A batch with one path, in which an entity stands.
fn entity(name: &str) -> String {
    batch(&["/x"], "1").replace("/x", &format!("/{name}"))
}

fn quantity(said: &str) -> String {
    let said = format!("<Quantity>{said}</Quantity>");
    batch(&["/a"], "1").replace("<Quantity>1</Quantity>", &said)
}

/// Ten times ten times ten …
fn laughs() -> String {
    let mut text = String::from("<!DOCTYPE l [<!ENTITY l0 \"ha\">");
    for level in 1..10 {
        let inner = format!("&l{};", level - 1).repeat(10);
        let _ = write!(text, "<!ENTITY l{level} \"{inner}\">");
    }
    text + "]>"
}

/// In a place where an element may stand.
fn deep() -> String {
    let nested = "<Items>".repeat(50_000) + &"</Items>".repeat(50_000);
    batch(&["/a"], "1").replace("<Path>", &format!("{nested}<Path>"))
}

fn attributes() -> String {
    let mut all = String::from("<CallerReference");
    for number in 0..20_000 {
        let _ = write!(all, " a{number}=\"\"");
    }
    batch(&["/a"], "1").replace("<CallerReference", &all)
}

const PATH: &str = "/2020-05-31/distribution/E2QWRUHAPOMQZL/invalidation";
const FILE: &str = "<!DOCTYPE f [<!ENTITY file SYSTEM \"file:///etc/passwd\">]>";
