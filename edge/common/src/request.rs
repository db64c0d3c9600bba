use std::net::IpAddr;

use futures_util::TryStreamExt;
use hoox_router::{ErrorCode, Failure, RequestId};
use worker::{ByteStream, Request};

use crate::body::up_to;

/// The header that names a request (spec README §5).
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// A fresh name for a request.
pub fn new_request_id() -> RequestId {
    let mut bytes = [0; 16];
    // The platform's generator does not fail; a name made of the time would still tell requests apart.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = js_sys::Date::now().to_bits().to_be_bytes().repeat(2).try_into().unwrap_or(bytes);
    }
    RequestId::from_random(bytes)
}

/// The name that an internal request brings, or a fresh one.
pub fn request_id(request: &Request) -> RequestId {
    let given = request.headers().get(REQUEST_ID_HEADER).ok().flatten();
    given.and_then(|id| RequestId::new(&id).ok()).unwrap_or_else(new_request_id)
}

/// The client's address, as Cloudflare's edge tells it.
pub fn client_address(request: &Request) -> Option<IpAddr> {
    request.headers().get("cf-connecting-ip").ok()??.trim().parse().ok()
}

/// The path of a request, as it was sent: `/` for none.
///
/// Cut out of the address by hand: the platform has parsed it already, and a parser of our own brings
/// the tables of all the world's domain names into the bundle.
pub fn path(request: &Request) -> String {
    let url = request.inner().url();
    let (path, _) = path_and_query(&url);
    path.to_owned()
}

/// The value of a parameter of a request's query, as it was sent.
pub fn query_value(request: &Request, name: &str) -> Option<String> {
    let url = request.inner().url();
    let (_, query) = path_and_query(&url);
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(given, _)| *given == name).map(|(_, value)| value.to_owned())
}

fn path_and_query(url: &str) -> (&str, &str) {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/");
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (if path.is_empty() { "/" } else { path }, query)
}

/// Reads a body of at most `max` bytes; refuses by the declared length first, then by what arrives.
///
/// # Errors
/// [`ErrorCode::PayloadTooLarge`], or [`ErrorCode::BadRequest`] if the body breaks off.
pub async fn read_body(request: &mut Request, max: usize) -> Result<Vec<u8>, Failure> {
    let too_large = || too_large(max);
    let declared = request.headers().get("content-length").ok().flatten();
    let declared = declared.and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= max)) {
        // The platform cuts a body at its declared length.
        return request.bytes().await.map_err(|_| broken());
    }
    if declared.is_some() {
        return Err(too_large());
    }
    let Ok(stream) = request.stream() else { return Ok(Vec::new()) };
    read_stream(stream, max).await.map_err(|_| broken())?.ok_or_else(too_large)
}

/// Reads to the end of a stream; nothing more of one that has more than `max` bytes, of which there
/// is none.
pub(crate) async fn read_stream(
    mut stream: ByteStream,
    max: usize,
) -> worker::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(mut chunk) = stream.try_next().await? {
        if body.len().saturating_add(chunk.len()) > max {
            return Ok(None);
        }
        // Most bodies are one chunk.
        if body.is_empty() { body = chunk } else { body.append(&mut chunk) }
    }
    Ok(Some(body))
}

/// Reads a body that another of our workers or objects sends, whose length nobody declares, in one
/// piece: only for requests whose key has been checked, as the platform's limit is all that holds it.
///
/// # Errors
/// As [`read_body`].
pub async fn read_internal_body(request: &mut Request, max: usize) -> Result<Vec<u8>, Failure> {
    let buffer = request.inner().array_buffer().map_err(|_| broken())?;
    up_to(max, buffer).await.map_err(|_| broken())?.ok_or_else(|| too_large(max))
}

fn too_large(max: usize) -> Failure {
    let text = format!("The body is larger than {} KiB.", max / 1024);
    Failure::new(ErrorCode::PayloadTooLarge, text)
}

fn broken() -> Failure {
    Failure::new(ErrorCode::BadRequest, "The body cannot be read.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_where_the_platform_has_parsed_it() {
        for (url, path, query) in [
            ("https://trade/api/signals?limit=3&x", "/api/signals", "limit=3&x"),
            ("https://trade", "/", ""),
            ("https://trade/", "/", ""),
            ("https://trade?limit=1", "/", "limit=1"),
            ("http://127.0.0.1:8787/webhook#/health?a", "/webhook", ""),
            ("https://trade//webhook", "//webhook", ""),
        ] {
            assert_eq!(path_and_query(url), (path, query), "{url}");
        }
    }
}
