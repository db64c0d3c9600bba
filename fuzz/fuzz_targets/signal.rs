//! A signal's body as the gateway receives it, and symbols.

#![no_main]

use std::collections::BTreeMap;

use hoox_connector::{Decimal, Timestamp};
use hoox_router::{
    BODY_MAX, IdempotencyKey, OrderType, RawSignal, Signal, client_order_id, normalize_symbol,
};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(symbol) = normalize_symbol(text)
    {
        check_symbol(symbol.as_str());
    }
    let Ok(raw) = RawSignal::parse(data) else { return };
    assert!(data.len() <= BODY_MAX);
    let object = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(data);
    assert!(object.is_ok(), "no object, yet it was parsed");
    assert_eq!(format!("{raw:?}"), "RawSignal([redacted])");
    match raw.validate() {
        Ok(signal) => check_signal(&signal),
        Err(violations) => {
            assert!(!violations.is_empty(), "refused without a reason");
            for (index, violation) in violations.iter().enumerate() {
                let again = violations.iter().skip(index + 1).any(|it| it.field == violation.field);
                assert!(!again, "{} is told twice", violation.field);
            }
        }
    }
});

fn check_symbol(symbol: &str) {
    assert!((2..=20).contains(&symbol.len()));
    assert!(symbol.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
    assert_eq!(normalize_symbol(symbol).map(|it| it.as_str() == symbol), Ok(true));
}

fn check_signal(signal: &Signal) {
    check_symbol(signal.symbol.as_str());
    let money = [signal.quantity, signal.price, signal.take_profit, signal.stop_loss];
    assert!(money.into_iter().flatten().all(|value| value > Decimal::ZERO));
    assert!(signal.quantity.is_some() || signal.action.closes(), "nothing to trade");
    assert!(signal.order_type == OrderType::Market || signal.price.is_some());
    assert!(signal.leverage.is_none_or(|leverage| (1..=125).contains(&leverage)));
    let key = signal.idempotency_key.as_deref();
    assert!(key.is_none_or(|key| key == key.trim() && (1..=256).contains(&key.chars().count())));

    // The ledger keeps it as JSON, and a restart reads it back.
    let json = serde_json::to_string(signal).unwrap_or_default();
    assert_eq!(serde_json::from_str::<Signal>(&json).as_ref().ok(), Some(signal), "{json}");

    let key = IdempotencyKey::of(signal, Timestamp::from_millis(1_700_000_000_000));
    let id = client_order_id(&key, 0);
    assert!(id.is_ok() && id != client_order_id(&key, 1), "{key}: {id:?}");
}
