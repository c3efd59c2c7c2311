//! The raw head: what passes is read by the parser behind in the very same way.
#![no_main]

use input::lines;
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::head::{BadHead, Framing, HeadLimits, end, inspect};

const FIELDS_MAX: usize = 32;
const LIMITS: HeadLimits = HeadLimits { bytes: 2048, fields: FIELDS_MAX, target_bytes: 256 };

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let Some(length) = end(input) else {
        return;
    };
    let head = input.get(..length).expect("within what was received");
    assert_eq!(end(head), Some(length));
    assert_eq!(head.get(..length - 1).and_then(end), None, "it ended before");
    let framing = match inspect(head, &LIMITS) {
        Ok(framing) => framing,
        Err(BadHead::TooLarge | BadHead::TargetTooLong) => return,
        Err(bad) => {
            let wide =
                HeadLimits { bytes: usize::MAX, fields: usize::MAX, target_bytes: usize::MAX };
            assert_eq!(inspect(head, &wide), Err(bad), "limits that are not reached");
            return;
        }
    };
    assert!(length <= LIMITS.bytes + blank_before(head));
    assert!(head.iter().all(|b| *b >= 0x20 || b"\t\r\n".contains(b)), "a control character");
    same_as_the_parser_behind(head, framing);
}

fn same_as_the_parser_behind(head: &[u8], framing: Framing) {
    let mut space = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut space);
    // It may refuse what passed here; what it reads, it must read as it was judged.
    let Ok(status) = request.parse(head) else {
        return;
    };
    assert_eq!(status, httparse::Status::Complete(head.len()), "another end");
    let count = lines(head).filter(|line| !line.trim_ascii().is_empty()).count() - 1;
    assert_eq!(request.headers.len(), count, "another number of fields");
    let named = |name: &str| -> Vec<&[u8]> {
        let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| field.value.trim_ascii()).collect()
    };
    assert_eq!(named("host").len(), 1, "hosts");
    let (lengths, codings) = (named("content-length"), named("transfer-encoding"));
    match framing {
        Framing::Chunked => {
            assert!(lengths.is_empty(), "a length beside a coding");
            assert!(codings.len() == 1 && codings.concat().eq_ignore_ascii_case(b"chunked"));
            assert_eq!(request.version, Some(1));
        }
        Framing::Length(octets) => {
            assert!(codings.is_empty(), "a coding that was not seen");
            let said = lengths.first().map_or("0", |l| std::str::from_utf8(l).expect("digits"));
            assert!(lengths.len() <= 1 && said.parse() == Ok(octets), "{said}");
        }
        Framing::Upgrade => assert!(codings.is_empty() && !named("upgrade").is_empty()),
    }
}

/// How many bytes of empty lines come before the request line.
fn blank_before(head: &[u8]) -> usize {
    head.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}
