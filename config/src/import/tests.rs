//! Samples with what comes of them, and that nothing is ever dropped.

mod certificates;
mod sound;

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// A distribution, the policies given along, and the configuration that comes of both.
const SAMPLES: [(&str, &str, &[&str], &str); 5] = [
    ("spa", include_str!("samples/spa.json"), &[], include_str!("samples/spa.toml")),
    ("api", include_str!("samples/api.json"), &[], include_str!("samples/api.toml")),
    ("legacy", include_str!("samples/legacy.json"), &[], include_str!("samples/legacy.toml")),
    ("media", include_str!("samples/media.json"), &[], include_str!("samples/media.toml")),
    ("policies", include_str!("samples/policies.json"), &POLICIES, POLICIES_TOML),
];
const POLICIES: [&str; 3] = [
    include_str!("samples/policy-cache.json"),
    include_str!("samples/policy-origin-request.json"),
    include_str!("samples/policy-response-headers.json"),
];
const POLICIES_TOML: &str = include_str!("samples/policies.toml");

#[test]
fn the_samples_become_what_stands_beside_them() {
    for (name, distribution, policies, expected) in SAMPLES {
        let page = imported(distribution, policies).unwrap();
        if std::env::var_os("WARMFRONT_BLESS").is_some() {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import/samples");
            std::fs::write(dir.join(format!("{name}.toml")), &page).unwrap();
        } else {
            assert_eq!(page, expected, "{name}: WARMFRONT_BLESS=1 writes it anew");
        }
    }
}

#[test]
fn a_bare_configuration_and_both_wrappers_mean_the_same() {
    let whole: Value = serde_json::from_str(SAMPLES[0].1).unwrap();
    let bare = &whole["DistributionConfig"];
    let wrapped = json!({ "Distribution": { "Id": "E1", "DistributionConfig": bare } });
    let without_comments = |value: &Value| {
        let page = imported(&value.to_string(), &[]).unwrap();
        // Only the wrapper of `get-distribution` says an id.
        let live = page.lines().filter(|line| !line.starts_with('#') && !line.contains("\"E1\""));
        live.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_comments(bare), without_comments(&whole));
    assert_eq!(without_comments(&wrapped), without_comments(&whole));
}

#[test]
fn a_signed_behavior_that_cannot_be_written_says_what_is_open_now() {
    let mut whole: Value = serde_json::from_str(SAMPLES[0].1).unwrap();
    let mut behavior = whole["DistributionConfig"]["DefaultCacheBehavior"].clone();
    for (pattern, signed, told) in
        [("/a%2Ab/*", true, true), ("/a%2Ab/*", false, false), ("/private/*", true, false)]
    {
        behavior["PathPattern"] = json!(pattern);
        let groups: &[&str] = if signed { &["g-1"] } else { &[] };
        behavior["TrustedKeyGroups"] =
            json!({ "Enabled": signed, "Quantity": groups.len(), "Items": groups });
        whole["DistributionConfig"]["CacheBehaviors"] =
            json!({ "Quantity": 1, "Items": [behavior] });
        let page = imported(&whole.to_string(), &[]).unwrap();
        assert_eq!(page.contains("asked for signatures, and now"), told, "{pattern}: {page}");
    }
}

/// Goal: a setting that means nothing to anybody is a setting that was dropped. Method: each value
/// of each sample, policies included, is made another, one at a time; each time something else
/// comes out, or a sentence that names the setting.
#[test]
fn every_value_of_the_samples_matters() {
    for (name, ..) in SAMPLES {
        every_value_matters(name, sample(name));
    }
}

/// As above, where one setting takes the meaning from those beside it.
#[test]
fn values_matter_too_where_others_make_them_moot() {
    let cache = "/CachePolicy/CachePolicyConfig/ParametersInCacheKeyAndForwardedToOrigin";
    let asked = "/OriginRequestPolicy/OriginRequestPolicyConfig";
    let security = "/ResponseHeadersPolicy/ResponseHeadersPolicyConfig/SecurityHeadersConfig";
    let legacy = "/Distribution/DistributionConfig/DefaultCacheBehavior/ForwardedValues";
    let media = "/DistributionConfig/DefaultCacheBehavior";
    let rows = [
        ("policies", 1, format!("{cache}/HeadersConfig/HeaderBehavior"), json!("none")),
        ("policies", 1, format!("{cache}/CookiesConfig/CookieBehavior"), json!("all")),
        ("policies", 1, format!("{cache}/QueryStringsConfig/QueryStringBehavior"), json!("none")),
        ("policies", 2, format!("{asked}/HeadersConfig/HeaderBehavior"), json!("none")),
        ("policies", 2, format!("{asked}/HeadersConfig/HeaderBehavior"), json!("allViewer")),
        ("policies", 2, format!("{asked}/HeadersConfig/HeaderBehavior"), json!("whitelist")),
        ("policies", 3, format!("{security}/XSSProtection/Protection"), json!(false)),
        ("policies", 3, format!("{security}/XSSProtection/ModeBlock"), json!(false)),
        ("legacy", 0, format!("{legacy}/QueryString"), json!(false)),
        ("legacy", 0, format!("{legacy}/Cookies/Forward"), json!("none")),
        ("legacy", 0, format!("{legacy}/Headers/Items/0"), json!("*")),
        ("media", 0, format!("{media}/TrustedKeyGroups/Enabled"), json!(false)),
        ("media", 0, format!("{media}/TrustedKeyGroups/Items/0"), json!("of nobody")),
        ("api", 0, "/DistributionConfig/Origins/Items/0/CustomOriginConfig".to_owned(), json!({})),
    ];
    for (name, file, place, value) in rows {
        let mut files = sample(name);
        *files[file].pointer_mut(&place).unwrap() = value;
        every_value_matters(&format!("{name} with another {place}"), files);
    }
}

fn every_value_matters(name: &str, mut files: Vec<Value>) {
    let outcome = |files: &[Value]| {
        let texts: Vec<_> = files.iter().map(Value::to_string).collect();
        let policies: Vec<_> = texts.iter().skip(1).map(String::as_str).collect();
        imported(&texts[0], &policies)
    };
    let expected = outcome(&files).unwrap();
    let mut dropped = Vec::new();
    for file in 0..files.len() {
        // The list itself says as much as its count; a wrong one has a test of its own.
        let places = places(&files[file]).into_iter().filter(|place| !place.ends_with("/Quantity"));
        for place in places {
            let value = files[file].pointer_mut(&place).unwrap();
            let was = std::mem::replace(value, another(value));
            let last = place.rsplit('/').find(|it| it.parse::<usize>().is_err()).unwrap();
            let told = match outcome(&files) {
                Ok(page) => page != expected,
                Err(error) => error.to_string().contains(last),
            };
            *files[file].pointer_mut(&place).unwrap() = was;
            if !told {
                dropped.push(place);
            }
        }
    }
    assert!(dropped.is_empty(), "{name}: {dropped:#?}");
}

#[test]
fn a_wrong_count_is_named() {
    for place in ["/Aliases/Quantity", "/Origins/Quantity", "/CustomErrorResponses/Quantity"] {
        let mut distribution: Value = serde_json::from_str(SAMPLES[0].1).unwrap();
        let config = &mut distribution["DistributionConfig"];
        *config.pointer_mut(place).unwrap() = json!(7777);
        let page = imported(&distribution.to_string(), &[]).unwrap();
        let path = place.trim_start_matches('/').replace('/', ".");
        assert!(page.contains(&format!("not carried over: {path} = 7777: ")), "{page}");
    }
}

#[test]
fn what_is_no_distribution_is_told_in_a_sentence() {
    let deep = "[".repeat(100_000);
    let huge = " ".repeat(IMPORT_BYTES_MAX + 1);
    let twice = r#"{"DefaultCacheBehavior": {"Compress": true, "Compress": false}}"#;
    let rows = [
        ("", "is not JSON: EOF while parsing a value at line 1 column 0"),
        ("hosts = []", "is not JSON: expected value at line 1 column 1"),
        (&deep, "is not JSON: recursion limit exceeded at line 1 column 128"),
        (&huge, "is larger than any distribution: 16 MiB are read at most"),
        (twice, "is not JSON: \"Compress\" stands there twice at line 1 column 62"),
        ("[]", "is not a distribution: give it"),
        ("{}", "is not a distribution: give it"),
        (r#"{"DistributionConfig": {}}"#, "DefaultCacheBehavior is missing"),
        (r#"{"DistributionConfig": 5}"#, "is not a distribution: give it"),
        (r#"{"DefaultCacheBehavior": 5}"#, "DefaultCacheBehavior is not an object"),
        (r#"{"DefaultCacheBehavior": {}}"#, "DefaultCacheBehavior.TargetOriginId is missing"),
        (
            r#"{"DefaultCacheBehavior": {"TargetOriginId": "x"}}"#,
            "DefaultCacheBehavior.TargetOriginId is not the id of an origin",
        ),
        (
            r#"{"Origins": {"Items": [5]}, "DefaultCacheBehavior": {}}"#,
            "Origins.Items[0] is not an object",
        ),
        (
            r#"{"Origins": {"Items": [{"Id": "x"}]}, "DefaultCacheBehavior": {}}"#,
            "Origins.Items[0].DomainName is missing",
        ),
    ];
    for (text, sentence) in rows {
        let told = imported(text, &[]).unwrap_err().to_string();
        assert!(told.starts_with(sentence), "{sentence}: {told}");
        assert_eq!(told.lines().count(), 1);
    }
    for text in ["{}", "5", r#"{"CachePolicyConfig": {}}"#, r#"{"CachePolicy": {"Id": 5}}"#] {
        let told = PolicyFile::parse(text).unwrap_err().to_string();
        assert!(told.starts_with("is not a policy: "), "{text}: {told}");
    }
}

#[test]
fn patterns_that_read_as_regular_expressions_are_written_otherwise() {
    let rows = [
        ("/api/*", "/api/*"),
        ("api/*", "/api/*"),
        ("*.jpg", "*.jpg"),
        ("/favicon.*", "/favicon.?*"),
        ("/price$", "/price?"),
        ("/a.+/*.*", "/a?+/*.?*"),
        ("/a/*.*", "/a/*.*"),
        ("/a\"b|c", "/a?b?c"),
    ];
    for (written, expected) in rows {
        let page =
            changed("/DistributionConfig/CacheBehaviors/Items/0/PathPattern", json!(written));
        assert!(page.contains(&format!("path             = \"{expected}\"\n")), "{page}");
    }
}

#[test]
fn what_reads_as_a_variable_stays_what_it_was() {
    let page = changed("/DistributionConfig/DefaultRootObject", json!("a${HOME}\"b\\"));
    assert!(page.contains(r#"default_root_object = "a$${HOME}\"b\\""#), "{page}");
}

#[test]
fn buckets_are_known_by_their_names() {
    let rows = [
        ("web.s3.amazonaws.com", Some(("web", None, false))),
        ("web.s3.eu-central-1.amazonaws.com", Some(("web", Some("eu-central-1"), false))),
        ("web.s3-eu-west-1.amazonaws.com", Some(("web", Some("eu-west-1"), false))),
        (
            "www.example.com.s3.us-east-2.amazonaws.com",
            Some(("www.example.com", Some("us-east-2"), false)),
        ),
        ("web.s3.dualstack.eu-west-1.amazonaws.com", Some(("web", Some("eu-west-1"), false))),
        ("web.s3.cn-north-1.amazonaws.com.cn", Some(("web", Some("cn-north-1"), false))),
        ("web.s3-website-us-east-1.amazonaws.com", Some(("web", Some("us-east-1"), true))),
        ("web.s3-website.eu-central-1.amazonaws.com", Some(("web", Some("eu-central-1"), true))),
        ("alb-1.eu-central-1.elb.amazonaws.com", None),
        ("s3.eu-central-1.amazonaws.com", None),
        ("www.example.com", None),
    ];
    for (domain, expected) in rows {
        let found = bucket::Bucket::of(domain, false);
        let expected =
            expected.map(|(name, region, website)| bucket::Bucket::new(name, region, website));
        assert_eq!(found, expected, "{domain}");
    }
}

proptest! {
    /// Whatever CloudFront will have tomorrow, at whatever place: it is named, with its value, and
    /// what comes out is still TOML.
    #[test]
    fn what_is_unknown_is_never_dropped(
        sample in 0..SAMPLES.len(),
        place in any::<prop::sample::Index>(),
        name in "[A-Z][a-zA-Z]{0,12}|.{1,8}",
        value in unknown(),
    ) {
        let mut distribution: Value = serde_json::from_str(SAMPLES[sample].1).unwrap();
        let tables = tables(&distribution);
        let table = distribution.pointer_mut(place.get(&tables).as_str()).unwrap();
        let name = format!("Zz{name}");
        table.as_object_mut().unwrap().insert(name.clone(), value.clone());
        let page = imported(&distribution.to_string(), SAMPLES[sample].2).unwrap();
        toml::from_str::<toml::Table>(&page).unwrap();
        let shown = |text: &str| {
            let mut line = String::new();
            page::comment(&mut line, text);
            line.trim_start_matches(['#', ' ']).trim_end_matches('\n').to_owned()
        };
        prop_assert!(page.contains(&shown(&name)), "{name:?} in {page}");
        for place in places(&value) {
            let leaf = value.pointer(&place).unwrap();
            let leaf = match leaf {
                Value::String(text) => page::quote(text),
                other => other.to_string(),
            };
            prop_assert!(page.contains(&shown(&leaf)), "{leaf} in {page}");
        }
    }

    /// Strings of a distribution are its owner's, and some of them are strangers'.
    #[test]
    fn any_text_anywhere_is_toml_or_a_sentence(
        sample in 0..SAMPLES.len(),
        place in any::<prop::sample::Index>(),
        value in prop_oneof![any::<String>().prop_map(Value::from), unknown()],
    ) {
        let mut distribution: Value = serde_json::from_str(SAMPLES[sample].1).unwrap();
        let places = places(&distribution);
        *distribution.pointer_mut(place.get(&places).as_str()).unwrap() = value;
        match imported(&distribution.to_string(), SAMPLES[sample].2) {
            Ok(page) => drop(toml::from_str::<toml::Table>(&page).unwrap()),
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
        }
    }

    #[test]
    fn a_quoted_text_is_read_as_it_was(text in any::<String>()) {
        let read: toml::Table = format!("x = {}", page::quote(&text)).parse().unwrap();
        prop_assert_eq!(read["x"].as_str(), Some(text.as_str()));
    }
}

// === what the samples are made into ===

fn imported(distribution: &str, policies: &[&str]) -> Result<String, ImportError> {
    let policies: Result<Vec<_>, _> = policies.iter().map(|it| PolicyFile::parse(it)).collect();
    import(distribution, &policies?)
}

/// A sample and the policies that go with it.
fn sample(name: &str) -> Vec<Value> {
    let found = SAMPLES.iter().find(|(known, ..)| *known == name);
    let (_, distribution, policies, _) = found.unwrap();
    [distribution]
        .into_iter()
        .chain(*policies)
        .map(|it| serde_json::from_str(it).unwrap())
        .collect()
}

/// The API's sample with another value in one place.
fn changed(place: &str, value: Value) -> String {
    let mut distribution: Value = serde_json::from_str(SAMPLES[1].1).unwrap();
    *distribution.pointer_mut(place).unwrap() = value;
    imported(&distribution.to_string(), &[]).unwrap()
}

/// A value of the same kind that says something else.
fn another(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => json!(number.as_u64().unwrap_or(0) + 1),
        Value::String(text) if text.is_empty() => json!("another"),
        Value::String(text) => json!(format!("{text}x")),
        _ => json!("another"),
    }
}

/// JSON pointers of every leaf.
fn places(value: &Value) -> Vec<String> {
    pointers(value, &|value| !matches!(value, Value::Array(_) | Value::Object(_)))
}

/// JSON pointers of every object that is not empty.
fn tables(value: &Value) -> Vec<String> {
    pointers(value, &|value| value.as_object().is_some_and(|it| !it.is_empty()))
}

fn pointers(value: &Value, wanted: &dyn Fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    if wanted(value) {
        found.push(String::new());
    }
    let below = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        let below = pointers(value, wanted).into_iter();
        below.map(|rest| format!("/{key}{rest}")).collect::<Vec<_>>()
    };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                found.extend(below(&index.to_string(), item));
            }
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| found.extend(below(name, member)));
        }
        _ => {}
    }
    found
}

fn unknown() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[A-Za-z]{1,6}", inner, 0..3)
                .prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}
