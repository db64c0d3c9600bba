use core::time::Duration;

use serde::{Deserialize, Serialize};

/// The steps of a signal's way, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Parsed, authenticated, within the limits, and valid.
    Validated,
    /// The idempotency key is ours.
    Reserved,
    /// Routed, positions read, margin and leverage set, sized and rounded.
    Priced,
    /// The intent is durable.
    IntentDurable,
    /// The exchange has answered the order.
    Acknowledged,
    /// Its fill is known and written.
    Recorded,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 6] = [
        Self::Validated,
        Self::Reserved,
        Self::Priced,
        Self::IntentDurable,
        Self::Acknowledged,
        Self::Recorded,
    ];

    /// The step's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validated => "validated",
            Self::Reserved => "reserved",
            Self::Priced => "priced",
            Self::IntentDurable => "intent durable",
            Self::Acknowledged => "acknowledged",
            Self::Recorded => "recorded",
        }
    }
}

/// When each step of one signal was done, in microseconds since it was received.
///
/// ```
/// use core::time::Duration;
/// use hoox_router::{Step, Trace};
///
/// let mut trace = Trace::begin(Duration::from_micros(100));
/// trace.mark(Step::Validated, Duration::from_micros(104));
/// trace.mark(Step::Reserved, Duration::from_micros(110));
/// assert_eq!(trace.done_at(Step::Reserved), Some(10));
/// assert_eq!(trace.durations().last(), Some((Step::Reserved, 6)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trace {
    #[serde(skip)]
    start: Duration,
    done: [Option<u64>; Step::ALL.len()],
}

impl Trace {
    /// Begins at `now`, monotonic time.
    pub fn begin(now: Duration) -> Self {
        Self { start: now, ..Self::default() }
    }

    /// Notes that `step` is done; the first note of a step counts.
    pub fn mark(&mut self, step: Step, now: Duration) {
        if let Some(slot @ None) = self.done.get_mut(step as usize) {
            let micros = now.saturating_sub(self.start).as_micros();
            *slot = Some(u64::try_from(micros).unwrap_or(u64::MAX));
        }
    }

    /// When `step` was done, in microseconds since the signal was received.
    pub fn done_at(&self, step: Step) -> Option<u64> {
        self.done.get(step as usize).copied().flatten()
    }

    /// How long each step took that was done, in microseconds since the one before it.
    pub fn durations(&self) -> impl Iterator<Item = (Step, u64)> + '_ {
        let mut last = 0;
        Step::ALL.into_iter().filter_map(move |step| {
            let done = self.done_at(step)?;
            let took = done.saturating_sub(last);
            last = done;
            Some((step, took))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_were_skipped_are_left_out() {
        let mut trace = Trace::begin(Duration::from_micros(100));
        trace.mark(Step::Validated, Duration::from_micros(105));
        trace.mark(Step::Priced, Duration::from_micros(125));
        trace.mark(Step::Priced, Duration::from_micros(999));
        let took: Vec<_> = trace.durations().collect();
        assert_eq!(took, [(Step::Validated, 5), (Step::Priced, 20)]);
    }
}
