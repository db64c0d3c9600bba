//! Why the limiter is not `governor`: a token bucket with a venue's quota lets nearly twice the quota
//! into one of the venue's fixed windows. See docs/decisions/0006.
#![allow(clippy::unwrap_used)]

use core::num::NonZeroU32;
use core::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::{Quota, RateLimiter};
use hoox_connector::{
    Cost, Counted, CountedBy, Limiter, Moment, OperationKind, RateRule, Span, Timestamp,
};

/// Binance linear: 300 orders in every calendar window of ten seconds.
const LIMIT: u32 = 300;
const WINDOW: u64 = 10_000;

#[test]
fn a_token_bucket_overfills_a_fixed_window_and_counting_does_not() {
    let clock = FakeRelativeClock::default();
    let each = Duration::from_millis(WINDOW) / LIMIT;
    let burst = NonZeroU32::new(LIMIT).unwrap();
    let quota = Quota::with_period(each).unwrap().allow_burst(burst);
    let bucket = RateLimiter::direct_with_clock(quota, clock.clone());

    let window = Duration::from_millis(WINDOW);
    let rule = RateRule::new(Counted::Orders, CountedBy::Account, Span::Calendar, window, LIMIT);
    let mut limiter = Limiter::new([rule]);
    let order = Cost { weight: 0, orders: 1 };

    let (mut by_bucket, mut by_counting) = (0, 0);
    // A bot that sends whenever it may, for one window.
    for millis in 0..WINDOW {
        let now = Moment::exact(Timestamp::from_millis(millis));
        while bucket.check().is_ok() {
            by_bucket += 1;
        }
        while let Ok(taken) = limiter.take(OperationKind::Place, order, now) {
            limiter.answered(taken, now, &[]);
            by_counting += 1;
        }
        clock.advance(Duration::from_millis(1));
    }
    assert_eq!(by_counting, LIMIT);
    assert!(by_bucket >= 2 * LIMIT - 1, "{by_bucket}");
}
