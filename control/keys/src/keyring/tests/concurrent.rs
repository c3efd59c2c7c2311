use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

#[test]
fn a_key_stays_open_all_through_the_changes_of_others() {
    let node = Node::start();
    let stays = node.create("stays");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert!(node.opens(&stays.id, &stays.secret, now()).iter().all(Result::is_ok));
            }
        });
        let changing = [0, 1].map(|thread| {
            let node = &node;
            scope.spawn(move || {
                (0..50).for_each(|number| live_and_die(node, &format!("{thread}-{number}")));
            })
        });
        let ended = changing.map(thread::ScopedJoinHandle::join);
        // Before anything is unwrapped: the reader waits for it.
        is_over.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(Result::unwrap);
    });
    assert_eq!(node.ring.list(now()).len(), 3, "no change was lost");
}

/// Each change holds from the moment it was answered.
fn live_and_die(node: &Node, name: &str) {
    let opens = |key: &Issued| node.opens(&key.id, &key.secret, now()).map(|opened| opened.is_ok());
    let first = node.create(name);
    assert_eq!(opens(&first), [true; 2]);
    let second = node.ring.rotate(&first.id, Duration::ZERO, now()).unwrap();
    assert_eq!((opens(&first), opens(&second)), ([false; 2], [true; 2]));
    node.ring.revoke(&first.id).unwrap();
    assert_eq!((opens(&first), opens(&second)), ([false; 2], [false; 2]));
}
