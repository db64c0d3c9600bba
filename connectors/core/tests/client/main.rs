//! The client against a scripted venue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

mod answers;
mod limits;
mod observe;
mod reconcile;
mod retries;
mod support;
#[path = "../support/told.rs"]
mod told;
