use hoox_router::{Answer, ErrorCode, Failure, RequestId, SECURITY_HEADERS};
use serde::Serialize;
use worker::{Headers, Response, ResponseBuilder, Result};

use crate::REQUEST_ID_HEADER;

/// The response of an answer: status, body and headers (gateway.md §9, §12).
///
/// # Errors
/// None in practice: every name and value is a valid header.
pub fn respond(answer: &Answer) -> Result<Response> {
    let headers = headers(answer.request_id)?;
    if let Some(seconds) = answer.retry_after {
        headers.set("retry-after", &seconds.to_string())?;
    }
    build(answer.status, headers, answer.body.clone())
}

/// The response of a failure.
///
/// # Errors
/// As [`respond`].
pub fn fail(request_id: RequestId, failure: &Failure) -> Result<Response> {
    respond(&Answer::failure(request_id, failure))
}

/// A JSON response of another shape.
///
/// # Errors
/// As [`respond`]; and what `body` fails with.
pub fn json(request_id: RequestId, status: u16, body: &impl Serialize) -> Result<Response> {
    match serde_json::to_string(body) {
        Ok(text) => build(status, headers(request_id)?, text),
        Err(_) => fail(request_id, &Failure::new(ErrorCode::Internal, "Internal error.")),
    }
}

/// An answer to another of our workers or objects that has nothing to add: 204.
///
/// # Errors
/// None in practice.
pub fn done() -> Result<Response> {
    Ok(Response::empty()?.with_status(204))
}

pub(crate) fn headers(request_id: RequestId) -> Result<Headers> {
    let headers = Headers::new();
    headers.set("content-type", "application/json")?;
    headers.set(REQUEST_ID_HEADER, request_id.as_str())?;
    for (name, value) in SECURITY_HEADERS {
        headers.set(name, value)?;
    }
    Ok(headers)
}

fn build(status: u16, headers: Headers, body: String) -> Result<Response> {
    Ok(ResponseBuilder::new().with_status(status).with_headers(headers).fixed(body.into_bytes()))
}
