//! The TOML that comes out: tables of keys, each with its remarks behind it.

use std::fmt::Write as _;

use super::setting::Setting;

/// Comments that list names are folded at this width.
const WIDTH: usize = 100;

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Comments at the top.
    pub(super) preamble: Vec<String>,
    pub(super) tables: Vec<Table>,
}

/// A table, its keys in the order in which they were set.
#[derive(Debug)]
pub(super) struct Table {
    header: String,
    keys: Vec<Key>,
    remarks: Vec<String>,
    off: Vec<String>,
    /// Settings that mean something to CloudFront alone, with their values.
    moot: Vec<String>,
    /// Why the whole of it is only a comment.
    dead: Option<String>,
}

#[derive(Debug)]
struct Key {
    name: &'static str,
    value: String,
    note: Option<String>,
}

/// Why settings have no counterpart, by the name of the setting; `""` where nobody would miss one.
/// What is off and listed here is named and no more; what is not listed is unknown, and shown
/// whatever it says.
pub(super) type Reasons = [(&'static str, &'static str)];

// === impl Page ===

impl Page {
    /// The file's text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.preamble {
            comment(&mut text, line);
        }
        for table in &self.tables {
            text.push('\n');
            table.write(&mut text);
        }
        text
    }
}

// === impl Table ===

impl Table {
    /// A table under `header`, brackets included.
    pub(super) fn new(header: String) -> Self {
        Self {
            header,
            keys: Vec::new(),
            remarks: Vec::new(),
            off: Vec::new(),
            moot: Vec::new(),
            dead: None,
        }
    }

    /// A key and its value, which is TOML.
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.keys.push(Key { name, value, note: None });
    }

    /// A key that somebody has to look at.
    pub(super) fn set_with(&mut self, name: &'static str, value: String, note: &str) {
        self.keys.push(Key { name, value, note: Some(note.to_owned()) });
    }

    /// A comment behind the keys.
    pub(super) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Makes the whole table a comment.
    pub(super) fn kill(&mut self, why: String) {
        self.dead = Some(why);
    }

    /// Names everything below `setting` that no key came of. `shown` stands before each name.
    pub(super) fn leftovers(&mut self, setting: &Setting<'_>, shown: &str, reasons: &Reasons) {
        let leaves = setting.unused();
        if let [leaf] = leaves.as_slice()
            && leaf.path == setting.path()
        {
            // Nothing is in it at all.
            self.off.push(shown.trim_end_matches('.').to_owned());
            return;
        }
        let name = |path: &str| {
            let rest = path.strip_prefix(setting.path()).unwrap_or(path);
            format!("{shown}{}", rest.strip_prefix('.').unwrap_or(rest))
        };
        let named: Vec<_> = leaves.iter().map(|leaf| (name(&leaf.path), leaf)).collect();
        let stem = |path: &str| {
            let own = path.strip_prefix(shown).unwrap_or(path);
            own.split(['.', '[']).next().unwrap_or_default().to_owned()
        };
        let groups = named.chunk_by(|(one, _), (other, _)| stem(one) == stem(other));
        for group in groups {
            let Some((first, _)) = group.first() else { continue };
            let stem = stem(first);
            let reason = reasons.iter().find(|(known, _)| *known == stem).map(|(_, why)| *why);
            if reason.is_some() && group.iter().all(|(_, leaf)| leaf.is_off) {
                self.off.push(format!("{shown}{stem}"));
                let strange = group.iter().filter(|(path, _)| !is_usual(path, &stem));
                self.off.extend(strange.map(|(path, leaf)| format!("{path} = {}", leaf.shown)));
                continue;
            }
            if reason == Some("") {
                let valued = group.iter().map(|(path, leaf)| format!("{path} = {}", leaf.shown));
                self.moot.extend(valued);
                continue;
            }
            let reason = reason.unwrap_or("the importer does not know it");
            match group {
                [(path, leaf)] => {
                    self.remark(format!("not carried over: {path} = {}: {reason}", leaf.shown));
                }
                several => {
                    self.remark(format!("not carried over: {shown}{stem}: {reason}"));
                    let lines = several.iter().map(|(path, it)| format!("  {path} = {}", it.shown));
                    self.remarks.extend(lines);
                }
            }
        }
    }

    fn write(&self, text: &mut String) {
        let mut own = String::new();
        if let Some(why) = &self.dead {
            comment(text, why);
        }
        own.push_str(&self.header);
        own.push('\n');
        let width = self.keys.iter().map(|key| key.name.len()).max().unwrap_or_default();
        for Key { name, value, note } in &self.keys {
            // Writing to a String cannot fail.
            let _ = write!(own, "{name:width$} = {value}");
            if let Some(note) = note {
                own.push_str("  ");
                comment(&mut own, note);
            } else {
                own.push('\n');
            }
        }
        if self.dead.is_some() {
            for line in own.lines() {
                comment(text, line);
            }
        } else {
            text.push_str(&own);
        }
        for line in &self.remarks {
            comment(text, line);
        }
        for line in folded("without meaning here: ", &self.moot) {
            comment(text, &line);
        }
        for line in folded("off in CloudFront, nothing to carry over: ", &self.off) {
            comment(text, &line);
        }
    }
}

/// Whether the name of what is off says all that there is to say of this part of it.
fn is_usual(path: &str, stem: &str) -> bool {
    const USUAL: [&str; 13] = [
        "Bucket",
        "Cookies.Forward",
        "Enabled",
        "GeoRestriction.Quantity",
        "GeoRestriction.RestrictionType",
        "Headers.Quantity",
        "IncludeCookies",
        "Items",
        "OriginAccessIdentity",
        "Prefix",
        "Quantity",
        "QueryString",
        "QueryStringCacheKeys.Quantity",
    ];
    path.ends_with(stem) || USUAL.iter().any(|usual| path.ends_with(&format!("{stem}.{usual}")))
}

// === TOML ===

/// A comment on a line of its own, whatever is in it.
pub(super) fn comment(text: &mut String, line: &str) {
    text.push('#');
    if !line.is_empty() {
        text.push(' ');
    }
    // TOML allows no control character in a comment, and some readers end lines at more than one.
    for letter in line.chars() {
        match letter {
            '\t' => text.push(' '),
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                text.extend(letter.escape_unicode());
            }
            letter => text.push(letter),
        }
    }
    text.push('\n');
}

fn folded(title: &str, names: &[String]) -> Vec<String> {
    let Some((last, rest)) = names.split_last() else { return Vec::new() };
    let names = rest.iter().map(|name| format!("{name},")).chain([last.clone()]);
    let mut lines = vec![title.trim_end().to_owned()];
    for name in names {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + name.len() <= WIDTH - 2 => {
                line.push(' ');
                line.push_str(&name);
            }
            _ => lines.push(format!("  {name}")),
        }
    }
    lines
}

/// A string as TOML and JSON both write it.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A string in the configuration file, where `${` would name a variable of the environment.
pub(super) fn text(text: &str) -> String {
    quote(&text.replace("${", "$${"))
}

/// A list of strings.
pub(super) fn texts<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(|item| text(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A table on one line; the values are TOML.
pub(super) fn inline<N: AsRef<str>>(members: &[(N, String)]) -> String {
    if members.is_empty() {
        return "{}".to_owned();
    }
    let member = |(name, value): &(N, String)| format!("{} = {value}", key(name.as_ref()));
    let members: Vec<_> = members.iter().map(member).collect();
    format!("{{ {} }}", members.join(", "))
}

/// A key, in quotes if it has to be.
pub(super) fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { quote(name) }
}

/// An id as a word of a shell command, which no file may write.
pub(super) fn word(id: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !id.is_empty() && id.bytes().all(plain) { id } else { "ID" }
}

/// A duration, in the largest unit that leaves no rest.
pub(super) fn seconds(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.iter().find(|(scale, _)| seconds != 0 && seconds.is_multiple_of(*scale));
    let (scale, unit) = unit.copied().unwrap_or((1, "s"));
    format!("\"{}{unit}\"", seconds / scale)
}

/// Names of tables that are all of one kind: each taken once, and of letters that a name may have.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

// === impl Names ===

impl Names {
    /// These cannot be had.
    pub(super) fn reserved(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// A name like `wanted` that is nobody's yet.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let words = wanted.split(|letter| !plain(letter)).filter(|word| !word.is_empty());
        let words: Vec<_> = words.collect();
        // Room for a number behind the 64 letters that a name may have.
        let base: String = words.join("-").chars().take(58).collect();
        let base = match base.trim_matches(['-', '.']) {
            "" => "unnamed",
            base => base,
        };
        let mut name = base.to_owned();
        let mut number = 1;
        while self.0.contains(&name) {
            number += 1;
            name = format!("{base}-{number}");
        }
        self.0.push(name.clone());
        name
    }
}
