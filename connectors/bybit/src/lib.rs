//! Bybit v5, spot and USDT perpetuals of a unified trading account: neutral operations to signed
//! requests, replies to neutral values.
//!
//! In scope: the REST dialect of both markets, the frames of their streams and of orders over
//! WebSocket. Out of scope: sockets, clocks, retries, which are [`hoox_connector::Client`]'s and its
//! transport's.
//!
//! An acknowledgement says only that the request was taken: placing, amending and cancelling are
//! answered with [`Reply::Accepted`], and the order is read back.
//!
//! Sources, named in the code as: **v5** `bybit-exchange/docs` docs/v5, snapshot of 2026-07-24, with
//! the file's name (order/create-order, rate-limit, enum, error, …).
//!
//! ```
//! use hoox_bybit::Bybit;
//! use hoox_connector::*;
//!
//! let bybit = Bybit::linear(Credentials::hmac("api-key", "api-secret"));
//! let order = NewOrder::limit(Symbol::new("BTCUSDT")?, Side::Buy, "0.01".parse()?, "43210.9".parse()?)
//!     .client_order_id(ClientOrderId::portable("example-1")?);
//! let order = PreparedOrder::as_written(&order)?;
//!
//! let mut buf = RequestBuf::new();
//! let now = Timestamp::from_millis(1_700_000_000_000);
//! let request = bybit.encode(&Operation::Place(&order), now, &mut buf)?;
//! assert_eq!(request.path(), "/v5/order/create");
//! assert_eq!(
//!     request.body(),
//!     r#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.01","price":"43210.9","orderLinkId":"example-1"}"#,
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod decode;
mod encode;
mod errors;
mod events;
mod frame;
mod instruments;
mod limits;
mod rows;
mod rules;
mod stream;

pub use frame::AUTH_LIFE;

use core::time::Duration;

use arrayvec::ArrayVec;
use hoox_connector::{
    Asked, Capabilities, Cost, Credentials, EncodeError, ExchangeProvider, Headers, Market,
    Operation, RateRule, RateUsage, Reply, Request, RequestBuf, Timestamp, Venue, VenueError,
};

/// The receive window of every request: short, for it bounds how long a lost order stays in limbo.
const RECV_WINDOW: Duration = Duration::from_millis(3_000);

/// The longest receive window. UNVERIFIED: v5 names no maximum; the other venues' is taken.
const RECV_WINDOW_MAX: Duration = Duration::from_secs(60);

struct Hosts {
    rest: &'static str,
    stream: &'static str,
    entry: &'static str,
}

const LIVE: Hosts = Hosts {
    rest: "https://api.bybit.com",
    stream: "wss://stream.bybit.com",
    entry: "wss://stream.bybit.com/v5/trade",
};

const TESTNET: Hosts = Hosts {
    rest: "https://api-testnet.bybit.com",
    stream: "wss://stream-testnet.bybit.com",
    entry: "wss://stream-testnet.bybit.com/v5/trade",
};

/// One market of Bybit, for one account.
#[derive(Debug, Clone)]
pub struct Bybit {
    market: Market,
    credentials: Credentials,
    base_url: String,
    stream_url: String,
    entry_url: String,
    recv_window: Duration,
    /// The receive window in milliseconds, as the header and the signed text have it.
    window: String,
    /// Open orders per page, if other than the venue's default.
    page_size: Option<u32>,
}

impl Bybit {
    /// Spot, live: `https://api.bybit.com`.
    #[cfg(feature = "spot")]
    pub fn spot(credentials: Credentials) -> Self {
        Self::new(Market::Spot, credentials, &LIVE)
    }

    /// USDT perpetuals, live: `https://api.bybit.com`.
    pub fn linear(credentials: Credentials) -> Self {
        Self::new(Market::Linear, credentials, &LIVE)
    }

    /// Spot, testnet: `https://api-testnet.bybit.com`. Its keys are its own.
    #[cfg(feature = "spot")]
    pub fn spot_testnet(credentials: Credentials) -> Self {
        Self::new(Market::Spot, credentials, &TESTNET)
    }

    /// USDT perpetuals, testnet: `https://api-testnet.bybit.com`. Its keys are its own.
    pub fn linear_testnet(credentials: Credentials) -> Self {
        Self::new(Market::Linear, credentials, &TESTNET)
    }

    /// The same dialect at another host: scheme and host, and a path prefix if there is one, without
    /// a slash at the end. Demo trading is `https://api-demo.bybit.com`, with keys of its own; some
    /// countries have hosts of their own (v5 guide).
    #[must_use]
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// Streams at another host: scheme (`wss`) and host, and a path prefix if there is one, without a
    /// slash at the end. Demo trading has only the account's: `wss://stream-demo.bybit.com`.
    #[must_use]
    pub fn with_stream_url(mut self, stream_url: impl Into<String>) -> Self {
        self.stream_url = stream_url.into();
        self
    }

    /// Orders over WebSocket at another address: the whole of it, path included
    /// (`wss://stream.bybit.com/v5/trade`). Demo trading has none.
    #[must_use]
    pub fn with_entry_url(mut self, entry_url: impl Into<String>) -> Self {
        self.entry_url = entry_url.into();
        self
    }

    /// Sets the receive window, in whole milliseconds, at most 60 seconds. Default 3 seconds.
    #[must_use]
    pub fn with_recv_window(mut self, window: Duration) -> Self {
        self.recv_window = window.min(RECV_WINDOW_MAX);
        self.window = self.recv_window.as_millis().to_string();
        self
    }

    /// Sets how many open orders a page holds, 1 to 50 (v5 order/open-order). Default: the
    /// venue's, 20.
    #[must_use]
    pub fn with_page_size(mut self, orders: u32) -> Self {
        self.page_size = Some(orders.clamp(1, limits::OPEN_ORDERS_PAGE_MAX));
        self
    }

    fn new(market: Market, credentials: Credentials, hosts: &Hosts) -> Self {
        Self {
            market,
            credentials,
            base_url: hosts.rest.into(),
            stream_url: hosts.stream.into(),
            entry_url: hosts.entry.into(),
            recv_window: RECV_WINDOW,
            window: RECV_WINDOW.as_millis().to_string(),
            page_size: None,
        }
    }
}

impl ExchangeProvider for Bybit {
    fn venue(&self) -> Venue {
        Venue::Bybit
    }

    fn market(&self) -> Market {
        self.market
    }

    fn capabilities(&self) -> &Capabilities {
        limits::capabilities(self.market)
    }

    fn base_url(&self) -> &str {
        &self.base_url
    }

    fn recv_window(&self) -> Duration {
        self.recv_window
    }

    #[inline]
    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        encode::encode(self, op, at, buf)?;
        Ok(buf.request())
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        status: u16,
        headers: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        decode::decode(self, asked, status, headers, body)
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        rules::rate_rules(self.market)
    }

    fn cost(&self, op: &Operation<'_>) -> Cost {
        limits::cost(op)
    }

    fn usage(&self, headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
        limits::usage(headers)
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
