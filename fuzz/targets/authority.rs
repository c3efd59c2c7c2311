//! Hosts: one that is read is spelled in one way, which is read as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmfront_semantics::authority::Host;

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let read = Host::parse(input);
    assert_eq!(Host::parse(&input.to_ascii_uppercase()), read, "letter case");
    let Ok(host) = read else {
        return;
    };
    let name = host.as_str();
    assert!(!name.is_empty() && !name.ends_with('.'), "{name:?}");
    let lawful = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._[]:".contains(&b);
    assert!(name.bytes().all(lawful), "{name:?}");
    assert_eq!(name.contains(':'), name.starts_with('['), "{name:?}");

    let bare = Host::parse(name.as_bytes());
    assert_eq!(bare.as_ref().map(Host::as_str), Ok(name), "its own spelling");
    if let Some(port) = host.port_beside(0) {
        assert_eq!(host.port_beside(port), None);
        assert_eq!(Host::parse(format!("{name}:{port}").as_bytes()), Ok(host), "with its port");
    }
}
