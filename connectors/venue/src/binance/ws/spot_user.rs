//! User data of the spot market, which comes over the WebSocket API.
//!
//! Source: protocol sheet for Binance, section 10, and the `ws_spot_execution_report_*` and
//! `ws_spot_account_position` samples.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::json::{extended, f8};
use crate::engine::{Engine, Event, Market, Order, OrderChange, Trade};

/// A spot event in the venue's words, with its name, if it concerns the account.
pub(super) fn spot_event(
    engine: &Engine,
    account: usize,
    event: &Event,
    cancel_ids: &BTreeMap<u64, String>,
    server_ms: u64,
) -> Option<(&'static str, Value)> {
    match event {
        Event::Order { order, change, time_ms } => {
            let i = engine.instruments.get(order.instrument)?;
            let mine = order.account == account && i.market == Market::Spot;
            // That a stop has been reached is seen by what it trades.
            if !mine || matches!(change, OrderChange::Triggered) {
                return None;
            }
            let request = cancel_ids.get(&order.id).map(String::as_str);
            let report = execution_report(i.symbol, order, change, request, (*time_ms, server_ms));
            Some(("executionReport", report))
        }
        Event::Account(change) if change.account == account && !change.balances.is_empty() => {
            let balances: Vec<Value> = change
                .balances
                .iter()
                .map(|(asset, b)| json!({"a": asset, "f": f8(b.free), "l": f8(b.locked)}))
                .collect();
            let position = json!({
                "e": "outboundAccountPosition", "E": server_ms, "u": change.time_ms, "B": balances,
            });
            Some(("outboundAccountPosition", position))
        }
        _ => None,
    }
}

fn execution_report(
    symbol: &str,
    order: &Order,
    change: &OrderChange,
    cancel_id: Option<&str>,
    (time_ms, server_ms): (u64, u64),
) -> Value {
    let (execution, trade) = match change {
        OrderChange::Accepted | OrderChange::Triggered => ("NEW", None),
        OrderChange::Traded(trade) => ("TRADE", Some(trade.as_ref())),
        OrderChange::Amended => ("REPLACED", None),
        OrderChange::Canceled => ("CANCELED", None),
        OrderChange::Expired => ("EXPIRED", None),
    };
    let own: &str = &order.client_id;
    // The report of a cancellation carries the id of the request that cancelled.
    let (client_id, original) = match (change, cancel_id) {
        (OrderChange::Canceled, Some(request)) => (request, own),
        (OrderChange::Canceled, None) => (own, own),
        _ => (own, ""),
    };
    let traded = |value: fn(&Trade) -> Decimal| f8(trade.map(value).unwrap_or_default());
    let mut report = json!({
        "e": "executionReport",
        "E": server_ms,
        "s": symbol,
        "c": client_id,
        "S": order.side,
        "o": order.kind,
        "f": order.tif,
        "q": f8(order.quantity),
        "p": f8(order.price),
        "P": f8(order.stop_price),
        "F": f8(Decimal::ZERO),
        "g": -1,
        "C": original,
        "x": execution,
        "X": order.status,
        "r": "NONE",
        "i": order.id,
        "l": traded(|t| t.quantity),
        "z": f8(order.executed),
        "L": traded(|t| t.price),
        "n": trade.map_or_else(|| "0".to_owned(), |t| f8(t.commission).to_string()),
        "N": trade.map(|t| t.commission_asset),
        "T": time_ms,
        "t": trade.map_or(-1, |t| i64::try_from(t.id).unwrap_or(-1)),
        "I": trade.map_or(order.id, |t| t.id),
        "w": order.working && order.status.is_open(),
        "m": trade.is_some_and(|t| t.maker),
        "M": false,
        "O": order.created_ms,
        "Z": f8(order.quote_executed),
        "Y": traded(|t| t.price * t.quantity),
        "Q": f8(order.quote_quantity),
        "V": super::super::spot::STP,
    });
    if let Some(trail) = order.trail {
        report = extended(report, json!({"d": trail.delta()}));
        if let Some(since) = trail.since_ms() {
            report = extended(report, json!({"D": since}));
        }
    }
    if order.working { extended(report, json!({"W": order.created_ms})) } else { report }
}
