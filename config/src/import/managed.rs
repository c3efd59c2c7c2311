//! Policies that everybody has: Amazon's managed ones, by id.

use super::page::{inline, text, texts};
use super::policy::{Asked, CachePolicy};
use super::request::{everything, nothing};
use crate::model::{Forward, Selection};

/// What stands for a managed cache policy.
#[derive(Debug)]
pub(super) enum Cache {
    /// A built-in of that name, and what is not the same.
    BuiltIn(&'static str, Option<&'static str>),
    /// `optimized`, but never compressed.
    Uncompressed,
    /// A policy to be written, under this name, and what cannot be.
    Written(&'static str, CachePolicy, &'static str),
}

const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;

const OVERRIDES: &str = "headers X-HTTP-Method, X-HTTP-Method-Override and X-Method-Override are not \
                         in the key: with GET and HEAD the edge does not pass them on";

/// A cache policy.
pub(super) fn cache(id: &str) -> Option<Cache> {
    let written = |ttl, query, headers: &[&str], cookies| CachePolicy {
        ttl,
        query,
        headers: headers.iter().map(|name| (*name).to_owned()).collect(),
        cookies,
        compress: true,
    };
    // In the key is every cookie: to leave one out would hand one client's answer to another.
    let as_origin_says = |query| written([0, 0, YEAR], query, &["host", "origin"], Selection::All);
    Some(match id {
        "658327ea-f89d-4fab-a63d-7e88639e58f6" => Cache::BuiltIn(
            "optimized",
            Some("CachingOptimized, but the least lifetime is 0 s, not 1 s: no-cache means it"),
        ),
        "b2884449-e4de-46a7-ac36-70bc7f1ddd6d" => Cache::Uncompressed,
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" => Cache::BuiltIn("disabled", None),
        "83da9c7e-98b4-4e11-a168-04f0df8e2c65" => Cache::Written(
            "UseOriginCacheControlHeaders",
            as_origin_says(Selection::None),
            OVERRIDES,
        ),
        "4cc15a8a-d715-48a4-82b8-cc0b614638fe" => Cache::Written(
            "UseOriginCacheControlHeaders-QueryStrings",
            as_origin_says(Selection::All),
            OVERRIDES,
        ),
        "2e54312d-136d-493c-8eb9-b001f22f67d2" => Cache::Written(
            "Amplify",
            written([2, 2, 600], Selection::All, &["authorization", "host"], Selection::All),
            "header \"CloudFront-Viewer-Country\" is not in the key: only CloudFront makes it",
        ),
        "08627262-05a9-4f76-9ded-b50ca2e3a84f" => {
            let query = only(&["aws.manifestfilter", "start", "end", "m"]);
            let policy = written([0, DAY, YEAR], query, &["origin"], Selection::None);
            Cache::Written("Elemental-MediaPackage", policy, "")
        }
        _ => return None,
    })
}

/// An origin request policy, and what cannot be carried over of it.
pub(super) fn origin_request(id: &str) -> Option<(Asked, &'static str)> {
    let fields = |names: &[&str]| Forward { headers: only(names), ..nothing() };
    let asked = |forward, host| Asked { forward, host };
    let preflight = ["origin", "access-control-request-headers", "access-control-request-method"];
    Some(match id {
        "216adef6-5c7f-47e4-b989-5492eafa07d3" => (asked(everything(), true), ""),
        "b689b0a8-53d0-40ab-baf2-68738e2966ac" => (asked(everything(), false), ""),
        "33f36d7e-f396-46d9-90e0-52428a34d9dc" => (
            asked(everything(), true),
            "the CloudFront-Viewer-* fields of AllViewerAndCloudFrontHeaders are only CloudFront's",
        ),
        "59781a5b-3903-41f3-afcb-af62929ccde1" => (asked(fields(&["origin"]), false), ""),
        "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf" => (asked(fields(&preflight), false), ""),
        "acba4595-bd28-49b8-b9fe-13317c0390fa" => {
            (asked(fields(&["user-agent", "referer"]), false), "")
        }
        "bf0718e1-ba1e-49d1-88b1-f726733018ae" => (asked(nothing(), true), ""),
        "775133bc-15f2-49f9-abea-afb2e0bf67d2" => {
            let [origin, headers, method] = preflight;
            let forward = Forward {
                query: Selection::All,
                ..fields(&[origin, headers, method, "user-agent"])
            };
            (asked(forward, false), "X-Forwarded-For is always sent")
        }
        _ => return None,
    })
}

/// A response headers policy, as the members of `response_headers`.
pub(super) fn response_headers(id: &str) -> Option<Vec<(&'static str, String)>> {
    let simple = || ("cors", inline(&[("origins", texts(&["*"]))]));
    let preflight = || {
        let methods = texts(&["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]);
        let members = [
            ("origins", texts(&["*"])),
            ("methods", methods),
            ("headers", text("all")),
            ("expose", texts(&["*"])),
        ];
        ("cors", inline(&members))
    };
    let security = || ("security", "true".to_owned());
    Some(match id {
        "60669652-455b-4ae9-85a4-c4c02393f86c" => vec![simple()],
        "5cc3b908-e619-4b99-88e5-2cf7f45965bd" => vec![preflight()],
        "67f7725c-6f97-4210-82d7-5512b31e9d03" => vec![security()],
        "e61eb60c-9c35-4d20-a928-2b84e02af89c" => vec![security(), simple()],
        "eaab4381-ed33-4a86-88ca-d9558dc6cd63" => vec![security(), preflight()],
        _ => return None,
    })
}

fn only(names: &[&str]) -> Selection {
    Selection::Only(names.iter().map(|name| (*name).to_owned()).collect())
}
