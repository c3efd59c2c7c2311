use proptest::prelude::*;

use super::*;
use crate::cloudfront::xml::Xml;

const ONE: &str = "<Paths><Quantity>1</Quantity><Items><Path>/*</Path></Items></Paths>";

fn read(body: &str) -> Result<Batch, Fault> {
    Batch::read(body.as_bytes())
}

/// A batch with these children.
fn with(children: &str) -> String {
    format!("<InvalidationBatch xmlns=\"{NAMESPACE}\">{children}</InvalidationBatch>")
}

fn of_paths(paths: &[&str]) -> String {
    let items: Vec<String> = paths.iter().map(|path| format!("<Path>{path}</Path>")).collect();
    let items = items.concat();
    let paths = format!("<Quantity>{}</Quantity><Items>{items}</Items>", paths.len());
    with(&format!("<CallerReference>r</CallerReference><Paths>{paths}</Paths>"))
}

fn written(batch: &Batch) -> (Vec<&str>, Vec<&str>) {
    let paths = batch.paths.iter().map(InvalidationPath::as_str);
    (paths.collect(), batch.tags.iter().map(Tag::as_str).collect())
}

#[test]
fn what_clients_sent_is_understood() {
    for (capture, reference, paths, tags) in [
        (
            include_str!("../captures/create-invalidation-all-01.http"),
            "cli-1795351157-798464",
            &["/*"][..],
            &[][..],
        ),
        (
            include_str!("../captures/create-invalidation-multi-02.http"),
            "cli-1795351158-944769",
            &["/index.html", "/a b/<c>&d.html", "/q?x=1*", "/ünï"],
            &["product:tv"],
        ),
        (
            include_str!("../captures/create-invalidation-batch-03.http"),
            "my-ref-1",
            &["/one", "/two/*"],
            &[],
        ),
    ] {
        let body = capture.split("\r\n\r\n").nth(1).unwrap();
        let batch = read(body).unwrap();
        assert_eq!(batch.caller_reference, reference);
        assert_eq!(written(&batch), (paths.to_vec(), tags.to_vec()));
    }
}

#[test]
fn xml_may_be_written_in_many_ways() {
    let reference = "<CallerReference>r</CallerReference>";
    let plain = read(&with(&format!("{reference}{ONE}"))).unwrap();
    let ns = NAMESPACE;
    for body in [
        with(&format!("{ONE}{reference}")),
        format!("<InvalidationBatch>{reference}{ONE}</InvalidationBatch>"),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n{}\n",
            with(&format!("{reference}{ONE}"))
        ),
        format!("\u{feff}<?xml version='1.0'?>{}", with(&format!("{reference}{ONE}"))),
        format!(
            "<c:InvalidationBatch xmlns:c=\"{ns}\"><c:CallerReference>r</c:CallerReference><c:Paths>\
             <c:Items><c:Path>/*</c:Path></c:Items><c:Quantity>1</c:Quantity></c:Paths>\
             </c:InvalidationBatch>"
        ),
        with(&format!("\n  {reference}\n\t<!-- all -->{ONE}\r\n")),
        with(
            "<CallerReference><![CDATA[r]]></CallerReference><Paths><Quantity> 1\n</Quantity>\
              <Items><Path>&#x2F;<![CDATA[*]]></Path></Items></Paths>",
        ),
        with(&format!(
            "{reference}<Paths><Quantity>1</Quantity><Items><Path>/<!---->*</Path></Items></Paths>"
        )),
    ] {
        assert_eq!(read(&body).as_ref(), Ok(&plain), "{body}");
    }
    let awkward =
        read(&of_paths(&["/a&amp;b&#38;c&lt;&gt;&quot;&apos;", "/&#252;", "/runtime~main"]));
    assert_eq!(written(&awkward.unwrap()).0, ["/a&b&c<>\"'", "/ü", "/runtime~main"]);
}

#[test]
fn what_is_no_batch_is_malformed() {
    let whole = of_paths(&["/*"]);
    let mut cases = vec![
        " ".to_owned(),
        "{}".to_owned(),
        "<InvalidationBatch/>text".to_owned(),
        "<Invalidation></Invalidation>".to_owned(),
        format!("{whole}{whole}"),
        format!("{whole}<x/>"),
        format!("{whole}&amp;"),
        format!("text{whole}"),
        format!("\n<?xml version=\"1.0\"?>{whole}"),
        format!("<?xml version=\"1.1\"?>{whole}"),
        format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{whole}"),
        format!("<?php x ?>{whole}"),
        format!("<!DOCTYPE InvalidationBatch>{whole}"),
        format!("<!DOCTYPE x [<!ENTITY a \"/*\"><!ENTITY b \"&a;&a;&a;\">]>{whole}"),
        of_paths(&["/&b;"]),
        of_paths(&["/&nbsp;"]),
        of_paths(&["/&#0;"]),
        of_paths(&["/&#xD800;"]),
        of_paths(&["/& "]),
        of_paths(&["<b>/</b>"]),
        with(&format!("{ONE}{ONE}<CallerReference>r</CallerReference>")),
        with(&format!(
            "{ONE}<CallerReference>r</CallerReference><CallerReference>r</CallerReference>"
        )),
        with(&format!("{ONE}<CallerReference>r</CallerReference>text")),
        with(&format!("{ONE}<CallerReference>r</CallerReference>&lt;")),
        with(&format!("{ONE}<CallerReference>r</CallerReference><![CDATA[ ]]>")),
        with(&format!("{ONE}<CallerReference>r</CallerReference><Soft>true</Soft>")),
        with("<CallerReference>r</CallerReference><Paths><Items><Path>/</Path></Items></Paths>"),
        with("<CallerReference>r</CallerReference><Paths><Quantity>-1</Quantity></Paths>"),
        with("<CallerReference>r</CallerReference><Paths><Quantity>one</Quantity></Paths>"),
        with("<CallerReference>r</CallerReference><Path>/</Path>"),
        whole.replace(NAMESPACE, "http://example.com/"),
        whole.replace("<Paths>", "<Paths mode=\"hard\">"),
        whole.replace("<Paths>", "<x:Paths>").replace("</Paths>", "</x:Paths>"),
        whole.replace("</Items></Paths>", "</Paths></Items>"),
        format!(
            "{}{}",
            "<InvalidationBatch>".repeat(100_000),
            "</InvalidationBatch>".repeat(100_000)
        ),
    ];
    // Wherever it broke off.
    let cuts = (1..whole.len()).filter_map(|at| whole.get(..at));
    cases.extend(cuts.map(str::to_owned));
    for body in cases {
        let refused = read(&body);
        let shown: String = body.chars().take(200).collect();
        assert!(matches!(refused, Err(Fault::MalformedInput(_))), "{shown}: {refused:?}");
    }
    for body in [&b"\xff"[..], b"\xfe\xff\0<\0I", b"<InvalidationBatch>\xc3</InvalidationBatch>"] {
        assert!(matches!(Batch::read(body), Err(Fault::MalformedInput(_))), "{body:?}");
    }
    assert_eq!(Batch::read(b""), Err(Fault::MissingBody));
}

#[test]
fn quantities_and_limits_are_cloudfronts() {
    let reference = "<CallerReference>r</CallerReference>";
    for (said, items) in [("2", "<Path>/</Path>"), ("0", "<Path>/</Path>"), ("1", "")] {
        let paths = format!("<Paths><Quantity>{said}</Quantity><Items>{items}</Items></Paths>");
        let refused = read(&with(&format!("{reference}{paths}")));
        assert!(matches!(refused, Err(Fault::InconsistentQuantities { .. })), "{refused:?}");
    }
    let most = vec!["/a"; 3_000];
    assert_eq!(read(&of_paths(&most)).unwrap().paths.len(), 3_000);
    let more = vec!["/a"; 3_001];
    assert!(matches!(read(&of_paths(&more)), Err(Fault::BatchTooLarge(_))));
}

#[test]
fn arguments_that_take_nothing_are_invalid() {
    let long = format!("/{}", "a".repeat(4_000));
    let tag = format!("#{}", "a".repeat(257));
    for path in [
        "",
        "index.html",
        "*",
        "/a*b",
        "/*.html",
        "/**",
        " /a",
        "/a\n",
        "#",
        "#a b",
        "#a,b",
        "#a*",
        "#*",
        "#ü",
        "https://www.example.com/a",
        &long,
        &tag,
    ] {
        let refused = read(&of_paths(&["/fine", path]));
        let Err(Fault::InvalidArgument(sentence)) = refused else { panic!("{path}: {refused:?}") };
        let known = "Your request contains one or more invalid invalidation paths.";
        assert!(sentence.starts_with(known), "{sentence}");
    }
    for children in [
        ONE.to_owned(),
        format!("{ONE}<CallerReference/>"),
        format!("{ONE}<CallerReference>a\nb</CallerReference>"),
        format!("{ONE}<CallerReference>{}</CallerReference>", "r".repeat(257)),
        "<CallerReference>r</CallerReference>".to_owned(),
        "<CallerReference>r</CallerReference><Paths><Quantity>0</Quantity></Paths>".to_owned(),
    ] {
        let refused = read(&with(&children));
        assert!(matches!(refused, Err(Fault::InvalidArgument(_))), "{children}: {refused:?}");
    }
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Batch::read(&body);
    }

    #[test]
    fn no_xml_panics(pieces in proptest::collection::vec(
        prop_oneof![
            Just("<InvalidationBatch>"), Just("</InvalidationBatch>"), Just("<CallerReference>"),
            Just("</CallerReference>"), Just("<Paths>"), Just("</Paths>"), Just("<Quantity>1"),
            Just("</Quantity>"), Just("<Items>"), Just("</Items>"), Just("<Path>"), Just("</Path>"),
            Just("/*"), Just("<x:"), Just("&#x"), Just("&lt;"), Just("<![CDATA["), Just("]]>"),
            Just("<!--"), Just("-->"), Just("<!DOCTYPE"), Just("<?xml"), Just(">"), Just(" xmlns='"),
        ], 0..30,
    )) {
        let _ = read(&pieces.concat());
    }

    #[test]
    fn a_batch_that_is_written_reads_back(
        reference in "[^\\p{Cc}\u{fffe}\u{ffff}]{1,60}",
        paths in proptest::collection::vec("/[^\\p{Cc}*\u{fffe}\u{ffff}]{0,30}[*]?", 1..8),
        tags in proptest::collection::vec("[!-~&&[^,*]]{1,20}", 0..4),
    ) {
        let items: Vec<String> =
            paths.iter().cloned().chain(tags.iter().map(|tag| format!("#{tag}"))).collect();
        let document = Xml::document("InvalidationBatch", |xml| {
            xml.texts("Paths", "Path", items.iter());
            xml.text("CallerReference", &reference);
        });
        let batch = read(&document).unwrap();
        prop_assert_eq!(&batch.caller_reference, &reference);
        let (read_paths, read_tags) = written(&batch);
        prop_assert_eq!(read_paths, paths);
        let lower: Vec<String> = tags.iter().map(|tag| tag.to_ascii_lowercase()).collect();
        prop_assert_eq!(read_tags, lower);
    }
}
