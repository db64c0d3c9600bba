//! One order-entry session: the pure state machine of the connectors, driven by what the platform
//! tells of its WebSockets.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use futures_channel::oneshot;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use hoox_connector::session::{
    ConnectionId, FrameFault, Refusal, Session, SessionAction, SessionConfig, SessionInput,
};
use hoox_connector::{Clock, FrameReply, OperationKind, OrderEntry, RequestBuf, VenueError};
use hoox_edge::{WorkerClock, fetch, log, outgoing};
use hoox_router::LogLevel;
use worker::wasm_bindgen_futures::spawn_local;
use worker::{Delay, Headers, WebSocket, WebsocketEvent};

use crate::accounts::SharedClient;

/// How long an answer is waited for until an order's outcome is unknown.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How long a socket may be silent whose pings the platform answers and never shows.
const SILENCE_MAX: Duration = Duration::from_secs(60 * 60);

/// The most orders that wait for their answers.
const WAITING_MAX: usize = 1_024;

/// What became of a frame.
#[derive(Debug)]
pub(super) enum Sent {
    /// No byte of it left.
    Not,
    /// The frame that answered it.
    Answered(String),
    /// It left, or may have; why nobody knows more.
    Lost(String),
}

/// The socket of one account.
#[derive(Debug)]
pub(super) struct Link {
    account: String,
    client: Arc<SharedClient>,
    session: RefCell<Option<Session>>,
    sockets: RefCell<Vec<(ConnectionId, WebSocket)>>,
    /// The connection that takes orders.
    ready: Cell<Option<ConnectionId>>,
    waiting: RefCell<HashMap<u64, (ConnectionId, oneshot::Sender<Sent>)>>,
    /// When the session is looked at next, and by which of those that wait.
    wake: Cell<(Option<Duration>, u64)>,
    logons: Cell<u64>,
}

impl Link {
    pub(super) fn new(account: String, client: Arc<SharedClient>) -> Self {
        let (session, sockets, ready, waiting) = Default::default();
        let (wake, logons) = Default::default();
        Self { account, client, session, sockets, ready, waiting, wake, logons }
    }

    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// Begins the session, where there is none.
    pub(super) fn open(self: &Rc<Self>) {
        let provider = self.client.provider();
        if self.session.borrow().is_some() || provider.entry_url().is_none() {
            return;
        }
        let mut config = SessionConfig::new(provider.entry_keep_alive());
        // Answers of orders sent before a hand-over still come on the old connection.
        config.linger = ANSWER_MAX;
        if config.keep_alive.frame.is_none() {
            config.keep_alive.silence_max = SILENCE_MAX;
        }
        self.session.replace(Some(Session::new(config, WorkerClock.monotonic())));
        self.carry_on();
    }

    /// Ends the session. Orders under way are looked up by their ids.
    pub(super) fn shut(&self) {
        self.session.take();
        self.ready.set(None);
        for (id, socket) in self.sockets.take() {
            let _ = socket.close::<&str>(Some(1_000), None);
            self.lose(id, "the socket is not wanted any more");
        }
    }

    /// Sends the frame of one order and waits for its answer.
    pub(super) async fn send(self: &Rc<Self>, number: u64, frame: &str) -> Sent {
        let Some(id) = self.ready.get() else { return Sent::Not };
        let answer = {
            let mut waiting = self.waiting.borrow_mut();
            if waiting.len() >= WAITING_MAX || waiting.contains_key(&number) {
                return Sent::Not;
            }
            let (told, answer) = oneshot::channel();
            waiting.insert(number, (id, told));
            answer
        };
        if !self.write(id, frame) {
            self.waiting.borrow_mut().remove(&number);
            self.report(id, SessionInput::Closed);
            return Sent::Not;
        }
        let limit = core::pin::pin!(Delay::from(ANSWER_MAX));
        let sent = match select(answer, limit).await {
            Either::Left((sent, _)) => sent.unwrap_or_else(|_| Sent::Lost("no answer".into())),
            Either::Right(_) => {
                // A socket that does not answer is not one for the next order.
                self.report(id, SessionInput::Closed);
                Sent::Lost("no answer in time".into())
            }
        };
        self.waiting.borrow_mut().remove(&number);
        sent
    }

    /// Whether the platform took the frame; if not, no byte of it has left.
    fn write(&self, id: ConnectionId, frame: &str) -> bool {
        let sockets = self.sockets.borrow();
        let socket = sockets.iter().find(|(other, _)| *other == id);
        socket.is_some_and(|(_, socket)| socket.send_with_str(frame).is_ok())
    }

    fn report(self: &Rc<Self>, id: ConnectionId, input: SessionInput) {
        self.take_note(id, input);
        self.carry_on();
    }

    fn take_note(&self, id: ConnectionId, input: SessionInput) {
        if let Some(session) = self.session.borrow_mut().as_mut() {
            session.handle(id, input, WorkerClock.monotonic(), random());
        }
    }

    /// Does what the session wants, and sees to it that it is looked at again in time.
    fn carry_on(self: &Rc<Self>) {
        loop {
            let action = self.session.borrow_mut().as_mut().and_then(Session::poll);
            let Some(action) = action else { break };
            self.act(action);
        }
        let wake = self.session.borrow().as_ref().and_then(Session::wake_at);
        let (set, turn) = self.wake.get();
        if wake == set {
            return;
        }
        self.wake.set((wake, turn.wrapping_add(1)));
        let Some(wake) = wake else { return };
        let link = Rc::clone(self);
        spawn_local(async move {
            Delay::from(wake.saturating_sub(WorkerClock.monotonic())).await;
            if link.wake.get().1 != turn.wrapping_add(1) {
                return;
            }
            link.wake.set((None, turn.wrapping_add(1)));
            if let Some(session) = link.session.borrow_mut().as_mut() {
                session.tick(WorkerClock.monotonic().max(wake), random());
            }
            link.carry_on();
        });
    }

    fn act(self: &Rc<Self>, action: SessionAction) {
        match action {
            SessionAction::Connect(id) => {
                let link = Rc::clone(self);
                spawn_local(async move { link.connect(id).await });
            }
            SessionAction::Authenticate(id) => self.log_on(id),
            SessionAction::Subscribe(id) => self.take_note(id, SessionInput::Subscribed),
            SessionAction::KeepAlive(id) => {
                let frame = self.client.provider().entry_keep_alive().frame;
                if frame.is_some_and(|frame| !self.write(id, frame)) {
                    self.take_note(id, SessionInput::Closed);
                }
            }
            SessionAction::Close(id) => {
                let mut sockets = self.sockets.borrow_mut();
                for (_, socket) in sockets.extract_if(.., |(other, _)| *other == id) {
                    let _ = socket.close::<&str>(Some(1_000), None);
                }
                drop(sockets);
                self.lose(id, "the connection was lost");
            }
            SessionAction::Ready { connection, .. } => self.ready.set(Some(connection)),
            SessionAction::Lost => self.ready.set(None),
            SessionAction::Stopped(_) => {
                self.ready.set(None);
                let text = "the venue lets no session for orders in; they go over REST";
                log(LogLevel::Error, None, text);
            }
            // Whatever else a session may come to want, this one goes without.
            _ => {}
        }
    }

    /// Opens a connection and reads it to its end.
    async fn connect(self: &Rc<Self>, id: ConnectionId) {
        if self.client.clock_error().is_none() {
            let _ = self.client.sync_clock().await;
        }
        let socket = self.client.provider().entry_url().map(dial);
        let Some(Ok(socket)) = (match socket {
            Some(dialing) => Some(dialing.await),
            None => None,
        }) else {
            return self.report(id, SessionInput::Closed);
        };
        let (Ok(mut events), Ok(())) = (socket.events(), socket.accept()) else {
            return self.report(id, SessionInput::Closed);
        };
        self.sockets.borrow_mut().push((id, socket.clone()));
        self.report(id, SessionInput::Opened);
        while let Some(Ok(event)) = events.next().await {
            match event {
                WebsocketEvent::Message(message) => match message.text() {
                    Some(text) => self.read(id, text),
                    None => self.report(id, SessionInput::BadFrame(FrameFault::UnexpectedKind)),
                },
                WebsocketEvent::Close(_) => break,
            }
        }
        self.lose(id, "the connection was closed");
        self.report(id, SessionInput::Closed);
    }

    fn log_on(self: &Rc<Self>, id: ConnectionId) {
        let provider = self.client.provider();
        if !provider.logs_on() {
            return self.take_note(id, SessionInput::Authenticated);
        }
        let number = self.logons.get().wrapping_add(1);
        self.logons.set(number);
        let mut buf = RequestBuf::new();
        match provider.encode_logon(self.client.venue_now(), number, &mut buf) {
            Ok(()) if self.write(id, buf.request().body()) => {}
            Ok(()) => self.take_note(id, SessionInput::Closed),
            Err(error) => {
                let refusal = Refusal { code: 0, message: error.to_string().into() };
                self.take_note(id, SessionInput::Refused(refusal));
            }
        }
    }

    fn read(self: &Rc<Self>, id: ConnectionId, text: String) {
        let asked =
            |number| self.waiting.borrow().contains_key(&number).then_some(OperationKind::Place);
        let mut scratch = text.clone().into_bytes();
        let input = match self.client.provider().decode_frame(&mut scratch, &asked) {
            Ok(FrameReply::Answer { request_id, .. }) => {
                let waiting = self.waiting.borrow_mut().remove(&request_id);
                if let Some((_, told)) = waiting {
                    let _ = told.send(Sent::Answered(text));
                }
                SessionInput::Heard
            }
            Ok(FrameReply::LoggedOn(Ok(()))) => SessionInput::Authenticated,
            Ok(FrameReply::LoggedOn(Err(VenueError::Rejected(it)))) => {
                SessionInput::Refused(Refusal { code: it.code, message: it.message })
            }
            Ok(FrameReply::LoggedOn(Err(_))) => SessionInput::Closed,
            Ok(FrameReply::Reconnect) => SessionInput::Reconnect,
            Ok(_) => SessionInput::Heard,
            // Nobody knows whose answer it was.
            Err(_) => SessionInput::BadFrame(FrameFault::Malformed),
        };
        self.report(id, input);
    }

    /// Tells everyone who waits on a connection that it is gone.
    fn lose(&self, id: ConnectionId, cause: &str) {
        let mut waiting = self.waiting.borrow_mut();
        for (_, (_, told)) in waiting.extract_if(|_, (other, _)| *other == id) {
            let _ = told.send(Sent::Lost(cause.to_owned()));
        }
    }
}

/// A WebSocket, by the request that becomes one.
async fn dial(url: &str) -> worker::Result<WebSocket> {
    let url = match url.strip_prefix("ws") {
        Some(rest) => format!("http{rest}"),
        None => url.to_owned(),
    };
    let headers = Headers::new();
    headers.set("upgrade", "websocket")?;
    let response = fetch(&outgoing(&url, "GET", &headers, "", None)?).await?;
    response.websocket().ok_or_else(|| "no WebSocket".into())
}

/// Any number: for waits that differ.
fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without one every wait is the same, and nothing worse.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
