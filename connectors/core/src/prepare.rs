//! From an order as wished to an order as the venue takes it: rounding, then every check.

mod multiple;

use rust_decimal::Decimal;

use crate::{
    Attached, Filter, FilterError, Instrument, InstrumentStatus, LotRule, NewOrder, OrderKind,
    Side, Size, Trigger, exact_product,
};

use multiple::{Multiple, decimal};

/// Which way a price is brought to the tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PriceRounding {
    /// Down for buys, up for sells: never a worse price than asked for.
    #[default]
    Passive,
    /// To the nearest tick, ties away from zero.
    Nearest,
}

/// An order that keeps every rule of its instrument, the only kind a dialect encodes.
///
/// Made by [`Instrument::prepare`], or by [`PreparedOrder::as_written`] for a caller who has rounded
/// already and takes the venue's word for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreparedOrder {
    order: NewOrder,
    contract_size: Option<Decimal>,
}

impl PreparedOrder {
    /// Takes the values as they are written, and checks only that they are greater than zero.
    ///
    /// Quantities are in the venue's own unit: contracts on MEXC futures, base asset elsewhere.
    ///
    /// # Errors
    /// [`FilterError`] with [`Filter::Positive`].
    pub fn as_written(order: &NewOrder) -> Result<Self, FilterError> {
        positive_values(order)?;
        Ok(Self { order: *order, contract_size: None })
    }

    /// The rounded order. Quantities are in the venue's own unit (contracts on MEXC futures).
    #[inline]
    pub fn order(&self) -> &NewOrder {
        &self.order
    }

    /// The quantity in the base asset; absent for an order by quote amount, or if it cannot be
    /// computed exactly.
    pub fn quantity(&self) -> Option<Decimal> {
        let quantity = self.order.kind.quantity()?;
        match self.contract_size {
            None => Some(quantity),
            Some(size) => exact_product(quantity, size),
        }
    }

    /// The limit price, where the kind has one.
    pub fn price(&self) -> Option<Decimal> {
        self.order.kind.price()
    }
}

impl Instrument {
    /// Rounds `order` and checks it against every rule, prices to the passive side.
    ///
    /// `reference_price` (mark or last) is what market orders are valued at and limit prices are
    /// compared with; without it those checks are left to the venue.
    ///
    /// # Errors
    /// [`FilterError`] with the rule, the value and the bound.
    pub fn prepare(
        &self,
        order: &NewOrder,
        reference_price: Option<Decimal>,
    ) -> Result<PreparedOrder, FilterError> {
        self.prepare_with(order, reference_price, PriceRounding::Passive)
    }

    /// As [`prepare`](Self::prepare), with a choice of price rounding.
    ///
    /// # Errors
    /// [`FilterError`] with the rule, the value and the bound.
    pub fn prepare_with(
        &self,
        order: &NewOrder,
        reference_price: Option<Decimal>,
        rounding: PriceRounding,
    ) -> Result<PreparedOrder, FilterError> {
        if self.status == InstrumentStatus::Halted
            || (self.status == InstrumentStatus::Restricted && !order.reduce_only)
        {
            return Err(self.broken(Filter::Status, Decimal::ZERO, Decimal::ZERO));
        }
        positive_values(order)?;
        let mut prepared = *order;
        let round = Rounder { instrument: self, side: order.side, rounding };
        let market = order.kind.is_market();
        match &mut prepared.kind {
            OrderKind::Market { size: Size::Base(quantity) } => {
                *quantity = self.round_quantity(*quantity, market)?;
            }
            OrderKind::Market { size: Size::Quote(amount) } => {
                *amount = self.floor(*amount, self.quote_step, Filter::StepSize)?;
                self.check_notional(*amount, market, order.reduce_only)?;
            }
            OrderKind::Limit { quantity, price, .. } => {
                *quantity = self.round_quantity(*quantity, market)?;
                *price = round.price(*price)?;
            }
            OrderKind::TriggerMarket { quantity, trigger } => {
                *quantity = self.round_quantity(*quantity, market)?;
                *trigger = round.trigger(*trigger)?;
            }
            OrderKind::TriggerLimit { quantity, trigger, price, .. } => {
                *quantity = self.round_quantity(*quantity, market)?;
                *trigger = round.trigger(*trigger)?;
                *price = round.price(*price)?;
            }
            OrderKind::TrailingStop { quantity, activate_price, .. } => {
                *quantity = self.round_quantity(*quantity, market)?;
                *activate_price = activate_price.map(|price| round.price(price)).transpose()?;
            }
        }
        let Attached { take_profit, stop_loss } = &mut prepared.attached;
        *take_profit = take_profit.map(|price| round.price(price)).transpose()?;
        *stop_loss = stop_loss.map(|price| round.price(price)).transpose()?;

        if let (Some(price), Some(reference)) = (prepared.kind.price(), reference_price) {
            self.check_percent_price(order.side, price, reference)?;
        }
        if let (Some(quantity), Some(price)) =
            (prepared.kind.quantity(), prepared.kind.price().or(reference_price))
        {
            let value = quantity
                .checked_mul(price)
                .ok_or_else(|| self.broken(Filter::Precision, quantity, price))?;
            self.check_notional(value, market, order.reduce_only)?;
        }
        let contract_size = self.contract_size.filter(|size| *size > Decimal::ZERO);
        if let Some(size) = contract_size {
            self.to_contracts(&mut prepared, size)?;
        }
        Ok(PreparedOrder { order: prepared, contract_size })
    }

    /// Brings a quantity of the base asset down to the step, and checks its bounds. `market` adds
    /// the rules of market orders. A step of zero or less is none.
    ///
    /// # Errors
    /// [`FilterError`] naming the step, minimum or maximum it breaks, or [`Filter::Positive`].
    pub fn round_quantity(&self, quantity: Decimal, market: bool) -> Result<Decimal, FilterError> {
        self.check_positive(quantity)?;
        let mut rounded = self.floor(quantity, self.lot.step, Filter::StepSize)?;
        if market {
            rounded = self.floor(rounded, self.market_lot.step, Filter::StepSize)?;
            // Two steps of which neither divides the other: what keeps the second may break the first.
            if self.floor(rounded, self.lot.step, Filter::StepSize)? != rounded {
                let step = self.lot.step.unwrap_or_default();
                return Err(self.broken(Filter::StepSize, rounded, step));
            }
        }
        self.check_lot(rounded, &self.lot, Filter::MinQuantity, Filter::MaxQuantity)?;
        if market {
            let (min, max) = (Filter::MarketMinQuantity, Filter::MarketMaxQuantity);
            self.check_lot(rounded, &self.market_lot, min, max)?;
        }
        Ok(rounded)
    }

    /// Brings a price to the tick, and checks its bounds. A tick or a maximum of zero or less is none.
    ///
    /// # Errors
    /// [`FilterError`] naming the tick, minimum or maximum it breaks, or [`Filter::Positive`].
    pub fn round_price(
        &self,
        price: Decimal,
        side: Side,
        rounding: PriceRounding,
    ) -> Result<Decimal, FilterError> {
        self.check_positive(price)?;
        let rounded = match self.tick_size.filter(|tick| *tick > Decimal::ZERO) {
            None => price,
            Some(tick) => {
                let precision = || self.broken(Filter::Precision, price, tick);
                let Multiple { below, rest, step, scale } =
                    Multiple::of(price, tick).ok_or_else(precision)?;
                let up = match rounding {
                    _ if rest == 0 => false,
                    PriceRounding::Passive => side == Side::Sell,
                    PriceRounding::Nearest => rest >= step - rest,
                };
                let rounded = if up { below.checked_add(step) } else { Some(below) };
                let rounded = rounded.and_then(|it| decimal(it, scale)).ok_or_else(precision)?;
                if rounded.is_zero() {
                    return Err(self.broken(Filter::TickSize, price, tick));
                }
                rounded
            }
        };
        match (self.min_price, self.max_price) {
            (Some(min), _) if rounded < min => Err(self.broken(Filter::MinPrice, rounded, min)),
            (_, Some(max)) if max > Decimal::ZERO && rounded > max => {
                Err(self.broken(Filter::MaxPrice, rounded, max))
            }
            _ => Ok(rounded),
        }
    }

    /// Checks a leverage against the instrument's highest.
    ///
    /// # Errors
    /// [`FilterError`] with [`Filter::MaxLeverage`], or [`Filter::Positive`] for zero.
    pub fn check_leverage(&self, leverage: u32) -> Result<(), FilterError> {
        if leverage == 0 {
            return Err(self.broken(Filter::Positive, Decimal::ZERO, Decimal::ZERO));
        }
        match self.max_leverage {
            Some(max) if leverage > max => {
                Err(self.broken(Filter::MaxLeverage, leverage.into(), max.into()))
            }
            _ => Ok(()),
        }
    }

    fn floor(
        &self,
        value: Decimal,
        step: Option<Decimal>,
        filter: Filter,
    ) -> Result<Decimal, FilterError> {
        let Some(step) = step.filter(|step| *step > Decimal::ZERO) else { return Ok(value) };
        let floored = Multiple::of(value, step)
            .and_then(|it| decimal(it.below, it.scale))
            .ok_or_else(|| self.broken(Filter::Precision, value, step))?;
        if floored.is_zero() {
            return Err(self.broken(filter, value, step));
        }
        Ok(floored)
    }

    fn check_lot(
        &self,
        quantity: Decimal,
        rule: &LotRule,
        below: Filter,
        above: Filter,
    ) -> Result<(), FilterError> {
        match (rule.min, rule.max) {
            (Some(min), _) if quantity < min => Err(self.broken(below, quantity, min)),
            (_, Some(max)) if max > Decimal::ZERO && quantity > max => {
                Err(self.broken(above, quantity, max))
            }
            _ => Ok(()),
        }
    }

    fn check_notional(
        &self,
        value: Decimal,
        market: bool,
        reduce_only: bool,
    ) -> Result<(), FilterError> {
        let rule = &self.notional;
        let min_applies =
            !(market && rule.market_exempt_from_min || reduce_only && rule.reduce_only_exempt);
        match (rule.min, rule.max) {
            (Some(min), _) if min_applies && value < min => {
                Err(self.broken(Filter::MinNotional, value.normalize(), min))
            }
            (_, Some(max))
                if max > Decimal::ZERO
                    && !(market && rule.market_exempt_from_max)
                    && value > max =>
            {
                Err(self.broken(Filter::MaxNotional, value.normalize(), max))
            }
            _ => Ok(()),
        }
    }

    fn check_percent_price(
        &self,
        side: Side,
        price: Decimal,
        reference: Decimal,
    ) -> Result<(), FilterError> {
        let Some(rule) = &self.percent_price else { return Ok(()) };
        let (up, down) = match side {
            Side::Buy => (rule.buy_up, rule.buy_down),
            Side::Sell => (rule.sell_up, rule.sell_down),
        };
        let bound = |factor: Decimal| {
            reference
                .checked_mul(factor)
                .ok_or_else(|| self.broken(Filter::Precision, reference, factor))
        };
        let (highest, lowest) = (bound(up)?, bound(down)?);
        if price > highest {
            return Err(self.broken(Filter::PercentPriceUp, price, highest.normalize()));
        }
        if price < lowest {
            return Err(self.broken(Filter::PercentPriceDown, price, lowest.normalize()));
        }
        Ok(())
    }

    /// Base quantity to contracts, where the venue counts in those. The step is usually a whole number
    /// of contracts, so that the division is exact; a quotient that would be rounded is refused.
    fn to_contracts(&self, order: &mut NewOrder, size: Decimal) -> Result<(), FilterError> {
        match &mut order.kind {
            OrderKind::Market { size: Size::Base(quantity) }
            | OrderKind::Limit { quantity, .. }
            | OrderKind::TriggerMarket { quantity, .. }
            | OrderKind::TriggerLimit { quantity, .. }
            | OrderKind::TrailingStop { quantity, .. } => {
                let contracts = quantity
                    .checked_div(size)
                    .filter(|contracts| exact_product(*contracts, size) == Some(*quantity))
                    .ok_or_else(|| self.broken(Filter::Precision, *quantity, size))?;
                *quantity = contracts.normalize();
            }
            OrderKind::Market { size: Size::Quote(_) } => {}
        }
        Ok(())
    }

    fn check_positive(&self, value: Decimal) -> Result<(), FilterError> {
        if value > Decimal::ZERO {
            return Ok(());
        }
        Err(self.broken(Filter::Positive, value, Decimal::ZERO))
    }

    fn broken(&self, filter: Filter, value: Decimal, bound: Decimal) -> FilterError {
        FilterError { symbol: self.symbol, filter, value, bound }
    }
}

struct Rounder<'a> {
    instrument: &'a Instrument,
    side: Side,
    rounding: PriceRounding,
}

impl Rounder<'_> {
    fn price(&self, price: Decimal) -> Result<Decimal, FilterError> {
        self.instrument.round_price(price, self.side, self.rounding)
    }

    fn trigger(&self, trigger: Trigger) -> Result<Trigger, FilterError> {
        Ok(Trigger { price: self.price(trigger.price)?, ..trigger })
    }
}

fn positive_values(order: &NewOrder) -> Result<(), FilterError> {
    let kind = &order.kind;
    let (size, trigger, rate) = match kind {
        OrderKind::Market { size: Size::Quote(amount) } => (Some(*amount), None, None),
        OrderKind::TriggerMarket { quantity, trigger } => {
            (Some(*quantity), Some(trigger.price), None)
        }
        OrderKind::TriggerLimit { quantity, trigger, .. } => {
            (Some(*quantity), Some(trigger.price), None)
        }
        OrderKind::TrailingStop { quantity, callback_rate, activate_price } => {
            (Some(*quantity), *activate_price, Some(*callback_rate))
        }
        _ => (kind.quantity(), None, None),
    };
    let attached = [order.attached.take_profit, order.attached.stop_loss];
    let values = [size, kind.price(), trigger, rate].into_iter().chain(attached).flatten();
    for value in values {
        if value <= Decimal::ZERO {
            return Err(FilterError {
                symbol: order.symbol,
                filter: Filter::Positive,
                value,
                bound: Decimal::ZERO,
            });
        }
    }
    Ok(())
}
