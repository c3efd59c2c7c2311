//! A real DNS server on the loopback, for tests: it says what the test tells it to.

use std::net::SocketAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::{Question, Whom, ask};
use crate::publisher::fully_qualified;

/// What a server holds: owner, records. A name without any is NXDOMAIN, an owner of others NODATA,
/// and both come with the SOA records among `no`.
#[derive(Clone, Default)]
pub(crate) struct Zone {
    pub(crate) records: Vec<Record>,
    pub(crate) no: Vec<Record>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Udp {
    Answers,
    /// Says that there is more over TCP.
    Truncates,
    /// Somebody else's answers come first.
    Forged,
}

/// Ends with the test's runtime.
pub(crate) async fn serve(zone: Zone) -> SocketAddr {
    serve_with(zone, Some(Udp::Answers)).await
}

pub(crate) fn record(name: &str, data: RData) -> Record {
    Record::from_rdata(fully_qualified(name).unwrap(), 60, data)
}

#[tokio::test]
async fn an_answer_comes_by_whatever_way_is_open() {
    for udp in [Some(Udp::Answers), Some(Udp::Truncates), Some(Udp::Forged), None] {
        let text = RData::TXT(TXT::new(vec!["value".to_owned()]));
        let zone = Zone { records: vec![record("a.example", text)], ..Zone::default() };
        let server = serve_with(zone, udp).await;
        let answer = ask(server, &question("A.example", RecordType::TXT)).await.unwrap();
        assert_eq!(answer.answers.len(), 1);
        let answer = ask(server, &question("b.example", RecordType::TXT)).await.unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    }
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ask(nobody, &question("a.example", RecordType::A)).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn only_resolvers_are_asked_to_look_elsewhere() {
    let mut question = question("a.example", RecordType::NS);
    assert!(!question.message().metadata.recursion_desired);
    question.whom = Whom::Resolver;
    assert!(question.message().metadata.recursion_desired);
}

fn question(name: &str, records: RecordType) -> Question {
    Question { name: fully_qualified(name).unwrap(), records, whom: Whom::Authoritative }
}

async fn serve_with(zone: Zone, udp: Option<Udp>) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let zone = Arc::new(zone);
    if let Some(manner) = udp {
        let socket = UdpSocket::bind(address).await.unwrap();
        tokio::spawn(serve_udp(socket, Arc::clone(&zone), manner));
    }
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut question = vec![0; stream.read_u16().await.unwrap().into()];
            stream.read_exact(&mut question).await.unwrap();
            let answer = zone.answer(&question).to_vec().unwrap();
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    address
}

async fn serve_udp(socket: UdpSocket, zone: Arc<Zone>, manner: Udp) {
    let mut buffer = [0; 1500];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
        let mut answer = zone.answer(&buffer[..length]);
        if manner == Udp::Truncates {
            answer = answer.truncate();
            answer.metadata.truncation = true;
        }
        if manner == Udp::Forged {
            let mut forged = answer.clone();
            forged.metadata.id = forged.metadata.id.wrapping_add(1);
            forged.answers.clear();
            socket.send_to(&forged.to_vec().unwrap(), client).await.unwrap();
            socket.send_to(b"noise", client).await.unwrap();
        }
        socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
    }
}

// === impl Zone ===

impl Zone {
    fn answer(&self, question: &[u8]) -> Message {
        let mut answer = Message::from_vec(question).unwrap();
        answer.metadata.message_type = MessageType::Response;
        let query = answer.queries[0].clone();
        let owned = self.records.iter().filter(|record| record.name == *query.name());
        let owned: Vec<&Record> = owned.collect();
        let asked = owned.iter().filter(|record| record.record_type() == query.query_type());
        answer.answers = asked.map(|record| (*record).clone()).collect();
        if answer.answers.is_empty() {
            let soa = self.no.iter().filter(|record| record.name.zone_of(query.name()));
            answer.authorities = soa.cloned().collect();
        }
        if owned.is_empty() {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        answer
    }
}
