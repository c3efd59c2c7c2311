use std::collections::{HashMap, HashSet};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use redb::{ReadableTable as _, TableDefinition};

use super::*;

const WORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("words");
/// What a disk can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ailment {
    /// Nothing is written where nothing was before, but for a first piece of it.
    Full,
    /// Nothing is written at all.
    Stuck,
    /// What is written is there, and said not to be.
    Denying,
    /// Nobody knows what is there.
    Unsynced,
}

const BLOCK: u64 = 4 << 10;

/// It comes behind so many operations, and lasts for so many.
#[derive(Debug, Clone, Copy)]
struct Ails {
    with: Ailment,
    behind: u32,
    lasts: u32,
}

/// A disk that may be opened anew.
#[derive(Debug, Default, Clone)]
struct Disk {
    memory: Arc<InMemoryBackend>,
    /// Where something was written.
    blocks: Arc<Mutex<HashSet<u64>>>,
    ails: Arc<Mutex<Option<Ails>>>,
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
    for ailment in [Ailment::Full, Ailment::Stuck, Ailment::Full] {
        disk.falls_ill(ailment);
        for n in 2..5 {
            let refused = put(&database, n).unwrap_err();
            assert!(refused.to_string().contains("no storage space"), "{refused}");
            if ailment == Ailment::Full {
                assert_eq!(numbers(&database).unwrap(), [1], "what is there can be read");
            }
        }
        disk.recovers();
        assert_eq!(numbers(&database).unwrap(), [1]);
    }
    put(&database, 9).unwrap();
    drop(database);
    assert_eq!(numbers(&disk.database()).unwrap(), [1, 9]);
}

/// Goal: who was told that a write failed never finds it done, and the other way round. Method: the
/// disk fails at each operation of a write, with what was asked of it undone or done all the same, once,
/// twice, or until it is mended.
#[test]
fn wherever_a_write_fails_it_is_what_its_caller_was_told() {
    let mut ends = HashMap::<End, u32>::new();
    for with in [Ailment::Full, Ailment::Stuck, Ailment::Denying] {
        for lasts in [1, 2, u32::MAX] {
            let failing = (0..).map(|behind| fails(Ails { with, behind, lasts }));
            for end in failing.take_while(|end| *end != End::Fine) {
                *ends.entry(end).or_default() += 1;
            }
        }
    }
    assert!(
        [End::Undone, End::Done, End::Uncertain].iter().all(|end| ends.contains_key(end)),
        "{ends:?}"
    );
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    /// It met no failure.
    Fine,
    Done,
    Undone,
    Uncertain,
}

fn fails(ails: Ails) -> End {
    let (disk, database) = on_disk();
    put(&database, 1).unwrap();
    *disk.ails.lock() = Some(ails);
    let told = put(&database, 2);
    let has_failed = disk.ails.lock().unwrap().lasts < ails.lasts;
    disk.recovers();
    let expected = if told.is_ok() { vec![1, 2] } else { vec![1] };
    match numbers(&database) {
        // Only the disk that lies, and only if it does so until after the answer.
        Err(DatabaseError::Uncertain) if ails.with == Ailment::Denying && told.is_err() => {
            drop(database);
            assert_eq!(numbers(&disk.database()).unwrap(), [1, 2], "{ails:?}: {told:?}");
            return End::Uncertain;
        }
        found => assert_eq!(found.unwrap(), expected, "{ails:?}: {told:?}"),
    }
    put(&database, 3).unwrap();
    drop(database);
    assert_eq!(
        numbers(&disk.database()).unwrap(),
        [&*expected, &[3]].concat(),
        "{ails:?}: {told:?}"
    );
    match told {
        Ok(()) if !has_failed => End::Fine,
        Ok(()) => End::Done,
        Err(_) => End::Undone,
    }
}

#[test]
fn a_disk_that_could_not_sync_is_not_believed_again() {
    let (disk, database) = on_disk();
    put(&database, 1).unwrap();
    disk.falls_ill(Ailment::Unsynced);
    let sentence = "the disk failed in the middle of a write: look after it, then restart the node";
    assert_eq!(put(&database, 2).unwrap_err().to_string(), sentence);
    disk.recovers();
    assert_eq!(put(&database, 3).unwrap_err().to_string(), sentence);
    assert_eq!(numbers(&database).unwrap_err().to_string(), sentence);
}

#[test]
fn threads_that_meet_a_full_disk_lose_nothing_that_was_written() {
    let (disk, database) = on_disk();
    let mut written: Vec<u64> = std::thread::scope(|scope| {
        let database = &database;
        let puts = |thread: u64| {
            let numbers = thread * 50..(thread + 1) * 50;
            numbers.filter(|n| put(database, *n).is_ok()).collect::<Vec<u64>>()
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || puts(thread))).collect();
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            for ailment in [Ailment::Stuck, Ailment::Full] {
                disk.falls_ill(ailment);
                let seen = numbers(database);
                disk.recovers();
                assert!(numbers(database).unwrap().len() >= seen.map_or(0, |seen| seen.len()));
            }
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    written.sort_unstable();
    assert_eq!(numbers(&database).unwrap(), written);
}

fn on_disk() -> (Disk, Arc<Database>) {
    let disk = Disk::default();
    let database = disk.database();
    database.write(|tx| tx.open_table(WORDS).map(drop).map_err(Into::into)).unwrap();
    (disk, database)
}

/// A piece so big that it has to lie where nothing was before.
fn put(database: &Database, n: u64) -> Result<(), DatabaseError> {
    database.write(|tx| {
        tx.open_table(WORDS)?.insert(n, vec![0; 300_000].as_slice())?;
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
    fn database(&self) -> Arc<Database> {
        let disk = self.clone();
        Database::on(move || disk.clone()).unwrap()
    }

    fn falls_ill(&self, with: Ailment) {
        *self.ails.lock() = Some(Ails { with, behind: 0, lasts: u32::MAX });
    }

    fn recovers(&self) {
        *self.ails.lock() = None;
    }

    /// Does what is asked, or not, or both.
    fn operate(
        &self,
        may: &[Ailment],
        operation: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut ails = self.ails.lock();
        let Some(ails) = ails.as_mut().filter(|ails| may.contains(&ails.with)) else {
            return operation();
        };
        if ails.behind > 0 || ails.lasts == 0 {
            ails.behind = ails.behind.saturating_sub(1);
            return operation();
        }
        ails.lasts -= 1;
        if ails.with == Ailment::Denying {
            operation()?;
        }
        Err(io::ErrorKind::StorageFull.into())
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
        self.operate(&[Ailment::Stuck, Ailment::Denying], || self.memory.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate(&[Ailment::Unsynced], || self.memory.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let written = offset / BLOCK..=(offset + data.len() as u64 - 1) / BLOCK;
        let is_new = written.clone().any(|block| !self.blocks.lock().contains(&block));
        let may: &[_] = if is_new { &[Ailment::Full] } else { &[] };
        let room = self.operate(may, || Ok(()));
        let data = if room.is_ok() { data } else { &data[..data.len() / 2] };
        self.operate(&[Ailment::Stuck, Ailment::Denying], || self.memory.write(offset, data))?;
        room?;
        self.blocks.lock().extend(written);
        Ok(())
    }
}
