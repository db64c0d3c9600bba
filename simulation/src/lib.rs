#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod book;
mod desk;
mod dialect;
mod disk;
mod entry;
mod executor;
mod log;
mod mutation;
mod network;
mod operator;
mod plan;
mod process;
mod queue;
mod report;
mod rest;
mod run;
mod socket;
mod store;
mod sweep;
mod world;

pub use mutation::Mutation;
pub use report::{Counts, Report, Violation};
pub use run::run;
pub use sweep::{Sweep, sweep};
