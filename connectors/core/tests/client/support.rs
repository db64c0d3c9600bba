//! A scripted venue, a clock that moves when told, and a client between them.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use arrayvec::ArrayVec;
use hoox_connector::{
    Accepted, Asked, Capabilities, Change, Client, ClientConfig, ClientOrderId, Clock, Cost,
    EncodeError, ExchangeProvider, Headers, Malformed, Market, MemoryTransport, Method, NewOrder,
    Operation, OperationKind, OperationSet, OrderId, OrderReport, OrderStatus, Page, Patience,
    Position, PositionSide, PreparedOrder, RateRule, RateUsage, RejectReason, Rejection, Reply,
    Request, RequestBuf, Response, Side, Symbol, Throttle, ThrottleKind, Timestamp, Transport,
    TransportError, UnknownCause, Venue, VenueError,
};

/// What must never be seen outside a request.
pub(crate) const KEY: &str = "key-0f9a3c";
pub(crate) const SIGNATURE: &str = "signature-77b1e2";

/// A dialect whose replies are single words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(crate) rules: Vec<RateRule>,
}

pub(crate) const CAPABILITIES: Capabilities =
    Capabilities::new(OperationSet::of(OperationKind::ALL));

impl ExchangeProvider for Words {
    fn venue(&self) -> Venue {
        Venue::Binance
    }

    fn market(&self) -> Market {
        Market::Linear
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn base_url(&self) -> &str {
        "https://venue.test"
    }

    fn recv_window(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        buf.begin(Method::Post);
        let start = buf.position();
        buf.push("/");
        buf.push(op.kind().as_str());
        let path = buf.since(start);
        buf.set_path(path);
        let start = buf.position();
        match op {
            Operation::Place(order) => {
                buf.push(order.order().client_order_id.as_ref().map_or("", |id| id.as_str()));
            }
            Operation::Balances => return Err(EncodeError::Missing("balance")),
            _ => {}
        }
        buf.push("@");
        buf.push_u64(at.as_millis());
        let body = buf.since(start);
        buf.set_body(body);
        let query = buf.push(SIGNATURE);
        buf.set_query(query);
        let key = buf.push(KEY);
        buf.header("x-key", key);
        Ok(buf.request())
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        status: u16,
        headers: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        let word = std::str::from_utf8(body).unwrap();
        let throttle = |kind| Throttle {
            retry_after: headers.find_u64("retry-after").map(Duration::from_secs),
            ..Throttle::new(kind)
        };
        let rejected = |reason| VenueError::Rejected(Rejection::new(reason, -1, word));
        match (status, word) {
            (200, "order") => Ok(Reply::Order(report())),
            (200, "orders") => Ok(Reply::Orders(vec![report()].into())),
            (200, "accepted") => Ok(Reply::Accepted(Accepted::default())),
            (200, "changed") => Ok(Reply::Changed(Change::Applied)),
            (200, "positions") => Ok(Reply::Positions(Page::from_iter([
                Position::new(symbol(), Some(PositionSide::Long), 1.into()),
                Position::new(Symbol::new("ETHUSDT").unwrap(), None, 0.into()),
            ]))),
            (200, time) if asked.kind == OperationKind::ServerTime => {
                Ok(Reply::ServerTime(Timestamp::from_millis(time.parse().unwrap())))
            }
            (400, "clock") => Err(rejected(RejectReason::Clock)),
            (400, "no such order") => Err(rejected(RejectReason::UnknownOrder)),
            (400, _) => Err(rejected(RejectReason::InsufficientBalance)),
            (418, _) => Err(VenueError::Throttled(throttle(ThrottleKind::Banned))),
            (429, _) => Err(VenueError::Throttled(throttle(ThrottleKind::RequestRate))),
            (503, _) => Err(VenueError::Throttled(throttle(ThrottleKind::Overloaded))),
            (500, _) => Err(VenueError::Unknown(UnknownCause::venue(500, -1006, word))),
            _ => Err(VenueError::Malformed(Malformed {
                operation: asked.kind,
                field: "status".into(),
                problem: "missing".into(),
            })),
        }
    }

    fn cost(&self, op: &Operation<'_>) -> Cost {
        Cost { weight: 1, orders: u32::from(op.kind() == OperationKind::Place) }
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        self.rules.clone()
    }

    fn usage(&self, headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
        let used = headers.find_u64("x-used").and_then(|used| u32::try_from(used).ok());
        let window = Duration::from_secs(60);
        let usage = |used| RateUsage { orders: false, window, limit: None, used: Some(used) };
        used.map(usage).into_iter().collect()
    }
}

/// Time that moves only when told.
#[derive(Clone, Default)]
pub(crate) struct ManualClock(pub(crate) Arc<AtomicU64>);

impl ManualClock {
    pub(crate) fn advance(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_000_000 + self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration.as_millis() as u64);
    }
}

pub(crate) type Answer = Result<Response, TransportError>;

/// What the venue answers, in order, and what it was sent.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) sent: Vec<String>,
}

pub(crate) struct Bench<T> {
    pub(crate) client: Client<Words, T, ManualClock>,
    pub(crate) clock: ManualClock,
    pub(crate) script: Arc<Mutex<Script>>,
}

/// A client that waits for nothing and tries nothing twice, whose every request takes `latency`
/// milliseconds each way.
pub(crate) fn bench(
    latency: u64,
    answers: impl IntoIterator<Item = Answer>,
) -> Bench<impl Transport> {
    let mut config = ClientConfig::default();
    config.patience = Patience::Refuse;
    config.read_retries = 0;
    bench_with(Words::default(), config, latency, answers)
}

pub(crate) fn bench_with(
    words: Words,
    config: ClientConfig,
    latency: u64,
    answers: impl IntoIterator<Item = Answer>,
) -> Bench<impl Transport> {
    let clock = ManualClock::default();
    let script =
        Arc::new(Mutex::new(Script { answers: answers.into_iter().collect(), sent: Vec::new() }));
    let (book, time) = (script.clone(), clock.clone());
    let transport = MemoryTransport::new(move |base_url: &str, request: Request<'_>| {
        assert_eq!(base_url, "https://venue.test");
        time.advance(2 * latency);
        let mut book = book.lock().unwrap();
        book.sent.push(format!("{} {}", request.path(), request.body()));
        book.answers.pop_front().expect("no request was expected")
    });
    let client = Client::with_config(words, transport, clock.clone(), config);
    Bench { client, clock, script }
}

impl<T> Bench<T> {
    pub(crate) fn sent(&self) -> Vec<String> {
        self.script.lock().unwrap().sent.clone()
    }
}

pub(crate) fn ok(word: &str) -> Answer {
    Ok(Response::new(200, word))
}

pub(crate) fn status(status: u16, word: &str) -> Answer {
    Ok(Response::new(status, word))
}

pub(crate) fn retry_after(code: u16, seconds: &'static str) -> Answer {
    let value = http::HeaderValue::from_static(seconds);
    Ok(Response::new(code, "slow").with_header("retry-after", value))
}

pub(crate) fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

pub(crate) fn id() -> ClientOrderId {
    ClientOrderId::portable("our-id").unwrap()
}

pub(crate) fn report() -> OrderReport {
    OrderReport::new(symbol(), OrderId::from(7), Side::Buy, OrderStatus::New)
}

pub(crate) fn order() -> PreparedOrder {
    let order = NewOrder::market(symbol(), Side::Buy, 1.into()).client_order_id(id());
    PreparedOrder::as_written(&order).unwrap()
}

/// The default settings.
pub(crate) fn config() -> ClientConfig {
    ClientConfig::default()
}
