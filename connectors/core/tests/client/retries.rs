//! Reads are tried again where it may help; what changes anything never is.

use core::time::Duration;

use hoox_connector::{
    Clock, Error, NotSent, OrderClass, Outcome, Refused, TransportError, UnknownCause,
};

use crate::support::*;

#[tokio::test]
async fn a_read_that_failed_for_a_moment_is_tried_again_after_a_pause() {
    let lost = || Err(TransportError::MaybeSent("reset".into()));
    let it = bench_with(Words::default(), config(), 0, [status(503, ""), lost(), ok("order")]);
    let found = it.client.find(symbol(), id(), OrderClass::Plain).await;
    assert_eq!(found, Ok(Some(report())));
    assert_eq!(it.clock.monotonic(), Duration::from_millis(100 + 200));
}

#[tokio::test]
async fn the_tries_are_counted() {
    let lost = || Err(TransportError::NotSent("refused".into()));
    let it = bench_with(Words::default(), config(), 0, [lost(), lost(), lost()]);
    let found = it.client.find(symbol(), id(), OrderClass::Plain).await;
    assert!(matches!(found, Err(Error::NotSent(NotSent::Connection(_)))));
    assert_eq!(it.sent().len(), 3);
}

#[tokio::test]
async fn a_read_that_was_slow_to_fail_is_not_tried_again() {
    let lost = Err(TransportError::MaybeSent("no reply in time".into()));
    let it = bench_with(Words::default(), config(), 1_001, [lost]);
    let found = it.client.find(symbol(), id(), OrderClass::Plain).await;
    assert!(matches!(found, Err(Error::Unknown(UnknownCause::Transport(_)))));
}

#[tokio::test]
async fn what_will_not_change_is_not_asked_again() {
    let answers = [status(400, "poor"), ok("gibberish"), retry_after(418, "9")];
    let it = bench_with(Words::default(), config(), 0, answers);
    for _ in 0..3 {
        assert!(it.client.find(symbol(), id(), OrderClass::Plain).await.is_err());
    }
    assert_eq!(it.sent().len(), 3);
}

#[tokio::test]
async fn an_order_is_sent_once_whatever_happens() {
    let answers = [
        Err(TransportError::NotSent("refused".into())),
        Err(TransportError::MaybeSent("reset".into())),
        status(503, ""),
        status(500, ""),
        Err(TransportError::ReplyTooLong { max: 9 }),
    ];
    let it = bench_with(Words::default(), config(), 0, answers);
    for known in [true, false, true, false, false] {
        match it.client.place(&order()).await {
            Err(Refused::NotSent(_) | Refused::Throttled(_)) => assert!(known),
            Ok(Outcome::Unknown(_)) => assert!(!known),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(it.sent().len(), 5);
}

#[tokio::test]
async fn a_read_refused_for_its_timestamp_is_asked_with_the_right_time() {
    let it = bench(0, [status(400, "clock"), ok("1007000"), ok("order")]);
    let found = it.client.find(symbol(), id(), OrderClass::Plain).await;
    assert_eq!(found, Ok(Some(report())));
    assert_eq!(it.sent().last().unwrap(), "/order_by_client_id @1007000");
}
