//! Instruments from `instruments-info` (v5 market/instrument).

use std::borrow::Cow;

use hoox_connector::json::{MaybeNumber, lenient};
use hoox_connector::{
    Asset, Decimal, Instrument, InstrumentStatus, LotRule, Market, Symbol, Venue,
};
use serde::Deserialize;

/// One symbol of either market; what one of them lacks is absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a> {
    symbol: Symbol,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(deserialize_with = "lenient")]
    base_coin: Option<Asset>,
    #[serde(deserialize_with = "lenient")]
    quote_coin: Option<Asset>,
    #[serde(borrow, default)]
    settle_coin: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    contract_type: Option<Cow<'a, str>>,
    #[serde(default)]
    leverage_filter: LeverageFilter,
    price_filter: PriceFilter,
    lot_size_filter: LotSizeFilter,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct LeverageFilter {
    #[serde(default)]
    max_leverage: MaybeNumber,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceFilter {
    tick_size: MaybeNumber,
    /// linear.
    #[serde(default)]
    min_price: MaybeNumber,
    /// linear.
    #[serde(default)]
    max_price: MaybeNumber,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LotSizeFilter {
    /// linear; on spot no longer checked.
    #[serde(default)]
    min_order_qty: MaybeNumber,
    /// linear.
    #[serde(default)]
    qty_step: MaybeNumber,
    /// linear, limit orders; on spot no longer checked.
    #[serde(default)]
    max_order_qty: MaybeNumber,
    /// linear.
    #[serde(default)]
    max_mkt_order_qty: MaybeNumber,
    /// linear.
    #[serde(default)]
    min_notional_value: MaybeNumber,
    /// spot: the step itself, not a number of digits.
    #[serde(default)]
    base_precision: MaybeNumber,
    /// spot: the step of quote amounts.
    #[serde(default)]
    quote_precision: MaybeNumber,
    /// spot, in the quote asset.
    #[serde(default)]
    min_order_amt: MaybeNumber,
    /// spot.
    #[serde(default)]
    max_limit_order_qty: MaybeNumber,
    /// spot.
    #[serde(default)]
    max_market_order_qty: MaybeNumber,
}

impl Row<'_> {
    /// USDT perpetuals only: dated futures have other rules, USDC contracts another margin.
    pub(crate) fn is_offered(&self, market: Market) -> bool {
        market == Market::Spot
            || (matches!(self.contract_type.as_deref(), None | Some("LinearPerpetual"))
                && matches!(self.settle_coin.as_deref(), None | Some("USDT")))
    }

    pub(crate) fn instrument(&self, market: Market) -> Instrument {
        let mut it = Instrument::new(Venue::Bybit, market, self.symbol);
        it.base = self.base_coin;
        it.quote = self.quote_coin;
        // v5 enum, "status": PreLaunch, Delivering and Closed take no ordinary orders.
        it.status = match self.status.as_ref() {
            "Trading" => InstrumentStatus::Trading,
            _ => InstrumentStatus::Halted,
        };
        it.tick_size = self.price_filter.tick_size.non_zero();
        it.min_price = self.price_filter.min_price.non_zero();
        it.max_price = self.price_filter.max_price.non_zero();
        it.max_leverage = self.leverage_filter.max_leverage.0.and_then(whole);
        let lot = &self.lot_size_filter;
        match market {
            Market::Spot if cfg!(feature = "spot") => {
                let step = lot.base_precision.non_zero();
                it.lot = LotRule { min: None, max: lot.max_limit_order_qty.non_zero(), step };
                it.market_lot.max = lot.max_market_order_qty.non_zero();
                it.notional.min = lot.min_order_amt.non_zero();
                it.quote_step = lot.quote_precision.non_zero();
            }
            _ => {
                it.lot = LotRule {
                    min: lot.min_order_qty.non_zero(),
                    max: lot.max_order_qty.non_zero(),
                    step: lot.qty_step.non_zero(),
                };
                it.market_lot.max = lot.max_mkt_order_qty.non_zero();
                it.notional.min = lot.min_notional_value.non_zero();
                // UNVERIFIED in v5: were it wrong the venue would say so; the other way round a
                // small position could not be closed.
                it.notional.reduce_only_exempt = true;
            }
        }
        it
    }
}

/// The whole part of a leverage.
fn whole(leverage: Decimal) -> Option<u32> {
    u32::try_from(leverage.trunc()).ok()
}
