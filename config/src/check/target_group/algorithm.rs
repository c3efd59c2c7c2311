//! `algorithm`, and the keys that belong to one of them.

use crate::check::fields;
use crate::model::{Algorithm, HashOn};
use crate::raw::{Section, Value};

#[derive(Clone, Copy)]
enum Word {
    RoundRobin,
    LeastOutstandingRequests,
    WeightedRandom,
    ConsistentHash,
}

const ALGORITHMS: [(&str, Word); 4] = [
    ("round_robin", Word::RoundRobin),
    ("least_outstanding_requests", Word::LeastOutstandingRequests),
    ("weighted_random", Word::WeightedRandom),
    ("consistent_hash", Word::ConsistentHash),
];

/// Who is asked next.
pub(super) fn algorithm(section: &Section<'_>) -> Algorithm {
    let written = section.get("algorithm");
    let anomaly_mitigation = section.get("anomaly_mitigation");
    let hash_on = section.get("hash_on");
    let word = match written {
        Some(value) => value.one_of(&ALGORITHMS),
        None => Some(Word::RoundRobin),
    };
    // To whom the two keys belong is not known before the word is.
    let Some(word) = word else { return Algorithm::RoundRobin };
    if let (false, Some(value)) = (matches!(word, Word::WeightedRandom), &anomaly_mitigation) {
        value.problem("stands only beside `algorithm = \"weighted_random\"`");
    }
    if let (false, Some(value)) = (matches!(word, Word::ConsistentHash), &hash_on) {
        value.problem("stands only beside `algorithm = \"consistent_hash\"`");
    }
    match word {
        Word::RoundRobin => Algorithm::RoundRobin,
        Word::LeastOutstandingRequests => Algorithm::LeastOutstandingRequests,
        Word::WeightedRandom => Algorithm::WeightedRandom {
            anomaly_mitigation: anomaly_mitigation
                .and_then(|value| value.flag())
                .unwrap_or_default(),
        },
        Word::ConsistentHash => Algorithm::ConsistentHash(
            hash_on.and_then(|value| self::hash_on(&value)).unwrap_or(HashOn::Client),
        ),
    }
}

const SHAPE: &str = "\"client\", \"path\", { header = \"…\" } or { cookie = \"…\" }";

fn hash_on(value: &Value<'_>) -> Option<HashOn> {
    if value.is_text() {
        return value.parsed(|text| match text {
            "client" => Ok(HashOn::Client),
            "path" => Ok(HashOn::Path),
            _ => Err(format!("is {SHAPE}, not {text:?}")),
        });
    }
    if !value.is_table() {
        return value.is_not(SHAPE);
    }
    value.section(|section| match (section.get("header"), section.get("cookie")) {
        (Some(header), None) => {
            header.parsed(|text| fields::name(text, |_| Ok(()))).map(HashOn::Header)
        }
        (None, Some(cookie)) => cookie.parsed(fields::cookie_token).map(HashOn::Cookie),
        (Some(_), Some(cookie)) => {
            cookie.problem("cannot stand beside `header`: a hash is made of one thing");
            None
        }
        (None, None) => {
            section.miss(&["header", "cookie"], None, "needs `header` or `cookie`");
            None
        }
    })
}
