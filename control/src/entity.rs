//! References in XML documents that are read here.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::BytesRef;

/// The letter that `&amp;`, `&#x2F;` or their like stands for; `None` for anybody's own entity.
pub(crate) fn character(reference: &BytesRef<'_>) -> Option<char> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character);
    }
    let name = reference.decode().ok()?;
    resolve_xml_entity(&name)?.chars().next()
}
