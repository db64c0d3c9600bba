#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod book;
mod dialect;
mod disk;
mod executor;
mod mutation;
mod network;
mod plan;
mod process;
mod report;
mod rest;
mod run;
mod store;
mod sweep;
mod world;

pub use mutation::Mutation;
pub use report::{Counts, Report, Violation};
pub use run::run;
pub use sweep::{Sweep, sweep};
