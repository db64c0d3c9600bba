//! One account: its desk, and a socket for its orders while the operator wants one
//! (`exchange:{name}:use_websocket`).

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use hoox_any::Dialect;
use hoox_connector::socket::{EntryClient, EntryConfig};
use hoox_connector::{
    Asset, Balance, Capabilities, ClientOrderId, Decimal, Error, Fill, Instrument, MarginMode,
    Market, OrderId, OrderReport, Outcome, Patience, Position, PositionMode, PositionSide,
    PreparedOrder, Refused, Symbol, SystemClock, Timestamp, Venue,
};
use hoox_router::{Desk, Exchange};

use crate::archive::{FRAMES, watched_frames};
use crate::recorder::Recorder;

type OverRest = Desk<Dialect, Recorder, SystemClock>;
type OverSocket = EntryClient<Dialect, Recorder, SystemClock>;

/// One account at one venue.
#[derive(Debug)]
pub(crate) struct Account {
    desk: OverRest,
    test: bool,
    /// Whether its orders may go over a socket at all.
    has_socket: bool,
    socket: Mutex<Option<OverSocket>>,
}

impl Account {
    /// An account whose orders go over REST for now. Without `has_socket` they always do.
    pub(crate) fn new(desk: OverRest, test: bool, has_socket: bool) -> Self {
        let has_socket = has_socket && desk.client().provider().order_entry().is_some();
        Self { desk, test, has_socket, socket: Mutex::default() }
    }

    /// Whether orders go over a socket from now on. Those under way stay with the one they are on,
    /// which is held open until they are answered. Called inside the runtime, which drives it.
    pub(crate) fn use_websocket(&self, wanted: bool) {
        let mut socket = self.socket();
        if (wanted && self.has_socket) == socket.is_some() {
            return;
        }
        let venue = self.venue();
        tracing::info!(%venue, test = self.test, socket = wanted, "orders go another way from now on");
        *socket = wanted.then(|| {
            let mut config = EntryConfig::default();
            config.witness = Some(FRAMES);
            let (entry, driver) = EntryClient::new(self.desk.client().clone(), config);
            tokio::spawn(driver.run());
            entry
        });
    }

    fn socket(&self) -> std::sync::MutexGuard<'_, Option<OverSocket>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange for Account {
    fn venue(&self) -> Venue {
        self.desk.venue()
    }

    fn market(&self) -> Market {
        self.desk.market()
    }

    fn capabilities(&self) -> &Capabilities {
        self.desk.capabilities()
    }

    fn recv_window(&self) -> Duration {
        self.desk.recv_window()
    }

    fn position_mode(&self) -> PositionMode {
        self.desk.position_mode()
    }

    fn venue_now(&self) -> Timestamp {
        self.desk.venue_now()
    }

    async fn sync_clock(&self) -> Result<(), Error> {
        self.desk.sync_clock().await
    }

    async fn instrument(&self, symbol: Symbol) -> Result<Option<Instrument>, Error> {
        self.desk.instrument(symbol).await
    }

    fn forget_instruments(&self) {
        self.desk.forget_instruments();
    }

    async fn price(&self, symbol: Symbol, max_age: Duration) -> Result<Option<Decimal>, Error> {
        self.desk.price(symbol, max_age).await
    }

    async fn positions(&self, symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        self.desk.positions(symbol).await
    }

    async fn balance(&self, asset: Option<Asset>) -> Result<Option<Balance>, Error> {
        self.desk.balance(asset).await
    }

    async fn set_up(
        &self,
        symbol: Symbol,
        margin_mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> Result<(), Error> {
        self.desk.set_up(symbol, margin_mode, leverage, position).await
    }

    async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        let Some(socket) = self.socket().clone() else { return self.desk.place(order).await };
        // Over REST only while no byte of the order has left; lost on the way, it is unknown, and
        // found out about by its id before anything else.
        let placed = socket.place_with(order, Patience::Refuse);
        self.desk.place_by(watched_frames((self.venue(), self.test), placed)).await
    }

    async fn find(&self, symbol: Symbol, id: ClientOrderId) -> Result<Option<OrderReport>, Error> {
        self.desk.find(symbol, id).await
    }

    async fn fills(
        &self,
        symbol: Symbol,
        order: OrderId,
        since: Timestamp,
    ) -> Result<Vec<Fill>, Error> {
        self.desk.fills(symbol, order, since).await
    }
}
