//! What a spot listen key gets: orders, deals, balances. Source: protocol sheet for MEXC, sections 8
//! and 11.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::super::spot::order_id;
use super::super::{client_id, plain};
use super::proto::{Account, Body, Deal, Order as OrderMessage};
use super::spot::{millis, send, trade_type};
use crate::engine::{
    AccountChange, AccountReason, Balance, Engine, Event, Market, Order, OrderChange, OrderKind,
    Status, TimeInForce, Trade,
};
use crate::ws::Cx;

/// A private channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Orders,
    Deals,
    Account,
}

/// The account behind a connection, and its balances as last told.
#[derive(Debug)]
pub(super) struct Private {
    account: usize,
    balances: BTreeMap<String, Balance>,
}

impl Private {
    pub(super) fn of(engine: &Engine, account: usize) -> Self {
        let balances = engine.account(account).map(|a| a.spot.clone()).unwrap_or_default();
        Self { account, balances }
    }

    /// Tells of what has happened; whether anything was sent.
    pub(super) fn event(&mut self, cx: &mut Cx<'_>, wanted: &[Topic], event: &Event) -> bool {
        match event {
            Event::Order { order, change, .. } if order.account == self.account => {
                let Some(i) = cx.engine.instruments.get(order.instrument) else { return false };
                if i.market != Market::Spot {
                    return false;
                }
                let symbol = i.symbol;
                let trade = match change {
                    OrderChange::Traded(trade) => Some(&**trade),
                    _ => None,
                };
                let mut sent = false;
                if let (Some(trade), true) = (trade, wanted.contains(&Topic::Deals)) {
                    let body = Body::Deal(deal(order, trade));
                    send(cx, "private.deals", "spot@private.deals.v3.api.pb", Some(symbol), body);
                    sent = true;
                }
                if wanted.contains(&Topic::Orders) {
                    let body = Body::Order(show(order, trade));
                    send(cx, "private.orders", "spot@private.orders.v3.api.pb", Some(symbol), body);
                    sent = true;
                }
                sent
            }
            Event::Account(change) if change.account == self.account => {
                self.moved(cx, wanted.contains(&Topic::Account), change)
            }
            _ => false,
        }
    }

    fn moved(&mut self, cx: &mut Cx<'_>, wanted: bool, change: &AccountChange) -> bool {
        let mut sent = false;
        for (asset, now) in &change.balances {
            let before = self.balances.insert(asset.clone(), *now).unwrap_or_default();
            if before == *now || !wanted {
                continue;
            }
            let kind = match change.reason {
                AccountReason::Trade | AccountReason::Funding => "ENTRUST",
                AccountReason::Reserve if now.locked > before.locked => "ENTRUST_PLACE",
                AccountReason::Reserve => "ENTRUST_CANCEL",
            };
            let body = Body::Account(Account {
                vcoin_name: asset.clone(),
                coin_id: String::new(),
                balance_amount: plain(now.free),
                balance_amount_change: plain(now.free - before.free),
                frozen_amount: plain(now.locked),
                frozen_amount_change: plain(now.locked - before.locked),
                kind: kind.to_owned(),
                time: millis(change.time_ms),
            });
            send(cx, "private.account", "spot@private.account.v3.api.pb", None, body);
            sent = true;
        }
        sent
    }
}

fn show(o: &Order, trade: Option<&Trade>) -> OrderMessage {
    let partly = !o.executed.is_zero();
    let left = if o.status.is_open() { o.remaining() } else { Decimal::ZERO };
    OrderMessage {
        id: order_id(o.id),
        client_id: client_id(&o.client_id).unwrap_or_default().to_owned(),
        price: plain(o.price),
        quantity: plain(o.quantity),
        amount: plain(if o.quote_quantity.is_zero() {
            o.price * o.quantity
        } else {
            o.quote_quantity
        }),
        avg_price: plain(o.average_price().round_dp(12)),
        order_type: match (o.kind, o.tif) {
            (OrderKind::Market, _) => 5,
            (OrderKind::LimitMaker, _) => 2,
            (_, TimeInForce::Ioc) => 3,
            (_, TimeInForce::Fok) => 4,
            _ => 1,
        },
        trade_type: trade_type(o.side),
        is_maker: trade.is_some_and(|t| t.maker),
        remain_amount: plain(left * o.price),
        remain_quantity: plain(left),
        last_deal_quantity: trade.map(|t| plain(t.quantity)),
        cumulative_quantity: plain(o.executed),
        cumulative_amount: plain(o.quote_executed),
        status: match o.status {
            Status::New => 1,
            Status::Filled => 2,
            Status::PartiallyFilled => 3,
            Status::Canceled | Status::Expired if partly => 5,
            Status::Canceled | Status::Expired => 4,
        },
        create_time: millis(o.created_ms),
    }
}

fn deal(o: &Order, t: &Trade) -> Deal {
    Deal {
        price: plain(t.price),
        quantity: plain(t.quantity),
        amount: plain(t.price * t.quantity),
        trade_type: trade_type(t.side),
        is_maker: t.maker,
        is_self_trade: false,
        trade_id: t.id.to_string(),
        client_order_id: client_id(&o.client_id).unwrap_or_default().to_owned(),
        order_id: order_id(o.id),
        fee_amount: plain(t.commission),
        fee_currency: t.commission_asset.to_owned(),
        time: millis(t.time_ms),
    }
}
