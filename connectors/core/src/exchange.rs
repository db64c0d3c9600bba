use core::time::Duration;

use rust_decimal::Decimal;

use crate::{
    Asset, Balance, Capabilities, ClientOrderId, Error, Fill, Instrument, MarginMode, Market,
    OrderId, OrderReport, Outcome, Position, PositionMode, PositionSide, PreparedOrder, Refused,
    Symbol, Timestamp, Venue,
};

/// One account at one market, as whoever trades needs it, whatever an order takes: one request at an
/// exchange, or quote, approval, signature, broadcast and receipt on a chain. `hoox-router` has the
/// implementation over a [`Client`](crate::Client), `hoox-evm` that of a chain; tests script their own.
///
/// What all have in common is the order's life. [`place`](Self::place) ends with what is known;
/// an order that was only [`Accepted`](Outcome::Accepted) is read back with [`find`](Self::find) until
/// it has ended, however many steps the venue makes of it meanwhile.
///
/// All methods take `&self` and are called from many tasks at once.
pub trait Exchange {
    /// The exchange.
    fn venue(&self) -> Venue;

    /// The market.
    fn market(&self) -> Market;

    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// How long after its timestamp the exchange takes a request.
    fn recv_window(&self) -> Duration;

    /// The account's position mode, as far as it is known without asking.
    fn position_mode(&self) -> PositionMode;

    /// The present by the exchange's clock, as far as it is known.
    fn venue_now(&self) -> Timestamp;

    /// Corrects our idea of the exchange's clock.
    ///
    /// # Errors
    /// [`Error`].
    fn sync_clock(&self) -> impl Future<Output = Result<(), Error>>;

    /// The rules of a symbol, no older than minutes; `None` if there is no such symbol.
    ///
    /// # Errors
    /// [`Error`].
    fn instrument(&self, symbol: Symbol)
    -> impl Future<Output = Result<Option<Instrument>, Error>>;

    /// Drops the rules it keeps: the exchange has just refused an order for breaking them.
    fn forget_instruments(&self);

    /// Mark price, or else last price, read no longer ago than `max_age`.
    ///
    /// # Errors
    /// [`Error`].
    fn price(
        &self,
        symbol: Symbol,
        max_age: Duration,
    ) -> impl Future<Output = Result<Option<Decimal>, Error>>;

    /// The positions of a symbol; `None` asks for all of them.
    ///
    /// # Errors
    /// [`Error`].
    fn positions(
        &self,
        symbol: Option<Symbol>,
    ) -> impl Future<Output = Result<Vec<Position>, Error>>;

    /// How much of an asset there is, without what open positions have won or lost, and how much of it
    /// is free for new orders; `None` if there is none. No asset stands for USDT.
    ///
    /// # Errors
    /// [`Error`].
    fn balance(&self, asset: Option<Asset>)
    -> impl Future<Output = Result<Option<Balance>, Error>>;

    /// Makes margin mode and leverage of a symbol what they should be; does nothing where they are
    /// known to be so. "Already set" is success. `position` names the side, where they differ by it.
    ///
    /// Tells the largest value that a position of the symbol may grow to at this leverage, in the
    /// quote asset; `None` where the exchange does not say.
    ///
    /// # Errors
    /// [`Error`]; then no order may be placed.
    fn set_up(
        &self,
        symbol: Symbol,
        margin_mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> impl Future<Output = Result<Option<Decimal>, Error>>;

    /// Signs and sends an order.
    ///
    /// # Errors
    /// [`Refused`] if there is certainly no order.
    fn place(&self, order: &PreparedOrder) -> impl Future<Output = Result<Outcome, Refused>>;

    /// The order with our id, or `None` if the exchange says there is none.
    ///
    /// # Errors
    /// [`Error`] if the exchange did not answer.
    fn find(
        &self,
        symbol: Symbol,
        id: ClientOrderId,
    ) -> impl Future<Output = Result<Option<OrderReport>, Error>>;

    /// The executions of one order, which was not placed before `since`, by the exchange's clock.
    ///
    /// # Errors
    /// [`Error`].
    fn fills(
        &self,
        symbol: Symbol,
        order: OrderId,
        since: Timestamp,
    ) -> impl Future<Output = Result<Vec<Fill>, Error>>;
}
