//! Which keys may be in the database: nearly every signal brings a new one, which then needs no
//! look-up there.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use rusqlite::Connection;

/// How many expired entries one call drops: more than it can add, too few to stall.
const PURGE_MAX: usize = 64;

/// The hashes of all keys that are reserved in the database, until they expire.
///
/// A hash that two keys share stays until the later of them expires, so "not here" is exact.
#[derive(Debug, Default)]
pub(super) struct Known {
    until: HashMap<u64, i64>,
    /// In the order they were added, which is nearly the order in which they expire.
    oldest: VecDeque<(i64, u64)>,
    hasher: RandomState,
}

impl Known {
    /// Reads what the database holds at `now`.
    pub(super) fn read(connection: &Connection, now: i64) -> rusqlite::Result<Self> {
        let mut known = Self::default();
        let mut statement = connection.prepare(
            "SELECT key, expires_at FROM reservations WHERE expires_at > ?1 ORDER BY expires_at",
        )?;
        let mut rows = statement.query([now])?;
        while let Some(row) = rows.next()? {
            known.insert(row.get_ref(0)?.as_str()?, row.get(1)?);
        }
        Ok(known)
    }

    /// Adds a key that is about to be written.
    pub(super) fn insert(&mut self, key: &str, until: i64) {
        let hash = self.hasher.hash_one(key);
        let known = self.until.entry(hash).or_insert(i64::MIN);
        if *known < until {
            *known = until;
            self.oldest.push_back((until, hash));
        }
    }

    /// Whether the key may be in the database at `now`; drops some of what has expired.
    pub(super) fn may_hold(&mut self, key: &str, now: i64) -> bool {
        for _ in 0..PURGE_MAX {
            let Some(&(until, hash)) = self.oldest.front().filter(|(until, _)| *until <= now)
            else {
                break;
            };
            self.oldest.pop_front();
            if self.until.get(&hash) == Some(&until) {
                self.until.remove(&hash);
            }
        }
        self.until.get(&self.hasher.hash_one(key)).is_some_and(|until| now < *until)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.until.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_expired_is_dropped_in_slices_and_what_is_renewed_stays() {
        let mut known = Known::default();
        for n in 0..1_000 {
            known.insert(&n.to_string(), 100 + n);
        }
        known.insert("0", 5_000);
        assert!(known.may_hold("0", 50) && known.may_hold("999", 1_098));
        assert!(!known.may_hold("1", 101), "expired, though it may still be there");
        for _ in 0..20 {
            known.may_hold("x", 2_000);
        }
        assert_eq!(known.len(), 1);
        assert!(known.may_hold("0", 2_000) && !known.may_hold("0", 5_000));
        assert_eq!(known.len(), 0);
    }
}
