//! What a person does with a key that was just made.

use serde_json::Value;
use warmfront_config::Whereabouts;

use super::super::shown::text;
use crate::client::endpoint;

/// Lines for a terminal, which may be scrolled back or recorded: the secret is not in them.
pub(super) fn on(issued: &Value, node: &Whereabouts) -> String {
    let (name, ends) = (text(issued, "name"), text(issued, "old_secret_ends"));
    let old = match ends.as_str() {
        "-" => String::new(),
        ends => format!("; the old secret passes until {ends}"),
    };
    let aws = match endpoint(node) {
        // Some read the one, some the other; any region will do.
        Some(endpoint) => format!(
            "  export AWS_ACCESS_KEY_ID=${{WARMFRONT_KEY%%.*}} AWS_SECRET_ACCESS_KEY=${{WARMFRONT_KEY#*.}}\n  \
             export AWS_ENDPOINT_URL_CLOUDFRONT={endpoint} AWS_REGION=us-east-1 \
             AWS_DEFAULT_REGION=us-east-1\n"
        ),
        None => "  (AWS tools cannot ask a Unix socket: give listen.admin an address)\n".to_owned(),
    };
    format!(
        "\nThis is key {name}, shown this once{old}. For warmfront, and for AWS tools:\n  \
         export WARMFRONT_KEY=<the line above>\n{aws}\
         Elsewhere: Authorization: Bearer <the line above>\n"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn node(listen: &str) -> Whereabouts {
        let site = "[sites.www]\nhosts = [\"*.example.com\", \"www.example.com\"]\n";
        let text = format!("[listen]\n{listen}\n{site}");
        Whereabouts::parse(&text, Path::new("/warmfront.toml"), &|_| None).unwrap()
    }

    #[test]
    fn it_says_how_to_use_the_key_and_does_not_repeat_it() {
        let issued =
            json!({ "id": "WFCI", "name": "ci", "secret": "s3cr3t", "token": "WFCI.s3cr3t" });
        let told = on(&issued, &node("admin = \"0.0.0.0:9900\""));
        assert!(!told.contains("s3cr3t"), "{told}");
        for part in [
            "This is key ci, shown this once. ",
            "AWS_SECRET_ACCESS_KEY=${WARMFRONT_KEY#*.}\n",
            "AWS_ENDPOINT_URL_CLOUDFRONT=http://127.0.0.1:9900 AWS_REGION=",
        ] {
            assert!(told.contains(part), "{told}");
        }
        let rotated = json!({ "id": "WFCI", "name": "ci", "old_secret_ends": "2023-11-15" });
        let told = on(&rotated, &node("admin = \"127.0.0.1:9900\"\nadmin_tls = \"www\""));
        assert!(told.contains("once; the old secret passes until 2023-11-15."), "{told}");
        assert!(told.contains("=https://www.example.com:9900 "), "{told}");
        let told = on(&rotated, &crate::client::elsewhere("https://[::1]:9900").unwrap());
        assert!(told.contains("=https://[::1]:9900 "), "{told}");
        let told = on(&rotated, &node("admin = \"unix:/run/warmfront.sock\""));
        assert!(told.contains("AWS tools cannot ask a Unix socket"), "{told}");
    }
}
