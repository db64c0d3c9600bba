//! The acceptance checklist of the trade engine (trade.md §16), as far as it does not concern wire
//! formats; and what happens when replies are lost and processes die.

use std::time::Duration;

use crate::fake::{Next, World, body, dec, json, next_id};
use hoox_connector::{PositionMode, PositionSide, RejectReason, Side, Venue};
use hoox_router::{Action, ChoiceReason, Exchange, Exchanges, Signal, State, normalize_symbol};

fn long() -> Signal {
    Signal::new(Venue::Bybit, Action::Long, normalize_symbol("BTCUSDT").unwrap(), Some(dec("0.01")))
}

fn close() -> Signal {
    Signal::new(Venue::Bybit, Action::Close, normalize_symbol("BTCUSDT").unwrap(), None)
}

/// "`0.1 + 0.2`-style float drift never reaches an exchange; 0.0019999 with step 0.001 → 0.001."
#[tokio::test]
async fn acceptance_trade_quantities_never_drift_and_go_down_to_the_step() {
    let world = World::new();
    let raw = body("").replace("0.01", "0.0019999");
    assert_eq!(world.post(&raw, None).await.status, 200);
    assert_eq!(world.desk().placed()[0].quantity(), Some(dec("0.001")));
    let answer = world.post(&body("").replace("0.01", "0.0009999"), None).await;
    assert_eq!((answer.status, answer.code), (400, Some("VALIDATION_ERROR")));
    assert!(answer.body.contains("below minimum"), "{}", answer.body);
    assert_eq!(world.desk().placed().len(), 1);
    // What a sum of floats looks like is not rounded up to what it should have been, nor is 0.3.
    for (literal, quantity) in [("0.30000000000000004", "0.3"), ("0.3", "0.3"), ("0.1", "0.1")] {
        let world = World::new();
        assert_eq!(world.post(&raw.replace("0.0019999", literal), None).await.status, 200);
        assert_eq!(world.desk().placed()[0].quantity().unwrap().normalize(), dec(quantity));
    }
}

#[tokio::test]
async fn a_lost_reply_and_a_repeated_signal_make_one_order_and_one_record() {
    let world = World::new();
    world.desk().script([Next::LoseReply]);
    let answer = world.send("").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(world.send("").await.status, 409);
    assert_eq!((world.desk().orders(), world.desk().placed().len()), (1, 1));
    let records = world.store.records();
    assert_eq!((records.len(), records[0].state), (1, State::Acknowledged));
}

#[tokio::test]
async fn a_lost_request_is_sent_again_only_after_its_window_with_the_same_id() {
    let world = World::new();
    let before = hoox_connector::Clock::now(&world.clock);
    world.desk().script([Next::LoseRequest]);
    let answer = world.send("").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let placed = world.desk().placed();
    assert_eq!(placed.len(), 2);
    assert_eq!(placed[0].order(), placed[1].order());
    let waited = hoox_connector::Clock::now(&world.clock).since(before);
    // 2 s window, 1 s visibility, 1 s of clock error.
    assert!(waited > Duration::from_secs(4) && waited < Duration::from_secs(5), "{waited:?}");
    assert_eq!(world.store.records()[0].attempts, 2);
}

#[tokio::test]
async fn an_unknown_outcome_keeps_the_key_and_is_reconciled() {
    let world = World::new();
    world.desk().script([Next::LoseReply]);
    let signal = body(r#""idempotencyKey":"once""#);
    world.desk().fall_silent_once_placed();
    let answer = world.post(&signal, None).await;
    assert_eq!((answer.status, answer.code), (504, Some("EXCHANGE_TIMEOUT")));
    assert_eq!(world.post(&signal, None).await.status, 409);
    assert_eq!(world.router.unresolved().await.unwrap().len(), 1);
    let summary = world.router.recover().await.unwrap();
    assert_eq!((summary.found, summary.unresolved), (1, 1));

    world.desk().set_silent(false);
    let summary = world.router.recover().await.unwrap();
    assert_eq!((summary.found, summary.acknowledged), (1, 1));
    assert_eq!(world.router.recover().await.unwrap().found, 0);
    assert_eq!(world.desk().placed().len(), 1);
    assert_eq!(world.post(&signal, None).await.status, 409);
}

#[tokio::test]
async fn a_process_that_dies_while_sending_is_reconciled_before_new_work() {
    let mut world = World::new();
    world.desk().script([Next::Hang]);
    let sent = tokio::time::timeout(Duration::from_millis(50), world.send("")).await;
    assert!(sent.is_err());
    assert_eq!(world.store.records()[0].state, State::Submitting);
    world.restart();
    let summary = world.router.recover().await.unwrap();
    assert_eq!((summary.found, summary.acknowledged), (1, 1));
    assert_eq!((world.desk().orders(), world.desk().placed().len()), (1, 1));
    assert_eq!(world.send("").await.status, 409);
}

#[tokio::test]
async fn recovery_leaves_running_signals_alone() {
    let world = World::new();
    world.desk().script([Next::Hang]);
    let signal = body("");
    let mut sending = std::pin::pin!(world.post(&signal, None));
    let timeout = tokio::time::timeout(Duration::from_millis(50), sending.as_mut()).await;
    assert!(timeout.is_err());
    assert_eq!(world.router.recover().await.unwrap().found, 0);
}

#[tokio::test]
async fn a_recovered_order_that_never_arrived_is_not_sent_when_it_is_old_or_halted() {
    for (age, halt, sent) in [(5, false, 2), (60, false, 1), (5, true, 1)] {
        let mut world = World::new();
        world.desk().script([Next::LoseRequest, Next::Fill]);
        // It dies right after sending: before the first question is answered.
        {
            let mut answer = std::pin::pin!(world.send(""));
            while world.desk().placed().is_empty() {
                assert!(poll_once(answer.as_mut()).await.is_none());
            }
        }
        world.restart();
        world.clock.advance(Duration::from_secs(age));
        if halt {
            world.set("trade:kill_switch", "true");
        }
        let summary = world.router.recover().await.unwrap();
        assert_eq!(summary.found, 1);
        assert_eq!(world.desk().placed().len(), sent, "{age} {halt}");
        assert_eq!(summary.acknowledged, sent - 1);
        assert_eq!(summary.rejected, 2 - sent);
    }
}

/// Polls once.
async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// "CLOSE with empty ledger reads the exchange and flattens exactly."
#[tokio::test]
async fn acceptance_trade_close_with_an_empty_ledger_reads_the_exchange_and_flattens_exactly() {
    let world = World::new();
    world.desk().hold(PositionSide::Short, "0.137");
    let fields = r#""action":"CLOSE","quantity":5,"leverage":20"#;
    let answer = world.send(fields).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let placed = world.desk().placed();
    let order = placed[0].order();
    assert_eq!((order.side, order.reduce_only), (Side::Buy, true));
    assert_eq!(placed[0].quantity(), Some(dec("0.137")));
    assert!(!world.desk().calls().iter().any(|call| call.starts_with("set up")));
}

#[tokio::test]
async fn close_while_flat_sends_nothing() {
    let world = World::new();
    let answer = world.send(r#""action":"CLOSE""#).await;
    assert_eq!((answer.status, answer.code), (400, Some("NO_OPEN_POSITION")));
    assert!(world.desk().placed().is_empty());
}

#[tokio::test]
async fn close_with_both_sides_open_closes_both() {
    let world = World::with(|desk| desk.mode = PositionMode::Hedge);
    world.desk().hold(PositionSide::Long, "0.2");
    world.desk().hold(PositionSide::Short, "0.3");
    let answer = world.send(r#""action":"CLOSE""#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(json(&answer)["results"].as_array().unwrap().len(), 2);
    let placed = world.desk().placed();
    assert_eq!(placed.len(), 2);
    let ids: Vec<_> = placed.iter().map(|order| order.order().client_order_id.unwrap()).collect();
    assert_ne!(ids[0], ids[1]);
    for order in &placed {
        let order = order.order();
        assert_eq!(order.position_side.unwrap().closing_side(), order.side);
    }
    assert_eq!(world.store.records().len(), 2);
}

#[tokio::test]
async fn a_close_of_which_one_side_fails_names_the_side_that_is_closed() {
    let world = World::with(|desk| desk.mode = PositionMode::Hedge);
    world.desk().hold(PositionSide::Long, "0.2");
    world.desk().hold(PositionSide::Short, "0.3");
    world.desk().script([Next::Fill, Next::Reject(RejectReason::InsufficientBalance)]);
    let answer = world.send(r#""action":"CLOSE""#).await;
    assert_ne!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("The long side is closed"), "{}", answer.body);
    assert_eq!(world.desk().orders(), 1);
}

/// "Engine under kill switch: LONG refused, agent CLOSE executed."
#[tokio::test]
async fn acceptance_trade_under_the_kill_switch_long_is_refused_and_the_agent_s_close_executed() {
    let world = World::new();
    world.desk().hold(PositionSide::Long, "0.5");
    world.set("trade:kill_switch", "on");
    let answer = world.router.execute(long(), next_id()).await;
    assert_eq!((answer.status, answer.code), (503, Some("KILL_SWITCH_ACTIVE")));
    let answer = world.send(r#""action":"CLOSE""#).await;
    assert_eq!((answer.status, answer.code), (503, Some("KILL_SWITCH_ACTIVE")));
    assert!(world.desk().placed().is_empty());
    let answer = world.router.execute(close(), next_id()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(world.desk().placed()[0].quantity(), Some(dec("0.5")));
}

#[tokio::test]
async fn leverage_is_set_before_the_order_and_its_failure_aborts() {
    let world = World::new();
    assert_eq!(world.send(r#""leverage":10"#).await.status, 200);
    assert_eq!(
        world.desk().calls(),
        ["instrument", "positions", "set up Isolated 10 Some(Long)", "price", "place", "fills"]
    );
    assert_eq!(world.desk().placed()[0].order().leverage, Some(10));

    let world = World::new();
    world.desk().refuse_leverage(RejectReason::Leverage);
    let answer = world.send(r#""leverage":10"#).await;
    assert_eq!((answer.status, answer.code), (422, Some("EXCHANGE_REJECTED")));
    assert!(world.desk().placed().is_empty());

    let answer = World::new().send(r#""leverage":51"#).await;
    assert_eq!((answer.status, answer.code), (400, Some("VALIDATION_ERROR")));

    let world = World::new();
    assert_eq!(world.send(r#""leverage":1"#).await.status, 200);
    assert!(!world.desk().calls().iter().any(|call| call.starts_with("set up")));
}

/// "Leverage is checked against the exchange's own bracket for the symbol before sending" (trade.md §6).
#[tokio::test]
async fn a_position_beyond_the_bracket_of_its_leverage_is_refused_before_it_is_sent() {
    let world = World::new();
    // At 30000, 0.01 is worth 300.
    world.desk().bound_positions("900");
    let leverage = |key: u32| format!(r#""leverage":10,"idempotencyKey":"{key}""#);
    assert_eq!(world.send(&leverage(1)).await.status, 200);
    world.desk().hold(PositionSide::Long, "0.02");
    assert_eq!(world.send(&leverage(2)).await.status, 200, "up to the bound");
    world.desk().hold(PositionSide::Long, "0.001");
    let answer = world.send(&leverage(3)).await;
    assert_eq!((answer.status, answer.code), (400, Some("VALIDATION_ERROR")));
    assert!(answer.body.contains("maximum position at this leverage"), "{}", answer.body);
    assert!(answer.body.contains("930 (bound 900)"), "{}", answer.body);
    assert_eq!(world.desk().placed().len(), 2);
    // A limit order counts at its price, and a close not at all.
    let limit = r#""orderType":"LIMIT","price":26900,"#;
    assert_eq!(world.send(&format!("{limit}{}", leverage(4))).await.status, 200);
    assert_eq!(world.send(r#""action":"CLOSE""#).await.status, 200);

    // An order that turns a position counts what is left of it on the other side.
    for (quantity, status) in [("0.049", 200), ("0.051", 400)] {
        let world = World::new();
        world.set("trade:allow_flip", "true");
        world.desk().bound_positions("900");
        world.desk().hold(PositionSide::Short, "0.02");
        let fields = format!(r#""quantity":{quantity},{}"#, leverage(1));
        assert_eq!(world.send(&fields).await.status, status, "{quantity}");
        assert_eq!(world.desk().placed().len(), usize::from(status == 200));
    }
}

#[tokio::test]
async fn usdt_sizes_are_collateral_times_leverage_over_price() {
    let world = World::new();
    let answer = world.send(r#""quantity":100,"quantityUnit":"usdt","leverage":10"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // 100 × 10 ÷ 30000 = 0.0333…
    assert_eq!(world.desk().placed()[0].quantity(), Some(dec("0.033")));
}

#[tokio::test]
async fn sizes_above_the_cap_are_refused() {
    let world = World::new();
    world.set("trade:max_position_size", "0.005");
    let answer = world.send("").await;
    assert_eq!((answer.status, answer.code), (400, Some("VALIDATION_ERROR")));
    assert!(world.desk().placed().is_empty());
}

#[tokio::test]
async fn an_entry_that_would_flip_is_refused_unless_allowed() {
    let world = World::new();
    world.desk().hold(PositionSide::Short, "1");
    assert_eq!(world.send("").await.status, 400);
    assert!(world.desk().placed().is_empty());
    world.set("trade:allow_flip", "true");
    assert_eq!(world.send("").await.status, 200);
}

/// Binance and MEXC tell the position mode only with a position.
#[tokio::test]
async fn an_account_configured_as_hedged_opens_the_side_that_is_meant() {
    let world = World::new();
    world.set("exchange:bybit:hedge_mode", "true");
    assert_eq!(world.send("").await.status, 200);
    let order = *world.desk().placed()[0].order();
    assert_eq!(order.position_mode, Some(PositionMode::Hedge));
    assert_eq!((order.side, order.position_side), (Side::Buy, Some(PositionSide::Long)));
    // What the exchange says of a position counts more: a close must not fail for a setting.
    world.desk().hold(PositionSide::Short, "1");
    assert_eq!(world.send(r#""action":"CLOSE""#).await.status, 200);
    let order = *world.desk().placed()[1].order();
    assert_eq!((order.side, order.reduce_only, order.position_side), (Side::Buy, true, None));
}

#[tokio::test]
async fn a_definite_rejection_frees_the_key_and_an_order_does_not() {
    let world = World::new();
    let reject = Next::Reject(RejectReason::InsufficientBalance);
    world.desk().script([reject, Next::Expire]);
    let answer = world.send("").await;
    assert_eq!((answer.status, answer.code), (422, Some("EXCHANGE_REJECTED")));
    assert!(answer.body.contains("Exchange API Reject: no margin"), "{}", answer.body);
    // The second attempt is an order, though it ended without a fill.
    assert_eq!(world.send("").await.status, 422);
    assert_eq!(world.send("").await.status, 409);
    assert_eq!(world.desk().placed().len(), 2);
}

#[tokio::test]
async fn an_unreachable_exchange_is_tried_again_and_then_502() {
    let world = World::new();
    world.desk().script([Next::Unconnected, Next::Unconnected]);
    assert_eq!(world.send("").await.status, 200);
    world.desk().script([Next::Unconnected, Next::Unconnected, Next::Unconnected]);
    let other = r#""idempotencyKey":"other""#;
    let answer = world.send(other).await;
    assert_eq!((answer.status, answer.code), (502, Some("EXCHANGE_UNAVAILABLE")));
    assert_eq!(world.send(other).await.status, 200);
}

#[tokio::test]
async fn an_accepted_order_is_read_back_with_its_fee() {
    let world = World::new();
    world.desk().script([Next::Slow(3)]);
    let answer = world.send("").await;
    assert_eq!(json(&answer)["result"]["status"], "Filled");
    let record = &world.store.records()[0];
    let execution = record.execution.as_ref().unwrap();
    assert_eq!(execution.fee, Some(dec("0.012")));
    assert_eq!(execution.fee_asset.unwrap().as_str(), "USDT");
    assert_eq!(world.desk().calls().iter().filter(|call| *call == "find").count(), 4);

    world.desk().script([Next::Slow(100)]);
    let answer = world.send(r#""idempotencyKey":"slow""#).await;
    assert_eq!(json(&answer)["result"]["status"], "Open");
    // Not the end of it: reconciliation reads on.
    assert_eq!(world.router.unresolved().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_accepted_order_whose_fill_nobody_tells_is_504_and_stays_locked() {
    let world = World::new();
    world.desk().script([Next::Accept]);
    world.desk().fall_silent_once_placed();
    let answer = world.send("").await;
    assert_eq!((answer.status, answer.code), (504, Some("EXCHANGE_TIMEOUT")));
    world.desk().set_silent(false);
    assert_eq!(world.router.recover().await.unwrap().acknowledged, 1);
    assert_eq!(world.send("").await.status, 409);
}

#[tokio::test]
async fn a_limit_order_rests() {
    let world = World::new();
    world.desk().script([Next::Slow(100)]);
    let answer = world.send(r#""orderType":"LIMIT","price":29000.07"#).await;
    assert_eq!(json(&answer)["result"]["status"], "Open", "{}", answer.body);
    assert_eq!(json(&answer)["result"]["price"], serde_json::Value::Null);
    assert_eq!(world.desk().placed()[0].price(), Some(dec("29000")));
    assert_eq!(world.router.unresolved().await.unwrap(), []);
}

#[tokio::test]
async fn routing_follows_the_keys_at_once() {
    let world = World::new();
    world.set("routing:dynamic:enabled", "true");
    world.set("exchanges:routing:BTCUSDT", "binance");
    assert_eq!(json(&world.send("").await)["exchange"], "binance");
    assert_eq!(world.store.records()[0].choice.reason, ChoiceReason::SymbolOverride);
    world.set("exchanges:routing:BTCUSDT", "kraken");
    assert_eq!(world.send(r#""idempotencyKey":"2""#).await.status, 400);
    world.set("routing:dynamic:enabled", "false");
    assert_eq!(json(&world.send(r#""idempotencyKey":"2""#).await)["exchange"], "bybit");

    world.set("exchange:bybit:enabled", "false");
    let code = async |fields: &str| world.send(fields).await.code;
    assert_eq!(code(r#""idempotencyKey":"3""#).await, Some("EXCHANGE_DISABLED"));
    assert_eq!(code(r#""exchange":"mexc""#).await, Some("CREDENTIALS_MISSING"));
    assert_eq!(code(r#""exchange":"mexc","test":true"#).await, Some("TEST_TRADING_UNSUPPORTED"));
}

#[tokio::test]
async fn an_order_from_inside_that_names_no_exchange_goes_to_the_default_one() {
    let world = World::new();
    world.set("exchanges:default_routing", "binance");
    let body = r#"{"action":"LONG","symbol":"BTCUSDT","quantity":0.01}"#;
    let raw = hoox_router::RawSignal::parse(body.as_bytes()).unwrap();
    let default = world.router.config().await.default_routing;
    let signal = raw.validate_inside(default).unwrap();
    let answer = world.router.execute(signal, next_id()).await;
    assert_eq!((answer.status, json(&answer)["exchange"].as_str()), (200, Some("binance")));
    assert_eq!(world.store.records()[0].choice.reason, ChoiceReason::Default);
}

#[tokio::test]
async fn test_signals_reach_only_the_test_desk() {
    let world = World::new();
    let answer = world.send(r#""exchange":"binance","test":true"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let desk = |test| world.desks.desk(Venue::Binance, test).unwrap();
    assert_eq!((desk(true).placed().len(), desk(false).placed().len()), (1, 0));
    assert_eq!(desk(true).venue(), Venue::Binance);
    let answer = world.send(r#""test":true"#).await;
    assert_eq!(answer.code, Some("CREDENTIALS_MISSING"));
}

#[tokio::test]
async fn take_profit_needs_an_exchange_that_attaches_it() {
    let world = World::new();
    assert_eq!(world.send(r#""takeProfit":40000"#).await.status, 400);
    assert!(world.desk().calls().is_empty());
    let world = World::with(|desk| desk.capabilities.attached = true);
    assert_eq!(world.send(r#""takeProfit":40000,"stopLoss":20000.5"#).await.status, 200);
    let attached = world.desk().placed()[0].order().attached;
    assert_eq!(
        (attached.take_profit, attached.stop_loss),
        (Some(dec("40000")), Some(dec("20000.5")))
    );
}

#[tokio::test]
async fn a_partial_close_closes_a_part_and_never_more_than_is_open() {
    let world = World::new();
    world.desk().hold(PositionSide::Long, "0.5");
    let close = |fields: &str| format!(r#""action":"CLOSE","partial":true,{fields}"#);
    let answer = world.send(&close(r#""quantity":0.2"#)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let order = *world.desk().placed()[0].order();
    assert_eq!((order.kind.quantity(), order.reduce_only), (Some(dec("0.2")), true));
    let half = close(r#""quantity":50,"quantityUnit":"percent""#);
    assert_eq!(world.send(&half).await.status, 200);
    assert_eq!(world.desk().placed()[1].quantity(), Some(dec("0.25")));
    let answer = world.send(&close(r#""quantity":0.51"#)).await;
    assert_eq!((answer.status, answer.code), (400, Some("VALIDATION_ERROR")));
    for fields in [
        r#""action":"LONG","partial":true"#.to_owned(),
        close(r#""quantity":1,"quantityUnit":"usdt""#),
        close(r#""quantity":101,"quantityUnit":"percent""#),
    ] {
        assert_eq!(world.send(&fields).await.status, 400, "{fields}");
    }
    let missing =
        body(r#""action":"CLOSE","partial":true"#).replace(r#""quantity":0.01"#, r#""test":false"#);
    assert_eq!(world.post(&missing, None).await.status, 400);
    assert_eq!(world.desk().placed().len(), 2);

    let world = World::with(|desk| desk.mode = PositionMode::Hedge);
    world.desk().hold(PositionSide::Long, "0.2");
    world.desk().hold(PositionSide::Short, "0.3");
    assert_eq!(world.send(&close(r#""quantity":0.1"#)).await.status, 400, "which side?");
    let short = close(r#""quantity":0.1"#).replace("CLOSE", "CLOSE_SHORT");
    assert_eq!(world.send(&short).await.status, 200);
    assert_eq!(world.desk().placed()[0].order().side, Side::Buy);
}

#[tokio::test]
async fn percent_sizes_are_of_the_available_balance_times_leverage_over_price() {
    let world = World::new();
    let fields = r#""quantity":25,"quantityUnit":"percent","leverage":4"#;
    assert_eq!(world.send(fields).await.status, 200);
    // 25 % of 1000 × 4 ÷ 30000 = 0.0333…
    assert_eq!(world.desk().placed()[0].quantity(), Some(dec("0.033")));
}

#[tokio::test]
async fn close_all_flattens_every_exchange_even_halted_and_disabled_ones() {
    let world = World::with(|desk| desk.mode = PositionMode::Hedge);
    world.set("trade:kill_switch", "true");
    world.set("exchange:binance:enabled", "false");
    world.set("routing:dynamic:enabled", "true");
    world.set("exchanges:routing:BTCUSDT", "bybit");
    world.desk().hold(PositionSide::Long, "0.2");
    world.desk().hold(PositionSide::Short, "0.3");
    world.desk_of(Venue::Binance).hold(PositionSide::Long, "0.7");
    let id = next_id();
    let all = world.router.close_all(id, false).await;
    assert!(all.is_complete(), "{all:?}");
    assert_eq!((all.closes.len(), world.store.records().len()), (3, 3));
    assert_eq!(world.desk().placed().len(), 2);
    let binance = world.desk_of(Venue::Binance).placed();
    assert_eq!(binance[0].quantity(), Some(dec("0.7")));
    assert!(binance[0].order().reduce_only);

    // The positions of this exchange never shrink, which makes the repetition a hard one.
    let again = world.router.close_all(id, false).await;
    assert!(again.closes.iter().all(|close| close.answer.code == Some("DUPLICATE_REQUEST")));
    assert_eq!(world.desk().orders() + world.desk_of(Venue::Binance).orders(), 3);
}

#[tokio::test]
async fn close_all_leaves_alone_what_is_being_closed_and_says_whom_it_could_not_ask() {
    let world = World::new();
    assert_eq!(world.send("").await.status, 200);
    world.desk().hold(PositionSide::Long, "0.01");
    world.desk().script([Next::LoseReply]);
    world.desk().fall_silent_once_placed();
    let all = world.router.close_all(next_id(), false).await;
    assert_eq!(all.closes[0].answer.code, Some("EXCHANGE_TIMEOUT"));
    // It still does not answer: the ledger knows the position, and that its close is not settled.
    let all = world.router.close_all(next_id(), false).await;
    assert_eq!(all.unreachable, [Venue::Bybit]);
    assert!(!all.is_complete());
    assert_eq!(world.desk().placed().len(), 2);
    world.desk().set_silent(false);
    world.router.recover().await.unwrap();
    assert_eq!(world.desk().orders(), 2);
}

#[tokio::test]
async fn close_all_is_not_done_with_what_filled_in_part() {
    let world = World::new();
    world.desk().hold(PositionSide::Long, "0.5");
    world.desk().script([Next::Half]);
    let all = world.router.close_all(next_id(), false).await;
    assert_eq!(json(&all.closes[0].answer)["result"]["status"], "Partial");
    assert!(!all.is_complete(), "half of it is still open");
    assert!(world.router.close_all(next_id(), false).await.is_complete());
}

#[tokio::test]
async fn an_exchange_that_has_shut_us_out_says_when_to_come_again() {
    let world = World::new();
    world.desk().script([Next::Ban(Duration::from_secs(90))]);
    let answer = world.send("").await;
    assert_eq!((answer.status, answer.code), (429, Some("RATE_LIMITED")));
    assert_eq!(answer.retry_after, Some(90));
}
