//! A webhook's bytes to the signed order: parsed, authenticated, limited, validated, locked, routed,
//! sized, rounded, written down, signed. No I/O: the store is memory, and the exchange answers at
//! once. What comes after (reading the acknowledgement, the record, the answer) is measured with it
//! and told apart by the clock inside the transport.
//!
//! `cargo bench -p hoox-benches --bench decision`
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hoox_benches::decision::Decision;

fn decision(c: &mut Criterion) {
    let signed = Rc::new(Cell::new(Instant::now()));
    let mut decision = Decision::new({
        let signed = Rc::clone(&signed);
        move || signed.set(Instant::now())
    });
    let mut group = c.benchmark_group("decision");
    let mut measure = |name: &str, until_signed: bool| {
        group.bench_function(name, |b| {
            b.iter_custom(|times| {
                let mut total = Duration::ZERO;
                for _ in 0..times {
                    let id = decision.prepare();
                    let started = Instant::now();
                    black_box(decision.carry_out(id));
                    total += if until_signed { signed.get() - started } else { started.elapsed() };
                }
                total
            });
        });
    };
    measure("bytes_in_to_signed_bytes_out", true);
    measure("bytes_in_to_answer", false);
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
