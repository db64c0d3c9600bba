//! Binance, spot and USD-M futures: neutral operations to signed requests, replies to neutral values.
//!
//! In scope: the REST dialect of both markets, its streams ([`hoox_connector::StreamProvider`]), its
//! orders over WebSocket ([`hoox_connector::OrderEntry`]), and [`OrderTemplate`]s. Out of scope:
//! sockets, clocks, retries, which are [`hoox_connector::Client`]'s and its transport's.
//!
//! Sources, named in the code as: **spot** `binance/binance-spot-api-docs` (rest-api.md, filters.md,
//! errors.md), snapshot of 2026-07-21; **linear** the USD-M futures documentation as of 2026-07.
//!
//! ```
//! use hoox_binance::Binance;
//! use hoox_connector::*;
//!
//! let binance = Binance::linear(Credentials::hmac("api-key", "api-secret"));
//! let order = NewOrder::limit(Symbol::new("BTCUSDT")?, Side::Buy, "0.01".parse()?, "43210.9".parse()?)
//!     .client_order_id(ClientOrderId::portable("example-1")?);
//! let order = PreparedOrder::as_written(&order)?;
//!
//! let mut buf = RequestBuf::new();
//! let now = Timestamp::from_millis(1_700_000_000_000);
//! let request = binance.encode(&Operation::Place(&order), now, &mut buf)?;
//! assert_eq!(request.path(), "/fapi/v1/order");
//! assert!(request.body().starts_with("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod decode;
mod encode;
mod envelope;
mod errors;
mod events;
mod frame;
mod instruments;
mod limits;
mod params;
mod rate_limits;
mod rules;
mod stream;
mod template;

use core::time::Duration;

use arrayvec::ArrayVec;
use hoox_connector::{
    Asked, Capabilities, Cost, Credentials, EncodeError, ExchangeProvider, Headers, Market,
    Operation, RateRule, RateUsage, Reply, Request, RequestBuf, Timestamp, Venue, VenueError,
};

pub use template::OrderTemplate;

/// The receive window of every request: short, for it bounds how long a lost order stays in limbo.
const RECV_WINDOW: Duration = Duration::from_millis(3_000);

struct Hosts {
    rest: &'static str,
    stream: &'static str,
    entry: &'static str,
}

#[cfg(feature = "spot")]
const SPOT_LIVE: Hosts = Hosts {
    rest: "https://api.binance.com",
    stream: "wss://stream.binance.com:9443",
    entry: "wss://ws-api.binance.com:443/ws-api/v3",
};

const LINEAR_LIVE: Hosts = Hosts {
    rest: "https://fapi.binance.com",
    stream: "wss://fstream.binance.com",
    entry: "wss://ws-fapi.binance.com/ws-fapi/v1",
};

#[cfg(feature = "spot")]
const SPOT_TESTNET: Hosts = Hosts {
    rest: "https://testnet.binance.vision",
    stream: "wss://stream.testnet.binance.vision",
    entry: "wss://ws-api.testnet.binance.vision/ws-api/v3",
};

const LINEAR_TESTNET: Hosts = Hosts {
    rest: "https://demo-fapi.binance.com",
    stream: "wss://demo-fstream.binance.com",
    // UNVERIFIED that it takes the keys of the demo host: no source names one of its own.
    entry: "wss://testnet.binancefuture.com/ws-fapi/v1",
};

/// One market of Binance, for one account.
#[derive(Debug, Clone)]
pub struct Binance {
    market: Market,
    credentials: Credentials,
    base_url: String,
    stream_url: String,
    entry_url: String,
    recv_window: Duration,
    /// `&recvWindow=…&timestamp=`, which ends every signed request's constant part.
    window_and_timestamp: String,
}

impl Binance {
    /// Spot, live: `https://api.binance.com`.
    #[cfg(feature = "spot")]
    pub fn spot(credentials: Credentials) -> Self {
        Self::new(Market::Spot, credentials, &SPOT_LIVE)
    }

    /// USD-M futures, live: `https://fapi.binance.com`.
    pub fn linear(credentials: Credentials) -> Self {
        Self::new(Market::Linear, credentials, &LINEAR_LIVE)
    }

    /// Spot, testnet: `https://testnet.binance.vision`. Its keys are its own.
    #[cfg(feature = "spot")]
    pub fn spot_testnet(credentials: Credentials) -> Self {
        Self::new(Market::Spot, credentials, &SPOT_TESTNET)
    }

    /// USD-M futures, testnet: `https://demo-fapi.binance.com`, where Binance now sends testnet
    /// users. Its keys are its own.
    pub fn linear_testnet(credentials: Credentials) -> Self {
        Self::new(Market::Linear, credentials, &LINEAR_TESTNET)
    }

    /// The same dialect at another host: scheme and host, and a path prefix if there is one, without
    /// a slash at the end.
    #[must_use]
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// Market streams at another host, and the user stream of futures: scheme (`wss`) and host, and a
    /// path prefix if there is one, without a slash at the end.
    #[must_use]
    pub fn with_stream_url(mut self, stream_url: impl Into<String>) -> Self {
        self.stream_url = stream_url.into();
        self
    }

    /// Orders over WebSocket, and the user stream of spot, at another address: the whole of it, path
    /// included (`wss://ws-api.binance.com:443/ws-api/v3`).
    #[must_use]
    pub fn with_entry_url(mut self, entry_url: impl Into<String>) -> Self {
        self.entry_url = entry_url.into();
        self
    }

    /// Sets the receive window, in whole milliseconds, at most 60 seconds. Default 3 seconds.
    #[must_use]
    pub fn with_recv_window(mut self, window: Duration) -> Self {
        self.recv_window = window.min(Duration::from_secs(60));
        self.window_and_timestamp = window_and_timestamp(self.recv_window);
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
            window_and_timestamp: window_and_timestamp(RECV_WINDOW),
        }
    }
}

impl ExchangeProvider for Binance {
    fn venue(&self) -> Venue {
        Venue::Binance
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
        decode::decode(self.market, asked, status, headers, body)
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        rules::rate_rules(self.market)
    }

    fn cost(&self, op: &Operation<'_>) -> Cost {
        limits::cost(self.market, op)
    }

    fn usage(&self, headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
        limits::usage(headers)
    }
}

fn window_and_timestamp(window: Duration) -> String {
    format!("&recvWindow={}&timestamp=", window.as_millis())
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
