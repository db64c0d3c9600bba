//! Orders on a real chain: anvil, with the contracts of Uniswap.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)] // other crates' tests use the rest
#[path = "../../../../wallet/tests/anvil/anvil.rs"]
mod anvil;
mod faults;
mod market;
mod orders;
mod routed;
#[allow(dead_code)] // other crates' tests use the rest
#[path = "../../../../wallet/tests/anvil/transport.rs"]
mod transport;
