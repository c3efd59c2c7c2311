//! Route 53, as moto has it, with a DNS server that tells what it holds: `tests/parts/route53.py`.

use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use serde_json::Value;

use super::edge::own_address;
use super::names::Names;
use super::process::Process;
use super::program::{output, part, program};

/// One hosted zone, `example.test`, whose TXT records are published by a [`Names`] before a change is
/// answered. Every request must be signed. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Moto {
    address: SocketAddr,
    ready: Value,
    process: Process,
}

// === impl Moto ===

impl Moto {
    pub(crate) async fn start(names: &Names) -> Self {
        let ip = own_address();
        let mut command = Command::new(part("target/parts/venv/bin/python"));
        command.arg(part("tests/parts/route53.py")).arg(ip.to_string()).arg("example.test");
        command.arg(format!("http://{}", names.management()));
        let process = Process::spawn(&mut command);
        let ready: Value = serde_json::from_str(&process.stdout.find(|_| true).await).unwrap();
        let port = ready["port"].as_u64().and_then(|port| port.try_into().ok());
        let address = SocketAddr::new(IpAddr::V4(ip), port.expect("a port"));
        Self { address, ready, process }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `dns = …` of `[acme]`.
    pub(crate) fn publisher(&self, credentials: &str) -> String {
        format!(
            "dns.route53 = {{ hosted_zone_id = \"{}\", endpoint = \"http://{}\", \
             credentials = {credentials} }}\n",
            self.word("zone"),
            self.address
        )
    }

    /// The variables of an environment in which the default chain finds the key.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        let [id, secret] = ["id", "secret"].map(|name| self.word(name).to_owned());
        [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)]
    }

    /// The TXT records of a name that it holds now, told by the AWS CLI.
    pub(crate) async fn texts(&self, name: &str) -> Vec<String> {
        let mut aws = program(&part("target/parts/venv/bin/aws").display().to_string());
        aws.args(["--endpoint-url", &format!("http://{}", self.address), "--output", "json"]);
        aws.args(["--region", "us-east-1", "route53", "list-resource-record-sets"]);
        aws.args(["--hosted-zone-id", self.word("zone"), "--query"]);
        aws.arg(format!(
            "ResourceRecordSets[?Type=='TXT' && Name=='{name}.'].ResourceRecords[].Value"
        ));
        let ended = output(aws.envs(self.variables())).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let values: Vec<String> = serde_json::from_str(&ended.stdout).unwrap();
        values.iter().map(|value| value.trim_matches('"').to_owned()).collect()
    }

    /// What it was asked so far: a line with method, path and status for each request.
    pub(crate) fn asked(&self) -> String {
        let text = self.process.stdout.text();
        text.split_once('\n').map_or_else(String::new, |(_, asked)| asked.to_owned())
    }

    fn word(&self, name: &str) -> &str {
        self.ready[name].as_str().expect("it is told")
    }
}
