//! WebSocket connections: the handshake, and one task per connection that carries frames between
//! the socket and the exchange.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as WireFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Utf8Bytes};

use super::{lock, now_ms, pause};
use crate::exchange::Exchange;
use crate::http::{Handled, HttpRequest, HttpResponse};
use crate::ws::{Frame, MAX_MESSAGE, Message, SessionId};

/// How long a closing client may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(5);

/// The exchange is looked at again at least this often while sessions are open.
const LONGEST_WAIT_MS: u64 = 1_000;

/// How much is read at a time. The library fills as much with zeros before each read.
const READ_SIZE: usize = 16 * 1024;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A connection about to become a WebSocket.
pub(super) struct Upgrading {
    pub(super) session: SessionId,
    pub(super) upgrade: OnUpgrade,
}

/// All WebSocket connections of a server.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) exchange: Arc<Mutex<Exchange>>,
    /// Tells a connection's task that frames wait.
    bells: Mutex<HashMap<SessionId, Arc<Notify>>>,
    /// Tells the clock that something is due earlier than it thinks.
    changed: Notify,
    /// When the clock looks at the exchange next, Unix milliseconds.
    planned_ms: AtomicU64,
}

impl Sockets {
    pub(super) fn new(exchange: Arc<Mutex<Exchange>>) -> Self {
        Self {
            exchange,
            bells: Mutex::new(HashMap::new()),
            changed: Notify::new(),
            planned_ms: AtomicU64::new(u64::MAX),
        }
    }

    /// Rings for all sessions that have frames waiting.
    pub(super) fn wake(&self) {
        self.ring();
        let due = lock(&self.exchange).next_due();
        if due.is_some_and(|due| due < self.planned_ms.load(Ordering::Relaxed)) {
            self.changed.notify_one();
        }
    }

    /// Moves the exchange on as time passes. Never returns.
    pub(super) async fn tick(self: Arc<Self>) {
        loop {
            let next = {
                let mut exchange = lock(&self.exchange);
                exchange.poll(now_ms())
            };
            let Some(next) = next else {
                self.planned_ms.store(u64::MAX, Ordering::Relaxed);
                self.changed.notified().await;
                continue;
            };
            self.ring();
            let wait = next.saturating_sub(now_ms()).min(LONGEST_WAIT_MS);
            self.planned_ms.store(now_ms() + wait, Ordering::Relaxed);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(wait.max(1))) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Opens a session. `Err(None)`: close the connection without a word.
    pub(super) async fn connect(
        &self,
        request: &HttpRequest<'_>,
    ) -> Result<SessionId, Option<HttpResponse>> {
        let opened = lock(&self.exchange).connect(now_ms(), request);
        let session = match opened {
            Ok(session) => session,
            Err(Handled::Reply(reply)) => return Err(Some(reply)),
            Err(Handled::ReplyAfter(ms, reply)) => {
                pause(ms).await;
                return Err(Some(reply));
            }
            Err(Handled::Drop | Handled::Cut(_)) => return Err(None),
            Err(Handled::HandleAfter(ms)) => {
                pause(ms).await;
                lock(&self.exchange).connect_late(now_ms(), request).map_err(Some)?
            }
        };
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.insert(session, Arc::new(Notify::new()));
        drop(bells);
        self.changed.notify_one();
        Ok(session)
    }

    /// Serves one connection until it ends.
    pub(super) async fn run(&self, upgrading: Upgrading) {
        let Upgrading { session, upgrade } = upgrading;
        match upgrade.await {
            Ok(upgraded) => {
                let config = WebSocketConfig::default()
                    .read_buffer_size(READ_SIZE)
                    .max_message_size(Some(MAX_MESSAGE))
                    .max_frame_size(Some(MAX_MESSAGE));
                let io = TokioIo::new(upgraded);
                let mut socket =
                    WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                if let Err(error) = self.carry(session, &mut socket).await {
                    tracing::debug!(%error, "WebSocket connection ended");
                }
            }
            Err(error) => tracing::debug!(%error, "upgrade failed"),
        }
        lock(&self.exchange).closed(session);
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
    }

    /// Carries frames both ways until either side closes.
    async fn carry(
        &self,
        session: SessionId,
        socket: &mut Socket,
    ) -> Result<(), tungstenite::Error> {
        let bell = {
            let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
            bells.get(&session).cloned().unwrap_or_default()
        };
        loop {
            let (frames, silent) = {
                let mut exchange = lock(&self.exchange);
                let now_ms = now_ms();
                (exchange.take_frames(now_ms, session), exchange.is_silent(now_ms, session))
            };
            for frame in frames {
                if !self.send(&bell, session, socket, frame).await? {
                    return Ok(());
                }
            }
            tokio::select! {
                () = bell.notified() => {}
                // A silenced connection is not read either, so that not even pongs go out.
                received = socket.next(), if !silent => {
                    let Some(message) = received.transpose()? else { return Ok(()) };
                    let message = match message {
                        tungstenite::Message::Text(text) => Message::Text(text.as_str().to_owned()),
                        tungstenite::Message::Binary(bytes) => Message::Binary(bytes.to_vec()),
                        tungstenite::Message::Ping(bytes) => Message::Ping(bytes.to_vec()),
                        tungstenite::Message::Pong(bytes) => Message::Pong(bytes.to_vec()),
                        tungstenite::Message::Close(_) | tungstenite::Message::Frame(_) => continue,
                    };
                    lock(&self.exchange).message(now_ms(), session, message);
                    self.wake();
                }
            }
        }
    }

    /// Sends one frame; false when the connection ends with it. A client that does not read holds
    /// this up until its outbox overflows, which then cuts the connection.
    async fn send(
        &self,
        bell: &Notify,
        session: SessionId,
        socket: &mut Socket,
        frame: Frame,
    ) -> Result<bool, tungstenite::Error> {
        let message = match frame {
            Frame::Text(text) => tungstenite::Message::Text(text.into()),
            Frame::Binary(bytes) => tungstenite::Message::Binary(bytes.into()),
            Frame::NotUtf8(bytes) => {
                let text = OpCode::Data(Data::Text);
                tungstenite::Message::Frame(WireFrame::message(bytes, text, true))
            }
            Frame::Ping(payload) => tungstenite::Message::Ping(payload.into()),
            Frame::Close(code, reason) => {
                let frame = CloseFrame {
                    code: CloseCode::from(code),
                    reason: Utf8Bytes::from_static(reason),
                };
                let goodbye = async {
                    socket.close(Some(frame)).await?;
                    while socket.next().await.transpose()?.is_some() {}
                    Ok::<(), tungstenite::Error>(())
                };
                // Whether the client answers in time makes no difference: this is the end.
                let _ = tokio::time::timeout(FAREWELL, goodbye).await;
                return Ok(false);
            }
            Frame::Reset => return Ok(false),
        };
        let sending = socket.send(message);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                // First: the bell that rang for this very frame must not hold it up.
                biased;
                sent = &mut sending => return sent.map(|()| true),
                // Whatever else it rings for is taken once this frame is out.
                () = bell.notified() => {
                    if lock(&self.exchange).is_cut(session) {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Rings without waking the clock itself.
    fn ring(&self) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if bells.is_empty() {
            return;
        }
        for session in lock(&self.exchange).ready(now_ms()) {
            if let Some(bell) = bells.get(&session) {
                bell.notify_one();
            }
        }
    }
}

/// The answer to the client's key, if the request is a proper handshake.
pub(super) fn accept_key(request: &HttpRequest<'_>) -> Result<String, HttpResponse> {
    let has = |name: &str, token: &str| {
        let value = request.header(name).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token))
    };
    let key = request.header("Sec-WebSocket-Key");
    let proper = request.method == "GET"
        && has("Upgrade", "websocket")
        && has("Connection", "upgrade")
        && has("Sec-WebSocket-Version", "13");
    match key.filter(|_| proper) {
        Some(key) => Ok(derive_accept_key(key.as_bytes())),
        None => Err(HttpResponse::html(400, "Bad Request")),
    }
}

/// The reply that turns the connection into a WebSocket. No extension is accepted: frames are not
/// compressed.
pub(super) fn switch(accept: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}
