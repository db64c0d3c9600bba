//! The instrument rules an order must keep, checked in the order the real venue reports them.

use rust_decimal::Decimal;

use super::instrument::Instrument;
use super::types::{Filter, Reject, Side};

/// Decimals of a value beyond which it cannot be written for this instrument.
pub(crate) fn precision(name: &'static str, value: Decimal, decimals: u32) -> Result<(), Reject> {
    if value.normalize().scale() > decimals {
        return Err(Reject::Precision(name));
    }
    Ok(())
}

/// Precision, PRICE_FILTER and (for an order price) the percent-price band around `reference`.
pub(crate) fn price(
    i: &Instrument,
    name: &'static str,
    value: Decimal,
    band: Option<(Side, Decimal)>,
) -> Result<(), Reject> {
    if value <= Decimal::ZERO {
        return Err(Reject::NotPositive(name));
    }
    precision(name, value, i.price_precision)?;
    if value < i.min_price {
        return Err(Reject::Filter(Filter::PriceMin, i.min_price));
    }
    if value > i.max_price {
        return Err(Reject::Filter(Filter::PriceMax, i.max_price));
    }
    if !(value % i.tick).is_zero() {
        return Err(Reject::Filter(Filter::PriceTick, i.tick));
    }
    match band {
        Some((side, reference)) => percent_price(i, side, value, reference),
        None => Ok(()),
    }
}

/// Precision, LOT_SIZE and, for market orders, MARKET_LOT_SIZE.
pub(crate) fn quantity(i: &Instrument, value: Decimal, market: bool) -> Result<(), Reject> {
    if value <= Decimal::ZERO {
        return Err(Reject::NotPositive("quantity"));
    }
    precision("quantity", value, i.quantity_precision)?;
    if value < i.min_quantity {
        return Err(Reject::Filter(Filter::QuantityMin, i.min_quantity));
    }
    if value > i.max_quantity {
        return Err(Reject::Filter(Filter::QuantityMax, i.max_quantity));
    }
    if !(value % i.step).is_zero() {
        return Err(Reject::Filter(Filter::QuantityStep, i.step));
    }
    if !market {
        return Ok(());
    }
    if value < i.market_min_quantity {
        return Err(Reject::Filter(Filter::MarketQuantityMin, i.market_min_quantity));
    }
    if !i.market_max_quantity.is_zero() && value > i.market_max_quantity {
        return Err(Reject::Filter(Filter::MarketQuantityMax, i.market_max_quantity));
    }
    // A step of zero means that LOT_SIZE alone applies.
    if !i.market_step.is_zero() && !(value % i.market_step).is_zero() {
        return Err(Reject::Filter(Filter::MarketQuantityStep, i.market_step));
    }
    Ok(())
}

/// TRAILING_DELTA, whose bounds are the same above and below the price throughout the listing.
pub(crate) fn trailing(i: &Instrument, delta: u64) -> Result<(), Reject> {
    match i.trailing {
        Some((min, max)) if (min..=max).contains(&delta) => Ok(()),
        _ => Err(Reject::Filter(Filter::TrailingDelta, Decimal::ZERO)),
    }
}

/// MIN_NOTIONAL / NOTIONAL. The upper bound does not apply to market orders (`applyMaxToMarket`
/// is false throughout the listing).
pub(crate) fn notional(i: &Instrument, value: Decimal, market: bool) -> Result<(), Reject> {
    if value < i.min_notional {
        return Err(Reject::Filter(Filter::NotionalMin, i.min_notional));
    }
    if !market && !i.max_notional.is_zero() && value > i.max_notional {
        return Err(Reject::Filter(Filter::NotionalMax, i.max_notional));
    }
    Ok(())
}

/// The band either bounds both sides both ways, or only stops a buy above and a sell below it.
fn percent_price(
    i: &Instrument,
    side: Side,
    price: Decimal,
    reference: Decimal,
) -> Result<(), Reject> {
    let up = (reference * i.percent_up).round_dp(i.tick_decimals());
    let down = (reference * i.percent_down).round_dp(i.tick_decimals());
    let check_up = i.band_both_ways || side == Side::Buy;
    let check_down = i.band_both_ways || side == Side::Sell;
    if check_up && price > up {
        return Err(Reject::Filter(Filter::PercentPriceUp, up));
    }
    if check_down && price < down {
        return Err(Reject::Filter(Filter::PercentPriceDown, down));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Market;
    use crate::engine::listing::instruments;

    fn d(s: &str) -> Decimal {
        s.parse().expect("decimal")
    }

    fn find(market: Market, symbol: &str) -> Instrument {
        instruments()
            .into_iter()
            .find(|i| i.market == market && i.symbol == symbol)
            .expect("listed")
    }

    fn broke(result: Result<(), Reject>) -> Filter {
        match result {
            Err(Reject::Filter(f, _)) => f,
            other => panic!("expected a filter, got {other:?}"),
        }
    }

    #[test]
    fn price_rules_of_linear_btc() {
        let i = find(Market::Linear, "BTCUSDT");
        assert_eq!(price(&i, "price", d("43210.9"), None), Ok(()));
        assert_eq!(price(&i, "price", d("43210.900"), None), Ok(()), "trailing zeros are free");
        assert_eq!(broke(price(&i, "price", d("43210.95"), None)), Filter::PriceTick);
        assert_eq!(price(&i, "price", d("43210.955"), None), Err(Reject::Precision("price")));
        assert_eq!(broke(price(&i, "price", d("556.7"), None)), Filter::PriceMin);
        assert_eq!(broke(price(&i, "price", d("4529764.1"), None)), Filter::PriceMax);
        assert_eq!(price(&i, "price", d("0"), None), Err(Reject::NotPositive("price")));
    }

    #[test]
    fn the_band_stops_dear_buys_and_cheap_sells_on_linear() {
        let i = find(Market::Linear, "BTCUSDT");
        let at = |side, p: &str| price(&i, "price", d(p), Some((side, d("60000"))));
        assert_eq!(at(Side::Buy, "63000"), Ok(()));
        assert_eq!(broke(at(Side::Buy, "63000.1")), Filter::PercentPriceUp);
        assert_eq!(at(Side::Buy, "40000"), Ok(()));
        assert_eq!(broke(at(Side::Sell, "56999.9")), Filter::PercentPriceDown);
        let s = find(Market::Spot, "BTCUSDT");
        let at = |side, p: &str| price(&s, "price", d(p), Some((side, d("60000"))));
        assert_eq!(broke(at(Side::Buy, "11999.99")), Filter::PercentPriceDown);
        assert_eq!(broke(at(Side::Sell, "300000.01")), Filter::PercentPriceUp);
    }

    #[test]
    fn quantity_rules() {
        let i = find(Market::Spot, "BTCUSDT");
        assert_eq!(quantity(&i, d("0.00456"), false), Ok(()));
        assert_eq!(broke(quantity(&i, d("0.000001"), false)), Filter::QuantityMin);
        assert_eq!(broke(quantity(&i, d("0.0000151"), false)), Filter::QuantityStep);
        assert_eq!(broke(quantity(&i, d("9001"), false)), Filter::QuantityMax);
        assert_eq!(quantity(&i, d("0.000000001"), false), Err(Reject::Precision("quantity")));
        assert_eq!(quantity(&i, d("85"), false), Ok(()));
        assert_eq!(broke(quantity(&i, d("85"), true)), Filter::MarketQuantityMax);
        let shib = find(Market::Spot, "SHIBUSDT");
        assert_eq!(quantity(&shib, d("1750000"), true), Ok(()));
        assert_eq!(broke(quantity(&shib, d("1.5"), true)), Filter::QuantityStep);
        assert_eq!(quantity(&shib, d("1.555"), true), Err(Reject::Precision("quantity")));
    }

    #[test]
    fn notional_rules() {
        let spot = find(Market::Spot, "BTCUSDT");
        assert_eq!(notional(&spot, d("5"), false), Ok(()));
        assert_eq!(broke(notional(&spot, d("4.99"), true)), Filter::NotionalMin);
        assert_eq!(broke(notional(&spot, d("9000001"), false)), Filter::NotionalMax);
        assert_eq!(notional(&spot, d("9000001"), true), Ok(()));
        let linear = find(Market::Linear, "BTCUSDT");
        assert_eq!(
            notional(&linear, d("99.9"), false),
            Err(Reject::Filter(Filter::NotionalMin, d("100")))
        );
    }
}
