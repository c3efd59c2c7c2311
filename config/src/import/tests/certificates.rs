//! The policy, and the certificates in the place of ACM's.

use super::*;

fn page(policy: &str, aliases: &[&str]) -> String {
    let mut whole: Value = serde_json::from_str(SAMPLES[0].1).unwrap();
    let config = &mut whole["DistributionConfig"];
    config["ViewerCertificate"]["MinimumProtocolVersion"] = json!(policy);
    config["Aliases"] = json!({ "Quantity": aliases.len(), "Items": aliases });
    imported(&whole.to_string(), &[]).unwrap()
}

#[test]
fn a_policy_keeps_its_name_or_becomes_the_nearest() {
    for (policy, written, told) in [
        ("TLSv1.2_2021", "TLSv1.2_2021", None),
        ("TLSv1.2_2025", "TLSv1.2_2025", None),
        ("TLSv1.3_2025", "TLSv1.3_2025", None),
        ("SSLv3", "TLSv1.2_2021", Some("nobody is offered SSL 3.0, ")),
        ("TLSv1", "TLSv1.2_2021", Some("nobody is offered TLS 1.0 and TLS 1.1 here")),
        ("TLSv1_2016", "TLSv1.2_2021", Some("nobody is offered TLS 1.0 and TLS 1.1 here")),
        ("TLSv1.1_2016", "TLSv1.2_2021", Some("nobody is offered TLS 1.1 here")),
        ("TLSv1.2_2018", "TLSv1.2_2021", Some("nobody is offered ciphers in CBC mode and ")),
        ("TLSv1.2_2019", "TLSv1.2_2021", Some("nobody is offered ciphers in CBC mode here")),
        ("TLSv1.4_2030", "TLSv1.2_2021", Some("the importer does not know it")),
    ] {
        let page = page(policy, &["www.example.com"]);
        assert!(page.contains(&format!("[tls]\npolicy = \"{written}\"\n")), "{page}");
        let start = format!("# not carried over: MinimumProtocolVersion = \"{policy}\": ");
        let remark = page.lines().find_map(|line| line.strip_prefix(&start));
        assert_eq!(remark.is_some(), told.is_some(), "{page}");
        assert!(remark.unwrap_or_default().starts_with(told.unwrap_or_default()), "{page}");
    }
}

/// Goal: whoever wants what ACM did has it in the file. Method: the comment becomes the table and
/// the terms are accepted, in the place of the certificate to be brought.
#[test]
fn the_authority_in_the_comment_is_one_that_can_be_asked() {
    for aliases in [&["www.example.com"][..], &["www.example.com", "*.example.com"]] {
        let page = page("TLSv1.2_2021", aliases);
        let (before, rest) = page.split_once("[[tls.certificates]]").unwrap();
        let (_, rest) = rest.split_once("# [acme]\n").unwrap();
        let (acme, behind) = rest.split_once("\n\n").unwrap();
        let live = acme.lines().map(|line| line.strip_prefix("# ").unwrap());
        let acme = live.collect::<Vec<_>>().join("\n").replace("= false", "= true");
        let text = format!("{before}[acme]\n{acme}\n\n{behind}");
        let config = crate::parse(&text, Path::new("imported.toml"), &|_| None);
        let config = config.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let challenge = config.sites[0].issuance.as_ref().unwrap().challenge;
        assert_eq!(challenge == crate::ChallengeKind::Dns01, aliases.len() == 2);
    }
}
