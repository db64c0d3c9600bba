use core::time::Duration;

use crate::{Method, Request, Response, Transport, TransportError, transport::REPLY_MAX};

/// How often a connection that rests is checked, so that routers between do not forget it.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long a request may take, and a connection to open, unless told.
const REQUEST_MAX: Duration = Duration::from_secs(10);
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The native default: `reqwest` with rustls, HTTP/1.1 and 2, kept connections, no delay, no proxy,
/// no redirects, no retries.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// A transport that gives up on a request after 10 seconds, and on a connection after 5.
    ///
    /// # Errors
    /// [`TransportError::NotSent`] if TLS cannot be set up.
    pub fn new() -> Result<Self, TransportError> {
        Self::with_timeouts(REQUEST_MAX, CONNECT_MAX)
    }

    /// A transport that trusts the certificates given, in DER, and no others: for a venue of one's
    /// own, or behind a proxy that is known by its certificate.
    ///
    /// # Errors
    /// [`TransportError::NotSent`] if one cannot be read, or TLS cannot be set up.
    pub fn trusting<'a>(
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, TransportError> {
        let read = certificates.into_iter().map(reqwest::Certificate::from_der);
        let read: Result<Vec<_>, _> = read.collect();
        let read = read.map_err(|error| TransportError::NotSent(cause(error)))?;
        Self::build(settings(REQUEST_MAX, CONNECT_MAX).tls_certs_only(read))
    }

    /// A transport with time limits of its own: for a whole request, and for connecting.
    ///
    /// # Errors
    /// [`TransportError::NotSent`] if TLS cannot be set up.
    pub fn with_timeouts(request: Duration, connect: Duration) -> Result<Self, TransportError> {
        Self::build(settings(request, connect))
    }

    fn build(settings: reqwest::ClientBuilder) -> Result<Self, TransportError> {
        let client = settings.build().map_err(|error| TransportError::NotSent(cause(error)))?;
        Ok(Self { client })
    }

    /// Connects to a host beforehand, so that no order pays for it. Asks for its front page, as a
    /// connection is kept only after a reply; the reply does not matter.
    ///
    /// # Errors
    /// [`TransportError`] if there is no reply at all.
    pub async fn warm(&self, base_url: &str) -> Result<(), TransportError> {
        self.client.head(base_url).send().await.map(drop).map_err(classify)
    }
}

impl Transport for ReqwestTransport {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        let method = match request.method() {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let (path, query) = (request.path(), request.query());
        let mut url = String::with_capacity(base_url.len() + path.len() + query.len() + 1);
        url.push_str(base_url);
        url.push_str(path);
        if !query.is_empty() {
            url.push('?');
            url.push_str(query);
        }
        let mut builder = self.client.request(method, url);
        for (name, value) in request.headers() {
            let value = reqwest::header::HeaderValue::from_str(value);
            let mut value = value.map_err(|error| TransportError::NotSent(error.to_string()))?;
            // One of them is the key: whoever logs headers does not log it.
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
        if !request.body().is_empty() {
            builder = builder.body(request.body().to_owned());
        }
        let mut reply = builder.send().await.map_err(classify)?;
        let mut response = Response {
            status: reply.status().as_u16(),
            headers: core::mem::take(reply.headers_mut()),
            body: Vec::new(),
        };
        // From here on the request has arrived: whatever fails, it may have been executed.
        loop {
            match reply.chunk().await {
                Ok(Some(chunk)) if response.body.len() + chunk.len() > REPLY_MAX => {
                    return Err(TransportError::ReplyTooLong { max: REPLY_MAX });
                }
                Ok(Some(chunk)) => response.body.extend_from_slice(&chunk),
                Ok(None) => return Ok(response),
                Err(error) => return Err(TransportError::MaybeSent(cause(error))),
            }
        }
    }
}

fn settings(request: Duration, connect: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .timeout(request)
        .connect_timeout(connect)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(64)
        .pool_idle_timeout(None)
        .tcp_keepalive(KEEP_ALIVE)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_while_idle(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
}

/// A request that never had a connection did not leave; of any other the worst must be assumed.
fn classify(error: reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(cause(error))
    } else {
        TransportError::MaybeSent(cause(error))
    }
}

/// The chain of causes without the URL, which holds the signature.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
