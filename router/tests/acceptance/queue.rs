//! What waits in the queue, and what becomes of it (gateway.md §9, §14; trade.md §9, §16).

use std::time::Duration;

use crate::fake::{Next, PASSKEY, World, body, dec, json, next_id};
use hoox_connector::{PositionMode, PositionSide, RejectReason};
use hoox_router::{Queued, State, Verdict};

const COUNTED: fn(u64) -> Verdict =
    |seconds| Verdict::Retry { delay: Duration::from_secs(seconds), counted: true };

fn unreachable() -> [Next; 3] {
    [Next::Unconnected, Next::Unconnected, Next::Unconnected]
}

/// "`queue_failover` with trade-worker answering 500 ⇒ 202 and exactly one queue message carrying the
/// same idempotency key."
#[tokio::test]
async fn acceptance_gateway_queue_failover_with_the_engine_failing_is_202_and_one_message() {
    let world = World::queueing("queue_failover");
    world.desk().script(unreachable());
    let answer = world.send(r#""idempotencyKey":"k""#).await;
    assert_eq!((answer.status, answer.code), (202, None), "{}", answer.body);
    assert_eq!(json(&answer)["status"], "Enqueued");
    let messages = world.queue.take(10);
    assert_eq!(messages.len(), 1);
    let message: serde_json::Value = serde_json::from_str(&messages[0].body).unwrap();
    assert_eq!(message["idempotencyKey"], "idemp:k:live");
    assert_eq!(message["requestId"], answer.request_id.as_str());
    assert!(message.get("apiKey").is_none() && !messages[0].body.contains(PASSKEY));
    // The lock stays while it waits.
    assert_eq!(world.send(r#""idempotencyKey":"k""#).await.status, 409);
    assert_eq!(world.queue.depth(), 1);
}

#[tokio::test]
async fn definite_refusals_are_returned_and_never_enqueued() {
    let world = World::queueing("queue_failover");
    let reject = Next::Reject(RejectReason::InsufficientBalance);
    world.desk().script([reject]);
    assert_eq!(world.send("").await.status, 422);
    assert_eq!(world.send(r#""exchange":"mexc""#).await.status, 400);
    assert_eq!(world.send(r#""quantity":0"#).await.status, 400);
    assert_eq!(world.queue.depth(), 0);
    assert_eq!(world.send("").await.status, 200, "the key was free again");
}

#[tokio::test]
async fn direct_only_never_enqueues() {
    let world = World::queueing("direct_only");
    world.desk().script(unreachable());
    assert_eq!(world.send("").await.status, 502);
    assert_eq!(world.queue.depth(), 0);
}

#[tokio::test]
async fn queue_everywhere_enqueues_at_once_and_the_consumer_orders() {
    let world = World::queueing("queue_everywhere");
    let answer = world.send("").await;
    assert_eq!(answer.status, 202);
    assert!(world.desk().calls().is_empty());
    assert_eq!(world.send("").await.status, 409);
    assert_eq!(world.consume().await, [Verdict::Ack]);
    assert_eq!((world.desk().placed().len(), world.queue.depth()), (1, 0));
    let records = world.store.records();
    assert_eq!(records[0].request_id, answer.request_id);
    assert_eq!(records[0].state, State::Acknowledged);
    assert_eq!(world.send("").await.status, 409);
}

#[tokio::test]
async fn a_queue_outage_is_503_and_frees_the_key_only_if_nothing_was_dispatched() {
    let world = World::queueing("queue_failover");
    world.queue.set_available(false);
    world.desk().script(unreachable());
    let answer = world.send("").await;
    assert_eq!((answer.status, answer.code), (503, Some("QUEUE_UNAVAILABLE")));
    assert_eq!(world.send("").await.status, 200);

    world.desk().script([Next::LoseReply]);
    world.desk().fall_silent_once_placed();
    let other = r#""idempotencyKey":"other""#;
    assert_eq!(world.send(other).await.status, 503);
    world.desk().set_silent(false);
    assert_eq!(world.send(other).await.status, 409);
    assert_eq!(world.desk().orders(), 2);
}

/// "Exchange timeout after acceptance + queue retry ⇒ one position, one ledger row."
#[tokio::test]
async fn acceptance_trade_exchange_timeout_after_acceptance_and_queue_retry_make_one_position_and_one_row()
 {
    let world = World::queueing("queue_failover");
    world.desk().script([Next::LoseReply]);
    world.desk().fall_silent_once_placed();
    assert_eq!(world.send("").await.status, 202);
    assert_eq!(world.consume().await, [COUNTED(30)], "still no answer");
    world.desk().set_silent(false);
    world.wait_for_queue();
    assert_eq!(world.consume().await, [Verdict::Ack]);
    assert_eq!((world.desk().orders(), world.desk().placed().len()), (1, 1));
    let records = world.store.records();
    assert_eq!((records.len(), records[0].state), (1, State::Acknowledged));
}

#[tokio::test]
async fn a_lost_request_is_ordered_again_by_the_queue_with_the_same_id_after_its_bound() {
    let world = World::queueing("queue_failover");
    world.desk().script([Next::LoseRequest]);
    world.desk().fall_silent_once_placed();
    assert_eq!(world.send("").await.status, 202);
    world.desk().set_silent(false);
    // The message is due at once, a moment after the answer gave up.
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.consume().await, [Verdict::Ack]);
    let placed = world.desk().placed();
    assert_eq!((placed.len(), world.desk().orders()), (2, 1));
    assert_eq!(placed[0].order().client_order_id, placed[1].order().client_order_id);
    let record = &world.store.records()[0];
    assert_eq!(record.earlier.len(), 1, "{record:?}");
}

#[tokio::test]
async fn retries_follow_the_schedule_and_end_as_a_dead_letter_that_can_be_replayed() {
    let world = World::queueing("queue_everywhere");
    for _ in 0..6 {
        world.desk().script(unreachable());
    }
    let signal = r#""idempotencyKey":"k""#;
    let answer = world.send(signal).await;
    let mut waits = Vec::new();
    for _ in 0..5 {
        world.consume().await;
        waits.push(world.wait_for_queue().as_secs());
    }
    assert_eq!(waits, [30, 60, 300, 900, 1800]);
    assert!(matches!(world.consume().await[..], [Verdict::Dead { .. }]));
    assert_eq!((world.queue.depth(), world.queue.dead_letters().len()), (0, 1));
    let record = &world.store.records()[0];
    assert_eq!((record.state, record.queued), (State::Rejected, Queued::GivenUp));
    assert_eq!(record.request_id, answer.request_id);
    let log = world.store.log_entries();
    let errors = log.iter().filter(|entry| entry.level == hoox_router::LogLevel::Error);
    assert_eq!(errors.count(), 1);
    // Still locked: a person decides.
    assert_eq!(world.send(signal).await.status, 409);

    let letter = world.queue.dead_letters().remove(0);
    assert!(letter.body.contains("idemp:k:live") && !letter.body.contains(PASSKEY));
    assert!(world.queue.replay(letter.id));
    assert_eq!(world.consume().await, [Verdict::Ack]);
    assert_eq!(world.desk().orders(), 1);
    let ids: Vec<_> =
        world.desk().placed().iter().map(|order| order.order().client_order_id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn a_replayed_letter_whose_order_exists_orders_nothing() {
    let world = World::queueing("queue_everywhere");
    world.send("").await;
    let delivery = world.queue.take(1).remove(0);
    for _ in 0..3 {
        let verdict = world.router.consume(delivery.body.as_bytes(), 0).await;
        assert_eq!(verdict, Verdict::Ack);
    }
    assert_eq!(world.desk().placed().len(), 1);
}

#[tokio::test]
async fn the_kill_switch_holds_messages_back_without_counting_or_dropping_them() {
    let world = World::queueing("queue_everywhere");
    world.send("").await;
    world.set("trade:kill_switch", "true");
    let halted = Verdict::Retry { delay: Duration::from_secs(60), counted: false };
    for _ in 0..20 {
        assert_eq!(world.consume().await, std::slice::from_ref(&halted));
        assert_eq!(world.wait_for_queue(), Duration::from_secs(60));
    }
    assert!(world.desk().calls().is_empty());
    world.set("trade:kill_switch", "false");
    assert_eq!(world.consume().await, [Verdict::Ack]);
    assert_eq!(world.desk().placed().len(), 1);
}

#[tokio::test]
async fn not_retryable_is_acked_with_a_rejected_row_and_frees_the_key() {
    let world = World::queueing("queue_everywhere");
    world.desk().script([Next::Reject(RejectReason::InsufficientBalance)]);
    world.send("").await;
    assert_eq!(world.consume().await, [Verdict::Ack]);
    let record = &world.store.records()[0];
    assert_eq!((record.state, record.queued), (State::Rejected, Queued::No));
    assert_eq!(world.send("").await.status, 202);

    let world = World::queueing("queue_everywhere");
    world.send(r#""action":"CLOSE""#).await;
    assert_eq!(world.consume().await, [Verdict::Ack]);
    let refusals = world.store.refusals();
    assert_eq!((refusals[0].code.as_str(), refusals[0].queued), ("NO_OPEN_POSITION", Queued::Yes));
}

#[tokio::test]
async fn a_poisoned_message_is_dead_at_once_and_hurts_nobody_else() {
    let world = World::queueing("queue_everywhere");
    world.send(r#""idempotencyKey":"before""#).await;
    for poison in ["", "{}", "\u{0}", r#"{"requestId":"x","quantity":-1}"#] {
        world.queue.send_raw(poison, Duration::ZERO).unwrap();
    }
    world.send(r#""idempotencyKey":"after""#).await;
    let verdicts = world.consume().await;
    assert_eq!(verdicts.iter().filter(|it| **it == Verdict::Ack).count(), 2);
    assert_eq!(verdicts.iter().filter(|it| matches!(it, Verdict::Dead { .. })).count(), 4);
    assert_eq!((world.desk().placed().len(), world.queue.dead_letters().len()), (2, 4));
}

#[tokio::test]
async fn a_consumer_that_dies_while_sending_leaves_one_order() {
    let mut world = World::queueing("queue_everywhere");
    world.desk().script([Next::Hang]);
    world.send("").await;
    let died = tokio::time::timeout(Duration::from_millis(50), world.consume()).await;
    assert!(died.is_err());
    world.restart();
    world.set("webhooks:queue_mode", "queue_everywhere");
    assert_eq!(world.consume().await, [Verdict::Ack]);
    assert_eq!((world.desk().orders(), world.desk().placed().len()), (1, 1));
}

#[tokio::test]
async fn two_messages_with_one_key_make_one_order() {
    let world = World::queueing("queue_everywhere");
    world.send(r#""idempotencyKey":"k""#).await;
    let first = world.queue.take(1).remove(0);
    let mut twin: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    twin["requestId"] = next_id().as_str().into();
    assert_eq!(world.router.consume(first.body.as_bytes(), 0).await, Verdict::Ack);
    let twin = twin.to_string();
    assert_eq!(world.router.consume(twin.as_bytes(), 0).await, Verdict::Ack);
    assert_eq!(world.desk().placed().len(), 1);
}

#[tokio::test]
async fn a_close_of_both_sides_retries_only_the_side_that_failed() {
    let world = World::with(|desk| desk.mode = PositionMode::Hedge);
    world.set("webhooks:queue_mode", "queue_everywhere");
    world.desk().hold(PositionSide::Long, "0.2");
    world.desk().hold(PositionSide::Short, "0.3");
    // The long side fills; the short side cannot be reached, three times.
    world.desk().script([Next::Fill]);
    world.desk().script(unreachable());
    world.send(r#""action":"CLOSE""#).await;
    assert_eq!(world.consume().await, [COUNTED(30)]);
    assert_eq!(world.desk().orders(), 1);
    // A new long position is none of this signal's business.
    world.wait_for_queue();
    assert_eq!(world.consume().await, [Verdict::Ack]);
    let placed = world.desk().placed();
    let last = placed.last().unwrap();
    assert_eq!(last.quantity(), Some(dec("0.3")));
    assert_eq!(last.order().position_side, Some(PositionSide::Short));
    assert_eq!(world.desk().orders(), 2);
    assert_eq!(placed.iter().filter(|order| order.quantity() == Some(dec("0.2"))).count(), 1);
}

#[tokio::test]
async fn a_message_older_than_four_days_is_a_dead_letter() {
    let world = World::queueing("queue_everywhere");
    world.send("").await;
    world.clock.advance(Duration::from_secs(4 * 86_400 + 1));
    assert!(matches!(world.consume().await[..], [Verdict::Dead { .. }]));
    assert!(world.desk().placed().is_empty());
}

#[tokio::test]
async fn the_exchange_asking_for_patience_is_given_it() {
    let world = World::queueing("queue_everywhere");
    let signal = body(r#""idempotencyKey":"k""#);
    world.desk().script([Next::Throttle(Duration::from_secs(45))]);
    world.post(&signal, None).await;
    assert_eq!(world.consume().await, [COUNTED(45)]);
}
