//! A client of a WebSocket that says back what it hears.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::tls_stream;
use super::{Edge, WWW};

/// Connects to a path and speaks twice.
pub(crate) async fn converse(edge: &Edge, path: &str) {
    speak(edge, path).await.unwrap();
}

async fn speak(edge: &Edge, path: &str) -> std::io::Result<()> {
    let mut stream = tls_stream(&edge.setup().place, WWW, &[b"http/1.1"]).await;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {WWW}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    // RFC 6455 §1.3: the answer to this very key.
    assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");

    for spoken in ["hello", "and again"] {
        // RFC 6455 §5.2: a final text frame, masked with zeros.
        let length = u8::try_from(spoken.len()).unwrap();
        let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], spoken.as_bytes()].concat();
        stream.write_all(&frame).await?;
        let mut reply = vec![0; spoken.len() + 2];
        stream.read_exact(&mut reply).await?;
        assert_eq!(reply, [&[0x81, length], spoken.as_bytes()].concat());
    }
    Ok(())
}
