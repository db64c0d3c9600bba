mod venue_clock;

use core::time::Duration;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

pub(crate) use venue_clock::VenueClock;

use crate::stream::BookUpdate;
use crate::{
    Accepted, Asked, Balance, BookTop, Change, ClientOrderId, Clock, Error, ExchangeProvider, Fill,
    Instruments, Malformed, NotSent, Operation, OrderClass, OrderRef, OrderReport, Page, Permit,
    Position, PreparedOrder, RateUsage, Refused, RejectReason, Rejection, Reply, RequestBuf,
    SharedLimits, Symbol, Throttle, ThrottleKind, Ticker, Timestamp, Transport, UnknownCause,
    VenueError,
};

/// The most pages of one list that are read: the longest there is, 500 open orders in pages of 20,
/// takes half as many.
const PAGES_MAX: usize = 50;

/// How often the venue's clock is asked for in a row, unless the first answers are quick.
const CLOCK_SAMPLES: usize = 3;

/// An error of the clock that more questions need not improve.
const CLOCK_ERROR_GOOD: Duration = Duration::from_millis(5);

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
    limits: SharedLimits,
    buffers: Mutex<Vec<RequestBuf>>,
}

impl<P: ExchangeProvider, T: Transport, C: Clock> Client<P, T, C> {
    /// A client with the default settings, assuming for now that both clocks agree.
    pub fn new(provider: P, transport: T, clock: C) -> Self {
        Self::with_config(provider, transport, clock, ClientConfig::default())
    }

    /// A client with settings of its own.
    pub fn with_config(provider: P, transport: T, clock: C, config: ClientConfig) -> Self {
        let limits = SharedLimits::new();
        limits.add(provider.rate_rules());
        Self { provider, transport, clock, config, limits, buffers: Mutex::new(Vec::new()) }
    }

    /// Counts together with every other client that has the same limits: those of the same account,
    /// or, through [`SharedLimits::for_another_account`], those behind the same IP address.
    #[must_use]
    pub fn sharing(mut self, limits: SharedLimits) -> Self {
        limits.add(self.provider.rate_rules());
        self.limits = limits;
        self
    }

    /// The venue's limits, to share them with other clients or to see what is used.
    pub fn limits(&self) -> &SharedLimits {
        &self.limits
    }

    /// The dialect.
    pub fn provider(&self) -> &P {
        &self.provider
    }

    /// The present by the venue's clock, as far as it is known. Never runs backwards, but for a
    /// correction by more than a second.
    pub fn venue_now(&self) -> Timestamp {
        self.limits.now(&self.clock).at
    }

    /// How far off [`venue_now`](Self::venue_now) may be; `None` if the venue was never asked.
    pub fn clock_error(&self) -> Option<Duration> {
        Some(self.limits.now(&self.clock).error).filter(|error| *error < Duration::MAX)
    }

    /// What is done when a limit leaves no room, unless a call says otherwise.
    pub fn patience(&self) -> Patience {
        self.config.patience
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
        let named = Named::of(prepared)?;
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
            Err(error) if error.is_unknown_order() => self.find_closed(symbol, id).await,
            Err(error) => Err(error),
        }
    }

    /// Looks in the history, where the venue forgets closed orders elsewhere.
    async fn find_closed(
        &self,
        symbol: Symbol,
        id: ClientOrderId,
    ) -> Result<Option<OrderReport>, Error> {
        if !self.provider.capabilities().closed_orders_in_history {
            return Ok(None);
        }
        let order = Some(OrderRef::Client(id));
        let op = Operation::OrderHistory { symbol, order, since: None, limit: None, page: None };
        match self.call(&op).await {
            Ok(Reply::Orders(page)) => {
                Ok(page.into_iter().find(|report| report.client_order_id == Some(id)))
            }
            Ok(_) => Err(mismatch(&op)),
            Err(error) if error.is_unknown_order() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The open orders of a symbol, from as many pages as there are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn open_orders(&self, symbol: Symbol) -> Result<Vec<OrderReport>, Error> {
        let (symbol, class) = (Some(symbol), OrderClass::Plain);
        let op = Operation::OpenOrders { symbol, class, page: None };
        let mut orders = self
            .pages(&op, |reply| match reply {
                Reply::Orders(page) => Some(page),
                _ => None,
            })
            .await?;
        // An order that closes while the pages are read moves others to the page before.
        let mut seen = HashSet::new();
        orders.retain(|order: &OrderReport| seen.insert(order.order_id));
        Ok(orders)
    }

    /// The executions of one order, with their fees, from as many pages as there are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn fills(&self, symbol: Symbol, order: crate::OrderId) -> Result<Vec<Fill>, Error> {
        let order = Some(order);
        let op = Operation::Fills { symbol, order, since: None, limit: None, page: None };
        self.pages(&op, |reply| match reply {
            Reply::Fills(page) => Some(page),
            _ => None,
        })
        .await
    }

    /// The positions, of one symbol or of all, from as many pages as there are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn positions(&self, symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        let op = Operation::Positions { symbol, page: None };
        let mut positions = self
            .pages(&op, |reply| match reply {
                Reply::Positions(page) => Some(page),
                _ => None,
            })
            .await?;
        // Some venues answer for the whole account whatever is asked.
        positions.retain(|position: &Position| symbol.is_none_or(|it| it == position.symbol));
        Ok(positions)
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

    /// Every instrument of the market, from as many pages as there are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn instruments(&self) -> Result<Instruments, Error> {
        let op = Operation::Instruments { symbol: None, page: None };
        let mut all: Option<Instruments> = None;
        for _ in 0..PAGES_MAX {
            let page = all.as_ref().and_then(|it| it.next.clone());
            let Reply::Instruments(page) = self.call(&op.on_page(page.as_deref())).await? else {
                return Err(mismatch(&op));
            };
            let so_far = match all.take() {
                Some(before) => before.followed_by(page),
                None => page,
            };
            if so_far.next.is_none() {
                return Ok(so_far);
            }
            all = Some(so_far);
        }
        Err(endless(&op))
    }

    /// The rows of all pages of a list: part of a list is never taken for the whole.
    pub(crate) async fn pages<R>(
        &self,
        op: &Operation<'_>,
        page_of: impl Fn(Reply) -> Option<Page<R>>,
    ) -> Result<Vec<R>, Error> {
        let mut rows = Vec::new();
        let mut next = None;
        for _ in 0..PAGES_MAX {
            let reply = self.call(&op.on_page(next.as_deref())).await?;
            let page = page_of(reply).ok_or_else(|| mismatch(op))?;
            rows.extend(page.rows);
            next = page.next;
            if next.is_none() {
                return Ok(rows);
            }
        }
        Err(endless(op))
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

    /// The order book of a symbol as it is now, at least `levels` deep where the venue has as many.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn depth(&self, symbol: Symbol, levels: u32) -> Result<BookUpdate, Error> {
        let op = Operation::Depth { symbol, levels };
        match self.call(&op).await? {
            Reply::Depth(book) => Ok(book),
            _ => Err(mismatch(&op)),
        }
    }

    /// Asks for the venue's clock, a few times unless the first answer was quick, and keeps the
    /// offset to ours that fits all answers.
    ///
    /// # Errors
    /// [`Error`]; the offset stays as it was.
    pub async fn sync_clock(&self) -> Result<(), Error> {
        let mut heard = false;
        for sample in 0..CLOCK_SAMPLES {
            match self.sample_clock().await {
                Ok(()) => heard = true,
                // One good answer is enough.
                Err(_) if heard => break,
                Err(error) if sample + 1 == CLOCK_SAMPLES => return Err(error),
                Err(Error::Unknown(_)) => {}
                Err(error) => return Err(error),
            }
            if self.clock_error().is_some_and(|error| error <= CLOCK_ERROR_GOOD) {
                break;
            }
        }
        Ok(())
    }

    async fn sample_clock(&self) -> Result<(), Error> {
        // The permit may have to wait; the clock is read when the question leaves.
        let permit = self.permit(&Operation::ServerTime, self.config.patience).await;
        let permit = permit.map_err(|throttle| Error::NotSent(NotSent::Throttled(throttle)))?;
        let asked = self.clock.monotonic();
        let (reply, _) = self.send(&Operation::ServerTime, permit).await;
        let answered = self.clock.monotonic();
        let Reply::ServerTime(venue) = reply? else {
            return Err(mismatch(&Operation::ServerTime));
        };
        self.limits.correct(venue, asked, answered, &self.clock);
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
        let (kind, cost) = (op.kind(), self.provider.cost(op));
        let started = self.clock.monotonic();
        loop {
            let (no_room, now) = match self.limits.take(kind, cost, &self.clock) {
                Ok(permit) => return Ok(permit),
                Err(refused) => refused,
            };
            let wait = no_room.until.since(now.at).max(Duration::from_millis(1));
            let waited = self.clock.monotonic().saturating_sub(started);
            if patience == Patience::Refuse
                || no_room.kind == ThrottleKind::Banned
                || waited.saturating_add(wait) > self.config.wait_max
            {
                let (retry_after, until) = (Some(wait), Some(no_room.until));
                return Err(Throttle { kind: no_room.kind, retry_after, until });
            }
            self.clock.sleep(wait).await;
        }
    }

    /// Takes note that the venue has answered, and of what the answer says of its limits.
    pub fn answered(&self, permit: Permit, usage: &[RateUsage]) {
        permit.answered(usage, &self.clock);
    }

    /// Takes note that the venue has turned a request away: until it says otherwise, no other is
    /// sent that the same limit would refuse.
    pub fn throttled(&self, throttle: &Throttle) {
        // An overloaded engine says nothing about the next request; a limit does.
        if matches!(throttle.kind, ThrottleKind::Overloaded | ThrottleKind::Maintenance) {
            return;
        }
        let now = self.venue_now();
        let wait = throttle.wait(now, self.config.default_backoff);
        self.limits.hold(throttle.kind, now.after(wait));
    }

    /// An operation on an order, whose lost reply is an outcome and not an error.
    pub(crate) async fn change(
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
        if clock(&result) && self.sample_clock().await.is_ok() {
            (result, signed_at) = self.exchange(op, patience).await;
        }
        self.settle(result, op, named, signed_at)
    }

    /// What the answer to an operation on an order means for the order.
    pub(crate) fn settle(
        &self,
        result: Result<Reply, Error>,
        op: &Operation<'_>,
        named: Named,
        signed_at: Timestamp,
    ) -> Result<Outcome, Refused> {
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
        match self.permit(op, patience).await {
            Ok(permit) => self.send(op, permit).await,
            Err(throttle) => (Err(Error::NotSent(NotSent::Throttled(throttle))), self.venue_now()),
        }
    }

    async fn send(&self, op: &Operation<'_>, permit: Permit) -> (Result<Reply, Error>, Timestamp) {
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
        let (status, asked) = (response.status, Asked::from(op));
        let (decoded, usage) = response.read(|headers, body| {
            let usage = self.provider.usage(headers);
            (self.provider.decode(&asked, status, headers, body), usage)
        });
        self.answered(permit, &usage);
        if let Err(VenueError::Throttled(throttle)) = &decoded {
            self.throttled(throttle);
        }
        if let Ok(Reply::Instruments(instruments)) = &decoded {
            self.limits.learn(&instruments.limits);
        }
        (decoded.map_err(Error::from), at)
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
pub(crate) struct Named {
    pub(crate) symbol: Symbol,
    pub(crate) client_order_id: ClientOrderId,
    pub(crate) class: OrderClass,
}

impl Named {
    pub(crate) fn of(prepared: &PreparedOrder) -> Result<Self, Refused> {
        let order = prepared.order();
        let Some(client_order_id) = order.client_order_id else {
            return Err(Refused::NotSent(NotSent::NoClientOrderId));
        };
        let class =
            if order.kind.is_conditional() { OrderClass::Conditional } else { OrderClass::Plain };
        Ok(Self { symbol: order.symbol, client_order_id, class })
    }
}

fn unexpected(op: &Operation<'_>) -> Malformed {
    let problem = "a reply to another question".into();
    Malformed { operation: op.kind(), field: ".".into(), problem }
}

fn endless(op: &Operation<'_>) -> Error {
    let problem = "the pages of the list do not end".into();
    let malformed = Malformed { operation: op.kind(), field: ".".into(), problem };
    Error::Unknown(UnknownCause::Malformed(malformed))
}

fn mismatch(op: &Operation<'_>) -> Error {
    Error::Unknown(UnknownCause::Malformed(unexpected(op)))
}
