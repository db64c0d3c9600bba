//! MEXC, spot v3 and USDT-margined futures (contract v1): neutral operations to signed requests,
//! replies to neutral values.
//!
//! In scope: requests and streams of both markets, which are two different APIs; MEXC takes no orders
//! over WebSocket. Out of scope: sockets, clocks, retries, which are [`hoox_connector::Client`]'s and
//! its transport's.
//!
//! MEXC futures count in contracts. What is sent is in contracts already (a
//! [`PreparedOrder`](hoox_connector::PreparedOrder) holds the venue's unit); replies are converted
//! back to the base asset, for which the provider must know the instruments
//! ([`Mexc::with_instruments`]).
//!
//! Sources, named in the code as: **spot** `mexcdevelop/apidocs` spot_v3_en, snapshot of 2025-08-08;
//! **futures** the same repository's contract_v1_en, snapshot of 2025-04-17, and the official sample
//! clients `mexcdevelop/mexc-api-demo` of 2026-03-24.
//!
//! ```
//! use hoox_connector::*;
//! use hoox_mexc::Mexc;
//!
//! let mexc = Mexc::linear(Credentials::hmac("api-key", "api-secret"));
//! let order = NewOrder::limit(Symbol::new("BTCUSDT")?, Side::Buy, "42".parse()?, "43210.9".parse()?)
//!     .client_order_id(ClientOrderId::portable("example-1")?);
//! let order = PreparedOrder::as_written(&order)?; // 42 contracts
//!
//! let mut buf = RequestBuf::new();
//! let now = Timestamp::from_millis(1_700_000_000_000);
//! let request = mexc.encode(&Operation::Place(&order), now, &mut buf)?;
//! assert_eq!(request.path(), "/api/v1/private/order/create");
//! assert!(request.body().starts_with(r#"{"symbol":"BTC_USDT","side":1,"type":1"#));
//! assert!(request.signed_payload().starts_with("api-key1700000000000{"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decode;
mod encode;
mod errors;
mod events;
mod instruments;
mod limits;
mod proto;
mod rules;
mod stream;
mod template;

use core::time::Duration;
use std::sync::Arc;

use hoox_connector::{
    Asked, Capabilities, Cost, Credentials, EncodeError, ExchangeProvider, Headers, Instruments,
    Market, Operation, RateRule, Reply, Request, RequestBuf, Timestamp, Venue, VenueError,
};

pub use template::OrderTemplate;

/// Both markets' REST host (futures "Access URL", as the official clients of 2026 have it; the older
/// futures host is contract.mexc.com).
const BASE_URL: &str = "https://api.mexc.com";

/// The hosts of the streams (spot "Websocket Market Streams"; futures "WebSocket API").
#[cfg(feature = "spot")]
const SPOT_STREAM_URL: &str = "wss://wbs-api.mexc.com";
const LINEAR_STREAM_URL: &str = "wss://contract.mexc.com";

/// The receive window of a spot request: short, for it bounds how long a lost order stays in limbo.
#[cfg(feature = "spot")]
const RECV_WINDOW: Duration = Duration::from_millis(3_000);

/// How long a futures request is valid (futures, "Authentication Method"). It cannot be made shorter
/// safely: the documentation gives the `Recv-Window` header in seconds, the official client sends
/// milliseconds, so the header is left out.
const LINEAR_WINDOW: Duration = Duration::from_secs(10);

/// One market of MEXC, for one account. MEXC has no testnet and takes HMAC keys only.
#[derive(Debug, Clone)]
pub struct Mexc {
    market: Market,
    credentials: Credentials,
    base_url: String,
    stream_url: String,
    recv_window: Duration,
    /// `&recvWindow=…&timestamp=`, which ends every signed spot request's constant part.
    window_and_timestamp: String,
    instruments: Arc<Instruments>,
}

impl Mexc {
    /// Spot, live: `https://api.mexc.com`.
    #[cfg(feature = "spot")]
    pub fn spot(credentials: Credentials) -> Self {
        Self::new(Market::Spot, credentials, SPOT_STREAM_URL, RECV_WINDOW)
    }

    /// USDT-margined futures, live: `https://api.mexc.com`.
    ///
    /// An order that names no margin mode is a cross-margin order; an isolated one that opens needs
    /// its leverage on the order.
    pub fn linear(credentials: Credentials) -> Self {
        Self::new(Market::Linear, credentials, LINEAR_STREAM_URL, LINEAR_WINDOW)
    }

    /// The same dialect at another host: scheme and host, and a path prefix if there is one, without
    /// a slash at the end.
    #[must_use]
    pub fn with_base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// Streams at another host: scheme (`wss`) and host, and a path prefix if there is one, without a
    /// slash at the end.
    #[must_use]
    pub fn with_stream_url(mut self, stream_url: impl Into<String>) -> Self {
        self.stream_url = stream_url.into();
        self
    }

    /// Sets the receive window of spot, in whole milliseconds, at most 60 seconds. Default 3 seconds.
    /// Without effect on futures, where the venue's 10 seconds hold.
    #[must_use]
    pub fn with_recv_window(mut self, window: Duration) -> Self {
        if self.market == Market::Spot {
            self.recv_window = window.min(Duration::from_secs(60));
            self.window_and_timestamp = window_and_timestamp(self.recv_window);
        }
        self
    }

    /// The futures instruments, without which no reply with a quantity can be read: contracts are
    /// converted with their contract sizes. Spot needs none.
    #[must_use]
    pub fn with_instruments(mut self, instruments: Arc<Instruments>) -> Self {
        self.instruments = instruments;
        self
    }

    fn new(
        market: Market,
        credentials: Credentials,
        stream_url: &str,
        recv_window: Duration,
    ) -> Self {
        Self {
            market,
            credentials,
            base_url: BASE_URL.into(),
            stream_url: stream_url.into(),
            recv_window,
            window_and_timestamp: window_and_timestamp(recv_window),
            instruments: Arc::default(),
        }
    }
}

impl ExchangeProvider for Mexc {
    fn venue(&self) -> Venue {
        Venue::Mexc
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
        limits::cost(self.market, op)
    }
}

fn window_and_timestamp(window: Duration) -> String {
    format!("&recvWindow={}&timestamp=", window.as_millis())
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
