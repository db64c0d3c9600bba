//! Futures market data. Source: protocol sheet for MEXC, sections 5 and 6.

use serde::Serialize;

use super::super::{Answer, errors, listing};
use super::{Call, Num, contracts, write};
use crate::engine::{Engine, FUNDING_INTERVAL_MS, Instrument, PriceLevel, TradingStatus, dec};

/// The one endpoint with a limit of its own.
pub(in crate::mexc) const DETAIL: &str = "/api/v1/contract/detail";

const DAY_MS: u64 = 86_400_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    symbol: &'static str,
    display_name: String,
    position_open_type: u8,
    base_coin: &'static str,
    quote_coin: &'static str,
    future_type: u8,
    settle_coin: &'static str,
    contract_size: Num,
    min_leverage: u8,
    max_leverage: u32,
    price_scale: u32,
    vol_scale: u8,
    amount_scale: u8,
    price_unit: Num,
    vol_unit: u8,
    min_vol: u8,
    max_vol: Num,
    bid_limit_price_rate: Num,
    ask_limit_price_rate: Num,
    taker_fee_rate: Num,
    maker_fee_rate: Num,
    state: u8,
    is_new: bool,
    is_hot: bool,
    is_hidden: bool,
    api_allowed: bool,
    max_num_orders: [usize; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::mexc) struct Ticker {
    pub(in crate::mexc) symbol: &'static str,
    last_price: Num,
    bid1: Num,
    ask1: Num,
    fair_price: Num,
    index_price: Num,
    funding_rate: Num,
    high24_price: Num,
    lower24_price: Num,
    rise_fall_value: Num,
    rise_fall_rate: Num,
    hold_vol: u8,
    volume24: u8,
    amount24: u8,
    timestamp: u64,
}

pub(super) fn ping(call: &mut Call<'_>) -> Answer {
    write(call.server_ms)
}

/// One contract as an object, or all as a list.
pub(super) fn detail(call: &mut Call<'_>) -> Answer {
    let rows: Vec<Detail> = call
        .selected(call.get("symbol"))?
        .into_iter()
        .filter_map(|n| call.engine.instruments.get(n))
        .map(|i| rules(call, i))
        .collect();
    one_or_all(call, rows)
}

pub(super) fn ticker(call: &mut Call<'_>) -> Answer {
    let mut rows = Vec::new();
    for n in call.selected(call.get("symbol"))? {
        call.engine.book(n);
        rows.extend(tick(call.engine, n, call.server_ms));
    }
    one_or_all(call, rows)
}

/// A ticker as customers see it, in queries and pushes; its best prices are those of the book as it
/// was last looked at.
pub(in crate::mexc) fn tick(engine: &Engine, n: usize, server_ms: u64) -> Option<Ticker> {
    let i = engine.instruments.get(n)?;
    let feed = engine.feeds.get(n)?;
    let now = engine.now_ms();
    let points: Vec<i64> = (0..=48)
        .map(|k| feed.mid_at(now.saturating_sub(k * DAY_MS / 48)))
        .chain([feed.mid()])
        .collect();
    let price = |ticks: Option<i64>| Num(i.price(ticks.unwrap_or_default()));
    let (bid, ask) = engine.best(n)?;
    let last = i.price(feed.mid());
    let before = i.price(feed.mid_at(now.saturating_sub(DAY_MS)));
    let change = last - before;
    Some(Ticker {
        symbol: i.symbol,
        last_price: Num(last),
        bid1: Num(bid.0),
        ask1: Num(ask.0),
        fair_price: Num(last),
        index_price: Num(last),
        funding_rate: Num(engine.funding_rate),
        high24_price: price(points.iter().copied().max()),
        lower24_price: price(points.iter().copied().min()),
        rise_fall_value: Num(change),
        rise_fall_rate: Num(change.checked_div(before).unwrap_or_default().round_dp(4)),
        hold_vol: 0,
        volume24: 0,
        amount24: 0,
        timestamp: server_ms,
    })
}

pub(super) fn funding_rate(call: &mut Call<'_>) -> Answer {
    let index = call.find_symbol(call.tail)?;
    let i = call.engine.instrument(index).map_err(|_| errors::F_CONTRACT)?;
    let rate = Num(call.engine.funding_rate);
    let next = (call.server_ms / FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS;
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Funding {
        symbol: &'static str,
        funding_rate: Num,
        max_funding_rate: Num,
        min_funding_rate: Num,
        collect_cycle: u64,
        next_settle_time: u64,
        timestamp: u64,
    }
    write(Funding {
        symbol: i.symbol,
        funding_rate: rate,
        max_funding_rate: Num(dec("0.005")),
        min_funding_rate: Num(dec("-0.005")),
        collect_cycle: FUNDING_INTERVAL_MS / 3_600_000,
        next_settle_time: next,
        timestamp: call.server_ms,
    })
}

/// Levels as price, contracts, orders.
pub(super) fn depth(call: &mut Call<'_>) -> Answer {
    #[derive(Serialize)]
    struct Depth {
        asks: Vec<(Num, Num, u8)>,
        bids: Vec<(Num, Num, u8)>,
        version: u64,
        timestamp: u64,
    }
    let index = call.find_symbol(call.tail)?;
    let limit =
        call.number("limit")?.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let timestamp = call.server_ms;
    let book = call.engine.book(index).cloned().ok_or(errors::F_CONTRACT)?;
    let i = call.engine.instrument(index).map_err(|_| errors::F_CONTRACT)?;
    let show = |(price, size): PriceLevel| (Num(price), contracts(i, size), 1);
    write(Depth {
        asks: book.asks().take(limit).map(show).collect(),
        bids: book.bids().take(limit).map(show).collect(),
        version: book.states,
        timestamp,
    })
}

fn one_or_all<T: Serialize>(call: &Call<'_>, mut rows: Vec<T>) -> Answer {
    match call.get("symbol") {
        Some(_) => write(rows.pop().ok_or(errors::F_CONTRACT)?),
        None => write(rows),
    }
}

fn rules(call: &Call<'_>, i: &Instrument) -> Detail {
    let rate = Num(dec(listing::FUTURES_PRICE_RATE));
    Detail {
        symbol: i.symbol,
        display_name: format!("{} PERPETUAL", i.symbol),
        position_open_type: 3,
        base_coin: i.base,
        quote_coin: i.quote,
        future_type: 1,
        settle_coin: i.quote,
        contract_size: Num(i.step),
        min_leverage: 1,
        max_leverage: i.max_leverage(),
        price_scale: i.tick_decimals(),
        vol_scale: 0,
        amount_scale: 4,
        price_unit: Num(i.tick),
        vol_unit: 1,
        min_vol: 1,
        max_vol: contracts(i, i.max_quantity),
        bid_limit_price_rate: rate,
        ask_limit_price_rate: rate,
        taker_fee_rate: Num(call.engine.fees.linear_taker),
        maker_fee_rate: Num(call.engine.fees.linear_maker),
        state: if i.status == TradingStatus::Trading { 0 } else { 4 },
        is_new: false,
        is_hot: false,
        is_hidden: false,
        api_allowed: true,
        max_num_orders: [i.max_orders, i.max_algo_orders],
    }
}
