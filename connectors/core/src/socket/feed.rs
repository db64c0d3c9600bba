//! Events for many readers, each at its own speed.

use core::fmt;

use tokio::sync::broadcast;

/// What a reader of a feed gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery<E> {
    /// An event.
    Event(E),
    /// The reader was too slow: this many events were dropped before the next one.
    Lagged {
        /// How many.
        lost: u64,
    },
}

/// One reader of a feed. A slow one holds up nobody: it loses the oldest events, and is told.
pub struct Subscriber<E> {
    receiver: broadcast::Receiver<E>,
}

impl<E: Clone> Subscriber<E> {
    /// A reader from now on; of a feed that has ended, one that gets nothing.
    pub(super) fn new(sender: &broadcast::WeakSender<E>) -> Self {
        let receiver = match sender.upgrade() {
            Some(sender) => sender.subscribe(),
            None => broadcast::Sender::new(1).subscribe(),
        };
        Self { receiver }
    }

    /// The next event; `None` once the feed has ended.
    pub async fn next(&mut self) -> Option<Delivery<E>> {
        match self.receiver.recv().await {
            Ok(event) => Some(Delivery::Event(event)),
            Err(broadcast::error::RecvError::Lagged(lost)) => Some(Delivery::Lagged { lost }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl<E> fmt::Debug for Subscriber<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("waiting", &self.receiver.len()).finish_non_exhaustive()
    }
}
