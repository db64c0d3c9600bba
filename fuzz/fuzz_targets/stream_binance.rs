//! Frames of Binance's streams.

#![no_main]

use std::sync::LazyLock;

use hoox_binance::Binance;
use hoox_fuzz::{credentials, streams};
use libfuzzer_sys::fuzz_target;

static MARKETS: LazyLock<[Binance; 2]> =
    LazyLock::new(|| [Binance::linear(credentials()), Binance::spot(credentials())]);

fuzz_target!(|data: &[u8]| streams::read(&*MARKETS, data));
