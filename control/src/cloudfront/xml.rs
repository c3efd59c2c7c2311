//! Documents as CloudFront writes them: in its namespace, on one line, every list with its length.

use std::fmt::Display;

use quick_xml::escape::escape;

/// What all of CloudFront's elements belong to.
pub(super) const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

/// A document, or a part of one, as it is written.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

// === impl Xml ===

impl Xml {
    /// A whole document.
    pub(super) fn document(root: &'static str, write: impl FnOnce(&mut Self)) -> String {
        let mut xml = Self(format!("<?xml version=\"1.0\"?>\n<{root} xmlns=\"{NAMESPACE}\">"));
        write(&mut xml);
        xml.close(root);
        xml.0
    }

    /// An element that holds others.
    pub(super) fn element(&mut self, name: &'static str, write: impl FnOnce(&mut Self)) {
        self.open(name);
        write(self);
        self.close(name);
    }

    /// An element that holds text. What XML 1.0 has no way to write is written as U+FFFD.
    pub(super) fn text(&mut self, name: &'static str, value: impl Display) {
        let plain: String = value
            .to_string()
            .chars()
            .map(|letter| if is_xml(letter) { letter } else { char::REPLACEMENT_CHARACTER })
            .collect();
        self.open(name);
        self.0.push_str(&escape(plain.as_str()));
        self.close(name);
    }

    /// `Quantity`, and `Items` unless there are none.
    pub(super) fn items<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let quantity = items.len();
        self.text("Quantity", quantity);
        if quantity > 0 {
            self.element("Items", |xml| items.for_each(|item| write(xml, item)));
        }
    }

    /// An element that holds a list.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        items: impl ExactSizeIterator<Item = T>,
        write: impl FnMut(&mut Self, T),
    ) {
        self.element(name, |xml| xml.items(items, write));
    }

    /// An element that holds a list of texts.
    pub(super) fn texts<T: Display>(
        &mut self,
        name: &'static str,
        each: &'static str,
        items: impl ExactSizeIterator<Item = T>,
    ) {
        self.list(name, items, |xml, item| xml.text(each, item));
    }

    fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }
}

/// XML 1.0 §2.2, `Char`.
fn is_xml(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_become_elements() {
        let document = Xml::document("Distribution", |xml| {
            xml.text("Comment", "<a href=\"x\">&'\u{1}\u{ffff}ü");
            xml.texts("Aliases", "CNAME", ["a", "b"].iter());
            xml.texts("None", "CNAME", std::iter::empty::<&str>());
        });
        let expected = format!(
            "<?xml version=\"1.0\"?>\n<Distribution xmlns=\"{NAMESPACE}\">\
             <Comment>&lt;a href=&quot;x&quot;&gt;&amp;&apos;\u{fffd}\u{fffd}ü</Comment>\
             <Aliases><Quantity>2</Quantity><Items><CNAME>a</CNAME><CNAME>b</CNAME></Items></Aliases>\
             <None><Quantity>0</Quantity></None></Distribution>"
        );
        assert_eq!(document, expected);
    }
}
