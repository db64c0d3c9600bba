//! A session of a stream: the state machine, its connections and the dialect's frames, polled as one.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::VecDeque;

use tokio::time::{Instant, Sleep};

use super::links::{LinkEvent, Links};
use super::random;
use crate::session::{
    ConnectionId, FrameFault, Refusal, Session, SessionAction, SessionConfig, SessionInput,
};
use crate::stream::StreamLimits;
use crate::{
    Channel, Event, Frame, Socket, StreamProvider, Throttle, Timestamp, Topic, VenueError,
};

/// What the owner of a stream has to know.
#[allow(clippy::large_enum_variant)] // boxing would allocate per event
pub(super) enum Occurrence {
    /// A connection is wanted: answer with [`Driven::dial`], or with [`Driven::cannot_dial`].
    Connect(ConnectionId),
    /// The venue told something; `current` tells whether on the connection that carries the session.
    Event { event: Event, current: bool },
    /// A connection carries the session; with a `gap` before it, something may have been missed.
    Ready { gap: bool },
    /// No connection carries the session.
    Lost,
    /// Nothing is heard any more, also of a connection that was not ready yet.
    Deaf,
    /// A connection that failed before it was open.
    NotOpened,
    /// The venue refused to authenticate us, which may be the clock's fault.
    Refused,
    /// The venue turned us away for a limit.
    Throttled(Throttle),
    /// The session is over.
    Stopped(Refusal),
}

pub(super) struct Driven {
    session: Session,
    socket: Socket,
    limits: StreamLimits,
    links: Links,
    topics: Vec<Topic>,
    start: Instant,
    sleep: Pin<Box<Sleep>>,
    /// Frames that wait for their turn, and when that is.
    paced: VecDeque<(ConnectionId, String)>,
    next_frame_at: Instant,
    /// How many subscriptions of a connection are not answered yet.
    unanswered: Vec<(ConnectionId, usize)>,
    requests: u64,
    occurred: VecDeque<Occurrence>,
    /// For logs: which stream it is.
    name: &'static str,
    frames_read: metrics::Counter,
}

impl Driven {
    /// A stream that connects at once.
    pub(super) fn new<P: StreamProvider>(
        provider: &P,
        socket: Socket,
        settle: impl FnOnce(&mut SessionConfig),
    ) -> Self {
        let mut config = SessionConfig::new(provider.keep_alive(socket));
        settle(&mut config);
        let now = Instant::now();
        let name = match socket {
            Socket::Public => "public",
            Socket::Market => "market",
            Socket::Private => "private",
        };
        Self {
            session: Session::new(config, Duration::ZERO),
            socket,
            limits: provider.stream_limits(),
            links: Links::default(),
            topics: Vec::new(),
            start: now,
            sleep: Box::pin(tokio::time::sleep_until(now)),
            paced: VecDeque::new(),
            next_frame_at: now,
            unanswered: Vec::new(),
            requests: 0,
            occurred: VecDeque::new(),
            name,
            frames_read: metrics::counter!("hoox_frames_total", "stream" => name),
        }
    }

    pub(super) fn socket(&self) -> Socket {
        self.socket
    }

    pub(super) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Whether two connections may tell the same things.
    pub(super) fn overlaps(&self) -> bool {
        self.session.overlaps()
    }

    pub(super) fn dial(&mut self, id: ConnectionId, url: String) {
        self.links.dial(id, url);
    }

    /// There is no address to connect to, for now or because the venue refuses us.
    pub(super) fn cannot_dial(&mut self, id: ConnectionId, refusal: Option<Refusal>) {
        if refusal.is_some() {
            self.occurred.push_back(Occurrence::Refused);
        }
        self.report(id, refusal.map_or(SessionInput::Closed, SessionInput::Refused));
    }

    /// Opens another connection before the current one ends, as if the venue had announced it.
    pub(super) fn replace(&mut self) {
        if let Some(id) = self.session.current() {
            self.report(id, SessionInput::Reconnect);
        }
    }

    /// Subscribes to more, now and on every connection to come.
    pub(super) fn subscribe<P: StreamProvider>(&mut self, provider: &P, topics: &[Topic]) {
        self.topics.extend_from_slice(topics);
        self.ask(provider, topics, P::subscribe);
    }

    pub(super) fn unsubscribe<P: StreamProvider>(&mut self, provider: &P, topics: &[Topic]) {
        self.topics.retain(|topic| !topics.contains(topic));
        self.ask(provider, topics, P::unsubscribe);
    }

    /// Asks for topics again, for the snapshot that comes first.
    pub(super) fn subscribe_again<P: StreamProvider>(&mut self, provider: &P, topics: &[Topic]) {
        self.ask(provider, topics, P::unsubscribe);
        self.ask(provider, topics, P::subscribe);
    }

    /// The next thing the owner has to know. `venue_now` is the present by the venue's clock.
    pub(super) fn poll<P: StreamProvider>(
        &mut self,
        cx: &mut Context<'_>,
        provider: &P,
        venue_now: &dyn Fn() -> Timestamp,
    ) -> Poll<Occurrence> {
        loop {
            if let Some(occurred) = self.occurred.pop_front() {
                return Poll::Ready(occurred);
            }
            if let Some(action) = self.session.poll() {
                self.act(action, provider, venue_now);
            } else if let Poll::Ready((id, event)) = self.links.poll(cx) {
                self.take(id, event, provider);
            } else if self.poll_time(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Does what is due, and waits for the next moment at which something will be.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        if self.next_frame_at <= now
            && let Some((id, frame)) = self.paced.pop_front()
        {
            self.links.send(id, frame);
            self.next_frame_at = now + self.limits.request_gap;
            return Poll::Ready(());
        }
        let wake = self.session.wake_at().map(|wake| self.start + wake);
        if wake.is_some_and(|wake| wake <= now) {
            self.session.tick(now - self.start, random());
            return Poll::Ready(());
        }
        let frame = Some(self.next_frame_at).filter(|_| !self.paced.is_empty());
        let Some(wake) = wake.into_iter().chain(frame).min() else { return Poll::Pending };
        // Every frame moves the moment on: only one that comes too late is set anew.
        if self.sleep.deadline() > wake || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(wake);
        }
        self.sleep.as_mut().poll(cx)
    }

    fn act<P: StreamProvider>(
        &mut self,
        action: SessionAction,
        provider: &P,
        venue_now: &dyn Fn() -> Timestamp,
    ) {
        match action {
            SessionAction::Connect(id) => {
                if self.session.connections() > 1 {
                    metrics::counter!("hoox_reconnects_total", "stream" => self.name).increment(1);
                }
                self.occurred.push_back(Occurrence::Connect(id));
            }
            SessionAction::Authenticate(id) => self.authenticate(id, provider, venue_now()),
            SessionAction::Subscribe(id) => self.subscribe_all(id, provider),
            SessionAction::KeepAlive(id) => {
                if let Some(frame) = provider.keep_alive(self.socket).frame {
                    self.links.send(id, frame.into());
                }
            }
            SessionAction::Close(id) => {
                self.links.close(id);
                self.paced.retain(|(of, _)| *of != id);
                self.unanswered.retain(|(of, _)| *of != id);
                if self.session.current().is_none() {
                    self.occurred.push_back(Occurrence::Deaf);
                }
            }
            SessionAction::Ready { gap, .. } => {
                tracing::debug!(stream = self.name, gap, "stream ready");
                self.occurred.push_back(Occurrence::Ready { gap });
            }
            SessionAction::Lost => self.occurred.push_back(Occurrence::Lost),
            SessionAction::Stopped(refusal) => {
                tracing::error!(stream = self.name, %refusal, "stream stopped");
                self.occurred.push_back(Occurrence::Stopped(refusal));
            }
        }
    }

    fn authenticate<P: StreamProvider>(&mut self, id: ConnectionId, provider: &P, at: Timestamp) {
        let mut frame = String::new();
        if self.socket == Socket::Private {
            self.requests += 1;
            if let Err(error) = provider.authenticate(at, self.requests, &mut frame) {
                let message = error.to_string().into();
                return self.report(id, SessionInput::Refused(Refusal { code: 0, message }));
            }
        }
        if frame.is_empty() {
            self.report(id, SessionInput::Authenticated);
        } else {
            self.links.send(id, frame);
        }
    }

    fn subscribe_all<P: StreamProvider>(&mut self, id: ConnectionId, provider: &P) {
        let topics = core::mem::take(&mut self.topics);
        let frames = self.frames(provider, &topics, P::subscribe);
        self.topics = topics;
        if frames.is_empty() {
            return self.report(id, SessionInput::Subscribed);
        }
        self.unanswered.push((id, frames.len()));
        self.paced.extend(frames.into_iter().map(|frame| (id, frame)));
    }

    /// Asks on every connection that has asked for its topics already.
    fn ask<P: StreamProvider>(&mut self, provider: &P, topics: &[Topic], write: Write<P>) {
        let frames = self.frames(provider, topics, write);
        let mut asked: Vec<ConnectionId> = self.unanswered.iter().map(|(id, _)| *id).collect();
        asked.extend(self.session.current());
        asked.sort_unstable();
        asked.dedup();
        for id in asked {
            self.paced.extend(frames.iter().map(|frame| (id, frame.clone())));
        }
    }

    fn frames<P: StreamProvider>(
        &mut self,
        provider: &P,
        topics: &[Topic],
        write: Write<P>,
    ) -> Vec<String> {
        let mut frames = Vec::new();
        for some in topics.chunks(self.limits.topics_per_request.max(1)) {
            self.requests += 1;
            let mut frame = String::new();
            match write(provider, some, self.requests, &mut frame) {
                Ok(()) if frame.is_empty() => {}
                Ok(()) => frames.push(frame),
                Err(error) => {
                    let message = error.to_string().into();
                    let event = Event::Refused { code: 0, message };
                    self.occurred.push_back(Occurrence::Event { event, current: true });
                }
            }
        }
        frames
    }

    fn take<P: StreamProvider>(&mut self, id: ConnectionId, event: LinkEvent, provider: &P) {
        match event {
            LinkEvent::Opened => self.report(id, SessionInput::Opened),
            LinkEvent::Text(text) => self.read(id, Frame::Text(&text), provider),
            LinkEvent::Binary(bytes) => self.read(id, Frame::Binary(&bytes), provider),
            LinkEvent::Control => self.report(id, SessionInput::Heard),
            LinkEvent::Fault(fault) => self.bad_frame(id, fault, &fault),
            LinkEvent::Closed(cause) => {
                tracing::debug!(stream = self.name, cause, "connection closed");
                if self.session.current() != Some(id) {
                    self.occurred.push_back(Occurrence::NotOpened);
                }
                self.report(id, SessionInput::Closed);
            }
        }
    }

    fn read<P: StreamProvider>(&mut self, id: ConnectionId, frame: Frame<'_>, provider: &P) {
        self.frames_read.increment(1);
        self.report(id, SessionInput::Heard);
        let current = self.session.current() == Some(id);
        let carried = self.session.current().is_some_and(|current| id <= current);
        let occurred = &mut self.occurred;
        let mut answers = Answers::default();
        let result = provider.read(frame, &mut |event| match event {
            Event::Subscribed(_) => answers.subscribed += 1,
            Event::Authenticated => answers.authenticated = true,
            Event::Pong => {}
            Event::Refused { code, message } if !carried && answers.refused.is_none() => {
                answers.refused = Some(Refusal { code, message });
            }
            Event::Reconnect => {
                answers.reconnect = true;
                occurred.push_back(Occurrence::Event { event, current });
            }
            event => occurred.push_back(Occurrence::Event { event, current }),
        });
        if answers != Answers::default() {
            self.answered(id, answers, provider);
        }
        if let Err(error) = result {
            self.bad_frame(id, FrameFault::from(&error), &error);
        }
    }

    fn answered<P: StreamProvider>(&mut self, id: ConnectionId, answers: Answers, provider: &P) {
        if answers.authenticated {
            self.report(id, SessionInput::Authenticated);
        }
        let mut count = answers.subscribed;
        if let Some(refusal) = answers.refused {
            if self.socket == Socket::Private {
                return self.refused(id, refusal, provider);
            }
            // A refused topic is no reason to give up the others.
            count += 1;
            let Refusal { code, message } = refusal;
            let event = Event::Refused { code, message };
            self.occurred.push_back(Occurrence::Event { event, current: false });
        }
        if let Some((_, left)) = self.unanswered.iter_mut().find(|(of, _)| *of == id) {
            *left = left.saturating_sub(count);
            if *left == 0 {
                self.unanswered.retain(|(of, _)| *of != id);
                self.report(id, SessionInput::Subscribed);
            }
        }
        if answers.reconnect {
            self.report(id, SessionInput::Reconnect);
        }
    }

    /// The private socket does not let us in. What is no fault of the key passes.
    fn refused<P: StreamProvider>(&mut self, id: ConnectionId, refusal: Refusal, provider: &P) {
        match provider.refusal(refusal.code, &refusal.message) {
            VenueError::Rejected(_) => {
                self.occurred.push_back(Occurrence::Refused);
                self.report(id, SessionInput::Refused(refusal));
            }
            VenueError::Throttled(throttle) => {
                self.occurred.push_back(Occurrence::Throttled(throttle));
                self.report(id, SessionInput::Closed);
            }
            VenueError::Unknown(_) | VenueError::Malformed(_) => {
                self.report(id, SessionInput::Closed);
            }
        }
    }

    /// The session connects anew; the log tells once of each cause.
    fn bad_frame(&mut self, id: ConnectionId, fault: FrameFault, error: &dyn core::fmt::Display) {
        metrics::counter!(
            "hoox_bad_frames_total", "stream" => self.name, "cause" => fault.as_str()
        )
        .increment(1);
        if self.session.faults(fault) == 0 {
            tracing::warn!(stream = self.name, cause = %fault, %error, "frame cannot be read");
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

/// What a frame answers of what was asked.
#[derive(Default, PartialEq)]
struct Answers {
    subscribed: usize,
    authenticated: bool,
    refused: Option<Refusal>,
    reconnect: bool,
}

type Write<P> = fn(&P, &[Topic], u64, &mut String) -> Result<(), crate::EncodeError>;

/// The topic that stands for the whole account.
pub(super) const ACCOUNT: Topic = Topic { channel: Channel::Account, symbol: None };
