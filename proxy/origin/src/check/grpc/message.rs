//! The two messages of `grpc.health.v1`, and the frame that gRPC puts around each:
//! a byte that says whether it is compressed, its length in four, and the message.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

/// The status that the health service gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServingStatus {
    Unknown,
    Serving,
    NotServing,
    ServiceUnknown,
    /// A number that the protocol does not name.
    Unnamed(u64),
}

/// Why there is no status in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Garbled {
    #[error("no whole message came")]
    Short,
    #[error("the message is compressed, which was not asked for")]
    Compressed,
    #[error("the message is not a HealthCheckResponse")]
    Malformed,
}

/// Field 1 with a length before its content, as protobuf has it: `service`.
const SERVICE: u8 = 1 << 3 | 2;
/// Field 1 as a number: `status`.
const STATUS: u64 = 1 << 3;
/// A varint of 64 bits has so many groups of 7 at most.
const VARINT_BYTES_MAX: u32 = 10;

/// A framed message without a field.
pub(super) fn empty() -> Bytes {
    frame(&[])
}

/// A framed question for `service`; the empty one is the server as a whole.
pub(super) fn health_check_request(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(SERVICE);
        put_varint(&mut message, service.len());
        message.extend_from_slice(service.as_bytes());
    }
    frame(&message)
}

/// The status in a framed answer. Bytes after the message are not looked at.
pub(super) fn health_check_response(body: &[u8]) -> Result<ServingStatus, Garbled> {
    let (head, rest) = body.split_first_chunk::<5>().ok_or(Garbled::Short)?;
    let [compressed, length @ ..] = *head;
    if compressed != 0 {
        return Err(Garbled::Compressed);
    }
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| Garbled::Short)?;
    status(rest.get(..length).ok_or(Garbled::Short)?)
}

fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    // A service's name comes from the configuration, which is not 4 GiB long.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// The last `status` counts, and none is 0; other fields are skipped.
fn status(mut message: &[u8]) -> Result<ServingStatus, Garbled> {
    let mut status = 0;
    while !message.is_empty() {
        let tag = take_varint(&mut message)?;
        match (tag, tag & 7) {
            (STATUS, _) => status = take_varint(&mut message)?,
            (_, 0) => drop(take_varint(&mut message)?),
            (_, 1) => skip(&mut message, 8)?,
            (_, 2) => {
                let length = take_varint(&mut message)?;
                skip(&mut message, length)?;
            }
            (_, 5) => skip(&mut message, 4)?,
            _ => return Err(Garbled::Malformed),
        }
    }
    Ok(ServingStatus::from(status))
}

fn take_varint(from: &mut &[u8]) -> Result<u64, Garbled> {
    let mut number = 0;
    for group in 0..VARINT_BYTES_MAX {
        let (byte, rest) = from.split_first().ok_or(Garbled::Malformed)?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Garbled::Malformed)
}

fn skip(from: &mut &[u8], length: u64) -> Result<(), Garbled> {
    let length = usize::try_from(length).map_err(|_| Garbled::Malformed)?;
    *from = from.get(length..).ok_or(Garbled::Malformed)?;
    Ok(())
}

fn put_varint(into: &mut Vec<u8>, mut number: usize) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return into.push(low);
        }
        into.push(low | 0x80);
    }
}

// === impl ServingStatus ===

impl From<u64> for ServingStatus {
    fn from(status: u64) -> Self {
        match status {
            0 => Self::Unknown,
            1 => Self::Serving,
            2 => Self::NotServing,
            3 => Self::ServiceUnknown,
            other => Self::Unnamed(other),
        }
    }
}

impl fmt::Display for ServingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("UNKNOWN"),
            Self::Serving => f.write_str("SERVING"),
            Self::NotServing => f.write_str("NOT_SERVING"),
            Self::ServiceUnknown => f.write_str("SERVICE_UNKNOWN"),
            Self::Unnamed(status) => write!(f, "status {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Garbled, ServingStatus, empty, health_check_request, health_check_response};

    #[test]
    fn requests_are_framed_protobuf() {
        assert_eq!(&empty()[..], [0, 0, 0, 0, 0]);
        assert_eq!(health_check_request(""), empty());
        assert_eq!(&health_check_request("a.B")[..], b"\0\0\0\0\x05\x0a\x03a.B");
        let long = health_check_request(&"s".repeat(300));
        assert_eq!(&long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
        assert_eq!(long.len(), 8 + 300);
    }

    #[test]
    fn answers_are_read_to_the_letter() {
        let framed = |message: &[u8]| {
            let length = u8::try_from(message.len()).unwrap();
            [&[0, 0, 0, 0, length], message].concat()
        };
        let read = |message: &[u8]| health_check_response(&framed(message));
        for (message, status) in [
            (&[8, 1][..], ServingStatus::Serving),
            (&[], ServingStatus::Unknown),
            (&[8, 0], ServingStatus::Unknown),
            (&[8, 2], ServingStatus::NotServing),
            (&[8, 3], ServingStatus::ServiceUnknown),
            (&[8, 0x81, 1], ServingStatus::Unnamed(129)),
            // Other fields around it: a number, 8 bytes, a string, 4 bytes.
            (&[16, 0x96, 1, 8, 1], ServingStatus::Serving),
            (&[17, 1, 2, 3, 4, 5, 6, 7, 8, 8, 1], ServingStatus::Serving),
            (&[18, 2, b'a', b'b', 8, 2, 29, 1, 2, 3, 4], ServingStatus::NotServing),
            // The last one counts.
            (&[8, 2, 8, 1], ServingStatus::Serving),
        ] {
            assert_eq!(read(message), Ok(status), "{message:?}");
        }
        for message in [&[8][..], &[8, 0x80], &[0x80; 11], &[18, 9, 1], &[11, 1], &[17, 1], &[29]] {
            assert_eq!(read(message), Err(Garbled::Malformed), "{message:?}");
        }
        let response = health_check_response;
        assert_eq!(response(&[]), Err(Garbled::Short));
        assert_eq!(response(&[0, 0, 0, 0, 3, 8, 1]), Err(Garbled::Short));
        assert_eq!(response(&[0, 0xff, 0xff, 0xff, 0xff, 8, 1]), Err(Garbled::Short));
        assert_eq!(response(&[1, 0, 0, 0, 2, 8, 1]), Err(Garbled::Compressed));
    }

    proptest! {
        #[test]
        fn nothing_that_a_target_sends_panics(body: Vec<u8>, message: Vec<u8>) {
            let _ = health_check_response(&body);
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let _ = health_check_response(&[&[0], &length[..], &message].concat());
        }
    }
}
