//! Schemathesis: reads an `OpenAPI` document from whoever serves it, and holds them to every word of it.

use std::path::Path;

use serde_json::Value;

use super::program::{output, part, program};

/// A look at an API, about to be taken.
#[derive(Debug, Clone)]
pub(crate) struct Exploration {
    document: String,
    key: String,
    examples: u32,
    words: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Explored {
    /// The operations that the document has, and those of them that were asked.
    pub(crate) operations: (u64, u64),
    /// Requests that were sent.
    pub(crate) cases: u64,
    /// What the API does not keep, each with its code and the operations: `ST108 Response violates
    /// schema: GET /keys`.
    pub(crate) failures: Vec<String>,
    /// All that it printed, with each request that it can be seen with.
    told: String,
}

// === impl Exploration ===

impl Exploration {
    /// Of the API whose document is at this URL, with the right of `<id>.<secret>`.
    pub(crate) fn new(document: &str, key: &str) -> Self {
        let (document, key) = (document.to_owned(), key.to_owned());
        Self { document, key, examples: 30, words: Vec::new() }
    }

    /// At most so many requests of each kind to each operation.
    pub(crate) fn examples(self, examples: u32) -> Self {
        Self { examples, ..self }
    }

    /// With words more on its command line.
    pub(crate) fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    /// Always the same requests in the same order.
    pub(crate) async fn run(&self) -> Explored {
        // Findings of other runs would lie in the folder, and be tried first.
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("report.json");
        let program_path = part("target/parts/venv/bin/schemathesis").display().to_string();
        let mut schemathesis = program(&program_path);
        schemathesis
            .current_dir(dir.path())
            .env_clear()
            .env("HOME", dir.path())
            .env("LANG", "C.UTF-8")
            .env("SCHEMATHESIS_HOOKS", part("tests/parts/schemathesis_hooks.py"))
            .env("KEY_ID", self.key.split('.').next().unwrap_or_default())
            // Nothing is to be written beside the hooks.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg("--config-file")
            .arg(part("tests/parts/schemathesis.toml"))
            .args(["--no-color", "run", &self.document, "--checks", "all", "--seed", "7"])
            .args(["--header", &format!("Authorization: Bearer {}", self.key)])
            .args(["--max-examples", &self.examples.to_string(), "--no-shrink"])
            .args(["--generation-database", "none", "--request-timeout", "10"])
            .args(["--continue-on-failure", "--warnings", "off", "--output-sanitize", "false"])
            .args(["--report", "json", "--report-json-path", "report.json"])
            .args(&self.words);
        let ended = output(&mut schemathesis).await;
        let told: String =
            ended.stdout.lines().chain(ended.stderr.lines()).map(shortened).collect();
        assert!(matches!(ended.code, 0 | 1) && report.exists(), "{}: {told}", ended.code);
        Explored::read(&report, told)
    }
}

// === impl Explored ===

impl Explored {
    fn read(report: &Path, told: String) -> Self {
        let report: Value =
            serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
        let count = |of: &Value| of.as_u64().unwrap_or_default();
        let operations = &report["operations"];
        let errors = report["errors"].as_array().into_iter().flatten().map(ToString::to_string);
        let failures = report["failures"].as_array().into_iter().flatten();
        let failures = failures.map(failure).chain(errors).collect();
        assert_eq!(report["complete"], true, "{told}");
        Self {
            operations: (count(&operations["total"]), count(&operations["tested"])),
            cases: count(&report["test_cases"]["generated"]),
            failures,
            told,
        }
    }

    /// Every operation was asked, and every answer was as the document says.
    #[track_caller]
    pub(crate) fn is_true(&self) {
        let Self { operations: (all, tested), cases, failures, told } = self;
        assert!(failures.is_empty(), "{failures:#?} in {cases} requests\n{told}");
        assert_eq!(tested, all, "operations were not asked: {told}");
    }
}

fn failure(told: &Value) -> String {
    let operations = told["operations"].as_array().into_iter().flatten();
    let operations: Vec<&str> = operations.filter_map(Value::as_str).collect();
    let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    format!("{} {}: {}", word("code"), word("title"), operations.join(", "))
}

/// A line with its end: some of the requests are as long as the API takes them.
fn shortened(line: &str) -> String {
    line.chars().take(SHOWN).chain(['\n']).collect()
}

/// Letters of a line.
const SHOWN: usize = 2_000;
