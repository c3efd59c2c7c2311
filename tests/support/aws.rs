//! AWS's own clients, as somebody who deploys runs them: nothing but the environment tells them of an
//! edge.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::Edge;
use super::program::{Ended, output, part, program, told};

/// One who has a key of an edge, in a home without any configuration of AWS.
#[derive(Debug)]
pub(crate) struct Aws {
    home: TempDir,
    variables: BTreeMap<String, String>,
}

/// Who makes a list of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sdk {
    /// boto3: `tests/parts/cloudfront.py`.
    Python,
    /// `@aws-sdk/client-cloudfront`: `tests/parts/cloudfront.mjs`.
    JavaScript,
}

/// One call of an SDK.
#[derive(Debug, Clone)]
pub(crate) struct Call(Value);

/// What an SDK made of the answer to a call.
#[derive(Debug)]
pub(crate) struct Told {
    /// The answer's; 0 if a waiter gave up.
    pub(crate) status: u16,
    /// `x-amzn-RequestId`.
    pub(crate) request: String,
    /// How often the SDK had to send it.
    pub(crate) attempts: u64,
    /// The error's `Code`; empty if it succeeded.
    pub(crate) code: String,
    /// The error's `Message`.
    pub(crate) message: String,
    /// The answer as the SDK's user sees it; of a paginator, the list of its pages.
    pub(crate) result: Value,
}

/// The SDKs by what they are called in a message.
pub(crate) const SDKS: [Sdk; 2] = [Sdk::Python, Sdk::JavaScript];

// === impl Aws ===

impl Aws {
    /// One who has the root key of an edge.
    pub(crate) fn of(edge: &Edge) -> Self {
        Self::new(&format!("http://{}", edge.setup().admin), &edge.root_key())
    }

    /// `key` is `<id>.<secret>`.
    pub(crate) fn new(endpoint: &str, key: &str) -> Self {
        let inherited = std::env::var("PATH").unwrap_or_default();
        let own = ["target/parts/venv/bin", "tests/parts/node_modules/.bin"].map(part);
        let path = format!("{}:{}:{inherited}", own[0].display(), own[1].display());
        let home = tempfile::tempdir().unwrap();
        let aws = Self { home, variables: BTreeMap::new() };
        let home = aws.home.path().display().to_string();
        aws.variable("PATH", &path)
            .variable("HOME", &home)
            .variable("LANG", "C.UTF-8")
            .variable("AWS_EC2_METADATA_DISABLED", "true")
            .variable("AWS_ENDPOINT_URL_CLOUDFRONT", endpoint)
            // Version 1 of the CLI and boto3 know the one alone, the SDK for JavaScript the other.
            .variable("AWS_DEFAULT_REGION", "eu-west-1")
            .variable("AWS_REGION", "eu-west-1")
            .variable("AWS_MAX_ATTEMPTS", "1")
            .key(key)
    }

    /// As one who has another key, `<id>.<secret>`.
    pub(crate) fn key(self, key: &str) -> Self {
        let (id, secret) = key.split_once('.').expect("<id>.<secret>");
        self.variable("AWS_ACCESS_KEY_ID", id).variable("AWS_SECRET_ACCESS_KEY", secret)
    }

    /// Tries so often; once, unless this is said.
    pub(crate) fn attempts(self, most: u32) -> Self {
        self.variable("AWS_MAX_ATTEMPTS", &most.to_string())
    }

    /// Trusts this CA, PEM, and asks the admin listener over TLS as `host:port`.
    pub(crate) fn over_tls(self, endpoint: &str, ca: &str) -> Self {
        let file = self.home.path().join("ca.pem");
        std::fs::write(&file, ca).unwrap();
        let file = file.display().to_string();
        self.variable("AWS_ENDPOINT_URL_CLOUDFRONT", &format!("https://{endpoint}"))
            .variable("AWS_CA_BUNDLE", &file)
            .variable("NODE_EXTRA_CA_CERTS", &file)
    }

    /// Sets a variable of their environment, which is empty but for what is above.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable out of their environment.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Where files for the CLI (`file://…`) may lie.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// `aws cloudfront WORDS`, to its end.
    pub(crate) async fn cli(&self, words: &[&str]) -> Ended {
        output(self.run("aws").arg("cloudfront").args(words)).await
    }

    /// What `aws cloudfront WORDS` prints; it must succeed.
    pub(crate) async fn prints(&self, words: &[&str]) -> Value {
        let ended = self.cli(words).await;
        assert_eq!((ended.code, &*ended.stderr), (0, ""), "{words:?}: {ended:?}");
        serde_json::from_str(&ended.stdout).unwrap_or(Value::Null)
    }

    /// The error's code of `aws cloudfront WORDS`, as it prints it; it must fail.
    pub(crate) async fn refused(&self, words: &[&str]) -> String {
        let ended = self.cli(words).await;
        let code = ended.stderr.split_once("An error occurred (").and_then(|(_, rest)| {
            assert!(matches!(ended.code, 254 | 255), "{words:?}: {ended:?}");
            rest.split_once(')')
        });
        code.unwrap_or_else(|| panic!("{words:?}: {ended:?}")).0.to_owned()
    }

    /// `npm run deploy` with this line in `package.json`.
    pub(crate) async fn deploy(&self, line: &str) -> Ended {
        let package = json!({ "private": true, "scripts": { "deploy": line } });
        std::fs::write(self.home.path().join("package.json"), package.to_string()).unwrap();
        let mut npm = self.run("npm");
        npm.args(["run", "--silent", "deploy"]).current_dir(self.home.path());
        output(&mut npm).await
    }

    /// Has an SDK make these calls, one after the other in one process.
    pub(crate) async fn calls<const N: usize>(&self, by: Sdk, calls: [Call; N]) -> [Told; N] {
        let (interpreter, script) = match by {
            Sdk::Python => ("python", "tests/parts/cloudfront.py"),
            Sdk::JavaScript => ("node", "tests/parts/cloudfront.mjs"),
        };
        let calls = Value::from(calls.map(|call| call.0).to_vec()).to_string();
        let ended = told(self.run(interpreter).arg(part(script)), &calls).await;
        assert_eq!(ended.code, 0, "{by:?}: {ended:?}");
        let told: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
        let told: Vec<Told> = told.iter().map(Told::read).collect();
        told.try_into().expect("one for each call")
    }

    /// One of the programs with this environment; the parts come before the machine's.
    pub(crate) fn run(&self, name: &str) -> Command {
        // A program without a folder is looked for in the `PATH` that it is given.
        let mut command = program(name);
        command.env_clear().envs(&self.variables);
        command
    }
}

// === impl Call ===

impl Call {
    /// An operation; a text like `$0.Invalidation.Id` stands for what an earlier call was told.
    pub(crate) fn ask(operation: &str, words: Value) -> Self {
        Self(Value::from_iter([("ask", operation.into()), ("with", words)]))
    }

    /// A waiter, which asks each second and for half a minute.
    pub(crate) fn wait(waiter: &str, words: Value) -> Self {
        Self(Value::from_iter([("wait", waiter.into()), ("with", words)]))
    }

    /// A paginator, to the last page.
    pub(crate) fn pages(operation: &str, size: u32, words: Value) -> Self {
        Self(Value::from_iter([
            ("pages", operation.into()),
            ("size", size.into()),
            ("with", words),
        ]))
    }

    /// `CreateInvalidation`; what begins with `#` is a tag.
    pub(crate) fn invalidate(distribution: &str, paths: &[&str], reference: &str) -> Self {
        let paths = json!({ "Quantity": paths.len(), "Items": paths });
        let batch = json!({ "CallerReference": reference, "Paths": paths });
        let words = json!({ "DistributionId": distribution, "InvalidationBatch": batch });
        Self::ask("CreateInvalidation", words)
    }
}

// === impl Told ===

impl Told {
    fn read(told: &Value) -> Self {
        let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        Self {
            status: told["status"].as_u64().and_then(|it| it.try_into().ok()).unwrap(),
            request: word("request"),
            attempts: told["attempts"].as_u64().unwrap_or_default(),
            code: word("code"),
            message: word("message"),
            result: told["result"].clone(),
        }
    }

    /// What it was told; it must have succeeded.
    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Value {
        assert_eq!(self.code, "", "{self:?}");
        &self.result
    }
}
