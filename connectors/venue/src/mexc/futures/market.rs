//! Futures market data. Source: protocol sheet for MEXC, sections 5 and 6.

use serde::Serialize;

use super::super::{Answer, errors, listing};
use super::{Call, Num, contracts, write};
use crate::engine::{FUNDING_INTERVAL_MS, Instrument, Side, TradingStatus, dec};

/// The one endpoint with a limit of its own.
pub(in crate::mexc) const DETAIL: &str = "/api/v1/contract/detail";

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
struct Ticker {
    symbol: &'static str,
    last_price: Num,
    bid1: Num,
    ask1: Num,
    fair_price: Num,
    index_price: Num,
    funding_rate: Num,
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
    let row = |n: usize| {
        let i = call.engine.instruments.get(n)?;
        let feed = call.engine.feeds.get(n)?;
        let best = |taker| Some(Num(i.price(feed.levels(taker).next()?.price)));
        let last = Num(i.price(feed.mid()));
        Some(Ticker {
            symbol: i.symbol,
            last_price: last,
            bid1: best(Side::Sell)?,
            ask1: best(Side::Buy)?,
            fair_price: last,
            index_price: last,
            funding_rate: Num(call.engine.funding_rate),
            timestamp: call.server_ms,
        })
    };
    let rows: Vec<Ticker> =
        call.selected(call.get("symbol"))?.into_iter().filter_map(row).collect();
    one_or_all(call, rows)
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
    let i = call.engine.instrument(index).map_err(|_| errors::F_CONTRACT)?;
    let feed = call.engine.feeds.get(index).ok_or(errors::F_CONTRACT)?;
    let side = |taker| {
        let levels = feed.levels(taker).take(limit);
        levels.map(|l| (Num(i.price(l.price)), contracts(i, i.quantity(l.size)), 1)).collect()
    };
    write(Depth {
        asks: side(Side::Buy),
        bids: side(Side::Sell),
        version: feed.update_id(),
        timestamp: call.server_ms,
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
