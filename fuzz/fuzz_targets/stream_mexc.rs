//! Frames of MEXC's streams: JSON, and spot's protobuf.

#![no_main]

use std::sync::LazyLock;

use hoox_fuzz::{mexc, streams};
use hoox_mexc::Mexc;
use libfuzzer_sys::fuzz_target;

static MARKETS: LazyLock<[Mexc; 2]> = LazyLock::new(mexc);

fuzz_target!(|data: &[u8]| streams::read(&*MARKETS, data));
