//! The chunked coding: pieces read as the whole, and it ends where another parser ends.
//!
//! The first byte is where the body is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmfront_semantics::chunked::{BadChunk, Scanned, Scanner};

type Verdict = Result<Scanned, BadChunk>;

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let Some((cut, body)) = input.split_first() else {
        return;
    };
    let whole = Scanner::default().scan(body);
    assert_eq!(in_pieces(body, 1), whole, "byte by byte");
    assert_eq!(in_pieces(body, usize::from(*cut).max(1)), whole, "in pieces of {cut}");
    let Ok(Scanned::End(end)) = whole else {
        return;
    };
    assert_eq!(body.get(..end).map(|body| Scanner::default().scan(body)), Some(whole));
    let unfinished = body.get(..end - 1).map(|body| Scanner::default().scan(body));
    assert_eq!(unfinished, Some(Ok(Scanned::All)), "it ended before");
    assert_eq!(by_another_parser(body), Some(end));
}

fn in_pieces(body: &[u8], length: usize) -> Verdict {
    let mut scanner = Scanner::default();
    let mut read = 0;
    for piece in body.chunks(length) {
        match scanner.scan(piece)? {
            Scanned::All => read += piece.len(),
            Scanned::End(end) => return Ok(Scanned::End(read + end)),
        }
    }
    Ok(Scanned::All)
}

/// Where the body ends for somebody who reads a chunk at a time.
fn by_another_parser(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = body.get(at..)?;
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(rest) else {
            return None;
        };
        at += line;
        if size == 0 {
            break;
        }
        at += usize::try_from(size).ok()?;
        body.get(at..)?.strip_prefix(b"\r\n")?;
        at += 2;
    }
    let trailer = body.get(at..)?;
    if trailer.starts_with(b"\r\n") {
        return Some(at + 2);
    }
    Some(at + trailer.windows(4).position(|four| four == b"\r\n\r\n")? + 4)
}
