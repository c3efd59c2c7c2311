//! A real DNS server on the loopback, for tests: it says what the test tells it to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use warmfront_config::Resolver as Settings;

/// Asked for `(name, record type)`, with the name's last dot.
type Zone = dyn Fn(&str, RecordType) -> Reply + Send + Sync;

/// Two sockets with one port. It ends with the test's runtime.
pub(crate) struct FakeServer {
    pub(crate) address: SocketAddr,
    zone: Arc<ArcSwap<Box<Zone>>>,
    asked: Arc<AtomicUsize>,
}

pub(crate) enum Reply {
    /// Addresses of the family that was asked for (others are left out), with this TTL.
    Addresses(u32, Vec<IpAddr>),
    /// A TTL and another name, with an address and a TTL of its own.
    Alias(u32, &'static str, u32, IpAddr),
    /// By UDP cut off, by TCP in full.
    Long(Vec<IpAddr>),
    /// No record, with this code.
    Code(ResponseCode),
    Silence,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Udp,
    Tcp,
}

// === impl FakeServer ===

impl FakeServer {
    pub(crate) async fn saying<Z>(zone: Z) -> Self
    where
        Z: Fn(&str, RecordType) -> Reply + Send + Sync + 'static,
    {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).await.unwrap();
        let server = Self {
            address,
            zone: Arc::new(ArcSwap::from_pointee(Box::new(zone) as Box<Zone>)),
            asked: Arc::default(),
        };
        tokio::spawn(serve_udp(udp, Arc::clone(&server.zone), Arc::clone(&server.asked)));
        tokio::spawn(serve_tcp(tcp, Arc::clone(&server.zone)));
        server
    }

    /// From now on.
    pub(crate) fn says<Z>(&self, zone: Z)
    where
        Z: Fn(&str, RecordType) -> Reply + Send + Sync + 'static,
    {
        self.zone.store(Arc::new(Box::new(zone)));
    }

    /// Datagrams that have come in.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { servers: vec![self.address] }
    }
}

// === impl Reply ===

impl Reply {
    pub(crate) fn addresses(ttl: u32, addresses: &[&str]) -> Self {
        Self::Addresses(ttl, addresses.iter().map(|text| text.parse().unwrap()).collect())
    }
}

async fn serve_udp(socket: UdpSocket, zone: Arc<ArcSwap<Box<Zone>>>, asked: Arc<AtomicUsize>) {
    let mut query = [0; 512];
    while let Ok((length, client)) = socket.recv_from(&mut query).await {
        asked.fetch_add(1, Ordering::SeqCst);
        if let Some(answer) = answer(&query[..length], &***zone.load(), Over::Udp) {
            socket.send_to(&answer, client).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<ArcSwap<Box<Zone>>>) {
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(serve_connection(connection, Arc::clone(&zone)));
    }
}

async fn serve_connection(mut connection: TcpStream, zone: Arc<ArcSwap<Box<Zone>>>) {
    while let Ok(length) = connection.read_u16().await {
        let mut query = vec![0; length.into()];
        connection.read_exact(&mut query).await.unwrap();
        if let Some(answer) = answer(&query, &***zone.load(), Over::Tcp) {
            connection.write_u16(answer.len().try_into().unwrap()).await.unwrap();
            connection.write_all(&answer).await.unwrap();
        }
    }
}

fn answer(query: &[u8], zone: &Zone, over: Over) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).unwrap();
    let question = query.queries[0].clone();
    let (name, kind) = (question.name().clone(), question.query_type());
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.add_query(question);
    let record = |ttl, address: IpAddr| Record::from_rdata(name.clone(), ttl, address.into());
    match zone(&name.to_ascii(), kind) {
        Reply::Addresses(ttl, addresses) => {
            let records = addresses.into_iter().map(|address| record(ttl, address));
            answer.add_answers(records.filter(|record| record.record_type() == kind));
        }
        Reply::Alias(ttl, target, target_ttl, address) => {
            let target = target.parse().unwrap_or_default();
            let alias = RData::CNAME(CNAME(Clone::clone(&target)));
            answer.add_answer(Record::from_rdata(name.clone(), ttl, alias));
            answer.add_answer(Record::from_rdata(target, target_ttl, address.into()));
        }
        Reply::Long(_) if over == Over::Udp => answer.metadata.truncation = true,
        Reply::Long(addresses) => {
            answer.add_answers(addresses.into_iter().map(|address| record(30, address)));
        }
        Reply::Code(code) => answer.metadata.response_code = code,
        Reply::Silence => return None,
    }
    Some(answer.to_vec().unwrap())
}
