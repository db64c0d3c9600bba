//! Rows of lists: orders, executions, positions, balances. Streams push the same ones.

use hoox_connector::json::{Integer, MaybeNumber, Number, lenient};
use hoox_connector::{
    Asset, Balance, ClientOrderId, Fee, Fill, OrderId, OrderReport, OrderStatus, Position,
    PositionSide, Side, Symbol, TimeInForce, VenueError,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::super::{Moment, Required, malformed};
use super::Base;
use crate::instruments::neutral;

/// futures, "Query the order based on the order number".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    order_id: OrderId,
    symbol: Symbol,
    #[serde(default, deserialize_with = "lenient")]
    external_oid: Option<ClientOrderId>,
    side: SideCode,
    state: Integer,
    vol: Number,
    deal_vol: Number,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    deal_avg_price: MaybeNumber,
    #[serde(default)]
    order_type: Integer,
    #[serde(default)]
    reduce_only: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    position_mode: Option<i64>,
    #[serde(default)]
    taker_fee: MaybeNumber,
    #[serde(default)]
    maker_fee: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    fee_currency: Option<Asset>,
    #[serde(default)]
    update_time: Moment,
    #[serde(default)]
    create_time: Moment,
}

impl Order {
    pub(crate) fn report(&self, base: Base<'_>) -> Result<OrderReport, VenueError> {
        let filled = !self.deal_vol.0.is_zero();
        let status = match self.state.0 {
            1 => OrderStatus::New,
            2 if filled => OrderStatus::PartiallyFilled,
            2 => OrderStatus::New,
            3 => OrderStatus::Filled,
            4 => OrderStatus::Canceled,
            5 => OrderStatus::Rejected,
            _ => OrderStatus::Unrecognized,
        };
        let symbol = neutral(self.symbol);
        let mut it = OrderReport::new(symbol, self.order_id, self.side.side, status);
        it.client_order_id = self.external_oid;
        it.quantity = Some(base.quantity(self.symbol, self.vol.0)?);
        it.filled_quantity = base.quantity(self.symbol, self.deal_vol.0)?;
        // A market order shows the price it was taken at.
        let (price, time_in_force) = match self.order_type.0 {
            1 => (self.price.non_zero(), Some(TimeInForce::GoodTillCancel)),
            2 => (self.price.non_zero(), Some(TimeInForce::PostOnly)),
            3 => (self.price.non_zero(), Some(TimeInForce::ImmediateOrCancel)),
            4 => (self.price.non_zero(), Some(TimeInForce::FillOrKill)),
            5 | 6 => (None, None),
            _ => (self.price.non_zero(), None),
        };
        (it.price, it.time_in_force) = (price, time_in_force);
        it.average_price = self.deal_avg_price.non_zero();
        it.reduce_only = self.side.closes || self.reduce_only == Some(true);
        it.position_side = self.side.position(self.position_mode);
        it.fee = self.fee_currency.filter(|_| filled).and_then(|asset| {
            let (taker, maker) = (self.taker_fee.0, self.maker_fee.0);
            let amount = taker.unwrap_or_default().checked_add(maker.unwrap_or_default())?;
            (taker.is_some() || maker.is_some()).then_some(Fee { asset, amount })
        });
        it.updated_at = self.update_time.0.or(self.create_time.0);
        Ok(it)
    }
}

/// futures, "Get order transaction details".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deal {
    id: OrderId,
    order_id: OrderId,
    symbol: Symbol,
    side: SideCode,
    vol: Number,
    price: Number,
    /// Told by the stream.
    #[serde(default, deserialize_with = "lenient")]
    external_oid: Option<ClientOrderId>,
    #[serde(default)]
    fee: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    fee_currency: Option<Asset>,
    #[serde(default)]
    profit: MaybeNumber,
    #[serde(default, alias = "taker")]
    is_taker: Option<bool>,
    timestamp: Required,
}

impl Deal {
    pub(crate) fn fill(&self, base: Base<'_>) -> Result<Fill, VenueError> {
        let mut it = Fill::new(
            neutral(self.symbol),
            (self.id, self.order_id),
            self.side.side,
            (self.price.0, base.quantity(self.symbol, self.vol.0)?),
            self.timestamp.0,
        );
        it.client_order_id = self.external_oid;
        it.fee = match (self.fee_currency, self.fee.0) {
            (Some(asset), Some(amount)) => Some(Fee { asset, amount }),
            _ => None,
        };
        it.maker = self.is_taker.map(|taker| !taker);
        it.realized_pnl = self.profit.0;
        Ok(it)
    }
}

/// futures, "Get the user's current holding position". It tells no profit or loss: that needs the
/// fair price.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PositionRow {
    symbol: Symbol,
    /// 1 long, 2 short.
    position_type: Integer,
    hold_vol: Number,
    #[serde(default)]
    hold_avg_price: MaybeNumber,
    #[serde(default)]
    liquidate_price: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    leverage: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    position_mode: Option<i64>,
    #[serde(default)]
    update_time: Moment,
}

impl PositionRow {
    pub(crate) fn position(&self, base: Base<'_>, all: &[Self]) -> Result<Position, VenueError> {
        let size = base.quantity(self.symbol, self.hold_vol.0)?;
        let side = match self.position_type.0 {
            _ if size.is_zero() => None,
            _ if size.is_sign_negative() => {
                return Err(malformed(base.op, "holdVol", "a negative size"));
            }
            1 => Some(PositionSide::Long),
            2 => Some(PositionSide::Short),
            _ => return Err(malformed(base.op, "positionType", "neither long nor short")),
        };
        let mut it = Position::new(neutral(self.symbol), side, size);
        // The account's mode is not told, but two positions of a symbol tell it.
        let other =
            |row: &Self| row.symbol == self.symbol && row.position_type != self.position_type;
        it.hedge = self.position_mode == Some(1) || all.iter().any(other);
        it.entry_price = self.hold_avg_price.non_zero();
        it.liquidation_price = self.liquidate_price.non_zero();
        it.leverage = self.leverage.filter(|leverage| *leverage > 0);
        it.updated_at = self.update_time.0;
        Ok(it)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssetRow {
    currency: Asset,
    available_balance: Number,
    equity: Number,
    #[serde(default)]
    unrealized: MaybeNumber,
}

impl AssetRow {
    pub(super) fn balance(&self) -> Balance {
        let (equity, unrealized) = (self.equity.0, self.unrealized.0.unwrap_or_default());
        let total = equity.checked_sub(unrealized).unwrap_or(equity);
        Balance { asset: self.currency, available: self.available_balance.0, total }
    }
}

/// 1 opens long, 2 closes short, 3 opens short, 4 closes long.
#[derive(Clone, Copy)]
struct SideCode {
    side: Side,
    closes: bool,
}

impl SideCode {
    /// The position it belongs to, if the order says that the account is in hedge mode (1).
    fn position(self, mode: Option<i64>) -> Option<PositionSide> {
        let long = (self.side == Side::Buy) != self.closes;
        (mode == Some(1)).then_some(if long { PositionSide::Long } else { PositionSide::Short })
    }
}

impl<'de> Deserialize<'de> for SideCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (side, closes) = match Integer::deserialize(deserializer)?.0 {
            1 => (Side::Buy, false),
            2 => (Side::Buy, true),
            3 => (Side::Sell, false),
            4 => (Side::Sell, true),
            _ => return Err(D::Error::custom("not a side of 1 to 4")),
        };
        Ok(Self { side, closes })
    }
}
