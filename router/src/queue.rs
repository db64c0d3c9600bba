//! The queue of signals that are carried out later (gateway.md §9, trade.md §9).

use core::time::Duration;

use hoox_connector::{Decimal, Symbol, Timestamp, Venue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Action, IdempotencyKey, OrderType, QuantityUnit, RequestId, Signal, normalize_symbol};

/// The waits after each failed attempt; after the last of them a message is a dead letter
/// (trade.md §9).
pub const RETRY_SCHEDULE: [Duration; 5] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
    Duration::from_secs(1_800),
];

/// The wait while the kill switch is engaged, which counts as no attempt (trade.md §9, Guidance).
pub const HALTED_RETRY: Duration = Duration::from_secs(60);

/// The wait while another task is busy with the same signal.
pub(crate) const BUSY_RETRY: Duration = Duration::from_secs(5);

/// How many messages a consumer takes at a time, and how many of them it carries out at once
/// (trade.md §9).
pub const CONSUMER_BATCH: usize = 10;
/// How many messages a consumer carries out at once (trade.md §9).
pub const CONSUMER_CONCURRENCY: usize = 3;

/// How long a message is kept; older ones are dead letters (data.md §5).
pub const RETENTION: Duration = Duration::from_secs(4 * 24 * 60 * 60);

/// The longest message that is read, in bytes.
const MESSAGE_MAX: usize = 16 * 1024;

/// The longest idempotency key in a message: a sender's own is 256 characters, in up to four bytes
/// each, and a few words around it.
const KEY_MAX: usize = 1_100;

/// Where signals wait: Cloudflare Queues, a table, memory.
///
/// Delivery is at least once, in no particular order, to [`Router::consume`], whose [`Verdict`] the
/// consumer carries out for each message by itself.
///
/// [`Router::consume`]: crate::Router::consume
pub trait Queue {
    /// Whether there is a queue at all; without one every mode is `direct_only`.
    const PRESENT: bool = true;

    /// Puts a message into the queue, to be delivered after `delay`. It is on stable storage when
    /// this returns.
    ///
    /// # Errors
    /// [`QueueUnavailable`]; the message may or may not be in the queue, which its consumer can
    /// tell by the key.
    fn send(
        &self,
        message: &QueueMessage,
        delay: Duration,
    ) -> impl Future<Output = Result<(), QueueUnavailable>>;
}

impl<Q: Queue> Queue for std::sync::Arc<Q> {
    const PRESENT: bool = Q::PRESENT;

    fn send(
        &self,
        message: &QueueMessage,
        delay: Duration,
    ) -> impl Future<Output = Result<(), QueueUnavailable>> {
        Q::send(self, message, delay)
    }
}

/// No queue: signals are carried out at once or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoQueue;

impl Queue for NoQueue {
    const PRESENT: bool = false;

    async fn send(&self, _: &QueueMessage, _: Duration) -> Result<(), QueueUnavailable> {
        Err(QueueUnavailable("there is none".into()))
    }
}

/// The queue cannot be reached, or could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("queue unavailable: {0}")]
pub struct QueueUnavailable(pub String);

/// What becomes of a message that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done with: acknowledge it.
    Ack,
    /// Deliver it again.
    Retry {
        /// After this long.
        delay: Duration,
        /// Whether an attempt failed. If not (the kill switch was engaged), the message comes back
        /// with the same number of attempts.
        counted: bool,
    },
    /// Never deliver it again by itself: keep it as a dead letter, for a person to look at and to
    /// replay.
    Dead {
        /// Why.
        reason: String,
    },
}

impl Verdict {
    /// After an attempt has failed that was preceded by `attempts` failed ones.
    pub(crate) fn after_failure(attempts: u32, wish: Option<Duration>, reason: &str) -> Self {
        let scheduled = usize::try_from(attempts).ok().and_then(|n| RETRY_SCHEDULE.get(n));
        match scheduled {
            Some(delay) => {
                Self::Retry { delay: wish.map_or(*delay, |wish| wish.max(*delay)), counted: true }
            }
            None => Self::Dead { reason: format!("after {} attempts: {reason}", attempts + 1) },
        }
    }
}

/// A message that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// What the queue calls it.
    pub id: u64,
    /// The message's JSON.
    pub body: Box<str>,
    /// How many attempts at it have failed.
    pub attempts: u32,
}

impl Delivery {
    /// A delivery, as a queue makes it.
    pub fn new(id: u64, body: impl Into<Box<str>>, attempts: u32) -> Self {
        Self { id, body: body.into(), attempts }
    }
}

/// A message that is not delivered any more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// What the queue calls it.
    pub id: u64,
    /// The message's JSON.
    pub body: Box<str>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

impl DeadLetter {
    /// A dead letter, as a queue keeps it.
    pub fn new(id: u64, body: impl Into<Box<str>>, reason: String, at: Timestamp) -> Self {
        Self { id, body: body.into(), reason, at }
    }
}

/// A signal on its way through the queue, as JSON (gateway.md §9): without the passkey, with its
/// numbers' own digits, and under the key that was reserved for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct QueueMessage {
    /// The request that brought the signal.
    pub request_id: RequestId,
    /// The exchange asked for.
    #[serde(with = "crate::as_text")]
    pub exchange: Venue,
    /// What to do.
    pub action: Action,
    /// The neutral symbol.
    pub symbol: Symbol,
    /// How much.
    #[serde(with = "crate::as_number", default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// What the quantity counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quantity_unit: QuantityUnit,
    /// The limit price.
    #[serde(with = "crate::as_number", default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Decimal>,
    /// The leverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leverage: Option<u32>,
    /// Market or limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub order_type: OrderType,
    /// The trigger price of a take-profit.
    #[serde(with = "crate::as_number", default, skip_serializing_if = "Option::is_none")]
    pub take_profit: Option<Decimal>,
    /// The trigger price of a stop-loss.
    #[serde(with = "crate::as_number", default, skip_serializing_if = "Option::is_none")]
    pub stop_loss: Option<Decimal>,
    /// Whether it closes only as much as `quantity` says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub partial: bool,
    /// Whether it goes to the exchange's test venue.
    #[serde(default, skip_serializing_if = "is_default")]
    pub test: bool,
    /// The key that was reserved, the same on every delivery.
    pub idempotency_key: IdempotencyKey,
    /// When it was put into the queue first.
    #[serde(with = "crate::calendar::text")]
    pub queued_at: Timestamp,
}

/// Why a message is no signal; it will never be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid message: {0}")]
pub struct InvalidMessage(String);

impl QueueMessage {
    /// The message of a signal whose key is reserved.
    pub fn new(
        signal: &Signal,
        key: IdempotencyKey,
        request_id: RequestId,
        queued_at: Timestamp,
    ) -> Self {
        Self {
            request_id,
            exchange: signal.exchange,
            action: signal.action,
            symbol: signal.symbol,
            quantity: signal.quantity,
            quantity_unit: signal.quantity_unit,
            price: signal.price,
            leverage: signal.leverage,
            order_type: signal.order_type,
            take_profit: signal.take_profit,
            stop_loss: signal.stop_loss,
            partial: signal.partial,
            test: signal.test,
            idempotency_key: key,
            queued_at,
        }
    }

    /// The message as JSON.
    pub fn to_json(&self) -> String {
        // Texts, numbers and flags only: nothing in it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads and checks a message.
    ///
    /// ```
    /// use hoox_router::QueueMessage;
    ///
    /// let body = br#"{"requestId":"r","exchange":"bybit","action":"LONG","symbol":"BTCUSDT",
    ///     "quantity":0.10,"idempotencyKey":"idemp:k:live","queuedAt":"2026-01-31T12:00:00Z"}"#;
    /// let message = QueueMessage::parse(body).unwrap();
    /// assert_eq!(message.signal().quantity.unwrap().to_string(), "0.10");
    /// assert!(QueueMessage::parse(b"{}").is_err());
    /// ```
    ///
    /// # Errors
    /// [`InvalidMessage`], which names the field and never repeats the content.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidMessage> {
        if body.len() > MESSAGE_MAX {
            return Err(InvalidMessage("longer than 16 KiB".into()));
        }
        let message: Self = serde_json::from_slice(body).map_err(|error| {
            // The error's own words may repeat a value; its place does not.
            InvalidMessage(format!("at line {} column {}", error.line(), error.column()))
        })?;
        let invalid = |field: &str| Err(InvalidMessage(format!("{field} is out of range")));
        let numbers = [
            ("quantity", message.quantity),
            ("price", message.price),
            ("takeProfit", message.take_profit),
            ("stopLoss", message.stop_loss),
        ];
        for (field, number) in numbers {
            if number.is_some_and(|number| number <= Decimal::ZERO) {
                return invalid(field);
            }
        }
        if message.quantity.is_none() && (message.partial || !message.action.closes()) {
            return invalid("quantity");
        }
        if message.order_type == OrderType::Limit && message.price.is_none() {
            return invalid("price");
        }
        if message.leverage.is_some_and(|leverage| !(1..=125).contains(&leverage)) {
            return invalid("leverage");
        }
        if normalize_symbol(message.symbol.as_str()) != Ok(message.symbol) {
            return invalid("symbol");
        }
        if !(1..=KEY_MAX).contains(&message.idempotency_key.as_str().len()) {
            return invalid("idempotencyKey");
        }
        Ok(message)
    }

    /// The message as it goes into the queue once more, by hand: the same signal under the same key.
    #[must_use]
    pub fn replayed(mut self, now: Timestamp) -> Self {
        self.queued_at = now;
        self
    }

    /// The signal it carries.
    pub fn signal(&self) -> Signal {
        let mut signal = Signal::new(self.exchange, self.action, self.symbol, self.quantity);
        signal.quantity_unit = self.quantity_unit;
        signal.price = self.price;
        signal.leverage = self.leverage;
        signal.order_type = self.order_type;
        signal.take_profit = self.take_profit;
        signal.stop_loss = self.stop_loss;
        signal.partial = self.partial;
        signal.test = self.test;
        signal
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> QueueMessage {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let quantity = Some("0.10".parse().unwrap());
        let signal = Signal::new(Venue::Bybit, Action::Long, symbol, quantity);
        let at = Timestamp::from_millis(1_700_000_000_000);
        let key = IdempotencyKey::of(&signal, at);
        QueueMessage::new(&signal, key, RequestId::new("r").unwrap(), at)
    }

    #[test]
    fn the_message_is_the_contract_and_is_read_back() {
        let text = message().to_json();
        assert_eq!(
            text,
            r#"{"requestId":"r","exchange":"bybit","action":"LONG","symbol":"BTCUSDT","quantity":0.10,"idempotencyKey":"trade:bybit:BTCUSDT:LONG:0.1:live:28333333","queuedAt":"2023-11-14T22:13:20Z"}"#
        );
        assert_eq!(QueueMessage::parse(text.as_bytes()).unwrap(), message());
        let mut full = message();
        full.quantity_unit = QuantityUnit::Usdt;
        full.order_type = OrderType::Limit;
        full.price = Some("65000.5".parse().unwrap());
        full.leverage = Some(10);
        full.take_profit = Some("1e-7".parse().unwrap_or(Decimal::ONE));
        full.stop_loss = Some(Decimal::TEN);
        full.test = true;
        let read = QueueMessage::parse(full.to_json().as_bytes()).unwrap();
        assert_eq!(read, full);
        let signal = read.signal();
        assert_eq!((signal.leverage, signal.price), (Some(10), full.price));
    }

    #[test]
    fn what_is_no_signal_is_told_without_repeating_it() {
        let good = message().to_json();
        for (part, bad) in [
            ("0.10", "0"),
            ("0.10", "-1"),
            ("0.10", "\"0.10\""),
            ("0.10", "1e400"),
            ("\"quantity\":0.10,", ""),
            ("bybit", "sekret"),
            ("LONG", "sekret"),
            ("BTCUSDT", "..sekret"),
            ("2023-11-14T22:13:20Z", "sekret"),
            ("\"requestId\":\"r\"", "\"requestId\":\"\""),
            ("{", "["),
        ] {
            let text = good.replacen(part, bad, 1);
            assert_ne!(text, good);
            let error = QueueMessage::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("sekret"), "{error}");
        }
        let long = format!("{good}{}", " ".repeat(MESSAGE_MAX));
        assert!(QueueMessage::parse(long.as_bytes()).is_err());
    }

    #[test]
    fn five_retries_by_the_schedule_then_a_dead_letter() {
        let seconds = |attempts| match Verdict::after_failure(attempts, None, "x") {
            Verdict::Retry { delay, counted: true } => Some(delay.as_secs()),
            _ => None,
        };
        let delays: Vec<_> = (0..6).map(seconds).collect();
        assert_eq!(delays, [Some(30), Some(60), Some(300), Some(900), Some(1800), None]);
        let wish = Some(Duration::from_secs(45));
        let longer = Verdict::Retry { delay: Duration::from_secs(45), counted: true };
        assert_eq!(Verdict::after_failure(0, wish, "x"), longer);
    }
}
