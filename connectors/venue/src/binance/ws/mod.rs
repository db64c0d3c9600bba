//! Binance over WebSocket: which path is which, and what all connections have in common.
//!
//! The real hosts are told apart by name; here all share one base, so the paths must do it:
//!
//! | path | stands for |
//! |---|---|
//! | `/ws…`, `/stream` | spot streams, `stream.binance.com` |
//! | `/ws-api/v3` | spot WebSocket API, `ws-api.binance.com` |
//! | `/public/…`, `/market/…` | linear streams of that group, `fstream.binance.com` |
//! | `/private/ws…`, `/private/stream…` | linear user data, `fstream.binance.com` |
//! | `/fstream/ws…`, `/fstream/stream…` | the undivided linear host of old: any stream, and user data |
//! | `/ws-fapi/v1` | linear WebSocket API, `ws-fapi.binance.com` |
//!
//! Source: protocol sheet for Binance, section 10.

mod api;
mod frames;
mod market;
mod spot_user;
mod stream;
mod user;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::json;

use super::Binance;
use crate::engine::{Engine, Event, Market};
use crate::fault::Fault;
use crate::http::{HttpRequest, HttpResponse};
use crate::ws::{Cx, Front, Message, Policy};
use api::ApiSession;
use market::MarketSession;
use stream::Group;
use user::UserSession;

const DAY_MS: u64 = 86_400_000;
const MINUTE_MS: u64 = 60_000;

/// Close code for a client that breaks a rule.
const POLICY_VIOLATION: u16 = 1008;

/// Spot: a ping every 20 s, closed after a minute without a pong.
const SPOT_POLICY: Policy = Policy {
    ping_every_ms: Some(20_000),
    pong_within_ms: Some(MINUTE_MS),
    idle_ms: None,
    life_ms: Some(DAY_MS),
};

/// Linear: a ping every 3 minutes, closed after 10 without a pong. UNVERIFIED
const LINEAR_POLICY: Policy = Policy {
    ping_every_ms: Some(3 * MINUTE_MS),
    pong_within_ms: Some(10 * MINUTE_MS),
    idle_ms: None,
    life_ms: Some(DAY_MS),
};

/// One connection.
#[derive(Debug)]
pub(crate) enum Session {
    Market(MarketSession),
    User(UserSession),
    Api(ApiSession),
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'p> {
    /// Streams of a market, and the part of the path that may name some.
    Streams(Market, Group, &'p str),
    Api(Market),
}

fn place(path: &str) -> Option<Place<'_>> {
    match path {
        "/ws-api/v3" => return Some(Place::Api(Market::Spot)),
        "/ws-fapi/v1" => return Some(Place::Api(Market::Linear)),
        _ => {}
    }
    let groups = [
        ("/public", Market::Linear, Group::Public),
        ("/market", Market::Linear, Group::Market),
        ("/private", Market::Linear, Group::Private),
        ("/fstream", Market::Linear, Group::All),
        ("", Market::Spot, Group::Spot),
    ];
    groups.into_iter().find_map(|(prefix, market, group)| {
        let rest = path.strip_prefix(prefix)?;
        let streams = rest == "/stream" || rest == "/ws" || rest.starts_with("/ws/");
        streams.then_some(Place::Streams(market, group, rest))
    })
}

impl Front for Binance {
    type Session = Session;

    fn open(
        &mut self,
        cx: &mut Cx<'_>,
        path: &str,
        request: &HttpRequest<'_>,
    ) -> Result<(Session, Policy), HttpResponse> {
        let place = place(path).ok_or_else(|| HttpResponse::html(404, "Not Found"))?;
        if !self.limiter.may_connect(cx.peer, cx.server_ms) && self.enforce_rates {
            return Err(HttpResponse::html(429, "Too Many Requests"));
        }
        match place {
            Place::Api(market) => {
                let policy = policy(market);
                Ok((Session::Api(self.open_api(cx, market, request)?), policy))
            }
            Place::Streams(market, group, rest) => {
                let (combined, names) = named(rest, request.query);
                let policy = policy(market);
                if let Some(session) = self.open_user(cx, group, combined, &names, request.query) {
                    return Ok((Session::User(session), policy));
                }
                let session = MarketSession::open(cx, (market, group), combined, &names)?;
                Ok((Session::Market(session), policy))
            }
        }
    }

    fn name<'m>(&self, session: &Session, message: &'m Message) -> Cow<'m, str> {
        let Message::Text(text) = message else { return Cow::Borrowed("") };
        match session {
            Session::Api(_) | Session::Market(_) => method_of(text),
            Session::User(_) => Cow::Borrowed(""),
        }
    }

    fn message(&mut self, cx: &mut Cx<'_>, session: &mut Session, message: &Message) {
        match session {
            Session::Market(session) => session.message(cx, message, self.enforce_rates),
            Session::Api(session) => self.api_message(cx, session, message),
            Session::User(_) => {}
        }
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, session: &mut Session, message: &Message, fault: &Fault) {
        match session {
            Session::Api(_) => self.api_refuse(cx, message, fault),
            Session::Market(_) | Session::User(_) => {
                let error = json!({"code": 2, "msg": format!("Invalid request: {}", fault.kind)});
                cx.out.reply(json!({"error": error, "id": null}));
            }
        }
    }

    fn event(&mut self, cx: &mut Cx<'_>, session: &mut Session, event: &Event) {
        match session {
            Session::Market(session) => session.event(cx, event),
            Session::User(session) => session.event(cx, event),
            Session::Api(session) => session.event(cx, event, &self.cancel_ids),
        }
    }

    fn tick(&mut self, cx: &mut Cx<'_>, session: &mut Session) -> Option<u64> {
        match session {
            Session::Market(session) => session.tick(cx),
            Session::User(session) => session.tick(cx, &self.listen_keys),
            Session::Api(_) => None,
        }
    }

    fn watched(&self, engine: &Engine, session: &Session, into: &mut BTreeSet<usize>) {
        if let Session::Market(session) = session {
            session.watched(engine, into);
        }
    }

    fn farewell(&mut self, cx: &mut Cx<'_>, session: &mut Session) {
        let event = json!({"e": "serverShutdown", "E": cx.server_ms});
        let frame = match session {
            Session::Market(session) => session.wrapped("serverShutdown", event),
            Session::User(_) => event,
            Session::Api(_) => json!({"event": event}),
        };
        cx.out.event("serverShutdown", frame);
    }

    fn closed(&mut self, _: Session) {}
}

fn policy(market: Market) -> Policy {
    match market {
        Market::Spot => SPOT_POLICY,
        Market::Linear => LINEAR_POLICY,
    }
}

/// Whether the frames of a connection carry the stream's name, and the streams its URL names.
fn named(rest: &str, query: &str) -> (bool, Vec<String>) {
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let combined = rest == "/stream";
    let list = if combined {
        let streams = query.split('&').find_map(|pair| pair.strip_prefix("streams="));
        decode(streams.unwrap_or_default())
    } else {
        decode(rest.strip_prefix("/ws/").unwrap_or_default())
    };
    let names = list.split('/').filter(|name| !name.is_empty()).map(str::to_owned);
    (combined, names.collect())
}

/// The `method` of a request, without reading the rest of it.
fn method_of(text: &str) -> Cow<'_, str> {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        method: Cow<'a, str>,
    }
    serde_json::from_str::<Head<'_>>(text).map_or(Cow::Borrowed(""), |head| head.method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_the_hosts_would() {
        let streams = |path| match place(path) {
            Some(Place::Streams(market, group, _)) => Some((market, group)),
            _ => None,
        };
        assert_eq!(streams("/ws/btcusdt@trade"), Some((Market::Spot, Group::Spot)));
        assert_eq!(streams("/stream"), Some((Market::Spot, Group::Spot)));
        assert_eq!(streams("/public/stream"), Some((Market::Linear, Group::Public)));
        assert_eq!(streams("/market/ws"), Some((Market::Linear, Group::Market)));
        assert_eq!(streams("/private/ws"), Some((Market::Linear, Group::Private)));
        assert_eq!(streams("/fstream/ws/abc"), Some((Market::Linear, Group::All)));
        assert_eq!(place("/ws-api/v3"), Some(Place::Api(Market::Spot)));
        assert_eq!(place("/ws-fapi/v1"), Some(Place::Api(Market::Linear)));
        for nowhere in ["", "/", "/wsx", "/streams", "/public", "/ws-api/v4", "/api/v3/order"] {
            assert_eq!(place(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn streams_are_named_by_path_or_query() {
        assert_eq!(
            named("/ws/a@trade/b@depth", ""),
            (false, vec!["a@trade".into(), "b@depth".into()])
        );
        assert_eq!(
            named("/stream", "x=1&streams=a%40trade/b"),
            (true, vec!["a@trade".into(), "b".into()])
        );
        assert_eq!(named("/ws", ""), (false, vec![]));
    }
}
