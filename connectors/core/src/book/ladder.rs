//! One side of a book.

use rust_decimal::Decimal;

use crate::stream::Level;

/// Levels in a sorted list, the best at its end, where nearly all changes happen: a change moves few
/// others, and ten thousand books fit into little memory.
#[derive(Clone)]
pub(super) struct Ladder {
    levels: Vec<Level>,
    highest_is_best: bool,
    /// The worst price that was kept when worse ones were cut off: beyond it nothing is known.
    horizon: Option<Decimal>,
}

impl Ladder {
    pub(super) const fn bids() -> Self {
        Self { levels: Vec::new(), highest_is_best: true, horizon: None }
    }

    pub(super) const fn asks() -> Self {
        Self { levels: Vec::new(), highest_is_best: false, horizon: None }
    }

    pub(super) fn best(&self) -> Option<Level> {
        self.levels.last().copied()
    }

    pub(super) fn best_first(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        self.levels.iter().rev().copied()
    }

    /// Whether levels were cut off, and of what was kept fewer than `least` are left.
    pub(super) fn is_thin(&self, least: usize) -> bool {
        self.horizon.is_some() && self.levels.len() < least
    }

    /// Replaces everything by a snapshot, whatever its order.
    pub(super) fn fill(&mut self, levels: &[Level], max: usize) {
        self.clear();
        // Best first is how venues send them, so that the reverse is sorted already.
        let there = levels.iter().rev().filter(|(_, quantity)| is_there(*quantity));
        self.levels.extend(there.copied());
        let highest_is_best = self.highest_is_best;
        self.levels.sort_by(|(a, _), (b, _)| if highest_is_best { a.cmp(b) } else { b.cmp(a) });
        self.levels.dedup_by(|(a, _), (b, _)| a == b);
        if let Some(surplus) = self.levels.len().checked_sub(max).filter(|surplus| *surplus > 0) {
            self.levels.drain(..surplus);
            self.horizon = self.levels.first().map(|(price, _)| *price);
            self.levels.shrink_to(max);
        }
    }

    /// Sets what is at `price`; nothing, if the quantity is zero.
    #[inline]
    pub(super) fn set(&mut self, price: Decimal, quantity: Decimal, max: usize) {
        let highest_is_best = self.highest_is_best;
        let is_worse = |a: &Decimal, b: &Decimal| if highest_is_best { a < b } else { a > b };
        if self.horizon.is_some_and(|horizon| is_worse(&price, &horizon)) {
            return;
        }
        let place = self.levels.partition_point(|(other, _)| is_worse(other, &price));
        match self.levels.get_mut(place) {
            Some(level) if level.0 == price => {
                if is_there(quantity) {
                    level.1 = quantity;
                } else {
                    self.levels.remove(place);
                }
                return;
            }
            _ if !is_there(quantity) => return,
            _ => {}
        }
        if self.levels.len() < max {
            self.levels.insert(place, (price, quantity));
            return;
        }
        // Full: the worst one gives way, in one move of what lies between.
        if let Some(shifted) = place.checked_sub(1)
            && let Some(between) = self.levels.get_mut(..place)
        {
            between.rotate_left(1);
            if let Some(level) = self.levels.get_mut(shifted) {
                *level = (price, quantity);
            }
        }
        self.horizon = self.levels.first().map(|(price, _)| *price);
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
        self.horizon = None;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.levels.capacity() * size_of::<Level>()
    }
}

fn is_there(quantity: Decimal) -> bool {
    quantity > Decimal::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(price: i64, quantity: i64) -> Level {
        (price.into(), quantity.into())
    }

    fn prices(ladder: &Ladder) -> Vec<i64> {
        ladder.best_first().map(|(price, _)| price.try_into().unwrap()).collect()
    }

    #[test]
    fn the_best_come_first_on_either_side() {
        let levels = [level(3, 1), level(1, 1), level(2, 1), level(4, 0)];
        let (mut bids, mut asks) = (Ladder::bids(), Ladder::asks());
        bids.fill(&levels, 8);
        asks.fill(&levels, 8);
        assert_eq!((prices(&bids), prices(&asks)), (vec![3, 2, 1], vec![1, 2, 3]));
    }

    #[test]
    fn what_lies_beyond_the_cut_is_not_pretended_to_be_known() {
        let mut asks = Ladder::asks();
        asks.fill(&[level(1, 1), level(2, 1), level(3, 1), level(4, 1)], 3);
        assert_eq!(prices(&asks), [1, 2, 3]);
        asks.set(1.into(), 0.into(), 3);
        asks.set(9.into(), 1.into(), 3); // 4 would come before it
        assert_eq!(prices(&asks), [2, 3]);
        assert!(asks.is_thin(3) && !asks.is_thin(2));
    }

    #[test]
    fn a_better_level_pushes_out_the_worst() {
        let mut bids = Ladder::bids();
        bids.fill(&[level(30, 1), level(20, 1), level(10, 1)], 3);
        bids.set(25.into(), 5.into(), 3);
        assert_eq!(prices(&bids), [30, 25, 20]);
        bids.set(5.into(), 5.into(), 3);
        assert_eq!(prices(&bids), [30, 25, 20]);
        bids.set(40.into(), 5.into(), 3);
        assert_eq!(prices(&bids), [40, 30, 25]);
    }

    #[test]
    fn a_price_written_in_another_way_is_the_same_price() {
        let mut bids = Ladder::bids();
        bids.set("1.50".parse().unwrap(), 1.into(), 3);
        bids.set("1.5".parse().unwrap(), 0.into(), 3);
        assert_eq!(bids.best(), None);
    }
}
