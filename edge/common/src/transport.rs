use core::time::Duration;

use hoox_connector::{Method, Request, Response, Transport, TransportError};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::Array;
use worker::{AbortController, Delay, Fetch, Headers, RequestInit, RequestRedirect};

use crate::body_of;
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
    let reply = Fetch::Request(request).send_with_signal(signal).await.map_err(lost)?;
    let (status, headers) = (reply.status_code(), headers(&reply));
    let body = body(reply, &headers, max).await.map_err(lost)?;
    let mut response = Response::new(status, body.ok_or(TransportError::ReplyTooLong { max })?);
    response.headers = headers;
    Ok(response)
}

/// The body of a reply, unless it is too long: at once if it declares how long it is. What is left of one
/// that is read as it comes is not fetched: the stream is cancelled as it is dropped.
async fn body(
    mut reply: worker::Response,
    headers: &HeaderMap,
    max: usize,
) -> worker::Result<Option<Vec<u8>>> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if !headers.contains_key(CONTENT_ENCODING) && length.is_some_and(|length: usize| length <= max)
    {
        return body_of(&reply, max).await;
    }
    match reply.stream() {
        Ok(stream) => read_stream(stream, max).await,
        // A reply without a body, such as one of status 204.
        Err(_) => Ok(Some(Vec::new())),
    }
}

/// The headers of a reply, fetched as one text of lines `name,value`: asked for one by one they are half
/// a dozen calls to JavaScript each.
fn headers(reply: &worker::Response) -> HeaderMap {
    let lines = Array::from(reply.headers().as_ref()).join("\n").as_string().unwrap_or_default();
    let pairs = lines.lines().filter_map(|line| {
        let (name, value) = line.split_once(',')?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, value);
    }
    headers
}
