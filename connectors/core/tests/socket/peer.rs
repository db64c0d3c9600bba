//! The venue's side of a socket, following a script.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Long enough for anything that is going to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Host {
    listener: TcpListener,
}

impl Host {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Peer {
        self.accept_if(None).await.unwrap()
    }

    /// Turns the next connection away, with the status 400.
    pub(crate) async fn turn_away(&self) {
        assert!(self.accept_if(Some(400)).await.is_none());
    }

    async fn accept_if(&self, refuse: Option<u16>) -> Option<Peer> {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let (tcp, _) = accepted.expect("nobody connects").unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut path = String::new();
        #[allow(clippy::result_large_err)] // the library's
        let look = |request: &Request, response: Response| {
            path = request.uri().to_string();
            match refuse {
                None => Ok(response),
                Some(status) => {
                    let mut response = ErrorResponse::new(None);
                    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
                    Err(response)
                }
            }
        };
        let socket = tokio_tungstenite::accept_hdr_async(tcp, look).await.ok()?;
        Some(Peer { socket, path })
    }
}

pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
    pub(crate) path: String,
}

impl Peer {
    /// The next text frame.
    pub(crate) async fn hear(&mut self) -> Utf8Bytes {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match message.expect("nothing is written").expect("closed").unwrap() {
                Message::Text(text) => return text,
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Expects a frame that begins so, and gives the rest of it.
    pub(crate) async fn expect(&mut self, start: &str) -> String {
        let frame = self.hear().await;
        let Some(rest) = frame.strip_prefix(start) else { panic!("{frame} is not {start}") };
        rest.to_owned()
    }

    /// Nothing is written for a while.
    pub(crate) async fn expect_silence(&mut self) {
        let message = tokio::time::timeout(Duration::from_millis(200), self.socket.next()).await;
        assert!(message.is_err(), "{message:?}");
    }

    /// Waits until the other side is gone.
    pub(crate) async fn expect_end(&mut self) {
        let ended = tokio::time::timeout(PATIENCE, async {
            while let Some(Ok(message)) = self.socket.next().await {
                if matches!(message, Message::Close(_)) {
                    return;
                }
            }
        });
        ended.await.expect("still open");
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Writes bytes past the protocol.
    pub(crate) async fn write_raw(&mut self, bytes: &[u8]) {
        use tokio::io::AsyncWriteExt;
        self.socket.get_mut().write_all(bytes).await.unwrap();
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(self) {
        drop(self.socket.into_inner());
    }
}
