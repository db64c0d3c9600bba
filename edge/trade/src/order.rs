//! From the body of an internal call to the object that carries the order out.

use hoox_connector::Clock;
use hoox_edge::{WorkerClock, fail, internal_request, shard};
use hoox_router::{ErrorCode, Failure, IdempotencyKey, QueueMessage, RawSignal, RequestId, Signal};
use serde::Deserialize;
use serde_json::value::RawValue;
use worker::{Env, Response, Result};

/// The binding of the objects.
const OBJECTS: &str = "IDEMPOTENCY_STORE";

/// An order, and how it is to be carried out.
#[derive(Debug)]
pub(crate) struct Order {
    message: QueueMessage,
    mode: String,
}

/// A request envelope (spec README §5).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'e> {
    request_id: Option<RequestId>,
    #[serde(borrow)]
    payload: &'e RawValue,
}

impl Order {
    /// What the gateway hands on: a checked signal under the key that it has reserved, and whether
    /// it may go into the queue.
    pub(crate) fn handed_on(body: &[u8], mode: String) -> core::result::Result<Self, Failure> {
        let message = QueueMessage::parse(body)
            .map_err(|error| Failure::new(ErrorCode::Validation, error.to_string()))?;
        Ok(Self { message, mode })
    }

    /// A bare order payload (trade.md §2), of which none goes into the queue.
    pub(crate) async fn bare(
        env: &Env,
        body: &[u8],
        id: RequestId,
    ) -> core::result::Result<Self, Failure> {
        let raw = RawSignal::parse(body)
            .map_err(|error| Failure::new(ErrorCode::Validation, error.to_string()))?;
        let signal = match raw.validate() {
            Ok(signal) => Ok(signal),
            // It may only lack an exchange, which the configuration has.
            Err(violations) => match hoox_edge::snapshot(env).await {
                Some(config) => raw.validate_inside(config.default_routing),
                None => Err(violations),
            },
        };
        Ok(Self::new(&signal.map_err(Failure::violations)?, id))
    }

    /// An order payload in its envelope.
    pub(crate) async fn enveloped(
        env: &Env,
        body: &[u8],
        id: RequestId,
    ) -> core::result::Result<Self, Failure> {
        let envelope: Envelope<'_> = serde_json::from_slice(body)
            .map_err(|_| Failure::new(ErrorCode::Validation, "Invalid JSON payload structure."))?;
        Self::bare(env, envelope.payload.get().as_bytes(), envelope.request_id.unwrap_or(id)).await
    }

    fn new(signal: &Signal, id: RequestId) -> Self {
        let now = WorkerClock.now();
        let key = IdempotencyKey::of(signal, now);
        let mode = String::from("direct_only");
        Self { message: QueueMessage::new(signal, key, id, now), mode }
    }

    /// Has the order carried out by the object that keeps its key.
    pub(crate) async fn carry_out(&self, env: &Env) -> Result<Response> {
        let id = self.message.request_id;
        let extra = [("x-queue-mode", self.mode.as_str())];
        let body = self.message.to_json();
        let key = self.message.idempotency_key.as_str();
        match ask_object(env, &shard(key), "/order", id, &extra, &body).await {
            Ok(response) => Ok(response),
            Err(_) => fail(id, &unheard()),
        }
    }
}

/// An object that was asked to trade did not answer: nobody knows whether it has.
pub(crate) fn unheard() -> Failure {
    let message = "No answer came from where orders are kept. What was asked for may have been done, \
                   and is not done twice.";
    Failure::new(ErrorCode::IdempotencyUnavailable, message)
}

/// Asks one of the objects.
///
/// # Errors
/// If it cannot be reached.
pub(crate) async fn ask_object(
    env: &Env,
    name: &str,
    path: &str,
    id: RequestId,
    extra: &[(&str, &str)],
    body: &str,
) -> Result<Response> {
    let object = env.durable_object(OBJECTS)?.get_by_name(name)?;
    let request = internal_request(env, &format!("https://object{path}"), id, extra, body)?;
    object.fetch_with_request(request).await
}
