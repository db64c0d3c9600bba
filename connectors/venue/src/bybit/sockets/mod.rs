//! WebSocket connections: public data per category, private pushes, order entry.
//!
//! Source: protocol sheet for Bybit, sections 1, 9 and 10.

mod private;
mod public;
mod trade;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::errors::{self, ApiError};
use super::{Bybit, forbidden, ids, stops};
use crate::engine::{Engine, Event, Market};
use crate::fault::{Fault, FaultKind};
use crate::http::{HttpRequest, HttpResponse};
use crate::ws::{Cx, Front, Message, Policy};
use private::Private;
use public::Public;
use trade::Trade;

/// Private and order entry connections are cut after this long a silence unless the client asks
/// otherwise. UNVERIFIED for public ones, which are said to want a ping every 20 s.
const IDLE_MS: u64 = 600_000;
/// What a client may ask for with `max_active_time`.
const IDLE_RANGE_MS: std::ops::RangeInclusive<u64> = 30_000..=600_000;

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    conn_id: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Public(Public),
    Private(Private),
    Trade(Trade),
}

impl Front for Bybit {
    type Session = Session;

    fn open(
        &mut self,
        cx: &mut Cx<'_>,
        path: &str,
        request: &HttpRequest<'_>,
    ) -> Result<(Session, Policy), HttpResponse> {
        if !self.limiter.connect(request.peer, cx.server_ms) {
            *self.errors.entry(403).or_default() += 1;
            return Err(forbidden());
        }
        let kind = match path {
            "/v5/public/spot" => Kind::Public(Public::new(Market::Spot)),
            "/v5/public/linear" => Kind::Public(Public::new(Market::Linear)),
            "/v5/private" => Kind::Private(Private::default()),
            "/v5/trade" => Kind::Trade(Trade::default()),
            _ => return Err(HttpResponse::html(404, "Not Found")),
        };
        let idle_ms = match kind {
            Kind::Public(_) => IDLE_MS,
            _ => active_time(request.query),
        };
        self.connections += 1;
        let conn_id = ids::execution_id(self.connections);
        let policy = Policy { idle_ms: Some(idle_ms), ..Policy::default() };
        Ok((Session { conn_id, kind }, policy))
    }

    fn name<'m>(&self, _: &Session, message: &'m Message) -> Cow<'m, str> {
        match read(message).as_ref().and_then(|request| request.get("op")) {
            Some(Value::String(op)) => Cow::Owned(op.clone()),
            _ => Cow::Borrowed("?"),
        }
    }

    fn message(&mut self, cx: &mut Cx<'_>, session: &mut Session, message: &Message) {
        if matches!(message, Message::Ping(_) | Message::Pong(_)) {
            return;
        }
        let id = &session.conn_id;
        let Some(request) = read(message) else {
            return cx.out.reply(json!({
                "success": false, "ret_msg": "Request format error", "conn_id": id, "op": "",
            }));
        };
        match &mut session.kind {
            Kind::Public(public) => public.request(cx, id, &request),
            Kind::Private(private) => private.request(self, cx, id, &request),
            Kind::Trade(trade) => trade.request(self, cx, id, &request),
        }
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, session: &mut Session, message: &Message, fault: &Fault) {
        let request = read(message).unwrap_or_default();
        let error = match fault.kind {
            FaultKind::Http504Timeout | FaultKind::Http408 => errors::SERVER_TIMEOUT,
            FaultKind::Http500Unexpected => errors::BACKEND_TIMEOUT,
            FaultKind::Http503Throttled => errors::WS_OVERLOADED,
            FaultKind::Http429 => errors::RATE_LIMIT,
            FaultKind::Http418 | FaultKind::Http403 => errors::WS_IP_LIMIT,
            FaultKind::Http503Unavailable => errors::WS_RESTARTING,
            _ => errors::SERVER_ERROR,
        };
        let id = &session.conn_id;
        cx.out.reply(match session.kind {
            Kind::Trade(_) => trade::answer(&request, id, cx.server_ms, None, Err(&error)),
            _ => failure(&request, id, &error.msg),
        });
    }

    fn event(&mut self, cx: &mut Cx<'_>, session: &mut Session, event: &Event) {
        match &mut session.kind {
            Kind::Public(public) => public.event(cx, event),
            Kind::Private(private) => private.event(&self.desk, cx, event),
            Kind::Trade(_) => {}
        }
    }

    fn tick(&mut self, cx: &mut Cx<'_>, session: &mut Session) -> Option<u64> {
        match &mut session.kind {
            Kind::Public(public) => public.tick(cx),
            Kind::Private(_) | Kind::Trade(_) => None,
        }
    }

    fn watched(&self, _: &Engine, session: &Session, into: &mut BTreeSet<usize>) {
        if let Kind::Public(public) = &session.kind {
            into.extend(public.instruments());
        }
    }

    /// The venue has no words for it: books start anew, order entry says that it restarts.
    fn farewell(&mut self, cx: &mut Cx<'_>, session: &mut Session) {
        match &mut session.kind {
            Kind::Public(public) => public.restart(cx),
            Kind::Private(_) => {}
            Kind::Trade(trade) => trade.leave(),
        }
    }

    fn closed(&mut self, _: Session) {}

    fn due(&mut self, engine: &mut Engine, _: u64) {
        stops::settle(engine, &mut self.desk);
    }
}

impl Bybit {
    /// Checks `[key, expires, signature]`; the key's account, and whether it may trade.
    fn log_in(&self, args: Option<&Value>, server_ms: u64) -> Result<(usize, bool), ApiError> {
        let Some([key, expires, signature]) = args.and_then(Value::as_array).map(Vec::as_slice)
        else {
            return Err(ApiError::params("Params Error"));
        };
        let (Some(key), Some(signature)) = (key.as_str(), signature.as_str()) else {
            return Err(ApiError::params("Params Error"));
        };
        let expires = match expires {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let ends: u64 = expires.parse().map_err(|_| ApiError::params("Params Error"))?;
        let key = self.keys.find(key).ok_or(errors::KEY_INVALID)?;
        if ends <= server_ms {
            return Err(ApiError::params("Request has expired"));
        }
        if !key.signed(&[b"GET/realtime", expires.as_bytes()], signature) {
            return Err(errors::BAD_SIGNATURE);
        }
        Ok((key.account, key.trade))
    }
}

/// A JSON object in a text message.
fn read(message: &Message) -> Option<Map<String, Value>> {
    match message {
        Message::Text(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

fn op(request: &Map<String, Value>) -> &str {
    request.get("op").and_then(Value::as_str).unwrap_or_default()
}

/// The answer to a subscription that worked.
fn success(request: &Map<String, Value>, conn_id: &str) -> Value {
    outcome(request, conn_id, true, op(request))
}

/// The answer to a request that did not work, on public and private connections.
fn failure(request: &Map<String, Value>, conn_id: &str, why: &str) -> Value {
    outcome(request, conn_id, false, why)
}

fn outcome(request: &Map<String, Value>, conn_id: &str, done: bool, msg: &str) -> Value {
    let mut answer = json!({
        "success": done, "ret_msg": msg, "conn_id": conn_id, "op": op(request),
    });
    if let (Some(id), Some(answer)) = (request.get("req_id"), answer.as_object_mut()) {
        answer.insert("req_id".to_owned(), id.clone());
    }
    answer
}

/// The texts of `args`.
fn topics(request: &Map<String, Value>) -> Option<Vec<&str>> {
    let args = request.get("args")?.as_array()?;
    args.iter().map(Value::as_str).collect::<Option<Vec<_>>>().filter(|topics| !topics.is_empty())
}

/// `max_active_time` in milliseconds, for example `90s` or `2m`.
fn active_time(query: &str) -> u64 {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("max_active_time="));
    let parsed = value.and_then(|text| {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let factor = match unit {
            "s" => 1_000,
            "m" => 60_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor)
    });
    parsed.filter(|ms| IDLE_RANGE_MS.contains(ms)).unwrap_or(IDLE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_time_is_read_within_its_range() {
        for (query, ms) in [
            ("", 600_000),
            ("max_active_time=30s", 30_000),
            ("a=b&max_active_time=2m", 120_000),
            ("max_active_time=29s", 600_000),
            ("max_active_time=11m", 600_000),
            ("max_active_time=é", 600_000),
        ] {
            assert_eq!(active_time(query), ms, "{query}");
        }
    }
}
