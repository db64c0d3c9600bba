//! What keeps a WebSocket session alive, without the socket.
//!
//! [`Session`] decides when to connect, authenticate, subscribe, ping, change over to a new
//! connection, back off and give up. [`AccountMerge`] and [`MarketMerge`] make one feed of what two
//! connections, or a connection and a read over REST, both tell. All of them are pure: time and
//! randomness are handed in, and what is to be done comes out as values.

mod account_merge;
mod backoff;
mod fault;
mod link;
mod machine;
mod market_merge;
mod recent;

pub use account_merge::{AccountMerge, Known};
pub use backoff::Backoff;
pub use fault::FrameFault;
pub use machine::{ConnectionId, Refusal, Session, SessionAction, SessionConfig, SessionInput};
pub use market_merge::MarketMerge;
