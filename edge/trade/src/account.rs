//! One account: its desk, and the object that keeps a socket for its orders while the operator wants
//! one (`exchange:{name}:use_websocket`).

use core::cell::Cell;
use core::time::Duration;

use hoox_any::Dialect;
use hoox_connector::{
    Asset, Balance, Capabilities, ClientOrderId, Decimal, EncodeError, Error, Fill, FrameReply,
    Instrument, MarginMode, Market, NotSent, Operation, OperationKind, OrderEntry, OrderId,
    OrderReport, Outcome, Patience, Position, PositionMode, PositionSide, PreparedOrder, Refused,
    Reply, RequestBuf, Symbol, Timestamp, UnknownCause, Venue, VenueError,
};
use hoox_edge::{FetchTransport, WorkerClock, internal_request, new_request_id};
use hoox_router::{Desk, Exchange};
use worker::{Env, Response};

/// The binding of the objects that keep sockets.
const SOCKETS: &str = "EXCHANGE_CONNECTION_MANAGER";

type OverRest = Desk<Dialect, FetchTransport, WorkerClock>;

/// One account at one venue.
#[derive(Debug)]
pub(crate) struct Account {
    desk: OverRest,
    env: Env,
    test: bool,
    socket: Cell<bool>,
}

/// How an order fared that was to go over the socket.
#[allow(clippy::large_enum_variant)] // boxing would allocate on the order path
enum Placed {
    /// No byte of it left.
    Not,
    Done(Result<Outcome, Refused>),
}

impl Placed {
    fn unsent(cause: NotSent) -> Self {
        Self::Done(Err(Refused::NotSent(cause)))
    }
}

impl Account {
    /// An account whose orders go over REST for now.
    pub(crate) fn new(desk: OverRest, env: Env, test: bool) -> Self {
        Self { desk, env, test, socket: Cell::new(false) }
    }

    pub(crate) fn desk(&self) -> &OverRest {
        &self.desk
    }

    /// Whether orders go over a socket from now on, where the venue has one for them.
    pub(crate) fn use_websocket(&self, wanted: bool) {
        self.socket.set(wanted && self.desk.client().provider().order_entry().is_some());
    }

    async fn over_socket(&self, order: &PreparedOrder) -> Placed {
        let client = self.desk.client();
        let (provider, op) = (client.provider(), Operation::Place(order));
        let permit = match client.permit(&op, Patience::Refuse).await {
            Ok(permit) => permit,
            Err(throttle) => return Placed::unsent(NotSent::Throttled(throttle)),
        };
        let at = client.venue_now();
        let number = number(at);
        let mut buf = RequestBuf::new();
        match provider.encode_frame(&op, at, number, provider.logs_on(), &mut buf) {
            Ok(()) => {}
            Err(error) => {
                permit.unused();
                return match error {
                    EncodeError::NotSupported { .. } => Placed::Not,
                    error => Placed::unsent(NotSent::Encode(error)),
                };
            }
        }
        let result = match self.ask(number, buf.request().body()).await {
            Ok(None) => {
                permit.unused();
                return Placed::Not;
            }
            Ok(Some(mut frame)) => {
                let kind = |asked| (asked == number).then_some(OperationKind::Place);
                match provider.decode_frame(&mut frame, &kind) {
                    Ok(FrameReply::Answer { result, usage, .. }) => {
                        client.answered(permit, &usage);
                        if let Err(VenueError::Throttled(throttle)) = &result {
                            client.throttled(throttle);
                        }
                        result.map_err(Error::from)
                    }
                    _ => lost("the answer cannot be read"),
                }
            }
            Err(cause) => lost(&cause),
        };
        if result.as_ref().is_err_and(Error::is_clock) {
            // For the next order; whether this one is still wanted, its sender must say.
            let _ = client.sync_clock().await;
        }
        Placed::Done(client.settle_order(order, result, at))
    }

    /// Has the object send a frame. `None`: no byte of it left.
    async fn ask(&self, number: u64, frame: &str) -> Result<Option<Vec<u8>>, String> {
        let kind = if self.test { "test" } else { "live" };
        let venue = self.venue();
        let question = || -> worker::Result<_> {
            let testnet = if self.test { "-testnet" } else { "" };
            let name = format!("exchange:{venue}{testnet}");
            let object = self.env.durable_object(SOCKETS)?.get_by_name(&name)?;
            let url = format!("https://socket/{venue}/{kind}/{number}");
            let request = internal_request(&self.env, &url, new_request_id(), &[], frame)?;
            Ok((object, request))
        };
        // Until it is asked, nothing has left.
        let Ok((object, request)) = question() else { return Ok(None) };
        let answer: worker::Result<Response> = object.fetch_with_request(request).await;
        let mut answer = answer.map_err(|_| "the object of the socket did not answer")?;
        let body = answer.bytes().await.map_err(|_| "the object of the socket broke off")?;
        match answer.status_code() {
            200 => Ok(Some(body)),
            503 => Ok(None),
            _ => Err(String::from_utf8_lossy(&body).into_owned()),
        }
    }
}

fn lost(cause: &str) -> Result<Reply, Error> {
    Err(Error::Unknown(UnknownCause::Transport(cause.to_owned())))
}

/// A number for a frame that no other frame of the account has: many objects send over one socket.
fn number(at: Timestamp) -> u64 {
    let mut bytes = [0; 2];
    // Were two the same, the second would go over REST.
    let _ = getrandom::fill(&mut bytes);
    at.as_millis().saturating_mul(1_000) + u64::from(u16::from_le_bytes(bytes)) % 1_000
}

impl Exchange for Account {
    fn venue(&self) -> Venue {
        self.desk.venue()
    }

    fn market(&self) -> Market {
        self.desk.market()
    }

    fn capabilities(&self) -> &Capabilities {
        self.desk.capabilities()
    }

    fn recv_window(&self) -> Duration {
        self.desk.recv_window()
    }

    fn position_mode(&self) -> PositionMode {
        self.desk.position_mode()
    }

    fn venue_now(&self) -> Timestamp {
        self.desk.venue_now()
    }

    async fn sync_clock(&self) -> Result<(), Error> {
        self.desk.sync_clock().await
    }

    async fn instrument(&self, symbol: Symbol) -> Result<Option<Instrument>, Error> {
        self.desk.instrument(symbol).await
    }

    fn forget_instruments(&self) {
        self.desk.forget_instruments();
    }

    async fn price(&self, symbol: Symbol, max_age: Duration) -> Result<Option<Decimal>, Error> {
        self.desk.price(symbol, max_age).await
    }

    async fn positions(&self, symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        self.desk.positions(symbol).await
    }

    async fn balance(&self, asset: Option<Asset>) -> Result<Option<Balance>, Error> {
        self.desk.balance(asset).await
    }

    async fn set_up(
        &self,
        symbol: Symbol,
        margin_mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> Result<(), Error> {
        self.desk.set_up(symbol, margin_mode, leverage, position).await
    }

    async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        if !self.socket.get() {
            return self.desk.place(order).await;
        }
        // Over REST only while no byte of the order has left; lost on the way, it is unknown, and
        // found out about by its id before anything else.
        match self.over_socket(order).await {
            Placed::Not => self.desk.place(order).await,
            Placed::Done(result) => self.desk.place_by(async { result }).await,
        }
    }

    async fn find(&self, symbol: Symbol, id: ClientOrderId) -> Result<Option<OrderReport>, Error> {
        self.desk.find(symbol, id).await
    }

    async fn fills(
        &self,
        symbol: Symbol,
        order: OrderId,
        since: Timestamp,
    ) -> Result<Vec<Fill>, Error> {
        self.desk.fills(symbol, order, since).await
    }
}
