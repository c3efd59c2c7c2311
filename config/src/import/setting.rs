//! A place in a distribution's settings. What is handed out from it is used; what never was is
//! found again by [`Setting::unused`], so that nothing is dropped in silence.

use super::ImportError;
use super::json::{Kind, Node};
use super::page::quote;

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Setting<'n> {
    node: &'n Node,
    path: String,
}

/// A value that nothing was made of.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Where it stands, from the root.
    pub(super) path: String,
    /// As JSON.
    pub(super) shown: String,
    /// Whether it says that something is not so: `false`, `""`, `"none"`, 0, null, nothing in a list.
    pub(super) is_off: bool,
}

// === impl Setting ===

impl<'n> Setting<'n> {
    /// `path` is what messages call it.
    pub(super) fn new(node: &'n Node, path: &str) -> Self {
        Self { node, path: path.to_owned() }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A member. Fails if this is no table.
    pub(super) fn get(&self, key: &str) -> Result<Option<Self>, ImportError> {
        let member = match &self.node.kind {
            Kind::Table(_) => self.node.member(key),
            Kind::Null => None,
            _ => return Err(self.is_not("an object")),
        };
        let there = member.filter(|member| !matches!(member.kind, Kind::Null));
        Ok(there.map(|node| Self { node, path: below(&self.path, key) }))
    }

    /// A member that has to be there.
    pub(super) fn need(&self, key: &str) -> Result<Self, ImportError> {
        let missing = || ImportError::Missing { path: below(&self.path, key) };
        self.get(key)?.ok_or_else(missing)
    }

    /// A member's text. An empty one is as good as none, and stays unused.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'n str>, ImportError> {
        let Some(member) = self.get(key)? else { return Ok(None) };
        member.own_text().map(|text| Some(text).filter(|text| !text.is_empty()))
    }

    /// A member's flag. Whether it is true; a false one stays unused.
    pub(super) fn is_on(&self, key: &str) -> Result<bool, ImportError> {
        let Some(member) = self.get(key)? else { return Ok(false) };
        let flag = member.own_flag()?;
        member.node.used.set(flag);
        Ok(flag)
    }

    /// A member's flag, for a key that says both.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ImportError> {
        let Some(member) = self.get(key)? else { return Ok(None) };
        member.node.used.set(true);
        member.own_flag().map(Some)
    }

    /// A member's number.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, ImportError> {
        let Some(member) = self.get(key)? else { return Ok(None) };
        member.own_number().map(Some)
    }

    /// What a member's `Items` hold; none if there is no such member.
    pub(super) fn items(&self, key: &str) -> Result<Vec<Self>, ImportError> {
        let Some(member) = self.get(key)? else { return Ok(Vec::new()) };
        let Some(items) = member.get("Items")? else { return Ok(Vec::new()) };
        let Kind::List(list) = &items.node.kind else { return Err(items.is_not("a list")) };
        let place = |(index, node)| Self { node, path: format!("{}[{index}]", items.path) };
        Ok(list.iter().enumerate().map(place).collect())
    }

    /// What a member's `Items` hold, as texts.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&'n str>, ImportError> {
        self.items(key)?.iter().map(Self::own_text).collect()
    }

    /// This one's text; an empty one stays unused.
    pub(super) fn own_text(&self) -> Result<&'n str, ImportError> {
        let Kind::Text(text) = &self.node.kind else { return Err(self.is_not("a string")) };
        self.node.used.set(!text.is_empty());
        Ok(text)
    }

    /// This one's number.
    pub(super) fn own_number(&self) -> Result<u64, ImportError> {
        let number = match &self.node.kind {
            Kind::Number(text) => text.parse().ok(),
            _ => None,
        };
        self.node.used.set(true);
        number.ok_or_else(|| self.is_not("a whole number that is not negative"))
    }

    /// Uses a member that says exactly this, as JSON; any other stays unused.
    pub(super) fn accept(&self, key: &str, said: &str) -> Result<(), ImportError> {
        let Some(member) = self.get(key)? else { return Ok(()) };
        let agrees = match &member.node.kind {
            Kind::Flag(flag) => flag.to_string() == said,
            Kind::Number(text) => text == said,
            Kind::Text(text) => quote(text) == said,
            Kind::Null | Kind::List(_) | Kind::Table(_) => false,
        };
        if agrees {
            member.node.used.set(true);
        }
        Ok(())
    }

    /// Takes back that this, and all below it, was used: a key did not come of it after all.
    pub(super) fn release(&self) {
        visit(self.node, &self.path, &mut |node, _| node.used.set(false));
    }

    /// What is left of this and all below it. From here on it is used.
    pub(super) fn unused(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        visit(self.node, &self.path, &mut |node, path| {
            if node.used.replace(true) {
                return;
            }
            let (shown, is_off) = match &node.kind {
                Kind::Null => ("null".to_owned(), true),
                Kind::Flag(flag) => (flag.to_string(), !flag),
                Kind::Number(text) => (text.clone(), text == "0"),
                Kind::Text(text) => (quote(text), text.is_empty() || text == "none"),
                Kind::List(_) => ("[]".to_owned(), true),
                Kind::Table(_) => ("{}".to_owned(), true),
            };
            leaves.push(Leaf { path: path.to_owned(), shown, is_off });
        });
        leaves
    }

    /// For a value of a kind or a meaning that cannot be.
    pub(super) fn is_not(&self, wanted: &'static str) -> ImportError {
        ImportError::Kind { path: self.path.clone(), wanted }
    }

    fn own_flag(&self) -> Result<bool, ImportError> {
        match self.node.kind {
            Kind::Flag(flag) => Ok(flag),
            _ => Err(self.is_not("true or false")),
        }
    }
}

/// Every leaf, in order, with its path.
fn visit(node: &Node, path: &str, leaf: &mut impl FnMut(&Node, &str)) {
    match &node.kind {
        Kind::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &format!("{path}[{index}]"), leaf);
            }
        }
        Kind::Table(members) if !members.is_empty() => {
            for (name, member) in members {
                visit(member, &below(path, name), leaf);
            }
        }
        _ => leaf(node, path),
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
