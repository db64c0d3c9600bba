//! What senders and operators get wrong: a clear error, nothing ordered, nothing lost.

use std::sync::Arc;
use std::time::Duration;

use crate::fake::{Next, PASSKEY, World, body, json, next_id};
use hoox_router::{
    ConfigSnapshot, MemoryConfig, Router, Settings, SignalStore, State, SteadyClock,
};

/// Each rule of gateway.md §2 and §3, and the field that its violation names.
#[tokio::test]
async fn each_violation_of_the_signal_names_its_field_and_orders_nothing() {
    let world = World::new();
    for (field, fields) in [
        ("exchange", r#""exchange":"kraken""#),
        ("exchange", r#""exchange":1"#),
        ("action", r#""action":"HODL""#),
        ("action", r#""action":null"#),
        ("symbol", r#""symbol":"""#),
        ("symbol", r#""symbol":"BTC USDT""#),
        ("symbol", r#""symbol":"..""#),
        ("symbol", r#""symbol":"ABCDEFGHIJKLMNOPQRSTUV""#),
        ("quantity", r#""quantity":0"#),
        ("quantity", r#""quantity":-1"#),
        ("quantity", r#""quantity":"0.01""#),
        ("leverage", r#""leverage":0"#),
        ("leverage", r#""leverage":126"#),
        ("leverage", r#""leverage":1.5"#),
        ("leverage", r#""leverage":"10""#),
        ("idempotencyKey", r#""idempotencyKey":"  ""#),
        ("idempotencyKey", r#""idempotencyKey":7"#),
        ("price", r#""price":0"#),
        ("price", r#""price":"65000""#),
        ("price", r#""orderType":"LIMIT""#),
        ("orderType", r#""orderType":"STOP""#),
        ("quantityUnit", r#""quantityUnit":"lots""#),
        ("quantity", r#""quantityUnit":"percent","quantity":101"#),
        ("takeProfit", r#""takeProfit":-1"#),
        ("stopLoss", r#""stopLoss":0"#),
        ("test", r#""test":"yes""#),
        ("partial", r#""partial":1"#),
        ("timestamp", r#""timestamp":"""#),
        ("surprise", r#""surprise":1"#),
    ] {
        let answer = world.send(fields).await;
        assert_eq!((answer.status, answer.code), (400, Some("VALIDATION_ERROR")), "{fields}");
        let answer = json(&answer);
        let details = answer["error"]["details"].as_array().unwrap();
        assert!(details.iter().any(|detail| detail["field"] == field), "{fields}: {answer}");
        assert!(details.iter().all(|detail| !detail["issue"].as_str().unwrap().is_empty()));
    }
    let long = format!(r#""idempotencyKey":"{}""#, "k".repeat(257));
    assert_eq!(json(&world.send(&long).await)["error"]["details"][0]["field"], "idempotencyKey");
    assert!(world.desk().calls().is_empty() && world.store.records().is_empty());
    // None of them holds the key that a good signal then takes.
    assert_eq!(world.send("").await.status, 200);
}

/// What a signal meets while one value cannot be read: the safe one, and a warning with the key.
#[tokio::test]
async fn each_malformed_configuration_value_is_safe_and_warned_of() {
    for key in ConfigSnapshot::KEYS {
        let world = World::new();
        world.set(key, "\u{1}nonsense");
        let answer = world.send("").await;
        let told = (answer.status, answer.code);
        match *key {
            "trade:kill_switch" | "global:kill_switch" | "global:maintenance_mode" => {
                assert_eq!(told, (503, Some("KILL_SWITCH_ACTIVE")), "{key}");
            }
            // Another passkey than the sender's, and a check that no address has passed.
            "webhooks:api_key"
            | "webhook:tradingview:ip_check"
            | "webhook:tradingview:ip_check_enabled" => {
                assert_eq!(told, (401, Some("UNAUTHORIZED")), "{key}");
            }
            "exchange:bybit:enabled" => {
                assert_eq!(told, (400, Some("EXCHANGE_DISABLED")), "{key}");
            }
            "trade:max_position_size" => assert_eq!(told, (400, Some("VALIDATION_ERROR")), "{key}"),
            _ => assert_eq!(told, (200, None), "{key}: {}", answer.body),
        }
        let ordered = usize::from(answer.status == 200);
        assert_eq!(world.desk().placed().len(), ordered, "{key}");
        if *key != "webhooks:api_key" {
            let config = world.router.config().await;
            let named = config.warnings.iter().any(|warning| warning.key == *key);
            // The alias is read only where the key itself is absent.
            assert!(named || *key == "webhook:queue_mode", "{key}: {:?}", config.warnings);
            assert!(config.warnings.iter().all(|it| !format!("{it:?}").contains("nonsense")));
        }
    }
}

/// What cannot be read is in the log, once, and again when it was right in between.
#[tokio::test]
async fn what_cannot_be_read_of_the_configuration_is_logged_without_the_value() {
    let world = World::new();
    let warned = || {
        let log = world.store.log_entries();
        let config = log.iter().filter(|entry| entry.service == "config");
        config.map(|entry| entry.message.clone()).collect::<Vec<_>>()
    };
    world.router.recover().await.unwrap();
    assert!(warned().is_empty());
    world.set("trade:default_leverage", "sekret");
    for _ in 0..3 {
        world.router.recover().await.unwrap();
    }
    assert_eq!(warned().len(), 1);
    assert!(warned()[0].contains("trade:default_leverage") && !warned()[0].contains("sekret"));
    world.set("trade:default_leverage", "3");
    world.router.recover().await.unwrap();
    world.set("trade:default_leverage", "sekret");
    world.router.config_store().set_available(false);
    world.router.recover().await.unwrap();
    assert!(warned()[1].contains("cannot be read"), "{:?}", warned());
    world.router.config_store().set_available(true);
    world.router.recover().await.unwrap();
    assert_eq!(warned().len(), 3);
}

/// Without any value but the passkey, everything has its documented default; without the passkey
/// nobody is known.
#[tokio::test]
async fn each_missing_configuration_value_has_its_default() {
    for key in ConfigSnapshot::KEYS {
        let world = World::new();
        world.router.config_store().remove(key);
        let answer = world.send("").await;
        let expected = if *key == "webhooks:api_key" { 401 } else { 200 };
        assert_eq!(answer.status, expected, "{key}: {}", answer.body);
        assert!(world.router.config().await.warnings.is_empty(), "{key}");
    }
}

/// A clock that is set back brings no key back to life, frees no caller's window, and leaves no order
/// without its outcome.
#[tokio::test]
async fn a_clock_set_back_orders_nothing_twice_and_loses_nothing() {
    let world = World::new();
    let config = MemoryConfig::from_iter([
        ("webhooks:api_key", PASSKEY),
        ("webhook:rate_limit_per_minute", "3"),
        ("webhooks:queue_mode", "direct_only"),
    ]);
    let (store, desks) = (Arc::clone(&world.store), Arc::clone(&world.desks));
    let clock = SteadyClock::new(world.clock.clone());
    let router = Router::with_settings(store, config, desks, clock, Settings::default());
    let send = async |fields: &str| {
        let answer = router.handle(body(fields).as_bytes(), None, next_id()).await;
        (answer.status, answer.code)
    };
    assert_eq!(send(r#""idempotencyKey":"a""#).await, (200, None));
    world.desk().script([Next::LoseReply]);
    world.desk().fall_silent_once_placed();
    assert_eq!(send(r#""idempotencyKey":"b""#).await, (504, Some("EXCHANGE_TIMEOUT")));
    world.clock.set_back(Duration::from_secs(3_600));
    let duplicate = (409, Some("DUPLICATE_REQUEST"));
    assert_eq!(send(r#""idempotencyKey":"a""#).await, duplicate);
    // Three signals were counted in this minute, whatever the clock says now.
    assert_eq!(send(r#""idempotencyKey":"b""#).await, (429, Some("RATE_LIMITED")));
    world.desk().set_silent(false);
    let summary = router.recover().await.unwrap();
    assert_eq!((summary.found, summary.acknowledged), (1, 1));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(send(r#""idempotencyKey":"b""#).await, duplicate);
    assert_eq!(send(r#""idempotencyKey":"c""#).await, (200, None));
    assert_eq!((world.desk().orders(), world.desk().placed().len()), (3, 3));
    assert!(world.store.records().iter().all(|it| it.state == State::Acknowledged));
    assert!(world.store.open_intents().await.unwrap().is_empty());
    // A configuration is used for a second, and not until the clock has caught up.
    router.config_store().set("trade:kill_switch", "true");
    world.clock.set_back(Duration::from_secs(3_600));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(send(r#""idempotencyKey":"d""#).await, (503, Some("KILL_SWITCH_ACTIVE")));
}
