use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::Address;
use hoox_connector::Timestamp;

use super::{
    AllocateError, Allocated, DAY, NewTransaction, StoreUnavailable, TransactionStore, Turn, spent,
};
use crate::{Attempt, SignError, TransactionRecord, TransactionState};

/// A store in memory: for tests, and for programs that sign nothing they would miss.
#[derive(Default)]
pub struct MemoryStore {
    records: Mutex<Vec<TransactionRecord>>,
    /// Turns, and until when they last.
    turns: Mutex<Vec<(Turn, Timestamp)>>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Vec<TransactionRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turns(&self) -> MutexGuard<'_, Vec<(Turn, Timestamp)>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All records, in the order in which they were signed.
    pub fn records(&self) -> Vec<TransactionRecord> {
        self.lock().clone()
    }

    fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut TransactionRecord),
    ) -> Result<(), StoreUnavailable> {
        let mut records = self.lock();
        let record = records.iter_mut().find(|record| record.id == id);
        record.map(change).ok_or_else(|| StoreUnavailable("there is no such record".into()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.lock().len()).finish()
    }
}

impl TransactionStore for MemoryStore {
    async fn allocate<F>(&self, new: NewTransaction, sign: F) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        let mut records = self.lock();
        if let Some(known) = records.iter().find(|record| record.id == new.id) {
            return Ok(Allocated::Known(known.clone()));
        }
        let own = records.iter().filter(|it| counts(it, new.chain_id, new.from));
        let own: Vec<&TransactionRecord> = own.collect();
        for limit in &new.daily {
            let recent = own.iter().filter(|it| new.at.since(it.created_at) < DAY);
            limit.check(spent(recent.copied(), limit.spend.asset))?;
        }
        let taken = own.iter().map(|record| record.nonce).collect();
        let mined = own.iter().filter(|it| it.state.is_mined()).map(|it| it.nonce).max();
        let nonce = new.choose_nonce(&taken, mined)?;
        let record = new.signed(nonce, sign(nonce)?);
        records.push(record.clone());
        Ok(Allocated::New(record))
    }

    async fn add_attempt(&self, id: &str, attempt: &Attempt) -> Result<(), StoreUnavailable> {
        self.change(id, |record| record.attempts.push(attempt.clone()))
    }

    async fn set_state(&self, id: &str, state: &TransactionState) -> Result<(), StoreUnavailable> {
        self.change(id, |record| record.becomes(state))
    }

    async fn find(&self, id: &str) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        Ok(self.lock().iter().find(|record| record.id == id).cloned())
    }

    async fn open(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreUnavailable> {
        let is_open = |it: &&TransactionRecord| {
            it.chain_id == chain_id && it.from == from && !it.state.is_final()
        };
        let mut open: Vec<_> = self.lock().iter().filter(is_open).cloned().collect();
        open.sort_by_key(|record| record.nonce);
        Ok(open)
    }

    async fn with_nonce(
        &self,
        chain_id: u64,
        from: Address,
        nonce: u64,
    ) -> Result<Option<TransactionRecord>, StoreUnavailable> {
        let has_it = |it: &&TransactionRecord| counts(it, chain_id, from) && it.nonce == nonce;
        Ok(self.lock().iter().find(has_it).cloned())
    }

    async fn take_turn(
        &self,
        turn: &Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreUnavailable> {
        let mut turns = self.turns();
        turns.retain(|(_, until)| *until > now);
        match turns.iter_mut().find(|(had, _)| is_of_one_token(had, turn)) {
            Some((had, _)) if had.name != turn.name => return Ok(false),
            Some((_, had_until)) => *had_until = until,
            None => turns.push((turn.clone(), until)),
        }
        Ok(true)
    }

    async fn end_turn(&self, turn: &Turn) -> Result<(), StoreUnavailable> {
        self.turns().retain(|(had, _)| had != turn);
        Ok(())
    }
}

/// Whether a record uses up a nonce of the account.
fn counts(record: &TransactionRecord, chain_id: u64, from: Address) -> bool {
    let refused = matches!(record.state, TransactionState::Refused { .. });
    record.chain_id == chain_id && record.from == from && !refused
}

fn is_of_one_token(one: &Turn, other: &Turn) -> bool {
    (one.chain_id, one.owner, one.token) == (other.chain_id, other.owner, other.token)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// None of its futures waits for anything.
    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().unwrap()
    }

    #[test]
    fn a_turn_is_one_names_until_it_ends_or_its_time_is_over() {
        let store = MemoryStore::default();
        let at = Timestamp::from_millis;
        let turn = |name: &str, token: u8| Turn {
            chain_id: 1,
            owner: Address::ZERO,
            token: Address::repeat_byte(token),
            name: name.into(),
        };
        let take = |turn: &Turn, since, until| now(store.take_turn(turn, at(since), at(until)));
        let (one, two) = (turn("one", 7), turn("two", 7));
        assert_eq!(take(&one, 0, 10), Ok(true));
        assert_eq!(take(&two, 5, 15), Ok(false));
        assert_eq!(take(&turn("two", 8), 5, 15), Ok(true));
        // Who has it may have it for longer.
        assert_eq!(take(&one, 9, 20), Ok(true));
        assert_eq!(take(&two, 19, 30), Ok(false));
        assert_eq!(take(&two, 20, 30), Ok(true));
        // It is not the first one's to end any more.
        assert_eq!(now(store.end_turn(&one)), Ok(()));
        assert_eq!(take(&one, 21, 31), Ok(false));
        assert_eq!(now(store.end_turn(&two)), Ok(()));
        assert_eq!(take(&one, 21, 31), Ok(true));
    }
}
