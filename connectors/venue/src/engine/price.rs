//! Prices as a pure function of seed and time, and the book around them.
//!
//! The mid price is value noise: several octaves of hashed lattice points, each twice as high and
//! four times as slow as the one before, which moves like a random walk yet stays within about
//! two percent of its start. Because it is a function and not a state, a jump of virtual time by
//! a year costs as much as one of 100 ms.

use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::instrument::Instrument;
use super::types::Side;
use crate::config::PriceModel;

/// Prices move once in this many milliseconds.
pub(crate) const STEP_MS: u64 = 100;

/// Book levels on each side.
pub(crate) const LEVELS: usize = 60;

const OCTAVES: u32 = 10;
/// Height of the fastest octave, in parts per billion of the start price.
const FINEST_PPB: i64 = 10_000;
/// Levels of the same typical size.
const BLOCK: usize = 10;
/// Steps for which a level behind the best one keeps its size.
const EPOCH: u64 = 64;
/// Resting size at the best price, in the quote asset; deeper levels hold more.
const TOP_NOTIONAL: i64 = 25_000;

/// The moving price of one instrument and what is left of its book in the current step.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    key: u64,
    start_ticks: i64,
    /// Typical size of the best level, in quantity steps.
    level_steps: i64,
    /// Distance between two levels, in ticks.
    gap: i64,
    path: Path,
    tick: Decimal,
    pinned: Option<i64>,
    step: u64,
    mid: i64,
    half_spread: i64,
    taken: [[i64; LEVELS]; 2],
    touched: bool,
}

/// Where the price comes from when nobody has pinned it.
#[derive(Clone, Debug)]
enum Path {
    Walk,
    Still,
    /// Recorded prices by milliseconds since the recording began, and when that was.
    Recorded(Arc<[(u64, Decimal)]>, u64),
}

/// One level of the book: price in ticks, size in quantity steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) index: usize,
    pub(crate) price: i64,
    pub(crate) size: i64,
}

impl Feed {
    pub(crate) fn new(seed: u64, instrument: &Instrument, prices: &PriceModel) -> Self {
        // The market is left out of the key, so that spot and linear of one symbol move together.
        let letters = instrument.symbol.bytes().filter(|b| *b != b'_');
        let key = letters.fold(mix(seed), |h, b| mix(h ^ u64::from(b)));
        let path = match prices {
            PriceModel::Walk => Path::Walk,
            PriceModel::Still => Path::Still,
            PriceModel::Replay(replay) => match replay.series(instrument.symbol) {
                Some(series) => Path::Recorded(Arc::clone(series), 0),
                None => Path::Walk,
            },
        };
        let mut feed = Self {
            key,
            start_ticks: 1,
            level_steps: 1,
            gap: 1,
            path,
            tick: instrument.tick,
            pinned: None,
            step: 0,
            mid: 1,
            half_spread: 1,
            taken: [[0; LEVELS]; 2],
            touched: false,
        };
        feed.retune(instrument);
        feed
    }

    /// Takes over the tick and step of an instrument, which may have changed.
    pub(crate) fn retune(&mut self, instrument: &Instrument) {
        let pinned = self.pinned.map(|ticks| Decimal::from(ticks) * self.tick);
        self.tick = instrument.tick;
        self.pinned = pinned.and_then(|price| instrument.ticks(price)).map(|ticks| ticks.max(1));
        self.start_ticks = instrument.ticks(instrument.start_price).unwrap_or(1).max(1);
        let per_step = instrument.start_price * instrument.step;
        let steps = Decimal::from(TOP_NOTIONAL).checked_div(per_step);
        self.level_steps = steps.and_then(|d| d.to_i64()).unwrap_or(1).max(1);
        self.gap = (self.start_ticks / 200_000).max(1);
        self.touched = true;
        self.evaluate();
    }

    /// Starts a recording at a time.
    pub(crate) fn begin(&mut self, now_ms: u64) {
        if let Path::Recorded(_, start_ms) = &mut self.path {
            *start_ms = now_ms;
        }
        self.evaluate();
    }

    /// Evaluates the price at a step; a new step also refills the book. True if the step is new.
    pub(crate) fn move_to(&mut self, step: u64) -> bool {
        if step == self.step {
            return false;
        }
        self.step = step;
        self.evaluate();
        true
    }

    /// Pins the mid price in ticks, or returns it to the walk.
    pub(crate) fn pin(&mut self, ticks: Option<i64>, step: u64) {
        self.pinned = ticks;
        self.step = step;
        self.evaluate();
    }

    /// Where the price is or was at a time, pins aside, in ticks.
    pub(crate) fn mid_at(&self, time_ms: u64) -> i64 {
        self.mid_of(time_ms / STEP_MS)
    }

    /// The last traded and mark price, in ticks.
    pub(crate) fn mid(&self) -> i64 {
        self.mid
    }

    /// The best price a taker of this side meets, in ticks.
    pub(crate) fn best(&self, taker: Side) -> i64 {
        match taker {
            Side::Buy => self.mid + self.half_spread,
            Side::Sell => (self.mid - self.half_spread).max(1),
        }
    }

    /// The levels a taker of this side meets, best first; exhausted ones are left out.
    pub(crate) fn levels(&self, taker: Side) -> impl Iterator<Item = Level> + '_ {
        let best = self.best(taker);
        let taken = match taker {
            Side::Buy => &self.taken[0],
            Side::Sell => &self.taken[1],
        };
        taken.iter().enumerate().filter_map(move |(index, &taken)| {
            // Behind the best price the levels lie on a fixed grid, so that most of them stay
            // where they are when the price moves.
            let lines = i64::try_from(index).ok()?;
            let price = match (taker, lines) {
                (_, 0) => best,
                (Side::Buy, n) => (best.div_euclid(self.gap) + n) * self.gap,
                (Side::Sell, n) => ((best - 1).div_euclid(self.gap) + 1 - n) * self.gap,
            };
            let size = self.full_size(taker, index, price) - taken;
            (price > 0 && size > 0).then_some(Level { index, price, size })
        })
    }

    /// Takes `steps` out of a level until the next price step refills it.
    pub(crate) fn take(&mut self, taker: Side, index: usize, steps: i64) {
        let taken = match taker {
            Side::Buy => &mut self.taken[0],
            Side::Sell => &mut self.taken[1],
        };
        if let Some(slot) = taken.get_mut(index) {
            *slot += steps;
            self.touched = true;
        }
    }

    /// Size in quantity steps, and taker, of what others trade in this step.
    pub(crate) fn print(&self) -> (i64, Side) {
        let drawn = hash(self.key, self.step, 55);
        let share = i64::try_from(drawn % 200).unwrap_or(0) + 1;
        let taker = if drawn & 0x1_0000 == 0 { Side::Buy } else { Side::Sell };
        ((self.level_steps * share / 1_000).max(1), taker)
    }

    /// Price and book of the current step, as nobody has taken from it yet.
    fn evaluate(&mut self) {
        self.refill();
        let quiet = self.pinned.is_some() || matches!(self.path, Path::Still);
        self.mid = self.pinned.unwrap_or_else(|| self.mid_of(self.step));
        let wide = !quiet && hash(self.key, self.step, 77).is_multiple_of(3);
        self.half_spread = 1 + i64::from(wide);
    }

    fn mid_of(&self, step: u64) -> i64 {
        match &self.path {
            Path::Walk => self.walk(step),
            Path::Still => self.start_ticks,
            Path::Recorded(series, start_ms) => {
                let at = step.saturating_mul(STEP_MS).saturating_sub(*start_ms);
                let next = series.partition_point(|(time, _)| *time <= at);
                let row = series.get(next.saturating_sub(1));
                let ticks =
                    row.and_then(|(_, price)| price.checked_div(self.tick)?.round().to_i64());
                ticks.unwrap_or(self.start_ticks).max(2)
            }
        }
    }

    fn walk(&self, step: u64) -> i64 {
        let ppb = noise(self.key, step);
        let moved = i128::from(self.start_ticks) * i128::from(ppb) / 1_000_000_000;
        (self.start_ticks + i64::try_from(moved).unwrap_or(0)).max(2)
    }

    fn refill(&mut self) {
        if self.touched {
            self.taken = [[0; LEVELS]; 2];
            self.touched = false;
        }
    }

    fn full_size(&self, taker: Side, index: usize, price: i64) -> i64 {
        let salt = 1_000 + u64::from(taker == Side::Buy);
        let place = u64::try_from(price).unwrap_or(0);
        // A level keeps its size for some seconds; the best one is new with every step.
        let epoch = if index == 0 { self.step } else { (self.step + place % EPOCH) / EPOCH };
        // Between 50 % and 150 % of the typical size, which grows by half per level, in blocks.
        let drawn = hash(hash(self.key, place, salt), epoch, salt);
        let percent = 50 + i64::try_from(drawn % 101).unwrap_or(0);
        let growth = 2 + i64::try_from(index.div_ceil(BLOCK) * BLOCK).unwrap_or(0);
        (self.level_steps.saturating_mul(growth) / 2).saturating_mul(percent).max(100) / 100
    }
}

/// Deviation from the start price in parts per billion.
fn noise(key: u64, step: u64) -> i64 {
    let mut sum = 0_i64;
    for octave in 0..OCTAVES {
        let period = 1_u64 << (2 * octave);
        let cell = step / period;
        let part = i64::try_from(step % period).unwrap_or(0);
        let whole = i64::try_from(period).unwrap_or(1);
        let a = lattice(key, octave, cell);
        let b = lattice(key, octave, cell + 1);
        let value = (a * (whole - part) + b * part) / whole;
        sum += value * (FINEST_PPB << octave) / 1_000;
    }
    sum
}

/// A hashed value between -1000 and 1000.
fn lattice(key: u64, octave: u32, cell: u64) -> i64 {
    i64::try_from(hash(key, cell, u64::from(octave)) % 2_001).unwrap_or(0) - 1_000
}

fn hash(key: u64, a: u64, b: u64) -> u64 {
    mix(mix(key ^ a.wrapping_mul(0x9E37_79B9_7F4A_7C15)) ^ b)
}

/// The finalizer of SplitMix64.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::listing::instruments;

    fn feed(seed: u64) -> Feed {
        Feed::new(seed, &instruments()[0], &PriceModel::Walk)
    }

    #[test]
    fn a_price_depends_on_seed_and_time_only() {
        let (mut a, mut b) = (feed(7), feed(7));
        for step in 0..500 {
            a.move_to(step);
        }
        b.move_to(499);
        assert_eq!((a.mid, a.half_spread), (b.mid, b.half_spread));
        let mut c = feed(8);
        c.move_to(499);
        assert_ne!(a.mid, c.mid);
    }

    #[test]
    fn the_walk_moves_but_stays_near_its_start() {
        let mut f = feed(1);
        let mut distinct = std::collections::BTreeSet::new();
        for step in (0..2_000_000_u64).step_by(997) {
            f.move_to(step);
            distinct.insert(f.mid);
            let off = (f.mid - f.start_ticks).abs();
            assert!(off * 100 <= f.start_ticks * 3, "{} from {}", f.mid, f.start_ticks);
        }
        assert!(distinct.len() > 1_000);
    }

    #[test]
    fn neighbouring_steps_differ_by_less_than_a_tenth_of_a_percent() {
        let mut f = feed(3);
        let mut last = f.mid;
        for step in 1..5_000 {
            f.move_to(step);
            assert!((f.mid - last).abs() * 1_000 < f.start_ticks);
            last = f.mid;
        }
    }

    #[test]
    fn taking_from_a_level_lasts_until_the_next_step() {
        let mut f = feed(1);
        let first = f.levels(Side::Buy).next().expect("level");
        f.take(Side::Buy, first.index, first.size);
        let next = f.levels(Side::Buy).next().expect("level");
        assert!(next.price > first.price);
        f.move_to(1);
        assert_eq!(f.levels(Side::Buy).next().expect("level").index, 0);
        assert_eq!(f.levels(Side::Buy).count(), LEVELS);
    }

    #[test]
    fn bids_lie_below_asks() {
        let f = feed(1);
        assert!(f.best(Side::Sell) < f.best(Side::Buy));
        let bids: Vec<_> = f.levels(Side::Sell).map(|l| l.price).collect();
        assert!(bids.windows(2).all(|w| w[0] > w[1]));
    }
}
