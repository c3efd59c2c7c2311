//! Clients that stay with their target.
//!
//! Goal: who was served by a target is served by it again, and nobody learns from the cookie which one
//! it is. Method: each target says its number, and clients keep cookies as browsers do.

use std::collections::{BTreeMap, HashSet};

use http::StatusCode;
use serde_json::json;

use crate::support::client::Answer;
use crate::support::edge::before;
use crate::support::process::POLL;
use crate::support::{Edge, Origin, Over, Reply, WWW, run};

#[test]
fn the_cookie_is_hidden_from_scripts_and_bound_to_tls_where_it_came_over_tls() {
    run(async {
        let group = Group::start(1, LB).await;
        for (over, attributes) in [
            (Over::Plain, "Max-Age=3600; Path=/; HttpOnly"),
            (Over::Http1, "Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=None"),
            (Over::Http2, "Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=None"),
        ] {
            let answer = group.edge.ask("GET", WWW, "/who").over(over).send().await;
            let set = answer.field("set-cookie");
            let (pair, said) = set.split_once("; ").unwrap();
            assert_eq!(said, attributes, "{over:?}");
            assert!(pair.starts_with("WFLB-"), "{set}");
            let address = group.targets["a"].address();
            for told in [address.to_string(), address.ip().to_string(), "app".to_owned()] {
                assert!(!set.contains(&told), "{told} in {set}");
            }
        }
    });
}

#[test]
fn a_client_stays_with_its_target_and_others_are_spread() {
    run(async {
        let group = Group::start(3, LB).await;
        let mut seen = HashSet::new();
        for _ in 0..3 {
            let mut browser = Browser::default();
            let first = browser.get(&group.edge, "/who").await.text().to_owned();
            for (method, over) in [
                ("GET", Over::Http2),
                ("POST", Over::Http2),
                ("GET", Over::Http1),
                ("DELETE", Over::Http1),
            ] {
                let before = browser.cookies.clone();
                let answer = browser.ask(&group.edge, method, "/who", over).await;
                assert_eq!(answer.text(), first, "{method} over {over:?} with {before:?}");
                let renewed = answer.field("set-cookie");
                assert!(renewed.contains("Max-Age=3600"), "each answer renews it: {renewed:?}");
            }
            seen.insert(first);
        }
        assert_eq!(seen.len(), 3, "{seen:?}");
    });
}

#[test]
fn a_cookie_that_somebody_changed_is_as_none() {
    run(async {
        let group = Group::start(2, LB).await;
        let elsewhere = Group::start(1, LB).await;
        let mut browser = Browser::default();
        browser.get(&group.edge, "/who").await;
        let mut stranger = Browser::default();
        stranger.get(&elsewhere.edge, "/who").await;
        let (name, value) = browser.cookies.pop_first().unwrap();
        let (_, foreign) = stranger.cookies.pop_first().unwrap();
        let changed = |place: usize| {
            let mut changed = value.clone().into_bytes();
            changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
            String::from_utf8(changed).unwrap()
        };
        for forged in [
            // How long it holds, which target it is, and the signature.
            changed(8),
            changed(20),
            changed(40),
            format!("{value}A"),
            value.strip_suffix(|_| true).unwrap().to_owned(),
            String::new(),
            "=".to_owned(),
            "x".repeat(5_000),
            foreign,
        ] {
            let mut seen = HashSet::new();
            for _ in 0..2 {
                let cookie = format!("{name}={forged}");
                let ask = group.edge.ask("GET", WWW, "/who").field("cookie", &cookie);
                let answer = ask.send().await;
                assert_eq!(answer.status, StatusCode::OK, "{cookie}");
                assert!(answer.field("set-cookie").starts_with(&name), "{cookie}");
                seen.insert(answer.text().to_owned());
            }
            assert_eq!(seen.len(), 2, "`{forged}` led somewhere");
        }
    });
}

#[test]
fn a_cookie_that_is_over_leads_nowhere() {
    run(async {
        let group = Group::start(2, r#"{ cookie = "lb", duration = "2s" }"#).await;
        let mut browser = Browser::default();
        let first = browser.get(&group.edge, "/who").await.text().to_owned();
        let cookie = browser.field();
        // The others' round goes on with each request that no cookie decides.
        while group.edge.ask("GET", WWW, "/who").field("cookie", &cookie).send().await.text()
            == first
        {
            tokio::time::sleep(POLL).await;
        }
    });
}

#[test]
fn no_target_sees_the_cookie_and_no_key_holds_it() {
    run(async {
        let policy = "[policies.users]\nttl = { default = \"1h\" }\ncookies = \"all\"\n";
        let group = Group::start_with(2, LB, "policy = \"users\"", policy).await;
        for target in group.targets.values() {
            target.answer("/page", Reply::text("page").cache("max-age=600"));
        }
        let mut browsers = [Browser::default(), Browser::default()];
        for browser in &mut browsers {
            assert_eq!(browser.get(&group.edge, "/who").await.status, StatusCode::OK);
            browser.cookies.insert("user".to_owned(), "eve".to_owned());
            browser.cookies.insert("AB".to_owned(), "1".to_owned());
        }
        assert_ne!(browsers[0].cookies, browsers[1].cookies, "they are with two targets");

        let mut caches = Vec::new();
        for over in [Over::Http2, Over::Http1] {
            for browser in &mut browsers {
                let answer = browser.ask(&group.edge, "GET", "/page", over).await;
                assert_eq!(answer.text(), "page");
                assert_eq!(answer.field("set-cookie"), "", "what is stored is everybody's");
                caches.push(answer.cache());
            }
        }
        assert_eq!(caches, ["Miss", "Hit", "Hit", "Hit"]);

        // HTTP/2 may send one field for each.
        let mut ask = group.edge.ask("GET", WWW, "/who");
        for (name, value) in &browsers[0].cookies {
            ask = ask.field("cookie", &format!("{name}={value}"));
        }
        ask.send().await;
        let seen =
            group.targets.values().flat_map(|it| [it.seen("/page"), it.seen("/who")].concat());
        let cookies: Vec<String> = seen.map(|seen| seen.field("cookie").to_owned()).collect();
        let with_others = cookies.iter().filter(|cookies| *cookies == "AB=1; user=eve").count();
        assert_eq!((cookies.len(), with_others), (4, 2), "{cookies:?}");
        assert!(!cookies.concat().contains("WFLB"), "{cookies:?}");
    });
}

#[test]
fn what_is_stored_has_no_cookie_of_the_edges() {
    run(async {
        let group = Group::start_with(1, LB, "set_cookie = \"store\"", "").await;
        let target = &group.targets["a"];
        for (path, cache) in [("/kept", "max-age=600"), ("/checked", "no-cache")] {
            let reply = Reply::text("kept").cache(cache).field("etag", "\"1\"");
            target.answer(path, reply.field("set-cookie", "id=1"));
        }
        for path in ["/kept", "/checked"] {
            for _ in 0..3 {
                let answer = group.edge.get(WWW, path).await;
                assert_eq!(answer.field("set-cookie"), "id=1", "{path}: {}", answer.cache());
            }
        }
        // What is for one client alone has it, whatever the site stores.
        let own = group.edge.get(WWW, "/who").await.field("set-cookie");
        assert!(own.starts_with("WFLB-"), "{own}");
    });
}

#[test]
fn a_dead_targets_clients_move_once_and_stick_again() {
    run(async {
        let mut group = Group::start(3, LB).await;
        let mut browsers = group.browsers(12).await;
        group.targets.remove("a");
        for browser in &mut browsers {
            let was = browser.at.clone();
            let first = browser.get(&group.edge, "/who").await;
            assert_eq!(first.status, StatusCode::OK, "{browser:?}");
            let is = first.text().to_owned();
            assert_eq!(is == was, was != "a", "from {was} to {is}");
            for (method, over) in [("GET", Over::Http2), ("POST", Over::Http1)] {
                let next = browser.ask(&group.edge, method, "/who", over).await;
                assert_eq!(next.text(), is, "it moves once: {browser:?}");
            }
        }
    });
}

#[test]
fn a_drained_targets_clients_move_and_do_not_come_back() {
    run(async {
        let group = Group::start(3, LB).await;
        let mut browsers = group.browsers(9).await;
        let address = group.targets["a"].address();
        let place = format!("/origins/app/targets/{address}");
        let drained = group.edge.control("PUT", &place, r#"{"state":"draining"}"#).await;
        assert_eq!(drained.status, StatusCode::OK, "{}", drained.text());
        let mut moved = HashSet::new();
        for browser in &mut browsers {
            let was = browser.at.clone();
            let is = browser.get(&group.edge, "/who").await.text().to_owned();
            assert_eq!(is == was, was != "a", "from {was} to {is}");
            browser.at = is.clone();
            moved.insert(is);
        }
        assert_eq!(moved.len(), 2, "{moved:?}");

        let back = json!({ "address": address }).to_string();
        let back = group.edge.control("POST", "/origins/app/targets", &back).await;
        assert_eq!(back.status, StatusCode::OK, "{}", back.text());
        for browser in &mut browsers {
            let is = browser.get(&group.edge, "/who").await.text().to_owned();
            assert_eq!(is, browser.at, "nobody is moved without need");
        }
        let newcomers = group.browsers(3).await;
        assert!(newcomers.iter().any(|browser| browser.at == "a"), "{newcomers:?}");
    });
}

#[test]
fn clients_stay_over_a_restart_of_the_edge() {
    run(async {
        let mut group = Group::start(3, LB).await;
        let mut browsers = group.browsers(6).await;
        group.edge = group.edge.restart().await;
        for browser in &mut browsers {
            for _ in 0..2 {
                let is = browser.get(&group.edge, "/who").await.text().to_owned();
                assert_eq!(is, browser.at, "{browser:?}");
            }
        }
    });
}

#[test]
fn a_session_of_the_apps_stays_where_it_began_until_it_ends() {
    run(async {
        let group = Group::start(3, APP).await;
        let mut browser = Browser::default();
        assert_eq!(group.wander(&mut browser, 3).await.len(), 3, "no session, no target");
        assert_eq!(browser.cookies, BTreeMap::new());

        let login = browser.ask(&group.edge, "POST", "/login", Over::Http2).await;
        let home = login.text().to_owned();
        let set: Vec<&str> =
            login.fields.get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
        assert_eq!(set.len(), 2, "the app's and the edge's: {set:?}");
        assert!(set[0].starts_with("session=s%3A"), "{set:?}");
        let attributes = "; Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=None";
        assert!(set[1].starts_with("WFLBAPP-") && set[1].ends_with(attributes), "{set:?}");
        assert_eq!(group.wander(&mut browser, 6).await, [home].into());

        let seen = group.targets.values().flat_map(|target| target.seen("/who"));
        let cookies: HashSet<String> = seen.map(|seen| seen.field("cookie").to_owned()).collect();
        assert_eq!(cookies, [String::new(), format!("session={SESSION}")].into());

        // A client that has thrown the app's cookie away has no session to go back to.
        browser.cookies.remove("session");
        assert_eq!(group.wander(&mut browser, 3).await.len(), 3);
    });
}

#[test]
fn a_session_of_a_dead_target_moves_once_and_sticks_again() {
    run(async {
        // What the apps know of sessions, they share: none of them sets the cookie once more.
        let mut group = Group::start(3, APP).await;
        let mut browser = Browser::default();
        let home = browser.ask(&group.edge, "POST", "/login", Over::Http2).await.text().to_owned();
        group.targets.remove(&home);
        let moved = group.wander(&mut browser, 6).await;
        assert_eq!(moved.len(), 1, "from {home} to {moved:?}");
        assert!(!moved.contains(&home), "{moved:?}");
    });
}

/// Targets by their names, behind an edge that keeps clients at one of them.
struct Group {
    targets: BTreeMap<String, Origin>,
    edge: Edge,
}

/// A client that sends back the cookies that it was given.
#[derive(Debug, Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
    /// Whom it was with.
    at: String,
}

// === impl Group ===

impl Group {
    async fn start(targets: usize, stickiness: &str) -> Self {
        Self::start_with(targets, stickiness, "", "").await
    }

    /// `site` is more of the site, `rest` of the file.
    async fn start_with(count: usize, stickiness: &str, site: &str, rest: &str) -> Self {
        let mut targets = BTreeMap::new();
        for name in ["a", "b", "c"].into_iter().take(count) {
            let origin = Origin::start().await;
            let session = format!("session={SESSION}; Path=/; HttpOnly");
            let login = Reply::text(name).cache("no-store").field("set-cookie", &session);
            origin.answer("/who", Reply::text(name).cache("no-store")).answer("/login", login);
            targets.insert(name.to_owned(), origin);
        }
        let addresses: Vec<_> = targets.values().map(Origin::address).collect();
        let config =
            before(&addresses).replace("\n[sites", &format!("stickiness = {stickiness}\n\n[sites"));
        let edge = Edge::start(&format!("{config}{site}\n{rest}")).await;
        Self { targets, edge }
    }

    /// So many new clients, each at its target.
    async fn browsers(&self, count: usize) -> Vec<Browser> {
        let mut browsers = Vec::new();
        for _ in 0..count {
            let mut browser = Browser::default();
            browser.at = browser.get(&self.edge, "/who").await.text().to_owned();
            browsers.push(browser);
        }
        browsers
    }

    /// Who answers this many requests of a client.
    async fn wander(&self, browser: &mut Browser, requests: usize) -> HashSet<String> {
        let mut seen = HashSet::new();
        for _ in 0..requests {
            let answer = browser.get(&self.edge, "/who").await;
            assert_eq!(answer.status, StatusCode::OK, "{browser:?}");
            seen.insert(answer.text().to_owned());
        }
        seen
    }
}

// === impl Browser ===

impl Browser {
    async fn get(&mut self, edge: &Edge, path: &str) -> Answer {
        self.ask(edge, "GET", path, Over::Http2).await
    }

    async fn ask(&mut self, edge: &Edge, method: &str, path: &str, over: Over) -> Answer {
        let mut ask = edge.ask(method, WWW, path).over(over);
        if !self.cookies.is_empty() {
            ask = ask.field("cookie", &self.field());
        }
        let answer = ask.send().await;
        for set in answer.fields.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    fn field(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }
}

const LB: &str = r#"{ cookie = "lb", duration = "1h" }"#;
const APP: &str = r#"{ cookie = "app", name = "session", duration = "1h" }"#;
/// As Express signs it.
const SESSION: &str = "s%3A42.x7Qz";
