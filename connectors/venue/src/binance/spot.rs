//! Spot orders, trades and account (`/api/v3`).

use rust_decimal::Decimal;

use super::errors::{
    ApiError, CANCEL_RESTRICTED, INTERNAL, UNKNOWN_ORDER_ON_CANCEL, UNKNOWN_ORDER_ON_QUERY,
};
use super::json::{Fixed, SpotFill, SpotOrder, SpotOrderBody, SpotTrade, f8, write};
use super::spot_spec::{kind, parse};
use super::{Answer, Call, random_text};
use crate::engine::{Order, OrderKind, Side, Status, Trade, Trail};

/// Default self-trade prevention of the listing.
pub(super) const STP: &str = "EXPIRE_MAKER";

/// How much a placement answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Ack,
    Result,
    Full,
}

pub(super) fn place(call: &mut Call<'_>) -> Answer {
    let kind = kind(call)?;
    let reply = match (call.params.get("newOrderRespType")?, kind) {
        (Some("ACK"), _) => Reply::Ack,
        (Some("RESULT"), _) => Reply::Result,
        (Some("FULL"), _) => Reply::Full,
        (Some(_), _) => return Err(ApiError::bad_value("newOrderRespType")),
        (None, OrderKind::Limit | OrderKind::Market) => Reply::Full,
        (None, _) => Reply::Ack,
    };
    let client_id = call.client_id("newClientOrderId")?;
    let new = parse(call, kind, &client_id)?;
    let id = call.engine.place(&new).map_err(call.reject())?;
    let order = call.engine.orders.get(id).ok_or(INTERNAL)?;
    let symbol = call.engine.instrument(order.instrument).map_err(call.reject())?.symbol;
    let body = (reply != Reply::Ack).then(|| SpotOrderBody {
        stop_price: shown_stop(order),
        working_time: Some(working_time(order)),
        ..body(order)
    });
    let fills = (reply == Reply::Full).then(|| {
        let account = call.engine.accounts.get(call.account);
        let trades = account.into_iter().flat_map(|a| a.trades.iter().rev());
        let mut fills: Vec<SpotFill> = trades.take_while(|t| t.order_id == id).map(fill).collect();
        fills.reverse();
        fills
    });
    write(&SpotOrder {
        symbol,
        orig_client_order_id: None,
        order_id: id,
        order_list_id: -1,
        client_order_id: &order.client_id,
        transact_time: Some(order.updated_ms),
        body,
        fills,
    })
}

pub(super) fn test(call: &mut Call<'_>) -> Answer {
    let kind = kind(call)?;
    let client_id = call.client_id("newClientOrderId")?;
    let new = parse(call, kind, &client_id)?;
    call.engine.check(&new).map_err(call.reject())?;
    Ok(b"{}".to_vec())
}

pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let id = call.named_order(instrument, UNKNOWN_ORDER_ON_CANCEL)?;
    let restricted = match call.params.get("cancelRestrictions")? {
        None => None,
        Some("ONLY_NEW") => Some(Status::New),
        Some("ONLY_PARTIALLY_FILLED") => Some(Status::PartiallyFilled),
        Some(_) => return Err(ApiError::bad_value("cancelRestrictions")),
    };
    let status = call.engine.orders.get(id).map(|o| o.status);
    if restricted.is_some() && status.is_some_and(Status::is_open) && restricted != status {
        return Err(CANCEL_RESTRICTED);
    }
    let request_id = call.client_id("newClientOrderId")?;
    call.cancel_ids.insert(id, request_id.clone());
    call.engine.cancel(call.account, id).map_err(|_| UNKNOWN_ORDER_ON_CANCEL)?;
    let order = call.engine.orders.get(id).ok_or(INTERNAL)?;
    write(&canceled(call, order, &request_id))
}

pub(super) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let ids = call.engine.cancel_all(call.account, instrument);
    if ids.is_empty() {
        return Err(UNKNOWN_ORDER_ON_CANCEL);
    }
    let request_id = random_text(call.rng, 22);
    call.cancel_ids.extend(ids.iter().map(|id| (*id, request_id.clone())));
    let orders: Vec<_> = ids
        .iter()
        .filter_map(|id| call.engine.orders.get(*id))
        .map(|order| canceled(call, order, &request_id))
        .collect();
    write(&orders)
}

pub(super) fn query(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let id = call.named_order(instrument, UNKNOWN_ORDER_ON_QUERY)?;
    let order = call.engine.orders.get(id).ok_or(UNKNOWN_ORDER_ON_QUERY)?;
    write(&stored(call, order))
}

pub(super) fn open_orders(call: &mut Call<'_>) -> Answer {
    let wanted = call.optional_instrument()?;
    let instruments: Vec<usize> = match wanted {
        Some(instrument) => vec![instrument],
        None => call.instruments().collect(),
    };
    let orders: Vec<_> = instruments
        .iter()
        .flat_map(|&i| call.engine.orders.open_of(call.account, i))
        .map(|order| stored(call, order))
        .collect();
    write(&orders)
}

pub(super) fn history(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let limit = call.limit(500, 1_000)?;
    let from = call.params.integer("orderId")?;
    let (start, end) = (call.params.integer("startTime")?, call.params.integer("endTime")?);
    let within = |o: &&Order| {
        start.is_none_or(|s| o.created_ms >= s) && end.is_none_or(|e| o.created_ms <= e)
    };
    let all = call.engine.orders.history(call.account, instrument, from.unwrap_or(0));
    let mut orders: Vec<&Order> = if from.is_some() || start.is_some() {
        all.filter(within).take(limit).collect()
    } else {
        // Without a starting point, the newest ones.
        all.rev().filter(within).take(limit).collect()
    };
    orders.sort_unstable_by_key(|o| o.id);
    write(&orders.into_iter().map(|o| stored(call, o)).collect::<Vec<_>>())
}

pub(super) fn trades(call: &mut Call<'_>) -> Answer {
    let instrument = call.instrument()?;
    let symbol = call.engine.instrument(instrument).map_err(call.reject())?.symbol;
    let trades = call.selected_trades(instrument)?;
    let shown: Vec<_> = trades
        .into_iter()
        .map(|t| SpotTrade {
            symbol,
            id: t.id,
            order_id: t.order_id,
            order_list_id: -1,
            price: f8(t.price),
            qty: f8(t.quantity),
            quote_qty: f8(t.price * t.quantity),
            commission: f8(t.commission),
            commission_asset: t.commission_asset,
            time: t.time_ms,
            is_buyer: t.side == Side::Buy,
            is_maker: t.maker,
            is_best_match: true,
        })
        .collect();
    write(&shown)
}

pub(super) fn account(call: &mut Call<'_>) -> Answer {
    let omit_zero = call.params.flag("omitZeroBalances")?;
    let account = call.engine.account(call.account).map_err(call.reject())?;
    let balances: Vec<_> = account
        .spot
        .iter()
        .filter(|(_, b)| !omit_zero || !b.free.is_zero() || !b.locked.is_zero())
        .map(|(asset, b)| {
            serde_json::json!({"asset": asset, "free": f8(b.free), "locked": f8(b.locked)})
        })
        .collect();
    let fees = call.engine.fees;
    // The legacy integer fields are basis points.
    let points = |rate: Decimal| {
        rust_decimal::prelude::ToPrimitive::to_u64(&(rate * Decimal::from(10_000))).unwrap_or(0)
    };
    write(&serde_json::json!({
        "makerCommission": points(fees.spot_maker),
        "takerCommission": points(fees.spot_taker),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": f8(fees.spot_maker),
            "taker": f8(fees.spot_taker),
            "buyer": f8(Decimal::ZERO),
            "seller": f8(Decimal::ZERO),
        },
        "canTrade": true,
        "canWithdraw": true,
        "canDeposit": true,
        "brokered": false,
        "requireSelfTradePrevention": false,
        "preventSor": false,
        "updateTime": call.engine.now_ms(),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": 1_000_000 + call.account,
    }))
}

pub(super) fn order_counters(call: &mut Call<'_>) -> Answer {
    let counts = call.limiter.counts(call.market, call.account, call.server_ms);
    let limits = *call.limiter.limits();
    write(&serde_json::json!([
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10,
         "limit": limits.spot_orders_10s, "count": counts.short},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1,
         "limit": limits.spot_orders_1d, "count": counts.long},
    ]))
}

impl Call<'_> {
    /// The account's trades in an instrument, as `orderId`, `fromId`, the times and `limit` select
    /// them; oldest first.
    pub(super) fn selected_trades(&self, instrument: usize) -> Result<Vec<&Trade>, ApiError> {
        let limit = self.limit(500, 1_000)?;
        let order = self.params.integer("orderId")?;
        let from = self.params.integer("fromId")?;
        let (start, end) = (self.params.integer("startTime")?, self.params.integer("endTime")?);
        let account = self.engine.account(self.account).map_err(self.reject())?;
        let wanted = |t: &&Trade| {
            t.instrument == instrument
                && order.is_none_or(|id| t.order_id == id)
                && from.is_none_or(|id| t.id >= id)
                && start.is_none_or(|s| t.time_ms >= s)
                && end.is_none_or(|e| t.time_ms <= e)
        };
        if from.is_some() || start.is_some() {
            return Ok(account.trades.iter().filter(wanted).take(limit).collect());
        }
        // An order has no trades before its creation; that ends the search early.
        let oldest = order.and_then(|id| self.engine.orders.get(id)).map_or(0, |o| o.created_ms);
        let recent = account.trades.iter().rev().take_while(|t| t.time_ms >= oldest);
        let mut trades: Vec<&Trade> = recent.filter(wanted).take(limit).collect();
        trades.reverse();
        Ok(trades)
    }
}

fn body(order: &Order) -> SpotOrderBody {
    SpotOrderBody {
        price: f8(order.price),
        orig_qty: f8(order.quantity),
        executed_qty: f8(order.executed),
        orig_quote_order_qty: f8(order.quote_quantity),
        cummulative_quote_qty: f8(order.quote_executed),
        status: order.status,
        time_in_force: order.tif,
        kind: order.kind,
        side: order.side,
        stop_price: None,
        trailing_delta: order.trail.map(|t| t.delta()),
        trailing_time: order.trail.map(|t| trailing_time(&t)),
        iceberg_qty: None,
        time: None,
        update_time: None,
        is_working: None,
        working_time: None,
        self_trade_prevention_mode: STP,
    }
}

/// As queries show an order.
fn stored<'o>(call: &Call<'_>, order: &'o Order) -> SpotOrder<'o> {
    SpotOrder {
        symbol: symbol(call, order),
        orig_client_order_id: None,
        order_id: order.id,
        order_list_id: -1,
        client_order_id: &order.client_id,
        transact_time: None,
        body: Some(SpotOrderBody {
            stop_price: Some(f8(order.stop_price)),
            iceberg_qty: Some(f8(Decimal::ZERO)),
            time: Some(order.created_ms),
            update_time: Some(order.updated_ms),
            is_working: Some(order.working),
            working_time: Some(working_time(order)),
            ..body(order)
        }),
        fills: None,
    }
}

/// As a cancellation shows an order: `clientOrderId` is the id of the cancel request.
fn canceled<'o>(call: &Call<'_>, order: &'o Order, request_id: &'o str) -> SpotOrder<'o> {
    SpotOrder {
        symbol: symbol(call, order),
        orig_client_order_id: Some(&order.client_id),
        order_id: order.id,
        order_list_id: -1,
        client_order_id: request_id,
        transact_time: Some(order.updated_ms),
        body: Some(SpotOrderBody { stop_price: shown_stop(order), ..body(order) }),
        fills: None,
    }
}

/// A trailing stop need not have one.
fn shown_stop(order: &Order) -> Option<Fixed> {
    let shown =
        order.kind.is_conditional() && !(order.trail.is_some() && order.stop_price.is_zero());
    shown.then(|| f8(order.stop_price))
}

/// When a trailing stop began to follow the price; -1 before.
pub(super) fn trailing_time(trail: &Trail) -> i64 {
    trail.since_ms().and_then(|ms| i64::try_from(ms).ok()).unwrap_or(-1)
}

fn symbol(call: &Call<'_>, order: &Order) -> &'static str {
    call.engine.instrument(order.instrument).map_or("", |i| i.symbol)
}

fn working_time(order: &Order) -> i64 {
    if order.working { i64::try_from(order.created_ms).unwrap_or(-1) } else { -1 }
}

fn fill(trade: &Trade) -> SpotFill {
    SpotFill {
        price: f8(trade.price),
        qty: f8(trade.quantity),
        commission: f8(trade.commission),
        commission_asset: trade.commission_asset,
        trade_id: trade.id,
    }
}
