//! Orders over a WebSocket.

use core::fmt;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;

use futures_util::SinkExt;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tracing::{Instrument, Span};

use super::entry_driver::EntryDriver;
use super::entry_shared::{Line, Shared};
use super::in_flight::Answer;
use crate::client::Named;
use crate::observe::{self, Over, Steps, micros, word};
use crate::session::{Refusal, SessionConfig};
use crate::{
    Amendment, Client, ClientOrderId, Clock, EncodeError, Error, ExchangeProvider, NotSent,
    Operation, OrderClass, OrderEntry, OrderRef, Outcome, Patience, PreparedOrder, Refused,
    Request, Symbol, Throttle, ThrottleKind, Timestamp, Transport, UnknownCause, VenueError,
};

/// Settings of an [`EntryClient`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EntryConfig {
    /// How long to wait for an answer until the order's outcome is
    /// [`Unknown`](crate::Outcome::Unknown). Default 5 seconds.
    pub answer_max: Duration,
    /// The most requests that wait for their answers. Default 1024.
    pub in_flight_max: usize,
    /// Whether an order goes over REST while the socket cannot take it. Never one of which a byte may
    /// have left. Default: yes.
    pub rest_fallback: bool,
    /// Changes the settings of the session.
    pub session: fn(&mut SessionConfig),
    /// Who is shown the frames. Default: nobody.
    pub witness: Option<Witness>,
}

/// Is shown what goes over the socket for each order, as it goes, with secrets in it; in the task that
/// sends it. Of an order that goes over REST instead it sees nothing.
#[derive(Debug, Clone, Copy)]
pub struct Witness {
    /// What is about to be sent, as the request's body.
    pub sent: fn(&Request<'_>),
    /// What came back, or why nothing did.
    pub answered: fn(Result<&[u8], &str>),
}

impl Default for EntryConfig {
    fn default() -> Self {
        Self {
            answer_max: Duration::from_secs(5),
            in_flight_max: 1_024,
            rest_fallback: true,
            session: |_| {},
            witness: None,
        }
    }
}

/// Whether the socket takes orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryState {
    /// Not yet, or not now.
    Connecting,
    /// It does.
    Ready,
    /// It never will: the venue does not let us in.
    Stopped(Arc<Refusal>),
}

/// Sends orders over a WebSocket that is held open, and over REST while there is none.
///
/// What [`Client::place`] promises holds here too: an error means that there is certainly no order. An
/// order whose answer does not come, or whose connection is lost, is
/// [`Unknown`](crate::Outcome::Unknown); it is never sent a second time by another way.
///
/// Spans and metrics are those of [`Client`], with `over` telling which way an order went. Here
/// `permit` includes the wait for the orders before it to be written.
pub struct EntryClient<P, T, C> {
    inner: Arc<Inner<P, T, C>>,
    /// Ends the driver when the last handle goes.
    _handles: Arc<Handles>,
}

impl<P, T, C> Clone for EntryClient<P, T, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), _handles: self._handles.clone() }
    }
}

impl<P, T, C> fmt::Debug for EntryClient<P, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.shared.state.borrow();
        f.debug_struct("EntryClient").field("state", &*state).finish_non_exhaustive()
    }
}

pub(super) struct Inner<P, T, C> {
    pub(super) client: Arc<Client<P, T, C>>,
    pub(super) config: EntryConfig,
    pub(super) shared: Arc<Shared>,
}

struct Handles(Arc<Shared>);

impl Drop for Handles {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.news.notify_one();
    }
}

/// How far an order came.
#[allow(clippy::large_enum_variant)] // boxing would allocate on the order path
enum Sent {
    /// No byte of it left.
    No(NotSent),
    /// It left, or may have.
    Yes(Result<crate::Reply, Error>, Timestamp),
}

/// When an order came how far.
#[derive(Default)]
struct Course {
    /// It may be sent, and it is its turn.
    permitted: Option<Instant>,
    encoded: Option<Instant>,
    /// How long reading its answer took.
    decode: Duration,
}

impl<P, T, C> EntryClient<P, T, C>
where
    P: ExchangeProvider + OrderEntry,
    T: Transport,
    C: Clock,
{
    /// Orders of the client's account, and the driver that holds the socket open: spawn
    /// [`EntryDriver::run`]. At a venue without order entry over WebSocket everything goes over REST.
    pub fn new(client: Arc<Client<P, T, C>>, config: EntryConfig) -> (Self, EntryDriver<P, T, C>) {
        let shared = Arc::new(Shared::new(client.venue_now(), config.in_flight_max));
        let handles = Arc::new(Handles(shared.clone()));
        let inner = Arc::new(Inner { client, config, shared });
        (Self { inner: inner.clone(), _handles: handles }, EntryDriver::new(inner))
    }

    /// The client beneath, for everything that is not an order.
    pub fn client(&self) -> &Arc<Client<P, T, C>> {
        &self.inner.client
    }

    /// Whether the socket takes orders now.
    pub fn state(&self) -> EntryState {
        self.inner.shared.state.borrow().clone()
    }

    /// Waits until the socket takes orders, or never will.
    pub async fn settled(&self) -> EntryState {
        let mut state = self.inner.shared.state.subscribe();
        match state.wait_for(|it| *it != EntryState::Connecting).await {
            Ok(state) => state.clone(),
            Err(_) => EntryState::Connecting,
        }
    }

    /// Places an order.
    ///
    /// # Errors
    /// [`Refused`] if there is certainly no order. An order that may exist is an [`Outcome`], also
    /// when nobody knows what became of it.
    pub async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        self.place_with(order, self.inner.client.patience()).await
    }

    /// As [`place`](Self::place), waiting for the venue's limits or not as `patience` says.
    ///
    /// # Errors
    /// [`Refused`]; [`NotSent::Throttled`] if there was no room.
    pub async fn place_with(
        &self,
        order: &PreparedOrder,
        patience: Patience,
    ) -> Result<Outcome, Refused> {
        let named = Named::of(order)?;
        self.change(&Operation::Place(order), named, patience).await
    }

    /// Cancels an order by our id.
    ///
    /// # Errors
    /// [`Refused`]: certainly nothing was cancelled. With [`RejectReason::UnknownOrder`](crate::RejectReason::UnknownOrder) there was
    /// nothing open to cancel.
    pub async fn cancel(
        &self,
        symbol: Symbol,
        id: ClientOrderId,
        class: OrderClass,
    ) -> Result<Outcome, Refused> {
        let op = Operation::Cancel { symbol, order: OrderRef::Client(id), class };
        let named = Named { symbol, client_order_id: id, class };
        self.change(&op, named, self.inner.client.patience()).await
    }

    /// Changes an order, which is named by our id `id` whatever the amendment names it by.
    ///
    /// # Errors
    /// [`Refused`]: certainly nothing was changed.
    pub async fn amend(
        &self,
        amendment: &Amendment,
        id: ClientOrderId,
    ) -> Result<Outcome, Refused> {
        let named =
            Named { symbol: amendment.symbol, client_order_id: id, class: OrderClass::Plain };
        self.change(&Operation::Amend(amendment), named, self.inner.client.patience()).await
    }

    async fn change(
        &self,
        op: &Operation<'_>,
        named: Named,
        patience: Patience,
    ) -> Result<Outcome, Refused> {
        let Inner { client, config, shared } = &*self.inner;
        if config.rest_fallback && shared.ready().is_none() {
            return client.change(op, named, patience).await;
        }
        let span = observe::span(client.provider(), op, Over::WebSocket);
        let sent = self.exchange(op, patience).instrument(span).await;
        if let Sent::Yes(Err(error), _) = &sent
            && error.is_clock()
        {
            // For the next request; whether this one is still wanted, its sender must say.
            let _ = client.sync_clock().await;
        }
        match sent {
            Sent::Yes(result, signed_at) => client.settle(result, op, named, signed_at),
            Sent::No(cause) if self.falls_back(&cause) => client.change(op, named, patience).await,
            Sent::No(cause) => Err(Refused::NotSent(cause)),
        }
    }

    /// Whether an order that did not leave goes over REST.
    fn falls_back(&self, cause: &NotSent) -> bool {
        let elsewhere = matches!(
            cause,
            NotSent::Connection(_) | NotSent::Encode(EncodeError::NotSupported { .. })
        );
        self.inner.config.rest_fallback && elsewhere
    }

    /// Sends once, waits for the answer, and tells how it went.
    async fn exchange(&self, op: &Operation<'_>, patience: Patience) -> Sent {
        let asked = Instant::now();
        let mut course = Course::default();
        let sent = self.attempt(op, patience, &mut course).await;
        let done = Instant::now();
        let (result, falls_back) = match &sent {
            Sent::No(cause) => ("not_sent", self.falls_back(cause)),
            Sent::Yes(result, _) => (word(result), false),
        };
        // What goes over REST is counted there.
        if !falls_back {
            let took = course.permitted.map_or(Duration::ZERO, |permitted| done - permitted);
            self.inner.client.meter.ended(Over::WebSocket, op.kind(), result, took);
        }
        let span = Span::current();
        if !span.is_disabled() {
            let permitted = course.permitted.unwrap_or(done);
            span.record("permit", micros(permitted - asked));
            if let Some(encoded) = course.encoded {
                let send = (done - encoded).saturating_sub(course.decode);
                Steps { encode: encoded - permitted, send, decode: course.decode }.record(&span);
            }
            span.record("result", result);
            tracing::debug!("done");
        }
        sent
    }

    /// Sends once, and waits for the answer; also tells the timestamp the request was signed with.
    async fn attempt(&self, op: &Operation<'_>, patience: Patience, course: &mut Course) -> Sent {
        let Inner { client, config, shared } = &*self.inner;
        if shared.ready().is_none() {
            return Sent::No(shared.not_ready());
        }
        let permit = match client.permit(op, patience).await {
            Ok(permit) => permit,
            Err(throttle) => return Sent::No(NotSent::Throttled(throttle)),
        };
        let deadline = Instant::now() + config.answer_max;
        let mut line = shared.line.lock().await;
        let Some(connection) = shared.refresh(&mut line) else {
            permit.unused();
            return Sent::No(shared.not_ready());
        };
        let Line { writer: Some((_, writer)), buf } = &mut *line else {
            permit.unused();
            return Sent::No(shared.not_ready());
        };
        course.permitted = Some(Instant::now());
        let (at, id) = (client.venue_now(), shared.next_id());
        let provider = client.provider();
        if let Err(error) = provider.encode_frame(op, at, id, provider.logs_on(), buf) {
            permit.unused();
            return Sent::No(NotSent::Encode(error));
        }
        course.encoded = Some(Instant::now());
        let Some((_entry, answer)) = shared.in_flight.enter(id, connection, op.kind()) else {
            permit.unused();
            return Sent::No(NotSent::Throttled(Throttle::new(ThrottleKind::OrderRate)));
        };
        if let Some(witness) = config.witness {
            (witness.sent)(&buf.request());
        }
        let frame = Message::text(buf.request().body());
        // From here on a byte may have left.
        let written = timeout_at(deadline, writer.send(frame)).await;
        drop(line);
        let unknown = |cause: String| {
            if let Some(witness) = config.witness {
                (witness.answered)(Err(&cause));
            }
            Sent::Yes(Err(Error::Unknown(UnknownCause::Transport(cause))), at)
        };
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                shared.is_broken(connection);
                return unknown(super::dial::describe(error));
            }
            Err(_) => {
                shared.is_broken(connection);
                return unknown("the socket takes nothing".into());
            }
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(Answer::Told { result, usage, decode, frame })) => {
                course.decode = decode;
                if let (Some(witness), Some(frame)) = (config.witness, &frame) {
                    (witness.answered)(Ok(frame));
                }
                client.answered(permit, &usage);
                if let Err(VenueError::Throttled(throttle)) = &result {
                    client.throttled(throttle);
                }
                Sent::Yes(result.map_err(Error::from), at)
            }
            Ok(Ok(Answer::Lost(cause))) => unknown(cause),
            Ok(Err(_)) => unknown("the driver has ended".into()),
            Err(_) => unknown("no answer in time".into()),
        }
    }
}
