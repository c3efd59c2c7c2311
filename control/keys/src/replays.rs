//! Signed requests that were carried out, for as long as their signatures are good.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use warmfront_semantics::sigv4::Signature;

use crate::refusal::Refusal;

/// A signature is good from five minutes before its time until five minutes after it.
const REMEMBERED: Duration = Duration::from_mins(10);
/// Signatures of one key that are remembered: 27 a second. Beyond it all of that key's are refused, and
/// no other key's: to forget one would let it in again.
const SIGNATURES_MAX: usize = 16_384;

/// Signatures of changing requests, by access key id. Gone at a restart.
#[derive(Debug, Default)]
pub(crate) struct Replays(Mutex<HashMap<String, Seen>>);

#[derive(Debug, Default)]
struct Seen {
    known: HashSet<Signature>,
    /// The same, oldest first, with the time of their end.
    ends: VecDeque<(SystemTime, Signature)>,
}

/// Whether a key has signatures that are still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Some,
    Nothing,
}

// === impl Replays ===

impl Replays {
    /// Remembers a signature of this key's; refuses one that is remembered, and any while it has no
    /// room.
    pub(crate) fn first_use(
        &self,
        access_key_id: &str,
        signature: Signature,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let mut keys = self.0.lock();
        keys.retain(|_, seen| seen.forget(now) == Left::Some);
        let seen = keys.entry(access_key_id.to_owned()).or_default();
        if seen.known.contains(&signature) {
            return Err(Refusal::Replayed);
        }
        if seen.known.len() >= SIGNATURES_MAX {
            return Err(Refusal::Crowded);
        }
        let end = now.checked_add(REMEMBERED).unwrap_or(now);
        seen.known.insert(signature);
        seen.ends.push_back((end, signature));
        Ok(())
    }
}

// === impl Seen ===

impl Seen {
    /// Lets go of what is over.
    fn forget(&mut self, now: SystemTime) -> Left {
        while let Some((_, over)) = self.ends.pop_front_if(|(end, _)| *end < now) {
            self.known.remove(&over);
        }
        if self.ends.is_empty() { Left::Nothing } else { Left::Some }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use warmfront_semantics::sigv4::Claim;

    use super::*;

    fn signature(number: usize) -> Signature {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=A/20261122//cloudfront/aws4_request, \
             SignedHeaders=date;host, Signature={number:064x}"
        );
        let fields =
            [("authorization", &*authorization), ("date", "20261122T000000Z"), ("host", "a")];
        let fields = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let fields: HeaderMap = fields.into_iter().collect();
        Claim::read(&Method::POST, "/", &fields).unwrap().signature()
    }

    #[test]
    fn a_signature_is_used_once_as_long_as_it_is_good() {
        let replays = Replays::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        assert_eq!(replays.first_use("A", signature(1), now), Ok(()));
        assert_eq!(replays.first_use("A", signature(2), now), Ok(()));
        assert_eq!(replays.first_use("A", signature(1), now), Err(Refusal::Replayed));
        assert_eq!(replays.first_use("A", signature(1), now + REMEMBERED), Err(Refusal::Replayed));
        let over = now + REMEMBERED + Duration::from_secs(1);
        assert_eq!(replays.first_use("A", signature(1), over), Ok(()));
    }

    #[test]
    fn when_there_is_no_room_none_is_let_in_again() {
        let replays = Replays::default();
        let now = SystemTime::UNIX_EPOCH;
        for number in 0..SIGNATURES_MAX {
            assert_eq!(replays.first_use("A", signature(number), now), Ok(()));
        }
        assert_eq!(replays.first_use("A", signature(SIGNATURES_MAX), now), Err(Refusal::Crowded));
        assert_eq!(replays.first_use("A", signature(0), now), Err(Refusal::Replayed));
        // What one key has used up is no other key's concern.
        assert_eq!(replays.first_use("B", signature(SIGNATURES_MAX), now), Ok(()));
        let over = now + REMEMBERED + Duration::from_secs(1);
        assert_eq!(replays.first_use("A", signature(SIGNATURES_MAX), over), Ok(()));
        let keys = replays.0.lock();
        let kept: Vec<_> = keys.iter().map(|(id, seen)| (id.as_str(), seen.known.len())).collect();
        assert_eq!(kept, [("A", 1)]);
    }
}
