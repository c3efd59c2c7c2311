//! The members of a list of directives (RFC 9110 §5.6).

/// One `name[=argument]`.
pub(super) struct Member {
    /// In lower case.
    pub(super) name: Vec<u8>,
    /// Without the quotes.
    pub(super) argument: Option<Vec<u8>>,
    pub(super) trust: Trust,
}

/// Whether the bytes around a member leave no doubt that it is one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Full,
    /// A quotation mark is out of place: what seems to lie inside quotes may lie outside.
    Doubtful,
}

/// Where in a field line a byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Outside,
    Inside,
    Escaped,
}

/// The members of one field line (RFC 9110 §5.6.1); an empty one is one without a name.
///
/// A quote that is never closed takes the rest of the line with it, and a `no-store` that may be
/// there. What has a quotation mark out of place is therefore read again as if there were no
/// quotes, for the words that forbid; a lifetime from there is not believed, and no lifetime of the
/// line is if the quote is still open at its end.
pub(super) fn members(line: &[u8]) -> Vec<Member> {
    let (pieces, end) = pieces(line);
    let mut members = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match Member::well_quoted(piece) {
            Some(member) => members.push(member),
            None => members.extend(piece.split(|&b| b == b',').map(Member::doubtful)),
        }
    }
    if end != Quoting::Outside {
        for member in &mut members {
            member.trust = Trust::Doubtful;
        }
    }
    members
}

// === impl Member ===

impl Member {
    /// Reads a member whose quotation marks are where RFC 9110 §5.6.6 has them: around the
    /// argument.
    fn well_quoted(piece: &[u8]) -> Option<Self> {
        let (name, argument) = halves(piece);
        let argument = match argument {
            Some(quoted) if quoted.starts_with(b"\"") => Some(unquoted(quoted)?),
            Some(token) if token.contains(&b'"') => return None,
            token => token.map(<[u8]>::to_vec),
        };
        let name = name.to_ascii_lowercase();
        (!name.contains(&b'"')).then_some(Self { name, argument, trust: Trust::Full })
    }

    /// Reads a member in which a quotation mark is a byte like any other.
    fn doubtful(piece: &[u8]) -> Self {
        let (name, argument) = halves(piece);
        let argument = argument.map(<[u8]>::to_vec);
        Self { name: name.to_ascii_lowercase(), argument, trust: Trust::Doubtful }
    }
}

/// Splits at the commas outside quoted strings (RFC 9110 §5.6.4), and says where the line ends.
fn pieces(line: &[u8]) -> (Vec<&[u8]>, Quoting) {
    let (mut pieces, mut start, mut quoting) = (Vec::new(), 0, Quoting::Outside);
    for (at, byte) in line.iter().enumerate() {
        quoting = match (quoting, byte) {
            (Quoting::Outside, b',') => {
                pieces.push(&line[start..at]);
                start = at + 1;
                Quoting::Outside
            }
            (Quoting::Outside, b'"') | (Quoting::Escaped, _) => Quoting::Inside,
            (Quoting::Inside, b'"') => Quoting::Outside,
            (Quoting::Inside, b'\\') => Quoting::Escaped,
            (quoting, _) => quoting,
        };
    }
    pieces.push(&line[start..]);
    (pieces, quoting)
}

/// The name and what stands behind the first `=`. White space beside the `=` belongs to them, and
/// spoils them.
fn halves(piece: &[u8]) -> (&[u8], Option<&[u8]>) {
    let piece = piece.trim_ascii();
    match piece.iter().position(|&b| b == b'=') {
        Some(at) => (&piece[..at], Some(&piece[at + 1..])),
        None => (piece, None),
    }
}

/// The content of a quoted string; `None` if it is not one from its first byte to its last.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut inner = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?.iter();
    let mut content = Vec::with_capacity(inner.len());
    while let Some(&byte) = inner.next() {
        match byte {
            b'"' => return None,
            b'\\' => content.push(*inner.next()?),
            byte => content.push(byte),
        }
    }
    Some(content)
}
