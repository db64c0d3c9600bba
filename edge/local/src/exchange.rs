//! The dialects behind one type, so that everything above them is written once.

use core::time::Duration;

use hoox_binance::Binance;
use hoox_connector::{
    Capabilities, Cost, Credentials, EncodeError, ExchangeProvider, Headers, Market, Operation,
    OperationKind, RateUsage, Reply, Request, RequestBuf, Timestamp, Venue, VenueError,
};

/// The dialect of any venue.
#[derive(Debug, Clone)]
pub(crate) enum Dialect {
    Binance(Binance),
}

impl Dialect {
    /// The dialect of a market, for the live venue.
    pub(crate) fn live(venue: Venue, market: Market, credentials: Credentials) -> Option<Self> {
        match (venue, market) {
            (Venue::Binance, Market::Spot) => Some(Self::Binance(Binance::spot(credentials))),
            (Venue::Binance, Market::Linear) => Some(Self::Binance(Binance::linear(credentials))),
            _ => None,
        }
    }

    /// The same at another host.
    pub(crate) fn with_base_url(self, base_url: &str) -> Self {
        match self {
            Self::Binance(it) => Self::Binance(it.with_base_url(base_url)),
        }
    }

    /// The same with another receive window.
    pub(crate) fn with_recv_window(self, window: Duration) -> Self {
        match self {
            Self::Binance(it) => Self::Binance(it.with_recv_window(window)),
        }
    }

    fn inner(&self) -> &impl ExchangeProvider {
        match self {
            Self::Binance(it) => it,
        }
    }
}

impl ExchangeProvider for Dialect {
    fn venue(&self) -> Venue {
        self.inner().venue()
    }

    fn market(&self) -> Market {
        self.inner().market()
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner().capabilities()
    }

    fn base_url(&self) -> &str {
        self.inner().base_url()
    }

    fn recv_window(&self) -> Duration {
        self.inner().recv_window()
    }

    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        self.inner().encode(op, at, buf)
    }

    fn decode(
        &self,
        op: OperationKind,
        status: u16,
        headers: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        self.inner().decode(op, status, headers, body)
    }

    fn cost(&self, op: &Operation<'_>) -> Cost {
        self.inner().cost(op)
    }

    fn usage(&self, headers: Headers<'_>) -> arrayvec::ArrayVec<RateUsage, 4> {
        self.inner().usage(headers)
    }
}
