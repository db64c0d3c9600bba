//! WebSocket sessions on tokio (feature `websocket`, native targets).
//!
//! [`MarketFeed`] carries market data and keeps order books, [`AccountFeed`] the account's events, and
//! [`EntryClient`] sends orders. Each is a handle; the work is done by a driver that is handed out
//! with it and has to be spawned.
//!
//! A connection that the venue's own pings would leave for dead only after minutes is watched by TCP
//! keep-alive beneath: the system probes a host that is silent for 15 seconds, and ends the
//! connection when it stays silent for 30. Nothing is added to what the venue is sent.
//!
//! While the venue shuts the client out, no connection is tried either.
//!
//! Two metrics beside those of [`Client`](crate::Client), with the `stream` (public, market, private or
//! entry) as a label: `hoox_reconnects_total`, and `hoox_bad_frames_total` with the `cause`.
//!
//! The WebSocket library logs whole frames through the `log` crate at level trace, with keys and
//! signatures in them, and so does the HTTP library beneath: whoever collects `log` records keeps to
//! debug and what is graver (`log`'s feature `release_max_level_debug`).

mod account;
mod account_driver;
mod account_memory;
mod book_keeper;
mod dial;
mod driven;
mod entry;
mod entry_driver;
mod entry_shared;
mod feed;
mod in_flight;
mod links;
mod market;
mod market_driver;
mod resync;

pub use account::{AccountConfig, AccountEvent, AccountFeed};
pub use account_driver::AccountDriver;
#[doc(hidden)]
pub use account_memory::AccountMemory;
pub use entry::{EntryClient, EntryConfig, EntryState, Witness};
pub use entry_driver::EntryDriver;
#[doc(hidden)]
pub use feed::Memory;
pub use feed::{Delivery, FeedEvent, Lost, Subscriber};
pub use market::{MarketConfig, MarketEvent, MarketFeed};
pub use market_driver::MarketDriver;

/// A random number, from what the standard library seeds its hash maps with.
fn random() -> u64 {
    use core::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
