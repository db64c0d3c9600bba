//! One request to an exchange and its answer, as they went over the wire.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeMap;

use hoox_connector::{Request, Response, Timestamp, TransportError};
use serde::Serialize;

use crate::iso_8601;
use crate::redact::{REDACTED, cut, redact};

/// The most of a body that is kept, in bytes (trade.md §10).
const BODY_MAX: usize = 64 * 1024;

/// The request headers whose values are no secrets; every other one is taken out.
const OPEN_HEADERS: [&str; 6] = [
    "content-type",
    "x-bapi-timestamp",
    "x-bapi-recv-window",
    "x-bapi-sign-type",
    "request-time",
    "recv-window",
];

/// The reply headers whose values are secrets.
const SECRET_HEADERS: [&str; 3] = ["set-cookie", "authorization", "x-internal-auth-key"];

/// One request to an exchange and what came of it, as it went over the wire: with secrets in it,
/// which only [`Dossier`](crate::Dossier) takes out. Never shown, never stored as it is.
#[derive(Clone)]
pub struct Exchanged {
    at: Timestamp,
    took: Duration,
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    signature: String,
    answer: Result<Answered, String>,
}

#[derive(Clone)]
struct Answered {
    /// Absent where it is a frame.
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    len: usize,
}

impl Exchanged {
    /// A request that is about to be sent, at `at` by our clock.
    pub fn new(request: &Request<'_>, at: Timestamp) -> Self {
        Self {
            at,
            took: Duration::ZERO,
            method: request.method().as_str(),
            path: request.path().to_owned(),
            query: request.query().to_owned(),
            headers: request.headers().map(|(name, value)| (name, value.to_owned())).collect(),
            body: cut(request.body(), BODY_MAX).to_owned(),
            signature: request.signature().to_owned(),
            answer: Err("no answer".into()),
        }
    }

    /// The same with what came of it.
    #[must_use]
    pub fn answered(mut self, result: &Result<Response, TransportError>, took: Duration) -> Self {
        self.took = took;
        self.answer = match result {
            Err(error) => Err(error.to_string()),
            Ok(response) => {
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                let headers = response.headers.iter();
                let headers =
                    headers.map(|(name, value)| (name.to_string(), text(value.as_bytes())));
                let kept = response.body.get(..BODY_MAX).unwrap_or(&response.body);
                Ok(Answered {
                    status: Some(response.status),
                    headers: headers.collect(),
                    body: kept.to_vec(),
                    len: response.body.len(),
                })
            }
        };
        self
    }

    /// A frame that is about to be sent over a socket.
    pub fn over_socket(frame: &Request<'_>, at: Timestamp) -> Self {
        Self { method: "WEBSOCKET", ..Self::new(frame, at) }
    }

    /// The same with the frame that answered it, or why none did.
    #[must_use]
    pub fn answered_by_frame(mut self, frame: Result<&[u8], &str>, took: Duration) -> Self {
        self.took = took;
        self.answer = match frame {
            Err(error) => Err(error.to_owned()),
            Ok(frame) => Ok(Answered {
                status: None,
                headers: Vec::new(),
                body: frame.get(..BODY_MAX).unwrap_or(frame).to_vec(),
                len: frame.len(),
            }),
        };
        self
    }

    /// Whether the request is about an order of ours other than `own`: it names its id.
    pub(super) fn is_of_another(&self, own: &str) -> bool {
        [&self.path, &self.query, &self.body]
            .into_iter()
            .any(|text| order_ids(text).any(|id| id != own))
    }

    /// As it is kept.
    pub(crate) fn told(&self) -> Told<'_> {
        let hidden = |name: &str| !OPEN_HEADERS.iter().any(|open| open.eq_ignore_ascii_case(name));
        // What is secret in a header or signs the request is so wherever else it stands.
        let secrets = self.headers.iter().filter(|(name, _)| hidden(name));
        let secrets = secrets.map(|(_, value)| value.as_str()).chain([self.signature.as_str()]);
        let secrets: Vec<&str> = secrets.filter(|secret| secret.len() >= 8).collect();
        let clean = |text| redact(text, &secrets);
        let shown = |secret, value| if secret { REDACTED.into() } else { clean(value) };
        let (error, response) = match &self.answer {
            Err(error) => (Some(clean(error)), None),
            Ok(Answered { status, headers, body, len }) => {
                let headers = headers.iter().map(|(name, value)| (name.as_str(), value));
                let headers = headers
                    .map(|(name, value)| (name, shown(SECRET_HEADERS.contains(&name), value)));
                let body = match String::from_utf8_lossy(body) {
                    Cow::Borrowed(body) => clean(body),
                    Cow::Owned(body) => redact(&body, &secrets).into_owned().into(),
                };
                let body = match body {
                    Cow::Borrowed(body) => cut(body, BODY_MAX).into(),
                    Cow::Owned(body) => cut(&body, BODY_MAX).to_owned().into(),
                };
                let headers = headers.collect();
                (None, Some(ToldResponse { status: *status, headers, body, length: *len }))
            }
        };
        let headers = self.headers.iter().map(|(name, value)| (*name, shown(hidden(name), value)));
        Told {
            at: iso_8601(self.at),
            took_micros: u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            request: ToldRequest {
                method: self.method,
                path: clean(&self.path),
                query: clean(&self.query),
                headers: headers.collect(),
                body: clean(&self.body),
            },
            error,
            response,
        }
    }
}

impl fmt::Debug for Exchanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanged")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// An exchange as it is kept, without secrets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told<'a> {
    at: String,
    took_micros: u64,
    request: ToldRequest<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ToldResponse<'a>>,
}

#[derive(Serialize)]
struct ToldRequest<'a> {
    method: &'a str,
    path: Cow<'a, str>,
    query: Cow<'a, str>,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    body: Cow<'a, str>,
}

#[derive(Serialize)]
struct ToldResponse<'a> {
    status: Option<u16>,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    body: Cow<'a, str>,
    length: usize,
}

/// The ids of orders of ours in a text (see [`client_order_id`](crate::client_order_id)).
fn order_ids(text: &str) -> impl Iterator<Item = &str> {
    const LEN: usize = 32;
    text.match_indices("hx").filter_map(|(at, _)| {
        let id = text.get(at..at + LEN)?;
        let hex = |it: u8| matches!(it, b'0'..=b'9' | b'a'..=b'f');
        id.bytes().skip(2).all(hex).then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_other_orders_are_told_from_our_own() {
        let (own, other) = (format!("hx{}", "a".repeat(30)), format!("hx{}", "b".repeat(30)));
        let text = format!("newClientOrderId={own}&origClientOrderId={other}&x=hxz");
        assert_eq!(order_ids(&text).collect::<Vec<_>>(), [own, other]);
    }
}
