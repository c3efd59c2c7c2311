//! What one invalidation of a million stored responses takes, and what a million recorded
//! invalidations cost a hit: `make bench`.
//!
//! The node is the real program, before an origin and clients in this process. The machine is noisy:
//! what a hit costs is the node's own processor time, the least of several rounds.
#![expect(clippy::print_stdout, reason = "the tables are what this is for")]

mod clients;
mod node;
mod origin;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use clients::{Clients, Seen};
use node::Node;

const STORED: u32 = 1_000_000;
/// How many of them are asked for after the invalidation.
const SAMPLE: u32 = 100_000;
/// The responses whose hits are timed, and how often each is hit in a round.
const TIMED: u32 = 20_000;
const HITS: u32 = 2;
const ROUNDS: u32 = 4;
/// Invalidations recorded in orders as large as CloudFront takes them.
const RECORDED: usize = 1_000_000;
const PATHS_PER_ORDER: usize = 3_000;
/// How long orders of one path are recorded, beside these.
const SINGLE: Duration = Duration::from_secs(15);
const MIB: u64 = 1 << 20;

#[tokio::main]
async fn main() {
    let origin = origin::start().await;
    let node = Node::start(origin).await;
    let clients = Clients::of(node.address());
    invalidate_everything(&node, &clients).await;
    record_a_million(&node, &clients).await;
}

async fn invalidate_everything(node: &Node, clients: &Clients) {
    let small = node.memory_bytes();
    let began = Instant::now();
    let filled = clients.rush(&(0..STORED).collect::<Vec<_>>()).await;
    let took = began.elapsed();
    assert_eq!(filled, Seen { hits: 0, misses: STORED }, "all are new");
    let mut admin = node.admin().await;
    let objects = admin.metric("warmfront_store_objects ").await;
    assert_eq!(objects, u64::from(STORED), "all are stored");
    let stored = admin.metric("warmfront_store_bytes ").await;
    println!(
        "{STORED} responses stored in {:.1} s, {:.0} a second: {} MiB",
        took.as_secs_f64(),
        f64::from(STORED) / took.as_secs_f64(),
        stored / MIB
    );

    let large = node.memory_bytes();
    let began = Instant::now();
    let done = admin.invalidate(&json!({ "paths": ["/*"] })).await;
    println!("one `/*`, acknowledged in {:.1?}: {}", began.elapsed(), counted(&done));
    // What the fill has left behind beside the store: buffers, connections, the ledger's own.
    let given_back = small + (large - small) / 10;
    let small_again = node.shrinks_to(given_back).await;
    println!(
        "memory {} MiB before the fill, {} MiB after it, {} MiB {:.1} s after the invalidation",
        small / MIB,
        large / MIB,
        small_again / MIB,
        began.elapsed().as_secs_f64()
    );

    let mut random = rand::rng();
    let sample = rand::seq::index::sample(&mut random, STORED as usize, SAMPLE as usize);
    let sample: Vec<u32> = sample.iter().filter_map(|place| u32::try_from(place).ok()).collect();
    let seen = clients.rush(&sample).await;
    println!("the next request of {SAMPLE} of them: {} hits", seen.hits);
    assert_eq!(seen, Seen { hits: 0, misses: SAMPLE }, "an invalidation is complete");
}

async fn record_a_million(node: &Node, clients: &Clients) {
    // What is stored here is older than every invalidation to come.
    let timed: Vec<u32> = (STORED..STORED + TIMED).collect();
    clients.rush(&timed).await;
    println!("\n{:>32}  {:>10}  {:>10}", "recorded invalidations", "first hit", "hit");
    let hit = hit_time(node, clients, &timed).await;
    println!("{:>32}  {:>10}  {hit:>10.2?}", "1", "");

    let mut admin = node.admin().await;
    let began = Instant::now();
    let mut paths = 0;
    while paths < RECORDED {
        let order: Vec<String> = (paths..paths + PATHS_PER_ORDER).map(gone).collect();
        admin.invalidate(&json!({ "paths": order })).await;
        paths += PATHS_PER_ORDER;
    }
    let orders = paths / PATHS_PER_ORDER;
    let large = began.elapsed() / u32::try_from(orders).unwrap_or(u32::MAX);
    let first = first_hit_time(node, clients, &timed).await;
    let hit = hit_time(node, clients, &timed).await;
    println!("{:>32}  {first:>10.2?}  {hit:>10.2?}", format!("{paths} in {orders} orders"));

    let began = Instant::now();
    let mut single = 0;
    while began.elapsed() < SINGLE {
        admin.invalidate(&json!({ "paths": [gone(paths + single)] })).await;
        single += 1;
    }
    let small = began.elapsed() / u32::try_from(single).unwrap_or(u32::MAX);
    let first = first_hit_time(node, clients, &timed).await;
    let hit = hit_time(node, clients, &timed).await;
    println!("{:>32}  {first:>10.2?}  {hit:>10.2?}", format!("and {single} orders of one"));
    println!("an order of {PATHS_PER_ORDER} took {large:.1?}, one of one {small:.2?}");
}

/// Processor time of the node for the hit that finds the invalidations since the last one.
async fn first_hit_time(node: &Node, clients: &Clients, timed: &[u32]) -> Duration {
    let before = node.processor_time();
    let seen = clients.ask(timed).await;
    assert_eq!(seen, Seen { hits: TIMED, misses: 0 }, "nothing of it was invalidated");
    node.processor_time().saturating_sub(before) / TIMED
}

/// Processor time of the node for a hit.
async fn hit_time(node: &Node, clients: &Clients, timed: &[u32]) -> Duration {
    let asked = timed.repeat(HITS as usize);
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let before = node.processor_time();
        let seen = clients.ask(&asked).await;
        assert_eq!(seen, Seen { hits: TIMED * HITS, misses: 0 }, "all are stored");
        let worked = node.processor_time().saturating_sub(before);
        least = least.min(worked / (TIMED * HITS));
    }
    least
}

/// A path of which nothing is stored; of an order's 3,000, fifteen are wildcards: CloudFront takes no
/// more at a time.
fn gone(place: usize) -> String {
    match place % 400 {
        0 => format!("/gone/{place}*"),
        200 => format!("/gone/*/{place}.html"),
        _ => format!("/gone/{place}"),
    }
}

fn counted(invalidation: &Value) -> String {
    let count = |name: &str| invalidation[name].as_u64().unwrap_or_default();
    format!("{} responses, {} MiB", count("matched"), count("bytes") / MIB)
}
