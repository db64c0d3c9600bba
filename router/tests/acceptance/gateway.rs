//! The acceptance checklist of the gateway (gateway.md §14), and the order of its checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::fake::{Next, PASSKEY, World, body, json, next_id};
use hoox_connector::{Clock, RejectReason};
use hoox_router::{
    ConfigStore, ConfigUnavailable, IdempotencyKey, MemoryConfig, QueueMessage, QueueMode,
    RawSignal, Reservation, Router, Settings, SignalStore, TRADINGVIEW_ADDRESSES,
};
use hoox_signer::Secret;

/// "Two identical requests in parallel ⇒ exactly one reaches trade-worker, the other gets 409."
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acceptance_gateway_of_two_identical_requests_one_reaches_the_exchange_the_other_gets_409()
{
    for _ in 0..20 {
        let world = Arc::new(World::new());
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.send("").await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200);
        assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
        assert_eq!(world.desk().placed().len(), 1);
        assert_eq!(world.store.records().len(), 1);
    }
}

/// "KV outage ⇒ 503 / 401, never an order."
#[tokio::test]
async fn acceptance_gateway_a_kv_outage_is_401_never_an_order() {
    let world = World::new();
    world.router.config_store().set_available(false);
    let answer = world.send("").await;
    // Without its configured passkey nobody is known.
    assert_eq!((answer.status, answer.code), (401, Some("UNAUTHORIZED")));
    assert!(world.desk().calls().is_empty());
}

/// "KV outage ⇒ 503 / 401, never an order": with the passkey among the secrets, 503.
#[tokio::test]
async fn acceptance_gateway_a_kv_outage_is_503_never_an_order() {
    let world = World::new();
    let mut settings = Settings::default();
    settings.passkeys = ["your_key", "from the environment"].map(Secret::from).to_vec();
    settings.config_max_age = Duration::ZERO;
    let config = MemoryConfig::from_iter([("webhooks:api_key", "your_key")]);
    let (store, desks) = (Arc::clone(&world.store), Arc::clone(&world.desks));
    let router = Router::with_settings(store, config, desks, world.clock.clone(), settings);
    let signal = body(r#""apiKey":"from the environment""#);
    let send = async |peer| router.handle(signal.as_bytes(), peer, next_id()).await.status;
    router.config_store().set_available(false);
    assert_eq!(send(None).await, 503);
    assert_eq!(send(Some(TRADINGVIEW_ADDRESSES[3])).await, 503);
    assert!(world.desk().calls().is_empty());
    router.config_store().set_available(true);
    assert_eq!(send(None).await, 200);
}

/// Configuration whose kill switch is engaged from the third reading on.
struct EngagedLate(AtomicU32);

impl ConfigStore for EngagedLate {
    async fn load(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        let engaged = self.0.fetch_add(1, Ordering::SeqCst) >= 2;
        let value = |key: &&str| match *key {
            "webhooks:api_key" => Some(PASSKEY.to_owned()),
            "trade:kill_switch" => Some(engaged.to_string()),
            _ => None,
        };
        Ok(keys.iter().map(value).collect())
    }
}

#[tokio::test]
async fn the_kill_switch_is_read_again_right_before_the_intent() {
    let world = World::new();
    let mut settings = Settings::default();
    settings.config_max_age = Duration::ZERO;
    let config = EngagedLate(AtomicU32::new(0));
    let (store, desks) = (Arc::clone(&world.store), Arc::clone(&world.desks));
    let router = Router::with_settings(store, config, desks, world.clock.clone(), settings);
    let answer = router.handle(body("").as_bytes(), None, next_id()).await;
    assert_eq!((answer.status, answer.code), (503, Some("KILL_SWITCH_ACTIVE")));
    assert!(world.desk().calls().contains(&"positions".into()), "it was planned");
    assert!(world.desk().placed().is_empty() && world.store.records().is_empty());
    // Nothing was ordered, so the key is free again.
    assert_eq!(world.send("").await.status, 200);
}

/// "DO outage ⇒ 503."
#[tokio::test]
async fn acceptance_gateway_a_lock_store_outage_is_503() {
    let world = World::new();
    world.store.set_available(false);
    let answer = world.send("").await;
    assert_eq!((answer.status, answer.code), (503, Some("IDEMPOTENCY_UNAVAILABLE")));
    assert!(world.desk().calls().is_empty());
    world.store.set_available(true);
    assert_eq!(world.send("").await.status, 200);
}

/// "11th valid request inside a minute ⇒ 429; failed-auth floods do not consume the operator's budget."
#[tokio::test]
async fn acceptance_gateway_the_eleventh_valid_request_inside_a_minute_is_429() {
    let world = World::new();
    world.router.config_store().remove("webhook:rate_limit_per_minute");
    // A flood without the passkey costs the operator nothing.
    for _ in 0..100 {
        assert_eq!(world.send(r#""apiKey":"guess""#).await.status, 401);
    }
    for n in 0..10 {
        let answer = world.send(&format!(r#""idempotencyKey":"{n}""#)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let answer = world.send(r#""idempotencyKey":"10""#).await;
    assert_eq!((answer.status, answer.code), (429, Some("RATE_LIMITED")));
    assert!((1..=60).contains(&answer.retry_after.unwrap()));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.send(r#""idempotencyKey":"10""#).await.status, 200);
}

/// "`BTC-USDT`, `btc/usdt`, `BTC_USDT` with the same other fields collide in idempotency."
#[tokio::test]
async fn acceptance_gateway_spellings_of_one_symbol_collide_in_idempotency() {
    let world = World::new();
    assert_eq!(world.send(r#""symbol":"BTC-USDT""#).await.status, 200);
    for symbol in ["btc/usdt", "BTC_USDT", "BYBIT:BTCUSDT.P"] {
        let answer = world.send(&format!(r#""symbol":"{symbol}""#)).await;
        assert_eq!((answer.status, answer.code), (409, Some("DUPLICATE_REQUEST")), "{symbol}");
    }
    assert_eq!(world.desk().placed().len(), 1);
}

/// "No response, log or queue message ever contains the passkey."
#[tokio::test]
async fn acceptance_gateway_no_response_log_or_queue_message_contains_the_passkey() {
    let world = World::new();
    let reject = Next::Reject(RejectReason::InsufficientBalance);
    world.desk().script([Next::Fill, reject, Next::LoseRequest]);
    let mut texts = Vec::new();
    for fields in [
        "",
        r#""idempotencyKey":"b""#,
        r#""idempotencyKey":"c""#,
        r#""quantity":0"#,
        r#""apiKey":"wrong""#,
        r#""surprise":1"#,
        "",
    ] {
        let answer = world.send(fields).await;
        texts.push(format!("{} {answer:?}", answer.body));
    }
    for record in world.store.records() {
        texts.push(format!("{record:?} {}", serde_json::to_string(&record).unwrap()));
    }
    for refusal in world.store.refusals() {
        texts.push(format!("{refusal:?} {}", serde_json::to_string(&refusal).unwrap()));
    }
    world.set("webhooks:queue_mode", "queue_everywhere");
    assert_eq!(world.send(r#""idempotencyKey":"queued""#).await.status, 202);
    let messages = world.queue.take(10);
    assert_eq!(messages.len(), 1);
    texts.extend(messages.iter().map(|message| format!("{message:?}")));
    let log = world.store.log_entries();
    assert!(!log.is_empty());
    texts.extend(log.iter().map(|entry| format!("{entry:?}")));
    texts.push(format!("{:?} {:?}", world.router.config().await, world.store));
    assert!(texts.len() > 10);
    assert!(texts.iter().all(|text| !text.contains(PASSKEY)));
}

#[tokio::test]
async fn the_first_failing_check_decides() {
    let world = World::new();
    world.set("webhook:tradingview:ip_check", "true");
    world.set("trade:kill_switch", "true");
    world.set("webhook:rate_limit_per_minute", "1");
    let known = Some(TRADINGVIEW_ADDRESSES[0]);
    let bad = r#""quantity":0"#;
    let large = body(&format!(r#""surprise":"{}""#, "x".repeat(70_000)));

    let status = |answer: hoox_router::Answer| (answer.status, answer.code.unwrap());
    assert_eq!(status(world.post(&large, None).await), (413, "BAD_REQUEST"));
    let answer = world.post("{", None).await;
    assert!(json(&answer)["error"].get("details").is_none());
    assert_eq!(json(&answer)["error"]["message"], "Invalid JSON payload structure.");
    assert_eq!(status(answer), (400, "VALIDATION_ERROR"));
    let wrong = r#""apiKey":"wrong","quantity":0"#;
    assert_eq!(status(world.send_from(wrong, known).await), (401, "UNAUTHORIZED"));
    assert_eq!(status(world.send_from(bad, None).await), (401, "UNAUTHORIZED"));
    let other = Some("10.0.0.1".parse().unwrap());
    let answer = world.send_from(bad, other).await;
    assert!(!answer.body.contains("10.0.0.1"));
    assert_eq!(status(answer), (401, "UNAUTHORIZED"));
    assert_eq!(status(world.send_from(bad, known).await), (503, "KILL_SWITCH_ACTIVE"));
    world.set("trade:kill_switch", "false");
    let answer = world.send_from(bad, known).await;
    let details = &json(&answer)["error"]["details"];
    assert_eq!(details[0]["field"], "quantity");
    assert_eq!(details[0]["issue"], "Must be greater than zero.");
    assert_eq!(status(answer), (400, "VALIDATION_ERROR"));
    assert_eq!(status(world.send_from(bad, known).await), (429, "RATE_LIMITED"));
    assert!(world.desk().calls().is_empty());
}

#[tokio::test]
async fn empty_and_placeholder_passkeys_authenticate_nobody() {
    let world = World::new();
    for configured in ["", "your_key", "sha256:"] {
        world.set("webhooks:api_key", configured);
        for presented in ["", "your_key", "sha256:", PASSKEY] {
            let answer = world.send(&format!(r#""apiKey":"{presented}""#)).await;
            assert_eq!(answer.status, 401, "{configured} {presented}");
        }
    }
    for fields in [r#""apiKey":null"#, r#""apiKey":1"#] {
        assert_eq!(world.send(fields).await.status, 401);
    }
}

#[tokio::test]
async fn the_documented_answer_is_written() {
    let world = World::new();
    let id = next_id();
    let answer = world.router.handle(body("").as_bytes(), None, id).await;
    let expected = format!(
        r#"{{"success":true,"requestId":"{id}","exchange":"bybit","symbol":"BTCUSDT","action":"LONG","result":{{"orderId":"1","status":"Filled","executedQty":0.01,"price":30000.5,"timestamp":1700000000000}}}}"#
    );
    assert_eq!(answer.body, expected);
    assert_eq!((answer.status, answer.code), (200, None));
    let steps: Vec<_> = answer.trace.durations().map(|(step, _)| step).collect();
    assert_eq!(steps, hoox_router::Step::ALL);
}

#[tokio::test]
async fn refused_signals_are_logged_once_their_sender_is_known() {
    let world = World::new();
    world.send(r#""apiKey":"wrong""#).await;
    assert!(world.store.refusals().is_empty());
    world.send(r#""exchange":"mexc""#).await;
    let refusals = world.store.refusals();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].code.as_str(), "CREDENTIALS_MISSING");
    assert!(refusals[0].signal.is_some());
    // Every signal is written down (trade.md §13), those beyond the limit too.
    world.set("webhook:rate_limit_per_minute", "1");
    world.clock.advance(Duration::from_secs(60));
    for status in [200, 429] {
        assert_eq!(world.send(&format!(r#""idempotencyKey":"{status}""#)).await.status, status);
    }
    let refusals = world.store.refusals();
    assert_eq!((refusals.len(), refusals[1].code.as_str()), (2, "RATE_LIMITED"));
    assert!(refusals[1].signal.is_some());
}

/// A digest with a typing error in it: what the secrets say must not open in its place.
#[tokio::test]
async fn a_broken_digest_authenticates_nobody_and_is_warned_of() {
    let world = World::new();
    let mut settings = Settings::default();
    settings.passkeys = vec![Secret::from("from the environment")];
    settings.config_max_age = Duration::ZERO;
    let (store, desks) = (Arc::clone(&world.store), Arc::clone(&world.desks));
    let config = MemoryConfig::from_iter([("webhooks:api_key", "sha256:12zz")]);
    let router = Router::with_settings(store, config, desks, world.clock.clone(), settings);
    let signal = body(r#""apiKey":"from the environment""#);
    let send = async || router.handle(signal.as_bytes(), None, next_id()).await.status;
    assert_eq!(send().await, 401);
    assert_eq!(router.config().await.warnings[0].key, "webhooks:api_key");
    router.config_store().set("webhooks:api_key", "your_key");
    assert_eq!(send().await, 200);
}

#[test]
fn the_future_of_a_signal_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    let world = World::new();
    is_send(world.router.handle(b"", None, next_id()));
    is_send(world.router.recover());
}

#[tokio::test]
async fn what_the_other_half_has_reserved_is_carried_out_once_under_its_key() {
    let world = World::new();
    let text = body("");
    let signal = RawSignal::parse(text.as_bytes()).unwrap().validate().unwrap();
    let (id, now) = (next_id(), world.clock.now());
    // Of the minute in which the other half has received it.
    let key = IdempotencyKey::of(&signal, now.after(Duration::from_secs(60)));
    let ttl = Duration::from_secs(86_400);
    let reserved = world.store.reserve(&key, id, now, ttl).await;
    assert_eq!(reserved, Ok(Reservation::Acquired));
    let message = QueueMessage::new(&signal, key.clone(), id, now);
    let direct = QueueMode::DirectOnly;
    assert_eq!(world.router.dispatch(&message, direct).await.status, 200);
    assert_eq!(world.store.records()[0].key, key);
    let other = QueueMessage::new(&signal, key, next_id(), now);
    assert_eq!(world.router.dispatch(&other, direct).await.status, 409);
    assert_eq!(world.desk().placed().len(), 1);
    world.set("trade:kill_switch", "true");
    world.clock.advance(Duration::from_secs(61));
    let key = IdempotencyKey::of(&signal, world.clock.now());
    let halted = QueueMessage::new(&signal, key, next_id(), now);
    assert_eq!(world.router.dispatch(&halted, direct).await.status, 503);
    assert_eq!(world.desk().placed().len(), 1);
}
