//! A disk that keeps what was synced, and of the rest whatever it likes.
//!
//! A log of frames, each with its length and a checksum, as a database's write-ahead log has them. A
//! crash cuts it anywhere behind the synced part, in the middle of a frame too, and may leave rubbish
//! there; whoever opens it reads up to the first frame that is not whole.

use core::cell::{Cell, RefCell};

use crate::executor::Executor;

const HEADER: usize = 12;

/// One disk; it outlives the processes that write to it.
#[derive(Default)]
pub(crate) struct Disk {
    log: RefCell<Vec<u8>>,
    synced: Cell<usize>,
}

impl Disk {
    /// Appends a frame, which is not safe yet; returns where it ends.
    pub(crate) fn append(&self, payload: &[u8]) -> usize {
        let mut log = self.log.borrow_mut();
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        log.extend_from_slice(&length.to_le_bytes());
        log.extend_from_slice(&checksum(payload).to_le_bytes());
        log.extend_from_slice(payload);
        log.len()
    }

    /// Where the log ends.
    pub(crate) fn end(&self) -> usize {
        self.log.borrow().len()
    }

    /// Makes everything up to `end` safe.
    pub(crate) fn sync(&self, end: usize) {
        self.synced.set(self.synced.get().max(end.min(self.end())));
    }

    /// Up to where everything is safe.
    pub(crate) fn synced(&self) -> usize {
        self.synced.get()
    }

    /// The power fails.
    pub(crate) fn crash(&self, random: &Executor) {
        let mut log = self.log.borrow_mut();
        let (synced, end) = (self.synced.get() as u64, log.len() as u64);
        let cut = match random.between(0, 3) {
            0 => synced,
            1 => end,
            _ => random.between(synced, end),
        };
        let lost = cut < end;
        log.truncate(usize::try_from(cut).unwrap_or_default());
        // A block that was allocated, but not written.
        if lost && random.chance(300) {
            let rubbish = random.between(1, 40);
            log.extend((0..rubbish).map(|_| u8::try_from(random.between(0, 255)).unwrap_or(0)));
        }
    }

    /// Reads every whole frame, forgets what is behind, and takes the rest for safe.
    pub(crate) fn open(&self, mut frame: impl FnMut(&[u8])) {
        let mut log = self.log.borrow_mut();
        let mut at = 0;
        while let Some((payload, next)) = read(&log, at) {
            frame(payload);
            at = next;
        }
        log.truncate(at);
        self.synced.set(at);
    }
}

fn read(log: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let header = log.get(at..at.checked_add(HEADER)?)?;
    let (length, sum) = header.split_at_checked(4)?;
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    let start = at.checked_add(HEADER)?;
    let next = start.checked_add(length)?;
    let payload = log.get(start..next)?;
    (checksum(payload).to_le_bytes() == sum).then_some((payload, next))
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_survives_and_the_rest_is_whole_or_gone() {
        let (mut lost, mut kept) = (0, 0);
        for seed in 0..300 {
            let (disk, random) = (Disk::default(), Executor::new(seed));
            let end = disk.append(b"first");
            disk.sync(end);
            disk.append(b"second");
            disk.append(b"third");
            disk.crash(&random);
            let mut frames = Vec::new();
            disk.open(|frame| frames.push(frame.to_vec()));
            let all = [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()];
            assert!(!frames.is_empty() && all.starts_with(&frames), "{frames:?}");
            if frames.len() == 3 {
                kept += 1
            } else {
                lost += 1
            }
            assert_eq!(disk.end(), disk.synced());
        }
        assert!(lost > 50 && kept > 50, "{lost} {kept}");
    }
}
