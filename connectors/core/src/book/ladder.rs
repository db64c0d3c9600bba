//! One side of a book.

use rust_decimal::Decimal;

use crate::stream::Level;

/// Levels in a sorted list, the best at its end, where nearly all changes happen: a change moves few
/// others, and ten thousand books fit into little memory. A level that is removed stays in the list
/// without a quantity, until its price comes back or another one near it needs the place: so a change
/// moves hardly any.
#[derive(Clone)]
pub(super) struct Ladder {
    /// The best one is there.
    levels: Vec<Level>,
    /// How many of them are not.
    removed: usize,
    highest_is_best: bool,
    /// The worst price that was kept when worse ones were cut off: beyond it nothing is known.
    horizon: Option<Decimal>,
}

impl Ladder {
    pub(super) const fn bids() -> Self {
        Self { levels: Vec::new(), removed: 0, highest_is_best: true, horizon: None }
    }

    pub(super) const fn asks() -> Self {
        Self { levels: Vec::new(), removed: 0, highest_is_best: false, horizon: None }
    }

    pub(super) fn best(&self) -> Option<Level> {
        self.levels.last().copied()
    }

    pub(super) fn best_first(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        BestFirst { levels: self.levels.iter(), left: self.len() }
    }

    fn len(&self) -> usize {
        self.levels.len() - self.removed
    }

    /// Whether levels were cut off, and of what was kept fewer than `least` are left.
    pub(super) fn is_thin(&self, least: usize) -> bool {
        self.horizon.is_some() && self.len() < least
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
        // Prices of a market have mostly the same number of places, and then their digits tell.
        let (scale, digits, highest_is_best) =
            (price.scale(), price.mantissa(), self.highest_is_best);
        let is_worse = |other: &Decimal| {
            let order = if other.scale() == scale {
                other.mantissa().cmp(&digits)
            } else {
                other.cmp(&price)
            };
            if highest_is_best { order.is_lt() } else { order.is_gt() }
        };
        let is_beyond = |horizon: Decimal| !is_worse(&horizon) && horizon != price;
        if self.horizon.is_some_and(is_beyond) {
            return;
        }
        let place = self.levels.partition_point(|(other, _)| is_worse(other));
        match self.levels.get_mut(place) {
            Some(level) if level.0 == price => {
                let was_there = is_there(level.1);
                level.1 = if is_there(quantity) { quantity } else { Decimal::ZERO };
                match (was_there, is_there(quantity)) {
                    (false, true) => self.removed -= 1,
                    (true, false) => self.remove(place),
                    _ => {}
                }
            }
            _ if is_there(quantity) => self.insert(place, (price, quantity), max),
            _ => {}
        }
    }

    /// Takes note that the level at `place` is not there any more.
    #[inline]
    fn remove(&mut self, place: usize) {
        self.removed += 1;
        if place + 1 == self.levels.len() {
            while self.levels.last().is_some_and(|(_, quantity)| !is_there(*quantity)) {
                self.levels.pop();
                self.removed -= 1;
            }
        }
    }

    fn insert(&mut self, place: usize, level: Level, max: usize) {
        if self.levels.len() < max {
            self.levels.insert(place, level);
            return;
        }
        let (worse, better) = self.levels.split_at_mut(place);
        let is_free = |(_, quantity): &Level| !is_there(*quantity);
        // The nearest that is free gives its place, towards the best first: that way is short. With
        // none free, the worst one gives way.
        let behind = if self.removed == 0 { None } else { better.iter().position(is_free) };
        if let Some(between) = behind.and_then(|free| better.get_mut(..=free)) {
            between.rotate_right(1);
            if let Some(first) = between.first_mut() {
                *first = level;
            }
        } else {
            let free = worse.iter().rposition(is_free).unwrap_or(0);
            if let Some(between) = worse.get_mut(free..).filter(|it| !it.is_empty()) {
                between.rotate_left(1);
                if let Some(last) = between.last_mut() {
                    *last = level;
                }
            }
        }
        match self.removed.checked_sub(1) {
            Some(left) => self.removed = left,
            None => self.horizon = self.levels.first().map(|(price, _)| *price),
        }
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
        self.removed = 0;
        self.horizon = None;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.levels.capacity() * size_of::<Level>()
    }
}

/// The levels that are there, best first.
struct BestFirst<'l> {
    levels: core::slice::Iter<'l, Level>,
    left: usize,
}

impl Iterator for BestFirst<'_> {
    type Item = Level;

    fn next(&mut self) -> Option<Level> {
        let level = self.levels.rfind(|(_, quantity)| is_there(*quantity))?;
        self.left = self.left.saturating_sub(1);
        Some(*level)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for BestFirst<'_> {}

#[inline]
fn is_there(quantity: Decimal) -> bool {
    quantity.is_sign_positive() && !quantity.is_zero()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        /// Against a map that is cut to its best.
        #[test]
        fn it_holds_what_a_map_holds(
            changes in proptest::collection::vec((1..24_i64, 0..3_i64, 0..2_u32), 0..400),
            max in 4..12_usize,
            highest_is_best in any::<bool>(),
        ) {
            let mut ladder = if highest_is_best { Ladder::bids() } else { Ladder::asks() };
            // Keys grow towards the worse.
            let sign = if highest_is_best { -1 } else { 1 };
            let (mut map, mut horizon) = (std::collections::BTreeMap::new(), i64::MAX);
            for (price, quantity, zeros) in changes {
                let mut written = Decimal::from(price);
                written.rescale(zeros);
                ladder.set(written, quantity.into(), max);
                let key = sign * price;
                if key > horizon {
                    continue;
                }
                if quantity == 0 {
                    map.remove(&key);
                } else {
                    map.insert(key, (price, quantity));
                }
                if map.len() > max {
                    map.pop_last();
                    horizon = *map.last_key_value().unwrap().0;
                }
                let expected: Vec<Level> =
                    map.values().map(|(price, quantity)| level(*price, *quantity)).collect();
                let found = ladder.best_first();
                prop_assert_eq!(found.len(), expected.len());
                prop_assert_eq!(found.collect::<Vec<_>>(), expected.clone());
                prop_assert_eq!(ladder.best(), expected.first().copied());
                prop_assert!(ladder.levels.len() <= max);
                prop_assert_eq!(ladder.is_thin(max), horizon < i64::MAX && map.len() < max);
            }
        }
    }

    #[test]
    fn a_price_written_in_another_way_is_the_same_price() {
        let mut bids = Ladder::bids();
        bids.set("1.50".parse().unwrap(), 1.into(), 3);
        bids.set("1.5".parse().unwrap(), 0.into(), 3);
        assert_eq!(bids.best(), None);
    }
}
