//! The messages of an update, and what an answer means.

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::rdata::tsig::TsigError;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::Reason;

/// An answer to a validation is of no use to anybody a minute later.
const TTL_SECONDS: u32 = 60;
/// One string of a TXT record (RFC 1035 §3.3).
const STRING_BYTES_MAX: usize = 255;

/// What a name server made of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Made, and it is proven who says so.
    Made,
    /// Made, says somebody.
    Unproven,
    /// RFC 8945 §5.2: the signature was not accepted.
    BadSignature(TsigError),
    /// Not made. Such an answer need not be proven: whoever could forge it could as well keep the
    /// update from arriving.
    Refused(ResponseCode),
}

/// RFC 2136 §2.5.1: adds to a record set. What is there already is not doubled.
pub(super) fn addition(zone: &Name, name: &Name, value: &str) -> Message {
    update(zone, Record::from_rdata(name.clone(), TTL_SECONDS, text(value)))
}

/// RFC 2136 §2.5.4: deletes one record from a record set. What is not there is not missed.
pub(super) fn deletion(zone: &Name, name: &Name, value: &str) -> Message {
    let mut record = Record::from_rdata(name.clone(), 0, text(value));
    record.dns_class = DNSClass::NONE;
    update(zone, record)
}

/// Reads the answer to the update with this id.
pub(super) fn verdict(
    id: u16,
    bytes: &[u8],
    proven: impl FnOnce(&[u8]) -> bool,
) -> Result<Verdict, Reason> {
    // This also says that a TSIG is the last record, on which its verification relies.
    let answer = Message::from_vec(bytes).map_err(|_| Reason::Nonsense)?;
    let header = answer.metadata;
    if header.id != id
        || header.message_type != MessageType::Response
        || header.op_code != OpCode::Update
    {
        return Err(Reason::Nonsense);
    }
    let signature = answer.signature.as_deref().map(|record| &record.data);
    Ok(match (header.response_code, signature) {
        (ResponseCode::NotAuth, Some(signature)) if let Some(error) = signature.error => {
            Verdict::BadSignature(error)
        }
        // A time before the fudge's own length is no server's, and does not bear its subtraction.
        (ResponseCode::NoError, Some(signature))
            if signature.time >= u64::from(signature.fudge) && proven(bytes) =>
        {
            Verdict::Made
        }
        (ResponseCode::NoError, _) => Verdict::Unproven,
        (code, _) => Verdict::Refused(code),
    })
}

fn update(zone: &Name, record: Record) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.metadata.recursion_desired = false;
    // RFC 2136 §2.3: the sections of a query under other names; zone, prerequisites, updates.
    message.add_query(Query::query(zone.clone(), RecordType::SOA));
    message.add_authority(record);
    message
}

fn text(value: &str) -> RData {
    RData::TXT(TXT::from_bytes(value.as_bytes().chunks(STRING_BYTES_MAX).collect()))
}

// === impl Verdict ===

impl Verdict {
    /// In words, for the key that signed and the name that was to change.
    pub(super) fn into_result(self, key: &str, algorithm: &str, name: &str) -> Result<(), Reason> {
        let (key, name) = (key.to_owned(), name.to_owned());
        Err(match self {
            Self::Made => return Ok(()),
            Self::Unproven => Reason::Unproven { key },
            Self::BadSignature(TsigError::BadKey) => {
                Reason::UnknownKey { key, algorithm: algorithm.to_owned() }
            }
            Self::BadSignature(TsigError::BadSig | TsigError::BadTrunc) => {
                Reason::WrongSecret { key }
            }
            Self::BadSignature(TsigError::BadTime) => Reason::Clocks,
            Self::BadSignature(TsigError::Unknown(code)) => {
                Reason::Other { code: format!("NOTAUTH with the TSIG error {code}") }
            }
            Self::Refused(ResponseCode::Refused) => Reason::Forbidden { key, name },
            Self::Refused(ResponseCode::NotAuth) => Reason::NotAuthoritative,
            Self::Refused(ResponseCode::NotZone) => Reason::NotInZone { name },
            Self::Refused(ResponseCode::NotImp) => Reason::NotImplemented,
            Self::Refused(code) => Reason::Other { code: code.to_string() },
        })
    }
}
