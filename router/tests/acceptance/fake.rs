//! An exchange in memory that does as it is told, loses what it is told to lose, and remembers what
//! it was asked; and a clock that passes only while somebody sleeps.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hoox_connector::{
    Accepted, Asset, Balance, Capabilities, ClientOrderId, Clock, Decimal, Error, Fee, Fill,
    Instrument, LotRule, MarginMode, Market, NotSent, OperationKind, OperationSet, OrderId,
    OrderReport, OrderStatus, Outcome, Position, PositionMode, PositionSide, PreparedOrder,
    Refused, RejectReason, Rejection, Symbol, Throttle, ThrottleKind, Timestamp, Unknown,
    UnknownCause, Venue,
};
use hoox_router::{
    Answer, Desks, Exchange, MemoryConfig, MemoryQueue, MemoryStore, RequestId, Router, Settings,
    Verdict,
};

pub(crate) const PASSKEY: &str = "correct horse battery staple";

/// What the exchange does with the next order.
#[derive(Clone)]
pub(crate) enum Next {
    /// Fills it and says so.
    Fill,
    /// Takes it and says no more; the fill can be read.
    Accept,
    /// Takes it; it stays open for this many reads.
    Slow(u32),
    /// Takes it, and the reply is lost.
    LoseReply,
    /// Never gets it, and nobody knows.
    LoseRequest,
    /// Refuses it.
    Reject(RejectReason),
    /// Wants fewer requests for a while.
    Throttle(Duration),
    /// Cannot be reached.
    Unconnected,
    /// Takes it and ends it without a fill.
    Expire,
    /// Fills half of it and ends it.
    Half,
    /// Has shut us out until so much later, and says so as a moment.
    Ban(Duration),
    /// Takes the order, and never comes back.
    Hang,
}

/// Milliseconds that pass, and by how many the wall clock was set back.
#[derive(Clone)]
pub(crate) struct FakeClock(Arc<AtomicU64>, Arc<AtomicU64>);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let back = self.1.load(Ordering::SeqCst);
        Timestamp::from_millis(self.0.load(Ordering::SeqCst) - back)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
        tokio::task::yield_now().await;
    }
}

impl FakeClock {
    /// Sets the wall clock back; what has passed has passed.
    pub(crate) fn set_back(&self, by: Duration) {
        self.1.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.0.fetch_add(u64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

pub(crate) struct FakeDesk {
    pub(crate) venue: Venue,
    pub(crate) capabilities: Capabilities,
    pub(crate) mode: PositionMode,
    pub(crate) instrument: Instrument,
    clock: FakeClock,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    calls: Vec<String>,
    next: VecDeque<Next>,
    orders: HashMap<ClientOrderId, (OrderReport, u32)>,
    placed: Vec<PreparedOrder>,
    positions: Vec<Position>,
    silent: bool,
    silent_once_placed: bool,
    leverage_error: Option<RejectReason>,
    max_notional: Option<Decimal>,
}

impl FakeDesk {
    fn new(venue: Venue, clock: FakeClock) -> Self {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let mut instrument = Instrument::new(venue, Market::Linear, symbol);
        let step = Some(dec("0.001"));
        instrument.lot = LotRule { min: step, max: Some(dec("100")), step };
        instrument.tick_size = Some(dec("0.1"));
        instrument.notional.min = Some(dec("5"));
        instrument.max_leverage = Some(50);
        let mut capabilities = Capabilities::new(OperationSet::of(OperationKind::ALL));
        capabilities.visibility_delay = Duration::from_secs(1);
        capabilities.hedge_mode = true;
        let inner = Mutex::default();
        Self { venue, capabilities, mode: PositionMode::OneWay, instrument, clock, inner }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn note(&self, call: impl Into<String>) -> Result<(), Error> {
        let mut inner = self.inner();
        inner.calls.push(call.into());
        match inner.silent {
            true => Err(Error::Unknown(UnknownCause::Transport("reset".into()))),
            false => Ok(()),
        }
    }

    /// Tells what to do with the next orders; after those, all are filled.
    pub(crate) fn script(&self, next: impl IntoIterator<Item = Next>) {
        self.inner().next.extend(next);
    }

    pub(crate) fn hold(&self, side: PositionSide, size: &str) {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let mut position = Position::new(symbol, Some(side), dec(size));
        position.hedge = self.mode == PositionMode::Hedge;
        self.inner().positions.push(position);
    }

    /// Leaves questions unanswered, or answers them again.
    pub(crate) fn set_silent(&self, silent: bool) {
        self.inner().silent = silent;
    }

    /// Leaves questions unanswered from the next order on.
    pub(crate) fn fall_silent_once_placed(&self) {
        self.inner().silent_once_placed = true;
    }

    pub(crate) fn refuse_leverage(&self, reason: RejectReason) {
        self.inner().leverage_error = Some(reason);
    }

    /// Bounds the value of a position, whatever its leverage.
    pub(crate) fn bound_positions(&self, max_notional: &str) {
        self.inner().max_notional = Some(dec(max_notional));
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.inner().calls.clone()
    }

    /// The orders that were sent, whether or not they arrived.
    pub(crate) fn placed(&self) -> Vec<PreparedOrder> {
        self.inner().placed.clone()
    }

    /// How many orders there are.
    pub(crate) fn orders(&self) -> usize {
        self.inner().orders.len()
    }
}

impl Exchange for FakeDesk {
    fn venue(&self) -> Venue {
        self.venue
    }

    fn market(&self) -> Market {
        self.instrument.market
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn recv_window(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn position_mode(&self) -> PositionMode {
        self.mode
    }

    fn venue_now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn sync_clock(&self) -> Result<(), Error> {
        self.note("sync clock")
    }

    async fn instrument(&self, symbol: Symbol) -> Result<Option<Instrument>, Error> {
        self.note("instrument")?;
        Ok((symbol == self.instrument.symbol).then(|| self.instrument.clone()))
    }

    fn forget_instruments(&self) {}

    async fn price(&self, _: Symbol, _: Duration) -> Result<Option<Decimal>, Error> {
        self.note("price")?;
        Ok(Some(dec("30000")))
    }

    async fn positions(&self, _: Option<Symbol>) -> Result<Vec<Position>, Error> {
        self.note("positions")?;
        Ok(self.inner().positions.clone())
    }

    async fn balance(&self, asset: Option<Asset>) -> Result<Option<Balance>, Error> {
        self.note("balances")?;
        let asset = asset.unwrap_or_else(|| Asset::new("USDT").unwrap());
        Ok(Some(Balance { asset, available: dec("1000"), total: dec("1200") }))
    }

    async fn set_up(
        &self,
        _: Symbol,
        mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> Result<Option<Decimal>, Error> {
        self.note(format!("set up {mode:?} {leverage} {position:?}"))?;
        let inner = self.inner();
        match inner.leverage_error {
            Some(reason) => Err(Error::Rejected(Rejection::new(reason, -4028, "leverage"))),
            None => Ok(inner.max_notional),
        }
    }

    async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        // A place where parallel tasks may overtake each other.
        tokio::task::yield_now().await;
        let next = {
            let mut inner = self.inner();
            inner.calls.push("place".into());
            inner.placed.push(*order);
            inner.silent |= std::mem::take(&mut inner.silent_once_placed);
            inner.next.pop_front().unwrap_or(Next::Fill)
        };
        let wished = order.order();
        let id = wished.client_order_id.unwrap();
        let number = self.inner().placed.len() as u64;
        let mut report = OrderReport::new(
            wished.symbol,
            OrderId::from(number),
            wished.side,
            OrderStatus::Filled,
        );
        report.client_order_id = Some(id);
        report.filled_quantity = wished.kind.quantity().unwrap();
        report.average_price = Some(dec("30000.5"));
        report.updated_at = Some(self.clock.now());
        let take = |report: OrderReport, reads| {
            self.inner().orders.insert(id, (report, reads));
        };
        let unknown = || {
            Ok(Outcome::Unknown(Unknown {
                cause: UnknownCause::Transport("reset".into()),
                symbol: wished.symbol,
                client_order_id: id,
                class: hoox_connector::OrderClass::Plain,
                final_after: self.clock.now().after(self.recv_window()),
            }))
        };
        match next {
            _ if self.inner().orders.contains_key(&id) => {
                let reason = RejectReason::DuplicateClientOrderId;
                Err(Refused::Rejected(Rejection::new(reason, 110_072, "duplicate")))
            }
            Next::Fill => {
                take(report, 0);
                Ok(Outcome::Acknowledged(report))
            }
            Next::Accept | Next::Slow(_) => {
                take(report, if let Next::Slow(reads) = next { reads } else { 0 });
                Ok(Outcome::Accepted(Accepted {
                    order_id: Some(report.order_id),
                    ..Accepted::default()
                }))
            }
            Next::LoseReply => {
                take(report, 0);
                unknown()
            }
            Next::LoseRequest => unknown(),
            Next::Reject(reason) => {
                Err(Refused::Rejected(Rejection::new(reason, -2019, "no margin")))
            }
            Next::Throttle(wait) => {
                let throttle = Throttle::new(ThrottleKind::RequestRate);
                Err(Refused::Throttled(Throttle { retry_after: Some(wait), ..throttle }))
            }
            Next::Unconnected => Err(Refused::NotSent(NotSent::Connection("refused".into()))),
            Next::Expire => {
                report.status = OrderStatus::Expired;
                report.filled_quantity = Decimal::ZERO;
                take(report, 0);
                Ok(Outcome::Acknowledged(report))
            }
            Next::Half => {
                report.status = OrderStatus::Expired;
                report.filled_quantity /= Decimal::TWO;
                take(report, 0);
                Ok(Outcome::Acknowledged(report))
            }
            Next::Ban(wait) => {
                let until = Some(self.clock.now().after(wait));
                let throttle = Throttle::new(ThrottleKind::Banned);
                Err(Refused::Throttled(Throttle { until, ..throttle }))
            }
            Next::Hang => {
                take(report, 0);
                std::future::pending().await
            }
        }
    }

    async fn find(&self, _: Symbol, id: ClientOrderId) -> Result<Option<OrderReport>, Error> {
        self.note("find")?;
        let mut inner = self.inner();
        let Some((report, reads)) = inner.orders.get_mut(&id) else { return Ok(None) };
        let mut report = *report;
        if *reads > 0 {
            *reads -= 1;
            report.status = OrderStatus::New;
            report.filled_quantity = Decimal::ZERO;
            report.average_price = None;
        }
        Ok(Some(report))
    }

    async fn fills(
        &self,
        symbol: Symbol,
        order: OrderId,
        _since: Timestamp,
    ) -> Result<Vec<Fill>, Error> {
        self.note("fills")?;
        let half = |n: u64| {
            let mut fill = Fill::new(
                symbol,
                (OrderId::from(n), order),
                hoox_connector::Side::Buy,
                (dec("30000.5"), dec("0.0005")),
                self.clock.now(),
            );
            let asset = Asset::new("USDT").unwrap();
            fill.fee = Some(Fee { asset, amount: dec("0.006") });
            fill
        };
        Ok(vec![half(1), half(2)])
    }
}

pub(crate) type FakeQueue = Arc<MemoryQueue<FakeClock>>;
pub(crate) type FakeRouter =
    Router<Arc<MemoryStore>, MemoryConfig, Arc<Desks<FakeDesk>>, FakeClock, FakeQueue>;

pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) desks: Arc<Desks<FakeDesk>>,
    pub(crate) queue: FakeQueue,
    pub(crate) router: FakeRouter,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl Fn(&mut FakeDesk)) -> Self {
        let clock = FakeClock(Arc::new(AtomicU64::new(1_700_000_000_000)), Arc::default());
        let store = Arc::new(MemoryStore::new());
        let mut desks = Desks::new();
        for (venue, test) in
            [(Venue::Bybit, false), (Venue::Binance, false), (Venue::Binance, true)]
        {
            let mut desk = FakeDesk::new(venue, clock.clone());
            change(&mut desk);
            desks = desks.with(venue, test, desk);
        }
        let desks = Arc::new(desks);
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        let router = Self::start(&clock, &store, &desks, &queue);
        Self { clock, store, desks, queue, router }
    }

    fn start(
        clock: &FakeClock,
        store: &Arc<MemoryStore>,
        desks: &Arc<Desks<FakeDesk>>,
        queue: &FakeQueue,
    ) -> FakeRouter {
        let config = MemoryConfig::from_iter([
            ("webhooks:api_key", PASSKEY),
            ("webhook:rate_limit_per_minute", "0"),
            ("webhooks:queue_mode", "direct_only"),
        ]);
        let mut settings = Settings::default();
        // Every request sees what the test has just set.
        settings.config_max_age = Duration::ZERO;
        Router::with_settings(Arc::clone(store), config, Arc::clone(desks), clock.clone(), settings)
            .with_queue(Arc::clone(queue))
    }

    /// A new process over the same store.
    pub(crate) fn restart(&mut self) {
        self.router = Self::start(&self.clock, &self.store, &self.desks, &self.queue);
        self.queue.return_taken();
    }

    /// A world whose signals go into the queue as `mode` says.
    pub(crate) fn queueing(mode: &str) -> Self {
        let world = Self::new();
        world.set("webhooks:queue_mode", mode);
        world
    }

    /// Carries out what is due in the queue, once.
    pub(crate) async fn consume(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for delivery in self.queue.take(hoox_router::CONSUMER_BATCH) {
            let verdict = self.router.consume(delivery.body.as_bytes(), delivery.attempts).await;
            self.queue.settle(delivery.id, verdict.clone());
            verdicts.push(verdict);
        }
        verdicts
    }

    /// Lets time pass until the next message is due.
    pub(crate) fn wait_for_queue(&self) -> Duration {
        let wait = self.queue.next_due().unwrap().since(self.clock.now());
        self.clock.advance(wait);
        wait
    }

    pub(crate) fn desk(&self) -> &FakeDesk {
        self.desk_of(Venue::Bybit)
    }

    pub(crate) fn desk_of(&self, venue: Venue) -> &FakeDesk {
        hoox_router::Exchanges::desk(&*self.desks, venue, false).unwrap()
    }

    pub(crate) fn set(&self, key: &str, value: &str) {
        self.router.config_store().set(key, value);
    }

    pub(crate) async fn send(&self, fields: &str) -> Answer {
        self.send_from(fields, None).await
    }

    pub(crate) async fn send_from(&self, fields: &str, peer: Option<IpAddr>) -> Answer {
        self.post(&body(fields), peer).await
    }

    pub(crate) async fn post(&self, body: &str, peer: Option<IpAddr>) -> Answer {
        self.router.handle(body.as_bytes(), peer, next_id()).await
    }
}

pub(crate) fn next_id() -> RequestId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    RequestId::from_random(bytes)
}

/// A LONG signal of 0.01 BTC at Bybit, with more or other fields.
pub(crate) fn body(fields: &str) -> String {
    let mut body = serde_json::json!({
        "apiKey": PASSKEY, "exchange": "bybit", "action": "LONG", "symbol": "BTCUSDT", "quantity": 0.01,
    });
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!("{{{fields}}}")).unwrap();
    body.as_object_mut().unwrap().extend(fields);
    body.to_string()
}

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.body).unwrap()
}
