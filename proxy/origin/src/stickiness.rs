//! The cookie by which a client stays with its target. It is signed, and its target is in it by a keyed
//! digest: a client learns no address and cannot choose one.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderValue, header};
use sha2::Sha256;
use warmfront_config::Stickiness;
use warmfront_semantics::cookie;

/// What the names of the edge's own cookies begin with. No origin sees them, no key holds them.
pub const COOKIE_PREFIX: &str = "WFLB";

const TAG_BYTES: usize = 16;
const TIME_BYTES: usize = 8;
const VALUE_BYTES: usize = TIME_BYTES + TAG_BYTES + TAG_BYTES;

/// A target as the cookie names it.
pub(crate) type Tag = [u8; TAG_BYTES];

/// Makes and reads the cookies of one group.
#[derive(Debug)]
pub(crate) struct Cookies {
    key: [u8; 32],
    group: String,
    name: String,
    stickiness: Stickiness,
}

/// Over what kind of connection a cookie is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// TLS: the cookie is never sent without.
    Secure,
    /// In clear.
    Plain,
}

// === impl Cookies ===

impl Cookies {
    /// `key` is the node's, the same after a restart.
    pub(crate) fn new(key: [u8; 32], group: &str, stickiness: &Stickiness) -> Self {
        let mut cookies = Self {
            key,
            group: group.to_owned(),
            name: String::new(),
            stickiness: stickiness.clone(),
        };
        // Two groups of one host must not overwrite each other's, and a name tells nobody of groups.
        let digest = cookies.digest(&[b"name"]);
        let short = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        cookies.name = match stickiness {
            Stickiness::LoadBalancer { .. } => format!("{COOKIE_PREFIX}-{short:08x}"),
            Stickiness::Application { .. } => format!("{COOKIE_PREFIX}APP-{short:08x}"),
        };
        cookies
    }

    /// What stands for a target.
    pub(crate) fn tag(&self, address: SocketAddr) -> Tag {
        self.digest(&[b"target", address.to_string().as_bytes()])
    }

    /// The target that a request's cookies name, if they are the edge's own and still hold.
    pub(crate) fn read(&self, request: &HeaderMap, now: SystemTime) -> Option<Tag> {
        let value = cookie::pairs(request).find(|(name, _)| *name == self.name.as_bytes())?.1;
        if let Stickiness::Application { name, .. } = &self.stickiness
            && !cookie::pairs(request).any(|(known, _)| known == name.as_bytes())
        {
            // The app has ended the session.
            return None;
        }
        self.open(value, now)
    }

    /// The Set-Cookie field for a response of this target's, if it is to have one.
    pub(crate) fn write(
        &self,
        tag: &Tag,
        response: &HeaderMap,
        channel: Channel,
        now: SystemTime,
    ) -> Option<HeaderValue> {
        if let Stickiness::Application { name, .. } = &self.stickiness
            && !sets_cookie(response, name)
        {
            return None;
        }
        self.issue(tag, channel, now)
    }

    /// The Set-Cookie field that names this target, whatever its response says.
    pub(crate) fn issue(
        &self,
        tag: &Tag,
        channel: Channel,
        now: SystemTime,
    ) -> Option<HeaderValue> {
        let (name, duration) = (&self.name, self.duration());
        let value = self.seal(tag, now + duration);
        let seconds = duration.as_secs();
        // As the AWSALBCORS cookie: an app that is embedded elsewhere keeps its target too.
        let secure = match channel {
            Channel::Secure => "; Secure; SameSite=None",
            Channel::Plain => "",
        };
        let field = format!("{name}={value}; Max-Age={seconds}; Path=/; HttpOnly{secure}");
        HeaderValue::try_from(field).ok()
    }

    fn duration(&self) -> Duration {
        match &self.stickiness {
            Stickiness::LoadBalancer { duration } | Stickiness::Application { duration, .. } => {
                *duration
            }
        }
    }

    fn seal(&self, tag: &Tag, until: SystemTime) -> String {
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_be_bytes();
        let seal = self.digest(&[b"cookie", &until, tag]);
        URL_SAFE_NO_PAD.encode([until.as_slice(), tag, &seal].concat())
    }

    fn open(&self, value: &[u8], now: SystemTime) -> Option<Tag> {
        // With room for what the decoder reserves beyond the last octet.
        let mut octets = [0; VALUE_BYTES + 3];
        let length = URL_SAFE_NO_PAD.decode_slice(value, &mut octets).ok()?;
        let (until, rest) = octets.get(..length)?.split_first_chunk::<TIME_BYTES>()?;
        let (tag, seal) = rest.split_first_chunk::<TAG_BYTES>()?;
        if seal.len() != TAG_BYTES {
            return None;
        }
        let holds =
            now < UNIX_EPOCH.checked_add(Duration::from_secs(u64::from_be_bytes(*until)))?;
        let mac = self.mac(&[b"cookie", until, tag]);
        (mac.verify_truncated_left(seal).is_ok() && holds).then_some(*tag)
    }

    fn digest(&self, parts: &[&[u8]]) -> Tag {
        let whole = self.mac(parts).finalize().into_bytes();
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&whole[..TAG_BYTES]);
        tag
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.key)
            .expect("HMAC takes a key of any length");
        for part in [self.group.as_bytes()].iter().chain(parts) {
            // With its length before it, so that no two lists of parts read the same.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

fn sets_cookie(response: &HeaderMap, name: &str) -> bool {
    response.get_all(header::SET_COOKIE).iter().any(|field| {
        let set = field.as_bytes().split(|octet| *octet == b'=').next().unwrap_or_default();
        set.trim_ascii() == name.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn cookies(key: u8, group: &str) -> Cookies {
        Cookies::new([key; 32], group, &Stickiness::LoadBalancer { duration: DAY })
    }

    fn given(cookies: &Cookies, address: &str, now: SystemTime) -> (String, String, String) {
        let tag = cookies.tag(address.parse().unwrap());
        let field = cookies.write(&tag, &HeaderMap::new(), Channel::Secure, now).unwrap();
        let text = field.to_str().unwrap().to_owned();
        let (pair, attributes) = text.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned(), attributes.to_owned())
    }

    fn sent(lines: &[&[u8]]) -> HeaderMap {
        let value = |line: &&[u8]| HeaderValue::from_bytes(line).unwrap();
        lines.iter().map(|line| (header::COOKIE, value(line))).collect()
    }

    fn read(cookies: &Cookies, name: &str, value: &[u8], now: SystemTime) -> Option<Tag> {
        cookies.read(&sent(&[&[name.as_bytes(), value].join(&b'=')]), now)
    }

    #[test]
    fn a_cookie_leads_back_to_its_target_until_it_is_over() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let ours = cookies(1, "api");
        let (name, value, attributes) = given(&ours, "10.0.0.1:80", now);
        assert_eq!(attributes, "Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=None");
        let tag = ours.tag("10.0.0.1:80".parse().unwrap());
        assert_eq!(read(&ours, &name, value.as_bytes(), now), Some(tag));
        assert_eq!(read(&ours, &name, value.as_bytes(), now + DAY), None);
        assert_ne!(tag, ours.tag("10.0.0.2:80".parse().unwrap()));
    }

    #[test]
    fn nobody_else_makes_one() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let ours = cookies(1, "api");
        let (name, value, _) = given(&ours, "10.0.0.1:80", now);
        for index in 0..value.len() {
            let mut forged = value.clone().into_bytes();
            forged[index] = if forged[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&ours, &name, &forged, now), None, "{index}");
        }
        for odd in [
            "",
            "x",
            "====",
            value.trim_start_matches('A'),
            &format!("{value}A"),
            &"A".repeat(5_000),
        ] {
            assert_eq!(read(&ours, &name, odd.as_bytes(), now), None, "{odd}");
        }
        let other_key = cookies(2, "api");
        let other_group = cookies(1, "web");
        assert_eq!(read(&other_key, &other_key.name, value.as_bytes(), now), None);
        assert_eq!(read(&other_group, &other_group.name, value.as_bytes(), now), None);
        assert_ne!(other_group.name, ours.name);
    }

    #[test]
    fn an_apps_session_is_what_its_own_cookie_says() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let stickiness = Stickiness::Application { name: "SID".to_owned(), duration: DAY };
        let ours = Cookies::new([1; 32], "api", &stickiness);
        let tag = ours.tag("10.0.0.1:80".parse().unwrap());
        let mut response = HeaderMap::new();
        assert_eq!(ours.write(&tag, &response, Channel::Plain, now), None, "no session yet");
        response.append(header::SET_COOKIE, HeaderValue::from_static("SIDE=1"));
        assert_eq!(ours.write(&tag, &response, Channel::Plain, now), None);
        response.append(header::SET_COOKIE, HeaderValue::from_static("SID=42; Path=/"));
        let field = ours.write(&tag, &response, Channel::Plain, now).unwrap();
        let field = field.to_str().unwrap();
        assert!(field.starts_with("WFLBAPP-") && !field.contains("Secure"), "{field}");

        let pair = field.split(';').next().unwrap().as_bytes();
        assert_eq!(ours.read(&sent(&[pair, b"SID=42"]), now), Some(tag));
        assert_eq!(ours.read(&sent(&[pair]), now), None, "the app has ended it");
    }
}
