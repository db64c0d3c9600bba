//! Instruments from `exchangeInfo` (spot filters.md; linear "Exchange Information").

mod scan;

use core::fmt;
use std::borrow::Cow;

use hoox_connector::json::{MaybeNumber, lenient};
use hoox_connector::{
    Asset, Decimal, Instrument, InstrumentStatus, Instruments, LotRule, Market, NotionalRule,
    OperationKind, PercentPriceRule, Reply, Symbol, Timestamp, Venue, VenueError, json,
};
use serde::de::SeqAccess;
use serde::{Deserialize, Deserializer};

use crate::rate_limits::RateLimit;

pub(crate) fn decode(market: Market, body: &[u8]) -> Result<Reply, VenueError> {
    // A reply of megabytes, of which little matters: what passes over the rest quickest wins.
    let info = match scan::read(body) {
        Some(info) => info,
        None => json::read(OperationKind::Instruments, body)?,
    };
    let ExchangeInfo { server_time, rate_limits, symbols } = info;
    let list = symbols.into_iter().filter(|row| row.is_offered(market));
    let mut instruments = Instruments::new(list.map(|row| row.instrument(market)).collect());
    instruments.at = server_time.map(Timestamp::from_millis);
    instruments.limits = rate_limits.iter().filter_map(RateLimit::usage).collect();
    Ok(Reply::Instruments(instruments))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExchangeInfo<'a> {
    #[serde(default)]
    server_time: Option<u64>,
    #[serde(borrow, default)]
    rate_limits: Vec<RateLimit<'a>>,
    #[serde(borrow)]
    symbols: Vec<Row<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    symbol: Symbol,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(deserialize_with = "lenient")]
    base_asset: Option<Asset>,
    #[serde(deserialize_with = "lenient")]
    quote_asset: Option<Asset>,
    #[serde(borrow, default)]
    contract_type: Option<Cow<'a, str>>,
    #[serde(default)]
    quote_asset_precision: Option<u32>,
    filters: Rules,
}

/// What the filters of a symbol say.
#[derive(Default)]
struct Rules {
    tick_size: Option<Decimal>,
    min_price: Option<Decimal>,
    max_price: Option<Decimal>,
    lot: LotRule,
    market_lot: LotRule,
    notional: NotionalRule,
    percent_price: Option<PercentPriceRule>,
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Rules;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of filters")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Rules, A::Error> {
                let mut rules = Rules::default();
                while let Some(row) = rows.next_element::<FilterRow<'_>>()? {
                    row.apply(&mut rules);
                }
                Ok(rules)
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

/// Every filter's fields in one row: a filter has some of them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct FilterRow<'a> {
    #[serde(borrow)]
    filter_type: Cow<'a, str>,
    #[serde(default)]
    min_price: MaybeNumber,
    #[serde(default)]
    max_price: MaybeNumber,
    #[serde(default)]
    tick_size: MaybeNumber,
    #[serde(default)]
    min_qty: MaybeNumber,
    #[serde(default)]
    max_qty: MaybeNumber,
    #[serde(default)]
    step_size: MaybeNumber,
    /// linear MIN_NOTIONAL.
    #[serde(default)]
    notional: MaybeNumber,
    #[serde(default)]
    min_notional: MaybeNumber,
    #[serde(default)]
    max_notional: MaybeNumber,
    /// spot MIN_NOTIONAL.
    #[serde(default)]
    apply_to_market: Option<bool>,
    #[serde(default)]
    apply_min_to_market: Option<bool>,
    #[serde(default)]
    apply_max_to_market: Option<bool>,
    #[serde(default)]
    multiplier_up: MaybeNumber,
    #[serde(default)]
    multiplier_down: MaybeNumber,
    #[serde(default)]
    bid_multiplier_up: MaybeNumber,
    #[serde(default)]
    bid_multiplier_down: MaybeNumber,
    #[serde(default)]
    ask_multiplier_up: MaybeNumber,
    #[serde(default)]
    ask_multiplier_down: MaybeNumber,
}

impl Row<'_> {
    /// Perpetual USDⓈ-margined futures only; dated ones have other rules.
    fn is_offered(&self, market: Market) -> bool {
        market == Market::Spot
            || matches!(
                self.contract_type.as_deref(),
                None | Some("PERPETUAL" | "TRADIFI_PERPETUAL")
            )
    }

    fn instrument(&self, market: Market) -> Instrument {
        let mut it = Instrument::new(Venue::Binance, market, self.symbol);
        it.base = self.base_asset;
        it.quote = self.quote_asset;
        it.status = match self.status.as_ref() {
            "TRADING" => InstrumentStatus::Trading,
            "CANCEL_ONLY" => InstrumentStatus::Restricted,
            _ => InstrumentStatus::Halted,
        };
        // A market order by quote amount may have as many decimals as the quote asset.
        it.quote_step = self
            .quote_asset_precision
            .and_then(|digits| (digits <= 28).then(|| Decimal::new(1, digits)));
        let rules = &self.filters;
        it.tick_size = rules.tick_size;
        it.min_price = rules.min_price;
        it.max_price = rules.max_price;
        it.lot = rules.lot;
        it.market_lot = rules.market_lot;
        it.notional = rules.notional;
        it.notional.reduce_only_exempt = market == Market::Linear;
        it.percent_price = rules.percent_price;
        it
    }
}

impl FilterRow<'_> {
    /// spot filters.md: a bound or step of zero is disabled.
    fn apply(&self, it: &mut Rules) {
        let lot = || LotRule {
            min: self.min_qty.non_zero(),
            max: self.max_qty.non_zero(),
            step: self.step_size.non_zero(),
        };
        match self.filter_type.as_ref() {
            "PRICE_FILTER" => {
                it.min_price = self.min_price.non_zero();
                it.max_price = self.max_price.non_zero();
                it.tick_size = self.tick_size.non_zero();
            }
            "LOT_SIZE" => it.lot = lot(),
            "MARKET_LOT_SIZE" => it.market_lot = lot(),
            "MIN_NOTIONAL" => {
                it.notional.min = self.min_notional.non_zero().or(self.notional.non_zero());
                it.notional.market_exempt_from_min = self.apply_to_market == Some(false);
            }
            "NOTIONAL" => {
                it.notional.min = self.min_notional.non_zero();
                it.notional.max = self.max_notional.non_zero();
                it.notional.market_exempt_from_min = self.apply_min_to_market == Some(false);
                it.notional.market_exempt_from_max = self.apply_max_to_market == Some(false);
            }
            "PERCENT_PRICE" => {
                if let (Some(up), Some(down)) =
                    (self.multiplier_up.non_zero(), self.multiplier_down.non_zero())
                {
                    let (buy_up, buy_down, sell_up, sell_down) = (up, down, up, down);
                    it.percent_price =
                        Some(PercentPriceRule { buy_up, buy_down, sell_up, sell_down });
                }
            }
            "PERCENT_PRICE_BY_SIDE" => {
                if let (Some(buy_up), Some(buy_down), Some(sell_up), Some(sell_down)) = (
                    self.bid_multiplier_up.non_zero(),
                    self.bid_multiplier_down.non_zero(),
                    self.ask_multiplier_up.non_zero(),
                    self.ask_multiplier_down.non_zero(),
                ) {
                    it.percent_price =
                        Some(PercentPriceRule { buy_up, buy_down, sell_up, sell_down });
                }
            }
            _ => {}
        }
    }
}
