use core::time::Duration;

/// Growing waits between attempts, each drawn at random from zero to a ceiling that doubles: clients
/// that were cut off together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling after the first failure.
    pub first: Duration,
    /// The highest ceiling.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), max: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// How long to wait after `failures` in a row; `random` is any number.
    pub fn wait(&self, failures: u32, random: u64) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let ceiling = self.first.saturating_mul(doubled).min(self.max);
        up_to(ceiling, random)
    }
}

/// A part of `most` drawn by `random`, in whole milliseconds.
pub(super) fn up_to(most: Duration, random: u64) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % most.saturating_add(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_and_stops() {
        let backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(5) };
        let longest = |failures| {
            (0..20_000).map(|random| backoff.wait(failures, random)).max().unwrap_or_default()
        };
        let seconds = [1, 2, 4, 5, 5].map(Duration::from_secs);
        assert_eq!([1, 2, 3, 4, 40].map(longest), seconds);
        assert_eq!(backoff.wait(4, 0), Duration::ZERO);
    }
}
