//! Sessions over real sockets, against a venue that follows a script: each fault is a test that names
//! it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

mod account;
mod entry;
mod market;
mod observe;
mod peer;
#[path = "../support/told.rs"]
mod told;
mod words;
