//! Another exchange instead, where the operator allows it and there is certainly no order.

use std::time::Duration;

use crate::fake::{Next, World, json};
use hoox_connector::{PositionSide, RejectReason, Venue};
use hoox_router::{ChoiceReason, PassedOver, State, Verdict, Why};

fn unreachable() -> [Next; 3] {
    [Next::Unconnected, Next::Unconnected, Next::Unconnected]
}

fn allowed() -> World {
    let world = World::new();
    world.set("routing:failover:enabled", "true");
    world.set("routing:failover:order", "mexc,bybit,binance");
    world
}

#[tokio::test]
async fn without_leave_an_order_goes_nowhere_else() {
    let world = World::new();
    world.desk().script(unreachable());
    assert_eq!(world.send("").await.status, 502);
    assert!(world.desk_of(Venue::Binance).calls().is_empty());
}

#[tokio::test]
async fn an_unreachable_exchange_is_passed_over_and_the_record_says_why() {
    let world = allowed();
    world.desk().script(unreachable());
    let answer = world.send("").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(json(&answer)["exchange"], "binance");
    assert_eq!((world.desk().orders(), world.desk_of(Venue::Binance).orders()), (0, 1));
    let records = world.store.records();
    assert_eq!(records.len(), 1);
    let choice = &records[0].choice;
    assert_eq!((choice.venue, choice.reason), (Venue::Binance, ChoiceReason::Failover));
    let passed = |venue, why| PassedOver { venue, why };
    let failed = Why::Failed(hoox_router::ErrorCode::ExchangeUnavailable);
    assert_eq!(
        choice.passed_over,
        [passed(Venue::Bybit, failed), passed(Venue::Mexc, Why::NoCredentials)]
    );
    assert_eq!(records[0].earlier[0].venue, Venue::Bybit);
    // One key, one order: the same signal again is a duplicate.
    assert_eq!(world.send("").await.status, 409);
}

#[tokio::test]
async fn what_may_exist_and_what_was_refused_stay_where_they_are() {
    for next in [
        Next::LoseReply,
        Next::Reject(RejectReason::InsufficientBalance),
        Next::Expire,
        Next::Accept,
    ] {
        let world = allowed();
        world.desk().script([next]);
        world.desk().fall_silent_once_placed();
        world.send("").await;
        assert!(world.desk_of(Venue::Binance).calls().is_empty());
    }
}

#[tokio::test]
async fn an_order_that_never_arrived_may_go_elsewhere_only_after_its_bound() {
    let world = allowed();
    world.desk().script([Next::LoseRequest, Next::LoseRequest, Next::LoseRequest]);
    let before = hoox_connector::Clock::now(&world.clock);
    // Three lost requests take longer than an answer waits; the queue or recovery carries on.
    world.set("webhooks:queue_mode", "queue_failover");
    assert_eq!(world.send("").await.status, 202);
    assert!(world.desk_of(Venue::Binance).calls().is_empty(), "its fate was not known");
    assert_eq!(world.consume().await, [Verdict::Ack]);
    assert!(hoox_connector::Clock::now(&world.clock).since(before) > Duration::from_secs(4));
    let orders = (world.desk().orders(), world.desk_of(Venue::Binance).orders());
    assert_eq!(orders.0 + orders.1, 1, "{orders:?}");
}

#[tokio::test]
async fn closes_never_go_elsewhere() {
    let world = allowed();
    world.desk().hold(PositionSide::Long, "0.5");
    world.desk_of(Venue::Binance).hold(PositionSide::Long, "0.7");
    world.desk().script(unreachable());
    assert_eq!(world.send(r#""action":"CLOSE""#).await.status, 502);
    assert!(world.desk_of(Venue::Binance).calls().is_empty());
}

#[tokio::test]
async fn an_unwell_exchange_is_not_asked_at_all_until_it_is_forgiven() {
    let world = allowed();
    world.desk().script(unreachable());
    assert_eq!(json(&world.send("").await)["exchange"], "binance");
    let asked = world.desk().calls().len();
    let answer = world.send(r#""idempotencyKey":"a""#).await;
    assert_eq!(json(&answer)["exchange"], "binance");
    assert_eq!(world.desk().calls().len(), asked);
    let records = world.store.records();
    let choice = &records.last().unwrap().choice;
    assert_eq!(choice.passed_over[0], PassedOver { venue: Venue::Bybit, why: Why::Unhealthy });
    world.clock.advance(Duration::from_secs(180));
    assert_eq!(json(&world.send(r#""idempotencyKey":"b""#).await)["exchange"], "bybit");
}

#[tokio::test]
async fn with_nobody_left_the_first_exchange_s_reason_is_told_and_queued() {
    let world = allowed();
    world.set("webhooks:queue_mode", "queue_failover");
    world.desk().script(unreachable());
    world.desk_of(Venue::Binance).script([Next::Reject(RejectReason::InsufficientBalance)]);
    let answer = world.send("").await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    world.clock.advance(Duration::from_secs(180));
    assert_eq!(world.consume().await, [Verdict::Ack]);
    assert_eq!((world.desk().orders(), world.desk_of(Venue::Binance).orders()), (1, 0));
    assert_eq!(world.store.records()[0].state, State::Acknowledged);

    let world = allowed();
    world.desk().script(unreachable());
    world.desk_of(Venue::Binance).script(unreachable());
    assert_eq!(world.send("").await.code, Some("EXCHANGE_UNAVAILABLE"));
    assert_eq!(world.send("").await.status, 200, "the key was free again");
}

#[tokio::test]
async fn disabled_exchanges_are_no_candidates() {
    let world = allowed();
    world.set("exchange:binance:enabled", "false");
    world.desk().script(unreachable());
    assert_eq!(world.send("").await.status, 502);
    assert!(world.desk_of(Venue::Binance).calls().is_empty());
}
