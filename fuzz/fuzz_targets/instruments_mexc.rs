//! MEXC's instruments, and orders prepared and written by them.

#![no_main]

use std::sync::{Arc, LazyLock};

use hoox_fuzz::{mexc, orders::Case};
use hoox_mexc::Mexc;
use libfuzzer_sys::fuzz_target;

static MARKETS: LazyLock<[Mexc; 2]> = LazyLock::new(mexc);

fuzz_target!(|data: &[u8]| {
    let case = Case::new(data);
    let provider = &MARKETS[case.market];
    if let Some(instruments) = case.instruments(provider) {
        let instruments = Arc::new(instruments);
        // Futures are written by the very instruments they are prepared by.
        let provider = provider.clone().with_instruments(Arc::clone(&instruments));
        case.run(&instruments, &provider, None);
    }
});
