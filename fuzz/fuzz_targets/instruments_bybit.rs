//! Bybit's instruments, and orders prepared and written by them.

#![no_main]

use std::sync::LazyLock;

use hoox_bybit::Bybit;
use hoox_fuzz::{credentials, orders::Case};
use libfuzzer_sys::fuzz_target;

static MARKETS: LazyLock<[Bybit; 2]> =
    LazyLock::new(|| [Bybit::linear(credentials()), Bybit::spot(credentials())]);

fuzz_target!(|data: &[u8]| {
    let case = Case::new(data);
    let provider = &MARKETS[case.market];
    if let Some(instruments) = case.instruments(provider) {
        case.run(&instruments, provider, Some(provider));
    }
});
