//! JSON as it was written: members in order, none twice, and each leaf knowing whether it was used.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A value. Only leaves are ever used; an empty list or table is a leaf too.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) used: Cell<bool>,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind {
    Null,
    Flag(bool),
    /// As it is printed: a setting is a whole number or of no interest.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

// === impl Node ===

impl Node {
    fn new(kind: Kind) -> Self {
        let node = Self { kind, used: Cell::new(false) };
        node.take_count();
        node
    }

    /// The member of that name, if this is a table that has one.
    pub(super) fn member(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Table(members) => members.iter().find(|(name, _)| name == key).map(|(_, it)| it),
            _ => None,
        }
    }

    /// CloudFront counts every list. Where the count is right, the list itself says as much; where
    /// it is wrong, or there is no list, it stays to be accounted for.
    fn take_count(&self) {
        let (count, items) = (self.member("Quantity"), self.member("Items"));
        let (Some(count), Some(Self { kind: Kind::List(items), .. })) = (count, items) else {
            return;
        };
        let right = matches!(&count.kind, Kind::Number(text) if *text == items.len().to_string());
        count.used.set(right && !items.is_empty());
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

/// Serde's way in.
struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::new(Kind::Null))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::new(Kind::Flag(flag)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::new(Kind::Number(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::new(Kind::Number(number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
        Ok(Node::new(Kind::Number(number.to_string())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::new(Kind::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::new(Kind::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some((name, member)) = map.next_entry::<String, Node>()? {
            // Whichever of the two were kept, the other would be dropped in silence.
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format_args!("{name:?} stands there twice")));
            }
            members.push((name, member));
        }
        Ok(Node::new(Kind::Table(members)))
    }
}
