//! How long an answer takes on the wire.

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Longest latency that can be asked for, in milliseconds.
const MAX_MS: u64 = 600_000;

/// A latency between `mean_ms - jitter_ms` and `mean_ms + jitter_ms`, each equally likely.
///
/// As text: `20ms±5ms` (or `20ms+-5ms`), or just `20ms`.
///
/// ```
/// use hoox_venue::Latency;
///
/// let latency: Latency = "20ms±5ms".parse()?;
/// assert_eq!(latency, Latency { mean_ms: 20, jitter_ms: 5 });
/// assert_eq!(latency.to_string(), "20ms±5ms");
/// # Ok::<(), hoox_venue::BadLatency>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The middle, in milliseconds.
    pub mean_ms: u64,
    /// The most it deviates either way, in milliseconds; it never falls below zero.
    pub jitter_ms: u64,
}

/// A text that is no latency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLatency(String);

impl fmt::Display for BadLatency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a latency such as 20ms or 20ms±5ms, up to ten minutes", self.0)
    }
}

impl std::error::Error for BadLatency {}

impl FromStr for Latency {
    type Err = BadLatency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadLatency(text.to_owned());
        let ms = |part: &str| -> Result<u64, BadLatency> {
            let digits = part.trim().strip_suffix("ms").ok_or_else(bad)?;
            digits.trim().parse().ok().filter(|ms| *ms <= MAX_MS).ok_or_else(bad)
        };
        let (mean, jitter) = text.split_once('±').or_else(|| text.split_once("+-")).unzip();
        Ok(match (mean, jitter) {
            (Some(mean), Some(jitter)) => Self { mean_ms: ms(mean)?, jitter_ms: ms(jitter)? },
            _ => Self { mean_ms: ms(text)?, jitter_ms: 0 },
        })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.mean_ms)?;
        if self.jitter_ms > 0 { write!(f, "±{}ms", self.jitter_ms) } else { Ok(()) }
    }
}

impl Latency {
    pub(crate) fn draw(self, rng: &mut ChaCha8Rng) -> u64 {
        let low = self.mean_ms.saturating_sub(self.jitter_ms);
        let high = self.mean_ms.saturating_add(self.jitter_ms);
        match (high - low).checked_add(1) {
            Some(1) | None => low,
            Some(width) => low + rng.next_u64() % width,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn draws_stay_within_the_jitter_and_use_all_of_it() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let latency = Latency { mean_ms: 4, jitter_ms: 6 };
        let drawn: std::collections::BTreeSet<u64> =
            (0..1_000).map(|_| latency.draw(&mut rng)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), (0..=10).collect::<Vec<_>>());
        assert_eq!(Latency { mean_ms: 7, jitter_ms: 0 }.draw(&mut rng), 7);
    }

    #[test]
    fn what_is_no_latency_is_refused() {
        for bad in ["", "20", "20s", "±5ms", "20ms±", "-1ms", "601000ms", "20ms±5"] {
            assert!(bad.parse::<Latency>().is_err(), "{bad}");
        }
        assert_eq!("20ms+-5ms".parse(), Ok(Latency { mean_ms: 20, jitter_ms: 5 }));
    }
}
