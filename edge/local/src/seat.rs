//! An account of either kind: at an exchange, or on a chain.

use core::time::Duration;

use hoox_connector::{
    Asset, Balance, Capabilities, ClientOrderId, Decimal, Error, Exchange, Fill, Instrument,
    MarginMode, Market, OrderId, OrderReport, Outcome, Position, PositionMode, PositionSide,
    PreparedOrder, Refused, Symbol, Timestamp, Venue,
};

use crate::account::Account;
use crate::on_chain::LocalSwaps;

/// One account.
#[derive(Debug)]
pub(crate) enum Seat {
    /// At an exchange: orders.
    Exchange(Box<Account>),
    /// On a chain: swaps.
    Chain(Box<LocalSwaps>),
}

macro_rules! each {
    ($seat:expr, $it:ident => $call:expr) => {
        match $seat {
            Seat::Exchange($it) => $call,
            Seat::Chain($it) => $call,
        }
    };
}

impl Exchange for Seat {
    fn venue(&self) -> Venue {
        each!(self, it => it.venue())
    }

    fn market(&self) -> Market {
        each!(self, it => it.market())
    }

    fn capabilities(&self) -> &Capabilities {
        each!(self, it => it.capabilities())
    }

    fn recv_window(&self) -> Duration {
        each!(self, it => it.recv_window())
    }

    fn position_mode(&self) -> PositionMode {
        each!(self, it => it.position_mode())
    }

    fn venue_now(&self) -> Timestamp {
        each!(self, it => it.venue_now())
    }

    async fn sync_clock(&self) -> Result<(), Error> {
        each!(self, it => it.sync_clock().await)
    }

    async fn instrument(&self, symbol: Symbol) -> Result<Option<Instrument>, Error> {
        each!(self, it => it.instrument(symbol).await)
    }

    fn forget_instruments(&self) {
        each!(self, it => it.forget_instruments());
    }

    async fn price(&self, symbol: Symbol, max_age: Duration) -> Result<Option<Decimal>, Error> {
        each!(self, it => it.price(symbol, max_age).await)
    }

    async fn positions(&self, symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        each!(self, it => it.positions(symbol).await)
    }

    async fn balance(&self, asset: Option<Asset>) -> Result<Option<Balance>, Error> {
        each!(self, it => it.balance(asset).await)
    }

    async fn set_up(
        &self,
        symbol: Symbol,
        margin_mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> Result<Option<Decimal>, Error> {
        each!(self, it => it.set_up(symbol, margin_mode, leverage, position).await)
    }

    async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        match self {
            Self::Exchange(it) => it.place(order).await,
            // Long, as it may have an approval before it; and seldom.
            Self::Chain(it) => Box::pin(it.place(order)).await,
        }
    }

    async fn find(&self, symbol: Symbol, id: ClientOrderId) -> Result<Option<OrderReport>, Error> {
        match self {
            Self::Exchange(it) => it.find(symbol, id).await,
            Self::Chain(it) => Box::pin(it.find(symbol, id)).await,
        }
    }

    async fn fills(
        &self,
        symbol: Symbol,
        order: OrderId,
        since: Timestamp,
    ) -> Result<Vec<Fill>, Error> {
        match self {
            Self::Exchange(it) => it.fills(symbol, order, since).await,
            Self::Chain(it) => Box::pin(it.fills(symbol, order, since)).await,
        }
    }
}
