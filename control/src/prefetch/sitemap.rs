//! Sitemaps (the protocol of sitemaps.org, 0.9): what of them is read, and what is refused.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::entity::character;

/// URLs of one sitemap that are read.
pub(super) const LOCATIONS_MAX: usize = 10_000;
/// Bytes of one sitemap.
pub(super) const SITEMAP_BYTES_MAX: usize = 10 << 20;
/// A sitemap has three levels, one with extensions a few more.
const DEPTH_MAX: usize = 16;
/// `<loc>` in its place: below the root and one entry.
const LOCATION_DEPTH: usize = 3;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const UTF8_BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// A sitemap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sitemap {
    pub(super) kind: Kind,
    /// URLs in the order in which they stand there: 10,000 at most.
    pub(super) locations: Vec<String>,
    pub(super) extent: Extent,
}

/// What the URLs of a sitemap are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `<urlset>`: pages.
    Pages,
    /// `<sitemapindex>`: further sitemaps.
    Sitemaps,
}

/// Whether all of a sitemap was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// It has more URLs than are read.
    Beginning,
}

/// Why something is no sitemap that can be read. Its `Display` is the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSitemap {
    #[error("is compressed with gzip: name a sitemap that is not")]
    Gzip,
    /// What entity bombs are declared in.
    #[error("has a document type, which no sitemap needs")]
    DocumentType,
    #[error("has an entity that XML itself does not have")]
    Entity,
    #[error("is no sitemap: its root is neither <urlset> nor <sitemapindex>")]
    Foreign,
    #[error("is nested deeper than a sitemap is")]
    Deep,
    #[error("is not well-formed XML near byte {0}")]
    Malformed(u64),
}

// === impl Sitemap ===

impl Sitemap {
    /// Reads a document in UTF-8.
    pub(super) fn read(document: &[u8]) -> Result<Self, BadSitemap> {
        if document.starts_with(&GZIP_MAGIC) {
            return Err(BadSitemap::Gzip);
        }
        let document = document.strip_prefix(&UTF8_BOM).unwrap_or(document);
        let mut reader = Reader::from_reader(document);
        let mut reading = Reading::default();
        loop {
            let event = reader.read_event();
            let at = reader.buffer_position();
            let event = event.map_err(|_| BadSitemap::Malformed(at))?;
            if reading.take(&event, at)? == Next::End {
                return reading.into_sitemap(at);
            }
        }
    }
}

/// What was read until now.
#[derive(Default)]
struct Reading {
    root: Option<Kind>,
    depth: usize,
    /// Of a `<loc>` that has begun.
    text: Option<String>,
    locations: Vec<String>,
    is_cut: bool,
}

#[derive(PartialEq, Eq)]
enum Next {
    Event,
    End,
}

// === impl Reading ===

impl Reading {
    fn take(&mut self, event: &Event<'_>, at: u64) -> Result<Next, BadSitemap> {
        let malformed = || BadSitemap::Malformed(at);
        match event {
            Event::Start(start) => self.open(start.local_name().as_ref(), start.name().as_ref())?,
            Event::Empty(empty) if self.depth == 0 => {
                self.root = Some(root(empty.local_name().as_ref())?);
            }
            Event::End(_) => return Ok(self.close()),
            Event::Text(part) => self.add(&part.decode().map_err(|_| malformed())?),
            Event::CData(part) => self.add(&part.decode().map_err(|_| malformed())?),
            Event::GeneralRef(reference) => {
                let letter = character(reference).ok_or(BadSitemap::Entity)?;
                self.add(letter.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(BadSitemap::DocumentType),
            Event::Eof if self.depth > 0 => return Err(malformed()),
            Event::Eof => return Ok(Next::End),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        Ok(Next::Event)
    }

    fn open(&mut self, local: &[u8], whole: &[u8]) -> Result<(), BadSitemap> {
        if self.depth == 0 {
            self.root = Some(root(local)?);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(BadSitemap::Deep);
        }
        // With a prefix it is an extension's, such as that of an image.
        if self.depth == LOCATION_DEPTH && whole == b"loc" {
            self.text = Some(String::new());
        }
        Ok(())
    }

    fn close(&mut self) -> Next {
        if self.depth == LOCATION_DEPTH
            && let Some(text) = self.text.take()
        {
            if self.locations.len() == LOCATIONS_MAX {
                self.is_cut = true;
                return Next::End;
            }
            let text = text.trim();
            if !text.is_empty() {
                self.locations.push(text.to_owned());
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Next::Event
    }

    fn add(&mut self, text: &str) {
        if let Some(location) = &mut self.text {
            location.push_str(text);
        }
    }

    fn into_sitemap(self, at: u64) -> Result<Sitemap, BadSitemap> {
        let kind = self.root.ok_or(BadSitemap::Malformed(at))?;
        let extent = if self.is_cut { Extent::Beginning } else { Extent::Whole };
        Ok(Sitemap { kind, locations: self.locations, extent })
    }
}

fn root(name: &[u8]) -> Result<Kind, BadSitemap> {
    match name {
        b"urlset" => Ok(Kind::Pages),
        b"sitemapindex" => Ok(Kind::Sitemaps),
        _ => Err(BadSitemap::Foreign),
    }
}

#[cfg(test)]
mod tests;
