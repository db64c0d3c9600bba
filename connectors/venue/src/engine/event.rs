//! What happens on the exchange, as neutral events for those who listen.
//!
//! The engine only records while somebody does. A front turns what it drains into the frames of
//! its venue.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::account::{Balance, Position};
use super::algo::Algo;
use super::book::BookUpdate;
use super::funding::FundingPayment;
use super::order::{Order, Trade};
use super::types::{PositionSide, Side};

/// Events kept between two drains; beyond it the listeners have lost some and must be told.
const MAX_EVENTS: usize = 200_000;

/// One thing that has happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Something happened to an order; it is shown as it stood right then.
    Order { order: Box<Order>, change: OrderChange, time_ms: u64 },
    /// Something happened to a conditional order of the linear market.
    Algo { algo: Box<Algo>, time_ms: u64 },
    /// Money or positions of an account have changed.
    Account(Box<AccountChange>),
    /// A position has received or paid funding; the account's change follows.
    Funding { account: usize, payment: FundingPayment },
    /// A leverage was set.
    Leverage { account: usize, instrument: usize, leverage: u32, time_ms: u64 },
    /// A trade that everybody sees.
    Trade(PublicTrade),
    /// The book of a watched instrument has changed.
    Book(BookUpdate),
}

/// What happened to an order.
#[derive(Clone, Debug)]
pub(crate) enum OrderChange {
    Accepted,
    Traded(Box<Trade>),
    /// Price or quantity were amended.
    Amended,
    /// A stop order has become a working one.
    Triggered,
    Canceled,
    /// Ended by the venue's rules.
    Expired,
}

/// Why an account changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountReason {
    /// An order has set funds aside, or given them back; nothing has traded.
    Reserve,
    Trade,
    Funding,
}

/// An account's money and positions after a change, as far as the change touched them.
#[derive(Clone, Debug)]
pub(crate) struct AccountChange {
    pub(crate) account: usize,
    pub(crate) reason: AccountReason,
    pub(crate) time_ms: u64,
    /// Spot assets touched, with their new balances.
    pub(crate) balances: Vec<(String, Balance)>,
    /// The futures wallet in USDT and by how much it has changed; `None` when it was not touched.
    pub(crate) wallet: Option<(Decimal, Decimal)>,
    /// Positions touched.
    pub(crate) positions: Vec<PositionChange>,
}

/// One position after a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PositionChange {
    pub(crate) instrument: usize,
    pub(crate) side: PositionSide,
    pub(crate) position: Position,
    pub(crate) leverage: u32,
    pub(crate) isolated: bool,
}

/// A trade on the public tape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicTrade {
    pub(crate) id: u64,
    pub(crate) instrument: usize,
    pub(crate) price: Decimal,
    pub(crate) quantity: Decimal,
    /// Side of the one who took.
    pub(crate) taker: Side,
    pub(crate) time_ms: u64,
}

/// Collects events for the listeners.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    listening: bool,
    overflowed: bool,
    events: Vec<Event>,
    watched: BTreeSet<usize>,
    /// Price step at which each watched instrument last printed a trade.
    pub(super) printed: BTreeMap<usize, u64>,
}

impl Hub {
    /// Starts or stops recording, and says whose books and tapes are wanted.
    pub(crate) fn listen(&mut self, listening: bool, watched: BTreeSet<usize>) {
        self.listening = listening;
        self.printed.retain(|instrument, _| watched.contains(instrument));
        self.watched = watched;
        if !listening {
            self.events.clear();
        }
    }

    pub(crate) fn listening(&self) -> bool {
        self.listening
    }

    pub(crate) fn watched(&self) -> impl Iterator<Item = usize> + '_ {
        self.watched.iter().copied()
    }

    pub(crate) fn is_watched(&self, instrument: usize) -> bool {
        self.watched.contains(&instrument)
    }

    /// Records an event, which is only made when somebody listens.
    pub(crate) fn emit(&mut self, event: impl FnOnce() -> Event) {
        if !self.listening {
            return;
        }
        if self.events.len() >= MAX_EVENTS {
            self.overflowed = true;
            return;
        }
        self.events.push(event());
    }

    /// Takes what has been recorded; true when some of it was lost.
    pub(crate) fn drain(&mut self) -> (Vec<Event>, bool) {
        (std::mem::take(&mut self.events), std::mem::take(&mut self.overflowed))
    }
}
