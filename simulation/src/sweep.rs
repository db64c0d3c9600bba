use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{Counts, Mutation, Report, run};

/// What many seeds came to.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Sweep {
    /// How many were run.
    pub seeds: u64,
    /// What happened in all of them.
    pub counts: Counts,
    /// The smallest seed run in which an invariant did not hold.
    pub failure: Option<Report>,
}

/// Runs many seeds on `threads` threads, until an invariant does not hold in one of them; `progress`
/// hears after each how many are done.
pub fn sweep(
    seeds: Range<u64>,
    mutation: Option<Mutation>,
    threads: NonZero<usize>,
    progress: impl Fn(u64) + Sync,
) -> Sweep {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let all = Mutex::new(Sweep::default());
    let work = || {
        let mut mine = Counts::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                break;
            }
            let report = run(seed, mutation, false);
            mine.add(&report.counts);
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.seeds += 1;
            progress(all.seeds);
            if report.violation.is_some() {
                // What is smaller may still be running.
                end.fetch_min(seed, Ordering::Relaxed);
                if all.failure.as_ref().is_none_or(|known| seed < known.seed) {
                    all.failure = Some(report);
                }
            }
        }
        all.lock().unwrap_or_else(PoisonError::into_inner).counts.add(&mine);
    };
    thread::scope(|scope| {
        for _ in 1..threads.get() {
            scope.spawn(work);
        }
        work();
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}
