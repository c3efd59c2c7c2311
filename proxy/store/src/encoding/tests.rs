use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::io::Read as _;

const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// What a client makes of it; as much as there is, if the end is missing.
fn decoded(coding: Coding, encoded: &[u8]) -> (Vec<u8>, std::io::Result<()>) {
    let mut decoder: Box<dyn std::io::Read> = match coding {
        Coding::Brotli => Box::new(brotli::Decompressor::new(encoded, 4096)),
        Coding::Zstd => Box::new(zstd::Decoder::new(encoded).unwrap()),
        Coding::Gzip => Box::new(flate2::read::GzDecoder::new(encoded)),
    };
    let (mut out, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => return (out, Ok(())),
            Ok(n) => out.extend_from_slice(&piece[..n]),
            Err(error) => return (out, Err(error)),
        }
    }
}

/// Each piece brought out at once.
fn piecewise(coding: Coding, pieces: &[(Vec<u8>, bool)]) -> Vec<u8> {
    let mut encoder = Encoder::new(coding).unwrap();
    let mut out = Vec::new();
    for (piece, _) in pieces {
        let (bytes, rest) = encoder.piece(piece, false).unwrap();
        out.extend_from_slice(&bytes);
        encoder = rest.expect("it is not the end");
    }
    out.extend_from_slice(&encoder.piece(b"", true).unwrap().0);
    out
}

/// All that is written and flushed, in one.
fn streamed(coding: Coding, pieces: &[(Vec<u8>, bool)]) -> Vec<u8> {
    let mut encoder = Encoder::new(coding).unwrap();
    let mut out = Vec::new();
    for (piece, flushed) in pieces {
        out.extend_from_slice(&encoder.write(piece).unwrap());
        if *flushed {
            out.extend_from_slice(&encoder.flush().unwrap());
        }
    }
    out.extend_from_slice(&encoder.finish().unwrap());
    out
}

/// Runs and noise: some of it gets smaller.
fn pieces() -> impl Strategy<Value = Vec<(Vec<u8>, bool)>> {
    let run = (any::<u8>(), 1usize..5_000).prop_map(|(byte, length)| vec![byte; length]);
    let noise = prop::collection::vec(any::<u8>(), 0..500);
    prop::collection::vec((prop_oneof![run, noise], any::<bool>()), 0..8)
}

proptest! {
    #[test]
    fn a_stream_decodes_to_what_was_written(pieces in pieces()) {
        let whole: Vec<u8> = pieces.iter().flat_map(|(piece, _)| piece.clone()).collect();
        for coding in ALL {
            for encode in [streamed, piecewise] {
                let (out, end) = decoded(coding, &encode(coding, &pieces));
                prop_assert!(end.is_ok(), "{coding:?} {end:?}");
                prop_assert_eq!(&out, &whole, "{:?}", coding);
            }
        }
    }

    #[test]
    fn a_whole_body_decodes_to_itself_and_is_smaller_or_is_not_encoded(pieces in pieces()) {
        let segments: Vec<Bytes> = pieces.iter().map(|(piece, _)| piece.clone().into()).collect();
        let whole = segments.concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for coding in ALL {
            let Some(encoded) = Encoded::of(&segments, coding).unwrap() else { continue };
            let (mut reader, mut read) = (encoded.reader(), Vec::new());
            while let Some(bytes) = runtime.block_on(reader.next()).unwrap() {
                read.extend_from_slice(&bytes);
            }
            prop_assert_eq!(read.len() as u64, encoded.bytes);
            prop_assert!(read.len() < whole.len());
            prop_assert_eq!(&decoded(coding, &read).0, &whole, "{:?}", coding);
        }
    }
}

#[test]
fn bodies_of_every_size_decode_to_themselves() {
    let text: Vec<u8> = (0..100_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
    for length in [0, 1, 999, 1_000, 1 << 10, 1 << 16, (1 << 18) + 1, text.len()] {
        let body = &text[..length];
        for coding in ALL {
            let segments: Vec<_> = body.chunks(50_000).map(Bytes::copy_from_slice).collect();
            let whole = Encoded::of(&segments, coding).unwrap();
            assert_eq!(whole.is_some(), length > 900, "{coding:?} {length}");
            let (out, end) = decoded(coding, &streamed(coding, &[(body.to_vec(), false)]));
            assert!(end.is_ok() && out == body, "{coding:?} {length}");
        }
    }
}

#[test]
fn a_client_has_all_that_was_flushed_before_the_end_comes() {
    for coding in ALL {
        let mut encoder = Encoder::new(coding).unwrap();
        let mut sent = encoder.write(b"an event").unwrap().to_vec();
        sent.extend_from_slice(&encoder.flush().unwrap());
        let (out, _) = decoded(coding, &sent);
        assert_eq!(out, b"an event", "{coding:?}");
        let mut more = encoder.write(b", and another").unwrap().to_vec();
        more.extend_from_slice(&encoder.flush().unwrap());
        sent.extend_from_slice(&more);
        assert_eq!(decoded(coding, &sent).0, b"an event, and another", "{coding:?}");
    }
}

#[test]
fn what_is_noted_of_one_coding_is_not_said_of_another() {
    let in_vain = InVain::default();
    in_vain.note(Coding::Zstd);
    assert_eq!(ALL.map(|coding| in_vain.has(coding)), [false, true, false]);
    assert_eq!(ALL.map(|coding| in_vain.clone().has(coding)), [false, true, false]);
}

#[test]
fn an_encoder_can_be_held_across_awaits_by_any_thread() {
    fn held<T: Send + Sync>() {}
    held::<Encoder>();
}
