//! The instruments: those of the protocol sheet's test set carry exactly its rules, the others
//! follow the same shapes. Prices start where they do on the other simulated venues.

use rust_decimal::Decimal;

use crate::engine::{Instrument, Market, TradingStatus, brackets, dec};

/// Share of the last price by which a buy may lie above and a sell below it.
pub(super) const PRICE_LIMIT_RATIO: &str = "0.05";

/// Active orders per symbol and account.
const MAX_ORDERS: usize = 500;
/// Conditional orders per symbol and account.
const MAX_CONDITIONAL: usize = 10;

/// All instruments, spot first.
pub(super) fn instruments() -> Vec<Instrument> {
    SPOT.iter().map(spot).chain(LINEAR.iter().map(linear)).collect()
}

/// symbol, base coin, start price, tick, base precision, quote precision, largest limit quantity,
/// largest market quantity
type Spot = (&'static str, &'static str, [&'static str; 6]);

const SPOT: &[Spot] = &[
    ("BTCUSDT", "BTC", ["64000", "0.1", "0.000001", "0.0000001", "83", "83"]),
    ("ETHUSDT", "ETH", ["3100", "0.01", "0.00001", "0.0000001", "2650", "2650"]),
    (
        "SHIBUSDT",
        "SHIB",
        ["0.00002", "0.000000001", "0.1", "0.000000001", "7500000000", "7500000000"],
    ),
    (
        "PEPEUSDT",
        "PEPE",
        ["0.0000118", "0.0000000001", "0.1", "0.0000000001", "15000000000", "15000000000"],
    ),
    ("SOLUSDT", "SOL", ["150", "0.01", "0.001", "0.00001", "50000", "20000"]),
    ("XRPUSDT", "XRP", ["0.55", "0.0001", "0.01", "0.000001", "10000000", "4000000"]),
    ("DOGEUSDT", "DOGE", ["0.12", "0.00001", "0.1", "0.000001", "50000000", "20000000"]),
    ("LTCUSDT", "LTC", ["75", "0.01", "0.00001", "0.0000001", "60000", "20000"]),
];

/// symbol, base coin, start price, tick, highest price, quantity step, largest limit quantity,
/// largest market quantity, largest leverage
type Linear = (&'static str, &'static str, [&'static str; 6], u32);

const LINEAR: &[Linear] = &[
    ("BTCUSDT", "BTC", ["64000", "0.10", "1999999.80", "0.001", "1190", "500"], 100),
    ("ETHUSDT", "ETH", ["3100", "0.01", "199999.98", "0.01", "7240", "1450"], 100),
    (
        "1000PEPEUSDT",
        "1000PEPE",
        ["0.0118", "0.0000001", "0.1999998", "100", "500000000", "100000000"],
        75,
    ),
    (
        "SHIB1000USDT",
        "SHIB1000",
        ["0.02", "0.000001", "1.999998", "10", "150000000", "30000000"],
        75,
    ),
    ("SOLUSDT", "SOL", ["150", "0.010", "19999.980", "0.1", "78000", "15000"], 100),
    ("XRPUSDT", "XRP", ["0.55", "0.0001", "199.9998", "0.1", "5000000", "1000000"], 75),
    ("DOGEUSDT", "DOGE", ["0.12", "0.00001", "19.99998", "1", "50000000", "10000000"], 75),
    ("LTCUSDT", "LTC", ["75", "0.01", "19999.98", "0.1", "20000", "5000"], 75),
];

fn spot(row: &Spot) -> Instrument {
    let (symbol, base, [start, tick, step, quote_step, max, market_max]) = *row;
    let start = dec(start);
    Instrument {
        // The venue publishes no price bounds on spot.
        max_price: start * Decimal::from(1_000),
        // Amounts to spend have the digits of quotePrecision; off-tick prices fail the tick.
        price_precision: dec(quote_step).normalize().scale().max(dec(tick).normalize().scale()),
        ..common(
            Market::Spot,
            symbol,
            base,
            [start, dec(tick), dec(step), dec(max), dec(market_max)],
        )
    }
}

fn linear(row: &Linear) -> Instrument {
    let (symbol, base, [start, tick, max_price, step, max, market_max], leverage) = *row;
    Instrument {
        max_price: dec(max_price),
        brackets: brackets(leverage),
        ..common(
            Market::Linear,
            symbol,
            base,
            [dec(start), dec(tick), dec(step), dec(max), dec(market_max)],
        )
    }
}

fn common(
    market: Market,
    symbol: &'static str,
    base: &'static str,
    [start, tick, step, max, market_max]: [Decimal; 5],
) -> Instrument {
    let ratio = dec(PRICE_LIMIT_RATIO);
    Instrument {
        market,
        symbol,
        base,
        quote: "USDT",
        status: TradingStatus::Trading,
        start_price: start,
        tick,
        min_price: tick,
        max_price: Decimal::ZERO,
        step,
        min_quantity: step,
        max_quantity: max,
        market_min_quantity: Decimal::ZERO,
        market_max_quantity: market_max,
        market_step: Decimal::ZERO,
        min_notional: Decimal::from(5),
        max_notional: Decimal::ZERO,
        price_precision: tick.normalize().scale(),
        quantity_precision: step.normalize().scale(),
        percent_up: Decimal::ONE + ratio,
        percent_down: Decimal::ONE - ratio,
        band_both_ways: false,
        band_around_trigger: true,
        max_orders: MAX_ORDERS,
        max_algo_orders: MAX_CONDITIONAL,
        max_position: Decimal::ZERO,
        trailing: None,
        brackets: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_usable_instrument() {
        for i in instruments() {
            assert!(i.tick > Decimal::ZERO && i.step > Decimal::ZERO, "{}", i.symbol);
            assert!((i.start_price % i.tick).is_zero(), "{}", i.symbol);
            assert!(i.max_price > i.start_price && i.max_quantity > i.step, "{}", i.symbol);
            assert!(i.market_max_quantity > i.step && i.market_max_quantity <= i.max_quantity);
            assert_eq!(i.brackets.is_empty(), i.market == Market::Spot);
        }
    }
}
