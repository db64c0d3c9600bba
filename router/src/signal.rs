//! What a signal may say (gateway.md §2).

use core::fmt;

use hoox_connector::{Decimal, Symbol, Venue};
use serde::{Deserialize, Serialize};

use crate::{Action, ShortText};

/// What a quantity counts (trade.md §2, Guidance).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuantityUnit {
    /// The base asset.
    #[default]
    Base,
    /// Collateral in USDT: times leverage, over price.
    Usdt,
    /// For an entry, hundredths of the available balance in the quote asset, as collateral: times
    /// leverage, over price. For a partial close, hundredths of the open position.
    Percent,
}

/// How an order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum OrderType {
    /// At the market.
    #[default]
    Market,
    /// At the signal's price or better, good till cancelled.
    Limit,
}

/// By which way a signal came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalSource {
    /// The webhook, at once or through the queue.
    #[default]
    Webhook,
    /// Another part of the system ([`Router::execute`](crate::Router::execute)).
    Internal,
    /// [`Router::close_all`](crate::Router::close_all).
    CloseAll,
}

impl SignalSource {
    /// Its name in the ledger (data.md §2, `trade_signals.source`).
    ///
    /// ```
    /// assert_eq!(hoox_router::SignalSource::default().as_str(), "webhook");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Internal => "internal",
            Self::CloseAll => "close-all",
        }
    }

    fn is_webhook(&self) -> bool {
        *self == Self::Webhook
    }
}

/// A valid signal: all its fields checked, money as exact decimals, the passkey gone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Signal {
    /// The exchange asked for; routing may override it.
    #[serde(with = "crate::as_text")]
    pub exchange: Venue,
    /// Whether it asked for none, and `exchange` is the default one.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub exchange_is_default: bool,
    /// What to do.
    pub action: Action,
    /// The neutral symbol.
    pub symbol: Symbol,
    /// How much, in `quantity_unit`; absent only where the action closes a position.
    #[serde(with = "crate::as_text::option", default)]
    pub quantity: Option<Decimal>,
    /// What the quantity counts.
    #[serde(default)]
    pub quantity_unit: QuantityUnit,
    /// The leverage, 1 to 125.
    #[serde(default)]
    pub leverage: Option<u32>,
    /// Market or limit.
    #[serde(default)]
    pub order_type: OrderType,
    /// The limit price; alerts may tell one with market orders too, which is ignored.
    #[serde(with = "crate::as_text::option", default)]
    pub price: Option<Decimal>,
    /// The trigger price of a take-profit attached to the order.
    #[serde(with = "crate::as_text::option", default)]
    pub take_profit: Option<Decimal>,
    /// The trigger price of a stop-loss attached to the order.
    #[serde(with = "crate::as_text::option", default)]
    pub stop_loss: Option<Decimal>,
    /// Whether a closing action closes only `quantity` of the position instead of all of it; counted
    /// in the base asset or in percent of the position (trade.md §2, Guidance).
    #[serde(default)]
    pub partial: bool,
    /// The sender's own name for this signal, trimmed, 1 to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<ShortText>,
    /// The sender's time of this signal, as written; it only tells signals apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<ShortText>,
    /// Whether it goes to the exchange's test venue.
    #[serde(default)]
    pub test: bool,
    /// By which way it came; nothing that its sender says.
    #[serde(default, skip_serializing_if = "SignalSource::is_webhook")]
    pub source: SignalSource,
}

impl Signal {
    /// A market signal with the required fields; set the others as needed.
    pub fn new(exchange: Venue, action: Action, symbol: Symbol, quantity: Option<Decimal>) -> Self {
        Self {
            exchange,
            exchange_is_default: false,
            action,
            symbol,
            quantity,
            quantity_unit: QuantityUnit::Base,
            leverage: None,
            order_type: OrderType::Market,
            price: None,
            take_profit: None,
            stop_loss: None,
            partial: false,
            idempotency_key: None,
            timestamp: None,
            test: false,
            source: SignalSource::Webhook,
        }
    }

    /// The price of a limit order; alerts may tell one with market orders too.
    pub(crate) fn limit_price(&self) -> Option<Decimal> {
        self.price.filter(|_| self.order_type == OrderType::Limit)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("exchange", &self.exchange)
            .field("action", &self.action)
            .field("symbol", &self.symbol)
            .field("quantity", &self.quantity)
            .field("leverage", &self.leverage)
            .field("price", &self.price)
            .field("test", &self.test)
            .finish_non_exhaustive()
    }
}
