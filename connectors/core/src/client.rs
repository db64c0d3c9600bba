use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use crate::{
    Accepted, Balance, BookTop, Change, ClientOrderId, Clock, Error, ExchangeProvider, Fill,
    Instruments, Malformed, NotSent, Operation, OrderClass, OrderRef, OrderReport, Permit,
    Position, PreparedOrder, RateUsage, Refused, RejectReason, Rejection, Reply, RequestBuf,
    Symbol, Throttle, ThrottleKind, Ticker, Timestamp, Transport, UnknownCause, VenueError,
};

/// How many request buffers are kept for reuse.
const BUFFERS_MAX: usize = 64;

/// What became of an order that may exist. That it certainly does not is [`Refused`].
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // boxing the report would allocate on the order path
pub enum Outcome {
    /// The venue told the order's state.
    Acknowledged(OrderReport),
    /// The venue took the order, its state is to be read back.
    Accepted(Accepted),
    /// Nobody knows. Ask for it by client order id before anything else.
    Unknown(Unknown),
}

/// An order whose fate is not known, and what resolves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Why it is not known.
    pub cause: UnknownCause,
    /// The order's symbol.
    pub symbol: Symbol,
    /// The id to ask for it by.
    pub client_order_id: ClientOrderId,
    /// Where to ask: among the plain orders or the conditional ones.
    pub class: OrderClass,
    /// The last moment, by the venue's clock, at which the venue still takes the lost request. "No
    /// such order" is final only when it was asked for after this and the venue's visibility delay.
    pub final_after: Timestamp,
}

/// What to do when a venue's limit leaves no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patience {
    /// Wait for room, unless that takes longer than [`ClientConfig::wait_max`] or the venue has
    /// banned us.
    #[default]
    Wait,
    /// Refuse at once, telling how long the wait would be.
    Refuse,
}

/// Settings of a [`Client`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How long a throttled client holds back when the venue does not say. Default 2 seconds.
    pub default_backoff: Duration,
    /// What to do when a limit leaves no room, unless a call says otherwise. Default: wait.
    pub patience: Patience,
    /// The longest wait for room; where more is needed, the request is refused at once. Default 10
    /// seconds.
    pub wait_max: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            default_backoff: Duration::from_secs(2),
            patience: Patience::Wait,
            wait_max: Duration::from_secs(10),
        }
    }
}

/// One account at one market: a dialect, a transport and a clock.
///
/// Keeps the offset to the venue's clock, holds back while the venue says so, and turns every answer
/// into one of: done, certainly not done, unknown. Sends an order twice only when the venue said that
/// it refused the first for its timestamp.
///
/// All methods take `&self`; share one client between tasks.
#[derive(Debug)]
pub struct Client<P, T, C> {
    provider: P,
    transport: T,
    clock: C,
    config: ClientConfig,
    /// Venue time minus our time, in milliseconds.
    offset: AtomicI64,
    /// Until when, by our clock, nothing is sent.
    held_until: AtomicU64,
    buffers: Mutex<Vec<RequestBuf>>,
}

impl<P: ExchangeProvider, T: Transport, C: Clock> Client<P, T, C> {
    /// A client with the default settings, assuming for now that both clocks agree.
    pub fn new(provider: P, transport: T, clock: C) -> Self {
        Self::with_config(provider, transport, clock, ClientConfig::default())
    }

    /// A client with settings of its own.
    pub fn with_config(provider: P, transport: T, clock: C, config: ClientConfig) -> Self {
        Self {
            provider,
            transport,
            clock,
            config,
            offset: AtomicI64::new(0),
            held_until: AtomicU64::new(0),
            buffers: Mutex::new(Vec::new()),
        }
    }

    /// The dialect.
    pub fn provider(&self) -> &P {
        &self.provider
    }

    /// The present by the venue's clock, as far as it is known.
    pub fn venue_now(&self) -> Timestamp {
        let offset = self.offset.load(Ordering::Relaxed);
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add_signed(offset))
    }

    /// Places an order.
    ///
    /// # Errors
    /// [`Refused`] if there is certainly no order. An order that may exist is an [`Outcome`], also
    /// when nobody knows what became of it.
    pub async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        self.place_with(order, self.config.patience).await
    }

    /// As [`place`](Self::place), waiting for the venue's limits or not as `patience` says.
    ///
    /// # Errors
    /// [`Refused`]; [`NotSent::Throttled`] if there was no room.
    pub async fn place_with(
        &self,
        prepared: &PreparedOrder,
        patience: Patience,
    ) -> Result<Outcome, Refused> {
        let order = prepared.order();
        let Some(client_order_id) = order.client_order_id else {
            return Err(Refused::NotSent(NotSent::NoClientOrderId));
        };
        let class =
            if order.kind.is_conditional() { OrderClass::Conditional } else { OrderClass::Plain };
        let named = Named { symbol: order.symbol, client_order_id, class };
        self.change(&Operation::Place(prepared), named, patience).await
    }

    /// Cancels an order by our id.
    ///
    /// # Errors
    /// [`Refused`]: certainly nothing was cancelled. With
    /// [`RejectReason::UnknownOrder`] there was nothing open to cancel.
    pub async fn cancel(
        &self,
        symbol: Symbol,
        id: ClientOrderId,
        class: OrderClass,
    ) -> Result<Outcome, Refused> {
        let op = Operation::Cancel { symbol, order: OrderRef::Client(id), class };
        let named = Named { symbol, client_order_id: id, class };
        self.change(&op, named, self.config.patience).await
    }

    /// The order with our id, or `None` if the venue says there is none. That is final only after
    /// [`Unknown::final_after`] and the venue's visibility delay.
    ///
    /// # Errors
    /// [`Error`] if the venue did not answer the question.
    pub async fn find(
        &self,
        symbol: Symbol,
        id: ClientOrderId,
        class: OrderClass,
    ) -> Result<Option<OrderReport>, Error> {
        let op = Operation::Order { symbol, order: OrderRef::Client(id), class };
        match self.call(&op).await {
            Ok(Reply::Order(report)) => Ok(Some(report)),
            Ok(Reply::Orders(reports)) => Ok(reports.into_iter().next()),
            Ok(_) => Err(mismatch(&op)),
            Err(error) if error.is_unknown_order() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The open orders of a symbol.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open_orders(&self, symbol: Symbol) -> Result<Vec<OrderReport>, Error> {
        let op = Operation::OpenOrders { symbol: Some(symbol), class: OrderClass::Plain };
        match self.call(&op).await? {
            Reply::Orders(orders) => Ok(orders),
            _ => Err(mismatch(&op)),
        }
    }

    /// The executions of one order, with their fees.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn fills(&self, symbol: Symbol, order: crate::OrderId) -> Result<Vec<Fill>, Error> {
        let op = Operation::Fills { symbol, order: Some(order), since: None, limit: None };
        match self.call(&op).await? {
            Reply::Fills(fills) => Ok(fills),
            _ => Err(mismatch(&op)),
        }
    }

    /// The positions, of one symbol or of all.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn positions(&self, symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        let op = Operation::Positions { symbol };
        match self.call(&op).await? {
            // Some venues answer for the whole account whatever is asked.
            Reply::Positions(mut positions) => {
                positions.retain(|position| symbol.is_none_or(|symbol| symbol == position.symbol));
                Ok(positions)
            }
            _ => Err(mismatch(&op)),
        }
    }

    /// The balances.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn balances(&self) -> Result<Vec<Balance>, Error> {
        match self.call(&Operation::Balances).await? {
            Reply::Balances(balances) => Ok(balances),
            _ => Err(mismatch(&Operation::Balances)),
        }
    }

    /// Changes a setting: leverage, margin mode or position mode. "It is so already" is success.
    ///
    /// # Errors
    /// [`Error`]; after [`Error::Unknown`] the setting may or may not have changed.
    pub async fn set(&self, op: &Operation<'_>) -> Result<Change, Error> {
        match self.call(op).await? {
            Reply::Changed(change) => Ok(change),
            _ => Err(mismatch(op)),
        }
    }

    /// Every instrument of the market.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn instruments(&self) -> Result<Instruments, Error> {
        let op = Operation::Instruments { symbol: None };
        match self.call(&op).await? {
            Reply::Instruments(instruments) => Ok(instruments),
            _ => Err(mismatch(&op)),
        }
    }

    /// Last and mark price of a symbol.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ticker(&self, symbol: Symbol) -> Result<Ticker, Error> {
        match self.call(&Operation::Ticker { symbol }).await? {
            Reply::Ticker(ticker) => Ok(ticker),
            _ => Err(mismatch(&Operation::Ticker { symbol })),
        }
    }

    /// Best bid and ask of a symbol.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn book_top(&self, symbol: Symbol) -> Result<BookTop, Error> {
        match self.call(&Operation::BookTop { symbol }).await? {
            Reply::BookTop(top) => Ok(top),
            _ => Err(mismatch(&Operation::BookTop { symbol })),
        }
    }

    /// Asks for the venue's clock and keeps the offset to ours, taking the reply to have been made
    /// half-way through the round trip.
    ///
    /// # Errors
    /// [`Error`]; the offset stays as it was.
    pub async fn sync_clock(&self) -> Result<(), Error> {
        let asked = self.clock.now();
        let Reply::ServerTime(venue) = self.call(&Operation::ServerTime).await? else {
            return Err(mismatch(&Operation::ServerTime));
        };
        let half = self.clock.now().since(asked) / 2;
        let ours = asked.after(half).as_millis();
        let offset = i64::try_from(i128::from(venue.as_millis()) - i128::from(ours));
        self.offset.store(offset.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Any operation, its neutral reply as it is.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn call(&self, op: &Operation<'_>) -> Result<Reply, Error> {
        self.call_with(op, self.config.patience).await
    }

    /// As [`call`](Self::call), waiting for the venue's limits or not as `patience` says.
    ///
    /// # Errors
    /// [`Error`]; [`NotSent::Throttled`] if there was no room.
    pub async fn call_with(&self, op: &Operation<'_>, patience: Patience) -> Result<Reply, Error> {
        self.exchange(op, patience).await.0
    }

    /// Takes a permit to send `op` by other means than this client, such as a WebSocket: the
    /// venue's limits hold for all of them together. Give it back with
    /// [`answered`](Self::answered), or with [`Permit::unused`] if nothing was sent; dropped, it
    /// counts as a request whose reply was lost.
    ///
    /// # Errors
    /// [`Throttle`] with the wait, if there is no room and `patience` does not allow for one.
    pub async fn permit(&self, op: &Operation<'_>, patience: Patience) -> Result<Permit, Throttle> {
        let _ = op;
        while let Some(throttle) = self.held() {
            let wait = throttle.retry_after.unwrap_or_default();
            let banned = throttle.kind == ThrottleKind::Banned;
            if patience == Patience::Refuse || banned || wait > self.config.wait_max {
                return Err(throttle);
            }
            self.clock.sleep(wait).await;
        }
        Ok(Permit::new())
    }

    /// Takes note that the venue has answered, and of what the answer says of its limits.
    pub fn answered(&self, permit: Permit, usage: &[RateUsage]) {
        let _ = (permit, usage);
    }

    /// Takes note that the venue has turned a request away: until it says otherwise, no other is
    /// sent that the same limit would refuse.
    pub fn throttled(&self, throttle: &Throttle) {
        // An overloaded engine says nothing about the next request; a limit does.
        if matches!(throttle.kind, ThrottleKind::Overloaded | ThrottleKind::Maintenance) {
            return;
        }
        let wait = throttle.wait(self.venue_now(), self.config.default_backoff);
        self.held_until.fetch_max(self.clock.now().after(wait).as_millis(), Ordering::Relaxed);
    }

    /// An operation on an order, whose lost reply is an outcome and not an error.
    async fn change(
        &self,
        op: &Operation<'_>,
        named: Named,
        patience: Patience,
    ) -> Result<Outcome, Refused> {
        let (mut result, mut signed_at) = self.exchange(op, patience).await;
        // The venue refused the request for its timestamp, so it was not executed.
        let clock = |result: &Result<Reply, Error>| {
            matches!(result, Err(Error::Rejected(Rejection { reason: RejectReason::Clock, .. })))
        };
        if clock(&result) && self.sync_clock().await.is_ok() {
            (result, signed_at) = self.exchange(op, patience).await;
        }
        let cause = match result {
            Ok(Reply::Order(report)) => return Ok(Outcome::Acknowledged(report)),
            Ok(Reply::Accepted(accepted)) => return Ok(Outcome::Accepted(accepted)),
            Err(Error::NotSent(cause)) => return Err(Refused::NotSent(cause)),
            Err(Error::Rejected(rejection)) => return Err(Refused::Rejected(rejection)),
            Err(Error::Throttled(throttle)) => return Err(Refused::Throttled(throttle)),
            Err(Error::Unknown(cause)) => cause,
            Ok(_) => UnknownCause::Malformed(unexpected(op)),
        };
        let final_after = signed_at.after(self.provider.recv_window());
        let Named { symbol, client_order_id, class } = named;
        Ok(Outcome::Unknown(Unknown { cause, symbol, client_order_id, class, final_after }))
    }

    /// Encodes, sends and decodes once; also tells the timestamp the request was signed with.
    async fn exchange(
        &self,
        op: &Operation<'_>,
        patience: Patience,
    ) -> (Result<Reply, Error>, Timestamp) {
        let permit = match self.permit(op, patience).await {
            Ok(permit) => permit,
            Err(throttle) => {
                return (Err(Error::NotSent(NotSent::Throttled(throttle))), self.venue_now());
            }
        };
        let at = self.venue_now();
        let mut buf = self.buffers().pop().unwrap_or_default();
        let sent = match self.provider.encode(op, at, &mut buf) {
            Ok(request) => {
                self.transport.send(self.provider.base_url(), request).await.map_err(Error::from)
            }
            Err(error) => Err(Error::NotSent(NotSent::Encode(error))),
        };
        self.keep(buf);
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => {
                if matches!(error, Error::NotSent(_)) {
                    permit.unused();
                }
                return (Err(error), at);
            }
        };
        let status = response.status;
        let (decoded, usage) = response.read(|headers, body| {
            let usage = self.provider.usage(headers);
            (self.provider.decode(op.kind(), status, headers, body), usage)
        });
        self.answered(permit, &usage);
        if let Err(VenueError::Throttled(throttle)) = &decoded {
            self.throttled(throttle);
        }
        (decoded.map_err(Error::from), at)
    }

    fn held(&self) -> Option<Throttle> {
        let until = Timestamp::from_millis(self.held_until.load(Ordering::Relaxed));
        let wait = until.since(self.clock.now());
        let throttle = Throttle::new(ThrottleKind::RequestRate);
        (!wait.is_zero()).then_some(Throttle { retry_after: Some(wait), ..throttle })
    }

    fn buffers(&self) -> std::sync::MutexGuard<'_, Vec<RequestBuf>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, buf: RequestBuf) {
        let mut buffers = self.buffers();
        if buffers.len() < BUFFERS_MAX {
            buffers.push(buf);
        }
    }
}

/// What an order is asked for by.
#[derive(Clone, Copy)]
struct Named {
    symbol: Symbol,
    client_order_id: ClientOrderId,
    class: OrderClass,
}

fn unexpected(op: &Operation<'_>) -> Malformed {
    let problem = "a reply to another question".into();
    Malformed { operation: op.kind(), field: ".".into(), problem }
}

fn mismatch(op: &Operation<'_>) -> Error {
    Error::Unknown(UnknownCause::Malformed(unexpected(op)))
}
