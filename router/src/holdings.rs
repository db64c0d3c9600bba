use arrayvec::ArrayVec;
use hoox_connector::{Decimal, PositionSide, Side};

use crate::{Holding, Record};

/// A fill, as it moves a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionFill {
    /// Buy or sell.
    pub side: Side,
    /// The position it belongs to, in hedge mode; in one-way mode a fill reduces the opposite
    /// position first, and what is left opens one of its own side.
    pub position: Option<PositionSide>,
    /// How much, in the base asset.
    pub quantity: Decimal,
    /// At which average price, if it is known.
    pub price: Option<Decimal>,
}

/// What a fill did to one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionChange {
    /// Which one.
    pub side: PositionSide,
    /// By how much: more than zero if it was added to, less if it was reduced.
    pub change: Decimal,
    /// The profit or loss that a reduction realised, without fees; `None` for an addition, and
    /// where a price is not known.
    pub realized_pnl: Option<Decimal>,
}

/// Moves positions by one fill (trade.md §10).
///
/// The entry price is volume-weighted on additions and stays on reductions, which realise the
/// difference to it. A position that reaches zero stays in the list with its realised sum. What a
/// fill would reduce below zero, beyond what the ledger knows to be open, changes nothing.
///
/// ```
/// use hoox_connector::Side;
/// use hoox_router::{PositionFill, apply_fill};
///
/// let mut held = Vec::new();
/// let fill = |side, quantity: &str, price: &str| PositionFill {
///     side,
///     position: None,
///     quantity: quantity.parse().unwrap(),
///     price: price.parse().ok(),
/// };
/// apply_fill(&mut held, &fill(Side::Buy, "2", "100"));
/// let changes = apply_fill(&mut held, &fill(Side::Sell, "1", "130"));
/// assert_eq!(changes[0].realized_pnl.unwrap().to_string(), "30");
/// assert_eq!(held[0].size.to_string(), "1");
/// ```
pub fn apply_fill(held: &mut Vec<Holding>, fill: &PositionFill) -> ArrayVec<PositionChange, 2> {
    let PositionFill { side, position, quantity, price } = *fill;
    let mut changes = ArrayVec::new();
    let (reduces, adds) = match (position, side) {
        (Some(position), side) if side == position.closing_side() => (Some(position), None),
        (Some(position), _) => (None, Some(position)),
        (None, Side::Buy) => (Some(PositionSide::Short), Some(PositionSide::Long)),
        (None, Side::Sell) => (Some(PositionSide::Long), Some(PositionSide::Short)),
    };
    let mut left = quantity;
    if let Some(reduces) = reduces
        && let Some(holding) = held.iter_mut().find(|holding| holding.side == reduces)
    {
        let reduced = holding.size.min(left);
        if reduced > Decimal::ZERO {
            let realized_pnl = profit(holding, reduced, price);
            holding.size = holding.size.saturating_sub(reduced);
            holding.realized_pnl =
                holding.realized_pnl.saturating_add(realized_pnl.unwrap_or_default());
            left = left.saturating_sub(reduced);
            changes.push(PositionChange { side: reduces, change: -reduced, realized_pnl });
        }
    }
    if let Some(side) = adds
        && left > Decimal::ZERO
    {
        match held.iter_mut().find(|holding| holding.side == side) {
            Some(holding) => {
                holding.entry_price = average(holding, left, price);
                holding.size = holding.size.saturating_add(left);
            }
            None => held.push(Holding::new(side, left, price)),
        }
        changes.push(PositionChange { side, change: left, realized_pnl: None });
    }
    changes
}

/// The open positions that acknowledged orders add up to: what a store keeps as its ledger.
/// `records` are those of one symbol at one exchange; they count in the order in which the exchange
/// filled them, which is not that of their first attempts.
pub fn holdings<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<Holding> {
    let filled = |record: &'r Record| Some((record.execution.as_ref()?, &record.intent.order));
    let mut filled: Vec<_> = records.into_iter().filter_map(filled).collect();
    filled.sort_by_key(|(execution, _)| execution.at);
    let mut held = Vec::new();
    for (execution, order) in filled {
        let fill = PositionFill {
            side: order.side,
            position: order.position_side,
            quantity: execution.filled_quantity,
            price: execution.average_price,
        };
        apply_fill(&mut held, &fill);
    }
    held.retain(|holding| holding.size > Decimal::ZERO);
    held
}

fn profit(holding: &Holding, quantity: Decimal, price: Option<Decimal>) -> Option<Decimal> {
    let gain = match holding.side {
        PositionSide::Long => price?.checked_sub(holding.entry_price?)?,
        PositionSide::Short => holding.entry_price?.checked_sub(price?)?,
    };
    gain.checked_mul(quantity).map(|profit| profit.normalize())
}

fn average(holding: &Holding, quantity: Decimal, price: Option<Decimal>) -> Option<Decimal> {
    if holding.size.is_zero() {
        return price;
    }
    let before = holding.entry_price?.checked_mul(holding.size)?;
    let value = before.checked_add(price?.checked_mul(quantity)?)?;
    value.checked_div(holding.size.checked_add(quantity)?).map(|price| price.normalize())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn fill(side: Side, quantity: &str, price: &str) -> PositionFill {
        let (quantity, price) = (dec(quantity), price.parse().ok());
        PositionFill { side, position: None, quantity, price }
    }

    #[test]
    fn additions_average_reductions_realise_and_a_flip_does_both() {
        let mut held = Vec::new();
        apply_fill(&mut held, &fill(Side::Buy, "1", "100"));
        apply_fill(&mut held, &fill(Side::Buy, "3", "200"));
        assert_eq!((held[0].size, held[0].entry_price), (dec("4"), Some(dec("175"))));
        let changes = apply_fill(&mut held, &fill(Side::Sell, "1", "165"));
        assert_eq!(changes[0].realized_pnl, Some(dec("-10")));
        let changes = apply_fill(&mut held, &fill(Side::Sell, "5", "185"));
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].realized_pnl, Some(dec("30")));
        assert_eq!((changes[1].side, changes[1].change), (PositionSide::Short, dec("2")));
        assert_eq!((held[0].size, held[0].realized_pnl), (dec("0"), dec("20")));
        let changes = apply_fill(&mut held, &fill(Side::Buy, "2", "180"));
        assert_eq!(changes[0].realized_pnl, Some(dec("10")));
        // A position opened again begins with a new entry price and keeps its sum.
        apply_fill(&mut held, &fill(Side::Buy, "1", "50"));
        assert_eq!((held[0].entry_price, held[0].realized_pnl), (Some(dec("50")), dec("20")));
    }

    #[test]
    fn hedged_positions_stand_beside_each_other() {
        let mut held = Vec::new();
        let hedged = |side, position, quantity: &str| PositionFill {
            side,
            position: Some(position),
            quantity: dec(quantity),
            price: None,
        };
        apply_fill(&mut held, &hedged(Side::Buy, PositionSide::Long, "1"));
        apply_fill(&mut held, &hedged(Side::Sell, PositionSide::Short, "2"));
        let changes = apply_fill(&mut held, &hedged(Side::Buy, PositionSide::Short, "3"));
        // Nothing is known of the third, and no price of any.
        assert_eq!((changes[0].change, changes[0].realized_pnl), (dec("-2"), None));
        assert_eq!(held.iter().map(|it| it.size).collect::<Vec<_>>(), [dec("1"), dec("0")]);
    }

    #[test]
    fn records_count_in_the_order_in_which_they_filled() {
        use crate::record::{Execution, ExecutionStatus};
        use crate::{Action, Choice, ChoiceReason, IdempotencyKey, Intent, RequestId, Signal};
        use hoox_connector::{Market, NewOrder, OrderKind, Size, Symbol, Timestamp, Venue};
        let record = |side, action, at| {
            let symbol = Symbol::new("BTCUSDT").unwrap();
            let quantity = dec("1");
            let signal = Signal::new(Venue::Bybit, action, symbol, Some(quantity));
            let key = IdempotencyKey::of(&signal, Timestamp::from_millis(at));
            let kind = OrderKind::Market { size: Size::Base(quantity) };
            let mut order = NewOrder::new(symbol, side, kind);
            order.position_side = Some(PositionSide::Long);
            let intent = Intent {
                venue: Venue::Bybit,
                market: Market::Linear,
                symbol,
                client_order_id: crate::client_order_id(&key, 0).unwrap(),
                order: crate::WrittenOrder::new(&order).unwrap(),
                base_quantity: Some(quantity),
                written_at: Timestamp::from_millis(0),
            };
            let choice = Choice::new(Venue::Bybit, ChoiceReason::Signal);
            let (id, now) = (RequestId::new("r").unwrap(), Timestamp::from_millis(0));
            let mut record = Record::new((id, 0), (key, now), signal, choice, intent, now);
            record.execution = Some(Execution {
                status: ExecutionStatus::Filled,
                filled_quantity: quantity,
                average_price: None,
                fee: None,
                fee_asset: None,
                at: Some(Timestamp::from_millis(at)),
            });
            record
        };
        // The close was tried first, and came to its order last.
        let close = record(Side::Sell, Action::CloseLong, 2_000);
        let open = record(Side::Buy, Action::Long, 1_000);
        assert_eq!(holdings([&close, &open]), []);
        assert_eq!(holdings([&open])[0].size, dec("1"));
    }

    proptest! {
        /// With everything closed at the end, the realised sums are what the fills cost and brought.
        #[test]
        fn what_is_realised_is_what_came_in(
            fills in proptest::collection::vec((any::<bool>(), 1i64..1000, 1i64..100_000), 1..40),
        ) {
            let mut held = Vec::new();
            let (mut cash, mut net) = (Decimal::ZERO, Decimal::ZERO);
            let mut trade = |held: &mut Vec<Holding>, buy: bool, quantity: Decimal, price: Decimal| {
                let side = if buy { Side::Buy } else { Side::Sell };
                apply_fill(held, &PositionFill { side, position: None, quantity, price: Some(price) });
                let sign = if buy { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
                net += sign * quantity;
                cash -= sign * quantity * price;
                net
            };
            let mut last = Decimal::ZERO;
            for (buy, quantity, price) in fills {
                last = trade(&mut held, buy, Decimal::new(quantity, 3), Decimal::new(price, 2));
            }
            if !last.is_zero() {
                last = trade(&mut held, last.is_sign_negative(), last.abs(), Decimal::ONE_HUNDRED);
            }
            prop_assert!(last.is_zero());
            prop_assert!(held.iter().all(|holding| holding.size.is_zero()));
            let realised: Decimal = held.iter().map(|holding| holding.realized_pnl).sum();
            // Entry prices are divisions, so they are rounded in the last of 28 digits.
            prop_assert!((realised - cash).abs() < Decimal::new(1, 12), "{realised} {cash}");
        }
    }
}
