//! The requests of a socket that are not answered yet.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrayvec::ArrayVec;
use tokio::sync::oneshot;

use crate::session::ConnectionId;
use crate::{OperationKind, RateUsage, Reply, VenueError};

/// What became of a request that was sent.
#[allow(clippy::large_enum_variant)] // boxing would allocate on the order path
pub(super) enum Answer {
    Told {
        result: Result<Reply, VenueError>,
        usage: ArrayVec<RateUsage, 4>,
        /// How long reading it took.
        decode: Duration,
        /// The frame itself, if somebody wants to see it.
        frame: Option<Box<[u8]>>,
    },
    /// The connection is gone, and the answer with it.
    Lost(String),
}

/// Requests by their ids, no more than a bound.
pub(super) struct InFlight {
    most: usize,
    waiting: Mutex<HashMap<u64, Waiting>>,
}

struct Waiting {
    connection: ConnectionId,
    kind: OperationKind,
    answer: oneshot::Sender<Answer>,
}

/// Forgets a request when nobody waits for it any more.
pub(super) struct Entry<'a> {
    table: &'a InFlight,
    id: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.table.lock().remove(&self.id);
    }
}

impl InFlight {
    pub(super) fn new(most: usize) -> Self {
        Self { most, waiting: Mutex::default() }
    }

    /// Enters a request before it is written; `None` if there are too many.
    pub(super) fn enter(
        &self,
        id: u64,
        connection: ConnectionId,
        kind: OperationKind,
    ) -> Option<(Entry<'_>, oneshot::Receiver<Answer>)> {
        let mut waiting = self.lock();
        if waiting.len() >= self.most {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        waiting.insert(id, Waiting { connection, kind, answer });
        Some((Entry { table: self, id }, receiver))
    }

    pub(super) fn kind(&self, id: u64) -> Option<OperationKind> {
        self.lock().get(&id).map(|it| it.kind)
    }

    pub(super) fn answer(&self, id: u64, answer: Answer) {
        let waiting = self.lock().remove(&id);
        if let Some(waiting) = waiting {
            // It is no matter if nobody waits any more.
            let _ = waiting.answer.send(answer);
        }
    }

    /// Tells everyone who waits on a connection that it is gone.
    pub(super) fn lose(&self, connection: ConnectionId, cause: &str) {
        self.lose_where(|it| it.connection == connection, cause);
    }

    /// Tells everyone that no answer will come.
    pub(super) fn lose_all(&self, cause: &str) {
        self.lose_where(|_| true, cause);
    }

    fn lose_where(&self, gone: impl Fn(&Waiting) -> bool, cause: &str) {
        let lost: Vec<_> = self.lock().extract_if(|_, it| gone(it)).collect();
        for (_, waiting) in lost {
            let _ = waiting.answer.send(Answer::Lost(cause.to_owned()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
