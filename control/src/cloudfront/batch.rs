//! `InvalidationBatch`: what a `CreateInvalidation` asks for.
//!
//! Clients write its elements in any order, with or without a declaration, and paths as raw as they
//! were typed. Of XML's further powers none is needed, so none is there: what is not one of six
//! elements, in its place and once, is refused.

use quick_xml::NsReader;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use warmfront_semantics::tags::Tag;
use warmfront_semantics::tame::tame;
use warmfront_store::{BadPath, InvalidationPath};

use super::fault::Fault;
use super::xml::NAMESPACE;
use crate::api::invalidate::bounds::{NAMED_MAX, WILDCARDS_MAX, reference, tag};
use crate::entity::character;

/// Of what is wrong, so much is repeated, in bytes.
const BYTES_SHOWN: usize = 100;

/// What is asked to be taken out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// The same again is the same invalidation.
    pub(super) caller_reference: String,
    /// Without those that begin with `#`.
    pub(super) paths: Vec<InvalidationPath>,
    /// Those that begin with `#`.
    pub(super) tags: Vec<Tag>,
}

// === impl Batch ===

impl Batch {
    /// Fails with CloudFront's fault for everything that it would refuse, and for a reference that
    /// could not be kept.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        if body.is_empty() {
            return Err(Fault::MissingBody);
        }
        let text = std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))?;
        let words = Words::read(text.strip_prefix('\u{feff}').unwrap_or(text))?;
        let items = words.items.unwrap_or_default();
        if let Some(said) = words.quantity {
            let said = said.trim_matches(is_space).parse();
            let said = said.map_err(|_| malformed("a Quantity is not a number"))?;
            if usize::try_from(said) != Ok(items.len()) {
                return Err(Fault::InconsistentQuantities { said, counted: items.len() });
            }
        } else if words.has_paths {
            return Err(malformed("Paths has no Quantity"));
        }
        // Without one, a retry could not be told from another invalidation.
        let caller_reference = reference(words.reference.unwrap_or_default())
            .map_err(|bad| Fault::InvalidArgument(format!("A CallerReference {bad}.")))?;
        if items.is_empty() {
            return Err(Fault::InvalidArgument("Your request contains no paths.".to_owned()));
        }
        let mut batch = Self { caller_reference, paths: Vec::new(), tags: Vec::new() };
        for item in &items {
            match item.strip_prefix('#') {
                Some(name) => batch.tags.push(tag(name).map_err(|why| invalid(item, &why))?),
                None => batch.paths.push(path(item).map_err(|why| invalid(item, &why))?),
            }
        }
        if batch.paths.iter().filter(|path| path.is_wildcard()).count() > WILDCARDS_MAX {
            let sentence = format!("Your request contains more than {WILDCARDS_MAX} wildcards.");
            return Err(Fault::BatchTooLarge(sentence));
        }
        Ok(batch)
    }
}

/// The own API takes a `*` anywhere; a script that is written against CloudFront does not mean it.
fn path(written: &str) -> Result<InvalidationPath, String> {
    let path = InvalidationPath::parse(written).map_err(|bad| match bad {
        BadPath::Slash(_) => "a path begins with `/`".to_owned(),
        other => other.to_string(),
    })?;
    match written.find('*') {
        Some(star) if star + 1 < written.len() => {
            Err("a `*` stands only at the end of a path".to_owned())
        }
        _ => Ok(path),
    }
}

fn invalid(item: &str, why: &str) -> Fault {
    Fault::InvalidArgument(format!(
        "Your request contains one or more invalid invalidation paths. {:?}: {why}.",
        tame(item, BYTES_SHOWN)
    ))
}

/// The texts of the batch, before they mean anything.
#[derive(Debug, Default)]
struct Words {
    reference: Option<String>,
    has_paths: bool,
    quantity: Option<String>,
    items: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    InvalidationBatch,
    CallerReference,
    Paths,
    Quantity,
    Items,
    Path,
}

/// A document on its way to [`Words`].
#[derive(Debug, Default)]
struct Reading {
    words: Words,
    /// From the root down: never deeper than the elements nest.
    open: Vec<Element>,
    /// Of the innermost element, if it holds text.
    text: String,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Not one byte yet.
    #[default]
    Beginning,
    /// A declaration, comments or white space; or the root element is open.
    Under,
    /// The root element is closed.
    Over,
}

// === impl Words ===

impl Words {
    fn read(document: &str) -> Result<Self, Fault> {
        let mut reader = NsReader::from_str(document);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        let mut reading = Reading::default();
        loop {
            let (namespace, event) =
                reader.read_resolved_event().map_err(|error| malformed(&error.to_string()))?;
            match event {
                Event::Start(start) => reading.open(&namespace, &start)?,
                Event::Text(text) => {
                    // XML 1.0 §2.11: every line end is one line feed.
                    let text = text.xml10_content().map_err(|_| malformed("it is not UTF-8"))?;
                    reading.text(&text)?;
                }
                Event::CData(text) => {
                    let text = text.xml10_content().map_err(|_| malformed("it is not UTF-8"))?;
                    reading.letters(&text)?;
                }
                Event::GeneralRef(reference) => {
                    let letter = character(&reference);
                    let letter =
                        letter.ok_or_else(|| malformed("an entity is not one of XML's own"))?;
                    reading.letters(letter.encode_utf8(&mut [0; 4]))?;
                }
                Event::End(_) => reading.close(),
                Event::Comment(_) => reading.go_on(),
                Event::Decl(declaration) => reading.declare(&declaration)?,
                Event::Eof if reading.stage == Stage::Over => return Ok(reading.words),
                Event::Eof => return Err(malformed("it ends before its root element does")),
                Event::DocType(_) => return Err(malformed("a document type is not taken")),
                Event::PI(_) => return Err(malformed("a processing instruction is not taken")),
                // Those are told as a beginning and an end.
                Event::Empty(_) => return Err(malformed("an empty element is in the way")),
            }
        }
    }
}

// === impl Reading ===

impl Reading {
    fn open(&mut self, namespace: &ResolveResult<'_>, start: &BytesStart<'_>) -> Result<(), Fault> {
        let parent = self.open.last().copied();
        let name = start.local_name();
        let known = match namespace {
            // Hand-written documents often leave it out.
            ResolveResult::Unbound => true,
            ResolveResult::Bound(Namespace(bound)) => *bound == NAMESPACE.as_bytes(),
            ResolveResult::Unknown(_) => false,
        };
        let element = Element::below(parent, name.as_ref()).filter(|_| known);
        let unexpected = || {
            let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
            malformed(&format!("an element {name:?} does not belong where it is"))
        };
        let element = element.filter(|_| self.stage != Stage::Over).ok_or_else(unexpected)?;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| malformed(&error.to_string()))?;
            if attribute.key.as_namespace_binding().is_none() {
                return Err(malformed("an attribute is not taken"));
            }
        }
        self.begin(element)?;
        self.stage = Stage::Under;
        self.open.push(element);
        Ok(())
    }

    /// Everything but a Path is there once.
    fn begin(&mut self, element: Element) -> Result<(), Fault> {
        let Words { reference, has_paths, quantity, items } = &mut self.words;
        self.text.clear();
        let is_first = match element {
            Element::CallerReference => reference.is_none(),
            Element::Paths => !std::mem::replace(has_paths, true),
            Element::Quantity => quantity.is_none(),
            Element::Items => items.replace(Vec::new()).is_none(),
            Element::InvalidationBatch | Element::Path => true,
        };
        let count = items.as_ref().map_or(0, Vec::len);
        if element == Element::Path && count >= NAMED_MAX {
            let sentence = format!("Your request contains more than {NAMED_MAX} paths.");
            return Err(Fault::BatchTooLarge(sentence));
        }
        if is_first { Ok(()) } else { Err(malformed(&format!("{element:?} is there twice"))) }
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.text);
        match self.open.pop() {
            Some(Element::CallerReference) => self.words.reference = Some(text),
            Some(Element::Quantity) => self.words.quantity = Some(text),
            Some(Element::Path) => self.words.items.get_or_insert_default().push(text),
            _ => {}
        }
        if self.open.is_empty() {
            self.stage = Stage::Over;
        }
    }

    /// White space may stand anywhere.
    fn text(&mut self, text: &str) -> Result<(), Fault> {
        if !text.chars().all(is_space) || self.is_in_text() {
            return self.letters(text);
        }
        self.go_on();
        Ok(())
    }

    fn letters(&mut self, text: &str) -> Result<(), Fault> {
        if !self.is_in_text() {
            return Err(malformed("text stands where none belongs"));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn declare(&mut self, declaration: &BytesDecl<'_>) -> Result<(), Fault> {
        if self.stage != Stage::Beginning {
            return Err(malformed("a declaration stands anywhere but at the beginning"));
        }
        let is_utf8 = match declaration.encoding() {
            None => true,
            Some(Ok(encoding)) => {
                encoding.eq_ignore_ascii_case(b"utf-8")
                    || encoding.eq_ignore_ascii_case(b"us-ascii")
            }
            Some(Err(_)) => false,
        };
        let version = declaration.version();
        if !is_utf8 || !version.is_ok_and(|version| *version == *b"1.0") {
            return Err(malformed("its declaration is not one of XML 1.0 in UTF-8"));
        }
        self.go_on();
        Ok(())
    }

    fn go_on(&mut self) {
        if self.stage == Stage::Beginning {
            self.stage = Stage::Under;
        }
    }

    fn is_in_text(&self) -> bool {
        let innermost = self.open.last();
        innermost.is_some_and(|element| {
            matches!(element, Element::CallerReference | Element::Quantity | Element::Path)
        })
    }
}

// === impl Element ===

impl Element {
    fn below(parent: Option<Self>, name: &[u8]) -> Option<Self> {
        match (parent, name) {
            (None, b"InvalidationBatch") => Some(Self::InvalidationBatch),
            (Some(Self::InvalidationBatch), b"CallerReference") => Some(Self::CallerReference),
            (Some(Self::InvalidationBatch), b"Paths") => Some(Self::Paths),
            (Some(Self::Paths), b"Quantity") => Some(Self::Quantity),
            (Some(Self::Paths), b"Items") => Some(Self::Items),
            (Some(Self::Items), b"Path") => Some(Self::Path),
            _ => None,
        }
    }
}

/// XML 1.0 §2.3, `S`.
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

fn malformed(why: &str) -> Fault {
    Fault::MalformedInput(format!("{}.", tame(why, BYTES_SHOWN)))
}

#[cfg(test)]
mod tests;
