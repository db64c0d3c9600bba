use core::time::Duration;

/// What to do when a venue's limit leaves no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patience {
    /// Wait for room, unless that takes longer than [`ClientConfig::wait_max`] or the venue has
    /// banned us.
    #[default]
    Wait,
    /// Refuse at once, telling how long the wait would be.
    Refuse,
}

/// Settings of a [`Client`](crate::Client).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How long a throttled client holds back when the venue does not say. Default 2 seconds.
    pub default_backoff: Duration,
    /// What to do when a limit leaves no room, unless a call says otherwise. Default: wait.
    pub patience: Patience,
    /// The longest wait for room; where more is needed, the request is refused at once. Default 10
    /// seconds.
    pub wait_max: Duration,
    /// How often a read that failed is tried again, where the error says that it may help. Default 2.
    /// Nothing but reads is; settings only after a refusal for the timestamp alone, orders never.
    pub read_retries: u32,
    /// How long [`Client::reconcile`](crate::Client::reconcile) keeps asking a venue that does not answer, beyond the moment at
    /// which an answer would be final. Default 30 seconds.
    pub reconcile_max: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            default_backoff: Duration::from_secs(2),
            patience: Patience::Wait,
            wait_max: Duration::from_secs(10),
            read_retries: 2,
            reconcile_max: Duration::from_secs(30),
        }
    }
}
