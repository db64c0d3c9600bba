//! Seeds hold, go the same way twice, and meet everything that can go wrong.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::num::NonZero;

use hoox_simulation::{run, sweep};

#[test]
fn every_invariant_holds_and_everything_happens() {
    let sweep = sweep(0..300, None, NonZero::new(2).unwrap(), |_| {});
    if let Some(failure) = sweep.failure {
        panic!("seed {}: {:?}", failure.seed, failure.violation);
    }
    assert_eq!(sweep.seeds, 300);
    for (name, number) in sweep.counts.rows() {
        assert!(number > 0, "in 300 seeds there were no {name}");
    }
}

#[test]
fn a_seed_goes_the_same_way_every_time() {
    for seed in 0..20 {
        let (first, again) = (run(seed, None, false), run(seed, None, true));
        assert_eq!(first.digest, again.digest, "seed {seed}");
        assert_eq!(first.counts, again.counts, "seed {seed}");
        assert!(first.trace.is_empty() && !again.trace.is_empty());
    }
    assert_ne!(run(0, None, false).digest, run(1, None, false).digest);
}
