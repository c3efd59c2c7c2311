//! What invalidations are asked by: ids of distributions, tags, and the way to the control API.

use super::{LEAST, check_behind_least, read};

#[test]
fn a_site_has_an_id_that_stays_and_tags_in_a_field_of_its_choice() {
    let config = read(LEAST).unwrap();
    let site = &config.sites[0];
    assert_eq!((site.id.as_str(), site.tags_header.as_str()), ("EQKZHZN2YNI7D3", "cache-tag"));
    assert_eq!(read(LEAST).unwrap().sites[0].id, site.id, "the same each time");
    assert_eq!((config.cache.prefetch_rate.get(), &config.listen.admin_tls), (50, &None));

    let lines = "id = \"E2QWRUHAPOMQZL\"\ntags_header = \"X-Amz-Meta-Cache-Tag\"\n";
    let written = read(&format!("{LEAST}{lines}")).unwrap();
    let site = &written.sites[0];
    let seen = (site.id.as_str(), site.tags_header.as_str());
    assert_eq!(seen, ("E2QWRUHAPOMQZL", "x-amz-meta-cache-tag"));
}

#[test]
fn ids_and_fields_that_cannot_be() {
    check_behind_least(
        r#"
[sites.one]
hosts = ["one.example"]
origin = "api"
viewer = "allow-all"
id = "E1"
[sites.two]
hosts = ["two.example"]
origin = "api"
viewer = "allow-all"
id = "E1"
tags_header = "content-type"
[sites.three]
hosts = ["three.example"]
origin = "api"
viewer = "allow-all"
id = "E-1"
[sites.four]
hosts = ["four.example"]
origin = "api"
viewer = "allow-all"
id = "EQKZHZN2YNI7D3"
tags_header = "cache tag"
[cache]
prefetch_rate = 0
"#,
        r"
18: sites.two.id: `E1` is taken by `sites.one.id` on line 13
19: sites.two.tags_header: means something to clients: tags need a field of their own
24: sites.three.id: a distribution's id is 1 to 64 letters and digits, such as E2QWRUHAPOMQZL
29: sites.four.id: `EQKZHZN2YNI7D3` is what another site without an `id` is called
30: sites.four.tags_header: is no field name
32: cache.prefetch_rate: must be 1 to 10000
",
    );
}

#[test]
fn the_control_api_may_be_served_under_a_sites_certificate() {
    let listen = |lines: &str| LEAST.replace("[listen]\n", &format!("[listen]\n{lines}\n"));
    let config = read(&listen("admin_tls = \"www\"")).unwrap();
    assert_eq!(config.listen.admin_tls.as_deref(), Some("www"));
    for (lines, problem) in [
        ("admin_tls = \"ww\"", "listen.admin_tls: there is no site `ww`; did you mean `www`?"),
        (
            "admin_tls = \"www\"\nadmin = \"unix:/a\"",
            "listen.admin_tls: is for a TCP `admin`: nobody listens in on a Unix socket",
        ),
    ] {
        let problems = read(&listen(lines)).unwrap_err().to_string();
        assert!(problems.contains(problem), "{problems}");
    }
}
