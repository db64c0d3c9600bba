//! What went over the wire for an order, kept outside the ledger (trade.md §10, data.md §4): the
//! requests as they were sent and the answers as they came, secrets taken out.

use core::fmt;
use core::time::Duration;

use hoox_connector::{Request, Response, Symbol, Timestamp, TransportError, Venue};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::redact::{REDACTED, cut, redact};
use crate::{Record, RequestId, iso_8601, utc_date};

/// The most of a body that is kept, in bytes (trade.md §10).
const BODY_MAX: usize = 64 * 1024;

/// The most exchanges one object holds, and the most bytes.
const EXCHANGES_MAX: usize = 64;
const OBJECT_MAX: usize = 4 * 1024 * 1024;

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

/// Where the objects are kept: files, R2.
pub trait Archive {
    /// The object of a key; `None` if there is none.
    ///
    /// # Errors
    /// [`ArchiveUnavailable`].
    fn read(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, ArchiveUnavailable>>;

    /// Writes the object of a key, over the one there is.
    ///
    /// # Errors
    /// [`ArchiveUnavailable`].
    fn write(
        &self,
        key: &str,
        object: &[u8],
    ) -> impl Future<Output = Result<(), ArchiveUnavailable>>;

    /// Writes the object of a key that has none; false, and nothing is written, if it has. Nearly every
    /// object is new, so a store that can do it in one step does.
    ///
    /// # Errors
    /// [`ArchiveUnavailable`].
    fn create(
        &self,
        key: &str,
        object: &[u8],
    ) -> impl Future<Output = Result<bool, ArchiveUnavailable>> {
        async move {
            if self.read(key).await?.is_some() {
                return Ok(false);
            }
            self.write(key, object).await.map(|()| true)
        }
    }
}

/// The archive cannot be reached, or could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("archive unavailable: {0}")]
pub struct ArchiveUnavailable(pub String);

/// One request to an exchange and what came of it, as it went over the wire: with secrets in it,
/// which only [`Dossier`] takes out. Never shown, never stored as it is.
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
    fn is_of_another(&self, own: &str) -> bool {
        [&self.path, &self.query, &self.body]
            .into_iter()
            .any(|text| order_ids(text).any(|id| id != own))
    }

    /// As it is kept.
    fn told(&self) -> Value {
        let hidden = |name: &str| !OPEN_HEADERS.iter().any(|open| open.eq_ignore_ascii_case(name));
        // What is secret in a header or signs the request is so wherever else it stands.
        let secrets = self.headers.iter().filter(|(name, _)| hidden(name));
        let secrets = secrets.map(|(_, value)| value.as_str()).chain([self.signature.as_str()]);
        let secrets: Vec<&str> = secrets.filter(|secret| secret.len() >= 8).collect();
        let clean = |text: &str| redact(text, &secrets);
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            let value = if hidden(name) { REDACTED.to_owned() } else { clean(value) };
            headers.insert((*name).to_owned(), value.into());
        }
        let mut told = json!({
            "at": iso_8601(self.at),
            "tookMicros": u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            "request": {
                "method": self.method, "path": clean(&self.path), "query": clean(&self.query),
                "headers": headers, "body": clean(&self.body),
            },
        });
        let answer = match &self.answer {
            Err(error) => ("error", Value::from(clean(error))),
            Ok(Answered { status, headers, body, len }) => {
                let mut shown = Map::new();
                for (name, value) in headers {
                    let secret = SECRET_HEADERS.contains(&name.as_str());
                    let value = if secret { REDACTED.to_owned() } else { clean(value) };
                    shown.insert(name.clone(), value.into());
                }
                let body = clean(&String::from_utf8_lossy(body));
                let body = cut(&body, BODY_MAX);
                (
                    "response",
                    json!({
                        "status": status, "headers": shown, "body": body, "length": len,
                    }),
                )
            }
        };
        if let Some(object) = told.as_object_mut() {
            object.insert(answer.0.to_owned(), answer.1);
        }
        told
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

/// What went over the wire for one order, and where it belongs.
#[derive(Debug, Clone)]
pub struct Dossier {
    request_id: RequestId,
    venue: Venue,
    test: bool,
    symbol: Symbol,
    day: String,
    order_id: Option<String>,
    client_order_id: Option<String>,
    exchanges: Vec<Exchanged>,
}

impl Dossier {
    /// Takes what belongs to the order of a record out of `seen`, which all went to its exchange;
    /// `None` if nothing does. What names no order at all belongs to the first that asks.
    pub fn of(record: &Record, seen: &mut Vec<Exchanged>) -> Option<Self> {
        let own = record.intent.client_order_id.to_string();
        let exchanges: Vec<Exchanged> =
            seen.extract_if(.., |exchanged| !exchanged.is_of_another(&own)).collect();
        (!exchanges.is_empty()).then(|| Self {
            request_id: record.request_id,
            venue: record.intent.venue,
            test: record.signal.test,
            symbol: record.intent.symbol,
            day: utc_date(record.received_at),
            order_id: record.order_id.map(|id| id.to_string()),
            client_order_id: Some(own),
            exchanges,
        })
    }

    /// The same for a signal that came to no order.
    pub fn of_refusal(
        request_id: RequestId,
        (venue, test): (Venue, bool),
        symbol: Symbol,
        received_at: Timestamp,
        exchanges: Vec<Exchanged>,
    ) -> Option<Self> {
        (!exchanges.is_empty()).then(|| Self {
            request_id,
            venue,
            test,
            symbol,
            day: utc_date(received_at),
            order_id: None,
            client_order_id: None,
            exchanges,
        })
    }

    /// The key of its object: `logs/{exchange}/{SYMBOL}/{YYYY-MM-DD}/order-{orderId}.json`, or
    /// `req-{requestId}.json` without an order id; test venues are `{exchange}-testnet`.
    pub fn key(&self) -> String {
        let Self { request_id, venue, test, symbol, day, order_id, .. } = self;
        let testnet = if *test { "-testnet" } else { "" };
        // An exchange's id is a path here, whatever the exchange calls an id.
        let safe = |id: &String| {
            let allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
            id.chars().take(64).map(|it| if allowed(it) { it } else { '_' }).collect::<String>()
        };
        let name = match order_id {
            Some(id) => format!("order-{}", safe(id)),
            None => format!("req-{request_id}"),
        };
        format!("logs/{venue}{testnet}/{symbol}/{day}/{name}.json")
    }

    /// Takes in a later dossier of the same object.
    pub fn join(&mut self, later: Self) {
        self.exchanges.extend(later.exchanges);
        self.exchanges.truncate(EXCHANGES_MAX);
    }

    /// The object, with what an earlier one of the same key holds.
    fn merged(&self, before: Option<&[u8]>) -> Vec<u8> {
        let before: Option<Value> = before.and_then(|bytes| serde_json::from_slice(bytes).ok());
        let before = before.as_ref().and_then(|it| it.get("exchanges")?.as_array());
        let mut exchanges: Vec<Value> = before.cloned().unwrap_or_default();
        exchanges.extend(self.exchanges.iter().map(Exchanged::told));
        exchanges.truncate(EXCHANGES_MAX);
        let object = json!({
            "requestId": self.request_id,
            "exchange": self.venue.as_str(),
            "symbol": self.symbol,
            "test": self.test,
            "orderId": self.order_id,
            "clientOrderId": self.client_order_id,
            "exchanges": exchanges,
        });
        object.to_string().into_bytes()
    }
}

/// Adds a dossier to its object.
///
/// # Errors
/// [`ArchiveUnavailable`], also if the object has grown too large.
pub async fn archive<A: Archive>(store: &A, dossier: &Dossier) -> Result<(), ArchiveUnavailable> {
    let key = dossier.key();
    let bounded = |object: Vec<u8>| match object.len() > OBJECT_MAX {
        true => Err(ArchiveUnavailable(format!("{key} would be larger than 4 MiB"))),
        false => Ok(object),
    };
    if store.create(&key, &bounded(dossier.merged(None))?).await? {
        return Ok(());
    }
    let before = store.read(&key).await?;
    store.write(&key, &bounded(dossier.merged(before.as_deref()))?).await
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
