//! `sites.NAME.acme`: how a site's certificate is ordered.

use std::net::IpAddr;

use super::{Choice, ProfileFrom, Reading, Table};
use crate::check::listen::Listening;
use crate::model::{ChallengeKind, Issuance};
use crate::pattern::HostPattern;
use crate::raw::{Section, Value};

const CHALLENGES: [(&str, ChallengeKind); 3] = [
    ("http-01", ChallengeKind::Http01),
    ("tls-alpn-01", ChallengeKind::TlsAlpn01),
    ("dns-01", ChallengeKind::Dns01),
];
/// What Let's Encrypt takes in one certificate, and others after it.
const NAMES_MAX: usize = 100;
/// The one profile under which Let's Encrypt speaks for addresses.
const SHORT_LIVED: &str = "shortlived";
/// In the authorities' lists they are words.
const PROFILE_BYTES_MAX: usize = 64;

impl<'r> Reading<'r> {
    /// How the certificate of a site is ordered, whose table is `section`; `None` where it is not.
    /// `written` and `hosts` are its hosts, as a list and one by one.
    pub(in crate::check) fn issuance(
        &self,
        section: &Section<'r>,
        written: Option<&Value<'r>>,
        hosts: &[(HostPattern, Value<'r>)],
    ) -> Option<Issuance> {
        let own = section.get("acme");
        let Some(table) = &self.table else {
            own.iter().for_each(report_orphan);
            return None;
        };
        let mut profile = None;
        let choice = match &own {
            None => Choice::Inherit,
            Some(value) if value.is_table() => value.section(|own| {
                profile = own.get("profile");
                self.own(own, table)
            }),
            Some(value) => match value.flag() {
                Some(true) => Choice::Inherit,
                Some(false) => Choice::Off,
                None => Choice::Unknown,
            },
        };
        let (from, profile) = match &profile {
            Some(written) => (ProfileFrom::Site, self::profile(written)),
            None => (ProfileFrom::Acme, table.profile.clone()),
        };
        table.choices.borrow_mut().push((choice, from));
        let challenge = match choice {
            Choice::Inherit => table.challenge?,
            Choice::Own(challenge) => challenge,
            Choice::Off | Choice::Unknown => return None,
        };
        if self.listeners.https == Listening::Off {
            return None;
        }
        if let (Some(written), true) = (written, hosts.len() > NAMES_MAX) {
            written.problem(format!(
                "names {} hosts: authorities take at most {NAMES_MAX} in one certificate, and \
                 a site has one",
                hosts.len()
            ));
        }
        let issuance = Issuance { challenge, profile };
        for (host, value) in hosts {
            table.report_host(host, value, &issuance);
        }
        Some(issuance)
    }

    /// A site's own word, over that of `[acme]`.
    fn own(&self, own: &Section<'r>, table: &Table<'r>) -> Choice {
        match own.get("challenge") {
            None => Choice::Inherit,
            Some(value) => challenge(&value).map_or(Choice::Unknown, |challenge| {
                if let Some(message) = table.hindrance(challenge, self.listeners) {
                    own.source().report_absence(value.line(), value.key(), message, None);
                }
                Choice::Own(challenge)
            }),
        }
    }
}

impl Table<'_> {
    /// Reports a host that no authority would speak for when asked in this way.
    fn report_host(&self, host: &HostPattern, value: &Value<'_>, issuance: &Issuance) {
        let Issuance { challenge, profile } = issuance;
        let name = match host {
            HostPattern::Wildcard(_) if *challenge != ChallengeKind::Dns01 => {
                value.problem(format!(
                    "a wildcard is proven by `challenge = \"dns-01\"` alone: write it in [acme] or \
                     in the site's `acme`, or bring a certificate for `{host}` in a site with \
                     `acme = false`"
                ));
                return;
            }
            HostPattern::Wildcard(_) => return,
            HostPattern::Exact(name) => name,
        };
        if name.parse::<IpAddr>().is_err() {
            return;
        }
        // RFC 8738 §7.
        if *challenge == ChallengeKind::Dns01 {
            value.problem(
                "an address cannot be proven by \"dns-01\": give it a site of its own whose `acme` \
                 says `challenge = \"http-01\"` or \"tls-alpn-01\"",
            );
        }
        let first = self.authorities.as_deref().and_then(<[_]>::first);
        if first.is_some_and(super::authority::is_lets_encrypt)
            && profile.as_deref() != Some(SHORT_LIVED)
        {
            value.problem(format!(
                "Let's Encrypt speaks for addresses in short-lived certificates alone: write \
                 `profile = \"{SHORT_LIVED}\"` in [acme] or in the site's `acme`"
            ));
        }
    }
}

/// `acme` at a site, where there is no `[acme]`.
fn report_orphan(own: &Value<'_>) {
    if own.is_table() || own.flag() == Some(true) {
        let message = "orders nothing: there is no [acme] that says from whom".to_owned();
        own.unknown(message, "", std::iter::empty());
    }
}

/// `challenge`.
pub(super) fn challenge(value: &Value<'_>) -> Option<ChallengeKind> {
    value.one_of(&CHALLENGES)
}

/// `profile`; an empty one is the authority's own choice.
pub(super) fn profile(value: &Value<'_>) -> Option<String> {
    let profile = value.parsed(|text| {
        let is_word =
            text.len() <= PROFILE_BYTES_MAX && text.bytes().all(|it| it.is_ascii_graphic());
        if is_word { Ok(text.to_owned()) } else { Err("is no profile, such as \"tlsserver\"") }
    })?;
    (!profile.is_empty()).then_some(profile)
}
