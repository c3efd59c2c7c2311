//! A policy's statement: for which URLs, from when, until when, for whom.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::resource::Pattern;
use super::{Refusal, Url, unsigned_query};

/// What was signed, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    resource: Resource,
    /// `DateLessThan`.
    until: Duration,
    /// `DateGreaterThan`.
    after: Option<Duration>,
    addresses: Option<Addresses>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Resource {
    /// A policy without one is for every URL.
    Any,
    /// A canned policy is for its own URL, in which `*` is a star.
    Exact(String),
    Pattern(Pattern),
}

/// An address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Addresses {
    first: IpAddr,
    bits: u32,
}

// === impl Statement ===

impl Statement {
    /// The statement that CloudFront's signers make of a URL and a time, and its bytes.
    ///
    /// A URL whose characters would be escaped in JSON is refused, as no two signers escape alike.
    pub(super) fn canned(url: String, expires: &[u8]) -> Result<(Vec<u8>, Self), Refusal> {
        let seconds = whole_number(expires).ok_or(Refusal::Expires)?;
        if !url.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\')) {
            return Err(Refusal::Url);
        }
        let policy = format!(
            r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{seconds}}}}}}}]}}"#
        );
        let until = Duration::from_secs(seconds);
        let resource = Resource::Exact(url);
        Ok((policy.into_bytes(), Self { resource, until, after: None, addresses: None }))
    }

    /// Reads a custom policy. What is not understood is refused: it may have been a condition.
    pub(super) fn parse(policy: &[u8]) -> Result<Self, Refusal> {
        let raw: Object<RawPolicy> = serde_json::from_slice(policy).map_err(Refusal::Policy)?;
        let [Object(raw)] = <[_; 1]>::try_from(raw.0.statement).map_err(|_| Refusal::Statements)?;
        let Object(condition) = raw.condition;
        let seconds = |time: Object<RawTime>| Duration::from_secs(time.0.epoch_time);
        Ok(Self {
            resource: match raw.resource {
                None => Resource::Any,
                Some(text) => Resource::Pattern(Pattern::parse(&text).ok_or(Refusal::Resource)?),
            },
            until: seconds(condition.date_less_than),
            after: condition.date_greater_than.map(seconds),
            addresses: match condition.ip_address {
                None => None,
                Some(raw) => Some(Addresses::parse(&raw.0.source_ip).ok_or(Refusal::SourceIp)?),
            },
        })
    }

    pub(super) fn permits(
        &self,
        url: &Url<'_>,
        client: IpAddr,
        now: SystemTime,
        tolerance: Duration,
    ) -> Result<(), Refusal> {
        let is_covered = match &self.resource {
            Resource::Any => true,
            Resource::Exact(signed) => *signed == url.unsigned(),
            Resource::Pattern(pattern) => {
                let query = url.query.and_then(unsigned_query);
                pattern.covers(&Url { query: query.as_deref(), ..*url })
            }
        };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if !is_covered {
            Err(Refusal::OtherUrl)
        } else if now >= self.until.saturating_add(tolerance) {
            Err(Refusal::Expired)
        } else if self.after.is_some_and(|after| now <= after.saturating_sub(tolerance)) {
            Err(Refusal::NotYet)
        } else if self.addresses.is_some_and(|addresses| !addresses.have(client)) {
            Err(Refusal::OtherAddress)
        } else {
            Ok(())
        }
    }
}

// === impl Addresses ===

impl Addresses {
    /// `192.0.2.1`, `192.0.2.0/24`, and the same of IPv6. Bits behind the length count for nothing.
    fn parse(text: &str) -> Option<Self> {
        let (first, length) = match text.split_once('/') {
            Some((first, length)) => (first, Some(whole_number(length.as_bytes())?)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().ok()?;
        let width: u32 = if first.is_ipv4() { 32 } else { 128 };
        let bits = length.map_or(Some(width), |length| u32::try_from(length).ok())?;
        (bits <= width).then_some(Self { first, bits })
    }

    /// An IPv4 address is the same one when it comes mapped into IPv6.
    fn have(self, client: IpAddr) -> bool {
        match (self.first, client.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(client)) => {
                let differing = first.to_bits() ^ client.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V6(first), IpAddr::V6(client)) => {
                let differing = first.to_bits() ^ client.to_bits();
                differing.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

/// Digits in the one way there is to write a number: no sign, no zero before another digit.
fn whole_number(digits: &[u8]) -> Option<u64> {
    let is_canonical = digits.iter().all(u8::is_ascii_digit)
        && (digits.first() != Some(&b'0') || digits.len() == 1);
    std::str::from_utf8(digits).ok().filter(|_| is_canonical)?.parse().ok()
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    #[serde(rename = "Statement")]
    statement: Vec<Object<RawStatement>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStatement {
    #[serde(rename = "Resource", default, deserialize_with = "present")]
    resource: Option<String>,
    #[serde(rename = "Condition")]
    condition: Object<RawCondition>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCondition {
    #[serde(rename = "DateLessThan")]
    date_less_than: Object<RawTime>,
    #[serde(rename = "DateGreaterThan", default, deserialize_with = "present")]
    date_greater_than: Option<Object<RawTime>>,
    #[serde(rename = "IpAddress", default, deserialize_with = "present")]
    ip_address: Option<Object<RawAddress>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTime {
    #[serde(rename = "AWS:EpochTime")]
    epoch_time: u64,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAddress {
    #[serde(rename = "AWS:SourceIp")]
    source_ip: String,
}

/// Reads what may be left out, and may not be `null` instead: that would lift a condition.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A `T` with its names. Serde takes an array for a struct too, by the order of the fields.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names(std::marker::PhantomData))
    }
}

struct Names<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Names<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}
