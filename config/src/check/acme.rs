//! `[acme]`, and what sites say of their certificates.

mod authority;
mod dns;
mod issuance;
mod shared_secret;

use std::cell::RefCell;
use std::net::IpAddr;

use super::listen::{Listeners, Listening};
use crate::model::{Acme, Authority, BeforeFirst, ChallengeKind, DnsPublisher};
use crate::pattern::is_dns_name;
use crate::raw::{Section, Source, Value};

const BEFORE_FIRST: [(&str, BeforeFirst); 2] =
    [("self-signed", BeforeFirst::SelfSigned), ("refuse", BeforeFirst::Refuse)];

/// `[acme]` before the sites are known; `None` where it is left out.
pub(super) struct Reading<'r> {
    table: Option<Table<'r>>,
    listeners: Listeners,
}

/// What stands in the table.
struct Table<'r> {
    source: &'r Source<'r>,
    line: usize,
    email: Option<String>,
    /// `None` if one of them could not be read.
    authorities: Option<Vec<Authority>>,
    /// `None` if it could not be read.
    challenge: Option<ChallengeKind>,
    /// `None` where it is the default.
    written_challenge: Option<Value<'r>>,
    /// Of the sites that have been read.
    choices: RefCell<Vec<(Choice, ProfileFrom)>>,
    profile: Option<String>,
    /// `None` where it is left out.
    written_profile: Option<Value<'r>>,
    public_addresses: Vec<IpAddr>,
    /// `None` where there are none.
    written_addresses: Option<Value<'r>>,
    before_first: BeforeFirst,
    /// The publisher is `None` if it could not be read.
    dns: Option<(Value<'r>, Option<DnsPublisher>)>,
}

/// How a site has its hosts proven.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// As `[acme]` says.
    Inherit,
    /// As it says itself.
    Own(ChallengeKind),
    /// Not at all: nothing is ordered for it.
    Off,
    /// What it says could not be read.
    Unknown,
}

/// Whose word the profile of a site's certificate is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ProfileFrom {
    /// That of `[acme]`.
    Acme,
    /// The site's own.
    Site,
}

// === impl Reading ===

impl<'r> Reading<'r> {
    /// Reads `[acme]`.
    pub(super) fn read(root: &Section<'r>, listeners: Listeners) -> Self {
        let table = root.get("acme").map(|value| value.section(table));
        Self { table, listeners }
    }

    /// Whether authorities are to be asked for certificates.
    pub(super) fn is_written(&self) -> bool {
        self.table.is_some()
    }

    /// What `[acme]` means, now that the sites have been read.
    pub(super) fn proven(self) -> Option<Acme> {
        let table = self.table?;
        let choices = table.choices.take();
        let is_off = |(choice, _): &(Choice, ProfileFrom)| *choice == Choice::Off;
        if self.listeners.https == Listening::Off {
            table.problem("would do nothing: `listen.https` is empty");
        } else if !choices.is_empty() && choices.iter().all(is_off) {
            table.problem("would do nothing: every site says `acme = false`");
        } else {
            table.report_challenge(self.listeners, &choices);
            table.report_idle(&choices);
        }
        Some(Acme {
            email: table.email,
            authorities: table.authorities?,
            public_addresses: table.public_addresses,
            before_first: table.before_first,
            dns: table.dns.and_then(|(_, publisher)| publisher),
        })
    }
}

// === impl Table ===

impl Table<'_> {
    fn problem(&self, message: &str) {
        self.source.report_absence(self.line, "acme", message.to_owned(), None);
    }

    /// Reports a challenge that cannot be met.
    fn report_challenge(&self, listeners: Listeners, choices: &[(Choice, ProfileFrom)]) {
        let is_inherited = choices.iter().any(|(choice, _)| *choice == Choice::Inherit);
        if let (true, Some(challenge)) = (is_inherited, self.challenge)
            && let Some(message) = self.hindrance(challenge, listeners)
        {
            let (line, key) = match &self.written_challenge {
                Some(value) => (value.line(), value.key()),
                None => (self.line, "acme.challenge"),
            };
            self.source.report_absence(line, key, message, None);
        }
    }

    /// Reports what no site needs, now that there are some.
    fn report_idle(&self, choices: &[(Choice, ProfileFrom)]) {
        let is_idle = |needs: &dyn Fn(Choice, ProfileFrom) -> bool| {
            let may_need = |&(choice, profile): &(Choice, ProfileFrom)| match choice {
                Choice::Off => false,
                Choice::Unknown => true,
                Choice::Inherit | Choice::Own(_) => needs(choice, profile),
            };
            !choices.is_empty() && !choices.iter().any(may_need)
        };
        let report =
            |value: Option<&Value<'_>>, needs: &dyn Fn(Choice, ProfileFrom) -> bool, why| {
                if let Some(value) = value.filter(|_| is_idle(needs)) {
                    value.problem(format!("would do nothing: no site {why}"));
                }
            };
        let is_dns = |choice| match choice {
            Choice::Own(kind) => Some(kind == ChallengeKind::Dns01),
            // `None` where it could not be read.
            _ => self.challenge.map(|kind| kind == ChallengeKind::Dns01),
        };
        report(
            self.written_challenge.as_ref(),
            &|choice, _| choice == Choice::Inherit,
            "leaves its challenge to it",
        );
        report(
            self.written_profile.as_ref().filter(|value| !value.is_empty_text()),
            &|_, profile| profile == ProfileFrom::Acme,
            "leaves its profile to it",
        );
        report(
            self.written_addresses.as_ref(),
            &|choice, _| is_dns(choice) != Some(true),
            "proves its hosts by `challenge = \"http-01\"` or \"tls-alpn-01\"",
        );
        report(
            self.dns.as_ref().map(|(value, _)| value),
            &|choice, _| is_dns(choice) != Some(false),
            "proves its hosts by `challenge = \"dns-01\"`",
        );
    }

    /// Why no host can be proven in this way.
    fn hindrance(&self, challenge: ChallengeKind, listeners: Listeners) -> Option<String> {
        match challenge {
            ChallengeKind::Http01 if listeners.http == Listening::Off => Some(
                "\"http-01\" is asked over plain HTTP, and `listen.http` is empty: give it an \
                 address, or write `challenge = \"tls-alpn-01\"` or \"dns-01\""
                    .to_owned(),
            ),
            ChallengeKind::Dns01 if self.dns.is_none() => Some(
                "\"dns-01\" needs somebody who publishes TXT records: write `acme.dns` with \
                 `rfc2136`, `route53` or `exec`"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

fn table<'r>(section: &Section<'r>) -> Table<'r> {
    let email = section.get("email").and_then(|value| value.parsed(email));
    report_terms(section);
    let written_challenge = section.get("challenge");
    let challenge = match &written_challenge {
        Some(value) => issuance::challenge(value),
        None => Some(ChallengeKind::default()),
    };
    let written_profile = section.get("profile");
    let written_addresses = section.get("public_addresses");
    let public_addresses = written_addresses
        .as_ref()
        .and_then(|value| value.distinct(|it| it.parsed(reachable)))
        .unwrap_or_default();
    let dns = section.get("dns").map(|value| {
        let publisher = value.section(dns::publisher);
        (value, publisher)
    });
    Table {
        source: section.source(),
        line: section.line(),
        email,
        authorities: authority::authorities(section),
        challenge,
        written_challenge,
        choices: RefCell::default(),
        profile: written_profile.as_ref().and_then(issuance::profile),
        written_profile,
        written_addresses: written_addresses.filter(|_| !public_addresses.is_empty()),
        public_addresses,
        before_first: section
            .or("before_first", BeforeFirst::default(), |value| value.one_of(&BEFORE_FIRST)),
        dns,
    }
}

/// RFC 8555 §7.3.3: the terms are the authority's, and only who runs the node can accept them.
fn report_terms(section: &Section<'_>) {
    let meaning = "`true` says that you accept the terms of service of the authorities that \
                   certificates are ordered from; none is ordered without";
    match section.get("agree_to_terms") {
        None => {
            let message = format!("missing: {meaning}");
            section.miss(&["agree_to_terms"], Some("agree_to_terms"), &message);
        }
        Some(value) if value.flag() == Some(false) => value.problem(meaning),
        Some(_) => {}
    }
}

/// One address that can stand behind `mailto:` as it is (RFC 8555 §7.3 permits nothing else there).
fn email(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<>?@[\\]%".contains(&byte);
    if text.starts_with("mailto:") {
        return Err("is the address alone, without `mailto:`".to_owned());
    }
    match text.rsplit_once('@') {
        Some((local, domain))
            if !local.is_empty() && local.bytes().all(plain) && is_dns_name(domain) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!("{text:?} is no email address, such as \"ops@example.com\"")),
    }
}

/// An address by which the world may come.
fn reachable(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| {
        format!("{text:?} is no address, such as \"203.0.113.7\" or \"2001:db8::7\"")
    })?;
    let address = address.to_canonical();
    if address.is_unspecified() || address.is_multicast() {
        return Err(format!("{address} is no machine's address"));
    }
    Ok(address)
}
