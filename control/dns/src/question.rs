//! One question to one server: over UDP, and over TCP if the answer is too long or does not come.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, Message, MessageType, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::stream;

/// How long a datagram is waited for before it is sent again.
const DATAGRAM_TIMEOUT: Duration = Duration::from_millis(1500);
/// How often the question is sent over UDP.
const DATAGRAMS_MAX: u32 = 2;
/// The most that an exchange over TCP may take.
const STREAM_TIMEOUT: Duration = Duration::from_secs(3);
/// The largest answer that is taken over UDP: passes every path in one piece (DNS flag day 2020).
const DATAGRAM_BYTES_MAX: u16 = 1232;

/// What is asked, class IN.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) records: RecordType,
    pub(crate) whom: Whom,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    /// A server that looks elsewhere for what it does not know.
    Resolver,
    /// A server that is to say what it holds itself.
    Authoritative,
}

/// Why there is no answer, of whatever code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("the question does not fit into a message")]
    Unspeakable(#[source] ProtoError),
    #[error("{0}")]
    Connection(#[from] io::Error),
    #[error("no answer within {STREAM_TIMEOUT:?}")]
    Silence,
    #[error("the answer is to no question of ours")]
    Nonsense,
}

/// Asks for 6 s at most. An answer that says no is an answer.
pub(crate) async fn ask(server: SocketAddr, question: &Question) -> Result<Message, AskError> {
    let message = question.message();
    let bytes = message.to_vec().map_err(AskError::Unspeakable)?;
    match over_udp(server, &bytes, &message).await {
        Ok(Some(answer)) if !answer.metadata.truncation => return Ok(answer),
        // Whatever became of the datagrams, a path that drops them may let a stream through.
        Ok(_) | Err(_) => {}
    }
    let exchange = timeout(STREAM_TIMEOUT, stream::exchange(server, &bytes));
    let answer = exchange.await.map_err(|_| AskError::Silence)??;
    answer_to(&message, &answer).ok_or(AskError::Nonsense)
}

/// `None` if nothing came.
async fn over_udp(
    server: SocketAddr,
    bytes: &[u8],
    message: &Message,
) -> io::Result<Option<Message>> {
    let local: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    for _ in 0..DATAGRAMS_MAX {
        socket.send(bytes).await?;
        if let Ok(answer) = timeout(DATAGRAM_TIMEOUT, matching(&socket, message)).await {
            return answer.map(Some);
        }
    }
    Ok(None)
}

/// The first datagram that answers the message. Others may be forged, or late.
async fn matching(socket: &UdpSocket, message: &Message) -> io::Result<Message> {
    let mut buffer = [0; DATAGRAM_BYTES_MAX as usize];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let datagram = buffer.get(..length).unwrap_or_default();
        if let Some(answer) = answer_to(message, datagram) {
            return Ok(answer);
        }
    }
}

fn answer_to(message: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let is_answer = answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == message.metadata.id
        && answer.queries == message.queries;
    is_answer.then_some(answer)
}

// === impl Question ===

impl Question {
    fn message(&self) -> Message {
        let mut message = Message::query();
        message.metadata.recursion_desired = self.whom == Whom::Resolver;
        message.add_query(Query::query(self.name.clone(), self.records));
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM_BYTES_MAX);
        message.set_edns(edns);
        message
    }
}

#[cfg(test)]
pub(crate) mod tests;
