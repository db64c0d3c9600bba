//! The WebSocket API: requests that go through the same endpoints as those over HTTP, sessions
//! that are logged on, and spot user data.
//!
//! Source: protocol sheet for Binance, section 2 (signing) and section 10, and the `ws_api_*`
//! samples.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::auth::Security;
use super::super::errors::{
    self, ApiError, INVALID_JSON, NOT_ED25519, NOT_LOGGED_ON, UNSUPPORTED_OPERATION,
};
use super::super::json::extended;
use super::super::params::Params;
use super::super::routes::{self, Found};
use super::super::{Binance, Caller, Done};
use super::POLICY_VIOLATION;
use super::spot_user;
use crate::engine::{Event, Market};
use crate::fault::{Fault, FaultKind};
use crate::http::{HttpRequest, HttpResponse};
use crate::ws::{Cx, Frame, Message};

/// What connecting costs.
const CONNECT_WEIGHT: u64 = 2;
/// What the session and subscription methods cost.
const SESSION_WEIGHT: u64 = 2;

/// Longest request id that is returned.
const MAX_ID: usize = 64;

/// Subscriptions to user data on one connection.
const MAX_SUBSCRIPTIONS: usize = 64;

/// A connection to the WebSocket API of a market.
#[derive(Debug)]
pub(crate) struct ApiSession {
    market: Market,
    connected_ms: u64,
    /// The key that has logged on, its account, and when.
    logged_on: Option<(String, usize, u64)>,
    /// Accounts whose user data comes here, by subscription.
    subscriptions: BTreeMap<u64, usize>,
    next_subscription: u64,
    rate_limits: bool,
}

/// A request as it arrived.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

/// WebSocket method, and the endpoint that does the same.
type Method = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const SPOT: &[Method] = &[
    ("order.place", "POST", "/api/v3/order"),
    ("order.test", "POST", "/api/v3/order/test"),
    ("order.status", "GET", "/api/v3/order"),
    ("order.cancel", "DELETE", "/api/v3/order"),
    ("openOrders.status", "GET", "/api/v3/openOrders"),
    ("openOrders.cancelAll", "DELETE", "/api/v3/openOrders"),
    ("allOrders", "GET", "/api/v3/allOrders"),
    ("myTrades", "GET", "/api/v3/myTrades"),
    ("account.status", "GET", "/api/v3/account"),
    ("account.rateLimits.orders", "GET", "/api/v3/rateLimit/order"),
    ("ping", "GET", "/api/v3/ping"),
    ("time", "GET", "/api/v3/time"),
    ("exchangeInfo", "GET", "/api/v3/exchangeInfo"),
    ("depth", "GET", "/api/v3/depth"),
    ("klines", "GET", "/api/v3/klines"),
    ("ticker.24hr", "GET", "/api/v3/ticker/24hr"),
    ("ticker.price", "GET", "/api/v3/ticker/price"),
    ("ticker.book", "GET", "/api/v3/ticker/bookTicker"),
];

#[rustfmt::skip]
const LINEAR: &[Method] = &[
    ("order.place", "POST", "/fapi/v1/order"),
    ("order.test", "POST", "/fapi/v1/order/test"),
    ("order.modify", "PUT", "/fapi/v1/order"),
    ("order.status", "GET", "/fapi/v1/order"),
    ("order.cancel", "DELETE", "/fapi/v1/order"),
    ("openOrders.status", "GET", "/fapi/v1/openOrders"),
    ("algoOrder.place", "POST", "/fapi/v1/algoOrder"),
    ("algoOrder.cancel", "DELETE", "/fapi/v1/algoOrder"),
    ("account.balance", "GET", "/fapi/v2/balance"),
    ("v2/account.balance", "GET", "/fapi/v3/balance"),
    ("account.position", "GET", "/fapi/v2/positionRisk"),
    ("v2/account.position", "GET", "/fapi/v3/positionRisk"),
    ("account.status", "GET", "/fapi/v3/account"),
    ("v2/account.status", "GET", "/fapi/v3/account"),
    ("depth", "GET", "/fapi/v1/depth"),
    ("ticker.price", "GET", "/fapi/v1/ticker/price"),
    ("ticker.book", "GET", "/fapi/v1/ticker/bookTicker"),
    ("userDataStream.start", "POST", "/fapi/v1/listenKey"),
    ("userDataStream.ping", "PUT", "/fapi/v1/listenKey"),
    ("userDataStream.stop", "DELETE", "/fapi/v1/listenKey"),
];

impl Binance {
    pub(super) fn open_api(
        &mut self,
        cx: &mut Cx<'_>,
        market: Market,
        request: &HttpRequest<'_>,
    ) -> Result<ApiSession, HttpResponse> {
        let (used, admitted) = self.limiter.admit(market, cx.peer, cx.server_ms, CONNECT_WEIGHT);
        if let Err(error) = admitted {
            return Err(self.reply(Err(error), market, used, None));
        }
        Ok(ApiSession {
            market,
            connected_ms: cx.server_ms,
            logged_on: None,
            subscriptions: BTreeMap::new(),
            next_subscription: 0,
            rate_limits: !request.query.split('&').any(|p| p == "returnRateLimits=false"),
        })
    }

    pub(super) fn api_message(
        &mut self,
        cx: &mut Cx<'_>,
        session: &mut ApiSession,
        message: &Message,
    ) {
        let text = match message {
            Message::Text(text) => text.as_str(),
            Message::Binary(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Message::Ping(_) | Message::Pong(_) => return,
        };
        let Ok(request) = serde_json::from_str::<Request<'_>>(text) else {
            self.count(&INVALID_JSON);
            cx.out.reply(written("null", Err(INVALID_JSON), cx.server_ms, None));
            return;
        };
        let id = id_text(request.id);
        let done = self.api_request(cx, session, &request);
        if let Err(error) = &done.answer {
            self.count(error);
        }
        let shown = || self.limiter.shown(session.market, done.used, done.counts.as_ref());
        let limits = session.rate_limits.then(shown);
        let reply = match done.answer {
            Ok(body) => match String::from_utf8(body) {
                Ok(body) => written(&id, Ok(body), cx.server_ms, limits),
                Err(_) => written(&id, Err(errors::INTERNAL), cx.server_ms, limits),
            },
            Err(error) => written(&id, Err(error), cx.server_ms, limits),
        };
        cx.out.reply(reply);
    }

    fn api_request(
        &mut self,
        cx: &mut Cx<'_>,
        session: &mut ApiSession,
        request: &Request<'_>,
    ) -> Done {
        let none = BTreeMap::new();
        let pairs = request.params.as_ref().unwrap_or(&none);
        let pairs = pairs.iter().map(|(name, value)| (name.as_ref(), value.get()));
        let params = Params::from_json(pairs);
        let table = match session.market {
            Market::Spot => SPOT,
            Market::Linear => LINEAR,
        };
        let method = request.method.as_ref();
        let found = table.iter().find(|(name, _, _)| *name == method);
        if let Some((_, verb, path)) = found
            && let Found::Route(route, market) = routes::find(verb, path)
        {
            let logged_on = session.logged_on.as_ref().map(|(key, _, _)| key.as_str());
            let caller = Caller::Socket { logged_on };
            let peer = cx.peer;
            return self.process(cx.engine, (route, market), peer, params, caller, cx.server_ms);
        }
        let (used, admitted) =
            self.limiter.admit(session.market, cx.peer, cx.server_ms, SESSION_WEIGHT);
        let answer = admitted
            .and(params)
            .and_then(|params| self.session_method(cx, session, method, &params))
            .map(|value| value.to_string().into_bytes());
        Done { answer, used, counts: None }
    }

    fn session_method(
        &mut self,
        cx: &mut Cx<'_>,
        session: &mut ApiSession,
        method: &str,
        params: &Params<'_>,
    ) -> Result<Value, ApiError> {
        let server_ms = cx.server_ms;
        match (method, session.market) {
            ("session.logon", _) => {
                params.only(&[])?;
                let key = self.keys.find(params.api_key(), Security::Signed)?;
                if !key.is_ed25519() {
                    return Err(NOT_ED25519);
                }
                key.verify(params, server_ms)?;
                let name = params.api_key().unwrap_or_default().to_owned();
                session.logged_on = Some((name, key.account, server_ms));
                Ok(session.status(server_ms))
            }
            ("session.status", _) => Ok(session.status(server_ms)),
            ("session.logout", _) => {
                // Subscriptions live by the logon.
                session.subscriptions.clear();
                session.logged_on = None;
                Ok(session.status(server_ms))
            }
            ("userDataStream.subscribe", Market::Spot) => {
                params.only(&[])?;
                let account = session.logged_on.as_ref().map(|(_, account, _)| *account);
                session.subscribe(account.ok_or(NOT_LOGGED_ON)?)
            }
            ("userDataStream.subscribe.signature", Market::Spot) => {
                params.only(&[])?;
                let key = self.keys.find(params.api_key(), Security::Signed)?;
                key.verify(params, server_ms)?;
                session.subscribe(key.account)
            }
            ("userDataStream.unsubscribe", Market::Spot) => {
                params.only(&["subscriptionId"])?;
                match params.integer("subscriptionId")? {
                    Some(id) => {
                        session.subscriptions.remove(&id);
                    }
                    None => session.subscriptions.clear(),
                }
                Ok(json!({}))
            }
            ("session.subscriptions", Market::Spot) => {
                let ids = session.subscriptions.keys();
                Ok(ids.map(|id| json!({"subscriptionId": id})).collect())
            }
            _ => Err(UNSUPPORTED_OPERATION),
        }
    }

    /// Answers a request with an injected error.
    pub(super) fn api_refuse(&mut self, cx: &mut Cx<'_>, message: &Message, fault: &Fault) {
        let Message::Text(text) = message else { return };
        let id = match serde_json::from_str::<Request<'_>>(text) {
            Ok(request) => id_text(request.id),
            Err(_) => "null".to_owned(),
        };
        match self.injected_error(fault, cx.server_ms) {
            Ok(error) => cx.out.reply(written(&id, Err(error), cx.server_ms, None)),
            // A firewall cuts in; a proxy writes a page.
            Err(_) if fault.kind == FaultKind::Http403 => {
                cx.out.close(POLICY_VIOLATION, "Forbidden");
            }
            Err(page) => {
                cx.out.reply(Frame::Text(String::from_utf8_lossy(&page.body).into_owned()));
            }
        }
    }
}

impl ApiSession {
    fn status(&self, server_ms: u64) -> Value {
        let (key, since) = match &self.logged_on {
            Some((key, _, since)) => (json!(key), json!(since)),
            None => (Value::Null, Value::Null),
        };
        json!({
            "apiKey": key,
            "authorizedSince": since,
            "connectedSince": self.connected_ms,
            "returnRateLimits": self.rate_limits,
            "serverTime": server_ms,
            "userDataStream": !self.subscriptions.is_empty(),
        })
    }

    fn subscribe(&mut self, account: usize) -> Result<Value, ApiError> {
        if self.subscriptions.values().any(|a| *a == account) {
            return Err(errors::ALREADY_SUBSCRIBED);
        }
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(errors::TOO_MANY_SUBSCRIPTIONS);
        }
        let id = self.next_subscription;
        self.next_subscription += 1;
        self.subscriptions.insert(id, account);
        Ok(json!({"subscriptionId": id}))
    }

    /// Passes on what concerns the accounts subscribed to. `cancel_ids`: the ids of the requests
    /// that have just cancelled orders.
    pub(super) fn event(
        &mut self,
        cx: &mut Cx<'_>,
        event: &Event,
        cancel_ids: &BTreeMap<u64, String>,
    ) {
        for (id, account) in &self.subscriptions {
            let told = spot_user::spot_event(cx.engine, *account, event, cancel_ids, cx.server_ms);
            if let Some((name, event)) = told {
                cx.out.event(name, json!({"subscriptionId": id, "event": event}));
            }
        }
    }
}

/// The id of a request, to be returned as it came; null for one that is too long or no id.
fn id_text(id: Option<&RawValue>) -> String {
    let text = id.map_or("null", RawValue::get);
    let legal = text.len() <= MAX_ID && !text.starts_with(['{', '[', 't', 'f']);
    if legal { text.to_owned() } else { "null".to_owned() }
}

fn written(
    id: &str,
    answer: Result<String, ApiError>,
    server_ms: u64,
    limits: Option<Value>,
) -> String {
    let limits = limits.map(|l| format!(",\"rateLimits\":{l}")).unwrap_or_default();
    match answer {
        Ok(result) => format!("{{\"id\":{id},\"status\":200,\"result\":{result}{limits}}}"),
        Err(error) => {
            let mut shown = json!({"code": error.code, "msg": error.msg});
            if let Some(seconds) = error.retry_after_s {
                let retry = server_ms.saturating_add(seconds.saturating_mul(1_000));
                let data = json!({"serverTime": server_ms, "retryAfter": retry});
                shown = extended(shown, json!({"data": data}));
            }
            format!("{{\"id\":{id},\"status\":{},\"error\":{shown}{limits}}}", error.status)
        }
    }
}
