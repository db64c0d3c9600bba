use core::cell::Cell;
use core::time::Duration;

use hoox_connector::{Clock, Timestamp};
use worker::Delay;

/// The clock of an isolate: the wall clock, which never runs backwards while the isolate lives.
///
/// Workers see time move only with I/O, as a defence against timing attacks; between two awaits all
/// readings are the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkerClock;

thread_local! {
    static LATEST: Cell<f64> = const { Cell::new(0.0) };
}

impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.monotonic().as_millis().try_into().unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        let now = LATEST.with(|latest| {
            latest.set(latest.get().max(js_sys::Date::now()));
            latest.get()
        });
        Duration::try_from_secs_f64(now / 1_000.0).unwrap_or_default()
    }

    async fn sleep(&self, duration: Duration) {
        Delay::from(duration).await;
    }
}
