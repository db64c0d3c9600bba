mod config;
mod exchange;
mod outcome;
mod questions;
mod reconcile;
mod venue_clock;

use core::time::Duration;
use std::sync::Mutex;

pub use config::{ClientConfig, Patience};
pub(crate) use outcome::Named;
pub use outcome::{Outcome, Unknown};
use questions::{mismatch, unexpected};
pub use reconcile::Resolution;
pub(crate) use venue_clock::VenueClock;

use crate::observe::Meter;
use crate::{
    ClientOrderId, Clock, Error, ExchangeProvider, NotSent, Operation, OrderClass, OrderRef,
    Permit, PreparedOrder, RateUsage, Refused, Reply, RequestBuf, SharedLimits, Symbol, Throttle,
    ThrottleKind, Timestamp, Transport, UnknownCause,
};

/// How often the venue's clock is asked for in a row, unless the first answers are quick.
const CLOCK_SAMPLES: usize = 3;

/// An error of the clock that more questions need not improve.
const CLOCK_ERROR_GOOD: Duration = Duration::from_millis(5);

/// One account at one market: a dialect, a transport and a clock.
///
/// Keeps the offset to the venue's clock, holds back while the venue says so, and turns every answer
/// into one of: done, certainly not done, unknown. It never sends an order twice.
///
/// All methods take `&self`; share one client between tasks.
///
/// # What it tells
///
/// Each operation on orders is a `tracing` span `order` (level info), each other a span `request`
/// (debug), with venue, market, operation, what it goes over (`rest`, or `websocket` where
/// `socket::EntryClient` sends it), client order id, the duration of each step in microseconds
/// (`permit`, `encode`, `send`, `decode`) and the `result`; never a key, a signature or a URL.
/// Metrics go through the `metrics` facade. They are registered at their first use, so install the
/// recorder before the first request.
///
/// | metric | labels | |
/// |---|---|---|
/// | `hoox_requests_total` | venue, market, operation, over, result | counter |
/// | `hoox_request_seconds` | venue, market, operation, over | histogram, from permit to decoded reply |
/// | `hoox_permit_wait_seconds` | venue, market | histogram, of requests that had to wait |
/// | `hoox_limit_used` | venue, market, counted, window | gauge, as the venue tells it |
/// | `hoox_reconciliations_total` | venue, market, result | counter |
/// | `hoox_connections_total` | host | counter, of the pinned transport |
#[derive(Debug)]
pub struct Client<P, T, C> {
    provider: P,
    transport: T,
    clock: C,
    config: ClientConfig,
    limits: SharedLimits,
    pub(crate) meter: Meter,
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
        let (meter, buffers) = (Meter::new(&provider), Mutex::new(Vec::new()));
        Self { provider, transport, clock, config, limits, meter, buffers }
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
    /// [`RejectReason::UnknownOrder`](crate::RejectReason::UnknownOrder) there was nothing open to cancel.
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
        let mut began = None;
        loop {
            let taken = self.limits.take(kind, cost, &self.clock);
            let (no_room, now) = match taken {
                Ok(permit) => {
                    if let Some(began) = began {
                        self.meter.waited(self.clock.monotonic().saturating_sub(began));
                    }
                    return Ok(permit);
                }
                Err(refused) => refused,
            };
            let now_monotonic = self.clock.monotonic();
            let waited = now_monotonic.saturating_sub(*began.get_or_insert(now_monotonic));
            let wait = no_room.until.since(now.at).max(Duration::from_millis(1));
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
        self.meter.told(usage);
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

    /// Whether the venue shuts us out, so that not even a connection is to be opened.
    #[cfg(all(feature = "websocket", not(target_arch = "wasm32")))]
    pub(crate) fn is_banned(&self) -> bool {
        self.limits.is_banned(&self.clock)
    }

    /// An operation on an order, whose lost reply is an outcome and not an error.
    pub(crate) async fn change(
        &self,
        op: &Operation<'_>,
        named: Named,
        patience: Patience,
    ) -> Result<Outcome, Refused> {
        let (result, signed_at) = self.exchange(op, patience).await;
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
}
