//! The house rules, where no compiler and no lint asks for them.
#![expect(clippy::panic, clippy::unwrap_used, reason = "this is how a test fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate's place, its name and its floor. An arrow goes down only, and never sideways.
const FLOORS: [(&str, &str, Floor); 13] = [
    ("config", "warmfront-config", Floor::Ground),
    ("state", "warmfront-state", Floor::Ground),
    ("proxy/semantics", "warmfront-semantics", Floor::Ground),
    ("proxy/store", "warmfront-store", Floor::Live),
    ("proxy/origin", "warmfront-origin", Floor::Live),
    ("proxy/certs", "warmfront-certs", Floor::Live),
    ("control/acme", "warmfront-acme", Floor::Live),
    ("control/dns", "warmfront-dns", Floor::Live),
    ("control/keys", "warmfront-keys", Floor::Live),
    ("proxy", "warmfront-proxy", Floor::Planes),
    ("control", "warmfront-control", Floor::Planes),
    ("demo", "warmfront-demo", Floor::Beside),
    ("", "warmfront", Floor::Roof),
];

/// Files outside `proxy/src` that may say `pingora`: two adapters, and the names in a log filter.
const PINGORA: [&str; 4] = [
    "proxy/store/src/storage.rs",
    "proxy/origin/src/peer.rs",
    "proxy/commands/logging.rs",
    "proxy/main.rs",
];
const VAGUE: [&str; 5] = ["util", "helper", "common", "misc", "manager"];
const UNFINISHED: [&str; 5] = ["TODO", "FIXME", "todo!", "unimplemented!", "dbg!"];
/// How the parser asks for a key.
const ASKED: [&str; 7] =
    ["get(\"", "need(\"", ".or(\"", "table(\"", "named(\"", "lifetime(\"", "secret(section, \""];
const FILE_LINES_MAX: usize = 400;
const MAIN_LINES_MAX: usize = 130;

/// In the order of what may name what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Floor {
    Ground,
    Live,
    Planes,
    Roof,
    /// On no floor: names none of ours, and only the roof names it.
    Beside,
}

#[test]
fn arrows_go_down_only() {
    let mut faults = Faults::default();
    for (folder, name, floor) in FLOORS {
        for (line, other, below) in dependencies(folder, &mut faults) {
            let lawful = match (floor, below) {
                (Floor::Roof, below) => below != Floor::Roof,
                (_, Floor::Beside) | (Floor::Beside, _) => false,
                (floor, below) => below < floor,
            };
            if !lawful {
                let message = format!("{name} ({floor:?}) may not name {other} ({below:?})");
                faults.add(&manifest(folder), line, &message);
            }
        }
    }
    faults.none();
}

#[test]
fn every_crate_has_a_floor_and_the_lints() {
    let mut faults = Faults::default();
    let root = read("Cargo.toml");
    let members = root.lines().position(|line| line.starts_with("members"));
    let members = members.expect("a list of members on one line");
    for folder in quoted(root.lines().nth(members).unwrap()) {
        if !FLOORS.iter().any(|(known, ..)| *known == folder) {
            let message = format!("{folder} has no floor in tests/tidy.rs");
            faults.add("Cargo.toml", members + 1, &message);
        }
    }
    for (folder, ..) in FLOORS {
        let path = manifest(folder);
        if !read(&path).contains("\n[lints]\nworkspace = true\n") {
            faults.add(&path, 1, "has no `[lints] workspace = true`");
        }
    }
    faults.none();
}

#[test]
fn pingora_is_named_only_by_its_adapters() {
    let mut faults = Faults::default();
    for path in rust_files() {
        if path.starts_with("proxy/src/") || path == file!() || PINGORA.contains(&path.as_str()) {
            continue;
        }
        for (line, code) in numbered(&read(&path)) {
            if without_comment(code).contains("pingora") {
                faults.add(&path, line, "names pingora, which only the adapters may");
            }
        }
    }
    faults.none();
}

#[test]
fn files_are_short_and_named_for_what_they_hold() {
    let mut faults = Faults::default();
    for path in rust_files() {
        let most = match path.as_str() {
            "proxy/main.rs" => MAIN_LINES_MAX,
            _ => FILE_LINES_MAX,
        };
        let lines = read(&path).lines().count();
        if lines > most {
            faults.add(&path, lines, &format!("has more than {most} lines"));
        }
        let words = path.trim_end_matches(".rs").split(['/', '_', '-']);
        for word in words {
            if VAGUE.contains(&word) || VAGUE.contains(&word.trim_end_matches('s')) {
                faults.add(&path, 1, &format!("`{word}` says nothing of what is in it"));
            }
        }
    }
    faults.none();
}

#[test]
fn nothing_is_unfinished_and_nothing_unwraps() {
    let mut faults = Faults::default();
    let tests = test_files();
    for path in rust_files().into_iter().filter(|path| path != file!()) {
        let text = read(&path);
        for (line, code) in numbered(&text) {
            for word in UNFINISHED.iter().filter(|word| code.contains(**word)) {
                let message = format!("`{word}`: finish it, or file an issue");
                faults.add(&path, line, &message);
            }
        }
        let is_test = tests.iter().any(|test| path.starts_with(test.as_str()));
        let production = text.split("#[cfg(test)]\nmod tests {").next();
        for (line, code) in numbered(production.filter(|_| !is_test).unwrap_or_default()) {
            if without_comment(code).contains(".unwrap()") {
                faults.add(&path, line, "unwraps outside a test");
            }
        }
    }
    faults.none();
}

#[test]
fn the_configurations_in_the_readme_are_sound() {
    let mut faults = Faults::default();
    let environment = |_: &str| Some("from-the-environment".to_owned());
    for (first, block) in toml_blocks(&read("README.md")) {
        let parsed = warmfront_config::parse(&block, Path::new("README.md"), &environment);
        for problem in parsed.err().iter().flatten() {
            // The secrets are on the reader's machine.
            if !problem.message.starts_with("cannot read the secret") {
                let message = format!("{}: {}", problem.key, problem.message);
                faults.add("README.md", first + problem.line, &message);
            }
        }
    }
    faults.none();
}

#[test]
fn the_readme_names_every_configuration_key() {
    let mut faults = Faults::default();
    let readme: String =
        toml_blocks(&read("README.md")).into_iter().map(|(_, block)| block).collect();
    let words: Vec<&str> =
        readme.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    for path in rust_files() {
        if !path.starts_with("config/src/check") {
            continue;
        }
        for (line, code) in numbered(&read(&path)) {
            let after = ASKED.iter().filter_map(|asked| code.split_once(asked));
            let keys = after.filter_map(|(_, after)| after.split('"').next());
            for key in keys.filter(|key| !words.contains(key)) {
                let message = format!("README.md does not show the key `{key}`");
                faults.add(&path, line, &message);
            }
        }
    }
    faults.none();
}

#[test]
fn every_row_of_the_book_names_tests_that_exist() {
    let mut faults = Faults::default();
    let readme = read("README.md");
    let book = numbered(&readme).skip_while(|(_, text)| *text != "## By the book").skip(1);
    let rows = book
        .take_while(|(_, text)| !text.starts_with("## "))
        .filter(|(_, text)| text.starts_with('|'))
        .skip(2);
    let mut found = 0;
    for (line, row) in rows {
        found += 1;
        let cell = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let mut named = cell.split('`').skip(1).step_by(2).peekable();
        if named.peek().is_none() {
            faults.add("README.md", line, "is shown by nothing");
        }
        for words in named.filter(|words| !is_a_test(words)) {
            faults.add("README.md", line, &format!("`cargo test {words}` finds nothing"));
        }
    }
    assert_ne!(found, 0, "README.md has no table of clauses");
    faults.none();
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut faults = Faults::default();
    for document in ["README.md", "CLOUDFRONT.md", "CHANGES.md", "SECURITY.md"] {
        for (line, text) in numbered(&read(document)) {
            for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = link.split('#').next().unwrap_or_default();
                let is_ours = !file.is_empty() && !link.contains(':');
                if is_ours && !root().join(file).exists() {
                    faults.add(document, line, &format!("{link} leads nowhere"));
                }
            }
        }
    }
    faults.none();
}

// === what the rules look at ===

/// The crates of ours that a manifest names, with the line.
fn dependencies(folder: &str, faults: &mut Faults) -> Vec<(usize, String, Floor)> {
    let path = manifest(folder);
    let text = read(&path);
    let mut found = Vec::new();
    let mut depends = false;
    for (line, text) in numbered(&text) {
        if text.starts_with('[') {
            depends = text.ends_with("dependencies]") && text != "[workspace.dependencies]";
        }
        let name = text.split(['.', ' ', '=']).next().unwrap_or_default();
        if !depends || !name.starts_with("warmfront") {
            continue;
        }
        match FLOORS.iter().find(|(_, known, _)| *known == name) {
            Some((_, _, floor)) => found.push((line, name.to_owned(), *floor)),
            None => faults.add(&path, line, &format!("{name} has no floor in tests/tidy.rs")),
        }
    }
    found
}

/// The content of each fenced block of TOML, and the line of its fence.
fn toml_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (line, text) in numbered(text) {
        match (inside, text) {
            (false, "```toml") => {
                blocks.push((line, String::new()));
                inside = true;
            }
            (true, "```") => inside = false,
            (true, text) => {
                let (_, block) = blocks.last_mut().expect("one was begun");
                writeln!(block, "{text}").unwrap();
            }
            (false, _) => {}
        }
    }
    blocks
}

/// Whether `cargo test` with these words, `module::name` or `-p crate module::name`, runs a test.
fn is_a_test(words: &str) -> bool {
    let (folder, path) = match words.strip_prefix("-p ").map(|rest| rest.split_once(' ')) {
        None => ("tests".to_owned(), words),
        Some(Some((name, path))) => {
            let floor = FLOORS.iter().find(|(_, known, _)| *known == name);
            let Some((folder, ..)) = floor else { return false };
            (format!("{folder}/src"), path)
        }
        Some(None) => return false,
    };
    let Some((module, name)) = path.rsplit_once("::") else { return false };
    let module = module.replace("::", "/");
    // Tests stand in a file of their own or at the end of what they test.
    let sources = [module.as_str(), module.trim_end_matches("/tests")].map(|file| {
        fs::read_to_string(root().join(format!("{folder}/{file}.rs"))).unwrap_or_default()
    });
    let mut tests = sources.iter().flat_map(|source| source.split("test]\n").skip(1));
    tests.any(|test| {
        test.trim_start().trim_start_matches("async ").starts_with(&format!("fn {name}()"))
    })
}

/// Every Rust file of the project, as a path from its root.
fn rust_files() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.')
            {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let path = path.strip_prefix(root()).unwrap();
                files.push(path.to_string_lossy().into_owned());
            }
        }
    }
    files.sort();
    files
}

/// What paths of files that only tests are made of begin with.
fn test_files() -> Vec<String> {
    let mut tests = vec!["tests/".to_owned()];
    for path in rust_files() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let of_its_own = path.trim_end_matches(".rs");
        let folder = match name {
            "lib.rs" | "main.rs" | "mod.rs" => folder,
            _ => of_its_own,
        };
        let text = read(&path).replace("pub(crate) mod ", "mod ");
        for module in text.split("#[cfg(test)]\nmod ").skip(1) {
            let (name, after) = module.split_at(module.find([';', ' ']).unwrap_or(0));
            if after.starts_with(';') {
                tests.extend([format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]);
            }
        }
    }
    tests
}

fn manifest(folder: &str) -> String {
    let path = Path::new(folder).join("Cargo.toml");
    path.to_string_lossy().into_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// The words in double quotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// Up to a `//` that is no URL's.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line.as_bytes()[..*at].ends_with(b":"));
    comment.map_or(line, |(at, _)| line.get(..at).unwrap_or(line))
}

/// What is wrong, each with its place.
#[derive(Default)]
struct Faults(String);

// === impl Faults ===

impl Faults {
    fn add(&mut self, path: &str, line: usize, message: &str) {
        writeln!(self.0, "{path}:{line}: {message}").unwrap();
    }

    #[track_caller]
    fn none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}
