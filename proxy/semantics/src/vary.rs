//! Secondary keys: which stored variant a request selects (RFC 9111 §4.1).

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What a response's Vary field says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vary {
    /// No Vary field: one response for everybody.
    Nothing,
    /// `*`, or something that is no field name: no later request is known to match.
    Everything,
    /// These request fields, sorted and without repetition.
    Fields(Vec<HeaderName>),
}

// === impl Vary ===

impl Vary {
    /// Reads every Vary line of a response.
    #[must_use]
    pub fn of(response: &HeaderMap) -> Self {
        let mut fields = Vec::new();
        for line in response.get_all(header::VARY) {
            for member in line.as_bytes().split(|&b| b == b',') {
                let member = member.trim_ascii();
                if member.is_empty() {
                    continue;
                }
                match HeaderName::from_bytes(member) {
                    Ok(name) if member != b"*" => fields.push(name),
                    _ => return Self::Everything,
                }
            }
        }
        fields.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        fields.dedup();
        if fields.is_empty() { Self::Nothing } else { Self::Fields(fields) }
    }

    /// The bytes that two requests share exactly if they select the same variant.
    ///
    /// RFC 9111 §4.1 lets a cache normalise white space and join the lines of one field; an absent
    /// field matches only an absent one. Every part is framed by its length, so that no two lists of
    /// values collide. Cookie is no list of that kind (RFC 6265 §5.4): its lines are joined as they
    /// are for the origin, and nothing else is done to it.
    #[must_use]
    pub fn secondary_key(&self, request: &HeaderMap) -> Option<Vec<u8>> {
        self.secondary_key_of(request, |_| true)
    }

    /// The same of those fields alone that the origin was `shown` as the client sent them. Where the
    /// edge compresses, the origin is asked for identity whatever Accept-Encoding says, so that no
    /// response was selected by it. A field that is left out is not in the key at all, so the two
    /// forms are not to be mixed under one primary key.
    #[must_use]
    pub fn secondary_key_of(
        &self,
        request: &HeaderMap,
        shown: impl Fn(&HeaderName) -> bool,
    ) -> Option<Vec<u8>> {
        let Self::Fields(fields) = self else {
            return None;
        };
        let mut key = Vec::new();
        for name in fields.iter().filter(|name| shown(name)) {
            frame(&mut key, name.as_str().as_bytes());
            let lines = request.get_all(name).iter().map(HeaderValue::as_bytes);
            let values = if *name == header::COOKIE {
                let crumbs: Vec<&[u8]> = lines.collect();
                if crumbs.is_empty() { Vec::new() } else { vec![crumbs.join(b"; ".as_slice())] }
            } else {
                lines.flat_map(members).map(<[u8]>::to_vec).collect()
            };
            // None is of an absent field: even an empty line has a member.
            key.extend_from_slice(&(values.len() as u64).to_be_bytes());
            for value in &values {
                frame(&mut key, value);
            }
        }
        Some(key)
    }
}

/// The members of one line of a list, without the white space around them. Commas within a quoted
/// string (RFC 9110 §5.6.4) are a value's own; one without an end reaches to that of the line.
fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut within = Within::Outside;
    let is_comma = move |octet: &u8| {
        let (next, is_comma) = match (within, octet) {
            (Within::Outside, b',') => (Within::Outside, true),
            (Within::Outside, b'"') | (Within::Escaped, _) => (Within::Quoted, false),
            (Within::Quoted, b'"') => (Within::Outside, false),
            (Within::Quoted, b'\\') => (Within::Escaped, false),
            (within, _) => (within, false),
        };
        within = next;
        is_comma
    };
    line.split(is_comma).map(<[u8]>::trim_ascii)
}

/// Where in a line an octet stands.
#[derive(Debug, Clone, Copy)]
enum Within {
    Outside,
    Quoted,
    Escaped,
}

fn frame(key: &mut Vec<u8>, part: &[u8]) {
    key.extend_from_slice(&(part.len() as u64).to_be_bytes());
    key.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect()
    }

    #[test]
    fn reads_lists_lines_and_stars() {
        let names = Vary::of(&fields(&[("vary", "Origin, ,accept"), ("vary", "ORIGIN")]));
        assert_eq!(names, Vary::Fields(vec![header::ACCEPT, header::ORIGIN]));
        assert_eq!(Vary::of(&fields(&[("vary", "accept, *")])), Vary::Everything);
        assert_eq!(Vary::of(&fields(&[("vary", " , ")])), Vary::Nothing);
        assert_eq!(Vary::of(&fields(&[])), Vary::Nothing);
    }

    #[test]
    fn selects_by_values_not_by_spacing() {
        let vary = Vary::of(&fields(&[("vary", "accept-language")]));
        let key = |lines: &[_]| vary.secondary_key(&fields(lines));
        let both = key(&[("accept-language", "de,en")]);
        assert_eq!(both, key(&[("accept-language", "de ,  en")]));
        assert_eq!(both, key(&[("accept-language", "de"), ("accept-language", "en")]));
        assert_ne!(both, key(&[("accept-language", "en,de")]));
        assert_ne!(key(&[("accept-language", "")]), key(&[]));
    }

    #[test]
    fn what_the_origin_is_not_shown_selects_nothing() {
        let vary = Vary::of(&fields(&[("vary", "accept-encoding, origin")]));
        let key = |lines: &[_]| {
            vary.secondary_key_of(&fields(lines), |name| name != header::ACCEPT_ENCODING)
        };
        assert_eq!(key(&[("accept-encoding", "br")]), key(&[("accept-encoding", "gzip")]));
        assert_eq!(key(&[("accept-encoding", "br")]), key(&[]));
        assert_ne!(key(&[("origin", "https://a.test")]), key(&[]));
        assert_eq!(vary.secondary_key_of(&fields(&[]), |_| false), Some(Vec::new()));
    }

    #[test]
    fn what_is_quoted_is_no_list() {
        let vary = Vary::of(&fields(&[("vary", "a")]));
        let key = |values: &[&'static str]| {
            let lines: Vec<_> = values.iter().map(|value| ("a", *value)).collect();
            vary.secondary_key(&fields(&lines))
        };
        for (first, second, is_same) in [
            (&[r#""b", c"#][..], &[r#""b",c"#][..], true),
            (&[r#""b, c" , d"#], &[r#""b, c""#, "d"], true),
            (&[r#""b, c""#], &[r#""b,c""#], false),
            (&[r#"" b""#], &[r#""b""#], false),
            (&[r#""b\", c""#], &[r#""b\",c""#], false),
            (&[r#""b\\", c"#], &[r#""b\\",c"#], true),
            (&[r#""b"#, r#"c""#], &[r#""b,c""#], false),
            (&[r#""b, c"#], &[r#""b,c"#], false),
            (&["b", ""], &["b"], false),
        ] {
            assert_eq!(key(first) == key(second), is_same, "{first:?} {second:?}");
        }
    }

    #[test]
    fn cookies_are_compared_as_the_origin_sees_them() {
        let vary = Vary::of(&fields(&[("vary", "cookie")]));
        let key = |lines: &[_]| vary.secondary_key(&fields(lines));
        let both = key(&[("cookie", "a=1; b=2")]);
        assert_eq!(both, key(&[("cookie", "a=1"), ("cookie", "b=2")]));
        let one = key(&[("cookie", "a=1,b=2")]);
        assert_ne!(one, both);
        assert_ne!(one, key(&[("cookie", "a=1, b=2")]));
        assert_ne!(key(&[("cookie", "")]), key(&[]));
    }
}
