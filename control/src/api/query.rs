//! The query of a request to the own API.

use http::Uri;
use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// Names and values, decoded; every name is one that is known.
#[derive(Debug)]
pub(super) struct Query(Vec<(&'static str, String)>);

/// How a `+` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    /// As forms write a space.
    Space,
    /// As itself: where no space can be meant, as in a URL.
    Itself,
}

// === impl Query ===

impl Query {
    /// Reads a query. 400 for a name that is not known: a limit that was misspelled would not limit.
    pub(super) fn read(uri: &Uri, known: &[(&'static str, Plus)]) -> Result<Self, Problem> {
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let read = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let asked = decode(name, Plus::Space)?;
            let Some((name, plus)) = known.iter().find(|(name, _)| *name == asked) else {
                let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let known = known.join("`, `");
                let detail = format!("there is no parameter `{asked}`: there are `{known}`");
                return Err(Problem::bad_request(detail));
            };
            Ok((*name, decode(value, *plus)?))
        });
        read.collect::<Result<_, _>>().map(Self)
    }

    /// The value of a parameter that may stand there once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (first, None) => Ok(first),
            _ => Err(Problem::bad_request(format!("`{name}` is there twice"))),
        }
    }

    /// The values of a parameter that may stand there many times.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str, plus: Plus) -> Result<String, Problem> {
    let text = match plus {
        Plus::Space => text.replace('+', " "),
        Plus::Itself => text.to_owned(),
    };
    let decoded = percent_decode_str(&text).decode_utf8();
    let decoded = decoded.map_err(|_| Problem::bad_request("the query is not UTF-8"))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(&str, Plus); 2] = [("url", Plus::Itself), ("header", Plus::Space)];

    fn read(query: &str) -> Result<Query, Problem> {
        Query::read(&format!("/inspect?{query}").parse().unwrap(), &KNOWN)
    }

    #[test]
    fn values_are_decoded() {
        let query = read("url=https%3A%2F%2Fx%2F%3Fa%3D1+2&header=A:+b&&header=%C3%A9=").unwrap();
        assert_eq!(query.one("url").unwrap(), Some("https://x/?a=1+2"));
        assert_eq!(query.all("header").collect::<Vec<_>>(), ["A: b", "é="]);
        assert!(query.one("header").is_err());
        assert_eq!(read("").unwrap().one("url").unwrap(), None);
        assert_eq!(read("url").unwrap().one("url").unwrap(), Some(""));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for query in ["URL=x", "url=a&b=2", "url=%FF", "%FF=1"] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
