use std::ops::RangeInclusive;

use http::{HeaderValue, Response};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use warmfront_config::{Probe, TargetGroup, TargetProtocol};

use super::targets::{answering, http2, nobody, raw, read_head};
use super::{AMPLE, SHORT, ask, asking, broken, http_probe};
use crate::health::CheckFailure;
use crate::tls::group;

fn status(status: u16) -> Result<(), CheckFailure> {
    Err(CheckFailure::Status(status))
}

#[tokio::test]
async fn the_final_status_decides() {
    let endless_head = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(2 << 20));
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Ok(())),
        ("HTTP/1.0 200 OK\r\n\r\nok", Ok(())),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\ncut", Ok(())),
        ("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Ok(())),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n\r\n", status(503)),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", status(101)),
        ("HTTP/1.1 204 No Content\r\n\r\n", status(204)),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", status(302)),
        ("HTTP/1.1 500 Oh\r\n\r\n", status(500)),
        ("", broken("the target closed the connection")),
        ("HTTP/1.1 200 OK\r\nServer: cu", broken("the target closed the connection")),
        ("220 mail.test ESMTP\r\n\r\n", broken("not an HTTP/1.1 answer")),
        ("\0\u{1}\u{2}\u{3}\r\n\r\n", broken("not an HTTP/1.1 answer")),
        (&endless_head, broken("not an HTTP/1.1 answer")),
    ] {
        let target = answering(answer).await;
        let outcome = ask(&group(None), &asking(http_probe(false), AMPLE), target).await;
        assert_eq!(outcome, expected, "{answer:.80}");
    }
}

#[tokio::test]
async fn the_statuses_that_pass_are_the_written_ones() {
    let target = answering("HTTP/1.1 302 Found\r\n\r\n").await;
    let outcome = async |statuses: Vec<RangeInclusive<u16>>| {
        let probe = Probe::Http { tls: false, path: "/".to_owned(), host: None, statuses };
        ask(&group(None), &asking(probe, AMPLE), target).await
    };
    assert_eq!(outcome(vec![200..=200, 302..=302]).await, Ok(()));
    assert_eq!(outcome(vec![200..=399]).await, Ok(()));
    assert_eq!(outcome(vec![200..=299, 400..=599]).await, status(302));
}

#[tokio::test]
async fn a_target_sees_who_checks_it() {
    let (heads, mut seen) = mpsc::unbounded_channel();
    let target = raw(move |mut connection| {
        let heads = heads.clone();
        async move { heads.send(read_head(&mut connection).await).unwrap() }
    })
    .await;
    let host = Some(HeaderValue::from_static("www.example.com"));
    let statuses = vec![200..=200];
    let named = Probe::Http { tls: false, path: "/".to_owned(), host, statuses };
    for (probe, path, host) in [
        (http_probe(false), "/health?deep=1", format!("app.test:{}", target.port())),
        (named, "/", "www.example.com".to_owned()),
    ] {
        let outcome = ask(&group(None), &asking(probe, AMPLE), target).await;
        assert_eq!(outcome, broken("the target closed the connection"));
        let head = seen.recv().await.unwrap();
        let (line, fields) = head.trim_end().split_once("\r\n").unwrap();
        let fields = fields.to_ascii_lowercase();
        let mut fields: Vec<&str> = fields.split("\r\n").collect();
        fields.sort_unstable();
        let version = env!("CARGO_PKG_VERSION");
        let host = format!("host: {host}");
        let checker = format!("user-agent: warmfront-health-check/{version}");
        assert_eq!(line, format!("GET {path} HTTP/1.1"));
        assert_eq!(fields, ["connection: close", &host, &checker]);
    }
}

#[tokio::test]
async fn another_port_may_be_asked() {
    let target = answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let closed = nobody().await;
    let mut check = asking(http_probe(false), AMPLE);
    check.port = Some(target.port());
    assert_eq!(ask(&group(None), &check, closed).await, Ok(()));
}

#[tokio::test]
async fn what_is_not_there_or_breaks_off_is_told_from_what_is_slow() {
    let check = asking(http_probe(false), AMPLE);
    let refused = CheckFailure::Connect("connection refused".to_owned());
    assert_eq!(ask(&group(None), &check, nobody().await).await, Err(refused));

    let resetting = raw(async |mut connection| {
        read_head(&mut connection).await;
        connection.set_zero_linger().unwrap();
    })
    .await;
    let outcome = ask(&group(None), &check, resetting).await;
    assert_eq!(outcome, broken("Connection reset by peer (os error 104)"));

    let check = asking(http_probe(false), SHORT);
    for part in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nServer: a", "HTTP/1.1 100 Continue\r\n\r\n"]
    {
        let hanging = raw(async |mut connection| {
            connection.write_all(part.as_bytes()).await.unwrap();
            while !read_head(&mut connection).await.is_empty() {}
        })
        .await;
        let outcome = ask(&group(None), &check, hanging).await;
        assert_eq!(outcome, Err(CheckFailure::Timeout(SHORT)), "{part}");
    }
    let dripping = raw(
        async |mut connection| {
            while connection.write_all(b"HTTP/1.1 100 C\r\n\r\n").await.is_ok() {}
        },
    );
    let outcome = ask(&group(None), &check, dripping.await).await;
    assert_eq!(outcome, Err(CheckFailure::Timeout(SHORT)));
}

#[tokio::test]
async fn the_connection_is_closed_when_the_check_is_over() {
    let (ends, mut ended) = mpsc::unbounded_channel();
    let over = ends.clone();
    let http1 = raw(move |mut connection| {
        let over = over.clone();
        async move {
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            while !read_head(&mut connection).await.is_empty() {}
            over.send(()).unwrap();
        }
    })
    .await;
    let http2 = raw(move |connection| {
        let over = ends.clone();
        async move {
            let mut connection = h2::server::handshake(connection).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            let _body = respond.send_response(Response::new(()), false).unwrap();
            while connection.accept().await.is_some() {}
            over.send(()).unwrap();
        }
    })
    .await;
    // Neither body ends before the connection does.
    let settings = TargetGroup { protocol: TargetProtocol::Http2, ..group(None) };
    for (settings, target, probe) in [
        (&group(None), http1, http_probe(false)),
        (&group(None), http1, Probe::Tcp),
        (&settings, http2, http_probe(false)),
    ] {
        assert_eq!(ask(settings, &asking(probe, AMPLE), target).await, Ok(()));
        ended.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_group_that_speaks_http2_is_asked_in_it() {
    let settings = TargetGroup { protocol: TargetProtocol::Http2, ..group(None) };
    let check = asking(http_probe(false), AMPLE);
    let target = http2(None, |request, mut respond| {
        let asked = (request.uri().to_string(), request.headers()["user-agent"].clone());
        assert!(asked.0.starts_with("http://app.test:"), "{asked:?}");
        assert!(asked.0.ends_with("/health?deep=1"), "{asked:?}");
        assert_eq!(asked.1, concat!("warmfront-health-check/", env!("CARGO_PKG_VERSION")));
        // The body never ends.
        let head = Response::builder().status(200).body(()).unwrap();
        std::mem::forget(respond.send_response(head, false).unwrap());
    })
    .await;
    assert_eq!(ask(&settings, &check, target).await, Ok(()));

    let failing = http2(None, |_, mut respond| {
        let head = Response::builder().status(500).body(()).unwrap();
        respond.send_response(head, true).unwrap();
    });
    assert_eq!(ask(&settings, &check, failing.await).await, status(500));

    let refusing = http2(None, |_, mut respond| respond.send_reset(h2::Reason::REFUSED_STREAM));
    let outcome = ask(&settings, &check, refusing.await).await;
    assert!(matches!(outcome, Err(CheckFailure::Broken(ref words)) if words.contains("refused")));

    let large = http2(None, |_, mut respond| {
        let head = Response::builder().header("x", "a".repeat(1 << 20)).body(()).unwrap();
        respond.send_response(head, true).unwrap();
    });
    let outcome = ask(&settings, &check, large.await).await;
    assert!(matches!(outcome, Err(CheckFailure::Broken(_))), "{outcome:?}");

    let http1 = answering("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let outcome = ask(&settings, &check, http1).await;
    assert!(matches!(outcome, Err(CheckFailure::Broken(_))), "{outcome:?}");

    let silent = http2(None, |_, respond| std::mem::forget(respond)).await;
    let outcome = ask(&settings, &asking(http_probe(false), SHORT), silent).await;
    assert_eq!(outcome, Err(CheckFailure::Timeout(SHORT)));
}
