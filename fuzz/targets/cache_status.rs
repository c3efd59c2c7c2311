//! Cache-Status: whatever it says, it is a List of one member that says just that.
//!
//! First line: how the request was answered, why it was forwarded, the origin's status (negative:
//! none; odd: stored), the ttl (0: none) and which detail, by number. Behind it: the key.
#![no_main]

use http::HeaderValue;
use input::{first_line, numbers};
use libfuzzer_sys::fuzz_target;
use sfv::{BareItem, Item, List, ListEntry, Parser, StringRef, TokenRef};
use warmfront_semantics::cache_status::{CacheStatus, Forward, Lookup};

const DETAILS: [Option<&str>; 8] = [
    None,
    Some("set-cookie"),
    Some(""),
    Some("two words"),
    Some("\"quoted\\\""),
    Some("1st"),
    Some("ü\r\n"),
    Some("*a:/b"),
];

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let (line, key) = first_line(input);
    let [lookup, reason, code, ttl, detail] = numbers(line);
    let status = CacheStatus {
        lookup: looked_up(lookup, forwarded(reason)),
        forward_status: u16::try_from(code).ok(),
        ttl: (ttl != 0).then_some(ttl),
        stored: code & 1 == 1,
        key: std::str::from_utf8(key).ok().filter(|key| !key.is_empty()).map(str::to_owned),
        detail: usize::try_from(detail).ok().and_then(|at| *DETAILS.get(at)?),
    };
    let printed = status.to_string();
    HeaderValue::try_from(&printed).expect("a value of a field");
    let list: List = Parser::new(&printed).parse().expect("a List");
    let [ListEntry::Item(member)] = list.as_slice() else {
        panic!("not one member: {printed}");
    };
    assert_eq!(member.bare_item.as_token().map(TokenRef::as_str), Some("warmfront"));
    says_so(&status, member, &printed);
}

fn says_so(status: &CacheStatus, member: &Item, printed: &str) {
    let said = |name: &str| member.params.get(name);
    let hit = matches!(status.lookup, Lookup::Hit | Lookup::Stale);
    assert_eq!(said("hit").is_some(), hit, "{printed}");
    let reason = match status.lookup {
        Lookup::Hit | Lookup::Stale | Lookup::Answered => None,
        Lookup::StoodIn => Some(Forward::Stale),
        Lookup::Collapsed(reason)
        | Lookup::Revalidated(reason)
        | Lookup::Forwarded(reason)
        | Lookup::Failed(reason) => Some(reason),
    };
    let token = said("fwd").and_then(BareItem::as_token).map(TokenRef::as_str);
    assert_eq!(token, reason.map(Forward::as_str), "{printed}");
    let ttl = said("ttl").and_then(BareItem::as_integer).map(i64::from);
    assert_eq!(ttl.is_some(), status.ttl.is_some(), "{printed}");
    assert!(ttl.unwrap_or(0).signum() == status.ttl.unwrap_or(0).signum(), "{printed}");
    let stored = said("stored").and_then(BareItem::as_boolean);
    assert_eq!(stored, (status.stored && reason.is_some()).then_some(true), "{printed}");
    assert_eq!(said("detail").is_some(), status.detail.is_some(), "{printed}");
    let key = said("key").and_then(BareItem::as_string).map(StringRef::as_str);
    match &status.key {
        Some(plain) if plain.bytes().all(|b| matches!(b, b' '..=b'~')) => {
            assert_eq!(key, Some(plain.as_str()), "{printed}");
        }
        other => assert_eq!(key.is_some(), other.is_some(), "{printed}"),
    }
}

fn looked_up(number: i64, reason: Forward) -> Lookup {
    match number {
        0 => Lookup::Hit,
        1 => Lookup::Stale,
        2 => Lookup::StoodIn,
        3 => Lookup::Collapsed(reason),
        4 => Lookup::Revalidated(reason),
        5 => Lookup::Answered,
        6 => Lookup::Failed(reason),
        _ => Lookup::Forwarded(reason),
    }
}

fn forwarded(number: i64) -> Forward {
    match number {
        0 => Forward::Bypass,
        1 => Forward::Method,
        2 => Forward::Miss,
        3 => Forward::Partial,
        4 => Forward::Request,
        5 => Forward::Stale,
        6 => Forward::UriMiss,
        _ => Forward::VaryMiss,
    }
}
