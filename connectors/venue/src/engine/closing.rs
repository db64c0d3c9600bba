//! Conditional orders that close a position at the market: take profit and stop loss.

use rust_decimal::Decimal;

use super::Engine;
use super::algo::{AlgoKind, NewAlgo};
use super::order::NewOrder;
use super::types::{OrderKind, PositionSide, Reject, Side, TimeInForce};

/// A price at which a position, or part of it, is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing<'a> {
    pub(crate) account: usize,
    pub(crate) instrument: usize,
    pub(crate) position_side: PositionSide,
    /// The direction that closes.
    pub(crate) side: Side,
    /// `TakeProfitMarket` or `StopMarket`.
    pub(crate) kind: AlgoKind,
    pub(crate) price: Decimal,
    /// `None` closes whatever is held then.
    pub(crate) quantity: Option<Decimal>,
    pub(crate) client_id: &'a str,
}

impl AlgoKind {
    /// What a conditional order is that waits for the price to rise or fall to its trigger.
    pub(crate) fn of(side: Side, rising: bool, limit: bool) -> Self {
        match ((side == Side::Buy) == rising, limit) {
            (true, true) => Self::Stop,
            (true, false) => Self::StopMarket,
            (false, true) => Self::TakeProfit,
            (false, false) => Self::TakeProfitMarket,
        }
    }

    /// Whether it waits for the price to rise.
    pub(crate) fn rises(self, side: Side) -> bool {
        (side == Side::Buy) == matches!(self, Self::Stop | Self::StopMarket)
    }
}

impl Engine {
    /// Places the conditional order and returns its id. If the price is already beyond, it closes
    /// at once and returns none.
    pub(crate) fn close_at(&mut self, c: &Closing<'_>) -> Result<Option<u64>, Reject> {
        let hedge = c.position_side != PositionSide::Both;
        let placed = self.place_algo(NewAlgo {
            account: c.account,
            instrument: c.instrument,
            client_id: c.client_id.into(),
            side: c.side,
            kind: c.kind,
            tif: TimeInForce::Gtc,
            quantity: c.quantity.unwrap_or_default(),
            price: Decimal::ZERO,
            trigger_price: c.price,
            position_side: c.position_side,
            reduce_only: !hedge && c.quantity.is_some(),
            close_position: c.quantity.is_none(),
            activate_price: Decimal::ZERO,
            callback_rate: Decimal::ZERO,
            by_mark: false,
            price_protect: false,
        });
        match placed {
            Ok(id) => return Ok(Some(id)),
            Err(Reject::WouldTrigger) => {}
            Err(reject) => return Err(reject),
        }
        let settings = self.account(c.account)?.linear.get(c.instrument);
        let held = settings.map_or(Decimal::ZERO, |s| s.position(c.position_side).amount.abs());
        self.place(&NewOrder {
            account: c.account,
            instrument: c.instrument,
            side: c.side,
            kind: OrderKind::Market,
            tif: TimeInForce::Gtc,
            quantity: c.quantity.map_or(held, |q| q.min(held)),
            quote_quantity: Decimal::ZERO,
            price: Decimal::ZERO,
            stop_price: Decimal::ZERO,
            trailing_delta: None,
            position_side: c.position_side,
            reduce_only: !hedge,
            client_id: c.client_id,
        })?;
        Ok(None)
    }
}
