//! The exchange as a state machine: requests and the time go in, replies come out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::binance::Binance;
use crate::bybit::Bybit;
use crate::config::Config;
use crate::control::{self, Counters};
use crate::engine::{Engine, MAX_TIME_MS};
use crate::fault::{Fault, FaultKind, FaultPlan, Faults};
use crate::http::{Handled, HttpRequest, HttpResponse};
use crate::latency::Latency;
use crate::mexc::Mexc;
use crate::venue::Venue;
use crate::ws::{Front, SessionId, Sessions};
pub use sockets::SessionFault;

/// Path prefix of the control functions.
pub const CONTROL_PREFIX: &str = "/control";

/// Stream of the seed's generator that latencies are drawn from.
const LATENCY_STREAM: u64 = 9;

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
    binance: Books<Binance>,
    bybit: Books<Bybit>,
    mexc: Books<Mexc>,
    faults: Faults,
    /// Maintenance that begins with the next time seen.
    opening: Vec<Fault>,
    skew_ms: i64,
    latency: Latency,
    latency_rng: ChaCha8Rng,
    max_sessions: usize,
    last_session: u64,
    /// Which venue each open session belongs to.
    sockets: BTreeMap<SessionId, Venue>,
}

/// One venue: its engine, its front, its open sessions, and what it has been asked.
#[derive(Debug)]
struct Books<F: Front> {
    engine: Engine,
    front: F,
    sessions: Sessions<F::Session>,
    requests: u64,
    faults_injected: u64,
    /// Down for maintenance until then.
    down_until_ms: u64,
}

/// Runs a block on the books of a venue, whatever their front.
macro_rules! on {
    ($exchange:expr, $venue:expr, |$books:ident| $body:expr) => {
        match $venue {
            Venue::Binance => {
                let $books = &mut $exchange.binance;
                $body
            }
            Venue::Bybit => {
                let $books = &mut $exchange.bybit;
                $body
            }
            Venue::Mexc => {
                let $books = &mut $exchange.mexc;
                $body
            }
        }
    };
}

mod inside;
mod sockets;

impl Exchange {
    /// A new exchange, flat and with nothing on its books.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let mut latency_rng = ChaCha8Rng::seed_from_u64(config.seed);
        latency_rng.set_stream(LATENCY_STREAM);
        let mut exchange = Self {
            binance: Books::new((Engine::new(&config), Binance::new(&config))),
            bybit: Books::new(Bybit::new(&config)),
            mexc: Books::new(Mexc::new(&config)),
            faults: Faults::new(&config.script, config.faults.as_ref()),
            opening: Vec::new(),
            skew_ms: 0,
            latency: config.latency,
            latency_rng,
            max_sessions: config.sockets.connections,
            last_session: 0,
            sockets: BTreeMap::new(),
        };
        for fault in config.script.iter().filter(|f| f.kind.is_immediate()) {
            exchange.begin(fault);
        }
        exchange
    }

    /// Answers one request at a time, applying the first queued fault that matches it.
    pub fn handle(&mut self, now_ms: u64, request: &HttpRequest<'_>) -> Handled {
        let Some((venue, path)) = Venue::of(request.path) else {
            return Handled::Reply(self.elsewhere(now_ms, request));
        };
        self.observe(now_ms);
        if let Some(refusal) = self.down(now_ms, venue) {
            return Handled::Reply(refusal);
        }
        let fault =
            self.faults.take_request(request.method, venue.prefix(), format_args!("{path}"));
        let handled = match fault {
            None => Handled::Reply(self.execute(now_ms, venue, path, request)),
            Some(fault) => {
                on!(self, venue, |books| books.faults_injected += 1);
                self.fail(now_ms, (venue, path), request, &fault)
            }
        };
        match (handled, self.draw_latency()) {
            (handled, 0) => handled,
            (Handled::Reply(reply), ms) => Handled::ReplyAfter(ms, reply),
            (Handled::ReplyAfter(late, reply), ms) => Handled::ReplyAfter(late + ms, reply),
            (handled, _) => handled,
        }
    }

    /// Answers a request that [`Handled::HandleAfter`] had postponed: no fault hits it again.
    pub fn handle_late(&mut self, now_ms: u64, request: &HttpRequest<'_>) -> HttpResponse {
        match Venue::of(request.path) {
            Some((venue, path)) => self.execute(now_ms, venue, path, request),
            None => self.elsewhere(now_ms, request),
        }
    }

    /// Queues a fault. Those that hit no request or event take effect at once: a clock skew on all
    /// venues, maintenance on those it matches. False when ten thousand are waiting.
    pub fn queue_fault(&mut self, fault: Fault) -> bool {
        if fault.kind.is_immediate() {
            self.begin(&fault);
            return true;
        }
        self.faults.push(fault)
    }

    /// Replaces the faults drawn by chance; `None` ends them. False for a plan whose rates add up
    /// to more than 100 % or that names a fault which cannot be drawn.
    pub fn set_fault_plan(&mut self, plan: Option<&FaultPlan>) -> bool {
        let good = plan.is_none_or(|plan| plan.check().is_ok());
        if good {
            self.faults.roll(plan);
        }
        good
    }

    /// Forgets all faults, queued or drawn by chance, ends maintenance and sets the clock right.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
        self.opening.clear();
        self.skew_ms = 0;
        for venue in Venue::ALL {
            on!(self, *venue, |books| books.down_until_ms = 0);
        }
    }

    /// Sets how long answers take on the wire.
    pub fn set_latency(&mut self, latency: Latency) {
        self.latency = latency;
    }

    fn engine(&mut self, venue: Venue) -> &mut Engine {
        on!(self, venue, |books| &mut books.engine)
    }

    fn execute(
        &mut self,
        now_ms: u64,
        venue: Venue,
        path: &str,
        request: &HttpRequest<'_>,
    ) -> HttpResponse {
        let server_ms = self.server_ms(now_ms);
        let reply = on!(self, venue, |books| {
            books.requests += 1;
            books.engine.advance(now_ms);
            books.front.handle(&mut books.engine, path, request, server_ms)
        });
        self.settle(venue, now_ms);
        reply
    }

    /// The refusal of a venue that is down for maintenance.
    fn down(&mut self, now_ms: u64, venue: Venue) -> Option<HttpResponse> {
        let server_ms = self.server_ms(now_ms);
        let fault = Fault::new(FaultKind::Http503Unavailable);
        on!(self, venue, |books| {
            (books.down_until_ms > now_ms).then(|| books.front.injected(&fault, server_ms))
        })
    }

    /// Starts a fault that hits no request.
    fn begin(&mut self, fault: &Fault) {
        if fault.kind == FaultKind::ClockSkew {
            self.skew_ms = fault.ms;
            return;
        }
        for venue in hit_by(fault) {
            on!(self, venue, |books| {
                books.faults_injected += 1;
                books.sessions.reset(books.engine.now_ms(), None);
            });
        }
        self.opening.push(fault.clone());
    }

    /// Lets maintenance begin now that the time is known.
    fn observe(&mut self, now_ms: u64) {
        for fault in std::mem::take(&mut self.opening) {
            let until_ms = now_ms.saturating_add(fault.ms_or(u64::MAX));
            for venue in hit_by(&fault) {
                on!(self, venue, |books| books.down_until_ms = until_ms);
            }
        }
    }

    fn draw_latency(&mut self) -> u64 {
        if self.latency == Latency::default() {
            0
        } else {
            self.latency.draw(&mut self.latency_rng)
        }
    }

    fn fail(
        &mut self,
        now_ms: u64,
        (venue, path): (Venue, &str),
        request: &HttpRequest<'_>,
        fault: &Fault,
    ) -> Handled {
        let executed = match fault.kind {
            FaultKind::ReplyLost
            | FaultKind::ResetAfter
            | FaultKind::Delay
            | FaultKind::Truncated
            | FaultKind::ReplyCut => true,
            FaultKind::Http503Unknown
            | FaultKind::Http504Timeout
            | FaultKind::Http500Unexpected
            | FaultKind::Http408 => fault.executed.unwrap_or(true),
            FaultKind::Html => fault.executed.unwrap_or(false),
            _ => false,
        };
        let reply = executed.then(|| self.execute(now_ms, venue, path, request));
        match (fault.kind, reply) {
            (FaultKind::Delay, Some(reply)) => Handled::ReplyAfter(fault.ms_or(0), reply),
            (FaultKind::Truncated, Some(mut reply)) => {
                reply.body.truncate(reply.body.len() / 2);
                Handled::Reply(reply)
            }
            (FaultKind::ReplyCut, Some(reply)) => Handled::Cut(reply),
            (FaultKind::DelayBefore, _) => Handled::HandleAfter(fault.ms_or(0)),
            (FaultKind::ReplyLost | FaultKind::ResetAfter | FaultKind::ResetBefore, _) => {
                Handled::Drop
            }
            _ => {
                let server_ms = self.server_ms(now_ms);
                Handled::Reply(on!(self, venue, |books| books.front.injected(fault, server_ms)))
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

impl<F: Front> Books<F> {
    fn new((engine, front): (Engine, F)) -> Self {
        Self {
            engine,
            front,
            sessions: Sessions::default(),
            requests: 0,
            faults_injected: 0,
            down_until_ms: 0,
        }
    }

    fn counters(&self, codes: &control::Codes, errors: &BTreeMap<i32, u64>) -> Counters {
        let injected = self.faults_injected + self.sessions.faults_injected;
        Counters {
            sessions: u64::try_from(self.sessions.len()).unwrap_or(u64::MAX),
            messages: self.sessions.messages,
            slow_sessions: self.sessions.slow,
            message_limited: self.sessions.limited,
            ..control::counters(&self.engine, codes, errors, self.requests, injected)
        }
    }
}

/// The venues that maintenance is for.
fn hit_by(fault: &Fault) -> impl Iterator<Item = Venue> + '_ {
    let hit = |v: &Venue| fault.matches.as_deref().is_none_or(|text| v.prefix().contains(text));
    Venue::ALL.iter().copied().filter(hit)
}

fn is_loopback(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}
