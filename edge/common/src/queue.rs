use core::time::Duration;

use hoox_router::{Queue, QueueMessage, QueueUnavailable};
use worker::{Env, QueueContentType, RawMessageBuilder};

/// The longest delay a message may be given: 12 hours, by the limits that Cloudflare publishes for
/// Queues.
const DELAY_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// The producer of a Cloudflare queue.
///
/// Messages are text, not objects: a number that JavaScript had read would lose digits.
#[derive(Debug, Clone)]
pub struct WorkerQueue {
    env: Env,
    binding: &'static str,
}

impl WorkerQueue {
    /// The queue behind `binding`.
    pub const fn new(env: Env, binding: &'static str) -> Self {
        Self { env, binding }
    }

    /// Puts a text into the queue.
    ///
    /// # Errors
    /// [`QueueUnavailable`].
    pub async fn send_text(&self, text: &str, delay: Duration) -> Result<(), QueueUnavailable> {
        let failed = |_| QueueUnavailable(format!("{} takes no message", self.binding));
        let queue = self.env.queue(self.binding).map_err(failed)?;
        let seconds = delay.min(DELAY_MAX).as_millis().div_ceil(1_000);
        let message = RawMessageBuilder::new(text.into())
            .delay_seconds(seconds.try_into().unwrap_or(u32::MAX))
            .build_with_content_type(QueueContentType::Text);
        queue.send_raw(message).await.map_err(failed)
    }
}

impl Queue for WorkerQueue {
    async fn send(&self, message: &QueueMessage, delay: Duration) -> Result<(), QueueUnavailable> {
        self.send_text(&message.to_json(), delay).await
    }
}
