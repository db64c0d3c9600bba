use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_rustls::rustls;

use crate::wire::{Target, trusted};
use crate::{Method, Request, Response, Transport, TransportError, transport::REPLY_MAX};

/// How many idle connections are kept: as many as there were requests at one time, up to this.
const KEPT_MAX: usize = 64;

/// The largest reply for which room is made before it has come.
const RESERVED_MAX: u64 = 1024 * 1024;

/// Connections to one host that stay open, driven by hyper alone, for those who count microseconds.
///
/// One request at a time runs on a connection, and the one used last is used next; requests at the
/// same time each get their own. A connection that the host closed while it was idle is replaced and
/// the request sent on the new one, which is safe because no byte of it had left; once one may have,
/// it is never sent again. HTTP/1.1, no proxy, no redirects, no compression.
///
/// Must be used on a tokio runtime, which drives the connections.
pub struct PinnedTransport {
    base_url: Box<str>,
    target: Target,
    host_header: HeaderValue,
    /// The path that the base URL ends with, usually empty.
    prefix: Box<str>,
    timeouts: Timeouts,
    idle: Mutex<Vec<Connection>>,
}

type Connection = SendRequest<Full<Bytes>>;

#[derive(Debug, Clone, Copy)]
struct Timeouts {
    request: Duration,
    connect: Duration,
}

impl PinnedTransport {
    /// A transport to the host of `base_url` (`https://…` or `http://…`) that gives up on a request
    /// after 10 seconds, and on a connection after 5. Trusts what this computer trusts.
    ///
    /// # Errors
    /// [`TransportError::NotSent`] if the URL names no host or TLS cannot be set up.
    pub fn new(base_url: &str) -> Result<Self, TransportError> {
        let config = trusted().map_err(not_sent)?;
        Self::with_tls(base_url, (*config).clone())
    }

    /// A transport with TLS settings of its own, such as other roots of trust.
    ///
    /// # Errors
    /// [`TransportError::NotSent`] if the URL names no host.
    pub fn with_tls(
        base_url: &str,
        mut config: rustls::ClientConfig,
    ) -> Result<Self, TransportError> {
        let url: http::Uri = base_url.parse().map_err(not_sent)?;
        let Some(authority) = url.authority() else {
            return Err(TransportError::NotSent("the base URL names no host".into()));
        };
        let tls = match url.scheme_str() {
            Some("https") => {
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                Some(Arc::new(config))
            }
            Some("http") => None,
            _ => return Err(TransportError::NotSent("neither http nor https".into())),
        };
        Ok(Self {
            base_url: base_url.into(),
            target: Target::new(&url, tls).map_err(not_sent)?,
            host_header: HeaderValue::from_str(authority.as_str()).map_err(not_sent)?,
            prefix: url.path().trim_end_matches('/').into(),
            timeouts: Timeouts {
                request: Duration::from_secs(10),
                connect: Duration::from_secs(5),
            },
            idle: Mutex::default(),
        })
    }

    /// The same with other time limits: for a whole request, and for connecting.
    #[must_use]
    pub fn with_timeouts(mut self, request: Duration, connect: Duration) -> Self {
        self.timeouts = Timeouts { request, connect };
        self
    }

    /// Connects beforehand, unless a connection is open already, so that no order pays for it.
    ///
    /// # Errors
    /// [`TransportError::NotSent`].
    pub async fn warm(&self) -> Result<(), TransportError> {
        let connection = match self.idle_connection().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        self.keep(connection);
        Ok(())
    }

    /// The kept connection that was used last and is still open.
    async fn idle_connection(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle().pop()?;
            // Ends at once: the reply before was read whole, or the connection is closed.
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        metrics::counter!("hoox_connections_total", "host" => self.target.host.to_string())
            .increment(1);
        match timeout(self.timeouts.connect, self.open()).await {
            Ok(opened) => opened.map_err(not_sent),
            Err(_) => Err(TransportError::NotSent("connecting took too long".into())),
        }
    }

    async fn open(&self) -> io::Result<Connection> {
        let wire = TokioIo::new(self.target.connect().await?);
        let (sender, connection) = http1::handshake(wire).await.map_err(io::Error::other)?;
        tokio::spawn(async move {
            // Its failure shows at the request that it befalls.
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < KEPT_MAX && !connection.is_closed() {
            idle.push(connection);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, request: Request<'_>) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let (path, query) = (request.path(), request.query());
        let mut target = String::with_capacity(self.prefix.len() + path.len() + query.len() + 1);
        target.push_str(&self.prefix);
        target.push_str(path);
        if !query.is_empty() {
            target.push('?');
            target.push_str(query);
        }
        let mut written =
            http::Request::new(Full::new(Bytes::copy_from_slice(request.body().as_bytes())));
        *written.uri_mut() = http::Uri::from_maybe_shared(Bytes::from(target))?;
        *written.method_mut() = match request.method() {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Delete => http::Method::DELETE,
        };
        let headers = written.headers_mut();
        headers.insert(HOST, self.host_header.clone());
        for (name, value) in request.headers() {
            let mut value = HeaderValue::from_str(value)?;
            // One of them is the key: whoever logs headers does not log it.
            value.set_sensitive(true);
            headers.append(HeaderName::from_bytes(name.as_bytes())?, value);
        }
        Ok(written)
    }

    /// Sends on an open connection, or on a new one as long as no byte has left.
    async fn exchange(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let mut request = self.request(request).map_err(not_sent)?;
        loop {
            let (mut connection, fresh) = match self.idle_connection().await {
                Some(connection) => (connection, false),
                None => (self.connect().await?, true),
            };
            match timeout(self.timeouts.request, self.finish(&mut connection, request)).await {
                Err(_) => return Err(TransportError::MaybeSent("no reply in time".into())),
                Ok(Ok(reply)) => {
                    if reply.is_ok() {
                        self.keep(connection);
                    }
                    return reply;
                }
                // The connection was closed before it took the request, and gives it back.
                Ok(Err(Unsent { returned, cause })) => {
                    if fresh {
                        return Err(TransportError::NotSent(cause));
                    }
                    request = *returned;
                }
            }
        }
    }

    async fn finish(
        &self,
        connection: &mut Connection,
        request: http::Request<Full<Bytes>>,
    ) -> Result<Result<Response, TransportError>, Unsent> {
        let reply = match connection.try_send_request(request).await {
            Ok(reply) => reply,
            Err(mut error) => {
                let returned = error.take_message();
                let cause = text_of(&error.into_error());
                return match returned {
                    Some(returned) => Err(Unsent { returned: Box::new(returned), cause }),
                    None => Ok(Err(TransportError::MaybeSent(cause))),
                };
            }
        };
        Ok(read(reply).await)
    }
}

impl Transport for PinnedTransport {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        if base_url != &*self.base_url {
            let problem = format!("pinned to {}, not to {base_url}", self.base_url);
            return Err(TransportError::NotSent(problem));
        }
        self.exchange(request).await
    }
}

impl fmt::Debug for PinnedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedTransport").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// A request that did not leave.
struct Unsent {
    returned: Box<http::Request<Full<Bytes>>>,
    cause: String,
}

/// Reads a reply whole. The request has arrived: whatever fails, it may have been executed.
async fn read(reply: http::Response<hyper::body::Incoming>) -> Result<Response, TransportError> {
    let (parts, mut body) = reply.into_parts();
    let expected = hyper::body::Body::size_hint(&body).lower().min(RESERVED_MAX);
    let mut response = Response {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: Vec::with_capacity(usize::try_from(expected).unwrap_or(0)),
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| TransportError::MaybeSent(text_of(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if response.body.len().saturating_add(data.len()) > REPLY_MAX {
            return Err(TransportError::ReplyTooLong { max: REPLY_MAX });
        }
        response.body.extend_from_slice(&data);
    }
    Ok(response)
}

fn not_sent(error: impl std::error::Error) -> TransportError {
    TransportError::NotSent(text_of(&error))
}

/// The chain of causes. None of them knows the URL.
fn text_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
