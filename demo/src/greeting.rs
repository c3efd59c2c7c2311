//! What the person at the terminal is told: lines to copy, in an order that tells a story.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::ports::Listeners;
use crate::{
    BUCKET, BUCKET_SECRET, CHANGED_PAGE, CONFIG, DISTRIBUTION, KEY_ID, REGION, authority, site,
};

/// Below the directory: what the node makes for the control API at its first start.
const ROOT_KEY: &str = "state/root.key";

/// Where everything is.
pub(crate) struct Places<'a> {
    pub(crate) exe: &'a str,
    pub(crate) dir: &'a Path,
    pub(crate) listeners: &'a Listeners,
    pub(crate) bucket: SocketAddr,
}

pub(crate) fn text(places: &Places<'_>) -> String {
    let dir = places.dir.display();
    let https = format!("https://localhost:{}", places.listeners.https_port());
    let mut text = format!(
        "warmfront demo: a single-page app in an S3 bucket and an API on two servers, behind {https}/\n\
         Everything it keeps is in {dir}; a browser trusts the page once it trusts {dir}/{ca}.\n\
         Try these in another terminal, from top to bottom. Ctrl-C stops the demo.\n",
        ca = authority::CA_FILE,
    );
    for (number, step) in steps(places, &https).iter().enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{:>2}. {}\n", number + 1, step.shows);
        for line in &step.lines {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

struct Step {
    shows: &'static str,
    lines: Vec<String>,
}

fn steps(places: &Places<'_>, https: &str) -> Vec<Step> {
    let http = format!("http://localhost:{}", places.listeners.http_port());
    let admin = places.listeners.admin;
    let asset_key = site::script_key();
    let ca = in_dir(places, authority::CA_FILE);
    let head = format!("curl -sI --cacert {ca}");
    let curl = format!("curl -s --cacert {ca}");
    let own = |command: &str, rest: &str| {
        let (exe, config) = (for_shell(places.exe), in_dir(places, CONFIG));
        format!("{exe} {command} --config {config} {rest}")
    };
    let key = in_dir(places, ROOT_KEY);
    let script = format!(
        "AWS_ENDPOINT_URL_CLOUDFRONT=http://{admin} AWS_ACCESS_KEY_ID=$(cut -d. -f1 {key}) \
         AWS_SECRET_ACCESS_KEY=$(cut -d. -f2 {key}) AWS_DEFAULT_REGION={REGION} aws cloudfront \
         create-invalidation --distribution-id {DISTRIBUTION} --paths '/*'"
    );
    let origins =
        format!("curl -s http://{admin}/origins/api -H \"Authorization: Bearer $(cat {key})\"");
    let step = |shows, lines: &[String]| Step { shows, lines: lines.to_vec() };
    let page = format!("{head} {https}/");
    let asset = format!("{head} {https}/{asset_key}");
    let whoami = format!("{curl} {https}/api/whoami");
    let headline = format!("{curl} {https}/ | grep '<h1>'");
    vec![
        step(
            "Plain HTTP is sent to HTTPS: 301, path and query kept.",
            &[format!("curl -sI '{http}/a?b=c'")],
        ),
        step("The page, twice: X-Cache says Miss, then Hit with an Age.", &[page.clone(), page]),
        step("A hashed asset likewise; browsers may keep it for a year.", &[asset.clone(), asset]),
        step("A deep link is the app: 200, text/html.", &[format!("{head} {https}/deep/link")]),
        step("A missing asset is not: 404.", &[format!("{head} {https}/assets/none.js")]),
        step("The API is balanced: app-1 and app-2 take turns.", &[whoami.clone(), whoami]),
        step("Both are checked, and this is how they are.", &[origins]),
        step(
            "Server-sent events pass through as they come.",
            &[format!("curl -sN --cacert {ca} {https}/api/events")],
        ),
        step(
            "A deploy, part one: upload a changed page, with the AWS CLI or with curl.",
            &uploads(places),
        ),
        step("The edge still has the old one.", std::slice::from_ref(&headline)),
        step(
            "A deploy, part two: what the script says to CloudFront; the next request shows the change.",
            &[script, headline],
        ),
        step("The same without the AWS CLI.", &[own("invalidate", "'/*'")]),
        step("Why is something a hit, or a miss?", &[own("inspect", &format!("{https}/"))]),
        step(
            "What was counted on the way.",
            &[format!("curl -s http://{admin}/metrics | grep ^warmfront_")],
        ),
    ]
}

/// Two ways to do the same: the first is what deploy scripts have, the second needs only curl.
fn uploads(places: &Places<'_>) -> [String; 2] {
    let secret = format!("\"$(cat {})\"", in_dir(places, BUCKET_SECRET));
    let changed = in_dir(places, CHANGED_PAGE);
    let cache_control = site::PAGE_CACHE_CONTROL;
    let bucket = places.bucket;
    [
        format!(
            "AWS_ACCESS_KEY_ID={KEY_ID} AWS_SECRET_ACCESS_KEY={secret} AWS_DEFAULT_REGION={REGION} \
             aws --endpoint-url http://{bucket} s3 cp {changed} s3://{BUCKET}/index.html \
             --cache-control '{cache_control}'"
        ),
        format!(
            "curl -fsS --aws-sigv4 aws:amz:{REGION}:s3 --user {KEY_ID}:{secret} \
             -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -H 'content-type: text/html' \
             -H 'cache-control: {cache_control}' -T {changed} http://{bucket}/{BUCKET}/index.html"
        ),
    ]
}

fn in_dir(places: &Places<'_>, name: &str) -> String {
    for_shell(&places.dir.join(name).to_string_lossy()).into_owned()
}

/// As one word of a POSIX shell.
fn for_shell(word: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_where_it_must_be() {
        let table = [
            ("/home/x/ca.pem", "/home/x/ca.pem"),
            ("/my files/ca.pem", "'/my files/ca.pem'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ];
        for (word, expected) in table {
            assert_eq!(for_shell(word), expected);
        }
    }
}
