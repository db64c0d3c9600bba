//! Orders over the WebSocket API (spot web-socket-api.md; linear "WebSocket API General Info").
//!
//! A frame carries the parameters of the REST request of the same operation, and its answer the REST
//! reply, so that both go through `encode.rs`, `decode.rs` and `errors.rs`.

use core::ops::Range;
use core::time::Duration;
use std::borrow::Cow;

use arrayvec::ArrayVec;
use hoox_connector::stream::FRAME_MAX;
use hoox_connector::{
    Cursor, EncodeError, FrameReply, Headers, KeepAlive, Malformed, Market, Operation,
    OperationKind, OrderEntry, RequestBuf, Timestamp, VenueError,
};
use hoox_signer::{Encoding, Method};
use serde::{Deserialize, Deserializer};

use crate::envelope::Envelope;
use crate::params::{Form, write_json_members};
use crate::rate_limits::Usages;
use crate::{Binance, decode, encode, errors, rate_limits};

/// More parameters than any operation has.
const PARAMS_MAX: usize = 24;

/// What marks the id of a log-on; an operation's id is its number alone.
const LOGON_PREFIX: &str = "logon-";

/// What a frame that nobody can attribute is filed under: the kind for which a lost answer costs most.
const UNATTRIBUTED: OperationKind = OperationKind::Place;

impl OrderEntry for Binance {
    fn entry_url(&self) -> Option<&str> {
        Some(&self.entry_url)
    }

    fn entry_keep_alive(&self) -> KeepAlive {
        server_pings(self.market)
    }

    fn logs_on(&self) -> bool {
        self.credentials.key().is_ed25519()
    }

    fn encode_logon(
        &self,
        at: Timestamp,
        request_id: u64,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError> {
        if !self.logs_on() {
            return Err(encode::unsupported("session log-on with a key that is not Ed25519"));
        }
        Call { method: "session.logon", id_prefix: LOGON_PREFIX, request_id }
            .write_key_alone(self, at, buf)
    }

    fn encode_frame(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        request_id: u64,
        logged_on: bool,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError> {
        let form = Form::of(self, op, at, buf)?;
        let method = method_of(&form).ok_or(encode::unsupported(op.kind().as_str()))?;
        let call = Call { method, id_prefix: "", request_id };
        let mut params: ArrayVec<(&str, Cow<'_, str>), PARAMS_MAX> = form
            .params()
            // What these order types answer with anyway (spot web-socket-api.md, "Place new order").
            .filter(|(name, value)| (*name, value.as_ref()) != ("newOrderRespType", "FULL"))
            .take(PARAMS_MAX - 1)
            .collect();
        if logged_on {
            call.write(&params, buf);
            return Ok(());
        }
        params.push(("apiKey", Cow::Borrowed(self.credentials.api_key())));
        params.sort_unstable_by_key(|(name, _)| *name);
        call.write_signed(self, &params, buf)
    }

    fn decode_frame(
        &self,
        frame: &mut [u8],
        asked: &dyn Fn(u64) -> Option<OperationKind>,
    ) -> Result<FrameReply, VenueError> {
        if frame.len() > FRAME_MAX {
            return Err(malformed(".", "frame is too long"));
        }
        if let Some(answer) = acknowledgement(self.market, frame, asked) {
            return Ok(answer);
        }
        let Some(envelope) = Envelope::of(frame) else {
            return Err(malformed(".", "not a JSON object"));
        };
        let part = |range: Range<usize>| frame.get(range).unwrap_or_default();
        if envelope.id.is_empty() {
            return unasked(part(envelope.event), part(envelope.error));
        }
        let id = read_member("id", part(envelope.id))?;
        let status = read_member("status", part(envelope.status))?;
        let op = match id {
            Id::Request(id) => match asked(id) {
                Some(op) => op,
                None => return Ok(FrameReply::Other),
            },
            // Any kind that changes no order will do.
            Id::Logon => OperationKind::Balances,
        };
        let failed = !envelope.error.is_empty();
        let retry_at = if failed { retry_at(part(envelope.error.clone())) } else { None };
        let usage = rate_limits::usages(part(envelope.rate_limits));
        let answer = if failed { envelope.error } else { envelope.result };
        let body = frame.get_mut(answer).unwrap_or_default();
        let throttled = |mut error| {
            if let VenueError::Throttled(throttle) = &mut error {
                throttle.until = throttle.until.or(retry_at);
            }
            error
        };
        Ok(match id {
            Id::Request(request_id) => {
                let result = decode::decode(self.market, &op.into(), status, Headers::none(), body);
                FrameReply::Answer { request_id, result: result.map_err(throttled), usage }
            }
            Id::Logon if (200..300).contains(&status) => FrameReply::LoggedOn(Ok(())),
            Id::Logon => {
                let result = errors::classify(self.market, op, status, Headers::none(), body);
                FrameReply::LoggedOn(result.map(|_| ()).map_err(throttled))
            }
        })
    }
}

/// The answer that is waited for, in one pass: an order was taken. What is unusual in any way is left
/// to the reader above.
fn acknowledgement(
    market: Market,
    frame: &[u8],
    asked: &dyn Fn(u64) -> Option<OperationKind>,
) -> Option<FrameReply> {
    let mut cursor = Cursor::new(frame)?;
    let cursor = &mut cursor;
    cursor.open()?;
    cursor.next_is("id").then_some(())?;
    let request_id = cursor.string()?.parse().ok()?;
    cursor.separator()?;
    cursor.next_is("status").then_some(())?;
    (200..300).contains(&cursor.whole()?).then_some(())?;
    cursor.separator()?;
    cursor.next_is("result").then_some(())?;
    let reply = decode::order_in(market, asked(request_id)?, cursor)?;
    cursor.separator()?;
    let mut usage = Usages::new();
    cursor.rest(|cursor, name| match name {
        "rateLimits" if usage.is_empty() => {
            usage = rate_limits::read(cursor)?;
            Some(())
        }
        "id" | "status" | "result" | "error" | "event" | "rateLimits" => None,
        _ => cursor.skip(),
    })?;
    cursor.end()?;
    Some(FrameReply::Answer { request_id, result: Ok(reply), usage })
}

/// The venue pings, and wants pongs; connections live for a day.
pub(crate) fn server_pings(market: Market) -> KeepAlive {
    let (interval, silence) = match market {
        // A ping every 20 s, and the end after a minute without a pong.
        Market::Spot => (20, 60),
        // Every 3 minutes, and 10 minutes. UNVERIFIED in the stored sources.
        _ => (180, 600),
    };
    KeepAlive {
        interval: Duration::from_secs(interval),
        frame: None,
        silence_max: Duration::from_secs(silence),
        life_max: Some(Duration::from_secs(24 * 60 * 60)),
    }
}

/// A request of the WebSocket API, but for its parameters.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    /// What stands before the number in the request's id.
    pub(crate) id_prefix: &'static str,
    pub(crate) request_id: u64,
}

impl Call {
    /// Writes a signed frame whose parameters are the key and the time.
    pub(crate) fn write_key_alone(
        &self,
        binance: &Binance,
        at: Timestamp,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError> {
        let timestamp = at.to_string();
        let params = [("apiKey", binance.credentials.api_key()), ("timestamp", &timestamp)];
        self.write_signed(binance, &params, buf)
    }

    /// The payload in front, then the frame. Signed are all parameters but the signature, sorted by
    /// name, joined as they are without percent-encoding (spot web-socket-api.md, "SIGNED request
    /// security"); `params` is in that order.
    fn write_signed<V: AsRef<str>>(
        &self,
        binance: &Binance,
        params: &[(&str, V)],
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError> {
        buf.begin(Method::Post);
        let start = buf.position();
        let out = buf.text_mut();
        for (index, (name, value)) in params.iter().enumerate() {
            if index > 0 {
                out.push('&');
            }
            out.push_str(name);
            out.push('=');
            out.push_str(value.as_ref());
        }
        let payload = buf.since(start);
        let start = buf.position();
        self.push_open(params, buf);
        buf.push(",\"signature\":\"");
        buf.sign(binance.credentials.key(), payload, Encoding::Plain)?;
        buf.push("\"}}");
        let frame = buf.since(start);
        buf.set_body(frame);
        Ok(())
    }

    fn write<V: AsRef<str>>(&self, params: &[(&str, V)], buf: &mut RequestBuf) {
        buf.begin(Method::Post);
        let start = buf.position();
        self.push_open(params, buf);
        buf.push("}}");
        let frame = buf.since(start);
        buf.set_body(frame);
    }

    /// The frame up to the last of `params`.
    fn push_open<V: AsRef<str>>(&self, params: &[(&str, V)], buf: &mut RequestBuf) {
        buf.push("{\"id\":\"");
        buf.push(self.id_prefix);
        buf.push_u64(self.request_id);
        buf.push("\",\"method\":\"");
        buf.push(self.method);
        buf.push("\",\"params\":{");
        let members = params.iter().map(|(name, value)| (*name, value));
        write_json_members(buf.text_mut(), members);
    }
}

/// The WebSocket method that does what the REST endpoint does.
fn method_of(form: &Form) -> Option<&'static str> {
    Some(match form.endpoint() {
        (Method::Post, "/api/v3/order" | "/fapi/v1/order") => "order.place",
        (Method::Put, "/fapi/v1/order") => "order.modify",
        (Method::Delete, "/api/v3/order" | "/fapi/v1/order") => "order.cancel",
        (Method::Get, "/api/v3/order" | "/fapi/v1/order") => "order.status",
        (Method::Post, "/fapi/v1/algoOrder") => "algoOrder.place",
        (Method::Delete, "/fapi/v1/algoOrder") => "algoOrder.cancel",
        (Method::Get, "/api/v3/openOrders") => "openOrders.status",
        (Method::Get, "/api/v3/account") => "account.status",
        _ => return None,
    })
}

/// A frame without a request's id.
fn unasked(event: &[u8], error: &[u8]) -> Result<FrameReply, VenueError> {
    #[derive(Deserialize)]
    struct Event<'a> {
        e: &'a str,
    }
    if event.is_empty() && !error.is_empty() {
        return Err(malformed("id", "an error without a request's id"));
    }
    match serde_json::from_slice(event) {
        Ok(Event { e: "serverShutdown" }) => Ok(FrameReply::Reconnect),
        _ => Ok(FrameReply::Other),
    }
}

fn read_member<'de, T: Deserialize<'de>>(
    name: &'static str,
    text: &'de [u8],
) -> Result<T, VenueError> {
    serde_json::from_slice(text).map_err(|error| malformed(name, &error.to_string()))
}

#[derive(Clone, Copy)]
enum Id {
    Request(u64),
    Logon,
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Id;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the id of a request")
            }
            fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id::Request(id))
            }
            fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<Id, E> {
                if id.starts_with(LOGON_PREFIX) {
                    return Ok(Id::Logon);
                }
                id.parse().map(Id::Request).map_err(|_| E::custom("not an id of ours"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// When the venue takes requests again (spot web-socket-api.md, "IP limits").
fn retry_at(error: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Failure {
        data: Data,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        retry_after: u64,
    }
    let failure: Failure = serde_json::from_slice(error).ok()?;
    Some(Timestamp::from_millis(failure.data.retry_after))
}

fn malformed(field: &str, problem: &str) -> VenueError {
    let (field, problem) = (field.to_owned(), problem.to_owned());
    VenueError::Malformed(Malformed { operation: UNATTRIBUTED, field, problem })
}

#[cfg(test)]
mod tests {
    use hoox_connector::Credentials;

    use super::*;

    const ANSWER: &str = r#"{"id":"7","status":200,"result":{"orderId":325078477,"symbol":"BTCUSDT","status":"FILLED","clientOrderId":"x-1","price":"0.00","avgPrice":"43000.10","origQty":"0.010","executedQty":"0.010","cumQty":"0.010","cumQuote":"430.00100","timeInForce":"GTC","type":"MARKET","reduceOnly":false,"closePosition":false,"side":"BUY","positionSide":"BOTH","stopPrice":"0.00","workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"MARKET","priceMatch":"NONE","selfTradePreventionMode":"NONE","goodTillDate":0,"updateTime":1702555534435},"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":300,"count":1}]}"#;

    fn read(frame: &str) -> Result<FrameReply, VenueError> {
        let binance = Binance::linear(Credentials::hmac("k", "s"));
        let asked = |id| (id == 7).then_some(OperationKind::Place);
        binance.decode_frame(&mut frame.as_bytes().to_vec(), &asked)
    }

    #[test]
    fn an_acknowledgement_is_read_in_one_pass_as_in_many() {
        let asked = |id| (id == 7).then_some(OperationKind::Place);
        let fast = |frame: &str| acknowledgement(Market::Linear, frame.as_bytes(), &asked);
        let general = read(&ANSWER.replacen('{', "{\"a\":\"\\n\",", 1)).unwrap();
        assert_eq!(format!("{:?}", fast(ANSWER).unwrap()), format!("{general:?}"));
        for (from, to) in [
            ("\"id\":\"7\"", "\"id\":\"8\""),
            ("\"id\":\"7\"", "\"id\":\"logon-7\""),
            ("200", "400"),
            ("\"status\":\"FILLED\",", ""),
            ("\"rateLimits\"", "\"error\""),
            ("\"rateLimits\":[", "\"rateLimits\":{"),
            ("}]}", "}],\"status\":200}"),
            ("}]}", "}]"),
        ] {
            let frame = ANSWER.replacen(from, to, 1);
            assert!(frame != ANSWER && fast(&frame).is_none(), "{frame}");
        }
    }
}
