//! What is traded, and the rules orders must keep.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::types::{Market, TradingStatus};

/// One instrument with its rules. Prices are in the quote asset, quantities in the base asset.
#[derive(Clone, Debug)]
pub(crate) struct Instrument {
    pub(crate) market: Market,
    pub(crate) symbol: &'static str,
    pub(crate) base: &'static str,
    pub(crate) quote: &'static str,
    pub(crate) status: TradingStatus,
    /// Where the seeded walk starts and what it returns to.
    pub(crate) start_price: Decimal,
    pub(crate) tick: Decimal,
    pub(crate) min_price: Decimal,
    pub(crate) max_price: Decimal,
    pub(crate) step: Decimal,
    pub(crate) min_quantity: Decimal,
    pub(crate) max_quantity: Decimal,
    /// Stricter bounds for market orders; zero means "none of its own".
    pub(crate) market_min_quantity: Decimal,
    pub(crate) market_max_quantity: Decimal,
    pub(crate) market_step: Decimal,
    pub(crate) min_notional: Decimal,
    /// Zero: no upper bound.
    pub(crate) max_notional: Decimal,
    /// Decimals beyond which a price or quantity is malformed rather than off the grid.
    pub(crate) price_precision: u32,
    pub(crate) quantity_precision: u32,
    pub(crate) percent_up: Decimal,
    pub(crate) percent_down: Decimal,
    /// Whether the percent band bounds buys and sells in both directions.
    pub(crate) band_both_ways: bool,
    /// Whether the band of an order that waits for a trigger price lies around that price.
    pub(crate) band_around_trigger: bool,
    pub(crate) max_orders: usize,
    pub(crate) max_algo_orders: usize,
    /// Spot only: the most of the base asset an account may hold or be buying; zero for none.
    pub(crate) max_position: Decimal,
    /// Spot only: the least and the greatest distance of a trailing stop, in basis points.
    pub(crate) trailing: Option<(u64, u64)>,
    pub(crate) brackets: Vec<Bracket>,
}

/// A notional range and the leverage allowed up to its cap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bracket {
    pub(crate) leverage: u32,
    pub(crate) floor: Decimal,
    pub(crate) cap: Decimal,
    pub(crate) maintenance: Decimal,
    pub(crate) cumulative: Decimal,
}

impl Instrument {
    /// A price in whole ticks, rounded down; `None` when it does not fit.
    pub(crate) fn ticks(&self, price: Decimal) -> Option<i64> {
        price.checked_div(self.tick)?.floor().to_i64()
    }

    pub(crate) fn price(&self, ticks: i64) -> Decimal {
        Decimal::from(ticks) * self.tick
    }

    /// A quantity in whole steps, rounded down; `None` when it does not fit.
    pub(crate) fn steps(&self, quantity: Decimal) -> Option<i64> {
        quantity.checked_div(self.step)?.floor().to_i64()
    }

    pub(crate) fn quantity(&self, steps: i64) -> Decimal {
        Decimal::from(steps) * self.step
    }

    pub(crate) fn max_leverage(&self) -> u32 {
        self.brackets.iter().map(|b| b.leverage).max().unwrap_or(1)
    }

    /// The largest position notional allowed at a leverage, in the quote asset.
    pub(crate) fn max_notional_at(&self, leverage: u32) -> Decimal {
        self.brackets
            .iter()
            .filter(|b| b.leverage >= leverage)
            .map(|b| b.cap)
            .max()
            .unwrap_or_default()
    }

    /// The maintenance margin of a position, in the quote asset.
    pub(crate) fn maintenance_margin(&self, notional: Decimal) -> Decimal {
        let bracket = self.brackets.iter().find(|b| notional <= b.cap).or(self.brackets.last());
        bracket.map_or(Decimal::ZERO, |b| notional * b.maintenance - b.cumulative)
    }

    pub(crate) fn tick_decimals(&self) -> u32 {
        self.tick.normalize().scale()
    }

    pub(crate) fn step_decimals(&self) -> u32 {
        self.step.normalize().scale()
    }
}
