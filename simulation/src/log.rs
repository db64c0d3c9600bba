//! A process's way to the disk: what is synced at once, and what is held back as a store that writes many
//! at a time holds it back.

use core::cell::RefCell;
use core::future::pending;
use std::collections::VecDeque;
use std::rc::Rc;

use hoox_connector::{ClientOrderId, Timestamp};
use hoox_router::{Record, RequestId, StoreUnavailable};

use crate::executor::{MS, Owner, SECOND};
use crate::queue::Change;
use crate::store::FrameRef;
use crate::world::World;

/// One process's way to the disk.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) world: Rc<World>,
    pub(crate) owner: Owner,
    later: Rc<RefCell<VecDeque<Held>>>,
}

/// What nobody waits for, held back for a while: of a record only the last, and whatever is synced
/// meanwhile comes before it.
struct Held {
    record: Option<(RequestId, u8)>,
    order: Option<ClientOrderId>,
    frame: Vec<u8>,
}

impl Log {
    /// A process's way to the disk of its world.
    pub(crate) fn new(world: &Rc<World>, owner: Owner) -> Self {
        Self { world: Rc::clone(world), owner, later: Rc::default() }
    }

    /// The time a call takes, and whether it succeeds.
    pub(crate) async fn call(&self, what: &str) -> Result<(), StoreUnavailable> {
        let world = &self.world;
        let latency = match world.time.chance(30) {
            true => world.time.between(0, 20 * MS),
            false => world.time.between(0, 300),
        };
        if latency > 100 {
            world.time.sleep(latency).await;
        }
        if world.fails(world.plan.faults.store) {
            world.trace(|| format!("store: {what} fails"));
            world.count(|counts| counts.store_failures += 1);
            return Err(StoreUnavailable("injected".into()));
        }
        Ok(())
    }

    /// The present, by our clock.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.world.our_now_ms())
    }

    /// Whether a write that was carried out is not confirmed.
    pub(crate) fn loses_answer(&self) -> bool {
        self.world.fails(self.world.plan.faults.store)
    }

    /// Writes a change of the queue; it is safe when this returns.
    pub(crate) async fn queue(&self, change: &Change) -> Result<(), StoreUnavailable> {
        self.call("queue").await?;
        self.world.trace(|| format!("queue: {change:?}"));
        self.let_go();
        let end = self.append(&FrameRef::Queue(change));
        self.sync(end).await;
        Ok(())
    }

    /// Appends a frame, which is not safe yet; returns where it ends.
    pub(crate) fn append(&self, frame: &FrameRef<'_>) -> usize {
        self.append_bytes(&serde_json::to_vec(frame).unwrap_or_default())
    }

    fn append_bytes(&self, frame: &[u8]) -> usize {
        self.world.time.note(frame);
        self.world.disk.append(frame)
    }

    /// Writes something a little later, together with what else comes; of a record that is held back
    /// already, in its place.
    pub(crate) fn hold(&self, record: Option<&Record>, frame: &FrameRef<'_>) {
        let held = Held {
            record: record.map(Record::id),
            order: record.map(|record| record.intent.client_order_id),
            frame: serde_json::to_vec(frame).unwrap_or_default(),
        };
        let mut later = self.later.borrow_mut();
        let earlier = held.record.and_then(|id| later.iter_mut().find(|it| it.record == Some(id)));
        match earlier {
            Some(earlier) => *earlier = held,
            None => later.push_back(held),
        }
        drop(later);
        let log = self.clone();
        self.world.time.spawn(self.owner, async move {
            log.world.time.sleep(log.world.time.between(0, 30 * MS)).await;
            log.let_go();
            log.flush_later();
        });
    }

    /// Writes everything that is held back.
    pub(crate) fn let_go(&self) {
        for held in self.later.take() {
            let end = self.append_bytes(&held.frame);
            if let Some(order) = held.order {
                self.world.book.borrow_mut().written(end, order);
            }
        }
    }

    /// Forgets what is held back of a record: something newer is about to be written.
    pub(crate) fn supersede(&self, id: (RequestId, u8)) {
        self.later.borrow_mut().retain(|held| held.record != Some(id));
    }

    /// Waits for the disk.
    pub(crate) async fn sync(&self, end: usize) {
        let world = &self.world;
        let stall = world.fails(world.plan.faults.disk_stall);
        let longest = if stall { 3 * SECOND } else { 4 * MS };
        world.time.sleep(world.time.between(100, longest)).await;
        world.sync(end);
        if world.crash_now(world.plan.faults.crash_at_sync) {
            pending::<()>().await;
        }
    }

    /// Writes what is not synced yet, some time later.
    pub(crate) fn flush_later(&self) {
        let world = Rc::clone(&self.world);
        let end = world.disk.end();
        self.world.time.spawn(self.owner, async move {
            world.time.sleep(world.time.between(MS, 300 * MS)).await;
            world.sync(end);
        });
    }
}
