//! Stops that follow the price at a distance, on both markets.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::types::Side;

/// How far a stop has followed the price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trail {
    /// As a fraction of the best price.
    distance: Decimal,
    /// The best price since the following began, and when that was; `None` before.
    best: Option<(Decimal, u64)>,
}

impl Trail {
    /// A stop at this distance, which follows from a price and time, or from when its starting
    /// price is reached.
    pub(crate) fn new(distance: Decimal, from: Option<(Decimal, u64)>) -> Self {
        Self { distance, best: from }
    }

    /// Follows the price; true when it has come back far enough. The price that begins it, while
    /// `starts`, is the first best one.
    pub(crate) fn follow(
        &mut self,
        side: Side,
        (last, now_ms): (Decimal, u64),
        starts: bool,
    ) -> bool {
        let Some((best, since_ms)) = self.best else {
            self.best = starts.then_some((last, now_ms));
            return false;
        };
        let best = match side {
            Side::Sell => best.max(last),
            Side::Buy => best.min(last),
        };
        self.best = Some((best, since_ms));
        match side {
            Side::Sell => last <= best * (Decimal::ONE - self.distance),
            Side::Buy => last >= best * (Decimal::ONE + self.distance),
        }
    }

    /// The distance in basis points.
    pub(crate) fn delta(&self) -> u64 {
        (self.distance * Decimal::from(10_000)).to_u64().unwrap_or(0)
    }

    /// When the following began.
    pub(crate) fn since_ms(&self) -> Option<u64> {
        self.best.map(|(_, since_ms)| since_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of the prices does, in thousands; the following begins at once or at a price.
    fn fires(side: Side, basis_points: i64, prices: &[&str], start: Option<&str>) -> Vec<bool> {
        let d = |text: &str| text.parse::<Decimal>().expect("decimal");
        let distance = Decimal::new(basis_points, 4);
        let (from, prices) = match start {
            None => (prices.first().map(|p| (d(p), 0)), prices.get(1..).unwrap_or_default()),
            Some(_) => (None, prices),
        };
        let mut trail = Trail::new(distance, from);
        let starts = |last: Decimal| start.is_some_and(|s| last == d(s));
        let step = |p: &&str| trail.follow(side, (d(p), 1), starts(d(p)));
        prices.iter().map(step).collect()
    }

    /// The scenarios of the venue's own explanation (Binance spot, faqs/trailing-stop-faq.md).
    #[test]
    fn the_published_scenarios() {
        let a =
            fires(Side::Buy, 500, &["40", "37", "44", "46", "42", "44.0999", "44.1"], Some("44"));
        assert_eq!(a, [false, false, false, false, false, false, true]);
        let b =
            fires(Side::Sell, 1_000, &["41.5", "39", "37", "41", "36.9001", "36.9"], Some("39"));
        assert_eq!(b, [false, false, false, false, false, true]);
        let c = fires(Side::Buy, 850, &["42", "38", "37", "39", "38", "40.145"], Some("38"));
        assert_eq!(c, [false, false, false, false, false, true]);
        let d = fires(Side::Sell, 750, &["39", "42", "45", "44", "46.5", "43.0125"], Some("42"));
        assert_eq!(d, [false, false, false, false, false, true]);
        let e = fires(Side::Sell, 700, &["40", "42", "39.5", "45.5", "42.315"], None);
        assert_eq!(e, [false, false, false, true]);
    }

    #[test]
    fn it_knows_its_distance_and_since_when_it_follows() {
        let mut trail = Trail::new(Decimal::new(1, 2), None);
        assert_eq!((trail.delta(), trail.since_ms()), (100, None));
        trail.follow(Side::Sell, (Decimal::TEN, 7), false);
        assert_eq!(trail.since_ms(), None);
        trail.follow(Side::Sell, (Decimal::TEN, 8), true);
        trail.follow(Side::Sell, (Decimal::TEN, 9), true);
        assert_eq!(trail.since_ms(), Some(8));
    }
}
