//! `[tls]`.

use super::{LEAST, check, check_behind_least, read};
use crate::*;

#[test]
fn policies_have_the_names_that_cloudfront_gave_them() {
    for (written, policy) in [
        ("", TlsPolicy::V1_2_2021),
        ("policy = \"TLSv1.2_2021\"", TlsPolicy::V1_2_2021),
        ("policy = \"TLSv1.2_2025\"", TlsPolicy::V1_2_2025),
        ("policy = \"TLSv1.3_2025\"", TlsPolicy::V1_3_2025),
        ("min_version = \"1.2\"", TlsPolicy::V1_2_2021),
        ("min_version = \"1.3\"", TlsPolicy::V1_3_2025),
    ] {
        let config = read(&format!("{LEAST}[tls]\n{written}\n")).unwrap();
        assert_eq!((config.tls.policy, config.tls.unknown_name), (policy, UnknownName::Reject));
    }
    let config = read(&format!("{LEAST}[tls]\nunknown_name = \"default\"\n")).unwrap();
    assert_eq!(config.tls.unknown_name, UnknownName::Default);
}

#[test]
fn policies_with_what_nobody_is_offered() {
    for (policy, offers) in [
        ("SSLv3", "SSL 3.0, TLS 1.0 and TLS 1.1"),
        ("TLSv1", "TLS 1.0 and TLS 1.1"),
        ("TLSv1_2016", "TLS 1.0 and TLS 1.1"),
        ("TLSv1.1_2016", "TLS 1.1"),
        ("TLSv1.2_2018", "ciphers in CBC mode and RSA without forward secrecy"),
        ("TLSv1.2_2019", "ciphers in CBC mode"),
    ] {
        check_behind_least(
            &format!("[tls]\npolicy = \"{policy}\"\n"),
            &format!(
                "10: tls.policy: \"{policy}\" offers {offers}, which nobody is offered here: the \
                 nearest is \"TLSv1.2_2021\""
            ),
        );
    }
}

#[test]
fn tables_that_mean_nothing() {
    check_behind_least(
        r#"
[tls]
min_version = 1.2
unknown_name = "ignore"
certificates = [{ chain = "x" }, 3]
"#,
        r#"
10: tls.min_version: must be a string, not a number with a fraction
11: tls.unknown_name: is one of "reject", "default", not "ignore"
12: tls.certificates[0].key: missing
12: tls.certificates[1]: must be a table, not a whole number
"#,
    );
    check_behind_least(
        "[tls]\npolicy = \"TLSv1.2\"\n",
        r#"10: tls.policy: is one of "TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025", not "TLSv1.2"; did you mean `TLSv1.2_2021`?"#,
    );
    check_behind_least(
        "[tls]\nmin_version = \"1.2\"\npolicy = \"TLSv1.2_2021\"\n",
        "10: tls.min_version: cannot stand beside `policy`, which says the version too",
    );
}

#[test]
fn https_needs_a_certificate_from_somewhere() {
    let open = LEAST.replace("https = []\n", "");
    check(
        &open,
        "1: listen.https: HTTPS needs a certificate: write [[tls.certificates]] with `chain` and \
         `key`, or [acme] to have one ordered, or turn it off with `https = []`",
    );
    for source in [
        "[[tls.certificates]]\nchain = \"a\"\nkey = \"b\"\n",
        "[acme]\nagree_to_terms = true\n",
        "[acme]\nagree_to_terms = true\n[[tls.certificates]]\nchain = \"a\"\nkey = \"b\"\n",
    ] {
        assert!(read(&format!("{open}{source}")).is_ok(), "{source}");
    }
}
