//! The lock on a signal: the object that keeps its key (gateway.md §8).

use hoox_connector::Timestamp;
use hoox_edge::{Reserve, Reserved, internal_request, json_of, shard};
use hoox_router::{Failure, IdempotencyKey, RefusedSignal, RequestId};
use worker::{Env, Result};

/// The binding of the objects.
const OBJECTS: &str = "IDEMPOTENCY_STORE";

/// A lock that may be taken, given back, or made to last.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    env: Env,
    asked: Reserve,
}

impl Lock {
    pub(crate) fn new(
        env: Env,
        key: IdempotencyKey,
        request_id: RequestId,
        now: Timestamp,
    ) -> Self {
        Self { env, asked: Reserve { key, request_id, now } }
    }

    /// Takes the key; nothing is traded without.
    pub(crate) async fn acquire(&self) -> core::result::Result<(), Failure> {
        match self.ask("/reserve").await {
            Ok(Reserved { held_by: None }) => Ok(()),
            Ok(Reserved { held_by: Some(other) }) => Err(Failure::duplicate(other)),
            Err(_) => Err(Failure::store_unavailable()),
        }
    }

    /// Gives the key back: there is certainly no order. Best effort; it stays held otherwise.
    pub(crate) async fn release(&self) {
        let _ = self.ask("/release").await;
    }

    /// Makes the lock survive a crash: its signal waits in the queue. Best effort; the message
    /// itself carries the key.
    pub(crate) async fn commit(&self) {
        let _ = self.ask("/commit").await;
    }

    async fn ask(&self, path: &str) -> Result<Reserved> {
        let object = self.env.durable_object(OBJECTS)?;
        let object = object.get_by_name(&shard(self.asked.key.as_str()))?;
        let body = serde_json::to_string(&self.asked)?;
        let url = format!("https://object{path}");
        let request = internal_request(&self.env, &url, self.asked.request_id, &[], &body)?;
        let response = object.fetch_with_request(request).await?;
        match response.status_code() {
            204 => Ok(Reserved { held_by: None }),
            200 => json_of(&response).await,
            _ => Err("the object cannot keep keys".into()),
        }
    }
}

/// Has a refusal written into the ledger. Best effort.
pub(crate) async fn note(env: &Env, refusal: &RefusedSignal) -> Result<()> {
    let id = refusal.request_id;
    let object = env.durable_object(OBJECTS)?.get_by_name(&shard(id.as_str()))?;
    let body = serde_json::to_string(refusal)?;
    let request = internal_request(env, "https://object/note", id, &[], &body)?;
    object.fetch_with_request(request).await.map(drop)
}
