//! What of `resolv.conf` is understood: `nameserver`, `search`, `domain` and `options ndots`.

use std::net::IpAddr;

use hickory_resolver::proto::rr::Name as DomainName;

use super::search::Search;

/// As in resolv.conf(5): `MAXNS`.
const SERVERS_MAX: usize = 3;
/// As in resolv.conf(5): silently capped.
const NDOTS_MAX: u8 = 15;

/// The servers to ask and how to complete names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResolvConf {
    pub(super) servers: Vec<IpAddr>,
    pub(super) search: Search,
}

// === impl ResolvConf ===

impl ResolvConf {
    /// What is not understood is passed over, as by the C library.
    pub(super) fn parse(text: &str) -> Self {
        let search = Search { domains: Vec::new(), ndots: 1 };
        let mut parsed = Self { servers: Vec::new(), search };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => parsed.servers.extend(words.next().and_then(address)),
                // The last of these lines counts.
                Some("domain") => {
                    parsed.search.domains = words.take(1).filter_map(domain).collect();
                }
                Some("search") => parsed.search.domains = words.filter_map(domain).collect(),
                Some("options") => {
                    parsed.search.ndots =
                        words.filter_map(ndots).next_back().unwrap_or(parsed.search.ndots);
                }
                _ => {}
            }
        }
        parsed.servers.truncate(SERVERS_MAX);
        parsed
    }
}

fn address(word: &str) -> Option<IpAddr> {
    word.parse().ok()
}

fn domain(word: &str) -> Option<DomainName> {
    // The root is a domain that completes nothing.
    DomainName::from_str_relaxed(word).ok().filter(|domain| !domain.is_root())
}

fn ndots(option: &str) -> Option<u8> {
    let dots: u64 = option.strip_prefix("ndots:")?.parse().ok()?;
    Some(u8::try_from(dots).unwrap_or(NDOTS_MAX).min(NDOTS_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NDOTS_MAX, ResolvConf, SERVERS_MAX};

    #[test]
    fn the_lines_that_matter_are_read() {
        for (text, servers, domains, ndots) in [
            ("", "", "", 1),
            ("nameserver 10.0.0.2\nnameserver ::1\n", "10.0.0.2 ::1", "", 1),
            ("; comment\n# nameserver 10.0.0.2\nnameserver x\nnameserver\n", "", "", 1),
            ("search a.example b.example\ndomain c.example d", "", "c.example", 1),
            ("domain c.example\n\tsearch a_b.example . b", "", "a_b.example b", 1),
            ("options edns0 ndots:5 trust-ad\nsearch svc", "", "svc", 5),
            ("options ndots:0\noptions timeout:1", "", "", 0),
            ("options ndots:999", "", "", 15),
            ("options ndots:-1 ndots:", "", "", 1),
            (&"nameserver 10.0.0.2\n".repeat(4), "10.0.0.2 10.0.0.2 10.0.0.2", "", 1),
        ] {
            let parsed = ResolvConf::parse(text);
            assert_eq!(words(&parsed.servers), servers, "{text}");
            assert_eq!(words(&parsed.search.domains), domains, "{text}");
            assert_eq!(parsed.search.ndots, ndots, "{text}");
        }
    }

    fn words<T: ToString>(items: &[T]) -> String {
        items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "((nameserver|search|domain|options|[;#])?[ -~\t]{0,40}\n){0,8}") {
            let parsed = ResolvConf::parse(&text);
            prop_assert!(parsed.servers.len() <= SERVERS_MAX && parsed.search.ndots <= NDOTS_MAX);
        }
    }
}
