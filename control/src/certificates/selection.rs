//! Which of the planned hosts an order is placed for, when some of them do not point here.
//!
//! One certificate speaks for all hosts of a site, but a host without DNS must not keep the others
//! from being served: they are ordered for without it, and all together once it points here. A host
//! that is served today is not given up so easily: a renewal waits for it as long as it can.

use warmfront_config::HostPattern;

use super::pointing::Pointing;

/// After so many looks, a host that does not point here is no accident of its name server.
const LOOKS_MIN: u32 = 2;

/// What the looks came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// A certificate for these is ordered.
    Order(Vec<HostPattern>),
    /// Nothing is, until more hosts point here.
    Wait,
}

/// The ordered certificate that the site has.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    /// Whether it speaks for a host.
    pub(crate) covers: &'a dyn Fn(&HostPattern) -> bool,
    /// It is to be replaced whatever it speaks for.
    pub(crate) is_due: bool,
    /// It is far enough from its end.
    pub(crate) may_wait: bool,
}

// === impl Selection ===

impl Selection {
    /// `looks` is how often the hosts were looked at, in a row, without all of them pointing here.
    pub(crate) fn new(
        looked_at: &[(HostPattern, Pointing)],
        looks: u32,
        held: Option<Held<'_>>,
    ) -> Self {
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            looked_at.iter().partition(|(_, pointing)| *pointing == Pointing::Here);
        let hosts = |of: Vec<&(HostPattern, Pointing)>| {
            of.into_iter().map(|(host, _)| host.clone()).collect::<Vec<_>>()
        };
        let (here, elsewhere) = (hosts(here), hosts(elsewhere));
        if here.is_empty() || (!elsewhere.is_empty() && looks < LOOKS_MIN) {
            return Self::Wait;
        }
        let Some(held) = held.filter(|_| !elsewhere.is_empty()) else {
            return Self::Order(here);
        };
        let would_lose = held.may_wait && elsewhere.iter().any(held.covers);
        let would_gain = held.is_due || !here.iter().all(held.covers);
        if would_lose || !would_gain { Self::Wait } else { Self::Order(here) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HostPattern {
        HostPattern::parse(name).unwrap()
    }

    /// `a+` points here, `b-` does not.
    fn looked_at(hosts: &str) -> Vec<(HostPattern, Pointing)> {
        let one = |word: &str| match word.strip_suffix('+') {
            Some(name) => (host(name), Pointing::Here),
            None => (host(word.trim_end_matches('-')), Pointing::Elsewhere("no".to_owned())),
        };
        hosts.split(' ').map(one).collect()
    }

    #[test]
    fn hosts_that_do_not_point_here_hold_nobody_up_for_long() {
        // What was seen, after how many looks; what the certificate speaks for, if there is one,
        // whether it is due, and whether it may wait; what is ordered.
        let none = None;
        let held = |covers: &'static str, is_due, may_wait| Some((covers, is_due, may_wait));
        for (seen, looks, held, ordered) in [
            ("a+ b+", 0, none, "a b"),
            ("a- b-", 9, none, ""),
            ("a+ b-", 1, none, ""),
            ("a+ b-", 2, none, "a"),
            ("a+ b+", 0, held("a", false, true), "a b"),
            ("a+ b-", 2, held("a", false, true), ""),
            ("a+ b-", 2, held("a", true, true), "a"),
            ("a+ b- c+", 2, held("a", false, true), "a c"),
            ("a+ b-", 2, held("a b", true, true), ""),
            ("a+ b-", 2, held("a b", true, false), "a"),
            ("a- b-", 2, held("a b", true, false), ""),
        ] {
            let covers = |host: &HostPattern| {
                held.is_some_and(|(covers, ..)| covers.contains(&host.to_string()))
            };
            let held = held.map(|(_, is_due, may_wait)| Held { covers: &covers, is_due, may_wait });
            let expected = match ordered {
                "" => Selection::Wait,
                names => Selection::Order(names.split(' ').map(host).collect()),
            };
            let selected = Selection::new(&looked_at(seen), looks, held);
            assert_eq!(selected, expected, "{seen} after {looks} looks");
        }
    }
}
