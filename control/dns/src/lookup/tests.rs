use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA};
use warmfront_config::Resolver;

use super::{Lookup, servers_in};
use crate::publisher::{fully_qualified, plain};
use crate::question::tests::{Zone, record, serve};

#[tokio::test]
async fn the_zone_of_a_name_is_found_with_and_without_help() {
    let apex = record("example.com", soa());
    let zones = Zone { records: vec![apex.clone()], ..Zone::default() };
    // A server that says whose no it is saves the way up.
    let helpful = Zone { no: vec![apex], ..Zone::default() };
    let registry = Zone { no: vec![record("com", soa())], ..Zone::default() };
    for (zone, name, expected) in [
        (&zones, "_acme-challenge.a.b.example.com", Some("example.com")),
        (&zones, "example.com", Some("example.com")),
        (&zones, "_acme-challenge.example.org", None),
        (&helpful, "_acme-challenge.a.b.example.com", Some("example.com")),
        // Nobody has registered it.
        (&registry, "_acme-challenge.example.com", None),
    ] {
        let lookup = asking(zone).await;
        let found = lookup.zone_of(&fully_qualified(name).unwrap()).await.unwrap();
        assert_eq!(found.map(|zone| plain(&zone)).as_deref(), expected, "{name}");
    }
}

#[tokio::test]
async fn aliases_servers_and_addresses_are_told() {
    let name = |name| fully_qualified(name).unwrap();
    let zone = Zone {
        records: vec![
            record("alias.example.com", RData::CNAME(CNAME(name("real.example.org")))),
            record("example.com", RData::NS(NS(name("ns1.example.com")))),
            record("example.com", RData::NS(NS(name("ns2.example.com")))),
            record("ns1.example.com", RData::A(A::new(192, 0, 2, 1))),
            record("ns1.example.com", RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
        ],
        ..Zone::default()
    };
    let lookup = asking(&zone).await;
    let alias = lookup.alias(&name("alias.example.com")).await.unwrap();
    assert_eq!(alias, Some(name("real.example.org")));
    assert_eq!(lookup.alias(&name("example.com")).await.unwrap(), None);
    assert_eq!(lookup.alias(&name("nobody.example.com")).await.unwrap(), None);
    let servers = lookup.name_servers(&name("example.com")).await.unwrap();
    assert_eq!(servers, [name("ns1.example.com"), name("ns2.example.com")]);
    let addresses = lookup.addresses(&servers[0]).await.unwrap();
    assert_eq!(addresses.len(), 2);
    assert_eq!(lookup.addresses(&servers[1]).await.unwrap(), [] as [std::net::IpAddr; 0]);
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_is_not_there() {
    let apex = Zone { records: vec![record("example.com", soa())], ..Zone::default() };
    let nobody = "127.0.0.1:1".parse().unwrap();
    let there = serve(apex).await;
    let name = fully_qualified("example.com").unwrap();
    let lookup = Lookup::new(&Resolver { servers: vec![nobody, there] });
    assert_eq!(lookup.zone_of(&name).await.unwrap(), Some(name.clone()));
    let lookup = Lookup::new(&Resolver { servers: vec![nobody] });
    let error = lookup.zone_of(&name).await.unwrap_err().to_string();
    assert!(error.starts_with("looking up example.com. SOA: 127.0.0.1:1: "), "{error}");
}

#[test]
fn the_systems_servers_are_those_of_its_file() {
    for (text, expected) in [
        ("", vec![]),
        ("# nameserver 10.0.0.1\nnameserver 10.0.0.2 # x\n", vec!["10.0.0.2:53"]),
        ("search example\n\tnameserver ::1\nnameserver x\n", vec!["[::1]:53"]),
        (&"nameserver 10.0.0.2\n".repeat(4), vec!["10.0.0.2:53"; 3]),
    ] {
        let servers: Vec<String> = servers_in(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, expected, "{text}");
    }
}

async fn asking(zone: &Zone) -> Lookup {
    Lookup::new(&Resolver { servers: vec![serve(zone.clone()).await] })
}

fn soa() -> RData {
    let name = |name| fully_qualified(name).unwrap();
    RData::SOA(SOA::new(name("ns1.example.com"), name("admin.example.com"), 1, 60, 60, 60, 60))
}
