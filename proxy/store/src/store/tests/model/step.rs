//! A schedule: steps that any state of the world can take, so that each subset of a schedule is one too.

use super::dice::Dice;

const STEPS_MIN: u64 = 12;
const STEPS_MAX: u64 = 40;

/// One step. Who takes it and how are numbers: what they stand for depends on who is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) act: Act,
    pub(super) who: u8,
    pub(super) how: u8,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// A request looks for its answer, and is served it or goes to the origin.
    Request,
    /// One of those on their way to the origin comes one step on: the origin answers, the answer is
    /// admitted, a piece of its body is written, it ends.
    Advance,
    /// As many steps as it takes.
    Hurry,
    /// One of those is cut off.
    Abort,
    /// A follower reads what there is of the body that it joined.
    Read,
    /// A request that has found its answer gets it in a content coding.
    Encode,
    /// The origin has something new.
    Edit,
    /// A client changes something with an unsafe method.
    Change,
    /// Somebody orders an invalidation.
    Order,
    /// One of the orders comes one step on: it is recorded, it is in force, it is counted and
    /// acknowledged.
    Proceed,
    /// As many steps as it takes.
    Complete,
    /// Memory of what is dead is given back.
    Sweep,
    /// Others need the memory.
    Evict,
    /// The list of a key's variants is evicted, and they are not.
    Forget,
    /// The node stops and starts.
    Restart,
    /// The power goes soon.
    Fail,
    /// The disk is full soon, for a while.
    Fill,
}

/// How often each is done.
const WEIGHTS: [(Act, u64); 17] = [
    (Act::Request, 220),
    (Act::Advance, 240),
    (Act::Hurry, 90),
    (Act::Abort, 15),
    (Act::Read, 40),
    (Act::Encode, 12),
    (Act::Edit, 90),
    (Act::Change, 15),
    (Act::Order, 60),
    (Act::Proceed, 80),
    (Act::Complete, 20),
    (Act::Sweep, 30),
    (Act::Evict, 4),
    (Act::Forget, 6),
    (Act::Restart, 1),
    (Act::Fail, 1),
    (Act::Fill, 1),
];

// === impl Step ===

impl Step {
    fn any(dice: &mut Dice) -> Self {
        let total: u64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut at = dice.below(total);
        let weighed = WEIGHTS.iter().find(|(_, weight)| match at.checked_sub(*weight) {
            None => true,
            Some(rest) => {
                at = rest;
                false
            }
        });
        let act = weighed.map_or(Act::Request, |(act, _)| *act);
        let [who, how, ..] = dice.roll().to_be_bytes();
        Self { act, who, how }
    }
}

/// The schedule of a seed.
pub(super) fn schedule(seed: u64) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    let steps = STEPS_MIN + dice.below(STEPS_MAX - STEPS_MIN);
    (0..steps).map(|_| Step::any(&mut dice)).collect()
}

/// The smallest schedule that still fails: pieces of it are left out for as long as that is so.
pub(super) fn reduced(steps: &[Step], fails: impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut steps = steps.to_vec();
    let mut piece = steps.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < steps.len() {
            let end = steps.len().min(at + piece);
            let without = [&steps[..at], &steps[end..]].concat();
            if fails(&without) {
                steps = without;
            } else {
                at = end;
            }
        }
        piece /= 2;
    }
    steps
}
