use hoox_connector::Timestamp;
use hoox_router::{IdempotencyKey, RequestId};
use serde::{Deserialize, Serialize};

/// How many objects the keys are spread over (gateway.md §8, Later).
pub const SHARDS: u32 = 16;

/// The name of the object that keeps a key: FNV-1a of it, in 32 bits, over [`SHARDS`].
///
/// ```
/// assert_eq!(hoox_edge::shard("a"), "idemp-shard-12");
/// ```
pub fn shard(key: &str) -> String {
    let hash = key
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("idemp-shard-{}", hash % SHARDS)
}

/// What the gateway asks the object that keeps a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reserve {
    /// The key.
    pub key: IdempotencyKey,
    /// The request that wants it.
    pub request_id: RequestId,
    /// When the signal was received.
    pub now: Timestamp,
}

/// What the object answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reserved {
    /// The request that held the key before; absent if it is the asking one's now.
    pub held_by: Option<RequestId>,
}
