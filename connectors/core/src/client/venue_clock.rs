use core::time::Duration;

use crate::{Moment, Timestamp};

/// How fast a computer's clock may drift, as a fraction: 1 in 10,000, twice what is usual for quartz.
const DRIFT: u32 = 10_000;

/// How far a correction may set the clock back at once. A smaller one makes it stand still until the
/// venue has caught up; beyond it the venue refuses whatever is signed by the old time anyway
/// (Binance rest-api.md and MEXC spot, "timing security": 1 second ahead).
const STEP_BACK_MIN: u64 = 1_000;

/// What is known of the venue's clock.
///
/// Runs on monotonic time, so that a correction of this computer's own clock does not move it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct VenueClock {
    /// Venue time at monotonic zero, in milliseconds; `None` before the first look at any clock.
    zero: Option<i64>,
    synced: Option<Sync>,
    /// The latest time shown.
    shown: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sync {
    error: Duration,
    /// Monotonic time.
    at: Duration,
    /// Wall time at monotonic zero, by which a computer that slept is found out.
    wall_zero: i64,
}

impl VenueClock {
    /// The present, which never runs backwards but for a correction by more than a second.
    pub(crate) fn now(&mut self, wall: Timestamp, monotonic: Duration) -> Moment {
        let estimate = self.estimate(wall, monotonic);
        let shown = self.shown.max(estimate);
        self.shown = shown;
        let standing = Duration::from_millis(shown - estimate);
        let error = self.error(wall, monotonic).saturating_add(standing);
        Moment { at: Timestamp::from_millis(shown), error }
    }

    /// Learns from the venue's answer to what was asked and answered at these monotonic times.
    pub(crate) fn correct(
        &mut self,
        venue: Timestamp,
        asked: Duration,
        answered: Duration,
        wall: Timestamp,
    ) {
        // The venue read its clock somewhere between, and cut it to milliseconds.
        let half = answered.saturating_sub(asked) / 2;
        let mut error = half + Duration::from_millis(2);
        let middle = Timestamp::from_millis(0).after(asked + half).as_millis();
        let mut corrected = difference(venue.as_millis(), middle);
        if let (Some(_), Some(known)) = (self.synced, self.zero) {
            // Where both the old answer and the new one can be right, so is the truth.
            let (old, new) = (millis(self.error(wall, answered)), millis(error));
            let low = known.saturating_sub(old).max(corrected.saturating_sub(new));
            let high = known.saturating_add(old).min(corrected.saturating_add(new));
            if low <= high {
                corrected = low + (high - low) / 2;
                error = Duration::from_millis((high - corrected).unsigned_abs().max(1));
            }
        }
        self.zero = Some(corrected);
        self.synced = Some(Sync { error, at: answered, wall_zero: zero(wall, answered) });
        let after = self.estimate(wall, answered);
        if self.shown > after + STEP_BACK_MIN {
            self.shown = after;
        }
    }

    /// How far off the estimate may be.
    fn error(&self, wall: Timestamp, monotonic: Duration) -> Duration {
        let Some(sync) = self.synced else { return Duration::MAX };
        let drift = monotonic.saturating_sub(sync.at) / DRIFT;
        let slept = zero(wall, monotonic).saturating_sub(sync.wall_zero).unsigned_abs();
        // The two clocks tick at different moments.
        let slept = if slept <= 2 { 0 } else { slept };
        sync.error.saturating_add(drift).saturating_add(Duration::from_millis(slept))
    }

    fn estimate(&mut self, wall: Timestamp, monotonic: Duration) -> u64 {
        // Until the venue has told its time, ours is the best there is.
        let zero = *self.zero.get_or_insert_with(|| zero(wall, monotonic));
        let since = Timestamp::from_millis(0).after(monotonic).as_millis();
        since.saturating_add_signed(zero)
    }
}

fn zero(wall: Timestamp, monotonic: Duration) -> i64 {
    difference(wall.as_millis(), Timestamp::from_millis(0).after(monotonic).as_millis())
}

fn difference(left: u64, right: u64) -> i64 {
    i64::try_from(i128::from(left) - i128::from(right)).unwrap_or(i64::MAX / 4)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
