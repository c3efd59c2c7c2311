use proptest::prelude::*;

use super::*;

const NAMESPACE: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";

fn pages(locations: &[&str]) -> Sitemap {
    let locations = locations.iter().map(|one| (*one).to_owned()).collect();
    Sitemap { kind: Kind::Pages, locations, extent: Extent::Whole }
}

#[test]
fn a_sitemap_names_its_pages() {
    let document = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!-- made by hand -->
<urlset xmlns=\"{NAMESPACE}\" xmlns:image=\"http://www.google.com/schemas/sitemap-image/1.1\">
  <url>
    <loc> https://www.example.com/?a=1&amp;b=&#x32; </loc>
    <lastmod>2026-11-22</lastmod>
    <image:image><image:loc>https://www.example.com/a.jpg</image:loc></image:image>
  </url>
  <url><loc><![CDATA[https://www.example.com/<b>&c]]></loc><priority>0.5</priority></url>
  <url><image:loc>https://www.example.com/b.jpg</image:loc><loc/></url>
  <url><loc>https://www.example.com/ü</loc></url>
</urlset>"
    );
    let expected = pages(&[
        "https://www.example.com/?a=1&b=2",
        "https://www.example.com/<b>&c",
        "https://www.example.com/ü",
    ]);
    assert_eq!(Sitemap::read(document.as_bytes()), Ok(expected));
    assert_eq!(Sitemap::read(b"<urlset/>"), Ok(pages(&[])));
}

#[test]
fn an_index_names_further_sitemaps() {
    let document = format!(
        "<s:sitemapindex xmlns:s=\"{NAMESPACE}\" xmlns=\"{NAMESPACE}\"><sitemap>\
         <loc>https://www.example.com/one.xml</loc></sitemap></s:sitemapindex>"
    );
    let sitemap = Sitemap::read(document.as_bytes()).unwrap();
    assert_eq!(sitemap.kind, Kind::Sitemaps);
    assert_eq!(sitemap.locations, ["https://www.example.com/one.xml"]);
}

#[test]
fn what_is_no_sitemap_says_why() {
    let deep = "<a>".repeat(20);
    for (document, sentence) in [
        ("", "is not well-formed XML near byte 0"),
        ("\u{1f}", "is not well-formed XML near byte 1"),
        ("<html></html>", "is no sitemap: its root is neither <urlset> nor <sitemapindex>"),
        ("<urlset><url></urlset>", "is not well-formed XML near byte 22"),
        ("<urlset><url>", "is not well-formed XML near byte 13"),
        ("<!DOCTYPE urlset><urlset/>", "has a document type, which no sitemap needs"),
        (
            "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><urlset/>",
            "has a document type, which no sitemap needs",
        ),
        (
            "<urlset><url><loc>&bomb;</loc></url></urlset>",
            "has an entity that XML itself does not have",
        ),
        (&format!("<urlset>{deep}"), "is nested deeper than a sitemap is"),
    ] {
        let refused = Sitemap::read(document.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), sentence, "{document}");
    }
    let refused = Sitemap::read(b"\x1f\x8b\x08\x00").unwrap_err();
    assert_eq!(refused.to_string(), "is compressed with gzip: name a sitemap that is not");
    assert!(Sitemap::read(b"<urlset><url><loc>\xff</loc></url></urlset>").is_err());
}

#[test]
fn a_long_one_is_read_as_far_as_it_goes() {
    let url = "<url><loc>https://www.example.com/</loc></url>";
    for (urls, extent) in [(LOCATIONS_MAX, Extent::Whole), (LOCATIONS_MAX + 1, Extent::Beginning)] {
        let document = format!("<urlset>{}</urlset>", url.repeat(urls));
        let sitemap = Sitemap::read(document.as_bytes()).unwrap();
        assert_eq!((sitemap.locations.len(), sitemap.extent), (LOCATIONS_MAX, extent));
    }
}

proptest! {
    #[test]
    fn nothing_panics(document in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Sitemap::read(&document);
    }

    #[test]
    fn nothing_that_looks_like_one_panics(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<urlset>", "</urlset>", "<url>", "</url>", "<loc>", "</loc>", "<loc/>", "<urlset/>",
                "<sitemapindex>", "</sitemapindex>", "<sitemap>", "</sitemap>", "https://a.b/", "&amp;",
                "&#x41;", "&#0;", "&x;", "&", "<![CDATA[", "]]>", "<!--", "-->", "<?xml ?>", "<", "ü",
            ]),
            0..30,
        ),
    ) {
        if let Ok(sitemap) = Sitemap::read(parts.concat().as_bytes()) {
            prop_assert!(sitemap.locations.iter().all(|one| !one.trim().is_empty()));
        }
    }
}
