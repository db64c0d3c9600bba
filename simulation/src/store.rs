//! The router's store on a [`Disk`](crate::disk::Disk): the port's contract and no more.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use hoox_connector::{Symbol, Timestamp, Venue};
use hoox_router::{
    Admission, CallerId, Durability, HeldPosition, Holding, IdempotencyKey, LogEntry, LogLevel,
    MemoryRate, QueueMessage, Record, RefusedSignal, RequestId, Reservation, SignalStore, State,
    StoreUnavailable, holdings,
};
use serde::{Deserialize, Serialize};

use crate::executor::{MS, Owner};
use crate::log::Log;
use crate::mutation::Mutation;
use crate::queue::{Change, Letters, SimQueue};
use crate::world::World;

/// How long a message holds its key (gateway.md §8).
const KEY_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The store of one process. What it holds in memory dies with it.
pub(crate) struct SimStore {
    log: Log,
    kept: Rc<RefCell<Kept>>,
    rate: MemoryRate,
}

#[derive(Default)]
struct Kept {
    keys: HashMap<IdempotencyKey, (RequestId, Timestamp)>,
    records: BTreeMap<(u64, RequestId, u8), Record>,
    order: HashMap<(RequestId, u8), u64>,
    /// Requests that came to no order, and whose row says so.
    refused: HashSet<RequestId>,
}

#[derive(Deserialize)]
enum Frame {
    Record(Box<Record>),
    Release(IdempotencyKey, RequestId),
    Refused(RequestId),
    Queue(Change),
}

/// What a frame of the disk says.
#[derive(Serialize)]
#[serde(rename = "Frame")]
pub(crate) enum FrameRef<'a> {
    Record(&'a Record),
    Release(&'a IdempotencyKey, RequestId),
    Refused(RequestId),
    Queue(&'a Change),
}

impl SimStore {
    /// Opens what the disk has kept.
    pub(crate) fn open(world: &Rc<World>, owner: Owner) -> (Self, SimQueue) {
        let (mut kept, mut letters) = (Kept::default(), Letters::default());
        world.disk.open(|payload| match serde_json::from_slice(payload) {
            Ok(Frame::Record(record)) => {
                world.book.borrow_mut().durable(record.intent.client_order_id);
                // What this process holds until it lets go, another one finds free.
                if record.frees_key() {
                    kept.release(&record.key, record.request_id);
                }
                kept.put(*record);
            }
            Ok(Frame::Release(key, holder)) => kept.release(&key, holder),
            Ok(Frame::Refused(request_id)) => drop(kept.refused.insert(request_id)),
            Ok(Frame::Queue(change)) => {
                kept.hold_for(&change);
                letters.apply(change);
            }
            Err(error) => world.violated("every frame can be read", || error.to_string()),
        });
        let log = Log::new(world, owner);
        let queue = SimQueue::new(log.clone(), Rc::new(RefCell::new(letters)));
        (Self { log, kept: Rc::new(RefCell::new(kept)), rate: MemoryRate::default() }, queue)
    }

    /// Every record, oldest first.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.kept.borrow().records.values().cloned().collect()
    }

    /// Whether a record waits for its outcome.
    pub(crate) fn any_open(&self) -> bool {
        self.kept.borrow().records.values().any(|record| !record.state.is_final())
    }

    /// Whether a request has a row that says why it came to no order.
    pub(crate) fn is_refused(&self, request_id: RequestId) -> bool {
        self.kept.borrow().refused.contains(&request_id)
    }

    fn refuse(&self, request_id: RequestId) {
        self.kept.borrow_mut().refused.insert(request_id);
        self.log.hold(None, &FrameRef::Refused(request_id));
    }
}

impl SignalStore for SimStore {
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Reservation, StoreUnavailable> {
        self.log.call("reserve").await?;
        let mut kept = self.kept.borrow_mut();
        if let Some((holder, until)) = kept.keys.get(key).copied()
            && now < until
            && holder != request_id
        {
            let state = kept.find(holder, 0).map(|record| record.state);
            return Ok(Reservation::Duplicate { request_id: holder, state });
        }
        kept.keys.insert(key.clone(), (request_id, now.after(ttl)));
        Ok(Reservation::Acquired)
    }

    async fn write(&self, record: &Record, durability: Durability) -> Result<(), StoreUnavailable> {
        let world = &self.log.world;
        self.log.call("write").await?;
        world.trace(|| {
            let Record { request_id, leg, state, attempts, .. } = record;
            format!("store: {request_id}/{leg} {} #{attempts} {durability:?}", state.as_str())
        });
        let frame = FrameRef::Record(record);
        let intent = record.state == State::Submitting;
        if intent && world.mutation == Some(Mutation::IntentAfterSend) {
            self.kept.borrow_mut().put(record.clone());
            let (bytes, world) = (serde_json::to_vec(&frame).unwrap_or_default(), Rc::clone(world));
            let id = record.intent.client_order_id;
            world.clone().time.spawn(self.log.owner, async move {
                world.time.sleep(world.time.between(MS, 50 * MS)).await;
                let end = world.disk.append(&bytes);
                world.book.borrow_mut().written(end, id);
                world.sync(end);
            });
            return Ok(());
        }
        if durability == Durability::Lazy {
            self.kept.borrow_mut().put(record.clone());
            self.log.hold(Some(record), &frame);
            return Ok(());
        }
        self.log.supersede(record.id());
        let end = self.log.append(&frame);
        world.book.borrow_mut().written(end, record.intent.client_order_id);
        self.log.sync(end).await;
        self.kept.borrow_mut().put(record.clone());
        Ok(())
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<(), StoreUnavailable> {
        self.log.call("release").await?;
        let mut kept = self.kept.borrow_mut();
        if let Some((holder, _)) = kept.keys.get(key).copied() {
            self.log.world.trace(|| format!("store: release {key} of {holder}"));
            kept.release(key, holder);
            self.log.let_go();
            self.log.append(&FrameRef::Release(key, holder));
            self.log.flush_later();
        }
        Ok(())
    }

    async fn open_intents(&self) -> Result<Vec<Record>, StoreUnavailable> {
        self.log.call("open intents").await?;
        if self.log.world.mutation == Some(Mutation::NoRecovery) {
            return Ok(Vec::new());
        }
        let kept = self.kept.borrow();
        let open = kept.records.values().filter(|record| !record.state.is_final());
        Ok(open.map(stored).collect())
    }

    async fn load(
        &self,
        request_id: RequestId,
        leg: u8,
    ) -> Result<Option<Record>, StoreUnavailable> {
        self.log.call("load").await?;
        Ok(self.kept.borrow().find(request_id, leg).map(stored))
    }

    async fn admit(
        &self,
        caller: CallerId,
        limit: u32,
        window: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreUnavailable> {
        self.log.call("admit").await?;
        Ok(self.rate.admit(caller, limit, window, now))
    }

    async fn log_refusal(&self, refusal: &RefusedSignal) {
        self.log.world.trace(|| {
            let RefusedSignal { request_id, code, message, .. } = refusal;
            format!("store: {request_id} refused, {}: {message}", code.as_str())
        });
        self.refuse(refusal.request_id);
    }

    async fn log(&self, entry: &LogEntry) {
        self.log.world.trace(|| {
            format!("log: {} {}: {}", entry.service, entry.level.as_str(), entry.message)
        });
        // The queue's word on a message whose key another request holds.
        if entry.service == "queue-consumer"
            && entry.level == LogLevel::Info
            && let Some(request_id) = entry.request_id
        {
            self.refuse(request_id);
        }
    }

    async fn holdings(
        &self,
        venue: Venue,
        symbol: Symbol,
        test: bool,
    ) -> Result<Vec<Holding>, StoreUnavailable> {
        self.log.call("holdings").await?;
        let kept = self.kept.borrow();
        let of_symbol = |record: &&Record| {
            let Record { intent, signal, .. } = record;
            intent.venue == venue && intent.symbol == symbol && signal.test == test
        };
        Ok(holdings(kept.records.values().filter(of_symbol)))
    }

    async fn open_positions(&self) -> Result<Vec<HeldPosition>, StoreUnavailable> {
        self.log.call("positions").await?;
        let kept = self.kept.borrow();
        let places: BTreeSet<_> = kept
            .records
            .values()
            .map(|it| (it.intent.venue.as_str(), it.intent.symbol, it.signal.test))
            .collect();
        let mut open = Vec::new();
        for (place, symbol, test) in places {
            let here: Vec<_> = kept
                .records
                .values()
                .filter(|it| {
                    (it.intent.venue.as_str(), it.intent.symbol, it.signal.test)
                        == (place, symbol, test)
                })
                .collect();
            let Some(venue) = here.first().map(|it| it.intent.venue) else { continue };
            let held = holdings(here);
            open.extend(held.into_iter().map(|holding| HeldPosition {
                venue,
                symbol,
                test,
                holding,
            }));
        }
        Ok(open)
    }
}

impl Kept {
    fn find(&self, request_id: RequestId, leg: u8) -> Option<&Record> {
        let number = self.order.get(&(request_id, leg))?;
        self.records.get(&(*number, request_id, leg))
    }

    fn put(&mut self, record: Record) {
        let id = (record.request_id, record.leg);
        if !record.frees_key() {
            let held = (record.request_id, record.reserved_until);
            self.keys.entry(record.key.clone()).or_insert(held);
        }
        let next = self.order.len() as u64;
        let number = *self.order.entry(id).or_insert(next);
        self.records.insert((number, id.0, id.1), record);
    }

    /// A message holds its key from the moment it is in the queue.
    fn hold_for(&mut self, change: &Change) {
        let (Change::Put { body, .. } | Change::Replayed { body, .. }) = change else { return };
        if let Ok(message) = QueueMessage::parse(body.as_bytes()) {
            let until = message.queued_at.after(KEY_TTL);
            self.keys.entry(message.idempotency_key).or_insert((message.request_id, until));
        }
    }

    /// Frees a key, if `holder` still holds it.
    fn release(&mut self, key: &IdempotencyKey, holder: RequestId) {
        if self.keys.get(key).is_some_and(|(held, _)| *held == holder) {
            self.keys.remove(key);
        }
    }
}

/// A record as a database gives it back: without what only a run knows.
fn stored(record: &Record) -> Record {
    let text = serde_json::to_string(record).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_else(|_| record.clone())
}
