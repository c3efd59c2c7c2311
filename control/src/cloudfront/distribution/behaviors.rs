//! `DefaultCacheBehavior` and `CacheBehaviors`.

use warmfront_config::{Behavior, Methods, Policy, Selection, Site, Viewer};

use crate::cloudfront::xml::Xml;

/// Every method that CloudFront has a word for, in its order.
const ALL_METHODS: [&str; 7] = ["HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"];
/// Methods whose answers are stored.
const CACHED_METHODS: [&str; 2] = ["HEAD", "GET"];

/// The site's own behavior, which is the last one.
pub(super) fn default_behavior(xml: &mut Xml, site: &Site) {
    if let Some(own) = site.behaviors.last() {
        xml.element("DefaultCacheBehavior", |xml| behavior(xml, own));
    }
}

/// All but the site's own.
pub(super) fn behaviors(xml: &mut Xml, site: &Site) {
    let others = site.behaviors.split_last().map_or(&[][..], |(_, others)| others);
    xml.list("CacheBehaviors", others.iter(), |xml, one| {
        xml.element("CacheBehavior", |xml| {
            xml.text("PathPattern", &one.path);
            behavior(xml, one);
        });
    });
}

fn behavior(xml: &mut Xml, behavior: &Behavior) {
    xml.text("TargetOriginId", &behavior.origin.name);
    xml.element("TrustedSigners", |xml| {
        xml.text("Enabled", false);
        xml.text("Quantity", 0);
    });
    // The configuration's groups are one set of keys by now, so the keys are named in their place.
    let trusted = behavior.trusted_keys.as_ref().map(|trusted| trusted.keys.as_slice());
    xml.element("TrustedKeyGroups", |xml| {
        xml.text("Enabled", trusted.is_some());
        let keys = trusted.unwrap_or_default().iter();
        xml.items(keys, |xml, key| xml.text("KeyGroup", &key.id));
    });
    let viewer = match behavior.viewer {
        Viewer::RedirectToHttps => "redirect-to-https",
        Viewer::HttpsOnly => "https-only",
        Viewer::AllowAll => "allow-all",
    };
    xml.text("ViewerProtocolPolicy", viewer);
    methods(xml, &behavior.methods);
    xml.text("SmoothStreaming", false);
    xml.text("Compress", behavior.policy.compress);
    for name in ["LambdaFunctionAssociations", "FunctionAssociations"] {
        xml.element(name, |xml| xml.text("Quantity", 0));
    }
    xml.text("FieldLevelEncryptionId", "");
    policy(xml, &behavior.policy);
}

fn methods(xml: &mut Xml, methods: &Methods) {
    let allowed: Vec<&str> = match methods {
        Methods::All => ALL_METHODS.to_vec(),
        Methods::Only(methods) => methods.iter().map(http::Method::as_str).collect(),
    };
    xml.element("AllowedMethods", |xml| {
        xml.items(allowed.iter(), |xml, method| xml.text("Method", method));
        xml.texts("CachedMethods", "Method", CACHED_METHODS.iter());
    });
}

/// Written out, in CloudFront's older form: a policy here has no id there.
fn policy(xml: &mut Xml, policy: &Policy) {
    xml.element("ForwardedValues", |xml| {
        xml.text("QueryString", policy.query != Selection::None);
        xml.element("Cookies", |xml| match &policy.cookies {
            Selection::None => xml.text("Forward", "none"),
            Selection::Only(names) => {
                xml.text("Forward", "whitelist");
                xml.texts("WhitelistedNames", "Name", names.iter());
            }
            // "All but" has no word there: more in the key is the safe side.
            Selection::All | Selection::Except(_) => xml.text("Forward", "all"),
        });
        xml.texts("Headers", "Name", policy.headers.iter());
        let keys = match &policy.query {
            Selection::Only(names) => names.as_slice(),
            Selection::None | Selection::All | Selection::Except(_) => &[],
        };
        xml.texts("QueryStringCacheKeys", "Name", keys.iter());
    });
    xml.text("MinTTL", policy.ttl.min.as_secs());
    xml.text("DefaultTTL", policy.ttl.default.unwrap_or_default().as_secs());
    xml.text("MaxTTL", policy.ttl.max.as_secs());
}
