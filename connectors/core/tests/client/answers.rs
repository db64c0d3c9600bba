//! Every answer becomes done, certainly not done, or unknown.

use core::time::Duration;

use hoox_connector::{
    Accepted, EncodeError, Error, NewOrder, NotSent, OperationKind, OrderClass, Outcome,
    PreparedOrder, Refused, RejectReason, Side, ThrottleKind, Timestamp, TransportError,
    UnknownCause,
};

use crate::support::*;

#[tokio::test]
async fn a_definite_answer_is_an_outcome_or_a_refusal() {
    let it = bench(0, [ok("order"), ok("accepted"), status(400, "poor")]);
    assert_eq!(it.client.place(&order()).await, Ok(Outcome::Acknowledged(report())));
    assert_eq!(it.client.place(&order()).await, Ok(Outcome::Accepted(Accepted::default())));
    let Err(Refused::Rejected(rejection)) = it.client.place(&order()).await else { panic!() };
    assert_eq!(rejection.reason, RejectReason::InsufficientBalance);
    assert_eq!(it.sent(), ["/place our-id@1000000"; 3]);
}

#[tokio::test]
async fn every_answer_that_leaves_doubt_is_unknown_with_what_resolves_it() {
    let lost = TransportError::MaybeSent("connection reset".into());
    let it = bench(0, [Err(lost), status(500, "oops"), status(200, "gibberish"), ok("positions")]);
    let mut causes = Vec::new();
    for _ in 0..4 {
        let Ok(Outcome::Unknown(unknown)) = it.client.place(&order()).await else { panic!() };
        assert_eq!((unknown.symbol, unknown.client_order_id), (symbol(), id()));
        // Signed at 1,000,000 with a window of three seconds.
        assert_eq!(unknown.final_after, Timestamp::from_millis(1_003_000));
        causes.push(unknown.cause);
    }
    assert_eq!(causes[0], UnknownCause::Transport("connection reset".into()));
    assert_eq!(causes[1], UnknownCause::venue(500, -1006, "oops"));
    let UnknownCause::Malformed(malformed) = &causes[2] else { panic!() };
    assert_eq!((malformed.operation, &*malformed.field), (OperationKind::Place, "status"));
    // A reply to another question: readable, and no answer.
    assert!(matches!(&causes[3], UnknownCause::Malformed(_)));
    assert_eq!(it.sent().len(), 4, "nothing was sent twice");
}

#[tokio::test]
async fn what_never_left_is_refused_as_not_sent() {
    let it = bench(0, [Err(TransportError::NotSent("refused".into()))]);
    let refused = Refused::NotSent(NotSent::Connection("refused".into()));
    assert_eq!(it.client.place(&order()).await, Err(refused));

    let nameless = NewOrder::market(symbol(), Side::Buy, 1.into());
    let nameless = PreparedOrder::as_written(&nameless).unwrap();
    let refused = Refused::NotSent(NotSent::NoClientOrderId);
    assert_eq!(it.client.place(&nameless).await, Err(refused));
    let missing = Error::NotSent(NotSent::Encode(EncodeError::Missing("balance")));
    assert_eq!(it.client.balances().await, Err(missing));
    assert_eq!(it.sent().len(), 1, "only the first reached the transport");
}

#[tokio::test]
async fn an_order_refused_for_its_timestamp_is_told_and_goes_with_the_right_time_if_sent_again() {
    // The venue is 5 seconds ahead; each way takes 10 ms.
    let it = bench(10, [status(400, "clock"), ok("1005030"), ok("order")]);
    let Err(Refused::Rejected(rejection)) = it.client.place(&order()).await else { panic!() };
    assert_eq!(rejection.reason, RejectReason::Clock);
    assert_eq!(it.sent(), ["/place our-id@1000000", "/server_time @1000020"]);
    assert_eq!(it.client.place(&order()).await, Ok(Outcome::Acknowledged(report())));
    assert_eq!(it.sent().last().unwrap(), "/place our-id@1005040");

    // The same without the venue's time.
    let it = bench(0, [status(400, "clock"), status(500, "")]);
    let Err(Refused::Rejected(rejection)) = it.client.place(&order()).await else { panic!() };
    assert_eq!((rejection.reason, it.sent().len()), (RejectReason::Clock, 2));
}

#[tokio::test]
async fn a_throttled_client_holds_back_for_as_long_as_the_venue_says() {
    for code in [429, 418] {
        let it = bench(0, [retry_after(code, "7"), ok("order")]);
        let Err(Refused::Throttled(throttle)) = it.client.place(&order()).await else { panic!() };
        assert_eq!(throttle.retry_after, Some(Duration::from_secs(7)));
        it.clock.advance(6_999);
        let held = it.client.place(&order()).await;
        let Err(Refused::NotSent(NotSent::Throttled(throttle))) = held else { panic!("{held:?}") };
        assert_eq!(throttle.retry_after, Some(Duration::from_millis(1)));
        // Reads are held too: on a ban every further request makes it longer.
        let read = it.client.open_orders(symbol()).await;
        assert!(matches!(read, Err(Error::NotSent(NotSent::Throttled(_)))));
        assert_eq!(it.sent().len(), 1);
        it.clock.advance(1);
        assert!(it.client.place(&order()).await.is_ok());
    }
}

#[tokio::test]
async fn a_throttle_without_a_wait_holds_for_the_default_and_an_overload_not_at_all() {
    let it = bench(0, [status(429, ""), ok("order")]);
    assert!(matches!(it.client.place(&order()).await, Err(Refused::Throttled(_))));
    it.clock.advance(1_999);
    assert!(matches!(it.client.place(&order()).await, Err(Refused::NotSent(_))));
    it.clock.advance(1);
    assert!(it.client.place(&order()).await.is_ok());

    let it = bench(0, [status(503, ""), ok("order")]);
    let Err(Refused::Throttled(throttle)) = it.client.place(&order()).await else { panic!() };
    assert_eq!(throttle.kind, ThrottleKind::Overloaded);
    assert!(it.client.place(&order()).await.is_ok());
}

#[tokio::test]
async fn finding_tells_no_such_order_from_no_answer() {
    let it = bench(
        0,
        [
            ok("order"),
            ok("orders"),
            status(400, "no such order"),
            status(400, "poor"),
            status(500, ""),
            ok("changed"),
        ],
    );
    let find = || it.client.find(symbol(), id(), OrderClass::Plain);
    assert_eq!(find().await, Ok(Some(report())));
    assert_eq!(find().await, Ok(Some(report())));
    assert_eq!(find().await, Ok(None));
    assert!(matches!(find().await, Err(Error::Rejected(_))));
    assert!(matches!(find().await, Err(Error::Unknown(UnknownCause::Venue { .. }))));
    assert!(matches!(find().await, Err(Error::Unknown(UnknownCause::Malformed(_)))));
}

#[tokio::test]
async fn cancelling_what_is_not_open_is_a_refusal_that_says_so() {
    let it = bench(0, [ok("accepted"), status(400, "no such order")]);
    let cancel = || it.client.cancel(symbol(), id(), OrderClass::Plain);
    assert_eq!(cancel().await, Ok(Outcome::Accepted(Accepted::default())));
    let Err(Refused::Rejected(rejection)) = cancel().await else { panic!() };
    assert_eq!(rejection.reason, RejectReason::UnknownOrder);
}

#[tokio::test]
async fn positions_are_those_that_were_asked_for() {
    let it = bench(0, [ok("positions"), ok("positions")]);
    assert_eq!(it.client.positions(Some(symbol())).await.unwrap().len(), 1);
    assert_eq!(it.client.positions(None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_failed_clock_sync_leaves_the_offset_alone() {
    let oops = || status(500, "");
    let it = bench(50, [ok("1000350"), oops(), oops(), oops(), oops()]);
    // A slow answer is worth a second question, whose failure does no harm.
    it.client.sync_clock().await.unwrap();
    assert_eq!(it.client.venue_now(), Timestamp::from_millis(1_000_500));
    assert!(it.client.sync_clock().await.is_err());
    assert_eq!(it.client.venue_now(), Timestamp::from_millis(1_000_800));
}
