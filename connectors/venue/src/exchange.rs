//! The exchange as a state machine: requests and the time go in, replies come out.

use std::net::IpAddr;

use rust_decimal::Decimal;

use crate::binance::Binance;
use crate::config::Config;
use crate::control::{self, Counters, State};
use crate::engine::{Engine, MAX_TIME_MS, Market, TradingStatus};
use crate::fault::{Fault, FaultKind, Faults};
use crate::http::{Handled, HttpRequest, HttpResponse};

/// Path prefix of the Binance front.
pub const BINANCE_PREFIX: &str = "/binance";

/// Path prefix of the control functions.
pub const CONTROL_PREFIX: &str = "/control";

/// A simulated exchange. It owns no socket, starts no task and reads no clock: hand it requests
/// and the time, and it hands back replies.
///
/// `now_ms` is Unix time in milliseconds. It may stand still or jump ahead by any amount; a value
/// below one seen earlier counts as that one.
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use hoox_venue::{Config, Exchange, HttpRequest};
///
/// let mut exchange = Exchange::new(Config::default());
/// let request = HttpRequest {
///     method: "GET",
///     path: "/binance/fapi/v1/time",
///     query: "",
///     headers: &[],
///     body: b"",
///     peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
/// };
/// let reply = exchange.handle(1_700_000_000_000, &request).into_reply().expect("no fault queued");
/// assert_eq!(reply.status, 200);
/// assert_eq!(reply.body, br#"{"serverTime":1700000000000}"#);
/// assert_eq!(reply.header("X-MBX-USED-WEIGHT-1M"), Some("1"));
/// ```
#[derive(Debug)]
pub struct Exchange {
    engine: Engine,
    binance: Binance,
    faults: Faults,
    skew_ms: i64,
    requests: u64,
    faults_injected: u64,
}

impl Exchange {
    /// A new exchange, flat and with nothing on its books.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            engine: Engine::new(&config),
            binance: Binance::new(&config),
            faults: Faults::default(),
            skew_ms: 0,
            requests: 0,
            faults_injected: 0,
        }
    }

    /// Answers one request at a time, applying the first queued fault that matches it.
    pub fn handle(&mut self, now_ms: u64, request: &HttpRequest<'_>) -> Handled {
        let Some(path) = request.path.strip_prefix(BINANCE_PREFIX) else {
            return Handled::Reply(self.elsewhere(now_ms, request));
        };
        match self.faults.take(request, path) {
            None => Handled::Reply(self.execute(now_ms, path, request)),
            Some(fault) => {
                self.faults_injected += 1;
                self.fail(now_ms, path, request, &fault)
            }
        }
    }

    /// Answers a request that [`Handled::HandleAfter`] had postponed: no fault hits it again.
    pub fn handle_late(&mut self, now_ms: u64, request: &HttpRequest<'_>) -> HttpResponse {
        match request.path.strip_prefix(BINANCE_PREFIX) {
            Some(path) => self.execute(now_ms, path, request),
            None => self.elsewhere(now_ms, request),
        }
    }

    /// Queues a fault; a clock skew takes effect at once. False when ten thousand are waiting.
    pub fn queue_fault(&mut self, fault: Fault) -> bool {
        if fault.kind == FaultKind::ClockSkew {
            self.skew_ms = fault.ms;
            return true;
        }
        self.faults.push(fault)
    }

    /// Forgets all queued faults and sets the clock right.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
        self.skew_ms = 0;
    }

    /// Pins the mid price of an instrument, or (with `None`) lets it walk again. Orders that the
    /// new price reaches execute at once. False for an unknown symbol or a price below one tick.
    pub fn set_price(
        &mut self,
        now_ms: u64,
        market: Market,
        symbol: &str,
        price: Option<Decimal>,
    ) -> bool {
        self.engine.advance(now_ms);
        let found = self.engine.find(market, symbol);
        found.is_some_and(|instrument| self.engine.pin_price(instrument, price))
    }

    /// The last price of an instrument; `None` for an unknown symbol.
    pub fn price(&mut self, now_ms: u64, market: Market, symbol: &str) -> Option<Decimal> {
        self.engine.advance(now_ms);
        self.engine.find(market, symbol).map(|instrument| self.engine.last_price(instrument))
    }

    /// Opens or halts trading in an instrument. False for an unknown symbol.
    pub fn set_status(&mut self, market: Market, symbol: &str, status: TradingStatus) -> bool {
        let found = self.engine.find(market, symbol);
        match found.and_then(|index| self.engine.instruments.get_mut(index)) {
            Some(instrument) => {
                instrument.status = status;
                true
            }
            None => false,
        }
    }

    /// Everything on the books at `now_ms`: at most `max_orders` of the newest orders per account,
    /// positions, balances and counters.
    pub fn state(&mut self, now_ms: u64, max_orders: usize) -> State {
        self.engine.advance(now_ms);
        control::state(&self.engine, self.counters(), self.faults.waiting(), max_orders)
    }

    /// What has happened so far, in numbers.
    #[must_use]
    pub fn counters(&self) -> Counters {
        control::counters(&self.engine, &self.binance.errors, self.requests, self.faults_injected)
    }

    /// The first HMAC key: the generated one unless keys were configured; empty if only Ed25519
    /// keys were.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.binance.default_key().0
    }

    /// The secret of [`Exchange::api_key`].
    #[must_use]
    pub fn api_secret(&self) -> &str {
        self.binance.default_key().1
    }

    fn execute(&mut self, now_ms: u64, path: &str, request: &HttpRequest<'_>) -> HttpResponse {
        self.requests += 1;
        self.engine.advance(now_ms);
        let server_ms = self.server_ms(now_ms);
        self.binance.handle(&mut self.engine, path, request, server_ms)
    }

    fn fail(
        &mut self,
        now_ms: u64,
        path: &str,
        request: &HttpRequest<'_>,
        fault: &Fault,
    ) -> Handled {
        let executed = match fault.kind {
            FaultKind::ReplyLost
            | FaultKind::ResetAfter
            | FaultKind::Delay
            | FaultKind::Truncated => true,
            FaultKind::Http503Unknown
            | FaultKind::Http504Timeout
            | FaultKind::Http500Unexpected
            | FaultKind::Http408 => fault.executed.unwrap_or(true),
            FaultKind::Html => fault.executed.unwrap_or(false),
            _ => false,
        };
        let reply = executed.then(|| self.execute(now_ms, path, request));
        match (fault.kind, reply) {
            (FaultKind::Delay, Some(reply)) => Handled::ReplyAfter(fault.ms_or(0), reply),
            (FaultKind::Truncated, Some(mut reply)) => {
                reply.body.truncate(reply.body.len() / 2);
                Handled::Reply(reply)
            }
            (FaultKind::DelayBefore, _) => Handled::HandleAfter(fault.ms_or(0)),
            (FaultKind::ReplyLost | FaultKind::ResetAfter | FaultKind::ResetBefore, _) => {
                Handled::Drop
            }
            _ => {
                let server_ms = self.server_ms(now_ms);
                Handled::Reply(self.binance.injected(fault, server_ms))
            }
        }
    }

    fn elsewhere(&mut self, now_ms: u64, request: &HttpRequest<'_>) -> HttpResponse {
        match request.path.strip_prefix(CONTROL_PREFIX) {
            Some(path) if is_loopback(request.peer) => control::handle(self, now_ms, path, request),
            Some(_) => HttpResponse::html(403, "Forbidden"),
            None => HttpResponse::html(404, "Not Found"),
        }
    }

    fn server_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.skew_ms).min(MAX_TIME_MS)
    }
}

fn is_loopback(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}
