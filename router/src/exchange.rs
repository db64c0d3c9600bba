use core::time::Duration;

use hoox_connector::{
    Asset, Capabilities, ClientOrderId, Decimal, Error, Fill, Instrument, MarginMode, Market,
    OrderId, OrderReport, Outcome, Position, PositionMode, PositionSide, PreparedOrder, Refused,
    Symbol, Timestamp, Venue,
};

/// One account at one market, as the router needs it. [`Desk`](crate::Desk) is the implementation
/// over a [`Client`](hoox_connector::Client); tests script their own.
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

    /// How much of an asset is free for new orders; zero if there is none. `None` stands for USDT.
    ///
    /// # Errors
    /// [`Error`].
    fn available(&self, asset: Option<Asset>) -> impl Future<Output = Result<Decimal, Error>>;

    /// Makes margin mode and leverage of a symbol what they should be; does nothing where they are
    /// known to be so. "Already set" is success. `position` names the side, where they differ by it.
    ///
    /// # Errors
    /// [`Error`]; then no order may be placed.
    fn set_up(
        &self,
        symbol: Symbol,
        margin_mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> impl Future<Output = Result<(), Error>>;

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

/// The desks there are.
pub trait Exchanges {
    /// One account at one market; an enum where exchanges differ in type.
    type Desk: Exchange;

    /// The desk of an exchange, live or test; `None` without credentials or test venue. A test desk
    /// never holds live keys.
    fn desk(&self, venue: Venue, test: bool) -> Option<&Self::Desk>;
}

impl<E: Exchanges> Exchanges for &E {
    type Desk = E::Desk;

    fn desk(&self, venue: Venue, test: bool) -> Option<&E::Desk> {
        E::desk(self, venue, test)
    }
}

impl<E: Exchanges> Exchanges for std::sync::Arc<E> {
    type Desk = E::Desk;

    fn desk(&self, venue: Venue, test: bool) -> Option<&E::Desk> {
        E::desk(self, venue, test)
    }
}

impl<E: Exchanges> Exchanges for std::rc::Rc<E> {
    type Desk = E::Desk;

    fn desk(&self, venue: Venue, test: bool) -> Option<&E::Desk> {
        E::desk(self, venue, test)
    }
}

/// A list of desks.
#[derive(Debug, Clone)]
pub struct Desks<D> {
    desks: Vec<(Venue, bool, D)>,
}

impl<D> Desks<D> {
    /// No desks.
    pub const fn new() -> Self {
        Self { desks: Vec::new() }
    }

    /// Adds the desk of an exchange, live or test; of two the first is used.
    #[must_use]
    pub fn with(mut self, venue: Venue, test: bool, desk: D) -> Self {
        self.desks.push((venue, test, desk));
        self
    }
}

impl<D> Default for Desks<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Exchange> Exchanges for Desks<D> {
    type Desk = D;

    fn desk(&self, venue: Venue, test: bool) -> Option<&D> {
        let wanted = |(v, t, _): &&(Venue, bool, D)| *v == venue && *t == test;
        self.desks.iter().find(wanted).map(|(_, _, desk)| desk)
    }
}
