//! How large a position may grow at its leverage (trade.md §6, "the exchange's own bracket").

use core::time::Duration;

use hoox_connector::{Decimal, Filter, FilterError, Position, PositionMode};

use crate::{Exchange, Failure, Intent, Leg};

/// An entry, and the bound of the position it adds to.
///
/// Binance tells the bound when the leverage is set (USD-M, "Change Initial Leverage",
/// `maxNotionalValue`). The other two tell none that holds: the `riskLimitValue` of a Bybit position
/// moves up with the position by itself, and MEXC's risk steps count by a level that each account
/// chooses. There an order beyond the bound is left to the exchange, which refuses it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growth {
    pub(crate) leg: Leg,
    pub(crate) mode: PositionMode,
    /// The largest value of the position, in the quote asset.
    pub(crate) max_notional: Decimal,
    /// The limit price, if the order has one.
    pub(crate) limit: Option<Decimal>,
}

impl Growth {
    /// Refuses an order that would bring the position over the bound.
    ///
    /// `held` and `price` may be somewhat old: before an order is refused both are read anew, and
    /// where they cannot be, the decision is the exchange's. So is what open orders come to.
    ///
    /// # Errors
    /// A violation of [`Filter::LeverageBracket`], with the value that the position would come to.
    pub(crate) async fn check<D: Exchange>(
        &self,
        desk: &D,
        intent: &Intent,
        held: &[Position],
        price: Option<Decimal>,
    ) -> Result<(), Failure> {
        let Some(quantity) = intent.base_quantity else { return Ok(()) };
        let beyond = |held: &[Position], price: Option<Decimal>| {
            price
                .and_then(|price| self.value(quantity, held, price))
                .filter(|it| *it > self.max_notional)
        };
        if beyond(held, price).is_none() {
            return Ok(());
        }
        let now = desk.price(intent.symbol, Duration::ZERO).await.ok().flatten();
        let Ok(held) = desk.positions(Some(intent.symbol)).await else { return Ok(()) };
        match beyond(&held, now) {
            None => Ok(()),
            Some(value) => Err(FilterError {
                symbol: intent.symbol,
                filter: Filter::LeverageBracket,
                value: value.normalize(),
                bound: self.max_notional,
            }
            .into()),
        }
    }

    /// What the position would be worth: what is held at the market, and the order at its price.
    fn value(&self, quantity: Decimal, held: &[Position], price: Decimal) -> Option<Decimal> {
        let order = quantity.checked_mul(self.limit.unwrap_or(price))?;
        held.iter().try_fold(order, |value, position| {
            let worth = position.size.checked_mul(price)?;
            match position.side {
                Some(side) if side == self.leg.position => value.checked_add(worth),
                // In one-way mode the order closes it first.
                Some(_) if self.mode == PositionMode::OneWay => value.checked_sub(worth),
                _ => Some(value),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use hoox_connector::{PositionSide, Side, Symbol};

    use super::*;

    #[test]
    fn the_value_counts_what_is_held_on_the_same_side_and_takes_off_what_it_closes() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let held = |side| [Position::new(symbol, Some(side), Decimal::TWO)];
        let value = |mode, side, limit: Option<i64>| {
            let leg = Leg {
                side: Side::Buy,
                position: PositionSide::Long,
                reduce_only: false,
                exposure: None,
            };
            let limit = limit.map(Decimal::from);
            let growth = Growth { leg, mode, max_notional: Decimal::ONE, limit };
            growth.value(Decimal::from(3), &held(side), Decimal::TEN).unwrap()
        };
        use PositionMode::{Hedge, OneWay};
        use PositionSide::{Long, Short};
        assert_eq!(value(OneWay, Long, None), Decimal::from(50));
        assert_eq!(value(OneWay, Long, Some(9)), Decimal::from(47));
        assert_eq!(value(OneWay, Short, None), Decimal::from(10));
        assert_eq!(value(Hedge, Long, None), Decimal::from(50));
        assert_eq!(value(Hedge, Short, None), Decimal::from(30));
    }
}
