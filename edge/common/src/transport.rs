use core::time::Duration;

use hoox_connector::{Method, Request, Response, Transport, TransportError};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::Array;
use worker::wasm_bindgen::JsCast;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{AbortController, AbortSignal, Headers, web_sys};

use crate::request::read_stream;
use crate::{body_of, within};

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
        let controller = AbortController::default();
        let outgoing = prepared(base_url, request, &controller.signal()).map_err(unsent)?;
        let reply = within(self.timeout, exchange(outgoing, self.reply_max)).await;
        reply.unwrap_or_else(|| {
            controller.abort();
            Err(TransportError::MaybeSent("no reply in time".into()))
        })
    }
}

fn prepared(
    base_url: &str,
    request: Request<'_>,
    signal: &AbortSignal,
) -> worker::Result<web_sys::Request> {
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
    let method = match request.method() {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    };
    crate::outgoing(&url, method, &headers, request.body(), Some(signal))
}

async fn exchange(request: web_sys::Request, max: usize) -> Result<Response, TransportError> {
    let lost = |_| TransportError::MaybeSent("the connection failed".into());
    let reply = fetch(&request).await.map_err(lost)?;
    let (status, headers) = (reply.status_code(), headers(&reply));
    let body = body(reply, &headers, max).await.map_err(lost)?;
    let mut response = Response::new(status, body.ok_or(TransportError::ReplyTooLong { max })?);
    response.headers = headers;
    Ok(response)
}

/// `fetch` itself.
///
/// # Errors
/// If there is no reply; nobody knows how far the request has come.
pub async fn fetch(request: &web_sys::Request) -> worker::Result<worker::Response> {
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    let reply = JsFuture::from(scope.fetch_with_request(request)).await?;
    Ok(reply.dyn_into::<web_sys::Response>()?.into())
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
