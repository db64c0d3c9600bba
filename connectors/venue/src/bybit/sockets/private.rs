//! What happens to an account: orders, executions, positions, the wallet.
//!
//! Source: protocol sheet for Bybit, section 10. Nothing is shown on subscribing: the state so far
//! is read over REST.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::rows::{self, Row};
use super::super::{Bybit, Desk, account, category_name, order};
use super::{failure, op, outcome, success, topics};
use crate::engine::{
    AccountChange, AccountReason, AlgoStatus, Event, Market, Order, OrderChange, PositionSide,
};
use crate::ws::Cx;

/// A private connection.
#[derive(Debug, Default)]
pub(super) struct Private {
    account: Option<usize>,
    topics: BTreeSet<String>,
}

impl Private {
    pub(super) fn request(
        &mut self,
        front: &Bybit,
        cx: &mut Cx<'_>,
        id: &str,
        request: &Map<String, Value>,
    ) {
        let answer = match op(request) {
            "ping" => {
                let mut pong = json!({
                    "op": "pong", "args": [cx.server_ms.to_string()], "conn_id": id,
                });
                if let (Some(id), Some(pong)) = (request.get("req_id"), pong.as_object_mut()) {
                    pong.insert("req_id".to_owned(), id.clone());
                }
                pong
            }
            "auth" => match front.log_in(request.get("args"), cx.server_ms) {
                Ok((account, _)) => {
                    self.account = Some(account);
                    outcome(request, id, true, "")
                }
                Err(error) => failure(request, id, &error.msg),
            },
            "subscribe" | "unsubscribe" if self.account.is_none() => {
                failure(request, id, "Request not authorized")
            }
            "subscribe" => match self.subscribe(request) {
                Ok(()) => success(request, id),
                Err(why) => failure(request, id, &why),
            },
            "unsubscribe" => {
                for topic in topics(request).unwrap_or_default() {
                    self.topics.remove(topic);
                }
                success(request, id)
            }
            _ => failure(request, id, "error:invalid op"),
        };
        cx.out.reply(answer);
    }

    pub(super) fn event(&self, desk: &Desk, cx: &mut Cx<'_>, event: &Event) {
        let Some(account) = self.account else { return };
        match event {
            Event::Order { order, change, .. } if order.account == account => {
                let Some(market) = cx.engine.instruments.get(order.instrument).map(|i| i.market)
                else {
                    return;
                };
                let id = order::origin(cx.engine, order.id);
                let row = Row { id, order: Some(order), algo: cx.engine.algos.get(id) };
                let shown = rows::show(cx.engine, desk, market, &row);
                if let OrderChange::Traded(trade) = change {
                    self.executed(cx, market, order, trade);
                }
                self.push(cx, ("order", market), shown);
            }
            Event::Algo { algo, .. } if algo.order.account == account => {
                // Once triggered it is the order it has become that is told of.
                if algo.actual_order != 0 || algo.status == AlgoStatus::Triggered {
                    return;
                }
                let row = Row { id: algo.id, order: None, algo: Some(algo) };
                let shown = rows::show(cx.engine, desk, Market::Linear, &row);
                self.push(cx, ("order", Market::Linear), shown);
            }
            Event::Funding { account: owner, payment } if *owner == account => {
                let row = rows::funding(cx.engine, payment);
                self.push(cx, ("execution", Market::Linear), row);
            }
            Event::Account(change) if change.account == account => self.changed(cx, change),
            Event::Leverage { account: owner, instrument, .. } if *owner == account => {
                self.moved(cx, account, (*instrument, PositionSide::Both));
            }
            _ => {}
        }
    }

    /// Adds the topics of a request, all or none.
    fn subscribe(&mut self, request: &Map<String, Value>) -> Result<(), String> {
        let names = topics(request).ok_or("error:args invalid")?;
        let mut styles = BTreeSet::new();
        for name in &names {
            let style =
                style(name).ok_or_else(|| format!("error:handler not found,topic:{name}"))?;
            styles.extend(style);
            if self.topics.contains(*name) {
                return Err(format!("error:already subscribed,topic:{name}"));
            }
        }
        if styles.len() > 1 {
            return Err("error:all-in-one and category topics cannot be mixed".to_owned());
        }
        self.topics.extend(names.into_iter().map(str::to_owned));
        Ok(())
    }

    fn executed(
        &self,
        cx: &mut Cx<'_>,
        market: Market,
        order: &Order,
        trade: &crate::engine::Trade,
    ) {
        let row = rows::execution(cx.engine, market, trade, Some(order));
        let fast = [
            "symbol",
            "orderId",
            "orderLinkId",
            "side",
            "execId",
            "execPrice",
            "execQty",
            "isMaker",
            "execTime",
            "seq",
        ];
        let cut: Map<String, Value> = fast
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone())))
            .collect();
        self.push(cx, ("execution", market), row);
        self.push(cx, ("execution.fast", market), Value::Object(cut));
    }

    fn changed(&self, cx: &mut Cx<'_>, change: &AccountChange) {
        for position in &change.positions {
            self.moved(cx, change.account, (position.instrument, position.side));
        }
        // A linear order that only ties up margin does not move the wallet.
        if change.reason == AccountReason::Reserve && change.balances.is_empty() {
            return;
        }
        if self.topics.contains("wallet") {
            let coins: Vec<&str> = change.balances.iter().map(|(coin, _)| coin.as_str()).collect();
            if let Some(row) = account::wallet(cx.engine, change.account, Some(&coins)) {
                send(cx, "wallet", "wallet", row);
            }
        }
    }

    fn moved(&self, cx: &mut Cx<'_>, owner: usize, key: (usize, PositionSide)) {
        if let Some(mut row) = account::position(cx.engine, owner, key) {
            // Pushes have another name for it than queries.
            if let Some(fields) = row.as_object_mut()
                && let Some(entry) = fields.remove("avgPrice")
            {
                fields.insert("entryPrice".to_owned(), entry);
            }
            self.push(cx, ("position", Market::Linear), row);
        }
    }

    /// Sends a row on the topic and on the topic of its category, where they are subscribed.
    fn push(&self, cx: &mut Cx<'_>, (topic, market): (&'static str, Market), mut row: Value) {
        let category = category_name(market);
        if let Some(row) = row.as_object_mut() {
            row.insert("category".to_owned(), category.into());
        }
        if self.topics.contains(topic) {
            send(cx, topic, topic, row.clone());
        }
        let own = format!("{topic}.{category}");
        if self.topics.contains(&own) {
            send(cx, topic, &own, row);
        }
    }
}

fn send(cx: &mut Cx<'_>, event: &'static str, topic: &str, row: Value) {
    let id = format!("{}_{topic}_{}", cx.server_ms, cx.engine.fills);
    cx.out.event(
        event,
        json!({ "id": id, "topic": topic, "creationTime": cx.server_ms, "data": [row] }),
    );
}

/// Whether a topic is one of a category; none for the wallet, which fits both; `None` for what is
/// no topic.
fn style(name: &str) -> Option<Option<bool>> {
    let base = ["execution.fast", "execution", "order", "position"];
    if name == "wallet" {
        return Some(None);
    }
    base.iter().find_map(|base| match name.strip_prefix(base)? {
        "" => Some(Some(false)),
        ".linear" => Some(Some(true)),
        ".spot" if *base != "position" => Some(Some(true)),
        _ => None,
    })
}
