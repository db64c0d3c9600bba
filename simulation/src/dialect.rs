//! The dialects, and the bugs that are planted in what they say.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrayvec::ArrayVec;
use hoox_connector::{
    Asked, Capabilities, ClientOrderId, Cost, Credentials, EncodeError, ExchangeProvider, Headers,
    Instruments, Market, Operation, OrderEntry, PreparedOrder, RateRule, RateUsage, Reply, Request,
    RequestBuf, Timestamp, Venue, VenueError,
};

use crate::mutation::Mutation;
use crate::socket::entry_path;

/// The dialect of one account.
pub(crate) struct Dialect {
    any: hoox_any::Dialect,
    mutation: Option<Mutation>,
    /// How often each order was encoded; counted only for the bug that needs it.
    attempts: RefCell<BTreeMap<ClientOrderId, u32>>,
}

impl Dialect {
    /// The dialect of a venue's market, sent to the simulated one.
    pub(crate) fn new(
        (venue, market): (Venue, Market),
        credentials: Credentials,
        contracts: Option<Arc<Instruments>>,
        mutation: Option<Mutation>,
    ) -> Self {
        let Some(any) = hoox_any::Dialect::live(venue, market, credentials) else {
            unreachable!("every venue has both markets")
        };
        let entry = entry_path(venue, market == Market::Spot).unwrap_or_default();
        let any = any.with_base_url(&format!("/{venue}")).with_entry_url(entry);
        let any = match contracts {
            Some(contracts) => any.with_instruments(contracts),
            None => any,
        };
        Self { any, mutation, attempts: RefCell::default() }
    }

    /// The order-entry half, where the venue takes orders over WebSocket.
    pub(crate) fn entry(&self) -> Option<&dyn OrderEntry> {
        self.any.order_entry()
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
        self.any.venue()
    }

    fn market(&self) -> Market {
        self.any.market()
    }

    fn capabilities(&self) -> &Capabilities {
        self.any.capabilities()
    }

    fn base_url(&self) -> &str {
        self.any.base_url()
    }

    fn recv_window(&self) -> Duration {
        match self.mutation {
            Some(Mutation::ResendBeforeBound) => Duration::ZERO,
            _ => self.any.recv_window(),
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
            return self.any.encode(&Operation::Place(&changed), at, buf);
        }
        self.any.encode(op, at, buf)
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        status: u16,
        headers: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        self.any.decode(asked, status, headers, body)
    }

    fn cost(&self, op: &Operation<'_>) -> Cost {
        self.any.cost(op)
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        self.any.rate_rules()
    }

    fn usage(&self, headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
        self.any.usage(headers)
    }
}
