//! User data of the linear market: what a listen key brings.
//!
//! Source: protocol sheet for Binance, section 10, and the `ws_linear_*` samples.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::Binance;
use super::super::json::{Fixed, exact, f8};
use super::super::linear::STP;
use super::super::listen_key::ListenKeys;
use super::stream::Group;
use crate::engine::{
    AccountChange, AccountReason, Algo, Engine, Event, Market, Order, OrderChange, PositionChange,
    Trade,
};
use crate::ws::Cx;

/// A connection to an account's user data.
#[derive(Debug)]
pub(crate) struct UserSession {
    account: usize,
    listen_key: String,
    /// Whether frames carry the listen key as the stream's name.
    combined: bool,
    /// Event names wanted; all when empty.
    wanted: Vec<String>,
    expired: bool,
}

impl Binance {
    /// A user data session, if path and query ask for one. On the undivided host a listen key
    /// stands where a stream's name would.
    pub(super) fn open_user(
        &self,
        cx: &Cx<'_>,
        group: Group,
        combined: bool,
        names: &[String],
        query: &str,
    ) -> Option<UserSession> {
        if !matches!(group, Group::Private | Group::All) {
            return None;
        }
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| {
                pair.split_once('=').filter(|(n, _)| *n == name).map(|(_, value)| value)
            })
        };
        let sent = parameter("listenKey").map(str::to_owned);
        let key = sent.or_else(|| names.first().cloned()).unwrap_or_default();
        let owner = self.listen_keys.owner(&key, cx.server_ms);
        // What the venue does with a key that it does not know is not published. Here the
        // connection opens, and nothing ever comes.
        if owner.is_none() && group == Group::All {
            return None;
        }
        let events = parameter("events").unwrap_or_default();
        Some(UserSession {
            account: owner.unwrap_or(usize::MAX),
            listen_key: key,
            combined,
            // The separator is UNVERIFIED.
            wanted: events.split(['/', ',']).filter(|e| !e.is_empty()).map(str::to_owned).collect(),
            expired: owner.is_none(),
        })
    }
}

impl UserSession {
    pub(super) fn event(&mut self, cx: &mut Cx<'_>, event: &Event) {
        if self.expired {
            return;
        }
        let server_ms = cx.server_ms;
        let linear = |engine: &Engine, n: usize| {
            engine.instruments.get(n).is_some_and(|i| i.market == Market::Linear)
        };
        match event {
            Event::Order { order, change, time_ms } => {
                if order.account != self.account || !linear(cx.engine, order.instrument) {
                    return;
                }
                if let OrderChange::Traded(trade) = change {
                    let lite = trade_lite(cx.engine, order, trade, server_ms);
                    self.push(cx, "TRADE_LITE", lite);
                }
                let frame = order_trade_update(cx.engine, order, change, *time_ms, server_ms);
                self.push(cx, "ORDER_TRADE_UPDATE", frame);
            }
            Event::Account(change) => {
                if change.account == self.account && change.wallet.is_some() {
                    let frame = account_update(cx.engine, change, server_ms);
                    self.push(cx, "ACCOUNT_UPDATE", frame);
                }
            }
            Event::Algo { algo, time_ms } => {
                if algo.order.account == self.account {
                    let frame = algo_update(cx.engine, algo, *time_ms, server_ms);
                    self.push(cx, "ALGO_UPDATE", frame);
                }
            }
            Event::Leverage { account, instrument, leverage, time_ms } => {
                if *account == self.account && linear(cx.engine, *instrument) {
                    let symbol = cx.engine.instruments.get(*instrument).map(|i| i.symbol);
                    let frame = json!({
                        "e": "ACCOUNT_CONFIG_UPDATE", "E": server_ms, "T": time_ms,
                        "ac": {"s": symbol, "l": leverage},
                    });
                    self.push(cx, "ACCOUNT_CONFIG_UPDATE", frame);
                }
            }
            // The account's change tells of it.
            Event::Funding { .. } | Event::Trade(_) | Event::Book(_) => {}
        }
    }

    /// Tells when the listen key has ended; when to look again.
    pub(super) fn tick(&mut self, cx: &mut Cx<'_>, keys: &ListenKeys) -> Option<u64> {
        if self.expired {
            return None;
        }
        match keys.ends(&self.listen_key, cx.server_ms) {
            // The venue's clock may be skewed against the engine's.
            Some(ends) => {
                let left = ends.saturating_sub(cx.server_ms);
                Some(cx.engine.now_ms().saturating_add(left))
            }
            None => {
                self.expired = true;
                let frame = json!({
                    "e": "listenKeyExpired", "E": cx.server_ms, "listenKey": self.listen_key,
                });
                self.push(cx, "listenKeyExpired", frame);
                None
            }
        }
    }

    fn push(&self, cx: &mut Cx<'_>, name: &'static str, frame: Value) {
        if !self.wanted.is_empty() && !self.wanted.iter().any(|w| w == name) {
            return;
        }
        let frame =
            if self.combined { json!({"stream": self.listen_key, "data": frame}) } else { frame };
        cx.out.event(name, frame);
    }
}

fn places(engine: &Engine, instrument: usize) -> (&'static str, u32, u32) {
    let i = engine.instruments.get(instrument);
    i.map_or(("", 8, 8), |i| (i.symbol, i.tick_decimals(), i.step_decimals()))
}

fn order_trade_update(
    engine: &Engine,
    order: &Order,
    change: &OrderChange,
    time_ms: u64,
    server_ms: u64,
) -> Value {
    let (symbol, price, quantity) = places(engine, order.instrument);
    let p = |value| Fixed(value, price);
    let q = |value| exact(value, quantity);
    let (execution, trade) = match change {
        OrderChange::Accepted | OrderChange::Triggered => ("NEW", None),
        OrderChange::Traded(trade) => ("TRADE", Some(trade.as_ref())),
        OrderChange::Amended => ("AMENDMENT", None),
        OrderChange::Canceled => ("CANCELED", None),
        OrderChange::Expired => ("EXPIRED", None),
    };
    let traded = |value: fn(&Trade) -> Decimal| trade.map(value).unwrap_or_default();
    json!({
        "e": "ORDER_TRADE_UPDATE",
        "T": time_ms,
        "E": server_ms,
        "o": {
            "s": symbol,
            "c": order.client_id,
            "S": order.side,
            "o": order.kind,
            "f": order.tif,
            "q": q(order.quantity),
            "p": p(order.price),
            "ap": Fixed(order.average_price(), price + 4),
            "sp": "0",
            "x": execution,
            "X": order.status,
            "i": order.id,
            "l": q(traded(|t| t.quantity)),
            "z": q(order.executed),
            "L": p(traded(|t| t.price)),
            "N": "USDT",
            "n": f8(traded(|t| t.commission)),
            "T": time_ms,
            "t": trade.map_or(0, |t| t.id),
            "b": "0",
            "a": "0",
            "m": trade.is_some_and(|t| t.maker),
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": order.kind,
            "ps": order.position_side,
            "cp": false,
            "AP": "0",
            "cr": "0",
            "pP": false,
            "si": 0,
            "ss": 0,
            "rp": f8(traded(|t| t.realized)),
            "V": STP,
            "pm": "NONE",
            "gtd": 0,
        },
    })
}

fn trade_lite(engine: &Engine, order: &Order, trade: &Trade, server_ms: u64) -> Value {
    let (symbol, price, quantity) = places(engine, order.instrument);
    json!({
        "e": "TRADE_LITE",
        "E": server_ms,
        "T": trade.time_ms,
        "s": symbol,
        "c": order.client_id,
        "S": order.side,
        "q": exact(order.quantity, quantity),
        "p": Fixed(order.price, price),
        "i": order.id,
        "l": exact(trade.quantity, quantity),
        "L": Fixed(trade.price, price),
        "t": trade.id,
        "m": trade.maker,
    })
}

fn account_update(engine: &Engine, change: &AccountChange, server_ms: u64) -> Value {
    let (wallet, moved) = change.wallet.unwrap_or_default();
    // Trades move the wallet by profit and commission, which the balance change leaves out.
    let (reason, moved) = match change.reason {
        AccountReason::Funding => ("FUNDING_FEE", moved),
        AccountReason::Trade | AccountReason::Reserve => ("ORDER", Decimal::ZERO),
    };
    // Funding shows the positions that it was for where they are isolated (USD-M documentation,
    // "Balance and Position Update").
    let shown = |c: &&PositionChange| change.reason != AccountReason::Funding || c.isolated;
    let positions: Vec<Value> =
        change.positions.iter().filter(shown).map(|c| position(engine, c)).collect();
    json!({
        "e": "ACCOUNT_UPDATE",
        "T": change.time_ms,
        "E": server_ms,
        "a": {
            "m": reason,
            "B": [{"a": "USDT", "wb": f8(wallet), "cw": f8(wallet), "bc": f8(moved)}],
            "P": positions,
        },
    })
}

fn position(engine: &Engine, c: &PositionChange) -> Value {
    let (symbol, price, quantity) = places(engine, c.instrument);
    let mark = engine.last_price(c.instrument);
    let p = &c.position;
    let entry = p.entry.round_dp(price + 8).normalize().to_string();
    let held = p.amount.abs() * p.entry / Decimal::from(c.leverage.max(1));
    json!({
        "s": symbol,
        "pa": exact(p.amount, quantity),
        "ep": entry,
        "bep": entry,
        // What the position has realized over its life is not kept.
        "cr": "0",
        "up": f8(p.unrealized(mark)),
        "mt": if c.isolated { "isolated" } else { "cross" },
        "iw": f8(if c.isolated { held } else { Decimal::ZERO }),
        "ps": c.side,
    })
}

fn algo_update(engine: &Engine, algo: &Algo, time_ms: u64, server_ms: u64) -> Value {
    let o = &algo.order;
    let (symbol, price, quantity) = places(engine, o.instrument);
    let actual = engine.orders.get(algo.actual_order);
    json!({
        "e": "ALGO_UPDATE",
        "T": time_ms,
        "E": server_ms,
        "o": {
            "caid": o.client_id,
            "aid": algo.id,
            "at": "CONDITIONAL",
            "o": o.kind,
            "s": symbol,
            "S": o.side,
            "ps": o.position_side,
            "f": o.tif,
            "q": exact(o.quantity, quantity),
            "X": engine.algo_status(algo),
            "ai": actual.map(|a| a.id.to_string()).unwrap_or_default(),
            "ap": Fixed(actual.map_or(Decimal::ZERO, Order::average_price), price + 4),
            "aq": exact(actual.map_or(Decimal::ZERO, |a| a.executed), quantity),
            "act": if actual.is_none() { "0" } else if o.kind.has_price() { "LIMIT" } else { "MARKET" },
            "tp": Fixed(o.trigger_price, price),
            "p": Fixed(o.price, price),
            "V": STP,
            "wt": if o.by_mark { "MARK_PRICE" } else { "CONTRACT_PRICE" },
            "pm": "NONE",
            "cp": o.close_position,
            "pP": o.price_protect,
            "R": o.reduce_only,
            "tt": algo.triggered_ms,
            "gtd": 0,
            "rm": "",
        },
    })
}
