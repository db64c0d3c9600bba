//! The three dialects behind one type, and the bugs that are planted in what they say.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrayvec::ArrayVec;
use hoox_binance::Binance;
use hoox_bybit::Bybit;
use hoox_connector::{
    Asked, Capabilities, ClientOrderId, Cost, Credentials, EncodeError, ExchangeProvider, Headers,
    Instruments, Market, Operation, OrderEntry, PreparedOrder, RateRule, RateUsage, Reply, Request,
    RequestBuf, Timestamp, Venue, VenueError,
};
use hoox_mexc::Mexc;

use crate::mutation::Mutation;
use crate::socket::entry_path;

/// The dialect of one account.
pub(crate) struct Dialect {
    any: Any,
    mutation: Option<Mutation>,
    /// How often each order was encoded; counted only for the bug that needs it.
    attempts: RefCell<BTreeMap<ClientOrderId, u32>>,
}

#[allow(clippy::large_enum_variant)] // one for each account
enum Any {
    Binance(Binance),
    Bybit(Bybit),
    Mexc(Mexc),
}

/// Calls the same method on whichever dialect it is.
macro_rules! each {
    ($dialect:expr, $it:ident => $call:expr) => {
        match &$dialect.any {
            Any::Binance($it) => $call,
            Any::Bybit($it) => $call,
            Any::Mexc($it) => $call,
        }
    };
}

impl Dialect {
    /// The dialect of a venue's market, sent to the simulated one.
    pub(crate) fn new(
        (venue, market): (Venue, Market),
        credentials: Credentials,
        contracts: Option<Arc<Instruments>>,
        mutation: Option<Mutation>,
    ) -> Self {
        let spot = market == Market::Spot;
        let entry = entry_path(venue, spot).unwrap_or_default();
        let any = match venue {
            Venue::Bybit => {
                let bybit =
                    if spot { Bybit::spot(credentials) } else { Bybit::linear(credentials) };
                Any::Bybit(bybit.with_base_url("/bybit").with_entry_url(entry))
            }
            Venue::Mexc => {
                let mexc = if spot { Mexc::spot(credentials) } else { Mexc::linear(credentials) };
                let mexc = mexc.with_base_url("/mexc");
                Any::Mexc(match contracts {
                    Some(contracts) => mexc.with_instruments(contracts),
                    None => mexc,
                })
            }
            _ => {
                let binance =
                    if spot { Binance::spot(credentials) } else { Binance::linear(credentials) };
                Any::Binance(binance.with_base_url("/binance").with_entry_url(entry))
            }
        };
        Self { any, mutation, attempts: RefCell::default() }
    }

    /// The order-entry half, where the venue takes orders over WebSocket.
    pub(crate) fn entry(&self) -> Option<&dyn OrderEntry> {
        match &self.any {
            Any::Binance(it) => Some(it),
            Any::Bybit(it) => Some(it),
            Any::Mexc(_) => None,
        }
    }

    /// The order with another id, from the second attempt on.
    fn changed(&self, order: &PreparedOrder) -> Option<PreparedOrder> {
        let id = order.order().client_order_id?;
        let mut attempts = self.attempts.borrow_mut();
        let attempt = attempts.entry(id).or_default();
        *attempt += 1;
        if *attempt < 2 {
            return None;
        }
        let start = id.as_str().get(..id.as_str().len() - 1)?;
        let changed = ClientOrderId::portable(&format!("{start}z")).ok()?;
        PreparedOrder::as_written(&order.order().client_order_id(changed)).ok()
    }
}

impl ExchangeProvider for Dialect {
    fn venue(&self) -> Venue {
        each!(self, it => it.venue())
    }

    fn market(&self) -> Market {
        each!(self, it => it.market())
    }

    fn capabilities(&self) -> &Capabilities {
        each!(self, it => it.capabilities())
    }

    fn base_url(&self) -> &str {
        each!(self, it => it.base_url())
    }

    fn recv_window(&self) -> Duration {
        match self.mutation {
            Some(Mutation::ResendBeforeBound) => Duration::ZERO,
            _ => each!(self, it => it.recv_window()),
        }
    }

    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        if self.mutation == Some(Mutation::ClientIdChanged)
            && let Operation::Place(order) = op
            && let Some(changed) = self.changed(order)
        {
            return each!(self, it => it.encode(&Operation::Place(&changed), at, buf));
        }
        each!(self, it => it.encode(op, at, buf))
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        status: u16,
        headers: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        each!(self, it => it.decode(asked, status, headers, body))
    }

    fn cost(&self, op: &Operation<'_>) -> Cost {
        each!(self, it => it.cost(op))
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        each!(self, it => it.rate_rules())
    }

    fn usage(&self, headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
        each!(self, it => it.usage(headers))
    }
}
