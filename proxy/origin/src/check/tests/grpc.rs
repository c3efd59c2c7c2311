use std::net::SocketAddr;
use std::ops::RangeInclusive;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use warmfront_config::{GrpcProbe, Probe, TargetTls};

use super::targets::{answering, http2};
use super::{AMPLE, ask, asking, broken};
use crate::health::CheckFailure;
use crate::tls::{Authority, Clients, group, system_tls};

type Respond = SendResponse<Bytes>;

fn head(fields: &[(&'static str, &'static str)]) -> Response<()> {
    let mut head = Response::builder().header("content-type", "application/grpc");
    for (name, value) in fields {
        head = head.header(*name, *value);
    }
    head.body(()).unwrap()
}

/// A message, and the status after it.
fn answer(mut respond: Respond, message: &'static [u8], status: &'static str) {
    let mut body = respond.send_response(head(&[]), false).unwrap();
    body.send_data(Bytes::from_static(message), false).unwrap();
    let trailers = [("grpc-status", status)];
    let trailers = trailers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    body.send_trailers(HeaderMap::from_iter(trailers)).unwrap();
}

fn trailers_only(mut respond: Respond, status: &'static str) {
    respond.send_response(head(&[("grpc-status", status)]), true).unwrap();
}

async fn health(target: SocketAddr) -> Result<(), CheckFailure> {
    let call = GrpcProbe::Health { service: String::new() };
    ask(&group(None), &asking(Probe::Grpc(call), AMPLE), target).await
}

#[tokio::test]
async fn the_health_service_says_serving_or_not() {
    let not = |words: &str| Err(CheckFailure::NotServing(words.to_owned()));
    let serving = http2(None, |_, respond| answer(respond, b"\0\0\0\0\x02\x08\x01", "0"));
    assert_eq!(health(serving.await).await, Ok(()));
    let not_serving = http2(None, |_, respond| answer(respond, b"\0\0\0\0\x02\x08\x02", "0"));
    assert_eq!(health(not_serving.await).await, not("NOT_SERVING"));
    let unknown = http2(None, |_, respond| answer(respond, b"\0\0\0\0\0", "0"));
    assert_eq!(health(unknown.await).await, not("UNKNOWN"));
    let absent = http2(None, |_, respond| trailers_only(respond, "12"));
    assert_eq!(health(absent.await).await, Err(CheckFailure::Grpc(12)));
    let failing = http2(None, |_, respond| answer(respond, b"", "14"));
    assert_eq!(health(failing.await).await, Err(CheckFailure::Grpc(14)));
}

#[tokio::test]
async fn what_is_no_grpc_answer_is_told() {
    let cut = http2(None, |_, respond| answer(respond, b"\0\0\0\0\x02", "0"));
    assert_eq!(health(cut.await).await, broken("no whole message came"));
    let no_message = http2(None, |_, respond| trailers_only(respond, "0"));
    assert_eq!(health(no_message.await).await, broken("no whole message came"));
    let garbled = http2(None, |_, respond| answer(respond, b"\0\0\0\0\x02\x08\x01", "fine"));
    assert_eq!(health(garbled.await).await, broken("no gRPC status"));
    let page = http2(None, |_, mut respond| {
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"<html>"), true).unwrap();
    });
    assert_eq!(health(page.await).await, broken("no gRPC status"));
    let missing = http2(None, |_, mut respond| {
        let head = Response::builder().status(404).body(()).unwrap();
        respond.send_response(head, true).unwrap();
    });
    assert_eq!(health(missing.await).await, Err(CheckFailure::Status(404)));
    let huge = http2(None, |_, mut respond| {
        let mut body = respond.send_response(head(&[]), false).unwrap();
        body.send_data(Bytes::from(vec![0; 1 << 20]), true).unwrap();
    });
    assert_eq!(health(huge.await).await, broken("more than 65536 bytes of a message"));
    let http1 = answering("HTTP/1.1 200 OK\r\n\r\n").await;
    assert!(matches!(health(http1).await, Err(CheckFailure::Broken(_))));
}

/// Answers SERVING to the right question, and a gRPC status that names the wrong one.
fn examine(request: Request<RecvStream>, respond: Respond) {
    let (head, mut body) = request.into_parts();
    let field = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes);
    let right = head.method == "POST"
        && head.uri.path() == "/grpc.health.v1.Health/Check"
        && field("content-type") == Some(b"application/grpc")
        && field("te") == Some(b"trailers");
    tokio::spawn(async move {
        let message = body.data().await.unwrap().unwrap();
        let right = right && message[..] == b"\0\0\0\0\x06\x0a\x04shop"[..];
        answer(respond, b"\0\0\0\0\x02\x08\x01", if right { "0" } else { "3" });
    });
}

#[tokio::test]
async fn the_question_is_grpc_in_every_kind_of_group() {
    let ours = Authority::new();
    let tls = TargetTls { ca_file: Some(ours.ca_file.clone()), ..system_tls() };
    let call = GrpcProbe::Health { service: "shop".to_owned() };
    let check = asking(Probe::Grpc(call), AMPLE);
    let plain = http2(None, examine).await;
    assert_eq!(ask(&group(None), &check, plain).await, Ok(()));
    let server = ours.server("app.test", &[b"h2"], Clients::Anybody);
    let over_tls = http2(Some(server), examine).await;
    assert_eq!(ask(&group(Some(tls)), &check, over_tls).await, Ok(()));
}

#[tokio::test]
async fn a_method_passes_by_its_status() {
    let target = http2(None, |request, respond| {
        assert_eq!(request.uri().path(), "/shop.Cart/Get");
        trailers_only(respond, "12");
    })
    .await;
    let outcome = async |codes: Vec<RangeInclusive<u16>>| {
        let call = GrpcProbe::Method { path: "/shop.Cart/Get".to_owned(), codes };
        ask(&group(None), &asking(Probe::Grpc(call), AMPLE), target).await
    };
    assert_eq!(outcome(vec![12..=12]).await, Ok(()));
    assert_eq!(outcome(vec![0..=5, 10..=20]).await, Ok(()));
    assert_eq!(outcome(vec![0..=0]).await, Err(CheckFailure::Grpc(12)));
}
