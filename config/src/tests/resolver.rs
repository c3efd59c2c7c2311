//! `[resolver]`.

use super::{LEAST, check_behind_least, read};

#[test]
fn servers_have_port_53_unless_they_say_otherwise() {
    let servers = r#"["10.0.0.2:5353", "10.0.0.2", "2001:db8::53", "[2001:db8::54]", "[::1]:54"]"#;
    let config = read(&format!("{LEAST}[resolver]\nservers = {servers}\n")).unwrap();
    let seen: Vec<_> = config.resolver.servers.iter().map(ToString::to_string).collect();
    let expected =
        ["10.0.0.2:5353", "10.0.0.2:53", "[2001:db8::53]:53", "[2001:db8::54]:53", "[::1]:54"];
    assert_eq!(seen, expected);
}

#[test]
fn servers_that_are_none() {
    check_behind_least(
        r#"
[resolver]
servers = ["dns.example.com", "10.0.0.2", "10.0.0.2:53", "10.0.0.3:0", "0.0.0.0", "[10.0.0.4]", 1]
server = []
"#,
        r#"
10: resolver.servers[0]: "dns.example.com" is no address of a DNS server, such as "10.0.0.2" or "[::1]:53"
10: resolver.servers[2]: is there already: `resolver.servers[1]` on line 10
10: resolver.servers[3]: nobody can be asked at 10.0.0.3:0
10: resolver.servers[4]: nobody can be asked at 0.0.0.0:53
10: resolver.servers[5]: "[10.0.0.4]" is no address of a DNS server, such as "10.0.0.2" or "[::1]:53"
10: resolver.servers[6]: must be a string, not a whole number
11: resolver.server: unknown key; did you mean `servers`?
"#,
    );
    let nine: Vec<_> = (1..=9).map(|last| format!("\"10.0.0.{last}\"")).collect();
    check_behind_least(
        &format!("[resolver]\nservers = [{}]\n", nine.join(", ")),
        "10: resolver.servers: names 9 servers: at most 8",
    );
}
