//! What is on the books of a venue, and what has happened so far.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::engine::{Engine, Market, OrderKind, PositionSide, Side, Status, TimeInForce};
use crate::fault::Fault;

/// What is on the books.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// The exchange's time, Unix milliseconds.
    pub now_ms: u64,
    /// Accounts, by index.
    pub accounts: Vec<AccountState>,
    /// What has happened so far.
    pub counters: Counters,
    /// Faults waiting for their request.
    pub faults: Vec<Fault>,
}

/// One account.
#[derive(Clone, Debug, Serialize)]
pub struct AccountState {
    /// Orders, oldest first.
    pub orders: Vec<OrderState>,
    /// Positions that are not flat.
    pub positions: Vec<PositionState>,
    /// Spot balances per asset.
    pub spot: BTreeMap<String, BalanceState>,
    /// Futures wallet in USDT, without unrealized profit.
    pub wallet: Decimal,
    /// Futures margin available to new orders, in USDT.
    pub available: Decimal,
    /// Funding received (positive) or paid so far, in USDT.
    pub funding: Decimal,
    /// Whether the account has a long and a short position per symbol.
    pub hedge_mode: bool,
}

/// One order.
#[derive(Clone, Debug, Serialize)]
pub struct OrderState {
    /// The venue's id.
    pub order_id: u64,
    /// The client's id.
    pub client_id: String,
    /// Where it trades.
    pub market: Market,
    /// What it trades.
    pub symbol: &'static str,
    /// Direction.
    pub side: Side,
    /// How it executes.
    pub kind: OrderKind,
    /// How long it lasts.
    pub time_in_force: TimeInForce,
    /// The position it belongs to.
    pub position_side: PositionSide,
    /// Whether it may only shrink a position.
    pub reduce_only: bool,
    /// Limit price; zero without one.
    pub price: Decimal,
    /// Quantity in the base asset.
    pub quantity: Decimal,
    /// Traded quantity.
    pub executed: Decimal,
    /// Traded value in the quote asset.
    pub quote_executed: Decimal,
    /// Where it stands.
    pub status: Status,
    /// Acceptance, Unix milliseconds.
    pub created_ms: u64,
}

/// One position.
#[derive(Clone, Debug, Serialize)]
pub struct PositionState {
    /// Instrument.
    pub symbol: &'static str,
    /// BOTH in one-way mode.
    pub side: PositionSide,
    /// Signed quantity; negative is short.
    pub amount: Decimal,
    /// Volume-weighted entry price.
    pub entry: Decimal,
    /// Profit at the current mark price, in USDT.
    pub unrealized: Decimal,
}

/// One spot balance.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BalanceState {
    /// Available.
    pub free: Decimal,
    /// Held for open orders.
    pub locked: Decimal,
}

/// What has happened so far. The error counts are of replies really sent for executed requests,
/// not of injected ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests executed, refused ones included.
    pub requests: u64,
    /// Orders accepted, on both markets.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Accepted orders whose client id an earlier order of the account and symbol had already
    /// used. A client that sends each order exactly once keeps this at zero.
    pub reused_client_ids: u64,
    /// Orders refused because another one has their client id (Binance -2010 / -4116, Bybit
    /// 170141 / 110072).
    pub duplicate_client_ids: u64,
    /// Requests refused for their IP's usage (Binance -1003, Bybit HTTP 403, MEXC 429,
    /// 418 and 510).
    pub weight_limited: u64,
    /// Requests refused for the account's usage (Binance -1015, Bybit 10006).
    pub order_limited: u64,
    /// Wrong signatures (Binance -1022, Bybit 10004, MEXC 700002 and 602).
    pub bad_signatures: u64,
    /// Requests outside their time window (Binance -1021, Bybit 10002, MEXC 700003
    /// and 513).
    pub bad_timestamps: u64,
    /// Missing, unknown or unprivileged keys (Binance -2014, -2015; Bybit 10003, 10005).
    pub bad_keys: u64,
    /// Orders that broke an instrument rule and were refused with a number of its own (Binance
    /// -1013, -1111, -4164 and the like; Bybit 110003, 110094, 1701xx).
    pub filter_failures: u64,
    /// Faults injected.
    pub faults_injected: u64,
    /// WebSocket connections open now.
    pub sessions: u64,
    /// Messages received on WebSocket connections, pings and pongs apart.
    pub messages: u64,
    /// WebSocket connections cut because the client did not read.
    pub slow_sessions: u64,
    /// WebSocket connections closed or refused because the client sent or opened too many.
    pub message_limited: u64,
    /// Every error reply by its number.
    pub errors: BTreeMap<i32, u64>,
}

/// Which of a venue's error numbers make up which counter.
pub(crate) struct Codes {
    weight_limited: &'static [i32],
    order_limited: &'static [i32],
    bad_signatures: &'static [i32],
    bad_timestamps: &'static [i32],
    bad_keys: &'static [i32],
    filter_failures: &'static [i32],
}

pub(crate) const BINANCE: Codes = Codes {
    weight_limited: &[-1003],
    order_limited: &[-1015],
    bad_signatures: &[-1022],
    bad_timestamps: &[-1021],
    bad_keys: &[-2014, -2015],
    filter_failures: &[
        -1013, -1111, -4001, -4002, -4003, -4004, -4005, -4013, -4014, -4016, -4023, -4024, -4164,
    ],
};

pub(crate) const BYBIT: Codes = Codes {
    weight_limited: &[403],
    order_limited: &[10006],
    bad_signatures: &[10004],
    bad_timestamps: &[10002],
    bad_keys: &[10003, 10005],
    filter_failures: &[
        110003, 110094, 170124, 170132, 170133, 170134, 170136, 170137, 170140, 170193, 170194,
    ],
};

pub(crate) const MEXC: Codes = Codes {
    weight_limited: &[429, 418, 510],
    order_limited: &[],
    bad_signatures: &[700002, 602],
    bad_timestamps: &[700003, 513],
    bad_keys: &[400, 10072, 700007, 401, 402, 511],
    filter_failures: &[10096, 30002, 30003, 30087, 2003, 2004, 2007, 2011, 2015],
};

pub(crate) fn counters(
    engine: &Engine,
    codes: &Codes,
    errors: &BTreeMap<i32, u64>,
    requests: u64,
    faults_injected: u64,
) -> Counters {
    let sum = |codes: &[i32]| codes.iter().filter_map(|c| errors.get(c)).sum::<u64>();
    Counters {
        requests,
        orders: engine.orders.accepted(),
        fills: engine.fills,
        reused_client_ids: engine.orders.reused_client_ids(),
        duplicate_client_ids: engine.orders.refused_client_ids(),
        weight_limited: sum(codes.weight_limited),
        order_limited: sum(codes.order_limited),
        bad_signatures: sum(codes.bad_signatures),
        bad_timestamps: sum(codes.bad_timestamps),
        bad_keys: sum(codes.bad_keys),
        filter_failures: sum(codes.filter_failures),
        faults_injected,
        errors: errors.clone(),
        ..Counters::default()
    }
}

pub(crate) fn state<'f>(
    engine: &Engine,
    counters: Counters,
    faults: impl Iterator<Item = &'f Fault>,
    max_orders: usize,
) -> State {
    let accounts = (0..engine.accounts.len()).filter_map(|n| account(engine, n, max_orders));
    State {
        now_ms: engine.now_ms(),
        accounts: accounts.collect(),
        counters,
        faults: faults.cloned().collect(),
    }
}

fn account(engine: &Engine, index: usize, max_orders: usize) -> Option<AccountState> {
    let account = engine.accounts.get(index)?;
    let all = engine.orders.all_of(index);
    let orders = all.iter().skip(all.len().saturating_sub(max_orders)).filter_map(|o| {
        let i = engine.instruments.get(o.instrument)?;
        Some(OrderState {
            order_id: o.id,
            client_id: o.client_id.to_string(),
            market: i.market,
            symbol: i.symbol,
            side: o.side,
            kind: o.kind,
            time_in_force: o.tif,
            position_side: o.position_side,
            reduce_only: o.reduce_only,
            price: o.price,
            quantity: o.quantity,
            executed: o.executed,
            quote_executed: o.quote_executed,
            status: o.status,
            created_ms: o.created_ms,
        })
    });
    let mut positions = Vec::new();
    for (n, settings) in account.linear.iter().enumerate() {
        for side in [PositionSide::Both, PositionSide::Long, PositionSide::Short] {
            let p = settings.position(side);
            if p.amount.is_zero() {
                continue;
            }
            positions.push(PositionState {
                symbol: engine.instruments.get(n)?.symbol,
                side,
                amount: p.amount,
                entry: p.entry,
                unrealized: p.unrealized(engine.last_price(n)),
            });
        }
    }
    Some(AccountState {
        orders: orders.collect(),
        positions,
        spot: account
            .spot
            .iter()
            .map(|(a, b)| (a.clone(), BalanceState { free: b.free, locked: b.locked }))
            .collect(),
        wallet: account.wallet_balance(),
        available: engine.margin(index).available,
        funding: account.funding,
        hedge_mode: account.hedge_mode,
    })
}
