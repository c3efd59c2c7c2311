//! The XML of Route 53: what is written, and what is read of its answers.

use std::fmt::Write as _;

use hickory_proto::rr::Name;
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::{BytesRef, Event};
use warmfront_semantics::tame::tame;

use super::CallError;
use crate::publisher::fully_qualified;

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";
/// One string of a TXT record (RFC 1035 §3.3).
const STRING_BYTES_MAX: usize = 255;
/// The most of a message from outside that goes into a sentence.
const MESSAGE_BYTES_MAX: usize = 300;

/// The TXT records of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordSet {
    pub(super) ttl: u32,
    /// As Route 53 writes them: quoted strings. Those of others are written back as they were.
    pub(super) values: Vec<String>,
}

/// What is at a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Records.
    Plain(RecordSet),
    /// An alias, or one set of several that take turns: a change could not keep it as it is.
    Routed,
}

/// What is done to a record set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Upsert,
    Delete,
}

/// Amazon's own words; empty where it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

/// The body of a `ChangeResourceRecordSets` request.
pub(super) fn change_batch(action: Action, name: &str, set: &RecordSet) -> String {
    let action = match action {
        Action::Upsert => "UPSERT",
        Action::Delete => "DELETE",
    };
    let mut records = String::new();
    for value in &set.values {
        let _ = write!(
            records,
            "<ResourceRecord><Value>{}</Value></ResourceRecord>",
            escape(value.as_str())
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ChangeResourceRecordSetsRequest xmlns=\"{NAMESPACE}\"><ChangeBatch><Changes><Change>\
         <Action>{action}</Action><ResourceRecordSet><Name>{}</Name><Type>TXT</Type>\
         <TTL>{}</TTL><ResourceRecords>{records}</ResourceRecords></ResourceRecordSet>\
         </Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>",
        escape(name),
        set.ttl,
    )
}

/// A text as Route 53 wants TXT records: strings in quotes, of 255 bytes at most, what is not
/// printable as three octal digits.
pub(super) fn quoted(text: &str) -> String {
    let strings = text.as_bytes().chunks(STRING_BYTES_MAX).map(|string| {
        let mut quoted = String::from("\"");
        for byte in string {
            let _ = match byte {
                b'"' | b'\\' => write!(quoted, "\\{}", char::from(*byte)),
                b' '..=b'~' => write!(quoted, "{}", char::from(*byte)),
                _ => write!(quoted, "\\{byte:03o}"),
            };
        }
        quoted + "\""
    });
    strings.collect::<Vec<_>>().join(" ")
}

/// The TXT records of the name, from a `ListResourceRecordSets` answer that begins with them.
pub(super) fn record_set(document: &[u8], name: &Name) -> Result<Option<Found>, CallError> {
    let mut set = Listed::default();
    for Element { tag, text } in elements(document)? {
        match tag.as_str() {
            "Name" if set.name.is_none() => set.name = Some(text),
            "Type" => set.is_txt = text == "TXT",
            "TTL" => set.ttl = text.parse().ok(),
            "Value" => set.values.push(text),
            "SetIdentifier" | "AliasTarget" => set.routed = true,
            "ResourceRecordSet" => {
                if set.is_for(name) {
                    return set.into_found().map(Some);
                }
                set = Listed::default();
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The text of the first element with this tag.
pub(super) fn first_text(document: &[u8], tag: &str) -> Result<Option<String>, CallError> {
    let mut elements = elements(document)?.into_iter();
    Ok(elements.find(|element| element.tag == tag).map(|element| element.text))
}

/// A record set as it is read.
#[derive(Default)]
struct Listed {
    name: Option<String>,
    is_txt: bool,
    ttl: Option<u32>,
    values: Vec<String>,
    routed: bool,
}

/// An element that has ended: its tag, and the text behind its last child.
struct Element {
    tag: String,
    text: String,
}

// === impl Listed ===

impl Listed {
    fn is_for(&self, name: &Name) -> bool {
        let own = self.name.as_deref().and_then(|name| fully_qualified(name).ok());
        self.is_txt && own.as_ref() == Some(name)
    }

    fn into_found(self) -> Result<Found, CallError> {
        if self.routed {
            return Ok(Found::Routed);
        }
        let ttl = self.ttl.ok_or(CallError::Incomplete)?;
        Ok(Found::Plain(RecordSet { ttl, values: self.values }))
    }
}

// === impl Refusal ===

impl Refusal {
    /// What is no XML says nothing.
    pub(super) fn read(document: &[u8]) -> Self {
        let mut refusal = Self::default();
        for Element { tag, text } in elements(document).unwrap_or_default() {
            let place = match tag.as_str() {
                "Code" => &mut refusal.code,
                "Message" => &mut refusal.message,
                // The answer to a bad batch has no code but the name of its root.
                "InvalidChangeBatch" => {
                    refusal.code = tag;
                    continue;
                }
                _ => continue,
            };
            if place.is_empty() {
                *place = tame(&text, MESSAGE_BYTES_MAX);
            }
        }
        refusal
    }
}

/// Every element, in the order in which they end: children before their parents.
fn elements(document: &[u8]) -> Result<Vec<Element>, CallError> {
    let mut reader = Reader::from_reader(document);
    let mut elements = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().map_err(|_| CallError::Incomplete)? {
            Event::Start(_) => text.clear(),
            Event::Text(part) => {
                text.push_str(&part.decode().map_err(|_| CallError::Incomplete)?);
            }
            Event::GeneralRef(reference) => text.extend(character(&reference)),
            Event::End(end) => elements.push(Element {
                tag: String::from_utf8_lossy(end.local_name().as_ref()).into_owned(),
                text: std::mem::take(&mut text),
            }),
            Event::Eof => return Ok(elements),
            _ => {}
        }
    }
}

/// `&amp;`, `&#34;` and their like.
fn character(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character);
    }
    let name = reference.decode().ok()?;
    quick_xml::escape::resolve_xml_entity(&name)?.chars().next()
}

#[cfg(test)]
mod tests;
