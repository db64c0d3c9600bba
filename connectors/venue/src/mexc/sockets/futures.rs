//! The futures connection: login and what happens to an account. Source: protocol sheet for MEXC,
//! sections 5 and 11. After a login everything is pushed, unless the client narrows it.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::Mexc;
use super::super::futures::{account, plan, query};
use super::futures_public::Public;
use super::method;
use crate::engine::{Event, Market, OrderChange};
use crate::ws::Cx;

/// A login must have been signed this recently.
const WINDOW_MS: u64 = 10_000;

/// A futures connection.
#[derive(Debug, Default)]
pub(crate) struct Futures {
    public: Public,
    account: Option<usize>,
    /// What is pushed of the account; `None` is everything.
    filter: Option<BTreeSet<String>>,
}

impl Futures {
    pub(super) fn request(
        &mut self,
        front: &mut Mexc,
        cx: &mut Cx<'_>,
        request: Option<Map<String, Value>>,
    ) {
        let Some(request) = request else { return cx.out.reply(error(cx, "invalid request")) };
        // Frames are never compressed here; a client that insists is told.
        if request.get("gzip") == Some(&Value::Bool(true)) {
            return cx.out.reply(error(cx, "gzip is not simulated: send \"gzip\":false"));
        }
        let name = method(&request).to_owned();
        match name.as_str() {
            "ping" => cx.out.reply(json!({ "channel": "pong", "data": cx.server_ms })),
            "login" => match self.log_in(front, cx, &request) {
                Ok(()) => cx.out.reply(done(cx, "login")),
                Err(why) => cx.out.reply(error(cx, why)),
            },
            "personal.filter" => match (self.account, filters(&request)) {
                (None, _) => cx.out.reply(error(cx, "not logged in")),
                (_, None) => cx.out.reply(error(cx, "invalid filters")),
                (_, Some(filters)) => {
                    self.filter = (!filters.is_empty()).then_some(filters);
                    cx.out.reply(done(cx, "personal.filter"));
                }
            },
            name => match self.public.request(cx, name, request.get("param")) {
                Ok(()) => {
                    cx.out.reply(done(cx, name));
                    cx.out.rewatch();
                    self.public.show_first(cx);
                }
                Err(why) => cx.out.reply(error(cx, why)),
            },
        }
    }

    pub(super) fn event(&mut self, front: &Mexc, cx: &mut Cx<'_>, event: &Event) {
        self.public.event(cx, event);
        let Some(account) = self.account else { return };
        match event {
            Event::Order { order, change, .. } if order.account == account => {
                let linear = cx.engine.instruments.get(order.instrument);
                if linear.is_none_or(|i| i.market != Market::Linear) {
                    return;
                }
                if let OrderChange::Traded(trade) = change {
                    self.push(cx, "order.deal", query::deal(cx.engine, trade));
                }
                let bracket = front.stops.attached(order.id);
                self.push(cx, "order", query::pushed(cx.engine, order, bracket));
            }
            Event::Algo { algo, .. } if algo.order.account == account && plan::is_plan(algo) => {
                self.push(cx, "plan.order", plan::show(cx.engine, &front.plans, algo));
            }
            Event::Account(change) if change.account == account => {
                for position in &change.positions {
                    let key = (position.instrument, position.side);
                    self.push(cx, "position", account::position(cx.engine, account, key));
                }
                if change.wallet.is_some() {
                    self.push(cx, "asset", Some(account::usdt(cx.engine, account)));
                }
            }
            _ => {}
        }
    }

    pub(super) fn instruments(&self) -> impl Iterator<Item = usize> + '_ {
        self.public.instruments()
    }

    /// Checks key, time and signature of a login.
    fn log_in(
        &mut self,
        front: &mut Mexc,
        cx: &Cx<'_>,
        request: &Map<String, Value>,
    ) -> Result<(), &'static str> {
        let param = |name: &str| {
            let value = request.get("param").and_then(|p| p.get(name));
            value.and_then(|v| match v {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
        };
        let (Some(text), Some(time), Some(signature)) =
            (param("apiKey"), param("reqTime"), param("signature"))
        else {
            return Err("login param error");
        };
        let refuse = |front: &mut Mexc, code: i32, why| {
            *front.errors.entry(code).or_default() += 1;
            Err(why)
        };
        let sent: Option<u64> = time.parse().ok();
        if sent.is_none_or(|sent| sent.abs_diff(cx.server_ms) > WINDOW_MS) {
            return refuse(front, 513, "Invalid request: reqTime");
        }
        let Some(key) = front.keys.find(&text) else {
            return refuse(front, 402, "API Key expired");
        };
        let account = key.account;
        if !key.signed(&[text.as_bytes(), time.as_bytes()], &signature) {
            return refuse(front, 602, "Confirming signature failed");
        }
        self.account = Some(account);
        let silent = request.get("subscribe") == Some(&Value::Bool(false));
        // Nothing matches a topic without a name.
        self.filter = silent.then(|| BTreeSet::from([String::new()]));
        Ok(())
    }

    fn push(&self, cx: &mut Cx<'_>, topic: &'static str, data: Option<impl Serialize>) {
        #[derive(Serialize)]
        struct Push<T> {
            channel: String,
            data: T,
            ts: u64,
        }
        if self.filter.as_ref().is_some_and(|wanted| !wanted.contains(topic)) {
            return;
        }
        let Some(data) = data else { return };
        let push = Push { channel: format!("push.personal.{topic}"), data, ts: cx.server_ms };
        if let Ok(text) = serde_json::to_string(&push) {
            cx.out.event(topic, text);
        }
    }
}

/// The answer to a request that did not work.
pub(super) fn error(cx: &Cx<'_>, why: &str) -> Value {
    json!({ "channel": "rs.error", "data": why, "ts": cx.server_ms })
}

fn done(cx: &Cx<'_>, method: &str) -> Value {
    json!({ "channel": format!("rs.{method}"), "data": "success", "ts": cx.server_ms })
}

/// The topics of `personal.filter`; an empty list is everything.
fn filters(request: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let filters = request.get("param")?.get("filters")?.as_array()?;
    filters.iter().map(|f| f.get("filter")?.as_str().map(str::to_owned)).collect()
}
