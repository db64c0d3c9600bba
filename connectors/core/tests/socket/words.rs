//! A dialect whose frames and replies are plain words.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hoox_connector::session::{Backoff, SessionConfig};
use hoox_connector::stream::{BookUpdate, Level, StreamLimits, Trade};
use hoox_connector::{
    Accepted, Asked, Asset, Balance, BookRule, BookTop, Capabilities, Channel, Client,
    ClientOrderId, Cost, EncodeError, Event, ExchangeProvider, Fill, Frame, FrameReply, Headers,
    Instrument, KeepAlive, Malformed, Market, MemoryTransport, Method, NewOrder, Operation,
    OperationKind, OperationSet, OrderEntry, OrderId, OrderReport, OrderStatus, Page, Position,
    PositionSide, PreparedOrder, RateRule, RejectReason, Rejection, Reply, Request, RequestBuf,
    Response, Side, Socket, StreamError, StreamProvider, Symbol, SystemClock, Throttle,
    ThrottleKind, Timestamp, Topic, TransportError, UnknownCause, Venue, VenueError,
};

#[derive(Clone)]
pub(crate) struct Words {
    pub(crate) url: String,
    pub(crate) rule: BookRule,
    pub(crate) listen_key: bool,
    pub(crate) silence_max: Duration,
    pub(crate) logs_on: bool,
    /// What ends every frame of ours.
    pub(crate) secret: &'static str,
}

impl Words {
    pub(crate) fn at(url: String) -> Self {
        Self {
            url,
            rule: BookRule::FirstNumber,
            listen_key: false,
            silence_max: Duration::from_secs(30),
            logs_on: true,
            secret: "",
        }
    }

    fn keep_alive(&self) -> KeepAlive {
        KeepAlive {
            interval: Duration::from_millis(100),
            frame: self.silence_max.lt(&Duration::from_secs(1)).then_some("ping"),
            silence_max: self.silence_max,
            life_max: None,
        }
    }
}

/// Sessions that do not take long over anything.
pub(crate) fn hurry(config: &mut SessionConfig) {
    let (first, max) = (Duration::from_millis(5), Duration::from_millis(20));
    config.backoff = Backoff { first, max };
    config.linger = Duration::from_millis(300);
}

pub(crate) type Answers = Arc<Mutex<HashMap<&'static str, String>>>;

/// REST as a table, from the kind of the operation to the reply, and a count of what was asked.
#[derive(Clone, Default)]
pub(crate) struct Rest {
    pub(crate) answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Rest {
    pub(crate) fn set(&self, kind: OperationKind, reply: &str) {
        self.answers.lock().unwrap().insert(kind.as_str(), reply.to_owned());
    }

    /// How often something that begins so was asked.
    pub(crate) fn asked(&self, start: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|it| it.starts_with(start)).count()
    }

    fn answer(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let asked = request.path().trim_start_matches('/').to_owned();
        let kind = asked.split(' ').next().unwrap().to_owned();
        self.asked.lock().unwrap().push(asked);
        let reply = self.answers.lock().unwrap().get(kind.as_str()).cloned().unwrap_or_default();
        Ok(Response::new(200, reply))
    }
}

pub(crate) type Answering =
    Box<dyn Fn(&str, Request<'_>) -> Result<Response, TransportError> + Send + Sync>;

pub(crate) type TestClient = Client<Words, MemoryTransport<Answering>, SystemClock>;

pub(crate) fn client(words: Words, rest: &Rest) -> Arc<TestClient> {
    let rest = rest.clone();
    let answer: Answering = Box::new(move |_, request| rest.answer(request));
    Arc::new(Client::new(words, MemoryTransport::new(answer), SystemClock))
}

pub(crate) fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

pub(crate) fn topic(channel: Channel) -> Topic {
    Topic { channel, symbol: Some(symbol()) }
}

pub(crate) fn order(id: &str) -> PreparedOrder {
    let instrument = Instrument::new(Venue::Binance, Market::Linear, symbol());
    let mut order = NewOrder::market(symbol(), Side::Buy, 1.into());
    order.client_order_id = Some(ClientOrderId::new(id).unwrap());
    instrument.prepare(&order, None).unwrap()
}

const CAPABILITIES: Capabilities = Capabilities::new(OperationSet::of(&[
    OperationKind::Place,
    OperationKind::Cancel,
    OperationKind::Fills,
    OperationKind::OpenOrders,
    OperationKind::OrderHistory,
    OperationKind::OrderByClientId,
    OperationKind::Positions,
    OperationKind::Balances,
]));

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
        "memory:"
    }

    fn recv_window(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        _: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        buf.begin(Method::Get);
        let start = buf.position();
        buf.push("/");
        buf.push(op.kind().as_str());
        match op {
            Operation::Place(order) => {
                buf.push(" ");
                buf.push(order.order().client_order_id.as_ref().map_or("", |id| id.as_str()));
            }
            Operation::ExtendListenKey { key } => {
                buf.push(" ");
                buf.push(key);
            }
            _ => {}
        }
        let path = buf.since(start);
        buf.set_path(path);
        Ok(buf.request())
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        _: u16,
        _: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        let text = std::str::from_utf8(body).unwrap();
        let (mut orders, mut fills) = (Vec::new(), Vec::new());
        let (mut positions, mut balances) = (Vec::new(), Vec::new());
        let mut book = None;
        for event in text.lines().filter_map(event) {
            match event {
                Event::Order(it) => orders.push(it),
                Event::Fill(it) => fills.push(it),
                Event::Position(it) => positions.push(it),
                Event::Balance(it) => balances.push(it),
                Event::Book(it) => book = Some(it),
                _ => {}
            }
        }
        use OperationKind as Kind;
        Ok(match asked.kind {
            Kind::Place | Kind::Cancel => Reply::Accepted(Accepted::default()),
            Kind::OpenOrders | Kind::OrderHistory => Reply::Orders(page(orders)),
            Kind::OrderByClientId => match orders.first() {
                Some(order) => Reply::Order(*order),
                None => return Err(rejected(RejectReason::UnknownOrder)),
            },
            Kind::Fills => Reply::Fills(page(fills)),
            Kind::Positions => Reply::Positions(page(positions)),
            Kind::Balances => Reply::Balances(balances),
            Kind::ServerTime => Reply::ServerTime(Timestamp::from_millis(1_700_000_000_000)),
            Kind::CreateListenKey | Kind::ExtendListenKey => Reply::ListenKey(text.trim().into()),
            Kind::Depth => match book {
                Some(book) => Reply::Depth(book),
                None => return Err(rejected(RejectReason::Other)),
            },
            kind => panic!("{kind:?}"),
        })
    }

    fn cost(&self, _: &Operation<'_>) -> Cost {
        Cost::default()
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        Vec::new()
    }
}

fn page<R>(rows: Vec<R>) -> Page<R> {
    Page { rows, next: None }
}

fn rejected(reason: RejectReason) -> VenueError {
    VenueError::Rejected(Rejection::new(reason, -1, "no"))
}

impl StreamProvider for Words {
    fn socket(&self, channel: Channel) -> Socket {
        match channel {
            Channel::Account => Socket::Private,
            _ => Socket::Public,
        }
    }

    fn socket_url(&self, _: Socket, listen_key: Option<&str>) -> String {
        format!("{}/{}", self.url, listen_key.unwrap_or_default())
    }

    fn needs_listen_key(&self) -> bool {
        self.listen_key
    }

    fn book_rule(&self) -> BookRule {
        self.rule
    }

    fn stream_limits(&self) -> StreamLimits {
        let request_gap = Duration::from_millis(1);
        StreamLimits { topics_per_connection: 2, topics_per_request: 2, request_gap }
    }

    fn keep_alive(&self, _: Socket) -> KeepAlive {
        self.keep_alive()
    }

    fn authenticate(&self, _: Timestamp, _: u64, out: &mut String) -> Result<(), EncodeError> {
        if !self.listen_key {
            out.push_str("auth");
        }
        Ok(())
    }

    fn subscribe(&self, topics: &[Topic], _: u64, out: &mut String) -> Result<(), EncodeError> {
        if !self.listen_key {
            command("sub", topics, out);
        }
        Ok(())
    }

    fn unsubscribe(&self, topics: &[Topic], _: u64, out: &mut String) -> Result<(), EncodeError> {
        command("unsub", topics, out);
        Ok(())
    }

    fn refusal(&self, code: i64, _: &str) -> VenueError {
        match code {
            418 => {
                let retry_after = Some(Duration::from_millis(400));
                let throttle = Throttle::new(ThrottleKind::Banned);
                VenueError::Throttled(Throttle { retry_after, ..throttle })
            }
            429 => VenueError::Throttled(Throttle::new(ThrottleKind::RequestRate)),
            500 => VenueError::Unknown(UnknownCause::venue(200, code, "busy")),
            _ => rejected(RejectReason::BadKey),
        }
    }

    fn read(&self, frame: Frame<'_>, events: &mut dyn FnMut(Event)) -> Result<(), StreamError> {
        let Frame::Text(text) = frame else { return Err(StreamError::UnexpectedKind) };
        match event(text) {
            Some(event) => events(event),
            None => {
                let (field, problem) = (".".into(), "no such word".into());
                return Err(StreamError::Malformed { field, problem });
            }
        }
        Ok(())
    }
}

fn command(word: &str, topics: &[Topic], out: &mut String) {
    out.push_str(word);
    for Topic { channel, symbol } in topics {
        out.push_str(&format!(" {channel:?}"));
        if let Some(symbol) = symbol {
            out.push_str(&format!("@{symbol}"));
        }
    }
}

fn levels(texts: &[&str]) -> Vec<Level> {
    let level = |text: &&str| {
        let (price, quantity) = text.split_once(':').unwrap();
        (price.parse().unwrap(), quantity.parse().unwrap())
    };
    texts.iter().map(level).collect()
}

/// One word and its values.
fn event(text: &str) -> Option<Event> {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |text: &str| text.parse::<u64>().unwrap();
    let id = |text: &str| OrderId::new(text).unwrap();
    let at = |text: &str| Timestamp::from_millis(number(text));
    Some(match words[..] {
        ["top", update] => Event::BookTop(BookTop {
            symbol: symbol(),
            bid_price: Some(1.into()),
            bid_quantity: Some(1.into()),
            ask_price: Some(2.into()),
            ask_quantity: Some(1.into()),
            update_id: Some(number(update)),
            at: None,
        }),
        ["trade", trade] => Event::Trade(Trade {
            symbol: symbol(),
            trade_id: Some(id(trade)),
            price: 1.into(),
            quantity: 1.into(),
            taker_side: Side::Buy,
            at: Timestamp::from_millis(1),
        }),
        ["book" | "snapshot", first, last, bid, ask] => Event::Book(BookUpdate {
            symbol: symbol(),
            snapshot: words[0] == "snapshot",
            bids: levels(&[bid]),
            asks: levels(&[ask]),
            first_id: Some(number(first)),
            last_id: number(last),
            previous_id: None,
            at: None,
        }),
        ["order", order, status, filled, moment] => {
            let status = match status {
                "new" => OrderStatus::New,
                "filled" => OrderStatus::Filled,
                "canceled" => OrderStatus::Canceled,
                other => panic!("{other}"),
            };
            let mut report = OrderReport::new(symbol(), id(order), Side::Buy, status);
            report.client_order_id = Some(ClientOrderId::new(&format!("c{order}")).unwrap());
            report.filled_quantity = filled.parse().unwrap();
            report.updated_at = Some(at(moment));
            Event::Order(report)
        }
        ["fill", trade, order, moment] => {
            let (ids, values) = ((id(trade), id(order)), (1.into(), 1.into()));
            Event::Fill(Fill::new(symbol(), ids, Side::Buy, values, at(moment)))
        }
        ["position", size] => {
            let size = size.parse().unwrap();
            Event::Position(Position::new(symbol(), Some(PositionSide::Long), size))
        }
        ["balance", total] => {
            let total = total.parse().unwrap();
            let asset = Asset::new("USDT").unwrap();
            Event::Balance(Balance { asset, available: total, total })
        }
        ["sub", "ok"] => Event::Subscribed(None),
        ["auth", "ok"] => Event::Authenticated,
        ["no", code, words] => {
            Event::Refused { code: code.parse().unwrap(), message: words.into() }
        }
        ["pong"] => Event::Pong,
        ["bye"] => Event::Reconnect,
        _ => return None,
    })
}

impl OrderEntry for Words {
    fn entry_url(&self) -> Option<&str> {
        Some(&self.url)
    }

    fn entry_keep_alive(&self) -> KeepAlive {
        self.keep_alive()
    }

    fn logs_on(&self) -> bool {
        self.logs_on
    }

    fn encode_logon(&self, _: Timestamp, _: u64, buf: &mut RequestBuf) -> Result<(), EncodeError> {
        write(buf, &format!("logon{}", self.secret));
        Ok(())
    }

    fn encode_frame(
        &self,
        op: &Operation<'_>,
        _: Timestamp,
        request_id: u64,
        _: bool,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError> {
        let Operation::Place(order) = op else {
            let operation = op.kind().as_str();
            return Err(EncodeError::NotSupported { venue: Venue::Binance, operation });
        };
        let id = order.order().client_order_id.unwrap();
        write(buf, &format!("place {id} {request_id}{}", self.secret));
        Ok(())
    }

    fn decode_frame(
        &self,
        frame: &mut [u8],
        asked: &dyn Fn(u64) -> Option<OperationKind>,
    ) -> Result<FrameReply, VenueError> {
        let text = std::str::from_utf8(frame).unwrap();
        let words: Vec<&str> = text.split(' ').collect();
        let result = match words[..] {
            ["logon", "ok"] => return Ok(FrameReply::LoggedOn(Ok(()))),
            ["logon", "no"] => {
                return Ok(FrameReply::LoggedOn(Err(rejected(RejectReason::BadKey))));
            }
            ["pong"] => return Ok(FrameReply::Pong),
            ["bye"] => return Ok(FrameReply::Reconnect),
            ["ok", ..] => Ok(Reply::Accepted(Accepted::default())),
            ["no", ..] => Err(rejected(RejectReason::MinNotional)),
            ["late", ..] => Err(rejected(RejectReason::Clock)),
            ["busy", ..] => Err(VenueError::Throttled(Throttle {
                retry_after: Some(Duration::from_millis(1)),
                ..Throttle::new(ThrottleKind::OrderRate)
            })),
            _ => {
                let (field, problem) = (".".into(), "no such word".into());
                let operation = OperationKind::Place;
                return Err(VenueError::Malformed(Malformed { operation, field, problem }));
            }
        };
        let request_id = words[1].parse().unwrap();
        Ok(match asked(request_id) {
            Some(_) => FrameReply::Answer { request_id, result, usage: Default::default() },
            None => FrameReply::Other,
        })
    }
}

fn write(buf: &mut RequestBuf, text: &str) {
    buf.begin(Method::Post);
    let start = buf.position();
    buf.push(text);
    let frame = buf.since(start);
    buf.set_body(frame);
}
