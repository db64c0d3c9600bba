//! How long signals took, seen from outside and from inside.

use std::time::Instant;

use hdrhistogram::Histogram;
use hoox_router::Step;

/// The longest duration that is told apart, in microseconds.
const LONGEST: u64 = 60_000_000;

/// Durations in microseconds.
pub(super) struct Latency {
    /// From the first byte sent to the last byte received.
    pub(super) whole: Histogram<u64>,
    /// Inside, step by step, as the server told.
    pub(super) steps: Vec<(&'static str, Histogram<u64>)>,
}

impl Latency {
    pub(super) fn new() -> anyhow::Result<Self> {
        let empty = || Histogram::new_with_bounds(1, LONGEST, 3);
        let steps = Step::ALL.into_iter().map(|step| Ok((step.as_str(), empty()?)));
        Ok(Self { whole: empty()?, steps: steps.collect::<anyhow::Result<_>>()? })
    }

    /// Notes one signal: when it was sent, and the answer's `Server-Timing`.
    pub(super) fn record(&mut self, sent: Instant, server_timing: Option<&str>) {
        self.whole.saturating_record(u64::try_from(sent.elapsed().as_micros()).unwrap_or(LONGEST));
        for entry in server_timing.unwrap_or("").split(", ") {
            let Some((name, millis)) = entry.split_once(";dur=") else { continue };
            // Three decimals of a millisecond are whole microseconds.
            let Ok(micros) = millis.replace('.', "").parse() else { continue };
            let step = self.steps.iter_mut().find(|(step, _)| step.replace(' ', "-") == name);
            if let Some((_, histogram)) = step {
                histogram.saturating_record(micros);
            }
        }
    }

    /// Takes in what another worker measured.
    pub(super) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.whole.add(&other.whole)?;
        for ((_, histogram), (_, theirs)) in self.steps.iter_mut().zip(&other.steps) {
            histogram.add(theirs)?;
        }
        Ok(())
    }
}
