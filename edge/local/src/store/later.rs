//! What nobody waits for is written a moment later, many at a time.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::writer::{Job, Waiting};

/// How long such jobs wait: the fee of an order that filled at once is read meanwhile, and then the order
/// is written once instead of twice.
const DEFER: Duration = Duration::from_millis(50);

/// How long writing them may take at a time, as whoever waits for his own waits for it too.
const SLICE: Duration = Duration::from_millis(1);

/// The fewest that are written at a time, and what one is thought to cost before the first is written.
const SLICE_MIN: usize = 4;
const COST: Duration = Duration::from_micros(100);

/// How many wait at most.
const LATER_MAX: usize = 4_096;

/// Outcomes, log entries and refusals, in the order in which they came.
///
/// An intent is synced before its order is sent, but nobody waits for what is written after it: lost in
/// a crash, the order is open and is reconciled. Each write costs the pages of five tables, so they go
/// together, apart from what somebody waits for; and of one order only the last. Whoever wants to see
/// them asks for a flush.
#[derive(Debug)]
pub(super) struct Later {
    /// The first of them has a job; of others a later write of the same order may have taken it out.
    jobs: VecDeque<(Instant, Option<Job>)>,
    /// The number of the first.
    first: u64,
    /// The numbers of orders' records.
    of_record: HashMap<String, u64>,
    /// Who waits until all before a number are written.
    flushes: VecDeque<(u64, Waiting)>,
    /// What writing one costs.
    cost: Duration,
}

impl Default for Later {
    fn default() -> Self {
        let (jobs, of_record, flushes) = Default::default();
        Self { jobs, first: 0, of_record, flushes, cost: COST }
    }
}

impl Later {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.flushes.is_empty()
    }

    /// How long until some are due; nothing if there are none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        match (self.flushes.is_empty(), self.jobs.front()) {
            (false, _) => Some(Duration::ZERO),
            (true, front) => front.map(|(due, _)| due.saturating_duration_since(now)),
        }
    }

    /// Takes what may wait out of a batch; and puts before it what must not, because of what else is in
    /// the batch.
    pub(super) fn exchange(&mut self, batch: &mut Vec<Waiting>, now: Instant) {
        let all = self.jobs.len() > LATER_MAX || batch.iter().any(|(job, _)| job.is_barrier());
        let mut kept = Vec::with_capacity(batch.len());
        for (job, done) in std::mem::take(batch) {
            match (job, done) {
                (Job::Flush, done) => self.flushes.push_back((self.end(), (Job::Flush, done))),
                (job, None) if job.may_wait() => self.push(job, now),
                (job, done) => {
                    // It says all that earlier ones of the same order say.
                    if let Some(number) = job.record_id().and_then(|id| self.of_record.remove(id)) {
                        self.drop_job(number);
                    }
                    kept.push((job, done));
                }
            }
        }
        if all {
            self.take(self.jobs.len(), batch);
        }
        batch.append(&mut kept);
        self.take_flushes(batch);
    }

    /// Takes what is due, but no more than are soon written; or everything.
    pub(super) fn take_due(&mut self, all: bool, batch: &mut Vec<Waiting>, now: Instant) {
        let due = self.jobs.iter().take_while(|(due, _)| *due <= now).count();
        let awaited = self.flushes.back().map_or(0, |(end, _)| self.place(*end));
        let due = due.max(awaited);
        let soon = SLICE.as_nanos() / self.cost.as_nanos().max(1);
        // Half of them, should they come faster than that.
        let max = usize::try_from(soon).unwrap_or(usize::MAX).max(SLICE_MIN).max(due / 2);
        self.take(if all { self.jobs.len() } else { due.min(max) }, batch);
        self.take_flushes(batch);
    }

    /// Learns from how long it took to write so many.
    pub(super) fn wrote(&mut self, count: usize, took: Duration) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if let Some(each) = took.checked_div(count) {
            self.cost = (7 * self.cost + each) / 8;
        }
    }

    /// Adds a job; one of the same order gives its place up to it.
    fn push(&mut self, job: Job, now: Instant) {
        if let Some(id) = job.record_id() {
            let place = self.of_record.get(id).map(|number| self.place(*number));
            if let Some((_, earlier)) = place.and_then(|place| self.jobs.get_mut(place)) {
                *earlier = Some(job);
                return;
            }
            self.of_record.insert(id.to_owned(), self.end());
        }
        self.jobs.push_back((now + DEFER, Some(job)));
    }

    /// The number after the last.
    fn end(&self) -> u64 {
        self.first + self.jobs.len() as u64
    }

    fn place(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }

    fn drop_job(&mut self, number: u64) {
        let place = self.place(number);
        if let Some((_, job)) = self.jobs.get_mut(place) {
            *job = None;
        }
        self.drop_empty();
    }

    /// Moves the first jobs into a batch.
    fn take(&mut self, count: usize, batch: &mut Vec<Waiting>) {
        for (_, job) in self.jobs.drain(..count) {
            self.first += 1;
            let Some(job) = job else { continue };
            job.record_id().map(|id| self.of_record.remove(id));
            batch.push((job, None));
        }
        self.drop_empty();
    }

    /// The first has a job.
    fn drop_empty(&mut self) {
        while self.jobs.front().is_some_and(|(_, job)| job.is_none()) {
            self.jobs.pop_front();
            self.first += 1;
        }
    }

    /// Moves those who have nothing to wait for any more behind what they waited for.
    fn take_flushes(&mut self, batch: &mut Vec<Waiting>) {
        while self.flushes.front().is_some_and(|(end, _)| *end <= self.first) {
            batch.extend(self.flushes.pop_front().map(|(_, flush)| flush));
        }
    }
}

#[cfg(test)]
mod tests {
    use hoox_router::{LogEntry, LogLevel};

    use super::super::rows::LogRow;
    use super::*;

    fn log(n: u64) -> Waiting {
        let entry = LogEntry {
            at: hoox_connector::Timestamp::from_millis(n),
            level: LogLevel::Info,
            service: "test",
            message: n.to_string(),
            request_id: None,
            details: String::new(),
        };
        (Job::Log(Box::new(LogRow(entry))), None)
    }

    fn numbers(batch: &[Waiting]) -> Vec<String> {
        let name = |(job, _): &Waiting| match job {
            Job::Log(row) => row.0.message.clone(),
            other => format!("{other:?}"),
        };
        batch.iter().map(name).collect()
    }

    #[test]
    fn a_flush_comes_after_what_was_there_before_it_a_slice_at_a_time() {
        let mut later = Later::default();
        let now = Instant::now();
        let mut batch: Vec<Waiting> = (0..25).map(log).collect();
        batch.push((Job::Flush, None));
        batch.extend((25..30).map(log));
        later.exchange(&mut batch, now);
        assert!(batch.is_empty() && later.wait(now) == Some(Duration::ZERO));
        let mut slices = Vec::new();
        while later.wait(now) == Some(Duration::ZERO) {
            later.take_due(false, &mut batch, now);
            slices.push(numbers(&batch));
            batch.clear();
        }
        let written: Vec<String> = slices.concat();
        let expected: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        assert_eq!((&written[..25], written[25].as_str()), (&expected[..], "Flush"));
        assert!(slices.len() == 3 && written.len() < 31, "{slices:?}");
        // The rest waits until it is due.
        assert!(later.wait(now).is_some_and(|wait| wait == DEFER));
        later.take_due(false, &mut batch, now);
        assert!(batch.is_empty());
        later.take_due(false, &mut batch, now + DEFER);
        assert_eq!(batch.len() + written.len(), 31);
        assert!(later.is_empty());
    }

    #[test]
    fn what_must_not_be_overtaken_takes_everything_along() {
        let mut later = Later::default();
        let now = Instant::now();
        let mut batch = vec![log(1), log(2)];
        later.exchange(&mut batch, now);
        batch = vec![(Job::Release("key".into()), None), log(3), (Job::Flush, None)];
        later.exchange(&mut batch, now);
        assert_eq!(numbers(&batch), ["1", "2", "3", "Release(\"key\")", "Flush"]);
    }

    #[test]
    fn slices_are_as_long_as_writing_them_takes() {
        let mut later = Later::default();
        let now = Instant::now();
        for (each, expected) in [(Duration::from_millis(2), SLICE_MIN), (SLICE / 100, 90)] {
            (0..64).for_each(|_| later.wrote(10, 10 * each));
            let mut batch: Vec<Waiting> = (0..200).map(log).collect();
            later.exchange(&mut batch, now);
            later.take_due(false, &mut batch, now + DEFER / 2);
            assert!(batch.is_empty());
            later.take_due(false, &mut batch, now + DEFER);
            // Never less than half, so that they do not heap up.
            assert_eq!(batch.len(), expected.max(100));
            later.take_due(true, &mut batch, now);
            assert_eq!(batch.len(), 200);
            later = Later { cost: later.cost, ..Later::default() };
        }
    }
}
