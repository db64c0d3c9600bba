//! Rounding and checks: examples of every rule, and properties against whole-number arithmetic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use hoox_connector::{
    Attached, Decimal, Filter, FilterError, Instrument, InstrumentStatus, LotRule, Market,
    NewOrder, NotionalRule, OrderKind, PercentPriceRule, PreparedOrder, PriceRounding, Side, Size,
    Symbol, Trigger, TriggerKind, Venue,
};
use proptest::prelude::*;

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn instrument() -> Instrument {
    let mut it = Instrument::new(Venue::Binance, Market::Linear, symbol());
    it.tick_size = Some(dec("0.10"));
    it.min_price = Some(dec("556.80"));
    it.max_price = Some(dec("4529764"));
    it.lot = LotRule { min: Some(dec("0.002")), max: Some(dec("1000")), step: Some(dec("0.001")) };
    it.market_lot =
        LotRule { min: Some(dec("0.004")), max: Some(dec("120")), step: Some(dec("0.002")) };
    it.notional = NotionalRule { min: Some(dec("100")), max: Some(dec("9000000")), ..it.notional };
    it
}

fn bare() -> Instrument {
    Instrument::new(Venue::Binance, Market::Spot, symbol())
}

fn market(quantity: &str) -> NewOrder {
    NewOrder::market(symbol(), Side::Buy, dec(quantity))
}

fn limit(side: Side, quantity: &str, price: &str) -> NewOrder {
    NewOrder::limit(symbol(), side, dec(quantity), dec(price))
}

fn broken(result: Result<PreparedOrder, FilterError>) -> (Filter, String, String) {
    let error = result.unwrap_err();
    assert_eq!(error.symbol, symbol());
    (error.filter, error.value.to_string(), error.bound.to_string())
}

fn named(filter: Filter, value: &str, bound: &str) -> (Filter, String, String) {
    (filter, value.into(), bound.into())
}

#[test]
fn every_rule_names_itself_the_value_and_the_bound() {
    let it = instrument();
    let reference = Some(dec("50000"));
    for (order, expected) in [
        (market("0"), named(Filter::Positive, "0", "0")),
        (market("-1"), named(Filter::Positive, "-1", "0")),
        (market("0.0009"), named(Filter::StepSize, "0.0009", "0.001")),
        (market("0.0019"), named(Filter::StepSize, "0.001", "0.002")),
        (market("0.003"), named(Filter::MarketMinQuantity, "0.002", "0.004")),
        (market("120.002"), named(Filter::MarketMaxQuantity, "120.002", "120")),
        (limit(Side::Buy, "0.001", "50000"), named(Filter::MinQuantity, "0.001", "0.002")),
        (limit(Side::Buy, "1000.001", "1000"), named(Filter::MaxQuantity, "1000.001", "1000")),
        (limit(Side::Buy, "1", "0.09"), named(Filter::TickSize, "0.09", "0.10")),
        (limit(Side::Buy, "1", "556.79"), named(Filter::MinPrice, "556.7", "556.80")),
        (limit(Side::Sell, "1", "4529764.01"), named(Filter::MaxPrice, "4529764.1", "4529764")),
        (limit(Side::Buy, "0.002", "49999.9"), named(Filter::MinNotional, "99.9998", "100")),
        (limit(Side::Buy, "181", "50000"), named(Filter::MaxNotional, "9050000", "9000000")),
        (limit(Side::Buy, "1", "0"), named(Filter::Positive, "0", "0")),
        (limit(Side::Buy, "1", "-5"), named(Filter::Positive, "-5", "0")),
    ] {
        assert_eq!(broken(it.prepare(&order, reference)), expected, "{order:?}");
    }
}

#[test]
fn what_keeps_every_rule_passes_with_its_values_rounded() {
    let it = instrument();
    let prepared = it.prepare(&limit(Side::Buy, "0.0349", "43210.98"), None).unwrap();
    assert_eq!(prepared.quantity().unwrap().to_string(), "0.034");
    assert_eq!(prepared.price().unwrap().to_string(), "43210.9");
    // No digit beyond the step or the tick, not even a zero: venues count them as precision.
    let prepared = it.prepare(&limit(Side::Buy, "0.03400000", "43210.9000"), None).unwrap();
    assert_eq!(prepared.quantity().unwrap().to_string(), "0.034");
    assert_eq!(prepared.price().unwrap().to_string(), "43210.9");
}

#[test]
fn trigger_activation_and_attached_prices_are_brought_to_the_tick() {
    let it = instrument();
    let trigger = Trigger { kind: TriggerKind::Stop, price: dec("39000.07") };
    let kind = OrderKind::TriggerMarket { quantity: dec("0.034"), trigger };
    let mut order = NewOrder::new(symbol(), Side::Sell, kind);
    order.attached = Attached { take_profit: Some(dec("60000.01")), stop_loss: None };
    let prepared = *it.prepare(&order, None).unwrap().order();
    let trigger = Trigger { price: dec("39000.1"), ..trigger };
    assert_eq!(prepared.kind, OrderKind::TriggerMarket { quantity: dec("0.034"), trigger });
    assert_eq!(prepared.attached.take_profit, Some(dec("60000.1")));

    let kind = OrderKind::TrailingStop {
        quantity: dec("0.034"),
        callback_rate: dec("0.35"),
        activate_price: Some(dec("51000.09")),
    };
    let prepared = *it.prepare(&NewOrder::new(symbol(), Side::Buy, kind), None).unwrap().order();
    let expected = OrderKind::TrailingStop {
        quantity: dec("0.034"),
        callback_rate: dec("0.35"),
        activate_price: Some(dec("51000")),
    };
    assert_eq!(prepared.kind, expected);
}

#[test]
fn a_symbol_that_does_not_trade_takes_no_order_and_a_restricted_one_only_reductions() {
    let mut it = instrument();
    it.status = InstrumentStatus::Halted;
    assert_eq!(it.prepare(&market("1").reduce_only(), None).unwrap_err().filter, Filter::Status);
    it.status = InstrumentStatus::Restricted;
    assert_eq!(it.prepare(&market("1"), None).unwrap_err().filter, Filter::Status);
    assert!(it.prepare(&market("1").reduce_only(), None).is_ok());
}

#[test]
fn notional_exemptions_hold_for_exactly_what_they_name() {
    let mut it = instrument();
    it.market_lot = LotRule::default();
    let reference = Some(dec("100"));
    let cheap = limit(Side::Buy, "0.5", "1000").reduce_only();
    assert!(it.prepare(&market("0.9"), reference).is_err());
    assert!(it.prepare(&cheap, None).is_ok(), "worth 500");
    it.notional.min = Some(dec("501"));
    assert_eq!(it.prepare(&cheap, None).unwrap_err().filter, Filter::MinNotional);
    it.notional.reduce_only_exempt = true;
    assert!(it.prepare(&cheap, None).is_ok());
    assert!(it.prepare(&market("0.9"), reference).is_err());
    it.notional.market_exempt_from_min = true;
    assert!(it.prepare(&market("0.9"), reference).is_ok());
    assert!(it.prepare(&limit(Side::Buy, "0.5", "1000"), None).is_err(), "not a market order");

    it.notional.max = Some(dec("10000"));
    assert_eq!(it.prepare(&market("200"), reference).unwrap_err().filter, Filter::MaxNotional);
    it.notional.market_exempt_from_max = true;
    assert!(it.prepare(&market("200"), reference).is_ok());
    // Without a reference price a market order has no value to check.
    it.notional = NotionalRule { min: Some(dec("100")), ..NotionalRule::default() };
    assert!(it.prepare(&market("0.002"), None).is_ok());
}

#[test]
fn an_order_by_quote_amount_goes_down_to_its_step_and_is_checked_as_a_value() {
    let mut it = bare();
    it.quote_step = Some(dec("0.01"));
    it.notional.min = Some(dec("10"));
    let order = |amount: &str| NewOrder::market_quote(symbol(), Side::Buy, dec(amount));
    let prepared = it.prepare(&order("101.239"), None).unwrap();
    assert_eq!(prepared.order().kind, OrderKind::Market { size: Size::Quote(dec("101.23")) });
    assert_eq!(prepared.quantity(), None);
    assert_eq!(broken(it.prepare(&order("9.999"), None)), named(Filter::MinNotional, "9.99", "10"));
    assert_eq!(broken(it.prepare(&order("0.009"), None)), named(Filter::StepSize, "0.009", "0.01"));
}

#[test]
fn a_price_too_far_from_the_market_is_refused_by_side() {
    let mut it = bare();
    it.percent_price = Some(PercentPriceRule {
        buy_up: dec("1.05"),
        buy_down: dec("0.2"),
        sell_up: dec("5"),
        sell_down: dec("0.95"),
    });
    let reference = Some(dec("100"));
    for (side, price, expected) in [
        (Side::Buy, "105.01", Some(named(Filter::PercentPriceUp, "105.01", "105"))),
        (Side::Buy, "105", None),
        (Side::Buy, "20", None),
        (Side::Buy, "19.9", Some(named(Filter::PercentPriceDown, "19.9", "20"))),
        (Side::Sell, "94.9", Some(named(Filter::PercentPriceDown, "94.9", "95"))),
        (Side::Sell, "500", None),
        (Side::Sell, "500.1", Some(named(Filter::PercentPriceUp, "500.1", "500"))),
    ] {
        let result = it.prepare(&limit(side, "1", price), reference);
        match expected {
            Some(expected) => assert_eq!(broken(result), expected, "{side} {price}"),
            None => assert!(result.is_ok(), "{side} {price}"),
        }
    }
    assert!(it.prepare(&limit(Side::Buy, "1", "1000"), None).is_ok(), "no market to compare with");
}

#[test]
fn two_steps_that_do_not_nest_are_refused_rather_than_broken() {
    let mut it = bare();
    it.lot.step = Some(dec("0.3"));
    it.market_lot.step = Some(dec("0.2"));
    assert_eq!(it.prepare(&market("1"), None).unwrap_err().filter, Filter::StepSize);
    assert_eq!(it.prepare(&market("0.7"), None).unwrap().quantity(), Some(dec("0.6")));
}

#[test]
fn a_multiple_with_more_digits_than_fit_is_refused_rather_than_rounded() {
    let mut it = bare();
    it.lot.step = Some(dec("0.017"));
    let order = market("3092809680382757086265189462");
    assert_eq!(it.prepare(&order, None).unwrap_err().filter, Filter::Precision);
}

#[test]
fn contracts_are_exact_or_refused() {
    let mut it = bare();
    it.contract_size = Some(dec("0.0001"));
    it.lot.step = Some(dec("0.0001"));
    let prepared = it.prepare(&market("0.03456"), None).unwrap();
    let sent = OrderKind::Market { size: Size::Base(dec("345")) };
    assert_eq!((prepared.order().kind, prepared.quantity()), (sent, Some(dec("0.0345"))));
    // A third has no last digit: rounding it would order more or less than was asked for.
    it.contract_size = Some(dec("3"));
    it.lot.step = None;
    for quantity in ["1", "2", "0.1"] {
        assert_eq!(it.prepare(&market(quantity), None).unwrap_err().filter, Filter::Precision);
    }
    assert_eq!(it.prepare(&market("9"), None).unwrap().quantity(), Some(dec("9")));
    // A size of zero is none.
    it.contract_size = Some(Decimal::ZERO);
    assert_eq!(it.prepare(&market("1"), None).unwrap().quantity(), Some(dec("1")));
}

#[test]
fn leverage_is_checked_against_the_highest() {
    let mut it = bare();
    it.max_leverage = Some(20);
    assert!(it.check_leverage(20).is_ok());
    assert_eq!(it.check_leverage(21).unwrap_err().filter, Filter::MaxLeverage);
    assert_eq!(it.check_leverage(0).unwrap_err().filter, Filter::Positive);
}

#[test]
fn the_public_roundings_refuse_what_is_not_positive() {
    let it = instrument();
    for value in ["0", "-0.15"] {
        let value = dec(value);
        assert_eq!(it.round_quantity(value, false).unwrap_err().filter, Filter::Positive);
        let price = it.round_price(value, Side::Buy, PriceRounding::Passive);
        assert_eq!(price.unwrap_err().filter, Filter::Positive);
    }
}

/// Everyday values: up to twelve digits, up to eight places.
fn ordinary() -> impl Strategy<Value = Decimal> {
    (1_i64..1_000_000_000_000, 0_u32..=8).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

/// Steps and ticks.
fn step() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (0_u32..=8).prop_map(|scale| Decimal::new(1, scale)),
        (1_i64..=10_000, 0_u32..=8).prop_map(|(digits, scale)| Decimal::new(digits, scale)),
    ]
}

/// Every decimal there is: negative, zero, and of 96 bits at 28 places.
fn any_decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0_u32..=28)
            .prop_map(|(lo, mid, hi, minus, scale)| Decimal::from_parts(lo, mid, hi, minus, scale)),
        (any::<i64>(), 0_u32..=28).prop_map(|(digits, scale)| Decimal::new(digits, scale)),
        (-3_i64..=3, 0_u32..=28).prop_map(|(digits, scale)| Decimal::new(digits, scale)),
        Just(Decimal::MAX),
        Just(Decimal::MIN),
        Just(Decimal::ZERO),
    ]
}

fn maybe_any() -> impl Strategy<Value = Option<Decimal>> {
    proptest::option::of(any_decimal())
}

fn any_lot() -> impl Strategy<Value = LotRule> {
    (maybe_any(), maybe_any(), maybe_any()).prop_map(|(min, max, step)| LotRule { min, max, step })
}

/// In units of 10⁻⁸, where everything ordinary is a whole number.
fn units(value: Decimal) -> i128 {
    let value = value.normalize();
    value.mantissa() * 10_i128.pow(8 - value.scale())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_quantity_is_the_highest_multiple_of_the_step_not_above_it(
        quantity in ordinary(), step in step(),
    ) {
        let mut it = bare();
        it.lot.step = Some(step);
        let expected = units(quantity) / units(step) * units(step);
        match it.round_quantity(quantity, false) {
            Ok(rounded) => {
                prop_assert_eq!(units(rounded), expected);
                prop_assert!(rounded <= quantity && rounded > Decimal::ZERO);
                prop_assert!(rounded.scale() <= step.scale());
                prop_assert_eq!(it.round_quantity(rounded, false), Ok(rounded));
            }
            Err(error) => {
                prop_assert_eq!((error.filter, expected), (Filter::StepSize, 0));
            }
        }
    }

    #[test]
    fn a_market_quantity_keeps_both_steps(
        quantity in ordinary(), lot in step(), market in step(),
    ) {
        let mut it = bare();
        (it.lot.step, it.market_lot.step) = (Some(lot), Some(market));
        if let Ok(rounded) = it.round_quantity(quantity, true) {
            prop_assert!(rounded <= quantity);
            prop_assert_eq!(units(rounded) % units(lot), 0);
            prop_assert_eq!(units(rounded) % units(market), 0);
        }
    }

    #[test]
    fn a_price_goes_to_the_passive_side_or_to_the_nearest_tick(
        price in ordinary(), tick in step(), buy in any::<bool>(),
    ) {
        let mut it = bare();
        it.tick_size = Some(tick);
        let side = if buy { Side::Buy } else { Side::Sell };
        let (whole, unit) = (units(price), units(tick));
        let down = whole / unit * unit;
        let up = if down == whole { whole } else { down + unit };
        let nearest = if 2 * (whole - down) >= unit { up } else { down };
        for (rounding, expected) in [
            (PriceRounding::Passive, if buy { down } else { up }),
            (PriceRounding::Nearest, nearest),
        ] {
            match it.round_price(price, side, rounding) {
                Ok(rounded) => {
                    prop_assert_eq!(units(rounded), expected);
                    prop_assert_eq!(it.round_price(rounded, side, rounding), Ok(rounded));
                }
                Err(error) => prop_assert_eq!((error.filter, expected), (Filter::TickSize, 0)),
            }
        }
    }

    #[test]
    fn contracts_times_their_size_is_the_quantity(
        quantity in ordinary(), size in step(), multiple in 1_i64..50,
    ) {
        let mut it = bare();
        it.contract_size = Some(size);
        it.lot.step = size.checked_mul(multiple.into());
        if let Ok(prepared) = it.prepare(&NewOrder::market(symbol(), Side::Buy, quantity), None) {
            let contracts = prepared.order().kind.quantity().unwrap();
            prop_assert!(contracts.is_integer());
            prop_assert_eq!(contracts.mantissa() % i128::from(multiple), 0);
            prop_assert_eq!(
                units(contracts.normalize()) / 100_000_000 * units(size),
                units(prepared.quantity().unwrap())
            );
            prop_assert!(prepared.quantity().unwrap() <= quantity);
        }
    }

    #[test]
    fn preparing_twice_changes_nothing(
        quantity in ordinary(), price in ordinary(), step in step(), tick in step(),
        buy in any::<bool>(), nearest in any::<bool>(),
    ) {
        let mut it = bare();
        (it.lot.step, it.tick_size) = (Some(step), Some(tick));
        let side = if buy { Side::Buy } else { Side::Sell };
        let rounding = if nearest { PriceRounding::Nearest } else { PriceRounding::Passive };
        let order = NewOrder::limit(symbol(), side, quantity, price);
        if let Ok(once) = it.prepare_with(&order, None, rounding) {
            prop_assert_eq!(it.prepare_with(once.order(), None, rounding), Ok(once));
        }
    }

    #[test]
    fn no_filter_values_whatever_make_it_panic_or_round_up(
        quantity in any_decimal(), price in any_decimal(), reference in maybe_any(),
        (lot, market_lot) in (any_lot(), any_lot()),
        (tick, min_price, max_price) in (maybe_any(), maybe_any(), maybe_any()),
        (min, max, quote_step, contract_size) in (maybe_any(), maybe_any(), maybe_any(), maybe_any()),
        percent in proptest::array::uniform4(any_decimal()),
        (buy, nearest, which) in (any::<bool>(), any::<bool>(), 0..3),
    ) {
        let mut it = bare();
        (it.lot, it.market_lot, it.tick_size) = (lot, market_lot, tick);
        (it.min_price, it.max_price) = (min_price, max_price);
        (it.quote_step, it.contract_size) = (quote_step, contract_size);
        it.notional = NotionalRule { min, max, ..NotionalRule::default() };
        let [buy_up, buy_down, sell_up, sell_down] = percent;
        it.percent_price = Some(PercentPriceRule { buy_up, buy_down, sell_up, sell_down });
        let side = if buy { Side::Buy } else { Side::Sell };
        let order = match which {
            0 => NewOrder::market(symbol(), side, quantity),
            1 => NewOrder::market_quote(symbol(), side, quantity),
            _ => NewOrder::limit(symbol(), side, quantity, price),
        };
        let rounding = if nearest { PriceRounding::Nearest } else { PriceRounding::Passive };
        let Ok(prepared) = it.prepare_with(&order, reference, rounding) else { return Ok(()) };
        let Some(rounded) = prepared.quantity() else { return Ok(()) };
        prop_assert!(rounded <= quantity && rounded > Decimal::ZERO);
        if let Some(step) = lot.step.filter(|step| *step > Decimal::ZERO) {
            prop_assert_eq!(rounded.checked_rem(step), Some(Decimal::ZERO));
        }
    }
}
