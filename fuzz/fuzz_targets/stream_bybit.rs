//! Frames of Bybit's streams.

#![no_main]

use std::sync::LazyLock;

use hoox_bybit::Bybit;
use hoox_fuzz::{credentials, streams};
use libfuzzer_sys::fuzz_target;

static MARKETS: LazyLock<[Bybit; 2]> =
    LazyLock::new(|| [Bybit::linear(credentials()), Bybit::spot(credentials())]);

fuzz_target!(|data: &[u8]| streams::read(&*MARKETS, data));
