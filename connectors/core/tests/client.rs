//! The client against a scripted venue: every answer becomes done, certainly not done, or unknown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use hoox_connector::{
    Accepted, Asked, Capabilities, Change, Client, ClientConfig, ClientOrderId, Clock, Cost,
    EncodeError, Error, ExchangeProvider, Headers, Malformed, Market, MemoryTransport, Method,
    NewOrder, NotSent, Operation, OperationKind, OperationSet, OrderClass, OrderId, OrderReport,
    OrderStatus, Outcome, Page, Patience, Position, PositionSide, PreparedOrder, Refused,
    RejectReason, Rejection, Reply, Request, RequestBuf, Response, Side, Symbol, Throttle,
    ThrottleKind, Timestamp, Transport, TransportError, UnknownCause, Venue, VenueError,
};

/// A dialect whose replies are single words.
struct Words;

const CAPABILITIES: Capabilities = Capabilities::new(OperationSet::of(OperationKind::ALL));

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

    fn cost(&self, _: &Operation<'_>) -> Cost {
        Cost::default()
    }
}

/// Time that moves only when told.
#[derive(Clone, Default)]
struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    fn advance(&self, millis: u64) {
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

type Answer = Result<Response, TransportError>;

/// What the venue answers, in order, and what it was sent.
#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    sent: Vec<String>,
}

struct Bench<T> {
    client: Client<Words, T, ManualClock>,
    clock: ManualClock,
    script: Arc<Mutex<Script>>,
}

/// A client whose every request takes `latency` milliseconds each way.
fn bench(latency: u64, answers: impl IntoIterator<Item = Answer>) -> Bench<impl Transport> {
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
    let mut config = ClientConfig::default();
    config.patience = Patience::Refuse;
    let client = Client::with_config(Words, transport, clock.clone(), config);
    Bench { client, clock, script }
}

impl<T> Bench<T> {
    fn sent(&self) -> Vec<String> {
        self.script.lock().unwrap().sent.clone()
    }
}

fn ok(word: &str) -> Answer {
    Ok(Response::new(200, word))
}

fn status(status: u16, word: &str) -> Answer {
    Ok(Response::new(status, word))
}

fn retry_after(code: u16, seconds: &'static str) -> Answer {
    let value = http::HeaderValue::from_static(seconds);
    Ok(Response::new(code, "slow").with_header("retry-after", value))
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn id() -> ClientOrderId {
    ClientOrderId::portable("our-id").unwrap()
}

fn report() -> OrderReport {
    OrderReport::new(symbol(), OrderId::from(7), Side::Buy, OrderStatus::New)
}

fn order() -> PreparedOrder {
    let order = NewOrder::market(symbol(), Side::Buy, 1.into()).client_order_id(id());
    PreparedOrder::as_written(&order).unwrap()
}

#[tokio::test]
async fn a_definite_answer_is_an_outcome_or_a_refusal() {
    let it = bench(0, [ok("order"), ok("accepted"), status(400, "poor")]);
    assert_eq!(it.client.place(&order()).await, Ok(Outcome::Acknowledged(report())));
    assert_eq!(it.client.place(&order()).await, Ok(Outcome::Accepted(Accepted::default())));
    let Err(Refused::Rejected(rejection)) = it.client.place(&order()).await else { panic!() };
    assert_eq!(rejection.reason, RejectReason::InsufficientBalance);
    assert_eq!(it.sent(), ["/place our-id@1000000"; 3]);
}

#[tokio::test]
async fn every_answer_that_leaves_doubt_is_unknown_with_what_resolves_it() {
    let lost = TransportError::MaybeSent("connection reset".into());
    let it = bench(0, [Err(lost), status(500, "oops"), status(200, "gibberish"), ok("positions")]);
    let mut causes = Vec::new();
    for _ in 0..4 {
        let Ok(Outcome::Unknown(unknown)) = it.client.place(&order()).await else { panic!() };
        assert_eq!((unknown.symbol, unknown.client_order_id), (symbol(), id()));
        // Signed at 1,000,000 with a window of three seconds.
        assert_eq!(unknown.final_after, Timestamp::from_millis(1_003_000));
        causes.push(unknown.cause);
    }
    assert_eq!(causes[0], UnknownCause::Transport("connection reset".into()));
    assert_eq!(causes[1], UnknownCause::venue(500, -1006, "oops"));
    let UnknownCause::Malformed(malformed) = &causes[2] else { panic!() };
    assert_eq!((malformed.operation, &*malformed.field), (OperationKind::Place, "status"));
    // A reply to another question: readable, and no answer.
    assert!(matches!(&causes[3], UnknownCause::Malformed(_)));
    assert_eq!(it.sent().len(), 4, "nothing was sent twice");
}

#[tokio::test]
async fn what_never_left_is_refused_as_not_sent() {
    let it = bench(0, [Err(TransportError::NotSent("refused".into()))]);
    let refused = Refused::NotSent(NotSent::Connection("refused".into()));
    assert_eq!(it.client.place(&order()).await, Err(refused));

    let nameless = NewOrder::market(symbol(), Side::Buy, 1.into());
    let nameless = PreparedOrder::as_written(&nameless).unwrap();
    let refused = Refused::NotSent(NotSent::NoClientOrderId);
    assert_eq!(it.client.place(&nameless).await, Err(refused));
    let missing = Error::NotSent(NotSent::Encode(EncodeError::Missing("balance")));
    assert_eq!(it.client.balances().await, Err(missing));
    assert_eq!(it.sent().len(), 1, "only the first reached the transport");
}

#[tokio::test]
async fn a_clock_refusal_is_followed_by_one_resync_and_one_resend_with_the_same_id() {
    // The venue is 5 seconds ahead; each way takes 10 ms.
    let it = bench(10, [status(400, "clock"), ok("1005030"), ok("order")]);
    assert_eq!(it.client.place(&order()).await, Ok(Outcome::Acknowledged(report())));
    assert_eq!(
        it.sent(),
        ["/place our-id@1000000", "/server_time @1000020", "/place our-id@1005040"]
    );
    assert_eq!(it.client.venue_now(), Timestamp::from_millis(1_005_060));

    // A second refusal stands; there is no third attempt.
    let it = bench(0, [status(400, "clock"), ok("1000000"), status(400, "clock")]);
    let Err(Refused::Rejected(rejection)) = it.client.place(&order()).await else { panic!() };
    assert_eq!((rejection.reason, it.sent().len()), (RejectReason::Clock, 3));

    // Without the venue's time there is nothing to send again with.
    let it = bench(0, [status(400, "clock"), status(500, "")]);
    let Err(Refused::Rejected(rejection)) = it.client.place(&order()).await else { panic!() };
    assert_eq!((rejection.reason, it.sent().len()), (RejectReason::Clock, 2));
}

#[tokio::test]
async fn an_unknown_after_the_resync_counts_from_the_second_request() {
    let lost = TransportError::MaybeSent(String::new());
    let it = bench(0, [status(400, "clock"), ok("1009000"), Err(lost)]);
    let Ok(Outcome::Unknown(unknown)) = it.client.place(&order()).await else { panic!() };
    assert_eq!(unknown.final_after, Timestamp::from_millis(1_012_000));
}

#[tokio::test]
async fn a_throttled_client_holds_back_for_as_long_as_the_venue_says() {
    for code in [429, 418] {
        let it = bench(0, [retry_after(code, "7"), ok("order")]);
        let Err(Refused::Throttled(throttle)) = it.client.place(&order()).await else { panic!() };
        assert_eq!(throttle.retry_after, Some(Duration::from_secs(7)));
        it.clock.advance(6_999);
        let held = it.client.place(&order()).await;
        let Err(Refused::NotSent(NotSent::Throttled(throttle))) = held else { panic!("{held:?}") };
        assert_eq!(throttle.retry_after, Some(Duration::from_millis(1)));
        // Reads are held too: on a ban every further request makes it longer.
        let read = it.client.open_orders(symbol()).await;
        assert!(matches!(read, Err(Error::NotSent(NotSent::Throttled(_)))));
        assert_eq!(it.sent().len(), 1);
        it.clock.advance(1);
        assert!(it.client.place(&order()).await.is_ok());
    }
}

#[tokio::test]
async fn a_throttle_without_a_wait_holds_for_the_default_and_an_overload_not_at_all() {
    let it = bench(0, [status(429, ""), ok("order")]);
    assert!(matches!(it.client.place(&order()).await, Err(Refused::Throttled(_))));
    it.clock.advance(1_999);
    assert!(matches!(it.client.place(&order()).await, Err(Refused::NotSent(_))));
    it.clock.advance(1);
    assert!(it.client.place(&order()).await.is_ok());

    let it = bench(0, [status(503, ""), ok("order")]);
    let Err(Refused::Throttled(throttle)) = it.client.place(&order()).await else { panic!() };
    assert_eq!(throttle.kind, ThrottleKind::Overloaded);
    assert!(it.client.place(&order()).await.is_ok());
}

#[tokio::test]
async fn finding_tells_no_such_order_from_no_answer() {
    let it = bench(
        0,
        [
            ok("order"),
            ok("orders"),
            status(400, "no such order"),
            status(400, "poor"),
            status(500, ""),
            ok("changed"),
        ],
    );
    let find = || it.client.find(symbol(), id(), OrderClass::Plain);
    assert_eq!(find().await, Ok(Some(report())));
    assert_eq!(find().await, Ok(Some(report())));
    assert_eq!(find().await, Ok(None));
    assert!(matches!(find().await, Err(Error::Rejected(_))));
    assert!(matches!(find().await, Err(Error::Unknown(UnknownCause::Venue { .. }))));
    assert!(matches!(find().await, Err(Error::Unknown(UnknownCause::Malformed(_)))));
}

#[tokio::test]
async fn cancelling_what_is_not_open_is_a_refusal_that_says_so() {
    let it = bench(0, [ok("accepted"), status(400, "no such order")]);
    let cancel = || it.client.cancel(symbol(), id(), OrderClass::Plain);
    assert_eq!(cancel().await, Ok(Outcome::Accepted(Accepted::default())));
    let Err(Refused::Rejected(rejection)) = cancel().await else { panic!() };
    assert_eq!(rejection.reason, RejectReason::UnknownOrder);
}

#[tokio::test]
async fn positions_are_those_that_were_asked_for() {
    let it = bench(0, [ok("positions"), ok("positions")]);
    assert_eq!(it.client.positions(Some(symbol())).await.unwrap().len(), 1);
    assert_eq!(it.client.positions(None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_failed_clock_sync_leaves_the_offset_alone() {
    let oops = || status(500, "");
    let it = bench(50, [ok("1000350"), oops(), oops(), oops(), oops()]);
    // A slow answer is worth a second question, whose failure does no harm.
    it.client.sync_clock().await.unwrap();
    assert_eq!(it.client.venue_now(), Timestamp::from_millis(1_000_500));
    assert!(it.client.sync_clock().await.is_err());
    assert_eq!(it.client.venue_now(), Timestamp::from_millis(1_000_800));
}
