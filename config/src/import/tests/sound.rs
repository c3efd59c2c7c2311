//! What is imported is never refused for what the importer wrote.

use super::*;

#[test]
fn the_samples_are_sound_but_for_the_keys_that_only_you_have() {
    for (name, .., expected) in SAMPLES {
        assert_eq!(refused(expected), "", "{name}");
    }
}

/// Goal: whatever a distribution says, what comes out can be checked. Method: each text of each
/// sample, policies included, becomes one after another of the texts that are refused somewhere (one
/// in ten, each place others), and each number one that is too small or too large. A sentence in
/// the place of a configuration is none that is refused.
#[test]
fn nothing_that_is_refused_is_written() {
    let texts = [FIELDS, ORIGINS, METHODS, NAMES].concat();
    for (name, ..) in SAMPLES {
        let mut files = sample(name);
        for file in 0..files.len() {
            for (index, place) in places(&files[file]).into_iter().enumerate() {
                let value = files[file].pointer_mut(&place).unwrap();
                let was = value.take();
                let others: Vec<Value> = match &was {
                    Value::String(_) => {
                        let some = texts.iter().skip(index % 10).step_by(10);
                        some.map(|text| json!(text)).collect()
                    }
                    Value::Number(_) => NUMBERS.iter().map(|number| json!(number)).collect(),
                    Value::Bool(flag) => vec![json!(!flag)],
                    _ => continue,
                };
                for other in others {
                    *files[file].pointer_mut(&place).unwrap() = other.clone();
                    assert_eq!(outcome(&files), "", "{name} with {other} at {place}");
                }
                *files[file].pointer_mut(&place).unwrap() = was;
            }
        }
    }
}

#[test]
fn every_managed_policy_is_sound() {
    let ids = [
        ("CachePolicyId", "658327ea-f89d-4fab-a63d-7e88639e58f6"),
        ("CachePolicyId", "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"),
        ("CachePolicyId", "83da9c7e-98b4-4e11-a168-04f0df8e2c65"),
        ("CachePolicyId", "4cc15a8a-d715-48a4-82b8-cc0b614638fe"),
        ("CachePolicyId", "2e54312d-136d-493c-8eb9-b001f22f67d2"),
        ("CachePolicyId", "08627262-05a9-4f76-9ded-b50ca2e3a84f"),
        ("OriginRequestPolicyId", "33f36d7e-f396-46d9-90e0-52428a34d9dc"),
        ("OriginRequestPolicyId", "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"),
        ("OriginRequestPolicyId", "775133bc-15f2-49f9-abea-afb2e0bf67d2"),
        ("ResponseHeadersPolicyId", "5cc3b908-e619-4b99-88e5-2cf7f45965bd"),
        ("ResponseHeadersPolicyId", "eaab4381-ed33-4a86-88ca-d9558dc6cd63"),
    ];
    for (setting, id) in ids {
        let mut files = sample("api");
        files[0]["DistributionConfig"]["DefaultCacheBehavior"][setting] = json!(id);
        assert_eq!(outcome(&files), "", "{setting} = {id}");
    }
}

#[test]
fn what_would_be_refused_is_a_comment() {
    let rows = [
        (
            "/ResponseHeadersPolicy/ResponseHeadersPolicyConfig/RemoveHeadersConfig/Items/0/Header",
            "x-frame-options",
            "Items[0].Header = \"x-frame-options\"",
        ),
        (
            "/ResponseHeadersPolicy/ResponseHeadersPolicyConfig/CustomHeadersConfig/Items/0/Header",
            "Access-Control-Max-Age",
            "CustomHeadersConfig.Items[0].Header = \"Access-Control-Max-Age\"",
        ),
    ];
    for (place, value, told) in rows {
        let mut files = sample("policies");
        *files[3].pointer_mut(place).unwrap() = json!(value);
        let page = page(&files).unwrap();
        let comments = page.lines().filter(|line| line.starts_with('#'));
        assert!(comments.into_iter().any(|line| line.contains(told)), "{page}");
        assert_eq!(refused(&page), "");
    }
    let mut files = sample("spa");
    let custom = json!([{ "HeaderName": "x-amz-request-payer", "HeaderValue": "requester" }]);
    files[0]["DistributionConfig"]["Origins"]["Items"][0]["CustomHeaders"] =
        json!({ "Quantity": 1, "Items": custom });
    let page = page(&files).unwrap();
    assert!(page.contains("# not carried over: CustomHeaders"), "{page}");
    assert_eq!(refused(&page), "");
}

#[test]
fn a_pattern_that_matches_nothing_is_resolved_or_a_comment() {
    let place = "/DistributionConfig/CacheBehaviors/Items/0/PathPattern";
    for (written, path) in [
        ("/a/../b", "/b"),
        ("a//*.jpg", "/a/*.jpg"),
        ("*//x", "*/x"),
        ("/a%2F%2e%2E%2fb/./c[", "/b/c?"),
    ] {
        let page = changed(place, json!(written));
        assert!(page.lines().any(|line| line.ends_with(&format!(" = \"{path}\""))), "{page}");
        assert!(page.contains(&format!("# PathPattern = {} ", json!(written))), "{page}");
        assert_eq!(refused(&page), "");
    }
    let long = format!("/{}", "a".repeat(5_000));
    for (written, why) in [
        ("/a%2Ab", "an escaped wildcard cannot be matched: leave it out"),
        ("/q?x=1", "a query is never matched; `?` is any one character"),
        ("/*/../b", "never matches: paths are matched with"),
        ("/a%00", "a pattern holds no control characters"),
        (&long, "a pattern is at most 4096 bytes long"),
    ] {
        let page = changed(place, json!(written));
        let told = format!("\n# not carried over: PathPattern = \"{written}\": {why}");
        assert!(page.contains(&told) && page.contains("\n# [[sites."), "{page}");
        assert_eq!(refused(&page), "");
    }
}

/// What asks for a signature is not given out for `/`, which asks for none.
#[test]
fn a_root_object_that_is_signed_alone_is_a_comment() {
    let mut files = sample("media");
    let config = &mut files[0]["DistributionConfig"];
    config["DefaultRootObject"] = json!("public/index.html");
    let keys = config["DefaultCacheBehavior"]["TrustedKeyGroups"].take();
    config["CacheBehaviors"]["Items"][0]["TrustedKeyGroups"] = keys;
    let page = page(&files).unwrap();
    let told = "# not carried over: DefaultRootObject = \"public/index.html\": its own path asks";
    assert!(page.contains(told), "{page}");
    assert_eq!(refused(&page), "");
}

/// With credentials `*` would be the name of a field; without names of origins there are none.
#[test]
fn everything_is_exposed_only_to_those_without_credentials() {
    let mut files = sample("policies");
    let policy = "/ResponseHeadersPolicy/ResponseHeadersPolicyConfig/CorsConfig";
    let cors = files[3].pointer_mut(policy).unwrap();
    cors["AccessControlExposeHeaders"]["Items"] = json!(["*"]);
    let with = page(&files).unwrap();
    assert!(!with.contains("expose =") && with.contains("credentials = true"), "{with}");
    let cors = files[3].pointer_mut(policy).unwrap();
    cors["AccessControlAllowCredentials"] = json!(false);
    let without = page(&files).unwrap();
    assert!(without.contains("expose = [\"*\"]"), "{without}");
    assert_eq!(refused(&with) + &refused(&without), "");
}

/// A behavior's own policy begins anew with compression.
#[test]
fn what_the_site_does_not_compress_a_behavior_does_not_either() {
    let mut files = sample("api");
    let config = &mut files[0]["DistributionConfig"];
    let off = |behavior: &mut Value, id: &str| {
        behavior["CachePolicyId"] = json!(id);
        behavior["Compress"] = json!(false);
    };
    off(&mut config["DefaultCacheBehavior"], "658327ea-f89d-4fab-a63d-7e88639e58f6");
    off(&mut config["CacheBehaviors"]["Items"][0], "08627262-05a9-4f76-9ded-b50ca2e3a84f");
    let read = crate::parse(&page(&files).unwrap(), Path::new("imported.toml"), &|_| None);
    let behaviors = &read.unwrap().sites[0].behaviors;
    assert!(!behaviors[0].policy.compress && !behaviors.last().unwrap().policy.compress);
}

proptest! {
    /// As above, with several texts at once: they contradict each other, or say the same twice.
    #[test]
    fn no_two_things_are_refused_together(
        sample_of in 0..SAMPLES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), value()), 1..6),
    ) {
        let mut files = sample(SAMPLES[sample_of].0);
        let all: Vec<_> = (0..files.len())
            .flat_map(|file| places(&files[file]).into_iter().map(move |place| (file, place)))
            .collect();
        for (place, other) in changes {
            let (file, place) = place.get(&all);
            let value = files[*file].pointer_mut(place).unwrap();
            if std::mem::discriminant(value) == std::mem::discriminant(&other) {
                *value = other;
            }
        }
        prop_assert_eq!(outcome(&files), "");
    }

    /// Lists of names, in every list of the policies.
    #[test]
    fn lists_of_anything_are_sound(
        place in any::<prop::sample::Index>(),
        items in prop::collection::vec(text(), 0..6),
        credentials in any::<bool>(),
    ) {
        let mut files = sample("policies");
        let lists: Vec<_> = (1..4)
            .flat_map(|file| lists(&files[file]).into_iter().map(move |place| (file, place)))
            .collect();
        let (file, place) = place.get(&lists);
        let list = files[*file].pointer_mut(place).unwrap();
        *list = match list[0].as_object() {
            None => json!(items),
            Some(_) => items
                .into_iter()
                .map(|it| json!({ "Header": it, "Value": "x", "Override": true }))
                .collect(),
        };
        files[3]["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]["CorsConfig"]
            ["AccessControlAllowCredentials"] = json!(credentials);
        prop_assert_eq!(outcome(&files), "");
    }
}

// === what is refused somewhere ===

const FIELDS: &[&str] = &[
    "Host",
    "cookie",
    "Range",
    "If-Match",
    "connection",
    "Proxy-Foo",
    "content-length",
    "Date",
    "via",
    "Vary",
    "X-Cache",
    "X-Forwarded-For",
    "X_Real_IP",
    "true-client-ip",
    "Forwarded",
    "X-HTTP-Method",
    "x-amz-request-payer",
    "Authorization",
    "Accept-Encoding",
    "accept-language",
    "Access-Control-Max-Age",
    "Strict-Transport-Security",
    "X-Frame-Options",
    "X-Powered-By",
    "CloudFront-Viewer-Country",
    "*",
    "a b",
    "",
    "é",
];
const ORIGINS: &[&str] = &[
    "null",
    "https://",
    "https://a.example.com:443",
    "https://a.*.com",
    "https://A.example/x",
    "ftp//x",
    "*.example.org",
    "app.example.com",
    "http://[::1]:80",
    "example.com:0",
];
const METHODS: &[&str] = &["ALL", "get", "TRACE", "CONNECT", "PO ST", "GET", "PUT"];
const NAMES: &[&str] = &[
    "none",
    "all",
    "whitelist",
    "allExcept",
    "allViewer",
    "200",
    "302",
    "/index.html",
    "/a?b",
    "a=b",
    "a;b",
    "${HOME}",
    "a\nb",
    "/^a$",
    "/.*",
    "/a//./b",
    "/*/..",
    "/%2e%2e/y",
    "/a%2A",
    "/q?x=1",
    "/a.+",
    "/*",
    "*",
    "trusted-signers",
    "optimized",
    "www.example.com",
    "web.s3.amazonaws.com",
    "s3.eu-central-1.amazonaws.com",
    "b.s3.a-b-1.amazonaws.com",
    "10.0.0.1",
    "2001:db8::1",
    "..",
    "x\u{7f}\u{2028}\"'\\",
];
const NUMBERS: &[u64] =
    &[0, 1, 11, 80, 404, 599, 600, 65_536, 86_401, 315_360_000, 315_360_001, u64::MAX];

fn text() -> impl Strategy<Value = String> {
    let known = prop::sample::select([FIELDS, ORIGINS, METHODS, NAMES].concat());
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text().prop_map(Value::from),
        1 => prop::sample::select(NUMBERS).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
    ]
}

/// JSON pointers of every list that is not empty.
fn lists(value: &Value) -> Vec<String> {
    pointers(value, &|value| value.as_array().is_some_and(|it| !it.is_empty()))
}

fn page(files: &[Value]) -> Result<String, ImportError> {
    let texts: Vec<_> = files.iter().map(Value::to_string).collect();
    let policies: Vec<_> = texts.iter().skip(1).map(String::as_str).collect();
    imported(&texts[0], &policies)
}

/// What is refused of what comes out; a sentence in its place is sound.
fn outcome(files: &[Value]) -> String {
    page(files).map_or_else(|_| String::new(), |page| refused(&page))
}

/// The problems of a configuration, but for keys of which only the owner has the files.
fn refused(page: &str) -> String {
    let read = crate::parse(page, Path::new("imported.toml"), &|_| None);
    let problems = read.err().into_iter().flatten();
    let refused = problems.filter(|it| !it.key.ends_with(".public_key_file"));
    refused.map(|problem| problem.to_string()).collect::<Vec<_>>().join("\n")
}
