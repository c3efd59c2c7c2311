//! The name servers of a zone, asked until all of them answer with a value.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::lookup::{Lookup, LookupError};
use crate::question::{Question, Whom, ask};

/// The most that finding the servers may take.
const FIND_TIMEOUT: Duration = Duration::from_secs(30);
/// The most that a value is waited for.
const WAIT_MAX: Duration = Duration::from_mins(2);
/// From the first round of questions to the second; doubles from round to round.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(4);
/// A server that has not made itself clear for so many rounds is not waited for.
const UNCLEAR_ROUNDS_MAX: u32 = 3;
/// The most servers that are asked, each address counting as one.
const SERVERS_MAX: usize = 32;
const DNS_PORT: u16 = 53;

/// One address of a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// For people: `ns1.example.com at 192.0.2.1:53`.
    pub(crate) title: String,
    pub(crate) address: SocketAddr,
}

/// What a server says of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// It answers with it.
    Seen,
    /// It answers without it.
    Missing,
    /// It does not answer, or not this question. In words.
    Unclear(String),
}

/// A name server that does not answer with what was published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name server {server} still answers without the value after {} s", waited.as_secs())]
pub struct Unseen {
    /// Its name, if it has one, and its address.
    pub server: String,
    /// How long it was asked again and again.
    pub waited: Duration,
}

/// The addresses of the zone's name servers. A port that `ports` has for an address is that of the
/// server there; all others listen on 53. Fails if nobody can say who they are.
pub(crate) async fn servers_of(
    zone: &Name,
    lookup: &Lookup,
    ports: &HashMap<IpAddr, u16>,
) -> Result<Vec<Server>, String> {
    let find = async {
        let mut servers: Vec<Server> = Vec::new();
        for name in lookup.name_servers(zone).await? {
            let addresses = lookup.addresses(&name).await.unwrap_or_else(|error| {
                tracing::warn!(%zone, "a name server is not asked: {error}");
                Vec::new()
            });
            for address in addresses {
                let port = ports.get(&address).copied().unwrap_or(DNS_PORT);
                let address = SocketAddr::new(address, port);
                if servers.iter().all(|known| known.address != address) {
                    let name = name.to_ascii();
                    let title = format!("{} at {address}", name.trim_end_matches('.'));
                    servers.push(Server { title, address });
                }
            }
        }
        servers.truncate(SERVERS_MAX);
        Ok(servers)
    };
    match timeout(FIND_TIMEOUT, find).await {
        Ok(found) => found.map_err(|error: LookupError| error.to_string()),
        Err(_) => Err(format!("its name servers were not found within {FIND_TIMEOUT:?}")),
    }
}

/// Whether the server has this value among the TXT records of the name.
pub(crate) async fn sight(server: SocketAddr, name: Name, value: String) -> Sighting {
    let question = Question { name, records: RecordType::TXT, whom: Whom::Authoritative };
    match ask(server, &question).await {
        Ok(answer) => judge(&answer, &question.name, &value),
        Err(error) => Sighting::Unclear(error.to_string()),
    }
}

fn judge(answer: &Message, name: &Name, value: &str) -> Sighting {
    let is_it = |data: &RData| match data {
        // The strings of one record are one text (RFC 8555 §8.4 with RFC 7208 §3.3).
        RData::TXT(text) => text.txt_data.concat() == value.as_bytes(),
        _ => false,
    };
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {
            let mut records = answer.answers.iter().filter(|record| record.name == *name);
            if records.any(|it| is_it(&it.data)) { Sighting::Seen } else { Sighting::Missing }
        }
        code => Sighting::Unclear(code.to_string()),
    }
}

/// Returns when every server that makes itself clear has the value, 2 min at most.
///
/// Silence is no answer: a server that this node cannot reach, over a family it does not have or
/// through a wall, may well be one that the authority reaches. It is said in the log and passed
/// over. A server that answers without the value is what the authority would find, too.
pub(crate) async fn wait_until_seen<A, F>(servers: Vec<Server>, ask: A) -> Result<(), Unseen>
where
    A: Fn(SocketAddr) -> F,
    F: Future<Output = Sighting> + Send + 'static,
{
    let began = Instant::now();
    let mut pause = PAUSE_MIN;
    let mut open: Vec<(Server, u32)> = servers.into_iter().map(|server| (server, 0)).collect();
    loop {
        let mut missing = None;
        let mut still_open = Vec::new();
        for (server, unclear_rounds, sighting) in round(open, &ask).await {
            match sighting {
                Sighting::Seen => {}
                Sighting::Missing => {
                    missing = Some(server.title.clone());
                    still_open.push((server, 0));
                }
                Sighting::Unclear(reason) if unclear_rounds + 1 >= UNCLEAR_ROUNDS_MAX => {
                    tracing::warn!("the name server {} is not waited for: {reason}", server.title);
                }
                Sighting::Unclear(_) => still_open.push((server, unclear_rounds + 1)),
            }
        }
        if still_open.is_empty() {
            return Ok(());
        }
        let waited = began.elapsed();
        if waited + pause > WAIT_MAX {
            return missing.map_or(Ok(()), |server| Err(Unseen { server, waited }));
        }
        open = still_open;
        sleep(pause).await;
        pause = PAUSE_MAX.min(pause * 2);
    }
}

/// Asks all of them at once.
async fn round<A, F>(open: Vec<(Server, u32)>, ask: &A) -> Vec<(Server, u32, Sighting)>
where
    A: Fn(SocketAddr) -> F,
    F: Future<Output = Sighting> + Send + 'static,
{
    let mut questions = JoinSet::new();
    for (server, unclear_rounds) in open {
        let question = ask(server.address);
        questions.spawn(async move { (server, unclear_rounds, question.await) });
    }
    questions.join_all().await
}

#[cfg(test)]
mod tests;
