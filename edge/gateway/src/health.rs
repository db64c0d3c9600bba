//! `GET /health` (gateway.md §10).

use hoox_connector::Clock;
use hoox_edge::{WorkerClock, json};
use hoox_router::RequestId;
use worker::{Env, Method, Request, Response, Result};

use crate::webhook::gate;

/// Asks for everything a signal needs. The ledger is the trade engine's, which tells of it.
pub(crate) async fn answer(env: &Env, id: RequestId) -> Result<Response> {
    let (config, ledger) = futures_util::future::join(
        async { gate(env).config(WorkerClock.monotonic()).await.readable },
        async { ledger(env).await.unwrap_or(false) },
    )
    .await;
    let queue = env.queue("TRADE_QUEUE").is_ok();
    let fine = config && ledger && queue;
    let state = |fine, good| if fine { good } else { "unavailable" };
    let body = serde_json::json!({
        "status": if fine { "ok" } else { "degraded" },
        "timestamp": WorkerClock.now().as_millis(),
        "bindings": {
            "d1": state(ledger, "connected"),
            "kv": state(config, "connected"),
            "queue": state(queue, "active"),
        },
    });
    json(id, if fine { 200 } else { 503 }, &body)
}

async fn ledger(env: &Env) -> Result<bool> {
    let request = Request::new("https://trade/health", Method::Get)?;
    let response = env.service("TRADE_SERVICE")?.fetch_request(request).await?;
    Ok(response.status_code() == 200)
}
