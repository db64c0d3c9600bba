use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hoox_connector::{Symbol, Timestamp, Venue};

use crate::lifecycle::Durability;
use crate::{
    Admission, CallerId, HeldPosition, Holding, IdempotencyKey, LogEntry, MemoryRate, Record,
    RefusedSignal, RequestId, Reservation, SignalStore, StoreUnavailable, holdings,
};

/// How many keys and records are kept, and how many refusals.
const ENTRIES_MAX: usize = 1 << 16;
const REFUSALS_MAX: usize = 1 << 10;

/// A store in memory, for tests and for embedding where orders need not survive the process.
///
/// **Volatile:** nothing is ever durable, whatever [`Durability`] asks for. After a crash an order
/// whose reply was lost is neither found nor guarded against being sent again.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
    rate: MemoryRate,
}

#[derive(Debug, Default)]
struct Kept {
    keys: HashMap<IdempotencyKey, (RequestId, Timestamp)>,
    records: BTreeMap<(u64, RequestId, u8), Record>,
    order: HashMap<(RequestId, u8), u64>,
    written: u64,
    refusals: VecDeque<RefusedSignal>,
    log: VecDeque<LogEntry>,
    down: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every record, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.kept().records.values().cloned().collect()
    }

    /// The latest refusals, oldest first.
    pub fn refusals(&self) -> Vec<RefusedSignal> {
        self.kept().refusals.iter().cloned().collect()
    }

    /// The latest log entries, oldest first.
    pub fn log_entries(&self) -> Vec<LogEntry> {
        self.kept().log.iter().cloned().collect()
    }

    /// Makes every call fail, or succeed again: for tests of what happens then.
    pub fn set_available(&self, available: bool) {
        self.kept().down = !available;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn available(&self) -> Result<MutexGuard<'_, Kept>, StoreUnavailable> {
        let kept = self.kept();
        match kept.down {
            true => Err(StoreUnavailable("set to be unavailable".into())),
            false => Ok(kept),
        }
    }
}

impl SignalStore for MemoryStore {
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Reservation, StoreUnavailable> {
        let mut kept = self.available()?;
        if let Some((holder, until)) = kept.keys.get(key).copied()
            && now < until
            && holder != request_id
        {
            let record = kept.find(holder, 0).or_else(|| kept.find(holder, 1));
            let state = record.map(|record| record.state);
            return Ok(Reservation::Duplicate { request_id: holder, state });
        }
        if kept.keys.len() >= ENTRIES_MAX {
            // Only those that have expired.
            kept.keys.retain(|_, (_, until)| now < *until);
        }
        if kept.keys.len() >= ENTRIES_MAX {
            return Err(StoreUnavailable("full".into()));
        }
        kept.keys.insert(key.clone(), (request_id, now.after(ttl)));
        Ok(Reservation::Acquired)
    }

    async fn write(&self, record: &Record, _: Durability) -> Result<(), StoreUnavailable> {
        let mut kept = self.available()?;
        let number = match kept.order.get(&record.id()).copied() {
            Some(number) => number,
            None => {
                kept.make_room()?;
                kept.written += 1;
                let number = kept.written;
                kept.order.insert(record.id(), number);
                number
            }
        };
        kept.records.insert((number, record.request_id, record.leg), record.clone());
        Ok(())
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<(), StoreUnavailable> {
        self.available()?.keys.remove(key);
        Ok(())
    }

    async fn open_intents(&self) -> Result<Vec<Record>, StoreUnavailable> {
        let kept = self.available()?;
        Ok(kept.records.values().filter(|record| !record.state.is_final()).cloned().collect())
    }

    async fn load(
        &self,
        request_id: RequestId,
        leg: u8,
    ) -> Result<Option<Record>, StoreUnavailable> {
        Ok(self.available()?.find(request_id, leg).cloned())
    }

    async fn admit(
        &self,
        caller: CallerId,
        limit: u32,
        window: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreUnavailable> {
        drop(self.available()?);
        Ok(self.rate.admit(caller, limit, window, now))
    }

    async fn commit(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        until: Timestamp,
    ) -> Result<(), StoreUnavailable> {
        let mut kept = self.available()?;
        let held = kept.keys.entry(key.clone()).or_insert((request_id, until));
        if held.0 == request_id {
            held.1 = until;
        }
        Ok(())
    }

    async fn log(&self, entry: &LogEntry) {
        let log = &mut self.kept().log;
        if log.len() >= REFUSALS_MAX {
            log.pop_front();
        }
        log.push_back(entry.clone());
    }

    async fn log_refusal(&self, refusal: &RefusedSignal) {
        let mut kept = self.kept();
        if kept.refusals.len() >= REFUSALS_MAX {
            kept.refusals.pop_front();
        }
        kept.refusals.push_back(refusal.clone());
    }

    async fn holdings(
        &self,
        venue: Venue,
        symbol: Symbol,
        test: bool,
    ) -> Result<Vec<Holding>, StoreUnavailable> {
        let kept = self.available()?;
        let of_symbol = |record: &&Record| {
            record.intent.venue == venue
                && record.intent.symbol == symbol
                && record.signal.test == test
        };
        Ok(holdings(kept.records.values().filter(of_symbol)))
    }

    async fn without_fee(
        &self,
        since: Timestamp,
        max: usize,
    ) -> Result<Vec<Record>, StoreUnavailable> {
        let kept = self.available()?;
        let lacking = |record: &&Record| record.lacks_fee() && record.received_at >= since;
        let mut newest: Vec<_> =
            kept.records.values().rev().filter(lacking).take(max).cloned().collect();
        newest.reverse();
        Ok(newest)
    }

    async fn open_positions(&self) -> Result<Vec<HeldPosition>, StoreUnavailable> {
        let kept = self.available()?;
        let place =
            |record: &Record| (record.intent.venue, record.intent.symbol, record.signal.test);
        let mut places: Vec<_> = kept.records.values().map(place).collect();
        places.sort_unstable_by_key(|(venue, symbol, test)| (*venue, symbol.to_string(), *test));
        places.dedup();
        let open = places.into_iter().flat_map(|at| {
            let (venue, symbol, test) = at;
            let records = kept.records.values().filter(|record| place(record) == at);
            let held = holdings(records).into_iter();
            held.map(move |holding| HeldPosition { venue, symbol, test, holding })
        });
        Ok(open.collect())
    }
}

impl Kept {
    fn find(&self, request_id: RequestId, leg: u8) -> Option<&Record> {
        let number = self.order.get(&(request_id, leg))?;
        self.records.get(&(*number, request_id, leg))
    }

    /// Forgets the oldest record whose life has ended, if there are too many.
    fn make_room(&mut self) -> Result<(), StoreUnavailable> {
        if self.records.len() < ENTRIES_MAX {
            return Ok(());
        }
        let ended = self.records.iter().find(|(_, record)| record.state.is_final());
        let Some(id) = ended.map(|(id, _)| *id) else {
            return Err(StoreUnavailable("full".into()));
        };
        self.records.remove(&id);
        self.order.remove(&(id.1, id.2));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_held_until_it_expires_or_is_released() {
        let store = MemoryStore::new();
        let key: IdempotencyKey = serde_json::from_str("\"k\"").unwrap();
        let at = Timestamp::from_millis;
        let (one, two) = (RequestId::new("1").unwrap(), RequestId::new("2").unwrap());
        let reserve = async |id, now| {
            store.reserve(&key, id, at(now), Duration::from_millis(100)).await.unwrap()
        };
        assert_eq!(reserve(one, 0).await, Reservation::Acquired);
        let duplicate = Reservation::Duplicate { request_id: one, state: None };
        assert_eq!(reserve(two, 99).await, duplicate);
        assert_eq!(reserve(two, 100).await, Reservation::Acquired);
        store.release(&key).await.unwrap();
        assert_eq!(reserve(one, 101).await, Reservation::Acquired);
    }
}
