//! Secondary keys: which stored variant a request selects (RFC 9111 §4.1).

use http::{HeaderMap, HeaderName, header};

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
    /// values collide.
    #[must_use]
    pub fn secondary_key(&self, request: &HeaderMap) -> Option<Vec<u8>> {
        let Self::Fields(fields) = self else {
            return None;
        };
        let mut key = Vec::new();
        for name in fields {
            frame(&mut key, name.as_str().as_bytes());
            if request.contains_key(name) {
                key.push(1);
                frame(&mut key, &joined(request, name));
            } else {
                key.push(0);
            }
        }
        Some(key)
    }
}

fn joined(request: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let members = request
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&b| b == b','))
        .map(<[u8]>::trim_ascii);
    members.collect::<Vec<_>>().join(&b',')
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
}
