//! The bounds of an order's life.

use core::time::Duration;

use hoox_connector::Timestamp;

/// How far ahead of the exchange's clock a timestamp may be that it still takes: one second on all
/// three (protocols/binance.md, bybit.md, mexc.md, "timing").
const CLOCK_AHEAD: Duration = Duration::from_secs(1);

/// The bounds of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How often an order is sent at most. Default 3.
    pub attempts_max: u32,
    /// How often one run asks for an order whose fate is unknown. Default 40.
    pub asks_max: u32,
    /// How often one run reads a fill. Default 8.
    pub reads_max: u32,
    /// How long after its timestamp the exchange takes a request.
    pub recv_window: Duration,
    /// How long an order may exist without being found.
    pub visibility_delay: Duration,
    /// How old a signal may be for its order to be sent again. Default 30 seconds: after that the
    /// market has moved on.
    pub resubmit_within: Duration,
    /// The wait after the first failure; it doubles each time. Default 20 ms.
    pub first_backoff: Duration,
    /// The longest wait between two questions. Default 1 second.
    pub longest_backoff: Duration,
    /// Whether a fee missing from the order's report is read from its executions. Default true.
    pub read_fees: bool,
}

impl Policy {
    /// The default bounds at an exchange with this receive window and visibility delay.
    pub const fn new(recv_window: Duration, visibility_delay: Duration) -> Self {
        Self {
            attempts_max: 3,
            asks_max: 40,
            reads_max: 8,
            recv_window,
            visibility_delay,
            resubmit_within: Duration::from_secs(30),
            first_backoff: Duration::from_millis(20),
            longest_backoff: Duration::from_secs(1),
            read_fees: true,
        }
    }

    /// The same in a run that may read a fill for as long as the exchange takes to tell it.
    #[must_use]
    pub fn reading_for(mut self, delay: Duration) -> Self {
        let more = delay.as_millis() / self.longest_backoff.as_millis().max(1);
        self.reads_max = self.reads_max.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        self
    }

    pub(super) fn backoff(&self, tries: u32) -> Duration {
        let factor = 1u32.checked_shl(tries.min(16)).unwrap_or(u32::MAX);
        self.first_backoff.saturating_mul(factor).min(self.longest_backoff)
    }

    /// The moment after which "no such order" is final.
    pub(super) fn final_from(&self, final_after: Timestamp) -> Timestamp {
        final_after.after(self.visibility_delay).after(CLOCK_AHEAD)
    }
}
