//! What nobody waits for is written a moment later, many at a time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::writer::{Job, Waiting};

/// How long such jobs wait at most.
const DEFER: Duration = Duration::from_millis(20);

/// How many are written at a time: enough to share their pages, too few for others to notice.
pub(super) const LATER_SLICE: usize = 32;

/// How many wait at most.
const LATER_MAX: usize = 1_024;

/// Outcomes, log entries and refusals, in the order in which they came.
///
/// An intent is synced before its order is sent, but nobody waits for what is written after it: lost in
/// a crash, the order is open and is reconciled. Each write costs the pages of five tables, so they go
/// together, apart from what somebody waits for; and of one order only the last. Whoever wants to see
/// them asks for a flush.
#[derive(Debug, Default)]
pub(super) struct Later(VecDeque<(Instant, Job)>);

impl Later {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long until some are due; nothing if there are none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let (due, _) = self.0.front()?;
        match self.0.len() < LATER_SLICE {
            true => Some(due.saturating_duration_since(now)),
            false => Some(Duration::ZERO),
        }
    }

    /// Takes what may wait out of a batch; and puts before it what must not, because of what else is in
    /// the batch.
    pub(super) fn exchange(&mut self, batch: &mut Vec<Waiting>, now: Instant) {
        let all = self.0.len() > LATER_MAX || batch.iter().any(|(job, _)| job.is_barrier());
        let mut kept = Vec::with_capacity(batch.len());
        for (job, done) in std::mem::take(batch) {
            match done {
                None if job.may_wait() => self.push(job, now),
                done => {
                    // It says all that earlier ones of the same order say.
                    if let Some(id) = job.record_id() {
                        self.0.retain(|(_, earlier)| earlier.record_id() != Some(id));
                    }
                    kept.push((job, done));
                }
            }
        }
        if all {
            batch.extend(self.0.drain(..).map(|(_, job)| (job, None)));
        }
        batch.append(&mut kept);
    }

    /// Adds a job; one of the same order gives its place up to it.
    fn push(&mut self, job: Job, now: Instant) {
        let earlier = job.record_id().and_then(|id| {
            self.0.iter_mut().rev().find(|(_, earlier)| earlier.record_id() == Some(id))
        });
        match earlier {
            Some((_, earlier)) => *earlier = job,
            None => self.0.push_back((now + DEFER, job)),
        }
    }

    /// Takes what is due, or a full slice, but no more than so many.
    pub(super) fn take_due(&mut self, batch: &mut Vec<Waiting>, max: usize, now: Instant) {
        let due = self.0.iter().take_while(|(due, _)| *due <= now).count();
        let full = self.0.len() - self.0.len() % LATER_SLICE;
        let max = if max == usize::MAX { self.0.len() } else { due.max(full).min(max) };
        batch.extend(self.0.drain(..max).map(|(_, job)| (job, None)));
    }
}
