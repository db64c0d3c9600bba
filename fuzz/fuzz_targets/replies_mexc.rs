//! MEXC's answers over HTTP.

#![no_main]

use std::sync::LazyLock;

use hoox_fuzz::{mexc, replies};
use hoox_mexc::Mexc;
use libfuzzer_sys::fuzz_target;

static MARKETS: LazyLock<[Mexc; 2]> = LazyLock::new(mexc);

fuzz_target!(|data: &[u8]| replies::decode(&*MARKETS, data));
