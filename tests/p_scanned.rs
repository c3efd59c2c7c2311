//! What those find who scan an edge with an ordered certificate and the default policy.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::support::pebble::Plan;
use crate::support::program::{output, part, program};
use crate::support::world::{bare, ip_of, site};
use crate::support::{Edge, WWW, World, run_within, trusted};

#[test]
fn testssl_finds_no_weakness() {
    run_within(Duration::from_mins(3), async {
        let (_world, edge) = ordered().await;
        // Side by side: the half of each is waiting.
        let (offered, attacked) =
            tokio::join!(testssl(&edge, &["-p", "-s", "-f", "-P", "-S"]), testssl(&edge, &["-U"]));
        for (id, words) in [
            ("TLS1_1", "not offered"),
            ("TLS1_2", "offered"),
            ("TLS1_3", "offered with final"),
            ("cipher_order", "server"),
            ("cert_trust", "Ok via SAN"),
            ("cert_chain_of_trust", "passed."),
        ] {
            assert_eq!((id, finding(&offered, id).contains(words)), (id, true), "{offered:#?}");
        }
        for id in ["heartbleed", "ROBOT", "secure_renego", "LUCKY13", "SWEET32"] {
            assert!(!finding(&attacked, id).is_empty(), "{id}: {attacked:#?}");
        }
        let all = offered.iter().chain(&attacked);
        let weak: Vec<_> = all.filter(|it| !is_well(it)).collect();
        assert!(weak.is_empty(), "{weak:#?}");
    });
}

#[test]
fn sslyze_finds_no_weakness_and_mozilla_would_be_content() {
    run_within(Duration::from_mins(3), async {
        let (_world, edge) = ordered().await;
        let found = edge.setup().dir().join("sslyze.json");
        let mut sslyze = program(&part("target/parts/venv/bin/sslyze").display().to_string());
        sslyze.arg("--mozilla_config=intermediate").arg("--certinfo_ca_file").arg(root(&edge));
        sslyze.arg(format!("--json_out={}", found.display())).args(COMMANDS);
        let https = edge.setup().place.https;
        sslyze.arg(format!("{WWW}:{}{{{}}}", https.port(), https.ip()));
        // Its code tells what Mozilla would say.
        let ended = output(&mut sslyze).await;
        assert_eq!(ended.code, 0, "{}", ended.stdout);
        // What it says of the certificate has numbers of 600 digits in it.
        let mut jq = program("jq");
        let scan = ".server_scan_results[0].scan_result | del(.certificate_info)";
        let scan = output(jq.arg(scan).arg(found)).await;
        let scan: Value = serde_json::from_str(&scan.stdout).unwrap();
        for (check, place, expected) in [
            ("ssl_3_0_cipher_suites", "is_tls_version_supported", "false"),
            ("tls_1_0_cipher_suites", "is_tls_version_supported", "false"),
            ("tls_1_1_cipher_suites", "is_tls_version_supported", "false"),
            ("tls_1_3_cipher_suites", "is_tls_version_supported", "true"),
            ("tls_1_3_early_data", "supports_early_data", "false"),
            ("tls_compression", "supports_compression", "false"),
            ("heartbleed", "is_vulnerable_to_heartbleed", "false"),
            ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", "false"),
            ("robot", "robot_result", "\"NOT_VULNERABLE_RSA_NOT_SUPPORTED\""),
            ("session_renegotiation", "supports_secure_renegotiation", "true"),
            ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", "false"),
            ("tls_fallback_scsv", "supports_fallback_scsv", "true"),
            ("tls_extended_master_secret", "supports_ems_extension", "true"),
        ] {
            let told = scan[check]["result"][place].to_string();
            assert_eq!((check, told.as_str()), (check, expected), "{}", scan[check]);
        }
    });
}

/// An edge as its users have it, whose certificate is as long-lived as those of the public
/// authorities.
async fn ordered() -> (World, Edge) {
    let setup = bare();
    let ninety_days = |plan: Plan| plan.lifetime_s(90 * 24 * 60 * 60);
    let world = World::around(&setup, ninety_days).await;
    // Some checks name no server: they are answered for the address.
    let sites = site("www", &[WWW, &ip_of(&setup).to_string()], "");
    let edge = world.ordering(setup, "", &sites).await.start().await;
    trusted(&edge.setup().place, WWW).await;
    (world, edge)
}

/// Something that `testssl` has found: `id`, `severity` and `finding`.
type Finding = Value;

async fn testssl(edge: &Edge, checks: &[&str]) -> Vec<Finding> {
    let found = edge.setup().dir().join(format!("testssl{}.json", checks[0]));
    let https = edge.setup().place.https;
    let mut testssl: Command = program("testssl");
    testssl.args(["--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none"]);
    testssl.arg("--ip").arg(https.ip().to_string()).arg("--add-ca").arg(root(edge));
    testssl.arg("--jsonfile").arg(&found).args(checks);
    let ended = output(testssl.arg(format!("{WWW}:{}", https.port()))).await;
    let found = fs::read_to_string(&found).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    serde_json::from_str(&found).unwrap()
}

fn finding(found: &[Finding], id: &str) -> String {
    let one = found.iter().find(|it| it["id"] == id);
    one.map_or_else(String::new, |it| it["finding"].as_str().unwrap().to_owned())
}

/// What is well, or is not the edge's to mend.
fn is_well(found: &Finding) -> bool {
    let is_well = ["OK", "INFO"].contains(&found["severity"].as_str().unwrap());
    is_well || NOT_OURS.contains(&found["id"].as_str().unwrap())
}

/// The root that the certificate is from, in a file.
fn root(edge: &Edge) -> PathBuf {
    let file: &Path = edge.setup().dir();
    let file = file.join("root.pem");
    fs::write(&file, &edge.setup().place.ca).unwrap();
    file
}

/// `engine_problem`: the scanner's own OpenSSL knows no GOST. `cert_revocation`: Pebble's certificates
/// say nowhere where it is told that they were revoked. `sessionresumption_ticket`: every other time,
/// the scanner hangs up before its ticket is there, and then has none to come back with.
const NOT_OURS: [&str; 3] = ["engine_problem", "cert_revocation", "sessionresumption_ticket"];
/// All but what asks for a page.
const COMMANDS: [&str; 15] = [
    "--certinfo",
    "--sslv2",
    "--sslv3",
    "--tlsv1",
    "--tlsv1_1",
    "--tlsv1_2",
    "--tlsv1_3",
    "--early_data",
    "--compression",
    "--heartbleed",
    "--openssl_ccs",
    "--robot",
    "--reneg",
    "--fallback",
    "--ems",
];
