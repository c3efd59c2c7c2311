//! Files that are not TOML, or no files at all.

use super::check;
use crate::load;

#[test]
fn a_syntax_error_hides_nothing_else() {
    check(
        r#"
[listen]
https = []
[limits]
header_bytes = 64KiB
[origins.api]
targets = ["a:1"
[sites.www]
hosts = ["h"]
origin = "api"
viewer = "allow"
a b = 1
bogus = 1
"#,
        r#"
4: not TOML: string values must be quoted
6: not TOML: unclosed array, expected `]`
10: sites.www.viewer: is one of "redirect-to-https", "https-only", "allow-all", not "allow"; did you mean `allow-all`?
11: not TOML: key with no value, expected `=`
12: sites.www.bogus: unknown key
"#,
    );
}

#[test]
fn a_broken_header_is_one_problem() {
    check(
        r#"
[listen
http = []
[sites.www]
hosts = ["a b"]
origin = "api"
origin = "web"
"#,
        r"
1: not TOML: unclosed table, expected `]`
4: sites.www.hosts[0]: not a host name: letters, digits, `-` and `_` in labels of 1 to 63, 253 in all
6: not TOML: duplicate key
",
    );
}

#[test]
fn missing_commas_lose_nothing() {
    check(
        r#"
[listen]
https = []
[origins.api]
s3 = { bucket = "abc",
       region = "r"
       prefix = "${X" }
[sites.www]
hosts = [
  "h"
  "i",
]
origin = "apis"
viewer = https-only
"#,
        r"
6: not TOML: missing comma between key-value pairs, expected `,`
10: not TOML: missing comma between array elements, expected `,`
13: not TOML: string values must be quoted
",
    );
}

#[test]
fn what_cannot_be_read_is_a_problem_of_the_whole_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("warmfront.toml");
    let show = || load(&file, &|_| None).unwrap_err().to_string();
    let name = file.display();
    let missing = "cannot read it: No such file or directory (os error 2)";
    assert_eq!(show(), format!("{name}: {missing}"));
    std::fs::write(&file, b"[listen]\n# \xff\n").unwrap();
    assert_eq!(show(), format!("{name}:2: not UTF-8, which TOML is written in"));
}
