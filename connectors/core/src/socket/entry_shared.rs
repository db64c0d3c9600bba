//! What the callers of order entry and its driver have in common.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::SinkExt;
use tokio::sync::{Notify, watch};
use tokio_tungstenite::tungstenite::Message;

use super::entry::EntryState;
use super::in_flight::InFlight;
use super::links::Writer;
use crate::session::ConnectionId;
use crate::{NotSent, RequestBuf, Timestamp};

pub(super) struct Shared {
    pub(super) line: tokio::sync::Mutex<Line>,
    /// The half that writes of a connection that has become ready, until the first caller takes it.
    fresh: Mutex<Option<(ConnectionId, Writer)>>,
    pub(super) in_flight: InFlight,
    next_id: AtomicU64,
    pub(super) state: watch::Sender<EntryState>,
    /// The connection that takes orders.
    ready: Mutex<Option<ConnectionId>>,
    /// A connection to which nothing could be written.
    broken: Mutex<Option<ConnectionId>>,
    pub(super) news: Notify,
    pub(super) ended: AtomicBool,
}

/// Where the next order is written, one at a time.
#[derive(Default)]
pub(super) struct Line {
    pub(super) writer: Option<(ConnectionId, Writer)>,
    pub(super) buf: RequestBuf,
}

impl Shared {
    /// The ids of requests begin with the millisecond, so that they are told apart from those of a
    /// process before this one.
    pub(super) fn new(now: Timestamp, in_flight_max: usize) -> Self {
        Self {
            line: tokio::sync::Mutex::default(),
            fresh: Mutex::default(),
            in_flight: InFlight::new(in_flight_max),
            next_id: AtomicU64::new(now.as_millis().saturating_mul(1_000)),
            state: watch::Sender::new(EntryState::Connecting),
            ready: Mutex::default(),
            broken: Mutex::default(),
            news: Notify::new(),
            ended: AtomicBool::new(false),
        }
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on orders go to this connection.
    pub(super) fn becomes_ready(&self, id: ConnectionId, writer: Writer) {
        *lock(&self.fresh) = Some((id, writer));
        *lock(&self.ready) = Some(id);
        self.state.send_replace(EntryState::Ready);
    }

    /// From now on orders go nowhere.
    pub(super) fn becomes(&self, state: EntryState) {
        *lock(&self.ready) = None;
        lock(&self.fresh).take();
        self.state.send_replace(state);
    }

    /// A connection that nothing could be written to, told once.
    pub(super) fn take_broken(&self) -> Option<ConnectionId> {
        lock(&self.broken).take()
    }

    /// Writes a keep-alive to the connection, if it is the one that takes orders.
    pub(super) async fn keep_alive(&self, id: ConnectionId, frame: &'static str, max: Duration) {
        let write = async {
            let mut line = self.line.lock().await;
            if self.refresh(&mut line) == Some(id)
                && let Some((_, writer)) = &mut line.writer
            {
                return writer.send(Message::text(frame)).await.is_ok();
            }
            true
        };
        if !matches!(tokio::time::timeout(max, write).await, Ok(true)) {
            self.is_broken(id);
        }
    }

    pub(super) fn ready(&self) -> Option<ConnectionId> {
        *lock(&self.ready)
    }

    /// Makes the line that of the connection that takes orders now.
    pub(super) fn refresh(&self, line: &mut Line) -> Option<ConnectionId> {
        let ready = self.ready();
        if line.writer.as_ref().map(|(id, _)| *id) != ready {
            line.writer = lock(&self.fresh).take();
        }
        ready.filter(|ready| line.writer.as_ref().is_some_and(|(id, _)| id == ready))
    }

    pub(super) fn is_broken(&self, id: ConnectionId) {
        *lock(&self.broken) = Some(id);
        self.news.notify_one();
    }

    pub(super) fn not_ready(&self) -> NotSent {
        NotSent::Connection(match &*self.state.borrow() {
            EntryState::Stopped(refusal) => refusal.to_string(),
            _ => "the socket for orders is not connected".into(),
        })
    }
}

fn lock<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
