//! The instruments: those of the protocol sheet's test set carry exactly its rules, the others
//! follow the same shapes. Futures quantities are in the base asset here and in contracts outside.

use rust_decimal::Decimal;

use crate::engine::{Instrument, Market, TradingStatus, brackets, dec};

/// Share of the last price by which an order's price may differ from it, on futures.
pub(super) const FUTURES_PRICE_RATE: &str = "0.1";

/// Limit orders on spot: the largest value.
const SPOT_MAX_QUOTE: &str = "2000000";

/// All instruments, spot first.
pub(super) fn instruments() -> Vec<Instrument> {
    SPOT.iter().map(spot).chain(FUTURES.iter().map(futures)).collect()
}

/// Symbol, base asset, start price, decimals of the base asset, decimals of the price, smallest
/// quantity.
type Spot = (&'static str, &'static str, &'static str, u32, u32, &'static str);

const SPOT: &[Spot] = &[
    ("BTCUSDT", "BTC", "64000", 6, 2, "0.000001"),
    ("ETHUSDT", "ETH", "3100", 5, 2, "0.00001"),
    ("SHIBUSDT", "SHIB", "0.00002", 2, 9, "1"),
    ("PEPEUSDT", "PEPE", "0.0000118", 2, 10, "1"),
    ("SOLUSDT", "SOL", "150", 3, 2, "0.001"),
    ("XRPUSDT", "XRP", "0.55", 2, 4, "0.1"),
    ("DOGEUSDT", "DOGE", "0.12", 2, 5, "1"),
    ("LTCUSDT", "LTC", "75", 4, 2, "0.001"),
];

/// Symbol, base asset, start price, contract size in the base asset, price unit, largest order in
/// contracts, largest leverage.
type Futures = (&'static str, &'static str, &'static str, &'static str, &'static str, i64, u32);

const FUTURES: &[Futures] = &[
    ("BTC_USDT", "BTC", "64000", "0.0001", "0.1", 4_000_000, 500),
    ("ETH_USDT", "ETH", "3100", "0.01", "0.01", 1_200_000, 400),
    ("PEPE_USDT", "PEPE", "0.0000118", "10000000", "0.0000000001", 25_000, 200),
    ("SHIB_USDT", "SHIB", "0.00002", "1000", "0.000000001", 8_000_000, 200),
    ("SOL_USDT", "SOL", "150", "0.1", "0.01", 500_000, 200),
    ("XRP_USDT", "XRP", "0.55", "1", "0.0001", 5_000_000, 200),
    ("DOGE_USDT", "DOGE", "0.12", "100", "0.00001", 500_000, 200),
    ("LTC_USDT", "LTC", "75", "0.01", "0.01", 500_000, 100),
];

fn spot(row: &Spot) -> Instrument {
    let (symbol, base, start, base_places, price_places, min_quantity) = *row;
    let max_quote = dec(SPOT_MAX_QUOTE);
    let start = dec(start);
    let max_quantity = (max_quote / start).round_dp(0) * Decimal::TEN;
    Instrument {
        min_quantity: dec(min_quantity),
        min_notional: Decimal::ONE,
        max_notional: max_quote,
        percent_up: Decimal::from(5),
        percent_down: dec("0.2"),
        band_both_ways: true,
        ..common(
            Market::Spot,
            (symbol, base),
            [start, Decimal::new(1, price_places), Decimal::new(1, base_places), max_quantity],
        )
    }
}

fn futures(row: &Futures) -> Instrument {
    let (symbol, base, start, size, unit, max_contracts, leverage) = *row;
    let rate = dec(FUTURES_PRICE_RATE);
    let size = dec(size);
    Instrument {
        min_quantity: size,
        percent_up: Decimal::ONE + rate,
        percent_down: Decimal::ONE - rate,
        brackets: brackets(leverage),
        ..common(
            Market::Linear,
            (symbol, base),
            [dec(start), dec(unit), size, size * Decimal::from(max_contracts)],
        )
    }
}

fn common(
    market: Market,
    (symbol, base): (&'static str, &'static str),
    [start, tick, step, max]: [Decimal; 4],
) -> Instrument {
    Instrument {
        market,
        symbol,
        base,
        quote: "USDT",
        status: TradingStatus::Trading,
        start_price: start,
        tick,
        min_price: tick,
        max_price: start * Decimal::from(1_000),
        step,
        min_quantity: step,
        max_quantity: max,
        market_min_quantity: Decimal::ZERO,
        market_max_quantity: Decimal::ZERO,
        market_step: Decimal::ZERO,
        min_notional: Decimal::ZERO,
        max_notional: Decimal::ZERO,
        price_precision: tick.normalize().scale(),
        quantity_precision: step.normalize().scale(),
        percent_up: Decimal::ZERO,
        percent_down: Decimal::ZERO,
        band_both_ways: false,
        band_around_trigger: false,
        max_orders: 200,
        max_algo_orders: 50,
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
            assert!(i.max_quantity > i.min_quantity && i.min_quantity > Decimal::ZERO);
            assert_eq!(i.brackets.is_empty(), i.market == Market::Spot);
        }
        let btc = instruments().into_iter().find(|i| i.symbol == "BTC_USDT").expect("listed");
        assert_eq!(btc.max_leverage(), 500);
    }
}
