//! The consumer of the queue in this process (trade.md §9).

use core::time::Duration;
use std::sync::Arc;

use hoox_router::{CONSUMER_BATCH, CONSUMER_CONCURRENCY, Delivery, RETRY_SCHEDULE, Verdict};
use tokio::sync::Semaphore;

use crate::archive::watched;
use crate::service::Service;

/// How often the table is looked at: for messages whose wait is over, and for those that another
/// process has put back.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Carries out what is in the queue, for ever.
pub(crate) async fn run(service: Arc<Service>) {
    let places = Arc::new(Semaphore::new(CONSUMER_CONCURRENCY));
    loop {
        let due = service.store.take_due(CONSUMER_BATCH).unwrap_or_else(|error| {
            tracing::error!(%error, "the queue cannot be read");
            Vec::new()
        });
        if due.is_empty() {
            let _ = tokio::time::timeout(LOOK_EVERY, service.store.enqueued()).await;
            continue;
        }
        for delivery in due {
            // Closed never: this task holds it.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                let id = delivery.id;
                let verdict = carry_out(Arc::clone(&service), delivery).await;
                if let Err(error) = service.store.settle(id, verdict).await {
                    tracing::error!(%error, "a verdict on a queued signal was not written");
                }
                drop(place);
            });
        }
    }
}

/// In a task of its own, so that a message that breaks the program breaks nothing else.
async fn carry_out(service: Arc<Service>, delivery: Delivery) -> Verdict {
    let attempts = delivery.attempts;
    let task = tokio::spawn(async move {
        watched(service.router.consume(delivery.body.as_bytes(), delivery.attempts)).await
    });
    task.await.unwrap_or_else(|_| {
        match usize::try_from(attempts).ok().and_then(|n| RETRY_SCHEDULE.get(n)) {
            Some(delay) => Verdict::Retry { delay: *delay, counted: true },
            None => Verdict::Dead { reason: "the program fails on this message".into() },
        }
    })
}
