use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Server, Sighting, Unseen, judge, wait_until_seen};
use crate::publisher::fully_qualified;

/// What a server says, round by round, the last for ever: `+` seen, `-` missing, `?` nothing.
type Script = &'static str;

#[tokio::test(start_paused = true)]
async fn waits_for_who_answers_and_not_for_who_is_silent() {
    for (scripts, seconds) in [
        (&[] as &[Script], 0.0),
        (&["+", "+"], 0.0),
        (&["+", "--+"], 1.5),
        (&["+", "?+"], 0.5),
        (&["+", "?"], 1.5),
        (&["?", "?"], 1.5),
        // Who answered once is there.
        (&["??-??+"], 11.5),
        (&["-----+", "?"], 11.5),
    ] {
        let began = Instant::now();
        assert_eq!(wait(scripts).await, Ok(()), "{scripts:?}");
        assert_eq!(began.elapsed(), Duration::from_secs_f64(seconds), "{scripts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_the_server_that_answers_without_it_to_the_end() {
    let began = Instant::now();
    let unseen = wait(&["+", "-", "?"]).await.unwrap_err();
    assert_eq!(unseen.server, "ns1");
    assert_eq!(unseen.waited, began.elapsed());
    assert!(unseen.waited > Duration::from_secs(110) && unseen.waited <= super::WAIT_MAX);
}

#[test]
fn a_value_is_seen_where_it_stands_among_others() {
    let name = fully_qualified("_acme-challenge.example.com").unwrap();
    let elsewhere = fully_qualified("example.com").unwrap();
    let text = |strings: &[&str]| {
        RData::TXT(TXT::new(strings.iter().map(|string| (*string).to_owned()).collect()))
    };
    let answer = |code, records: Vec<Record>| {
        let mut answer = Message::response(1, OpCode::Query);
        answer.metadata.response_code = code;
        answer.answers = records;
        answer
    };
    let at = |name, data| Record::from_rdata(Clone::clone(name), 60, data);
    for (code, records, expected) in [
        (ResponseCode::NoError, vec![], Sighting::Missing),
        (ResponseCode::NXDomain, vec![], Sighting::Missing),
        (ResponseCode::NoError, vec![at(&name, text(&["other"]))], Sighting::Missing),
        (ResponseCode::NoError, vec![at(&elsewhere, text(&["value"]))], Sighting::Missing),
        (
            ResponseCode::NoError,
            vec![at(&name, text(&["other"])), at(&name, text(&["value"]))],
            Sighting::Seen,
        ),
        (ResponseCode::NoError, vec![at(&name, text(&["val", "ue"]))], Sighting::Seen),
    ] {
        assert_eq!(judge(&answer(code, records.clone()), &name, "value"), expected, "{records:?}");
    }
    let refused = judge(&answer(ResponseCode::Refused, vec![]), &name, "value");
    assert!(matches!(refused, Sighting::Unclear(_)));
}

async fn wait(scripts: &[Script]) -> Result<(), Unseen> {
    let address = |at: usize| SocketAddr::from(([192, 0, 2, u8::try_from(at).unwrap()], 53));
    let servers =
        (0..scripts.len()).map(|at| Server { title: format!("ns{at}"), address: address(at) });
    let scripts: HashMap<SocketAddr, Script> =
        scripts.iter().enumerate().map(|(at, script)| (address(at), *script)).collect();
    let asked: Arc<Mutex<HashMap<SocketAddr, usize>>> = Arc::default();
    let ask = |server| {
        let mut asked = asked.lock();
        let round = asked.entry(server).or_default();
        let script = scripts[&server];
        let sighting = match script.as_bytes()[(*round).min(script.len() - 1)] {
            b'+' => Sighting::Seen,
            b'-' => Sighting::Missing,
            _ => Sighting::Unclear("no answer".to_owned()),
        };
        *round += 1;
        async { sighting }
    };
    wait_until_seen(servers.collect(), ask).await
}
