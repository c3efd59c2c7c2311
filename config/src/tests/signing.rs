//! Keys whose signatures are trusted.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::{LEAST, check_behind_least, read};
use crate::*;

const RSA: &str = include_str!("keys/rsa.pem");
const P256: &str = include_str!("keys/p256.pem");

/// A group of the keys with these ids.
fn group(name: &str, keys: &[(&str, &str)]) -> String {
    let key = |(id, pem): &(&str, &str)| {
        format!("[[key_groups.{name}.keys]]\nid = \"{id}\"\npublic_key = '''\n{pem}'''\n")
    };
    keys.iter().map(key).collect()
}

#[test]
fn groups_are_trusted_where_they_are_named() {
    let keys = group("team", &[("K1", RSA), ("K2", P256)]) + &group("other", &[("K2", P256)]);
    let text = format!(
        r#"{LEAST}
trusted_key_groups = ["team", "other"]
clock_tolerance = "1m"
[[sites.www.behaviors]]
path = "/open"
trusted_key_groups = []
[[sites.www.behaviors]]
path = "/other"
trusted_key_groups = ["other"]
[[sites.www.behaviors]]
path = "/inherits"
{keys}"#
    );
    let config = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let [open, other, inherits, whole] = config.sites[0].behaviors.as_slice() else {
        panic!("three behaviors and the site")
    };
    assert!(open.trusted_keys.is_none());
    let trusted = whole.trusted_keys.as_deref().unwrap();
    assert_eq!(trusted.clock_tolerance, Duration::from_mins(1));
    assert_eq!(inherits.trusted_keys.as_deref(), Some(trusted));
    let [rsa, p256] = trusted.keys.as_slice() else { panic!("a key in two groups is one key") };
    assert_eq!((rsa.id.as_str(), rsa.kind, rsa.spki.len()), ("K1", KeyKind::Rsa, 294));
    assert_eq!((p256.id.as_str(), p256.kind, p256.spki.len()), ("K2", KeyKind::EcdsaP256, 91));
    assert_eq!(other.trusted_keys.as_deref().unwrap().keys, std::slice::from_ref(p256));
    assert_eq!(other.trusted_keys.as_deref().unwrap().clock_tolerance, Duration::from_mins(1));
}

#[test]
fn a_key_may_be_in_a_file_beside_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("warmfront.toml");
    let keys = "[key_groups.team]\nkeys = [{ id = \"K\", public_key_file = \"x.pem\" }]\n";
    std::fs::write(&file, format!("{LEAST}trusted_key_groups = [\"team\"]\n{keys}")).unwrap();
    let error = load(&file, &|_| None).unwrap_err().to_string();
    assert!(error.contains("public_key_file: cannot read the public key in "), "{error}");
    // What stands beside it is not to blame.
    std::fs::write(
        directory.path().join("x.pem"),
        format!("a comment\n\n{P256}").replace('\n', "\r\n"),
    )
    .unwrap();
    let config = load(&file, &|_| None).unwrap();
    let trusted = config.sites[0].behaviors[0].trusted_keys.as_deref().unwrap();
    assert_eq!(trusted.keys[0].kind, KeyKind::EcdsaP256);
    assert_eq!(trusted.clock_tolerance, Duration::ZERO);
}

/// What stands beside it is not to blame.
#[test]
fn a_key_that_cannot_be_read_is_one_problem() {
    let keys =
        "[key_groups.g]\nkeys = [{ id = \"K\", public_key_file = \"/nonexistent/x.pem\" }]\n";
    for groups in ["[\"g\"]", "[\"h\"]", "\"g\""] {
        let site = format!("clock_tolerance = \"1s\"\ntrusted_key_groups = {groups}\n");
        let problems = read(&format!("{LEAST}{site}{keys}")).unwrap_err().to_string();
        assert!(!problems.contains("clock_tolerance"), "{problems}");
    }
}

#[test]
fn what_is_no_key_to_trust() {
    let cut = P256.replace("MFkwEwYH", "MFkwEwYI");
    let twice = format!("{RSA}{P256}");
    let cases = [
        ("", "is no single key in PEM"),
        ("K2JCJMDEHXQW5F", "is no single key in PEM"),
        (twice.as_str(), "is no single key in PEM"),
        ("-----BEGIN PUBLIC KEY-----\n%%%%\n-----END PUBLIC KEY-----\n", "is no PEM"),
        ("-----BEGIN PUBLIC KEY-----\nMFkw\n", "is no PEM"),
        ("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n", "holds no public key"),
        (cut.as_str(), "holds no public key"),
        ("-----BEGIN EC PARAMETERS-----\nMFkw\n-----END EC PARAMETERS-----\n", "is no public key"),
        (include_str!("keys/certificate.pem"), "is a certificate"),
        (include_str!("keys/rsa_bare.pem"), "is a bare RSA key"),
        (include_str!("keys/rsa_short.pem"), "is an RSA key of the wrong length"),
        (include_str!("keys/p384.pem"), "is on another curve"),
        (include_str!("keys/p256_compressed.pem"), "has its point compressed"),
        (include_str!("keys/ed25519.pem"), "is neither RSA nor ECDSA"),
    ];
    for (pem, message) in cases {
        let problems = read(&format!("{LEAST}{}", group("g", &[("K", pem)]))).unwrap_err();
        let start = format!("warmfront.toml:11: key_groups.g.keys[0].public_key: {message}");
        let shown = problems.to_string();
        assert!(shown.starts_with(&start) && shown.lines().count() == 1, "{shown}");
    }
}

#[test]
fn the_private_half_is_refused_and_never_repeated() {
    let labels = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];
    for label in labels {
        let pem = format!("-----BEGIN {label}-----\nbm90IGEga2V5\n-----END {label}-----\n");
        for text in [pem.clone(), format!("{RSA}{pem}")] {
            let problems = read(&format!("{LEAST}{}", group("g", &[("K", &text)]))).unwrap_err();
            let shown = problems.to_string();
            assert!(shown.contains("public_key: is a PRIVATE KEY"), "{shown}");
            assert!(!shown.contains("bm90"), "{shown}");
        }
    }
}

#[test]
fn groups_that_mean_nothing() {
    let others = group("h", &[("K", RSA)]) + &group("i", &[("K", P256)]);
    check_behind_least(
        &(r#"
trusted_key_groups = ["tean", "team"]
clock_tolerance = "6m"
[[sites.www.behaviors]]
path = "/a"
trusted_key_groups = ["h", "i", "h"]
[[sites.www.behaviors]]
path = "/b"
trusted_key_groups = "team"
[key_groups.team]
keys = [{ id = "a.b" }, { id = "K", public_key = "", public_key_file = "" }, { id = "K", public_key_fil = "x" }]
[key_groups.none]
[key_groups.empty]
keys = []
[sites.two]
hosts = ["two"]
origin = "api"
viewer = "allow-all"
clock_tolerance = "1s"
"#
        .to_owned()
            + &others),
        r"
9: sites.www.trusted_key_groups[0]: there is no key group `tean`; did you mean `team`?
10: sites.www.clock_tolerance: must be 0s to 5m
13: sites.www.behaviors[0].trusted_key_groups[2]: is there already: `sites.www.behaviors[0].trusted_key_groups[0]` on line 13
13: sites.www.behaviors[0].trusted_key_groups[1]: `K` is another key here than in a group before it
16: sites.www.behaviors[1].trusted_key_groups: must be an array, not a string
18: key_groups.team.keys[0].id: an id is 1 to 128 letters, digits, `-` and `_`
18: key_groups.team.keys[0].public_key_file: missing; the key itself may stand here as `public_key`
18: key_groups.team.keys[1].public_key_file: cannot stand beside `public_key`: one of them is enough
18: key_groups.team.keys[2].id: `K` is taken by `key_groups.team.keys[1].id` on line 18
18: key_groups.team.keys[2].public_key_fil: unknown key; did you mean `public_key_file`?
19: key_groups.none.keys: missing
21: key_groups.empty.keys: a group needs at least one key: without one nobody could sign
26: sites.two.clock_tolerance: would do nothing: the site has no `trusted_key_groups`
",
    );
}

/// A page for every path asks for what every path asks for.
#[test]
fn pages_that_go_round_a_signature() {
    let keys = group("team", &[("K", P256)]);
    let site = |said: &str, paths: &str, behavior: &str| {
        format!(
            "{}{said}\n[[sites.www.behaviors]]\npath = \"{paths}\"\n{behavior}\n{keys}",
            LEAST.replace(
                "targets = [\"10.0.1.10:8080\"]",
                "s3 = { bucket = \"bucket\", region = \"eu-central-1\" }"
            )
        )
    };
    let told = "is served for other paths too, which ask for no signature: ";
    let (signed, open) = ("trusted_key_groups = [\"team\"]", "trusted_key_groups = []");
    let rows = [
        ("spa = \"/app.html\"", "*.html", "9: sites.www.spa: "),
        (
            "spa = \"/%61/../app.html\"\ndefault_root_object = \"\"",
            "/%61pp.?tml",
            "9: sites.www.spa: ",
        ),
        ("default_root_object = \"a/i.html\"", "/a/*", "9: sites.www.default_root_object: "),
        ("", "/index.html", "sites.www.default_root_object: `index.html` "),
    ];
    for (said, paths, place) in rows {
        let problems = read(&site(said, paths, signed)).unwrap_err().to_string();
        assert!(problems.contains(&format!("{place}{told}")), "{problems}");
        let both = format!("{said}\n{signed}");
        for text in [site(said, paths, ""), site(&both, paths, signed), site(&both, paths, open)] {
            assert!(read(&text).is_ok(), "{text}: {:?}", read(&text).err());
        }
    }
    for said in [
        "default_root_object = \"\"",
        "default_root_object = \"\"\nerror_pages = [{ status = 404, page = \"/a/404.html\" }]",
    ] {
        assert!(read(&site(said, "/a/*", signed)).is_ok(), "{said}");
    }
    assert!(read(&site("", "/*", signed)).is_ok(), "the root asks for a signature too");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let keys =
        "[key_groups.g]\nkeys = [{ id = \"K\", public_key_file = \"/nonexistent/x.pem\" }]\n";
    let problems = read(&format!("{LEAST}{keys}")).unwrap_err().to_string();
    assert!(
        problems.contains(&Path::new("/nonexistent/x.pem").display().to_string()),
        "{problems}"
    );
}

proptest! {
    #[test]
    fn a_damaged_key_never_panics(at in 0..P256.len(), letter in "[A-Za-z0-9+/=\n-]", is_rsa: bool) {
        let mut pem = if is_rsa { RSA } else { P256 }.to_owned();
        pem.replace_range(at..=at, &letter);
        let _ = read(&format!("{LEAST}{}", group("g", &[("K", &pem)])));
    }
}
