use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::AtomicU8;

use redb::{ReadableTable as _, TableDefinition};

use super::*;

const WORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("words");
const FINE: u8 = 0;
/// Nothing grows.
const FULL: u8 = 1;
/// Nothing is written at all.
const STUCK: u8 = 2;
const UNSYNCED: u8 = 3;

/// A file that can run out of room, or not be kept. Its database may be opened anew.
#[derive(Debug, Clone)]
struct Disk {
    memory: Arc<InMemoryBackend>,
    ails: Arc<AtomicU8>,
}

#[test]
fn one_process_holds_it_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = Database::open(directory.path()).unwrap();
    let second = Database::open(directory.path()).unwrap_err();
    let path = directory.path().join("ledger.redb");
    let sentence = format!("the ledger {} is held by another warmfront", path.display());
    assert_eq!(second.to_string(), sentence);
    drop(first);
    Database::open(directory.path()).unwrap();
}

#[test]
fn nobody_else_may_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    drop(Database::open(directory.path()).unwrap());
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    Database::open(directory.path()).unwrap();
    assert_eq!(mode(), 0o600, "of an earlier version's file");
}

#[test]
fn what_cannot_be_opened_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    std::fs::create_dir(&path).unwrap();
    let refused = Database::open(directory.path()).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("cannot open the ledger {}: ", path.display())));
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "not a database").unwrap();
    let refused = Database::open(directory.path()).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("cannot open the ledger {}: ", path.display())));
}

#[test]
fn what_fails_on_a_full_disk_changes_nothing_and_all_goes_on_once_there_is_room() {
    let (disk, database) = on_disk();
    put(&database, 1).unwrap();
    for ailment in [FULL, STUCK, FULL] {
        disk.ails.store(ailment, Ordering::Relaxed);
        for n in 2..5 {
            let refused = put(&database, n).unwrap_err();
            assert!(refused.to_string().contains("no storage space"), "{refused}");
            if ailment == FULL {
                assert_eq!(numbers(&database).unwrap(), [1], "what is there can be read");
            }
        }
        disk.ails.store(FINE, Ordering::Relaxed);
        assert_eq!(numbers(&database).unwrap(), [1]);
    }
    put(&database, 9).unwrap();
    drop(database);
    let database = Database::on(move || disk.clone()).unwrap();
    assert_eq!(numbers(&database).unwrap(), [1, 9]);
}

#[test]
fn a_disk_that_could_not_sync_is_not_believed_again() {
    let (disk, database) = on_disk();
    put(&database, 1).unwrap();
    disk.ails.store(UNSYNCED, Ordering::Relaxed);
    let lost = "the disk could not keep what was written: look after it, then restart the node";
    assert_eq!(put(&database, 2).unwrap_err().to_string(), lost);
    disk.ails.store(FINE, Ordering::Relaxed);
    assert_eq!(put(&database, 3).unwrap_err().to_string(), lost);
    assert_eq!(numbers(&database).unwrap_err().to_string(), lost);
}

#[test]
fn threads_that_meet_a_full_disk_lose_nothing_that_was_written() {
    let (disk, database) = on_disk();
    let written: Vec<u64> = std::thread::scope(|scope| {
        let database = &database;
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn(move || {
                    let numbers = (0..50).map(|n| thread * 50 + n);
                    numbers.filter(|n| put(database, *n).is_ok()).collect::<Vec<u64>>()
                })
            })
            .collect();
        let ended = || threads.iter().all(std::thread::ScopedJoinHandle::is_finished);
        while !ended() {
            disk.ails.fetch_xor(STUCK, Ordering::Relaxed);
            std::thread::yield_now();
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    disk.ails.store(FINE, Ordering::Relaxed);
    let mut written = written;
    written.sort_unstable();
    assert_eq!(numbers(&database).unwrap(), written);
}

fn on_disk() -> (Disk, Arc<Database>) {
    let disk = Disk { memory: Arc::default(), ails: Arc::default() };
    let place = disk.clone();
    let database = Database::on(move || place.clone()).unwrap();
    database.write(|tx| tx.open_table(WORDS).map(drop).map_err(Into::into)).unwrap();
    (disk, database)
}

/// A piece so big that the file has to grow for each.
fn put(database: &Database, n: u64) -> Result<(), DatabaseError> {
    database.write(|tx| {
        tx.open_table(WORDS)?.insert(n, vec![0; 4 << 20].as_slice())?;
        Ok(())
    })
}

fn numbers(database: &Database) -> Result<Vec<u64>, DatabaseError> {
    database.read(|tx| {
        let mut numbers = Vec::new();
        for row in tx.open_table(WORDS)?.iter()? {
            numbers.push(row?.0.value());
        }
        Ok(numbers)
    })
}

// === impl Disk ===

impl Disk {
    fn fails_if(&self, ailments: &[u8]) -> io::Result<()> {
        if ailments.contains(&self.ails.load(Ordering::Relaxed)) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len > self.len()? {
            self.fails_if(&[FULL, STUCK])?;
        }
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fails_if(&[UNSYNCED])
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fails_if(&[STUCK])?;
        self.memory.write(offset, data)
    }
}
