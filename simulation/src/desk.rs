//! An account as the program has it: the router's desk, and beside it the socket for orders.

use core::time::Duration;
use std::rc::Rc;

use hoox_connector::{
    Asset, Balance, Capabilities, Client, ClientOrderId, Decimal, Error, ExchangeProvider, Fill,
    Instrument, MarginMode, Market, OrderId, OrderReport, Outcome, Position, PositionMode,
    PositionSide, PreparedOrder, Refused, RejectReason, Symbol, Throttle, ThrottleKind, Timestamp,
    Venue,
};
use hoox_router::{Desk, Exchange};

use crate::dialect::Dialect;
use crate::entry::Entry;
use crate::mutation::Mutation;
use crate::network::SimTransport;
use crate::process::SimClock;
use crate::world::World;

pub(crate) type SimClient = Client<Dialect, SimTransport, SimClock>;

/// One account; clones are the same one.
#[derive(Clone)]
pub(crate) struct SimDesk(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) world: Rc<World>,
    pub(crate) desk: Desk<Dialect, SimTransport, SimClock>,
    /// Where orders go over WebSocket.
    pub(crate) entry: Option<Entry>,
}

impl Inner {
    /// Places an order over REST.
    ///
    /// # Errors
    /// [`Refused`] if there is certainly no order.
    pub(crate) async fn over_rest(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        self.desk.place(order).await
    }
}

impl Exchange for SimDesk {
    fn venue(&self) -> Venue {
        self.0.desk.venue()
    }

    fn market(&self) -> Market {
        self.0.desk.market()
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.desk.client().provider().capabilities()
    }

    fn recv_window(&self) -> Duration {
        self.0.desk.recv_window()
    }

    fn position_mode(&self) -> PositionMode {
        self.0.desk.position_mode()
    }

    fn venue_now(&self) -> Timestamp {
        self.0.desk.venue_now()
    }

    async fn sync_clock(&self) -> Result<(), Error> {
        self.0.desk.sync_clock().await
    }

    async fn instrument(&self, symbol: Symbol) -> Result<Option<Instrument>, Error> {
        self.0.desk.instrument(symbol).await
    }

    fn forget_instruments(&self) {
        self.0.desk.forget_instruments();
    }

    async fn price(&self, symbol: Symbol, max_age: Duration) -> Result<Option<Decimal>, Error> {
        self.0.desk.price(symbol, max_age).await
    }

    async fn positions(&self, symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        self.0.desk.positions(symbol).await
    }

    async fn balance(&self, asset: Option<Asset>) -> Result<Option<Balance>, Error> {
        self.0.desk.balance(asset).await
    }

    async fn set_up(
        &self,
        symbol: Symbol,
        margin_mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> Result<(), Error> {
        self.0.desk.set_up(symbol, margin_mode, leverage, position).await
    }

    async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        let result = match &self.0.entry {
            Some(entry) => entry.place(&self.0, order).await,
            None => self.0.over_rest(order).await,
        };
        if let Err(Refused::Rejected(rejection)) = &result
            && rejection.reason != RejectReason::InsufficientBalance
        {
            self.forget_instruments();
        }
        if let Ok(Outcome::Unknown(_)) = &result
            && self.0.world.mutation == Some(Mutation::FailoverOnUnknown)
            && self.0.world.fails_over()
        {
            return Err(Refused::Throttled(Throttle::new(ThrottleKind::Overloaded)));
        }
        result
    }

    async fn find(&self, symbol: Symbol, id: ClientOrderId) -> Result<Option<OrderReport>, Error> {
        self.0.desk.find(symbol, id).await
    }

    async fn fills(
        &self,
        symbol: Symbol,
        order: OrderId,
        since: Timestamp,
    ) -> Result<Vec<Fill>, Error> {
        self.0.desk.fills(symbol, order, since).await
    }
}
