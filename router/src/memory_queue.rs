use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hoox_connector::{Clock, Timestamp};

use crate::{DeadLetter, Delivery, Queue, QueueMessage, QueueUnavailable, Verdict};

/// The most messages that are kept.
const MESSAGES_MAX: usize = 1 << 16;

/// A queue in memory, for tests, simulations and embedding where signals need not survive the
/// process.
///
/// **Volatile:** nothing is on stable storage, whatever [`Queue::send`] promises.
///
/// ```
/// use core::time::Duration;
/// use hoox_router::{MemoryQueue, Verdict};
/// # use hoox_connector::{Clock, Timestamp};
/// # struct Hands;
/// # impl Clock for Hands {
/// #     fn now(&self) -> Timestamp { Timestamp::from_millis(1) }
/// #     fn monotonic(&self) -> Duration { Duration::ZERO }
/// #     async fn sleep(&self, _: Duration) {}
/// # }
///
/// let queue = MemoryQueue::new(Hands);
/// queue.send_raw("{}", Duration::ZERO).unwrap();
/// let delivery = queue.take(1).remove(0);
/// queue.settle(delivery.id, Verdict::Dead { reason: "no signal".into() });
/// assert_eq!((queue.depth(), queue.dead_letters().len()), (0, 1));
/// ```
#[derive(Debug)]
pub struct MemoryQueue<C> {
    clock: C,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    messages: BTreeMap<u64, Waiting>,
    dead: BTreeMap<u64, DeadLetter>,
    down: bool,
}

#[derive(Debug, Clone)]
struct Waiting {
    body: Box<str>,
    attempts: u32,
    due: Timestamp,
    taken: bool,
}

impl<C: Clock> MemoryQueue<C> {
    /// An empty queue; `clock` says when messages are due.
    pub fn new(clock: C) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    /// Takes up to `max` messages that are due, oldest first. What is taken is not delivered again
    /// before [`settle`](Self::settle) or [`return_taken`](Self::return_taken).
    pub fn take(&self, max: usize) -> Vec<Delivery> {
        let now = self.clock.now();
        let mut kept = self.kept();
        let due = kept.messages.iter_mut().filter(|(_, it)| !it.taken && it.due <= now);
        due.take(max)
            .map(|(id, it)| {
                it.taken = true;
                Delivery::new(*id, it.body.clone(), it.attempts)
            })
            .collect()
    }

    /// Carries out a verdict.
    pub fn settle(&self, id: u64, verdict: Verdict) {
        let now = self.clock.now();
        let mut kept = self.kept();
        let Some(mut message) = kept.messages.remove(&id) else { return };
        match verdict {
            Verdict::Ack => {}
            Verdict::Retry { delay, counted } => {
                message.taken = false;
                message.due = now.after(delay);
                message.attempts += u32::from(counted);
                kept.messages.insert(id, message);
            }
            Verdict::Dead { reason } => {
                let body = message.body;
                kept.dead.insert(id, DeadLetter::new(id, body, reason, now));
            }
        }
    }

    /// Makes everything that was taken available again, as after a consumer's crash.
    pub fn return_taken(&self) {
        self.kept().messages.values_mut().for_each(|message| message.taken = false);
    }

    /// How many messages wait or are being carried out.
    pub fn depth(&self) -> usize {
        self.kept().messages.len()
    }

    /// When the next message that nobody has taken is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.kept().messages.values().filter(|it| !it.taken).map(|it| it.due).min()
    }

    /// The dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.kept().dead.values().cloned().collect()
    }

    /// Puts a dead letter back into the queue, under the same key, with no failed attempts; false if
    /// there is no such dead letter, or none that could ever be carried out.
    pub fn replay(&self, id: u64) -> bool {
        let due = self.clock.now();
        let mut kept = self.kept();
        let letter = kept.dead.get(&id);
        let message = letter.and_then(|it| QueueMessage::parse(it.body.as_bytes()).ok());
        let Some(message) = message else { return false };
        kept.dead.remove(&id);
        let body = message.replayed(due).to_json().into();
        let message = Waiting { body, attempts: 0, due, taken: false };
        kept.messages.insert(id, message);
        true
    }

    /// Makes every send fail, or succeed again: for tests of what happens then.
    pub fn set_available(&self, available: bool) {
        self.kept().down = !available;
    }

    /// Puts any text into the queue, as a faulty producer might.
    pub fn send_raw(&self, body: &str, delay: Duration) -> Result<(), QueueUnavailable> {
        let due = self.clock.now().after(delay);
        let mut kept = self.kept();
        if kept.down || kept.messages.len() >= MESSAGES_MAX {
            return Err(QueueUnavailable("full, or set to be unavailable".into()));
        }
        kept.next += 1;
        let id = kept.next;
        let message = Waiting { body: body.into(), attempts: 0, due, taken: false };
        kept.messages.insert(id, message);
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clock> Queue for MemoryQueue<C> {
    async fn send(&self, message: &QueueMessage, delay: Duration) -> Result<(), QueueUnavailable> {
        self.send_raw(&message.to_json(), delay)
    }
}
