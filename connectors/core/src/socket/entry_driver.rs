//! What holds the socket for orders open, and hands out the answers.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use std::sync::Arc;

use futures_util::future::{Fuse, FusedFuture, FutureExt};
use tokio::time::{Instant, Sleep};

use super::entry::{EntryState, Inner};
use super::entry_shared::Shared;
use super::in_flight::Answer;
use super::links::{LinkEvent, Links};
use super::random;
use crate::session::{
    ConnectionId, FrameFault, Refusal, Session, SessionAction, SessionConfig, SessionInput,
};
use crate::{
    Client, Clock, ExchangeProvider, FrameReply, OrderEntry, RequestBuf, Throttle, Timestamp,
    Transport, VenueError,
};

/// Does the work of an [`EntryClient`](super::EntryClient).
pub struct EntryDriver<P, T, C> {
    inner: Arc<Inner<P, T, C>>,
}

impl<P, T, C> fmt::Debug for EntryDriver<P, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryDriver").finish_non_exhaustive()
    }
}

impl<P, T, C> EntryDriver<P, T, C>
where
    P: ExchangeProvider + OrderEntry,
    T: Transport,
    C: Clock,
{
    pub(super) fn new(inner: Arc<Inner<P, T, C>>) -> Self {
        Self { inner }
    }

    /// Runs until the last handle is dropped, or the venue does not let us in. Returns at once where
    /// the venue takes no orders over WebSocket.
    pub async fn run(self) {
        let Inner { client, config, shared } = &*self.inner;
        let client: &Client<P, T, C> = client;
        let Some(url) = client.provider().entry_url() else { return };
        let mut session = SessionConfig::new(client.provider().entry_keep_alive());
        // Answers of orders sent before a hand-over still come on the old connection.
        session.linger = config.answer_max;
        (config.session)(&mut session);
        let keep_alive = session.keep_alive.frame;
        let now = Instant::now();
        let mut line = Line {
            provider: client.provider(),
            shared,
            url,
            session: Session::new(session, core::time::Duration::ZERO),
            links: Links::default(),
            start: now,
            sleep: Box::pin(tokio::time::sleep_until(now)),
            scratch: Vec::new(),
            buf: RequestBuf::new(),
            witnessed: config.witness.is_some(),
        };
        let mut ping = std::pin::pin!(Fuse::terminated());
        let mut set_clock = std::pin::pin!(Fuse::terminated());
        let venue_now = || client.venue_now();
        loop {
            tokio::select! {
                () = shared.news.notified() => {
                    if shared.ended.load(Ordering::Acquire) {
                        return;
                    }
                    if let Some(id) = shared.take_broken() {
                        line.report(id, SessionInput::Closed);
                    }
                }
                wants = poll_fn(|cx| line.poll(cx, &venue_now)) => match wants {
                    Wants::KeepAlive(id) => if let Some(frame) = keep_alive {
                        ping.set(shared.keep_alive(id, frame, config.answer_max).fuse());
                    },
                    Wants::Clock => set_clock.set(client.sync_clock().fuse()),
                    Wants::Pause(throttle) => client.throttled(&throttle),
                    Wants::Connect(id) if client.is_banned() => {
                        line.report(id, SessionInput::Closed);
                    }
                    Wants::Connect(id) => line.links.dial(id, line.url.to_owned()),
                    Wants::Nothing => return,
                },
                () = &mut ping, if !ping.is_terminated() => {}
                _ = &mut set_clock, if !set_clock.is_terminated() => {}
            }
        }
    }
}

/// Without the driver nobody reads the answers: no order may be sent.
impl<P, T, C> Drop for EntryDriver<P, T, C> {
    fn drop(&mut self) {
        let shared = &self.inner.shared;
        if !matches!(*shared.state.borrow(), EntryState::Stopped(_)) {
            shared.becomes(EntryState::Connecting);
        }
        shared.in_flight.lose_all("the driver has ended");
    }
}

/// What the driver cannot do within a poll.
enum Wants {
    KeepAlive(ConnectionId),
    Clock,
    Pause(Throttle),
    Connect(ConnectionId),
    /// The session is over.
    Nothing,
}

struct Line<'a, P> {
    provider: &'a P,
    shared: &'a Shared,
    url: &'a str,
    session: Session,
    links: Links,
    start: Instant,
    sleep: Pin<Box<Sleep>>,
    scratch: Vec<u8>,
    buf: RequestBuf,
    witnessed: bool,
}

impl<P: OrderEntry> Line<'_, P> {
    fn poll(&mut self, cx: &mut Context<'_>, venue_now: &dyn Fn() -> Timestamp) -> Poll<Wants> {
        loop {
            let wants = if let Some(action) = self.session.poll() {
                self.act(action, venue_now)
            } else if let Poll::Ready((id, event)) = self.links.poll(cx) {
                self.take(id, event)
            } else {
                let Some(wake) = self.session.wake_at() else { return Poll::Pending };
                let (wake, now) = (self.start + wake, Instant::now());
                if wake <= now {
                    self.session.tick(now - self.start, random());
                    continue;
                }
                // Every answer moves the moment on: only one that comes too late is set anew.
                if self.sleep.deadline() > wake || self.sleep.is_elapsed() {
                    self.sleep.as_mut().reset(wake);
                }
                if self.sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                None
            };
            if let Some(wants) = wants {
                return Poll::Ready(wants);
            }
        }
    }

    fn act(&mut self, action: SessionAction, venue_now: &dyn Fn() -> Timestamp) -> Option<Wants> {
        match action {
            SessionAction::Connect(id) => {
                if self.session.connections() > 1 {
                    metrics::counter!("hoox_reconnects_total", "stream" => "entry").increment(1);
                }
                return Some(Wants::Connect(id));
            }
            SessionAction::Authenticate(id) => self.log_on(id, venue_now()),
            SessionAction::Subscribe(id) => self.report(id, SessionInput::Subscribed),
            SessionAction::KeepAlive(id) => return Some(Wants::KeepAlive(id)),
            SessionAction::Close(id) => {
                self.links.close(id);
                self.shared.in_flight.lose(id, "the connection was lost");
            }
            SessionAction::Ready { connection, .. } => match self.links.split(connection) {
                Some(writer) => self.shared.becomes_ready(connection, writer),
                None => self.report(connection, SessionInput::Closed),
            },
            SessionAction::Lost => self.shared.becomes(EntryState::Connecting),
            SessionAction::Stopped(refusal) => {
                tracing::error!(%refusal, "order entry stopped");
                self.shared.becomes(EntryState::Stopped(Arc::new(refusal)));
                return Some(Wants::Nothing);
            }
        }
        None
    }

    fn log_on(&mut self, id: ConnectionId, at: Timestamp) {
        if !self.provider.logs_on() {
            return self.report(id, SessionInput::Authenticated);
        }
        match self.provider.encode_logon(at, self.shared.next_id(), &mut self.buf) {
            Ok(()) => self.links.send(id, self.buf.request().body().to_owned()),
            Err(error) => {
                let message = error.to_string().into();
                self.report(id, SessionInput::Refused(Refusal { code: 0, message }));
            }
        }
    }

    fn take(&mut self, id: ConnectionId, event: LinkEvent) -> Option<Wants> {
        match event {
            LinkEvent::Opened => self.report(id, SessionInput::Opened),
            LinkEvent::Text(text) => return self.read(id, text.as_bytes()),
            LinkEvent::Binary(_) => {
                self.bad_frame(id, FrameFault::UnexpectedKind, &"a binary frame");
            }
            LinkEvent::Control => self.report(id, SessionInput::Heard),
            LinkEvent::Fault(fault) => self.bad_frame(id, fault, &fault),
            LinkEvent::Closed(cause) => {
                tracing::debug!(stream = "entry", cause, "connection closed");
                self.shared.in_flight.lose(id, &cause);
                self.report(id, SessionInput::Closed);
            }
        }
        None
    }

    fn read(&mut self, id: ConnectionId, frame: &[u8]) -> Option<Wants> {
        self.report(id, SessionInput::Heard);
        self.scratch.clear();
        self.scratch.extend_from_slice(frame);
        let in_flight = &self.shared.in_flight;
        let started = Instant::now();
        match self.provider.decode_frame(&mut self.scratch, &|id| in_flight.kind(id)) {
            Ok(FrameReply::Answer { request_id, result, usage }) => {
                let decode = started.elapsed();
                let frame = self.witnessed.then(|| frame.into());
                in_flight.answer(request_id, Answer::Told { result, usage, decode, frame });
            }
            Ok(FrameReply::LoggedOn(Ok(()))) => self.report(id, SessionInput::Authenticated),
            Ok(FrameReply::LoggedOn(Err(error))) => return self.refused(id, error),
            Ok(FrameReply::Reconnect) => self.report(id, SessionInput::Reconnect),
            Ok(FrameReply::Pong | FrameReply::Other) => {}
            // Nobody knows whose answer it was.
            Err(error) => self.bad_frame(id, FrameFault::Malformed, &error),
        }
        None
    }

    fn refused(&mut self, id: ConnectionId, error: VenueError) -> Option<Wants> {
        match error {
            VenueError::Rejected(it) => {
                let refusal = Refusal { code: it.code, message: it.message };
                self.report(id, SessionInput::Refused(refusal));
                Some(Wants::Clock)
            }
            VenueError::Throttled(throttle) => {
                self.report(id, SessionInput::Closed);
                Some(Wants::Pause(throttle))
            }
            VenueError::Unknown(_) | VenueError::Malformed(_) => {
                self.report(id, SessionInput::Closed);
                None
            }
        }
    }

    /// The session connects anew; the log tells once of each cause.
    fn bad_frame(&mut self, id: ConnectionId, fault: FrameFault, error: &dyn fmt::Display) {
        metrics::counter!(
            "hoox_bad_frames_total", "stream" => "entry", "cause" => fault.as_str()
        )
        .increment(1);
        if self.session.faults(fault) == 0 {
            tracing::warn!(stream = "entry", cause = %fault, %error, "frame cannot be read");
        }
        self.report(id, SessionInput::BadFrame(fault));
    }

    fn report(&mut self, id: ConnectionId, input: SessionInput) {
        let now = Instant::now() - self.start;
        // Only what makes the session wait takes a random number.
        let random = if matches!(input, SessionInput::Heard) { 0 } else { random() };
        self.session.handle(id, input, now, random);
    }
}
