use hoox_connector::{Decimal, PositionSide, Side};

use crate::{Holding, Record};

/// The positions that acknowledged orders add up to: what a store keeps as its ledger (trade.md §10).
///
/// Entry prices are volume-weighted on additions and stay on reductions; what reaches zero is gone.
/// In one-way mode an order beyond the open size flips the position. `records` are those of one
/// symbol at one exchange, oldest first.
pub fn holdings<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<Holding> {
    let mut held = Vec::new();
    for record in records {
        let Some(execution) = &record.execution else { continue };
        let order = &record.intent.order;
        let filled = (order.side, execution.filled_quantity, execution.average_price);
        match order.position_side {
            Some(position) => fill(&mut held, position, filled),
            None => fill_net(&mut held, filled),
        }
    }
    held
}

type Filled = (Side, Decimal, Option<Decimal>);

fn fill_net(held: &mut Vec<Holding>, (side, quantity, price): Filled) {
    let (opens, closes) = match side {
        Side::Buy => (PositionSide::Long, PositionSide::Short),
        Side::Sell => (PositionSide::Short, PositionSide::Long),
    };
    let open = held.iter().find(|holding| holding.side == closes).map(|holding| holding.size);
    let reduced = open.unwrap_or_default().min(quantity);
    fill(held, closes, (side, reduced, price));
    fill(held, opens, (side, quantity.saturating_sub(reduced), price));
}

fn fill(held: &mut Vec<Holding>, position: PositionSide, (side, quantity, price): Filled) {
    if quantity <= Decimal::ZERO {
        return;
    }
    let at = held.iter().position(|holding| holding.side == position);
    if side == position.closing_side() {
        if let Some(holding) = at.and_then(|at| held.get_mut(at)) {
            holding.size = holding.size.saturating_sub(quantity);
        }
        held.retain(|holding| holding.size > Decimal::ZERO);
        return;
    }
    match at.and_then(|at| held.get_mut(at)) {
        Some(holding) => {
            holding.entry_price = average(holding, quantity, price);
            holding.size = holding.size.saturating_add(quantity);
        }
        None => held.push(Holding { side: position, size: quantity, entry_price: price }),
    }
}

fn average(holding: &Holding, quantity: Decimal, price: Option<Decimal>) -> Option<Decimal> {
    let before = holding.entry_price?.checked_mul(holding.size)?;
    let value = before.checked_add(price?.checked_mul(quantity)?)?;
    value.checked_div(holding.size.checked_add(quantity)?).map(|price| price.normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn additions_average_reductions_do_not_and_zero_is_gone() {
        let mut held = Vec::new();
        fill_net(&mut held, (Side::Buy, dec("1"), Some(dec("100"))));
        fill_net(&mut held, (Side::Buy, dec("3"), Some(dec("200"))));
        fill_net(&mut held, (Side::Sell, dec("1"), Some(dec("900"))));
        let long = |size: &str, price: &str| Holding {
            side: PositionSide::Long,
            size: dec(size),
            entry_price: Some(dec(price)),
        };
        assert_eq!(held, [long("3", "175")]);
        fill_net(&mut held, (Side::Sell, dec("5"), Some(dec("150"))));
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].side, held[0].size), (PositionSide::Short, dec("2")));
        fill_net(&mut held, (Side::Buy, dec("2"), None));
        assert!(held.is_empty());
    }

    #[test]
    fn hedged_positions_stand_beside_each_other() {
        let mut held = Vec::new();
        fill(&mut held, PositionSide::Long, (Side::Buy, dec("1"), None));
        fill(&mut held, PositionSide::Short, (Side::Sell, dec("2"), None));
        fill(&mut held, PositionSide::Short, (Side::Buy, dec("2"), None));
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].side, PositionSide::Long);
    }
}
