use super::*;
use proptest::prelude::*;

fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect()
}

fn for_client(lines: &[&str]) -> Option<Coding> {
    let lines: Vec<_> = lines.iter().map(|line| ("accept-encoding", *line)).collect();
    accepted(&fields(&lines))
}

#[test]
fn the_clients_weights_decide() {
    let (br, zstd, gzip) = (Some(Coding::Brotli), Some(Coding::Zstd), Some(Coding::Gzip));
    for (lines, expected) in [
        (&[][..], None),
        (&[""], None),
        (&["gzip"], gzip),
        (&["X-GZIP"], gzip),
        (&["gzip, br"], br),
        (&["gzip, deflate, br, zstd"], br),
        (&["gzip, zstd"], zstd),
        (&["gzip;q=1.0, br;q=0.9"], gzip),
        (&["gzip;q=0.123, zstd;q=0.124"], zstd),
        (&["br;q=0, gzip"], gzip),
        (&["br;q=0.000"], None),
        (&["deflate"], None),
        (&["identity"], None),
        (&["identity;q=0"], None),
        (&["identity;q=0, *;q=0"], None),
        (&["identity;q=0.5, gzip;q=0.4"], None),
        (&["identity;q=0.5, gzip;q=0.5"], gzip),
        (&["identity, br;q=0.9"], None),
        (&["*"], br),
        (&["*;q=0"], None),
        (&["*, br;q=0"], zstd),
        (&["*;q=0.5, gzip"], gzip),
        (&["gzip", "br;q=0.5"], gzip),
        (&["gzip;q=0.2", "gzip, br;q=0.3"], br),
        (&["gzip;q=0, gzip"], None),
        (&["gzip;q=0, x-gzip"], None),
        (&[" ,gzip\t;\tQ=0.5 , ,"], gzip),
    ] {
        assert_eq!(for_client(lines), expected, "{lines:?}");
    }
}

#[test]
fn what_is_not_of_the_grammar_is_ignored() {
    for weight in [
        "q=5", "q=-1", "q=", "q", "q=1.0000", "q=0.0001", "q=1.001", "q=2", "q=.5", "q=00", "q=01",
        "q= 1", "q =1", "q=1 0", "q=0,5", "q=1e0", "q=+1", "q=0x1", "q=\"1\"", "q=1;q=1",
        "level=1", "", "q=0.5.", "q=nan", "q=inf", "qq=1", "q=0.-1",
    ] {
        let line = format!("br;{weight}, gzip;q=0.1");
        assert_eq!(for_client(&[&line]), Some(Coding::Gzip), "{line}");
    }
    assert_eq!(for_client(&["br;q=5, *;q=0.1"]), Some(Coding::Brotli), "then `*` stands for it");
    for weight in ["q=1", "q=1.", "q=1.000", "q=0.001", "q=0.5", "Q=0.9"] {
        assert_eq!(for_client(&[&format!("br;{weight}")]), Some(Coding::Brotli), "{weight}");
    }
}

#[test]
fn a_list_of_thousands_is_a_list() {
    let line = "gzip;q=0.0001, x;q=1, ,".repeat(5_000) + "gzip;q=0.3, br;q=0.2";
    assert_eq!(for_client(&[&line]), Some(Coding::Gzip));
}

fn fitness_with(changed: &[(&'static str, &str)]) -> Fitness {
    let mut response = fields(&[("content-type", "text/html; charset=utf-8")]);
    for (name, value) in changed {
        response.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    fitness(StatusCode::OK, &response, Some(5_000))
}

#[test]
fn what_is_left_alone() {
    for (changed, expected) in [
        (&[][..], Fitness::Fit),
        (&[("content-encoding", "identity")], Fitness::Fit),
        (&[("content-encoding", "")], Fitness::Fit),
        (&[("content-encoding", "gzip")], Fitness::Unfit),
        (&[("content-encoding", "identity"), ("content-encoding", "br")], Fitness::Unfit),
        (&[("content-encoding", "aws-chunked")], Fitness::Unfit),
        (&[("content-range", "bytes 0-9/10")], Fitness::Unfit),
        (&[("cache-control", "max-age=60")], Fitness::Fit),
        (&[("cache-control", "max-age=60, No-Transform")], Fitness::Unfit),
        (&[("cache-control", "max-age=60"), ("cache-control", "no-transform=1")], Fitness::Unfit),
        (&[("cdn-cache-control", "no-transform")], Fitness::Fit),
        (&[("content-type", "text/html")], Fitness::Unfit),
    ] {
        assert_eq!(fitness_with(changed), expected, "{changed:?}");
    }
}

#[test]
fn statuses_types_and_lengths_are_cloudfronts() {
    let of = |status: u16, kind: &str, length| {
        let status = StatusCode::from_u16(status).unwrap();
        fitness(status, &fields(&[("content-type", kind)]), length) == Fitness::Fit
    };
    for status in [200, 403, 404] {
        assert!(of(status, "text/css", Some(1_000)), "{status}");
    }
    for status in [204, 206, 301, 304, 400, 500, 503] {
        assert!(!of(status, "text/css", Some(1_000)), "{status}");
    }
    for kind in ["Application/JSON", "image/svg+xml ; a=b", "application/wasm", "font/ttf"] {
        assert!(of(200, kind, Some(1_000)), "{kind}");
    }
    for kind in ["", "image/png", "text/event-stream", "text/html, text/css", "font/woff2", "text"]
    {
        assert!(!of(200, kind, Some(1_000)), "{kind}");
    }
    for (length, expected) in [
        (None, true),
        (Some(0), false),
        (Some(999), false),
        (Some(1_000), true),
        (Some(10_000_000), true),
        (Some(10_000_001), false),
    ] {
        assert_eq!(of(200, "text/css", length), expected, "{length:?}");
    }
    assert_eq!(fitness(StatusCode::OK, &HeaderMap::new(), None), Fitness::Unfit);
}

#[test]
fn a_coded_response_says_so() {
    let mut coded = fields(&[
        ("content-length", "5000"),
        ("content-encoding", "identity"),
        ("accept-ranges", "bytes"),
        ("content-md5", "x"),
        ("digest", "sha-256=x"),
        ("content-digest", "sha-256=:x:"),
        ("repr-digest", "sha-256=:x:"),
        ("x-amz-checksum-crc32", "AAAAAA=="),
        ("etag", "\"a\""),
        ("vary", "origin"),
    ]);
    let mut streamed = coded.clone();
    encode_fields(&mut coded, Coding::Zstd, Some(1_200));
    vary_by_coding(&mut coded);
    let expected = fields(&[
        ("content-length", "1200"),
        ("content-encoding", "zstd"),
        ("etag", "W/\"a\""),
        ("vary", "origin"),
        ("vary", "accept-encoding"),
    ]);
    assert_eq!(coded, expected);
    encode_fields(&mut streamed, Coding::Gzip, None);
    assert!(!streamed.contains_key(header::CONTENT_LENGTH));
}

#[test]
fn vary_says_it_once() {
    for (lines, expected) in [
        (&[][..], &["accept-encoding"][..]),
        (&["Origin"], &["Origin", "accept-encoding"]),
        (&["Origin, Accept-Encoding"], &["Origin, Accept-Encoding"]),
        (&["*"], &["*"]),
        (&["x-accept-encoding"], &["x-accept-encoding", "accept-encoding"]),
    ] {
        let mut response: HeaderMap =
            lines.iter().map(|line| (header::VARY, line.parse().unwrap())).collect();
        vary_by_coding(&mut response);
        let said: Vec<_> = response.get_all(header::VARY).iter().collect();
        assert_eq!(said, expected, "{lines:?}");
        vary_by_coding(&mut response);
        assert_eq!(response.get_all(header::VARY).iter().count(), expected.len());
    }
}

#[test]
fn entity_tags_become_weak() {
    for (tag, expected) in [
        ("\"a\"", Some("W/\"a\"")),
        ("W/\"a\"", Some("W/\"a\"")),
        ("\"\"", Some("W/\"\"")),
        ("a", None),
        ("w/\"a\"", None),
        ("\"a", None),
        ("", None),
    ] {
        let mut response = fields(&[("etag", tag)]);
        weaken_etag(&mut response);
        let kept = response.get(header::ETAG).map(|tag| tag.to_str().unwrap());
        assert_eq!(kept, expected, "{tag}");
    }
}

proptest! {
    #[test]
    fn lines_are_one_list(members in prop::collection::vec(
        "(br|zstd|gzip|\\*|identity|x)(;q=(0|1|0\\.[0-9]{1,3}))?", 0..8), cut in 0usize..8)
    {
        let cut = cut.min(members.len());
        let (first, second) = members.split_at(cut);
        let (first, second) = (first.join(","), second.join(" , "));
        prop_assert_eq!(for_client(&[&first, &second]), for_client(&[&members.join(", ")]));
    }
}
