//! What a client makes of a coded body.

use std::io::Read;

use super::client::Answer;

/// The codings that the edge applies, by their names.
pub(crate) const CODINGS: [&str; 3] = ["br", "zstd", "gzip"];

/// The whole body, whatever coding it came in.
#[track_caller]
pub(crate) fn decoded(answer: &Answer) -> Vec<u8> {
    let coding = answer.field("content-encoding");
    let (body, end) = decoded_so_far(&coding, &answer.body);
    end.unwrap_or_else(|error| panic!("{coding}: {error}: {:?}", answer.fields));
    body
}

/// As much of a body as its first bytes tell, and whether its end is among them.
pub(crate) fn decoded_so_far(coding: &str, coded: &[u8]) -> (Vec<u8>, std::io::Result<()>) {
    let mut decoder: Box<dyn Read + '_> = match coding {
        "" => Box::new(coded),
        "br" => Box::new(brotli::Decompressor::new(coded, 4096)),
        "zstd" => Box::new(zstd::Decoder::new(coded).unwrap()),
        "gzip" => Box::new(flate2::read::GzDecoder::new(coded)),
        other => panic!("nobody asked for {other}"),
    };
    let (mut body, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => return (body, Ok(())),
            Ok(read) => body.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) => return (body, Err(error)),
        }
    }
}

/// So many bytes that get smaller.
pub(crate) fn prose(bytes: usize) -> Vec<u8> {
    let lines = (0..).flat_map(|n| format!("line {n} of a text that says little\n").into_bytes());
    lines.take(bytes).collect()
}
