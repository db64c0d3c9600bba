//! A client, the simulated venue it trades on, and what both must agree on after a fault.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hoox_connector::{
    Client, ClientOrderId, Decimal, ExchangeProvider, Instrument, Instruments, Market, NewOrder,
    Outcome, PinnedTransport, PreparedOrder, Refused, Request, ReqwestTransport, Resolution,
    Response, Side, StreamProvider, Symbol, SystemClock, Throttle, Transport, TransportError,
    Unknown,
};
use hoox_venue::{
    Config, Counters, Endpoint, Fault, MexcConfig, MexcLimits, PriceModel, Running, Server, Venue,
};

/// One venue, told by its dialect's test.
pub(crate) trait Exchange: 'static {
    const VENUE: Venue;
    /// What the name of a book's update contains.
    const DEPTH: &'static str;
    type Dialect: ExchangeProvider + StreamProvider;

    fn dialect(market: Market, site: &Site) -> Self::Dialect;
}

/// Where a dialect is to work, and with what.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) endpoint: Endpoint,
    pub(crate) instruments: Arc<Instruments>,
    pub(crate) recv_window: Duration,
}

/// What differs between scenes.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) recv_window: Duration,
    /// How long the transport waits for a reply.
    pub(crate) timeout: Duration,
    /// Whether to wait as long as it takes until an order can no longer arrive, also where the venue
    /// does not let the client choose how long that is.
    pub(crate) patient: bool,
    /// Whether prices move.
    pub(crate) walk: bool,
    /// Changes what the client believes of the venue.
    pub(crate) mislead: fn(&mut Endpoint),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            recv_window: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            patient: false,
            walk: false,
            mislead: |_| {},
        }
    }
}

/// Which transport carries the requests.
#[derive(Clone, Copy)]
pub(crate) enum Wire {
    Reqwest,
    Pinned,
}

#[derive(Debug)]
pub(crate) enum Line {
    Reqwest(ReqwestTransport),
    Pinned(Box<PinnedTransport>),
}

impl Transport for Line {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        match self {
            Self::Reqwest(it) => it.send(base_url, request).await,
            Self::Pinned(it) => it.send(base_url, request).await,
        }
    }
}

pub(crate) type TestClient<E> = Client<<E as Exchange>::Dialect, Line, SystemClock>;

pub(crate) struct Scene<E: Exchange> {
    pub(crate) venue: Running,
    site: Site,
    setup: Setup,
    pub(crate) client: Arc<TestClient<E>>,
    pub(crate) instrument: Instrument,
    pub(crate) market: Market,
    price: Decimal,
    next: AtomicU32,
    exchange: PhantomData<E>,
}

impl<E: Exchange> Scene<E> {
    pub(crate) async fn start(market: Market, wire: Wire, setup: Setup) -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // The list of contracts is read once before the case, and once in it.
        let limits = MexcLimits { futures_detail_5s: 2, ..MexcLimits::default() };
        let mut config =
            Config { mexc: MexcConfig { limits, ..MexcConfig::default() }, ..Config::default() };
        if !setup.walk {
            config.prices = PriceModel::Still;
        }
        let venue = Server::start(any_port, config).await.unwrap();
        let endpoint = venue.endpoint(E::VENUE);
        let Setup { recv_window, timeout, .. } = setup;
        let mut site = Site { endpoint, instruments: Arc::default(), recv_window };
        let transport = ReqwestTransport::new().unwrap();
        let client = Client::new(E::dialect(market, &site), transport, SystemClock);
        site.instruments = Arc::new(client.instruments().await.unwrap());
        let instrument = site.instruments.find(&symbol()).unwrap().clone();
        (setup.mislead)(&mut site.endpoint);
        let connect = Duration::from_secs(5);
        let line = match wire {
            Wire::Reqwest => {
                Line::Reqwest(ReqwestTransport::with_timeouts(timeout, connect).unwrap())
            }
            Wire::Pinned => {
                let pinned = PinnedTransport::new(&site.endpoint.rest).unwrap();
                Line::Pinned(Box::new(pinned.with_timeouts(timeout, connect)))
            }
        };
        let client = Arc::new(Client::new(E::dialect(market, &site), line, SystemClock));
        let name = instrument.venue_symbol.as_str();
        let price = venue.with(|it| it.price_on(E::VENUE, now_ms(), side_of(market), name));
        Self {
            venue,
            site,
            setup,
            client,
            instrument,
            market,
            price: price.unwrap(),
            next: AtomicU32::new(1),
            exchange: PhantomData,
        }
    }

    /// Another client, whose sockets go to another address than its requests.
    pub(crate) fn client_through(&self, addr: SocketAddr) -> Arc<TestClient<E>> {
        let mut site = self.site.clone();
        let venue = self.venue.addr().to_string();
        site.endpoint.ws = site.endpoint.ws.replace(&venue, &addr.to_string());
        let line = Line::Reqwest(ReqwestTransport::new().unwrap());
        Arc::new(Client::new(E::dialect(self.market, &site), line, SystemClock))
    }

    /// A limit order far below the market, so that it rests, with an id of its own.
    pub(crate) fn order(&self) -> PreparedOrder {
        self.order_on(&self.instrument)
    }

    /// The same, rounded by other rules.
    pub(crate) fn order_on(&self, instrument: &Instrument) -> PreparedOrder {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = ClientOrderId::portable(&format!("fault-{number}")).unwrap();
        // On the tick of every market, but not on that of 1.
        let price = self.price * Decimal::new(8, 1) + Decimal::new(3, 1);
        let order = NewOrder::limit(symbol(), Side::Buy, Decimal::new(12, 3), price);
        instrument.prepare(&order.client_order_id(id), None).unwrap()
    }

    /// Lets the next order meet a fault on its way over REST.
    pub(crate) fn fault(&self, fault: Fault) {
        assert!(self.venue.with(|it| it.queue_fault(fault.on("POST"))));
    }

    /// Places an order that must be taken, and be there once.
    pub(crate) async fn is_taken(&self, order: &PreparedOrder) {
        let outcome = self.client.place(order).await;
        assert!(is_taken(&outcome), "{outcome:?}");
        assert_eq!(self.count(order), 1);
    }

    /// An outcome that is unknown, of an order that exists once: the client finds it.
    pub(crate) async fn is_found(
        &self,
        outcome: Result<Outcome, Refused>,
        order: &PreparedOrder,
    ) -> Unknown {
        let unknown = unknown(outcome);
        match self.client.reconcile(&unknown).await {
            Resolution::Found(report) => {
                assert_eq!(report.client_order_id, order.order().client_order_id);
                assert!(report.status.is_open(), "{report:?}");
            }
            other => panic!("{other:?} after {unknown:?}"),
        }
        assert_eq!(self.count(order), 1, "{unknown:?}");
        unknown
    }

    /// An outcome that is unknown, of an order that does not exist: the client learns it, and may
    /// send it again with the same id.
    pub(crate) async fn never_arrived(
        &self,
        outcome: Result<Outcome, Refused>,
        order: &PreparedOrder,
    ) {
        let unknown = unknown(outcome);
        if !self.setup.patient && self.client.provider().recv_window() > self.setup.recv_window {
            assert_eq!(self.count(order), 0, "{unknown:?}");
            return;
        }
        let resolution = self.client.reconcile(&unknown).await;
        assert_eq!(resolution, Resolution::NeverArrived, "{unknown:?}");
        assert_eq!(self.count(order), 0, "{unknown:?}");
        self.is_taken(order).await;
    }

    /// How many orders on the venue's books have this one's client id.
    pub(crate) fn count(&self, order: &PreparedOrder) -> usize {
        let id = order.order().client_order_id.unwrap();
        let state = self.venue.with(|it| it.state_of(E::VENUE, now_ms(), 1_000));
        state.accounts[0].orders.iter().filter(|it| it.client_id == id.as_str()).count()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.venue.with(|it| it.counters_of(E::VENUE))
    }

    /// The venue has counted no violation of its limits, and no order twice.
    pub(crate) fn limits_were_kept(&self) {
        let it = self.counters();
        let violations = [
            it.weight_limited,
            it.order_limited,
            it.message_limited,
            it.slow_sessions,
            it.duplicate_client_ids,
            it.reused_client_ids,
        ];
        assert_eq!(violations, [0; 6], "{it:?}");
    }
}

/// Runs a case on both markets over both transports, each on a venue of its own.
pub(crate) async fn everywhere<E: Exchange>(setup: Setup, case: impl AsyncFn(&Scene<E>)) {
    let run = async |market, wire| {
        let scene = Box::pin(Scene::<E>::start(market, wire, setup)).await;
        Box::pin(case(&scene)).await;
        scene.limits_were_kept();
        scene.venue.shutdown().await;
    };
    tokio::join!(
        run(Market::Spot, Wire::Reqwest),
        run(Market::Spot, Wire::Pinned),
        run(Market::Linear, Wire::Reqwest),
        run(Market::Linear, Wire::Pinned)
    );
}

/// Runs a case on both markets, for what no transport decides.
pub(crate) async fn on_both_markets<E: Exchange>(setup: Setup, case: impl AsyncFn(&Scene<E>)) {
    let run = async |market| {
        let scene = Box::pin(Scene::<E>::start(market, Wire::Pinned, setup)).await;
        Box::pin(case(&scene)).await;
        scene.limits_were_kept();
        scene.venue.shutdown().await;
    };
    tokio::join!(run(Market::Spot), run(Market::Linear));
}

/// Runs a case beside the driver it needs; the driver may end before it.
pub(crate) async fn beside(driver: impl Future<Output = ()>, case: impl Future<Output = ()>) {
    // On the heap: the drivers of real dialects are large.
    let driver = Box::pin(driver);
    let driver = async {
        driver.await;
        core::future::pending::<()>().await;
    };
    let case = tokio::time::timeout(Duration::from_secs(60), Box::pin(case));
    tokio::select! {
        in_time = case => in_time.expect("what is to come does not come"),
        () = driver => {}
    }
}

pub(crate) fn is_taken(outcome: &Result<Outcome, Refused>) -> bool {
    matches!(outcome, Ok(Outcome::Acknowledged(_) | Outcome::Accepted(_)))
}

pub(crate) fn unknown(outcome: Result<Outcome, Refused>) -> Unknown {
    match outcome {
        Ok(Outcome::Unknown(unknown)) => unknown,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn throttled(outcome: Result<Outcome, Refused>) -> Throttle {
    match outcome {
        Err(Refused::Throttled(throttle)) => throttle,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

/// The market in the venue's words.
pub(crate) fn side_of(market: Market) -> hoox_venue::Market {
    match market {
        Market::Spot => hoox_venue::Market::Spot,
        _ => hoox_venue::Market::Linear,
    }
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}
