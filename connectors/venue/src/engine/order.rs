//! Orders and the trades they make.

use rust_decimal::Decimal;

use super::trailing::Trail;
use super::types::{OrderKind, PositionSide, Side, Status, TimeInForce};

/// A request to trade, already parsed; amounts are as sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewOrder<'a> {
    pub(crate) account: usize,
    pub(crate) instrument: usize,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) tif: TimeInForce,
    /// In the base asset; zero when `quote_quantity` says it.
    pub(crate) quantity: Decimal,
    /// Spot market orders only: how much of the quote asset to spend or receive.
    pub(crate) quote_quantity: Decimal,
    pub(crate) price: Decimal,
    pub(crate) stop_price: Decimal,
    /// Spot stops that follow the price: how far behind, in basis points. A stop price then only
    /// says where the following begins; zero begins at once.
    pub(crate) trailing_delta: Option<u64>,
    pub(crate) position_side: PositionSide,
    pub(crate) reduce_only: bool,
    pub(crate) client_id: &'a str,
}

/// An order the venue has accepted.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) account: usize,
    pub(crate) instrument: usize,
    pub(crate) client_id: Box<str>,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) tif: TimeInForce,
    pub(crate) position_side: PositionSide,
    /// As sent.
    pub(crate) reduce_only: bool,
    /// May only shrink a position: reduce-only, or the closing direction of hedge mode.
    pub(crate) closing: bool,
    pub(crate) price: Decimal,
    pub(crate) stop_price: Decimal,
    /// Spot stops that follow the price.
    pub(crate) trail: Option<Trail>,
    pub(crate) quantity: Decimal,
    pub(crate) quote_quantity: Decimal,
    pub(crate) executed: Decimal,
    pub(crate) quote_executed: Decimal,
    pub(crate) status: Status,
    /// Whether the order is in the book; a stop is not until it triggers.
    pub(crate) working: bool,
    /// Spot: what the order still locks of the asset it pays with. Linear: the notional it still
    /// adds to the open-order margin.
    pub(crate) reserved: Decimal,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
}

impl Order {
    pub(crate) fn remaining(&self) -> Decimal {
        self.quantity - self.executed
    }

    /// Volume-weighted price of what has traded; zero when nothing has.
    pub(crate) fn average_price(&self) -> Decimal {
        self.quote_executed.checked_div(self.executed).unwrap_or_default()
    }
}

/// One execution of an order.
#[derive(Clone, Debug)]
pub(crate) struct Trade {
    pub(crate) id: u64,
    pub(crate) order_id: u64,
    pub(crate) instrument: usize,
    pub(crate) side: Side,
    pub(crate) position_side: PositionSide,
    pub(crate) price: Decimal,
    pub(crate) quantity: Decimal,
    pub(crate) commission: Decimal,
    pub(crate) commission_asset: &'static str,
    /// Linear: profit of the part that closed a position, in the margin asset, before commission.
    pub(crate) realized: Decimal,
    pub(crate) maker: bool,
    pub(crate) time_ms: u64,
}
