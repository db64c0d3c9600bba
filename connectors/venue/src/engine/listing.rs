//! The embedded listing: a dozen USDT instruments per market with realistic rules.
//!
//! BTCUSDT and SHIBUSDT on spot, BTCUSDT and 1000PEPEUSDT on linear carry exactly the rules of the
//! protocol sheet's exchange-info samples; the others follow the same shapes. Leverage brackets
//! are of the real kind, with round numbers.

use rust_decimal::Decimal;

use super::instrument::{Bracket, Instrument};
use super::types::{Market, TradingStatus};

/// All instruments, spot first.
pub(crate) fn instruments() -> Vec<Instrument> {
    SPOT.iter().map(spot).chain(LINEAR.iter().map(linear)).collect()
}

struct Row {
    symbol: &'static str,
    base: &'static str,
    start: &'static str,
    tick: &'static str,
    min_price: &'static str,
    max_price: &'static str,
    step: &'static str,
    max_quantity: &'static str,
    market_max: &'static str,
    min_notional: &'static str,
    /// Spot: decimals of the base asset. Linear: decimals of the price.
    precision: u32,
    /// Linear: the first bracket's leverage. Spot: unused.
    leverage: u32,
}

#[allow(clippy::too_many_arguments)]
const fn row(
    symbol: &'static str,
    base: &'static str,
    start: &'static str,
    tick: &'static str,
    min_price: &'static str,
    max_price: &'static str,
    step: &'static str,
    max_quantity: &'static str,
    market_max: &'static str,
    min_notional: &'static str,
    precision: u32,
    leverage: u32,
) -> Row {
    Row {
        symbol,
        base,
        start,
        tick,
        min_price,
        max_price,
        step,
        max_quantity,
        market_max,
        min_notional,
        precision,
        leverage,
    }
}

#[rustfmt::skip]
const SPOT: &[Row] = &[
    row("BTCUSDT", "BTC", "64000", "0.01", "0.01", "1000000", "0.00001", "9000", "84.5", "5", 8, 0),
    row("ETHUSDT", "ETH", "3100", "0.01", "0.01", "1000000", "0.0001", "9000", "1600", "5", 8, 0),
    row("SHIBUSDT", "SHIB", "0.00002000", "0.00000001", "0.00000001", "1", "1", "46116860414", "500000000", "1", 2, 0),
    row("SOLUSDT", "SOL", "150", "0.01", "0.01", "10000", "0.001", "90000", "14000", "5", 8, 0),
    row("BNBUSDT", "BNB", "600", "0.01", "0.01", "100000", "0.001", "900000", "1800", "5", 8, 0),
    row("XRPUSDT", "XRP", "0.55", "0.0001", "0.0001", "10000", "0.1", "9222449", "1500000", "5", 8, 0),
    row("ADAUSDT", "ADA", "0.45", "0.0001", "0.0001", "1000", "0.1", "9000000", "1200000", "5", 8, 0),
    row("DOGEUSDT", "DOGE", "0.12", "0.00001", "0.00001", "1000", "1", "9000000", "7000000", "1", 8, 0),
    row("AVAXUSDT", "AVAX", "28", "0.01", "0.01", "10000", "0.01", "9222449", "30000", "5", 8, 0),
    row("LINKUSDT", "LINK", "14", "0.01", "0.01", "10000", "0.01", "90000", "50000", "5", 8, 0),
    row("LTCUSDT", "LTC", "75", "0.01", "0.01", "100000", "0.001", "90000", "9000", "5", 8, 0),
    row("PEPEUSDT", "PEPE", "0.00001180", "0.00000001", "0.00000001", "1", "1", "46116860414", "9000000000", "1", 2, 0),
];

#[rustfmt::skip]
const LINEAR: &[Row] = &[
    row("BTCUSDT", "BTC", "64000", "0.10", "556.80", "4529764", "0.001", "1000", "120", "100", 2, 125),
    row("ETHUSDT", "ETH", "3100", "0.01", "39.86", "306177", "0.001", "10000", "2000", "20", 2, 125),
    row("1000PEPEUSDT", "1000PEPE", "0.0118000", "0.0000001", "0.0000100", "200", "1", "100000000", "10000000", "5", 7, 75),
    row("SOLUSDT", "SOL", "150", "0.0100", "0.4200", "6857", "0.01", "1000000", "5000", "5", 4, 100),
    row("BNBUSDT", "BNB", "600", "0.010", "6.600", "100000", "0.01", "100000", "2000", "5", 3, 75),
    row("XRPUSDT", "XRP", "0.55", "0.0001", "0.0143", "100000", "0.1", "10000000", "2000000", "5", 4, 75),
    row("ADAUSDT", "ADA", "0.45", "0.00010", "0.01740", "100000", "1", "2000000", "300000", "5", 5, 75),
    row("DOGEUSDT", "DOGE", "0.12", "0.000010", "0.002440", "30", "1", "50000000", "30000000", "5", 6, 75),
    row("AVAXUSDT", "AVAX", "28", "0.0010", "0.1900", "10000", "1", "100000", "10000", "5", 4, 75),
    row("LINKUSDT", "LINK", "14", "0.001", "0.498", "100000", "0.01", "100000", "20000", "20", 3, 75),
    row("LTCUSDT", "LTC", "75", "0.01", "3.61", "100000", "0.001", "10000", "5000", "20", 2, 75),
    row("1000SHIBUSDT", "1000SHIB", "0.0200000", "0.000001", "0.000340", "200", "1", "100000000", "10000000", "5", 6, 75),
];

fn spot(row: &Row) -> Instrument {
    Instrument {
        market: Market::Spot,
        market_min_quantity: Decimal::ZERO,
        market_step: Decimal::ZERO,
        max_notional: dec("9000000"),
        price_precision: 8,
        quantity_precision: row.precision,
        percent_up: dec("5"),
        percent_down: dec("0.2"),
        band_around_trigger: false,
        band_both_ways: true,
        max_algo_orders: 5,
        trailing: Some((10, 2_000)),
        brackets: Vec::new(),
        ..common(row)
    }
}

fn linear(row: &Row) -> Instrument {
    let step = dec(row.step);
    Instrument {
        market: Market::Linear,
        market_min_quantity: step,
        market_step: step,
        max_notional: Decimal::ZERO,
        price_precision: row.precision,
        quantity_precision: step.normalize().scale(),
        percent_up: dec("1.05"),
        percent_down: dec("0.95"),
        max_algo_orders: 10,
        brackets: brackets(row.leverage),
        ..common(row)
    }
}

fn common(row: &Row) -> Instrument {
    let step = dec(row.step);
    Instrument {
        market: Market::Spot,
        symbol: row.symbol,
        base: row.base,
        quote: "USDT",
        status: TradingStatus::Trading,
        start_price: dec(row.start),
        tick: dec(row.tick),
        min_price: dec(row.min_price),
        max_price: dec(row.max_price),
        step,
        min_quantity: step,
        max_quantity: dec(row.max_quantity),
        market_min_quantity: Decimal::ZERO,
        market_max_quantity: dec(row.market_max),
        market_step: Decimal::ZERO,
        min_notional: dec(row.min_notional),
        max_notional: Decimal::ZERO,
        price_precision: 8,
        quantity_precision: 8,
        percent_up: Decimal::ZERO,
        percent_down: Decimal::ZERO,
        band_both_ways: false,
        band_around_trigger: false,
        max_orders: 200,
        max_algo_orders: 0,
        max_position: Decimal::ZERO,
        trailing: None,
        brackets: Vec::new(),
    }
}

/// (leverage, cap in USDT, maintenance rate in 1/10000), largest leverage first.
const LADDER: &[(u32, i64, i64)] = &[
    (125, 300_000, 40),
    (100, 800_000, 50),
    (75, 3_000_000, 65),
    (50, 12_000_000, 100),
    (25, 70_000_000, 200),
    (20, 100_000_000, 250),
    (10, 230_000_000, 500),
    (5, 480_000_000, 1000),
    (4, 600_000_000, 1250),
    (3, 800_000_000, 1500),
    (2, 1_200_000_000, 2500),
    (1, 1_800_000_000, 5000),
];

/// Brackets of the real kind up to a leverage; those above 125 get a small one of their own.
pub(crate) fn brackets(max_leverage: u32) -> Vec<Bracket> {
    let top = (max_leverage, 100_000, 40);
    let extra = (max_leverage > 125).then_some(&top);
    let mut floor = Decimal::ZERO;
    let mut cumulative = Decimal::ZERO;
    let mut previous = Decimal::ZERO;
    let mut out = Vec::with_capacity(LADDER.len() + 1);
    let ladder = LADDER.iter().filter(|r| r.0 <= max_leverage);
    for &(leverage, cap, rate) in extra.into_iter().chain(ladder) {
        let maintenance = Decimal::new(rate, 4);
        // Makes the margin continuous where two brackets meet.
        cumulative += floor * (maintenance - previous);
        previous = maintenance;
        out.push(Bracket { leverage, floor, cap: Decimal::from(cap), maintenance, cumulative });
        floor = Decimal::from(cap);
    }
    out
}

/// Reads a literal of a listing. Those are checked by tests; a wrong one would read as zero.
pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_usable_instrument() {
        let all = instruments();
        assert!(all.len() >= 24);
        for i in &all {
            for (name, value) in [
                ("start", i.start_price),
                ("tick", i.tick),
                ("min price", i.min_price),
                ("step", i.step),
                ("min quantity", i.min_quantity),
                ("market max", i.market_max_quantity),
                ("min notional", i.min_notional),
            ] {
                assert!(value > Decimal::ZERO, "{} {name}", i.symbol);
            }
            assert!(i.max_price > i.start_price && i.start_price > i.min_price, "{}", i.symbol);
            assert!((i.start_price % i.tick).is_zero(), "{}", i.symbol);
            assert!(i.max_quantity > i.min_quantity);
            assert_eq!(i.brackets.is_empty(), i.market == Market::Spot);
        }
    }

    #[test]
    fn maintenance_margin_is_continuous_across_brackets() {
        let all = instruments();
        let btc = all.iter().find(|i| i.market == Market::Linear).expect("linear listing");
        for b in &btc.brackets {
            let below = btc.maintenance_margin(b.cap);
            let above = btc.maintenance_margin(b.cap + Decimal::new(1, 6));
            assert!((above - below).abs() < Decimal::ONE, "at {}", b.cap);
        }
        assert_eq!(btc.max_leverage(), 125);
        assert_eq!(btc.max_notional_at(125), Decimal::from(300_000));
        assert_eq!(btc.max_notional_at(21), Decimal::from(70_000_000));
    }
}
