//! What the workers share: envelopes, internal auth, and the ports of
//! [`hoox_router`] over Cloudflare's bindings.
//!
//! Everything here runs in one isolate on one thread; nothing is `Send` that JavaScript owns.

mod answer;
mod auth;
mod body;
mod clock;
mod config;
mod instance;
mod log;
mod mode;
mod outgoing;
mod queue;
mod request;
mod shard;
mod transport;
mod within;

pub use answer::{done, fail, json, respond};
pub use auth::{INTERNAL_KEY_HEADER, InternalKey, internal_request};
pub use body::{body_of, json_of};
pub use clock::WorkerClock;
pub use config::{KvConfig, secret, secrets, snapshot};
pub use instance::{answer, keep_object, run};
pub use log::log;
pub use mode::{mode_from, mode_name};
pub use outgoing::outgoing;
pub use queue::WorkerQueue;
pub use request::{
    REQUEST_ID_HEADER, client_address, new_request_id, path, query_value, read_body,
    read_internal_body, request_id,
};
pub use shard::{Reserve, Reserved, SHARDS, shard};
pub use transport::{FetchTransport, fetch};
pub use within::within;
