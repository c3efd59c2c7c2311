//! A disk that can lose its power: what was synced stays, and of what was not, any part may. And one
//! that can be full for a while.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::StorageBackend;

use super::dice::Dice;

/// What a disk writes as a whole or not at all.
const SECTOR_BYTES: usize = 512;

/// Shared with the database that lies on it, and still there when that is gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What is read back.
    bytes: Vec<u8>,
    /// What was done since the last sync, in order.
    unsynced: Vec<Write>,
    power: Power,
    room: Room,
    honesty: Honesty,
}

/// A piece of the file, or the end that is cut off: then there is nothing new.
#[derive(Debug)]
struct Write {
    at: usize,
    new: Vec<u8>,
    old: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Power {
    #[default]
    On,
    /// It goes at the operation after so many more.
    Failing(u32),
    Off,
}

/// For how many more writes there is room, and how many are refused after them. Then somebody has made
/// room again.
#[derive(Debug, Default)]
struct Room {
    left: u32,
    refused: u32,
    /// What is refused is written all the same.
    denies: bool,
    /// Since it was asked last.
    has_refused: bool,
}

/// Whether a sync is one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Honesty {
    #[default]
    Honest,
    Lying,
}

// === impl Disk ===

impl Disk {
    /// After so many operations the power goes.
    pub(super) fn fail_after(&self, operations: u32) {
        self.0.lock().power = Power::Failing(operations);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.0.lock().power != Power::On
    }

    /// After so many writes, so many are refused, or done and said not to be.
    pub(super) fn fill_after(&self, left: u32, refused: u32, denies: bool) {
        self.0.lock().room = Room { left, refused, denies, has_refused: false };
    }

    /// Whether a write was refused since this was asked last.
    pub(super) fn has_refused(&self) -> bool {
        std::mem::take(&mut self.0.lock().room.has_refused)
    }

    pub(super) fn make_room(&self) {
        self.0.lock().room = Room::default();
    }

    /// Cuts the power now, if it has not gone yet: whatever lets go of the database from here on
    /// writes nothing more.
    pub(super) fn cut(&self) {
        self.0.lock().power = Power::Off;
    }

    pub(super) fn set_honesty(&self, honesty: Honesty) {
        self.0.lock().honesty = honesty;
    }

    /// The power is back. Of each write that was not synced nothing is there, or all, or some sectors;
    /// a disk that lies has lost all of them.
    pub(super) fn recover(&self, dice: &mut Dice) {
        let mut state = self.0.lock();
        let unsynced = std::mem::take(&mut state.unsynced);
        for write in unsynced.iter().rev() {
            state.put(write.at, &write.old);
        }
        let unsynced = if state.honesty == Honesty::Honest { unsynced } else { Vec::new() };
        for write in &unsynced {
            match dice.below(3) {
                0 => {}
                1 => state.put(write.at, &write.new),
                _ => state.tear(write, dice),
            }
        }
        state.power = Power::On;
    }
}

// === impl State ===

impl State {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[at..end].copy_from_slice(bytes);
    }

    fn tear(&mut self, write: &Write, dice: &mut Dice) {
        let mut from = 0;
        while from < write.new.len() {
            // Sectors begin where the disk has them, not where the write does.
            let rest = SECTOR_BYTES - (write.at + from) % SECTOR_BYTES;
            let to = write.new.len().min(from + rest);
            if dice.below(2) == 0 {
                self.put(write.at + from, &write.new[from..to]);
            }
            from = to;
        }
    }

    /// Whether something is written, and whether that is told.
    fn find_room(&mut self) -> (bool, io::Result<()>) {
        let room = &mut self.room;
        if room.left > 0 {
            room.left -= 1;
        } else if room.refused > 0 {
            room.refused -= 1;
            room.has_refused = true;
            return (room.denies, Err(io::ErrorKind::StorageFull.into()));
        }
        (true, Ok(()))
    }

    fn operate(&mut self) -> io::Result<()> {
        self.power = match self.power {
            Power::On => Power::On,
            Power::Failing(0) | Power::Off => Power::Off,
            Power::Failing(operations) => Power::Failing(operations - 1),
        };
        if self.power == Power::Off { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = index(offset)?;
        let state = self.0.lock();
        let bytes = state.bytes.get(at..at + out.len()).ok_or_else(beyond)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    /// What a file grows by is zero, and in the file system's own journal: it is not lost. What is cut
    /// off is there again, if it was not synced.
    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let (is_done, told) = state.find_room();
        if !is_done {
            return told;
        }
        let length = index(length)?;
        if length < state.bytes.len() {
            let old = state.bytes.split_off(length);
            state.unsynced.push(Write { at: length, new: Vec::new(), old });
        }
        state.bytes.resize(length, 0);
        told
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        if state.honesty == Honesty::Honest {
            state.unsynced.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let at = index(offset)?;
        let mut state = self.0.lock();
        state.operate()?;
        let (is_done, told) = state.find_room();
        if !is_done {
            return told;
        }
        let old = state.bytes.get(at..at + bytes.len()).ok_or_else(beyond)?.to_vec();
        state.put(at, bytes);
        state.unsynced.push(Write { at, new: bytes.to_vec(), old });
        told
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

fn beyond() -> io::Error {
    io::Error::other("beyond the end of the file")
}
