//! Past prices, for tickers and candles: read off the walk, which is a function of time.

use rust_decimal::Decimal;

use super::Engine;

/// Moments looked at in one candle, besides its ends.
const SAMPLES: u64 = 24;

/// The prices of a stretch of time. Nobody else trades here, so there is no volume to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candle {
    pub(crate) open: Decimal,
    pub(crate) high: Decimal,
    pub(crate) low: Decimal,
    pub(crate) close: Decimal,
}

impl Engine {
    /// The prices from `from_ms` until just before `until_ms`, in the quote asset. A stretch that
    /// is not over ends with the last price. Pins are not remembered: what was pinned shows while
    /// it is the last price.
    pub(crate) fn candle(&self, instrument: usize, from_ms: u64, until_ms: u64) -> Option<Candle> {
        let feed = self.feeds.get(instrument)?;
        let i = self.instruments.get(instrument)?;
        let now = self.now_ms();
        let until = until_ms.min(now);
        let span = until.saturating_sub(from_ms);
        let past = (0..=SAMPLES).map(|n| from_ms + span.saturating_sub(1) * n / SAMPLES);
        let mut prices: Vec<Decimal> = past.map(|at| i.price(feed.mid_at(at))).collect();
        if until_ms >= now {
            prices.push(self.last_price(instrument));
        }
        Some(Candle {
            open: *prices.first()?,
            high: prices.iter().copied().max()?,
            low: prices.iter().copied().min()?,
            close: *prices.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    const NOW: u64 = 1_700_000_000_000;

    #[test]
    fn a_candle_holds_its_open_and_close_between_its_high_and_low() {
        let mut engine = Engine::new(&Config::default());
        engine.advance(NOW);
        for minutes in [1, 60, 1_440] {
            let from = NOW - minutes * 60_000;
            let candle = engine.candle(0, from, NOW).expect("listed");
            assert!(candle.low <= candle.open && candle.open <= candle.high);
            assert!(candle.low <= candle.close && candle.close <= candle.high);
            assert!(candle.low < candle.high, "{candle:?}");
            assert_eq!(candle.close, engine.last_price(0));
        }
        assert_eq!(engine.candle(usize::MAX, 0, 1), None);
    }

    #[test]
    fn a_candle_that_is_over_does_not_change() {
        let mut engine = Engine::new(&Config::default());
        engine.advance(NOW);
        let before = engine.candle(0, NOW - 120_000, NOW - 60_000);
        engine.advance(NOW + 3_600_000);
        assert_eq!(engine.candle(0, NOW - 120_000, NOW - 60_000), before);
    }
}
