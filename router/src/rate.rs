use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hoox_connector::Timestamp;
use serde::{Deserialize, Serialize};

use crate::CallerId;

/// How many callers [`MemoryRate`] counts at a time. Only those who know a passkey are counted.
const CALLERS_MAX: usize = 1024;

/// A fixed window of one caller (gateway.md §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateWindow {
    /// The signals admitted in it.
    pub count: u32,
    /// When the next window may begin.
    pub reset_at: Timestamp,
}

/// Whether a signal is within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Admitted,
    /// It is not, until this much later.
    Refused {
        /// What is left of the window.
        retry_after: Duration,
    },
}

/// Counts one signal in `window`, or begins a new one. A `limit` of 0 admits everything.
///
/// ```
/// use core::time::Duration;
/// use hoox_connector::Timestamp;
/// use hoox_router::{Admission, admit};
///
/// let (mut window, minute) = (None, Duration::from_secs(60));
/// let mut at = |ms| admit(&mut window, 1, minute, Timestamp::from_millis(ms));
/// assert_eq!(at(0), Admission::Admitted);
/// assert_eq!(at(15_000), Admission::Refused { retry_after: Duration::from_secs(45) });
/// assert_eq!(at(60_000), Admission::Admitted);
/// ```
pub fn admit(
    window: &mut Option<RateWindow>,
    limit: u32,
    length: Duration,
    now: Timestamp,
) -> Admission {
    if limit == 0 {
        return Admission::Admitted;
    }
    match window {
        // A window that ends later than a new one would is from before the clock was set back.
        Some(open) if now < open.reset_at && open.reset_at <= now.after(length) => {
            if open.count >= limit {
                return Admission::Refused { retry_after: open.reset_at.since(now) };
            }
            open.count += 1;
        }
        _ => *window = Some(RateWindow { count: 1, reset_at: now.after(length) }),
    }
    Admission::Admitted
}

/// Windows in memory, for one process.
#[derive(Debug, Default)]
pub struct MemoryRate(Mutex<HashMap<CallerId, RateWindow>>);

impl MemoryRate {
    /// Counts one signal of `caller`.
    pub fn admit(
        &self,
        caller: CallerId,
        limit: u32,
        length: Duration,
        now: Timestamp,
    ) -> Admission {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= CALLERS_MAX && !windows.contains_key(&caller) {
            windows.retain(|_, window| now < window.reset_at);
            if windows.len() >= CALLERS_MAX {
                return Admission::Refused { retry_after: length };
            }
        }
        let mut window = windows.get(&caller).copied();
        let admission = admit(&mut window, limit, length, now);
        if let Some(window) = window {
            windows.insert(caller, window);
        }
        admission
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_eleventh_in_a_window_waits_for_the_next() {
        let mut window = None;
        let at = |ms: u64| Timestamp::from_millis(1_000_000 + ms);
        for n in 0..10 {
            assert_eq!(admit(&mut window, 10, MINUTE, at(n * 1000)), Admission::Admitted);
        }
        let refused = Admission::Refused { retry_after: Duration::from_millis(50_000) };
        assert_eq!(admit(&mut window, 10, MINUTE, at(10_000)), refused);
        assert_eq!(admit(&mut window, 10, MINUTE, at(60_000)), Admission::Admitted);
        assert_eq!(window.unwrap().count, 1);
    }

    #[test]
    fn zero_is_no_limit_and_a_clock_set_back_does_not_lock_out() {
        let mut window = None;
        let now = Timestamp::from_millis(10_000_000);
        for _ in 0..100 {
            assert_eq!(admit(&mut window, 0, MINUTE, now), Admission::Admitted);
        }
        assert_eq!(admit(&mut window, 1, MINUTE, now), Admission::Admitted);
        assert_eq!(admit(&mut window, 1, MINUTE, Timestamp::from_millis(1)), Admission::Admitted);
    }

    #[test]
    fn callers_are_counted_apart() {
        let rate = MemoryRate::default();
        let caller = |name: &str| crate::Passkey::from_config(name).unwrap().verify(name).unwrap();
        let now = Timestamp::from_millis(1);
        assert_eq!(rate.admit(caller("a"), 1, MINUTE, now), Admission::Admitted);
        assert_eq!(rate.admit(caller("b"), 1, MINUTE, now), Admission::Admitted);
        assert!(matches!(rate.admit(caller("a"), 1, MINUTE, now), Admission::Refused { .. }));
    }
}
