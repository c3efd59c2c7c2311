//! The demo's walk: every line that it prints is run as printed, and does what it says.

use std::process::Command;
use std::time::Duration;

use crate::support::process::Process;
use crate::support::program::{Ended, WARMFRONT, output, part, program};
use crate::support::run_within;

#[test]
fn every_printed_line_does_what_it_says() {
    // The events alone take ten seconds.
    run_within(Duration::from_secs(90), async {
        let home = tempfile::tempdir().unwrap();
        let mut demo = Command::new(WARMFRONT);
        demo.arg("demo").arg("--dir").arg(home.path().join("demo"));
        for port in ["--http", "--https", "--admin", "--bucket"] {
            demo.args([port, "0"]);
        }
        let demo = Process::spawn(demo.args(["--apps", "0", "0"]));
        let last = demo.stdout.find(|line| line.contains("/metrics")).await;

        let greeting = demo.stdout.text();
        let lines = greeting.lines().filter_map(|it| it.strip_prefix("    "));
        let mut walk = Vec::new();
        for line in lines {
            walk.push(in_terminal(line).await);
            if line == last.trim() {
                break;
            }
        }
        check(walk);
    });
}

fn check(walk: Vec<Ended>) {
    let walk: [Ended; 19] = walk.try_into().expect("nineteen lines");
    for step in &walk {
        assert_eq!(step.code, 0, "{step:?}");
    }
    let [redirect, miss, hit, asset, asset_again, deep_link, missing, rest @ ..] = walk;
    let [first, second, origins, events, by_aws, by_curl, old, rest @ ..] = rest;
    let [by_script, new, invalidated, inspected, metrics] = rest;

    redirect.says(&["HTTP/1.1 301", "location: https://localhost:", "/a?b=c\r"]);
    miss.says(&["HTTP/2 200", "x-cache: Miss from warmfront"]);
    hit.says(&["HTTP/2 200", "x-cache: Hit from warmfront", "\nage: "]);
    asset.says(&["HTTP/2 200", "text/javascript", "x-cache: Miss"]);
    asset_again.says(&["HTTP/2 200", "immutable", "x-cache: Hit", "\nage: "]);
    deep_link.says(&["HTTP/2 200", "content-type: text/html"]);
    missing.says(&["HTTP/2 404"]);
    let servers = ["\"server\":\"app-1\"", "\"server\":\"app-2\""];
    let takes_turns =
        |i: usize| first.stdout.contains(servers[i]) && second.stdout.contains(servers[1 - i]);
    assert!(takes_turns(0) || takes_turns(1), "{first:?} {second:?}");
    let healthy = origins.stdout.matches("\"state\":\"healthy\"").count();
    assert_eq!(healthy, 2, "{origins:?}");
    events.says(&["data: event 1 of 10", "data: event 10 of 10"]);
    by_aws.says(&["upload: "]);
    by_curl.says(&[]);
    old.says(&["Served by warmfront"]);
    by_script.says(&["\"Status\": \"Completed\"", "\"/*\""]);
    new.says(&["The new version is live"]);
    invalidated.says(&["invalidated 1 stored response ", " of www: "]);
    inspected.says(&["miss", "named by", "/*"]);
    metrics
        .says(&[r#"warmfront_requests_total{behavior="*",cache="hit",site="www",status="200"}"#]);
}

/// Runs a line as it would be in a terminal with the AWS CLI.
async fn in_terminal(line: &str) -> Ended {
    let tools = part("target/parts/venv/bin");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    output(program("bash").args(["-c", line]).env("PATH", path)).await
}

impl Ended {
    fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.stdout.contains(part), "{part}: {self:?}");
        }
    }
}
