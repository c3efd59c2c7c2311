//! Which complete names an incomplete one may stand for.

use hickory_resolver::proto::rr::Name as DomainName;

/// The search list of `resolv.conf`; the default has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Search {
    pub(super) domains: Vec<DomainName>,
    /// A name with this many dots is tried as it is before the domains are.
    pub(super) ndots: u8,
}

// === impl Search ===

impl Search {
    /// In the order in which they are asked for. A name that ends with a dot is complete.
    pub(super) fn candidates(&self, name: DomainName) -> Vec<DomainName> {
        if name.is_fqdn() {
            return vec![name];
        }
        // A domain that makes the name too long cannot be meant.
        let searched =
            self.domains.iter().filter_map(|domain| name.clone().append_domain(domain).ok());
        let mut candidates: Vec<DomainName> = searched.collect();
        let dots = name.num_labels().saturating_sub(1);
        let mut as_written = name;
        as_written.set_fqdn(true);
        let place = if dots >= self.ndots { 0 } else { candidates.len() };
        candidates.insert(place, as_written);
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::{DomainName, Search};

    #[test]
    fn candidates_come_in_the_order_of_resolv_conf() {
        let domains: Vec<DomainName> =
            ["corp.example", "example."].iter().map(|text| text.parse().unwrap()).collect();
        let (none, two) = (Search::default(), |ndots| Search { domains: domains.clone(), ndots });
        for (search, name, expected) in [
            (none.clone(), "web", "web."),
            (none, "web.test.", "web.test."),
            (two(1), "web", "web.corp.example. web.example. web."),
            (two(1), "web.test", "web.test. web.test.corp.example. web.test.example."),
            (two(2), "web.test", "web.test.corp.example. web.test.example. web.test."),
            (two(5), "web.test.", "web.test."),
        ] {
            let candidates = search.candidates(DomainName::from_str_relaxed(name).unwrap());
            let candidates: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            assert_eq!(candidates.join(" "), expected, "{name}, {} dots", search.ndots);
        }
    }
}
