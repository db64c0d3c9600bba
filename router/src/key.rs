use core::fmt;

use arrayvec::ArrayString;
use hoox_connector::{ClientOrderId, TextError, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ShortText, Signal};

/// What makes two signals one: the sender's own key, or what the signal says and when
/// (gateway.md §8).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(ShortText);

impl IdempotencyKey {
    /// The key of a signal received at `now`.
    ///
    /// The sender's own key becomes `idemp:{key}:{live|test}`. Otherwise the key is
    /// `trade:{exchange}:{symbol}:{action}:{quantity}:{live|test}:{when}`, where `when` is the
    /// signal's own time if it tells one, else the minute of `now`.
    ///
    /// ```
    /// use hoox_connector::{Decimal, Timestamp, Venue};
    /// use hoox_router::{Action, IdempotencyKey, Signal, normalize_symbol};
    ///
    /// let symbol = normalize_symbol("btc-usdt").unwrap();
    /// let mut signal = Signal::new(Venue::Mexc, Action::Long, symbol, Some(Decimal::TEN));
    /// let now = Timestamp::from_millis(120_000);
    /// let key = IdempotencyKey::of(&signal, now);
    /// assert_eq!(key.as_str(), "trade:mexc:BTCUSDT:LONG:10:live:2");
    /// signal.idempotency_key = Some("alert-7".into());
    /// assert_eq!(IdempotencyKey::of(&signal, now).as_str(), "idemp:alert-7:live");
    /// ```
    pub fn of(signal: &Signal, now: Timestamp) -> Self {
        let venue = if signal.test { "test" } else { "live" };
        if let Some(key) = &signal.idempotency_key {
            return Self(ShortText::format(format_args!("idemp:{key}:{venue}")));
        }
        let Signal { exchange, symbol, action, .. } = signal;
        // 0.10 and 0.1 are one quantity.
        let quantity = signal.quantity.map(|quantity| quantity.normalize());
        let quantity = quantity.as_ref().map_or(&"-" as &dyn fmt::Display, |quantity| quantity);
        let minute = now.as_millis() / 60_000;
        Self(match &signal.timestamp {
            Some(time) => ShortText::format(format_args!(
                "trade:{exchange}:{symbol}:{action}:{quantity}:{venue}:t{time}"
            )),
            None => ShortText::format(format_args!(
                "trade:{exchange}:{symbol}:{action}:{quantity}:{venue}:{minute}"
            )),
        })
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The id an order carries at the exchange: `hx` and 30 hex digits of SHA-256 over the key and the
/// order's number among those of its signal. The same on every attempt, and valid on every exchange
/// (protocols/README.md, "common safe id").
///
/// A key therefore names one signal for ever: an exchange whose ids are never free again (Bybit)
/// refuses a second order under a key that the sender uses again after it has expired here.
///
/// # Errors
/// None in practice: letters and digits, 32 of them, are always valid.
pub fn client_order_id(key: &IdempotencyKey, leg: u8) -> Result<ClientOrderId, TextError> {
    let digest = Sha256::new().chain_update(key.as_str()).chain_update([0, leg]).finalize();
    let mut text = ArrayString::<32>::new();
    text.push_str("hx");
    for byte in digest.iter().take(15) {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    ClientOrderId::portable(&text)
}

#[cfg(test)]
mod tests {
    use hoox_connector::{Decimal, Venue};

    use super::*;
    use crate::{Action, normalize_symbol};

    fn signal(symbol: &str) -> Signal {
        let symbol = normalize_symbol(symbol).unwrap();
        Signal::new(Venue::Bybit, Action::Long, symbol, Some(Decimal::new(10, 2)))
    }

    #[test]
    fn spellings_of_one_symbol_collide() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let keys =
            ["BTC-USDT", "btc/usdt", "BTC_USDT"].map(|text| IdempotencyKey::of(&signal(text), now));
        assert_eq!(keys[0].as_str(), "trade:bybit:BTCUSDT:LONG:0.1:live:28333333");
        assert_eq!(keys[0], keys[1]);
        assert_eq!(keys[1], keys[2]);
    }

    #[test]
    fn minute_time_and_client_key_tell_signals_apart() {
        let at = |ms| Timestamp::from_millis(ms);
        let mut signal = signal("BTCUSDT");
        let bucket = IdempotencyKey::of(&signal, at(59_999));
        assert_eq!(bucket, IdempotencyKey::of(&signal, at(0)));
        assert_ne!(bucket, IdempotencyKey::of(&signal, at(60_000)));
        signal.timestamp = Some("0".into());
        let timed = IdempotencyKey::of(&signal, at(0));
        assert_ne!(timed, bucket);
        assert_eq!(timed, IdempotencyKey::of(&signal, at(600_000)));
        signal.idempotency_key = Some("mine".into());
        assert_eq!(IdempotencyKey::of(&signal, at(0)).as_str(), "idemp:mine:live");
        signal.test = true;
        assert_eq!(IdempotencyKey::of(&signal, at(0)).as_str(), "idemp:mine:test");
    }

    #[test]
    fn order_ids_are_stable_portable_and_differ_by_leg() {
        let key = IdempotencyKey::of(&signal("BTCUSDT"), Timestamp::from_millis(0));
        let id = client_order_id(&key, 0).unwrap();
        assert_eq!(id, client_order_id(&key, 0).unwrap());
        assert_ne!(id, client_order_id(&key, 1).unwrap());
        assert_eq!(id.as_str().len(), 32);
        assert!(id.as_str().starts_with("hx"));
    }
}
