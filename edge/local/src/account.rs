//! One account: its desk, with a socket for its orders while the operator wants one
//! (`exchange:{name}:use_websocket`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hoox_any::Dialect;
use hoox_connector::socket::{EntryClient, EntryConfig};
use hoox_connector::{
    Client, ExchangeProvider, Outcome, Patience, PreparedOrder, Refused, SystemClock,
};
use hoox_router::{Desk, OrderPath};

use crate::archive::{FRAMES, watched_frames};
use crate::recorder::Recorder;

type OverRest = Client<Dialect, Recorder, SystemClock>;
type OverSocket = EntryClient<Dialect, Recorder, SystemClock>;

/// One account at one venue.
pub(crate) type Account = Desk<Dialect, Recorder, SystemClock, SocketPath>;

/// A socket for orders, while one is wanted.
#[derive(Debug)]
pub(crate) struct SocketPath {
    test: bool,
    /// Whether the account's orders may go over a socket at all.
    has_socket: bool,
    socket: Mutex<Option<OverSocket>>,
}

impl SocketPath {
    /// None is wanted for now. Without `has_socket` none ever is.
    pub(crate) fn new(test: bool, has_socket: bool) -> Self {
        Self { test, has_socket, socket: Mutex::default() }
    }

    /// Whether orders go over a socket from now on. Those under way stay with the one they are on,
    /// which is held open until they are answered. Called inside the runtime, which drives it.
    pub(crate) fn use_websocket(&self, client: &Arc<OverRest>, wanted: bool) {
        let provider = client.provider();
        let wanted = wanted && self.has_socket && provider.order_entry().is_some();
        let mut socket = self.socket();
        if wanted == socket.is_some() {
            return;
        }
        let venue = provider.venue();
        tracing::info!(%venue, test = self.test, socket = wanted, "orders go another way from now on");
        *socket = wanted.then(|| {
            let mut config = EntryConfig::default();
            config.witness = Some(FRAMES);
            let (entry, driver) = EntryClient::new(Arc::clone(client), config);
            tokio::spawn(driver.run());
            entry
        });
    }

    fn socket(&self) -> MutexGuard<'_, Option<OverSocket>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OrderPath<Dialect, Recorder, SystemClock> for SocketPath {
    async fn place(
        &self,
        client: &Arc<OverRest>,
        order: &PreparedOrder,
    ) -> Option<Result<Outcome, Refused>> {
        let socket = self.socket().clone()?;
        // It goes over REST itself while no byte of the order has left.
        let placed = socket.place_with(order, Patience::Refuse);
        Some(watched_frames((client.provider().venue(), self.test), placed).await)
    }
}
