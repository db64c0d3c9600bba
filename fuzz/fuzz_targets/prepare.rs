//! Orders prepared by any rules at all.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hoox_fuzz::orders::prepare(data));
