//! How well an exchange answers this process, for the choice of one (trade.md §4).

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hoox_connector::{Outcome, Refused, ThrottleKind, Venue};

/// So many failures in a row, not yet forgotten, are an exchange to pass over.
const FAILURES_MAX: u32 = 3;
/// No more are counted, so that a long outage is not held against an exchange for long.
const FAILURES_COUNTED: u32 = 6;
/// One failure is forgotten each time this has passed without another.
const FORGET_EVERY: Duration = Duration::from_secs(30);
/// Slower than this on average is an exchange to pass over.
const SLOW: Duration = Duration::from_secs(2);
/// What was slow is forgotten after this long without an answer.
const LATENCY_FOR: Duration = Duration::from_secs(60);

/// What has been seen of one exchange: consecutive failures, which fade, and the moving average of
/// how long its answers take. Pure; all times are monotonic.
///
/// ```
/// use core::time::Duration;
/// use hoox_router::VenueHealth;
///
/// let mut health = VenueHealth::default();
/// for _ in 0..3 {
///     health.failed(Duration::ZERO);
/// }
/// assert!(!health.is_healthy(Duration::from_secs(29)));
/// assert!(health.is_healthy(Duration::from_secs(30)), "worth another try");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VenueHealth {
    failures: u32,
    failed_at: Duration,
    latency: Option<Duration>,
    answered_at: Duration,
}

impl VenueHealth {
    /// It answered, `took` after it was asked.
    pub fn answered(&mut self, now: Duration, took: Duration) {
        self.failures = 0;
        self.latency = Some(match self.latency(now) {
            Some(average) => (average * 7 + took) / 8,
            None => took,
        });
        self.answered_at = now;
    }

    /// It could not be reached, did not answer, or is not trading.
    pub fn failed(&mut self, now: Duration) {
        self.failures = (self.failures(now) + 1).min(FAILURES_COUNTED);
        self.failed_at = now;
    }

    /// The consecutive failures that are not forgotten yet.
    pub fn failures(&self, now: Duration) -> u32 {
        let forgotten = now.saturating_sub(self.failed_at).as_secs() / FORGET_EVERY.as_secs();
        self.failures.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }

    /// How long it takes to answer an order on average; `None` if nothing was seen lately.
    pub fn latency(&self, now: Duration) -> Option<Duration> {
        self.latency.filter(|_| now.saturating_sub(self.answered_at) < LATENCY_FOR)
    }

    /// Whether it should be given an order, if there is another to choose from.
    pub fn is_healthy(&self, now: Duration) -> bool {
        self.failures(now) < FAILURES_MAX && self.latency(now).is_none_or(|it| it < SLOW)
    }
}

/// The health of every exchange, live and test apart.
#[derive(Debug, Default)]
pub(crate) struct HealthBook(Mutex<BTreeMap<(Venue, bool), VenueHealth>>);

impl HealthBook {
    pub(crate) fn of(&self, venue: Venue, test: bool) -> VenueHealth {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.get(&(venue, test)).copied().unwrap_or_default()
    }

    pub(crate) fn failed(&self, venue: Venue, test: bool, now: Duration) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((venue, test))
            .or_default()
            .failed(now);
    }

    /// Notes what came of sending an order between `sent` and `now`.
    pub(crate) fn sent(
        &self,
        (venue, test): (Venue, bool),
        result: &Result<Outcome, Refused>,
        (sent, now): (Duration, Duration),
    ) {
        use hoox_connector::NotSent;
        let unwell = |kind| matches!(kind, ThrottleKind::Overloaded | ThrottleKind::Maintenance);
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let health = book.entry((venue, test)).or_default();
        match result {
            Ok(Outcome::Acknowledged(_) | Outcome::Accepted(_)) | Err(Refused::Rejected(_)) => {
                health.answered(now, now.saturating_sub(sent));
            }
            Ok(Outcome::Unknown(_)) | Err(Refused::NotSent(NotSent::Connection(_))) => {
                health.failed(now);
            }
            Err(Refused::Throttled(throttle)) if unwell(throttle.kind) => health.failed(now),
            // What we may not or cannot send says nothing of the exchange.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn failures_fade_an_answer_clears_them_and_they_are_bounded() {
        let mut health = VenueHealth::default();
        assert!(health.is_healthy(at(0)));
        for n in 0..100 {
            health.failed(at(n));
        }
        assert_eq!(health.failures(at(99)), FAILURES_COUNTED);
        assert!(!health.is_healthy(at(99 + 119)));
        assert!(health.is_healthy(at(99 + 120)));
        // One more failure is enough to pass it over again.
        health.failed(at(219));
        assert!(!health.is_healthy(at(219)));
        health.answered(at(220), Duration::from_millis(20));
        assert!(health.is_healthy(at(220)));
    }

    #[test]
    fn slowness_is_an_average_and_is_forgotten() {
        let mut health = VenueHealth::default();
        health.answered(at(0), Duration::from_millis(20));
        health.answered(at(1), at(5));
        assert!(health.is_healthy(at(1)), "one slow answer is none");
        for n in 2..12 {
            health.answered(at(n), at(5));
        }
        assert!(!health.is_healthy(at(12)));
        assert!(health.is_healthy(at(11 + 60)));
        assert_eq!(health.latency(at(11 + 60)), None);
    }
}
