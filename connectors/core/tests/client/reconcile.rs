//! What became of an order whose reply was lost.

use core::time::Duration;

use hoox_connector::{
    Clock, Error, OrderClass, Resolution, Timestamp, TransportError, Unknown, UnknownCause,
};

use crate::support::*;

/// Signed at 1,000,000 with a receive window of three seconds; two more until it must be visible.
fn unknown() -> Unknown {
    Unknown {
        cause: UnknownCause::Transport("reset".into()),
        symbol: symbol(),
        client_order_id: id(),
        class: OrderClass::Plain,
        final_after: Timestamp::from_millis(1_003_000),
    }
}

fn none() -> Answer {
    status(400, "no such order")
}

#[tokio::test]
async fn an_order_that_shows_is_found_however_often_it_did_not() {
    let it = bench(0, [ok("1000000"), none(), none(), ok("order")]);
    assert_eq!(it.client.reconcile(&unknown()).await, Resolution::Found(report()));
    assert_eq!(it.clock.monotonic(), Duration::from_millis(100 + 200));
}

#[tokio::test]
async fn no_such_order_is_final_only_when_it_was_asked_late_enough() {
    let answers = [ok("1000000")].into_iter().chain(std::iter::repeat_with(none).take(20));
    let it = bench(10, answers);
    assert_eq!(it.client.reconcile(&unknown()).await, Resolution::NeverArrived);
    // The last question, not its answer, came after receive window, visibility delay and tolerance,
    // by the venue's clock, which after a round trip of 20 ms is known to 12.
    let asked = it.sent().last().unwrap().rsplit('@').next().unwrap().parse::<u64>().unwrap();
    assert!((1_005_512..1_006_000).contains(&asked), "{asked}");
}

#[tokio::test]
async fn the_venues_clock_decides_and_not_ours() {
    // The venue is a minute behind: by our clock the bound has long passed.
    let answers = [ok("940000")].into_iter().chain(std::iter::repeat_with(none).take(60));
    let it = bench(0, answers);
    let mut unknown = unknown();
    unknown.final_after = Timestamp::from_millis(943_000);
    assert_eq!(it.client.reconcile(&unknown).await, Resolution::NeverArrived);
    assert!(it.clock.monotonic() >= Duration::from_millis(5_500));
}

#[tokio::test]
async fn without_the_venues_clock_there_is_no_never() {
    let oops = || status(500, "");
    let answers = std::iter::repeat_with(|| [oops(), oops(), oops(), none()]).take(60).flatten();
    let it = bench(0, answers);
    it.clock.advance(3_600_000);
    let resolution = it.client.reconcile(&unknown()).await;
    assert!(matches!(resolution, Resolution::Unresolved(Error::Unknown(_))), "{resolution:?}");
}

#[tokio::test]
async fn a_venue_that_does_not_answer_leaves_it_unresolved_in_the_end() {
    let lost = || Err(TransportError::MaybeSent("reset".into()));
    let answers = [ok("1000000")].into_iter().chain(std::iter::repeat_with(lost).take(60));
    let it = bench(0, answers);
    let Resolution::Unresolved(cause) = it.client.reconcile(&unknown()).await else { panic!() };
    assert_eq!(cause, Error::Unknown(UnknownCause::Transport("reset".into())));
    // 5.5 seconds until an answer would be final, and thirty more.
    let waited = it.clock.monotonic();
    assert!((30..36).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test]
async fn a_ban_longer_than_the_patience_ends_the_asking() {
    let it = bench(0, [ok("1000000"), retry_after(418, "3600")]);
    assert!(matches!(it.client.reconcile(&unknown()).await, Resolution::Unresolved(_)));
    assert_eq!(it.clock.monotonic(), Duration::ZERO);
}

#[tokio::test]
async fn a_wait_that_the_venue_asks_for_is_kept() {
    let it = bench(0, [ok("1000000"), retry_after(429, "4"), ok("order")]);
    assert_eq!(it.client.reconcile(&unknown()).await, Resolution::Found(report()));
    assert!(it.clock.monotonic() >= Duration::from_secs(4));
}

#[tokio::test]
async fn what_the_venue_refuses_for_good_is_not_asked_again() {
    let it = bench(0, [ok("1000000"), status(400, "poor")]);
    let resolution = it.client.reconcile(&unknown()).await;
    assert!(matches!(resolution, Resolution::Unresolved(Error::Rejected(_))));
    assert_eq!(it.sent().len(), 2);
}
