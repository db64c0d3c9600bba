//! The account: its orders, fills, positions and balances as one ordered feed without holes.

use core::fmt;
use std::sync::Arc;

use tokio::sync::Notify;

use super::account_driver::AccountDriver;
use super::feed::{Listeners, Subscriber, feed};
use crate::session::{Refusal, SessionConfig};
use crate::{Balance, Client, Fill, OrderReport, Position, Symbol};

/// Settings of an [`AccountFeed`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AccountConfig {
    /// The symbols that are traded: of these fills and past orders are read after a gap, and of every
    /// other that the feed has seen an order or a position of. Venues tell them by symbol only.
    pub symbols: Vec<Symbol>,
    /// How many events a reader may be behind. Default 8192.
    pub backlog_max: usize,
    /// Changes the settings of the session.
    pub session: fn(&mut SessionConfig),
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self { symbols: Vec::new(), backlog_max: 8_192, session: |_| {} }
    }
}

/// An event of an [`AccountFeed`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AccountEvent {
    /// The state of an order.
    Order(OrderReport),
    /// An execution.
    Fill(Fill),
    /// A position.
    Position(Position),
    /// A balance.
    Balance(Balance),
    /// A connection carries the feed. What was missed before is being read.
    Connected,
    /// No connection carries the feed.
    Disconnected,
    /// What was missed has been read and told. What the venue's replies show only after its
    /// visibility delay is read once more, and told, after that delay.
    Resynced,
    /// The feed is over: the venue does not let us in.
    Stopped(Arc<Refusal>),
}

/// The account's events, for as many readers as needed.
///
/// After every connection the open orders, positions, balances, and the fills and orders since the
/// last one are read over REST, and merged: nothing is missed, nothing told twice. A reader that was
/// too slow is told what it lost, then again each fill that it lost, and the last state of each order,
/// position and balance that it did not hear: only the states between are gone. The feed ends when its
/// last handle is dropped.
#[derive(Clone)]
pub struct AccountFeed {
    /// The driver has the other end: when it ends, so does the feed.
    events: Listeners<AccountEvent>,
    /// Ends the driver when the last handle goes.
    _handles: Arc<Handles>,
}

struct Handles(Arc<Notify>);

impl Drop for Handles {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl AccountFeed {
    /// The feed of the client's account, and the driver that does its work: spawn
    /// [`AccountDriver::run`].
    pub fn new<P, T, C>(
        client: Arc<Client<P, T, C>>,
        config: AccountConfig,
    ) -> (Self, AccountDriver<P, T, C>) {
        let (events, listeners) = feed(config.backlog_max);
        let ended = Arc::new(Notify::new());
        let handles = Arc::new(Handles(ended.clone()));
        let feed = Self { events: listeners, _handles: handles };
        (feed, AccountDriver { client, config, events, ended })
    }

    /// A reader of everything from now on.
    pub fn events(&self) -> Subscriber<AccountEvent> {
        self.events.subscribe()
    }
}

impl fmt::Debug for AccountFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountFeed").finish_non_exhaustive()
    }
}
