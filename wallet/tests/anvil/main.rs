//! The wallet on a real chain: anvil, with contracts that other people wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod afterwards;
#[allow(dead_code)] // other crates' tests use the rest
mod anvil;
mod bounds;
mod chain;
mod deflating;
mod faults;
mod load;
mod nodes;
mod overtaken;
mod rehearsals;
mod reorganised;
mod shared;
mod swaps;
mod tokens;
mod transport;
mod turns;
