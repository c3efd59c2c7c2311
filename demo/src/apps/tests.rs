use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::exchange::{exchange, status};

#[tokio::test]
async fn it_says_who_it_is_and_what_it_heard() {
    let app = App::start("127.0.0.1:0".parse().unwrap(), "app-7").await.unwrap();
    let too_big = vec![b' '; 1024 * 1024 + 1];
    let json = "content-type: application/json\r\n";
    let table: [(&str, &str, &[u8], &str, &str); 8] = [
        ("GET /api/whoami", "", b"", "200", "\"server\":\"app-7\""),
        ("GET /api/time", "", b"", "200", "cache-control: public, max-age=5"),
        ("POST /api/echo", json, b"{\"a\": [1]}", "200", "{\"a\":[1]}\n"),
        ("POST /api/echo", json, b"{", "400", "cache-control: no-store"),
        ("POST /api/echo", json, &too_big, "413", "{\"error\":"),
        ("DELETE /api/whoami", "", b"", "405", "{\"error\":"),
        ("GET /elsewhere", "", b"", "404", "{\"error\":"),
        ("GET /health", "", b"", "200", "up\n"),
    ];
    for (line, fields, body, expected, says) in table {
        let head = format!("{line} HTTP/1.1\r\n{fields}host: localhost");
        let answer = exchange(app.address(), &head, body).await;
        assert_eq!(status(&answer), expected, "{line}: {answer}");
        assert!(answer.contains(says), "{line}: {answer}");
    }
    assert_eq!(app.requests(), 7, "health checks are not requests");
}

#[tokio::test(start_paused = true)]
async fn it_streams() {
    let app = App::start("127.0.0.1:0".parse().unwrap(), "app-1").await.unwrap();
    let head = "GET /api/events HTTP/1.1\r\nhost: localhost";
    let answer = exchange(app.address(), head, b"").await;
    assert!(answer.contains("content-type: text/event-stream"), "{answer}");
    assert_eq!(answer.matches("\ndata: event ").count(), 10, "{answer}");
}

#[tokio::test]
async fn it_speaks_web_socket() {
    let app = App::start("127.0.0.1:0".parse().unwrap(), "app-1").await.unwrap();
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    let head = "GET /api/ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
                upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // RFC 6455 §5.7: "Hello" as a masked text frame, then a close frame.
    stream
        .write_all(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x37\xfa\x21\x3d")
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    // The key's answer is RFC 6455 §1.3's.
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    assert!(answer.contains("\x05Hello"), "{answer}");
}
