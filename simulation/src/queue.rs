//! The queue, on the same disk as the records: delivered at least once, and now and then twice.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use hoox_connector::Timestamp;
use hoox_router::{Delivery, Queue, QueueMessage, QueueUnavailable, RequestId, Verdict};
use serde::{Deserialize, Serialize};

use crate::executor::{Promise, Promised, promise};
use crate::log::Log;

/// What is written of the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Change {
    /// A message comes in.
    Put { id: u64, body: Box<str>, due: Timestamp },
    /// It is delivered again, after so many failed attempts.
    Retry { id: u64, attempts: u32, due: Timestamp },
    /// It is done with.
    Done { id: u64 },
    /// It is a dead letter.
    Dead { id: u64 },
    /// A dead letter comes in again, as another message.
    Replayed { dead: u64, id: u64, body: Box<str>, due: Timestamp },
}

/// The queue of one process.
#[derive(Clone)]
pub(crate) struct SimQueue {
    log: Log,
    letters: Rc<RefCell<Letters>>,
}

/// What is in the queue.
#[derive(Default)]
pub(crate) struct Letters {
    last: u64,
    waiting: BTreeMap<u64, Letter>,
    dead: BTreeMap<u64, Box<str>>,
    /// Delivered, and without a verdict; only this process knows.
    taken: BTreeSet<u64>,
    /// Wakes the consumer.
    news: Option<Promise<()>>,
}

struct Letter {
    body: Box<str>,
    attempts: u32,
    due: Timestamp,
}

impl Letters {
    /// Does what was written.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Put { id, body, due } => self.put(id, body, due),
            Change::Retry { id, attempts, due } => {
                if let Some(letter) = self.waiting.get_mut(&id) {
                    (letter.attempts, letter.due) = (attempts, due);
                }
            }
            Change::Done { id } => drop(self.waiting.remove(&id)),
            Change::Dead { id } => {
                if let Some(letter) = self.waiting.remove(&id) {
                    self.dead.insert(id, letter.body);
                }
            }
            Change::Replayed { dead, id, body, due } => {
                self.dead.remove(&dead);
                self.put(id, body, due);
            }
        }
        self.news.take();
    }

    fn put(&mut self, id: u64, body: Box<str>, due: Timestamp) {
        self.last = self.last.max(id);
        self.waiting.insert(id, Letter { body, attempts: 0, due });
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl SimQueue {
    pub(crate) fn new(log: Log, letters: Rc<RefCell<Letters>>) -> Self {
        Self { log, letters }
    }

    /// Takes the messages that are due, at most so many.
    pub(crate) fn take(&self, now: Timestamp, max: usize) -> Vec<Delivery> {
        let mut letters = self.letters.borrow_mut();
        let Letters { waiting, taken, .. } = &mut *letters;
        let due = waiting.iter().filter(|(id, it)| it.due <= now && !taken.contains(id));
        let due: Vec<_> = due
            .take(max)
            .map(|(id, it)| Delivery::new(*id, it.body.clone(), it.attempts))
            .collect();
        taken.extend(due.iter().map(|delivery| delivery.id));
        due
    }

    /// When the next message is due; and what tells of a change before.
    pub(crate) fn next_due(&self) -> (Option<Timestamp>, Promised<()>) {
        let (news, heard) = promise();
        let mut letters = self.letters.borrow_mut();
        letters.news = Some(news);
        let Letters { waiting, taken, .. } = &*letters;
        let due = waiting.iter().filter(|(id, _)| !taken.contains(id)).map(|(_, it)| it.due).min();
        (due, heard)
    }

    /// Carries out a verdict. Not written, the message is delivered again.
    pub(crate) async fn settle(&self, id: u64, attempts: u32, verdict: Verdict, now: Timestamp) {
        let change = match verdict {
            Verdict::Ack => Change::Done { id },
            Verdict::Retry { delay, counted } => {
                let attempts = attempts + u32::from(counted);
                Change::Retry { id, attempts, due: now.after(delay) }
            }
            Verdict::Dead { .. } => Change::Dead { id },
        };
        let _ = self.write(change).await;
        let mut letters = self.letters.borrow_mut();
        letters.taken.remove(&id);
        letters.news.take();
    }

    /// Puts every dead letter that can be read back into the queue; how many there were.
    pub(crate) async fn replay(&self, now: Timestamp) -> u64 {
        let dead: Vec<_> = {
            let letters = self.letters.borrow();
            letters.dead.iter().map(|(id, body)| (*id, body.clone())).collect()
        };
        let mut replayed = 0;
        for (dead, body) in dead {
            let Ok(message) = QueueMessage::parse(body.as_bytes()) else { continue };
            let (id, body) = (self.letters.borrow_mut().next(), message.replayed(now).to_json());
            let change = Change::Replayed { dead, id, body: body.into(), due: now };
            replayed += u64::from(self.write(change).await.is_ok());
        }
        replayed
    }

    /// Puts anything into the queue, as a faulty producer might.
    pub(crate) async fn send_raw(
        &self,
        body: Box<str>,
        due: Timestamp,
    ) -> Result<(), QueueUnavailable> {
        let id = self.letters.borrow_mut().next();
        self.write(Change::Put { id, body, due }).await
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.letters.borrow().waiting.is_empty()
    }

    /// Whether a request's message is a dead letter.
    pub(crate) fn is_dead(&self, request_id: RequestId) -> bool {
        let letters = self.letters.borrow();
        letters.dead.values().any(|body| {
            QueueMessage::parse(body.as_bytes()).is_ok_and(|it| it.request_id == request_id)
        })
    }

    async fn write(&self, change: Change) -> Result<(), QueueUnavailable> {
        let written = self.log.queue(&change).await;
        written.map_err(|error| QueueUnavailable(error.0))?;
        self.letters.borrow_mut().apply(change);
        Ok(())
    }
}

impl Queue for SimQueue {
    async fn send(&self, message: &QueueMessage, delay: Duration) -> Result<(), QueueUnavailable> {
        let due = self.log.now().after(delay);
        self.send_raw(message.to_json().into(), due).await?;
        // Written, and yet nobody says so.
        match self.log.loses_answer() {
            true => Err(QueueUnavailable("injected, after it was written".into())),
            false => Ok(()),
        }
    }
}
