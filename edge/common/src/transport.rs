use core::time::Duration;

use hoox_connector::{Method, Request, Response, Transport, TransportError};
use http::{HeaderMap, HeaderName, HeaderValue};
use worker::{AbortController, Delay, Fetch, Headers, RequestInit, RequestRedirect};

use crate::request::read_stream;

/// The longest reply that is read unless told: the largest instrument list is a few megabytes.
const REPLY_MAX: usize = 32 * 1024 * 1024;

/// `fetch`, with a time limit. A reply is read as it comes, and given up once it is too long.
///
/// `fetch` does not tell whether a request that failed had left: every failure after its call counts
/// as maybe sent.
#[derive(Debug, Clone, Copy)]
pub struct FetchTransport {
    timeout: Duration,
    reply_max: usize,
}

impl Default for FetchTransport {
    fn default() -> Self {
        Self::new(Duration::from_secs(5))
    }
}

impl FetchTransport {
    /// A transport that gives up on a request after `timeout`. Default 5 seconds.
    pub const fn new(timeout: Duration) -> Self {
        Self { timeout, reply_max: REPLY_MAX }
    }

    /// The same, reading no reply that is longer than `max` bytes. Default 32 MiB.
    #[must_use]
    pub const fn with_reply_max(self, max: usize) -> Self {
        Self { reply_max: max, ..self }
    }
}

impl Transport for FetchTransport {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        let unsent = |_| TransportError::NotSent("not a request that fetch takes".into());
        let outgoing = outgoing(base_url, request).map_err(unsent)?;
        let controller = AbortController::default();
        let signal = controller.signal();
        let exchange = core::pin::pin!(exchange(outgoing, &signal, self.reply_max));
        let limit = core::pin::pin!(Delay::from(self.timeout));
        match futures_util::future::select(exchange, limit).await {
            futures_util::future::Either::Left((reply, _)) => reply,
            futures_util::future::Either::Right(_) => {
                controller.abort();
                Err(TransportError::MaybeSent("no reply in time".into()))
            }
        }
    }
}

fn outgoing(base_url: &str, request: Request<'_>) -> worker::Result<worker::Request> {
    let (path, query) = (request.path(), request.query());
    let mut url = String::with_capacity(base_url.len() + path.len() + query.len() + 1);
    url.push_str(base_url);
    url.push_str(path);
    if !query.is_empty() {
        url.push('?');
        url.push_str(query);
    }
    let headers = Headers::new();
    for (name, value) in request.headers() {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_headers(headers).with_redirect(RequestRedirect::Manual).with_method(
        match request.method() {
            Method::Get => worker::Method::Get,
            Method::Post => worker::Method::Post,
            Method::Put => worker::Method::Put,
            Method::Delete => worker::Method::Delete,
        },
    );
    if !request.body().is_empty() {
        init.with_body(Some(request.body().into()));
    }
    worker::Request::new_with_init(&url, &init)
}

async fn exchange(
    request: worker::Request,
    signal: &worker::AbortSignal,
    max: usize,
) -> Result<Response, TransportError> {
    let lost = |_| TransportError::MaybeSent("the connection failed".into());
    let mut reply = Fetch::Request(request).send_with_signal(signal).await.map_err(lost)?;
    let body = match reply.stream() {
        // What is left of a reply that is too long is not fetched: the stream is cancelled as it is
        // dropped.
        Ok(stream) => {
            let body = read_stream(stream, max).await.map_err(lost)?;
            body.ok_or(TransportError::ReplyTooLong { max })?
        }
        // A reply without a body, such as one of status 204.
        Err(_) => Vec::new(),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in reply.headers().entries() {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            headers.append(name, value);
        }
    }
    let mut response = Response::new(reply.status_code(), body);
    response.headers = headers;
    Ok(response)
}
