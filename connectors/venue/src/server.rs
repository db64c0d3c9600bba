//! The exchange behind a socket: HTTP/1.1 and WebSocket over TCP, wall clock, one lock.
//!
//! The server is a pump. It reads a request, holds the lock for as long as
//! [`Exchange::handle`] takes, and writes the reply. It sits on hyper directly rather than on a
//! web framework because a fault must be able to close a connection without any reply, which a
//! framework's infallible handlers cannot do.

mod socket;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::Config;
use crate::exchange::Exchange;
use crate::http::{Handled, HttpRequest, HttpResponse, MAX_BODY};
use crate::venue::Venue;
use socket::{Sockets, Upgrading};

/// Open connections at a time; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 4_096;

/// How long a client may take to send a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the first half of a reply has to leave before the connection is cut.
const CUT_AFTER: Duration = Duration::from_millis(20);

/// Longest delay a fault may ask for.
const MAX_DELAY: Duration = Duration::from_secs(600);

/// Starts simulated exchanges on sockets.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Binds `addr` (port 0 picks a free one) and serves an exchange on it until
    /// [`Running::shutdown`], or until the handle is dropped. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// The error of binding the address.
    pub async fn start(addr: SocketAddr, config: Config) -> io::Result<Running> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let exchange = Arc::new(Mutex::new(Exchange::new(config)));
        let (stop, stopped) = watch::channel(());
        let sockets = Arc::new(Sockets::new(Arc::clone(&exchange)));
        let task = tokio::spawn(accept(listener, Arc::clone(&sockets), stopped));
        tracing::info!(%addr, "simulated exchange is listening");
        Ok(Running { addr, exchange, sockets, stop: Some(stop), task })
    }
}

/// A simulated exchange that is being served, until this handle is dropped.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    exchange: Arc<Mutex<Exchange>>,
    sockets: Arc<Sockets>,
    stop: Option<watch::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where and how to reach the Binance front.
    #[must_use]
    pub fn binance(&self) -> Endpoint {
        self.endpoint(Venue::Binance)
    }

    /// Where and how to reach the Bybit front.
    #[must_use]
    pub fn bybit(&self) -> Endpoint {
        self.endpoint(Venue::Bybit)
    }

    /// Where and how to reach the MEXC front.
    #[must_use]
    pub fn mexc(&self) -> Endpoint {
        self.endpoint(Venue::Mexc)
    }

    /// Where and how to reach a venue's front.
    #[must_use]
    pub fn endpoint(&self, venue: Venue) -> Endpoint {
        let (api_key, api_secret) = self.with(|exchange| {
            let (key, secret) = exchange.credentials(venue);
            (key.to_owned(), secret.to_owned())
        });
        let prefix = venue.prefix();
        Endpoint {
            rest: format!("http://{}{prefix}", self.addr),
            ws: format!("ws://{}{prefix}", self.addr),
            api_key,
            api_secret,
        }
    }

    /// Runs `f` on the exchange itself, with the lock held: keep it short.
    pub fn with<R>(&self, f: impl FnOnce(&mut Exchange) -> R) -> R {
        let out = f(&mut lock(&self.exchange));
        self.sockets.wake();
        out
    }

    /// Stops accepting, closes all connections and waits until both have happened.
    pub async fn shutdown(mut self) {
        self.stop = None;
        // The task only ends early if it panicked, and then nothing is left to stop.
        let _ = (&mut self.task).await;
    }
}

/// Address and credentials of one front. `Debug` does not show the secret.
#[derive(Clone)]
pub struct Endpoint {
    /// Base URL of all REST paths, spot and linear, without a trailing slash.
    pub rest: String,
    /// Base URL of all WebSocket paths, without a trailing slash.
    pub ws: String,
    /// An API key with all permissions.
    pub api_key: String,
    /// Its HMAC secret.
    pub api_secret: String,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("rest", &self.rest)
            .field("ws", &self.ws)
            .finish_non_exhaustive()
    }
}

/// The body of a reply, whole or cut.
type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Dropped>>;

/// Why a connection is closed without a reply.
#[derive(Debug, thiserror::Error)]
#[error("connection dropped by a fault")]
struct Dropped;

async fn accept(listener: TcpListener, sockets: Arc<Sockets>, mut stopped: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    connections.spawn(Arc::clone(&sockets).tick());
    loop {
        let room = connections.len() < MAX_CONNECTIONS;
        tokio::select! {
            // The sender is dropped to stop.
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve(stream, peer.ip(), Arc::clone(&sockets)));
                }
                Err(error) => {
                    // Out of file descriptors, for example: wait for some to come back.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, peer: IpAddr, sockets: Arc<Sockets>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let upgrading = Mutex::new(None);
    let service = service_fn(|request| answer(request, peer, &sockets, &upgrading));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection ended");
    }
    let upgrading = upgrading.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(upgrading) = upgrading {
        sockets.run(upgrading).await;
    }
}

async fn answer(
    mut request: Request<Incoming>,
    peer: IpAddr,
    sockets: &Arc<Sockets>,
    upgrading: &Mutex<Option<Upgrading>>,
) -> Result<Response<Body>, Dropped> {
    let upgrade = request
        .headers()
        .contains_key(hyper::header::UPGRADE)
        .then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(write(HttpResponse::html(413, "Payload Too Large"))),
    };
    let headers = headers_of(&head);
    let request = request_of(&head, &headers, &body, peer);
    if let Some(upgrade) = upgrade {
        let accept = match socket::accept_key(&request) {
            Ok(accept) => accept,
            Err(refusal) => return Ok(write(refusal)),
        };
        let session = match sockets.connect(&request).await {
            Ok(session) => session,
            Err(Some(refusal)) => return Ok(write(refusal)),
            Err(None) => return Err(Dropped),
        };
        *upgrading.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Upgrading { session, upgrade });
        return Ok(socket::switch(&accept).map(Either::Left));
    }
    let handled = lock(&sockets.exchange).handle(now_ms(), &request);
    sockets.wake();
    match handled {
        Handled::Reply(reply) => Ok(write(reply)),
        Handled::ReplyAfter(ms, reply) => {
            pause(ms).await;
            Ok(write(reply))
        }
        Handled::HandleAfter(ms) => {
            drop(headers);
            // It is on its way, and arrives whether its sender still waits for an answer or not.
            let late = tokio::spawn(arrive(Arc::clone(sockets), (head, body, peer), ms));
            late.await.map(write).map_err(|_| Dropped)
        }
        Handled::Cut(reply) => Ok(cut(reply)),
        Handled::Drop => Err(Dropped),
    }
}

async fn arrive(
    sockets: Arc<Sockets>,
    (head, body, peer): (Parts, Bytes, IpAddr),
    after_ms: u64,
) -> HttpResponse {
    pause(after_ms).await;
    let headers = headers_of(&head);
    let request = request_of(&head, &headers, &body, peer);
    let reply = lock(&sockets.exchange).handle_late(now_ms(), &request);
    sockets.wake();
    reply
}

fn headers_of(head: &Parts) -> Vec<(&str, &str)> {
    let headers = head.headers.iter();
    headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

fn request_of<'a>(
    head: &'a Parts,
    headers: &'a [(&'a str, &'a str)],
    body: &'a Bytes,
    peer: IpAddr,
) -> HttpRequest<'a> {
    HttpRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or(""),
        headers,
        body,
        peer,
    }
}

fn write(reply: HttpResponse) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(reply.body))));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A reply that ends in the middle of its body.
fn cut(mut reply: HttpResponse) -> Response<Body> {
    let length = reply.body.len();
    reply.body.truncate(length / 2);
    let half = Bytes::from(std::mem::take(&mut reply.body));
    let end = async {
        // hyper forgets what it has not written yet when a body fails.
        tokio::time::sleep(CUT_AFTER).await;
        Err(Dropped)
    };
    let body = stream::iter([Ok(Frame::data(half))]).chain(stream::once(end));
    let mut response = write(reply);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response.map(|_| Either::Right(StreamBody::new(body).boxed_unsync()))
}

/// A panic while the lock was held is impossible by construction; should there ever be one, the
/// exchange stays usable.
fn lock(exchange: &Mutex<Exchange>) -> MutexGuard<'_, Exchange> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms).min(MAX_DELAY)).await;
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
