use proptest::prelude::{any, proptest};

use super::{Action, Found, RecordSet, Refusal, change_batch, first_text, quoted, record_set};
use crate::publisher::fully_qualified;

const NAME: &str = "_acme-challenge.example.com";
/// As Amazon documents it, with a set of somebody else's.
const LISTED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
   <ResourceRecordSets>
      <ResourceRecordSet>
         <Name>_acme-challenge.example.com.</Name>
         <Type>TXT</Type>
         <TTL>300</TTL>
         <ResourceRecords>
            <ResourceRecord><Value>"one"</Value></ResourceRecord>
            <ResourceRecord><Value>&quot;t&amp;w\042o&#34; "three"</Value></ResourceRecord>
         </ResourceRecords>
      </ResourceRecordSet>
   </ResourceRecordSets>
   <IsTruncated>true</IsTruncated><MaxItems>1</MaxItems>
   <NextRecordName>testdoc2.example.com</NextRecordName><NextRecordType>NS</NextRecordType>
</ListResourceRecordSetsResponse>"#;

#[test]
fn a_change_names_the_whole_record_set() {
    let values = vec![r#""a&b""#.to_owned(), r#""c""#.to_owned()];
    let batch = change_batch(Action::Upsert, NAME, &RecordSet { ttl: 60, values });
    assert_eq!(
        batch,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet>\
         <Name>_acme-challenge.example.com</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords>\
         <ResourceRecord><Value>&quot;a&amp;b&quot;</Value></ResourceRecord>\
         <ResourceRecord><Value>&quot;c&quot;</Value></ResourceRecord>\
         </ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch>\
         </ChangeResourceRecordSetsRequest>"
    );
    let deletion = change_batch(Action::Delete, NAME, &RecordSet { ttl: 60, values: Vec::new() });
    assert!(deletion.contains("<Action>DELETE</Action>"));
}

#[test]
fn texts_are_quoted_strings() {
    for (text, expected) in [
        ("gfj9Xq-Rg85nM", r#""gfj9Xq-Rg85nM""#.to_owned()),
        (r#"a"b\c"#, r#""a\"b\\c""#.to_owned()),
        ("ü\n", r#""\303\274\012""#.to_owned()),
        (&"x".repeat(256), format!("\"{}\" \"x\"", "x".repeat(255))),
    ] {
        assert_eq!(quoted(text), expected);
    }
}

#[test]
fn what_stands_at_a_name_is_read_and_not_what_stands_behind_it() {
    let here = fully_qualified("_ACME-challenge.example.com").unwrap();
    let values = vec![r#""one""#.to_owned(), r#""t&w\042o" "three""#.to_owned()];
    let expected = Some(Found::Plain(RecordSet { ttl: 300, values }));
    assert_eq!(record_set(LISTED.as_bytes(), &here).unwrap(), expected);

    let other = fully_qualified("_acme-challenge.a.example.com").unwrap();
    assert_eq!(record_set(LISTED.as_bytes(), &other).unwrap(), None);
    let address = LISTED.replace("<Type>TXT<", "<Type>SPF<");
    assert_eq!(record_set(address.as_bytes(), &here).unwrap(), None);

    for routed in
        ["<SetIdentifier>a</SetIdentifier>", "<AliasTarget><DNSName>b</DNSName></AliasTarget>"]
    {
        let routed = LISTED.replace("<TTL>300</TTL>", routed);
        assert_eq!(record_set(routed.as_bytes(), &here).unwrap(), Some(Found::Routed));
    }
    for broken in [LISTED.replace("300", "long"), LISTED.replace("</Name>", "</Nom>")] {
        assert!(record_set(broken.as_bytes(), &here).is_err());
    }
}

#[test]
fn the_first_of_equal_elements_counts() {
    let document = b"<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id>\
        <Name>example.com.</Name></HostedZone><VPCs><VPC><Name>x</Name></VPC></VPCs>\
        </GetHostedZoneResponse>";
    assert_eq!(first_text(document, "Name").unwrap().as_deref(), Some("example.com."));
    assert_eq!(first_text(document, "Status").unwrap(), None);
}

#[test]
fn refusals_are_in_amazons_words() {
    for (document, code, message) in [
        (
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>User x is not authorized</Message></Error><RequestId>1</RequestId>\
             </ErrorResponse>",
            "AccessDenied",
            "User x is not authorized",
        ),
        (
            "<InvalidChangeBatch><Messages><Message>Tried to delete &apos;a&apos;</Message>\
             <Message>b</Message></Messages><RequestId>1</RequestId></InvalidChangeBatch>",
            "InvalidChangeBatch",
            "Tried to delete 'a'",
        ),
        (
            "<Error><Code>A\u{202e}b</Code><Message>no&#27;[2J\nway\u{200b}</Message></Error>",
            "Ab",
            "no[2J way",
        ),
        ("<html><body>Bad gateway<br></body></html>", "", ""),
        ("", "", ""),
    ] {
        let expected = Refusal { code: code.to_owned(), message: message.to_owned() };
        assert_eq!(Refusal::read(document.as_bytes()), expected);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(texts in proptest::collection::vec(any::<String>(), 1..4)) {
        let values: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        let written = RecordSet { ttl: 60, values };
        let batch = change_batch(Action::Upsert, NAME, &written);
        let name = fully_qualified(NAME).unwrap();
        let read = record_set(batch.as_bytes(), &name).unwrap();
        assert_eq!(read, Some(Found::Plain(written)));
    }

    #[test]
    fn any_document_is_read(document in "(<[/A-Za-z ]{0,20}>|&[#a-z0-9]{0,4};|[ -~]{0,9}){0,20}") {
        let name = fully_qualified(NAME).unwrap();
        let _ = (record_set(document.as_bytes(), &name), Refusal::read(document.as_bytes()));
    }
}
