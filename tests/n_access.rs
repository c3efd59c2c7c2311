//! `allow` and `deny`: which clients are let in, by their address.

use crate::support::{Edge, Origin, Over, Reply, Setup, WWW, run};

/// Lists, and whether a client of this machine's own, which is on 127.0.0.1, is let in by them.
const LISTS: [(&str, bool); 17] = [
    ("allow = ['127.0.0.0/8']", true),
    ("allow = ['127.0.0.1']", true),
    ("allow = ['127.0.0.1/32', '10.0.0.0/8']", true),
    ("allow = ['10.0.0.0/8']", false),
    ("allow = ['127.0.0.2']", false),
    ("allow = ['::1']", false),
    ("allow = ['::/0']", false),
    ("allow = ['::ffff:127.0.0.1']", true),
    ("allow = ['::ffff:127.0.0.0/104']", true),
    ("allow = []", true),
    ("deny = ['127.0.0.1']", false),
    ("deny = ['0.0.0.0/0']", false),
    ("deny = ['::ffff:127.0.0.1']", false),
    ("deny = ['10.0.0.0/8', '::/0']", true),
    ("deny = []", true),
    ("allow = ['127.0.0.0/8']\ndeny = ['127.0.0.1']", false),
    ("allow = ['127.0.0.0/30']\ndeny = ['127.0.0.2/31']", true),
];

fn config(origin: &Origin) -> String {
    let site = |(nth, (lists, _))| {
        let host = format!("hosts = ['s{nth}.example.test']");
        format!("[sites.s{nth}]\n{host}\norigin = 'app'\nviewer = 'allow-all'\n{lists}\n")
    };
    let sites: Vec<String> = LISTS.into_iter().enumerate().map(site).collect();
    format!("[origins.app]\ntargets = ['{origin}']\n{}", sites.concat())
}

#[test]
fn by_lists_of_networks() {
    run(async {
        let origin = Origin::start().await;
        let edge = Edge::start(&config(&origin)).await;
        for (nth, (lists, is_let_in)) in LISTS.into_iter().enumerate() {
            let path = format!("/{nth}");
            let status = if is_let_in { 200 } else { 403 };
            origin.answer(&path, Reply::text("answer").cache("max-age=60"));
            for over in [Over::Plain, Over::Http1, Over::Http2] {
                for method in ["GET", "HEAD", "POST"] {
                    let ask = edge.ask(method, &format!("s{nth}.example.test"), &path).over(over);
                    let answer = ask.send().await;
                    assert_eq!(answer.status, status, "{method} {over:?} {lists}: {answer:?}");
                }
            }
            assert_eq!(!origin.seen(&path).is_empty(), is_let_in, "{lists}");
        }
    });
}

/// Why is the log's business; what is stored for others, or a redirect, is not theirs either.
#[test]
fn who_is_not_let_in_is_not_told_why() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a", Reply::text("answer").cache("max-age=60"));
        let site = format!("[origins.app]\ntargets = ['{origin}']\n[sites.www]\norigin = 'app'\n");
        let config = format!("{site}hosts = ['{WWW}']\ndeny = ['127.0.0.1']\n");
        let edge = Edge::start(&config).await;
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let answer = edge.ask("GET", WWW, "/a").over(over).send().await;
            assert_eq!(answer.status, 403, "{over:?}");
            let told = format!("{:?} {}", answer.fields, answer.text()).to_ascii_lowercase();
            assert!(answer.text().contains("access is denied"), "{told}");
            for word in ["127.", "address", "deny", "allow", "location"] {
                assert!(!told.contains(word), "{word}: {told}");
            }
        }
        let line = edge.logged("/a").await;
        assert_eq!((&line["status"], &line["fault"]), (&403.into(), &"address".into()), "{line}");
        assert_eq!(line["client"], "127.0.0.1");
        assert!(line["detail"].as_str().unwrap().contains("address"), "{line}");
        assert_eq!(origin.seen("/a").len(), 0);
    });
}

/// A socket of IPv6 tells of a client on IPv4 by an address of its own kind (RFC 4291 §2.5.5.2).
#[test]
fn a_client_on_ipv4_is_one_whatever_the_socket() {
    run(async {
        let origin = Origin::start().await;
        let setup = Setup::new(&config(&origin));
        let http = setup.place.http;
        let mapped = format!("[::ffff:{}]:{}", http.ip(), http.port());
        setup.rewrite(&format!("http = [\"{http}\"]"), &format!("http = [\"{mapped}\"]"));
        let edge = setup.start().await;
        for (nth, (lists, is_let_in)) in LISTS.into_iter().enumerate() {
            let path = format!("/{nth}");
            origin.answer(&path, Reply::text("answer"));
            let ask = edge.ask("GET", &format!("s{nth}.example.test"), &path).over(Over::Plain);
            let status = if is_let_in { 200 } else { 403 };
            assert_eq!(ask.send().await.status, status, "{lists}");
            assert_eq!(edge.logged(&path).await["client"], "127.0.0.1");
        }
    });
}

/// The page of the error is for those above all who are not let in.
#[test]
fn an_error_page_is_shown_to_who_is_not_let_in() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/sorry.html", Reply::text("sorry").cache("max-age=60"));
        let pages = "error_pages = [{ status = 403, page = '/sorry.html', respond = 200 }]";
        let site = format!("[origins.app]\ntargets = ['{origin}']\n[sites.www]\norigin = 'app'\n");
        let config = format!("{site}hosts = ['{WWW}']\nallow = ['10.0.0.0/8']\n{pages}\n");
        let edge = Edge::start(&config).await;
        for path in ["/a", "/sorry.html"] {
            for over in [Over::Http1, Over::Http2] {
                let answer = edge.ask("GET", WWW, path).over(over).send().await;
                assert_eq!((answer.status.as_u16(), answer.text()), (200, "sorry"), "{path}");
            }
            assert_eq!(edge.logged(path).await["fault"], "address");
        }
        assert_eq!((origin.seen("/a").len(), origin.seen("/sorry.html").len()), (0, 1));
    });
}
