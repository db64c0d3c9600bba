use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use hoox_connector::{Clock, Timestamp};

/// A clock that never runs backwards in one process: where the clock behind it is set back, it goes
/// on at the pace of monotonic time until the other has caught up.
///
/// Keys, windows and waits therefore never come to life again because somebody set a clock.
///
/// ```
/// use core::time::Duration;
/// use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
/// use hoox_connector::{Clock, Timestamp};
/// use hoox_router::SteadyClock;
///
/// static WALL: AtomicU64 = AtomicU64::new(5_000);
/// struct Hands;
///
/// impl Clock for Hands {
///     fn now(&self) -> Timestamp {
///         Timestamp::from_millis(WALL.load(SeqCst))
///     }
/// #   fn monotonic(&self) -> Duration { Duration::ZERO }
/// #   async fn sleep(&self, _: Duration) {}
/// }
///
/// let clock = SteadyClock::new(Hands);
/// assert_eq!(clock.now().as_millis(), 5_000);
/// WALL.store(1_000, SeqCst); // somebody sets it back
/// assert_eq!(clock.now().as_millis(), 5_000);
/// ```
#[derive(Debug, Clone)]
pub struct SteadyClock<C> {
    clock: C,
    last: Arc<Mutex<Option<(Duration, Timestamp)>>>,
}

impl<C> SteadyClock<C> {
    /// A guard over `clock`; its clones share what they have seen.
    pub fn new(clock: C) -> Self {
        Self { clock, last: Arc::default() }
    }
}

impl<C: Clock> Clock for SteadyClock<C> {
    fn now(&self) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (monotonic, told) = (self.clock.monotonic(), self.clock.now());
        let now = match *last {
            Some((at, before)) => told.max(before.after(monotonic.saturating_sub(at))),
            None => told,
        };
        // Milliseconds are cut off, not rounded: only a whole one moves the mark.
        if last.is_none_or(|(_, before)| now > before) {
            *last = Some((monotonic, now));
        }
        now
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        self.clock.sleep(duration)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Default)]
    struct Hands {
        wall: AtomicU64,
        monotonic: AtomicU64,
    }

    impl Clock for &Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.wall.load(Ordering::Relaxed))
        }

        fn monotonic(&self) -> Duration {
            Duration::from_micros(self.monotonic.load(Ordering::Relaxed))
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[test]
    fn a_clock_set_back_goes_on_and_one_set_forward_is_followed() {
        let hands = Hands::default();
        let steady = SteadyClock::new(&hands);
        let told = |wall: u64, monotonic_us: u64| {
            hands.wall.store(wall, Ordering::Relaxed);
            hands.monotonic.store(monotonic_us, Ordering::Relaxed);
            steady.now().as_millis()
        };
        assert_eq!(told(10_000, 0), 10_000);
        assert_eq!(told(11_000, 1_000_000), 11_000);
        // An hour back; three seconds pass, in steps shorter than a millisecond.
        for step in 1..=6_000 {
            assert!(told(1_000, 1_000_000 + step * 500) >= 11_000);
        }
        assert_eq!(steady.clone().now().as_millis(), 14_000);
        assert_eq!(told(20_000, 4_500_000), 20_000);
    }
}
