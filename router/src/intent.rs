//! The exact order, as it is written down before it is sent.

use hoox_connector::{
    Attached, ClientOrderId, Decimal, FilterError, MarginMode, Market, NewOrder, OrderKind,
    PositionMode, PositionSide, PreparedOrder, Side, Size, Symbol, TimeInForce, Timestamp, Venue,
};
use serde::{Deserialize, Serialize};

/// The exact order, written down before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The exchange.
    #[serde(with = "crate::as_text")]
    pub venue: Venue,
    /// The market.
    #[serde(with = "crate::as_text")]
    pub market: Market,
    /// The symbol.
    pub symbol: Symbol,
    /// Our id, the same on every attempt.
    pub client_order_id: ClientOrderId,
    /// What is sent.
    pub order: WrittenOrder,
    /// The quantity in the base asset.
    #[serde(with = "crate::as_text::option", default)]
    pub base_quantity: Option<Decimal>,
    /// When it was written, by the exchange's clock.
    pub written_at: Timestamp,
}

/// A market or limit order as text; quantities in the exchange's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenOrder {
    /// Buy or sell.
    pub side: Side,
    /// The quantity: contracts on MEXC futures, base asset elsewhere.
    #[serde(with = "crate::as_text")]
    pub quantity: Decimal,
    /// The limit price; absent for a market order.
    #[serde(with = "crate::as_text::option", default)]
    pub price: Option<Decimal>,
    /// How long a limit order stands.
    pub time_in_force: Option<TimeInForce>,
    /// Whether it only reduces.
    pub reduce_only: bool,
    /// The position it belongs to, in hedge mode.
    pub position_side: Option<PositionSide>,
    /// The account's position mode.
    pub position_mode: Option<PositionMode>,
    /// Trigger price of an attached take-profit.
    #[serde(with = "crate::as_text::option", default)]
    pub take_profit: Option<Decimal>,
    /// Trigger price of an attached stop-loss.
    #[serde(with = "crate::as_text::option", default)]
    pub stop_loss: Option<Decimal>,
    /// The margin mode, where the exchange takes it with the order.
    pub margin_mode: Option<MarginMode>,
    /// The leverage, where the exchange takes it with the order.
    pub leverage: Option<u32>,
}

impl WrittenOrder {
    /// Writes an order down; `None` for kinds that no signal asks for.
    pub fn new(order: &NewOrder) -> Option<Self> {
        let (quantity, price, time_in_force) = match order.kind {
            OrderKind::Market { size: Size::Base(quantity) } => (quantity, None, None),
            OrderKind::Limit { quantity, price, time_in_force } => {
                (quantity, Some(price), Some(time_in_force))
            }
            _ => return None,
        };
        Some(Self {
            side: order.side,
            quantity,
            price,
            time_in_force,
            reduce_only: order.reduce_only,
            position_side: order.position_side,
            position_mode: order.position_mode,
            take_profit: order.attached.take_profit,
            stop_loss: order.attached.stop_loss,
            margin_mode: order.margin_mode,
            leverage: order.leverage,
        })
    }

    /// Whether it trades at once or not at all, so that its fill is worth waiting for.
    pub fn is_immediate(&self) -> bool {
        !matches!(self.time_in_force, Some(TimeInForce::GoodTillCancel | TimeInForce::PostOnly))
    }
}

impl Intent {
    /// The order to send, on the first attempt and on every other.
    ///
    /// # Errors
    /// [`FilterError`] if a value is not greater than zero.
    pub fn order(&self) -> Result<PreparedOrder, FilterError> {
        let written = &self.order;
        let kind = match written.price {
            None => OrderKind::Market { size: Size::Base(written.quantity) },
            Some(price) => OrderKind::Limit {
                quantity: written.quantity,
                price,
                time_in_force: written.time_in_force.unwrap_or_default(),
            },
        };
        let mut order =
            NewOrder::new(self.symbol, written.side, kind).client_order_id(self.client_order_id);
        order.reduce_only = written.reduce_only;
        order.position_side = written.position_side;
        order.position_mode = written.position_mode;
        order.attached =
            Attached { take_profit: written.take_profit, stop_loss: written.stop_loss };
        order.margin_mode = written.margin_mode;
        order.leverage = written.leverage;
        PreparedOrder::as_written(&order)
    }
}
