//! What other workers hear of, where they are there (wallet.md §11).

use core::time::Duration;

use hoox_edge::{internal_request, new_request_id};
use hoox_wallet::{Action, TransactionRecord};
use serde_json::{Value, json};
use worker::Env;

use crate::ledger;

/// Tells people what became of a payment or swap. An approval is a step of one.
pub(crate) async fn alert(env: &Env, chain: &str, record: &TransactionRecord) {
    let what = match &record.action {
        Action::Send { .. } | Action::Transfer { .. } => "Payment",
        Action::Swap(_) => "Swap",
        Action::Wrap { .. } | Action::Unwrap { .. } => "Wrapping",
        _ => return,
    };
    let hash = record.hash().map_or_else(String::new, |hash| format!(", {hash}"));
    let message = format!("{what} on {chain}: {}{hash}", ledger::status(record));
    post(env, "TELEGRAM_SERVICE", "https://telegram/alert", &json!({ "message": message })).await;
}

/// Tells how long an answer took.
pub(crate) async fn measure(env: Env, endpoint: String, latency: Duration, success: bool) {
    let point = json!({
        "worker": "web3-wallet-worker", "endpoint": endpoint,
        "latencyMs": latency.as_millis(), "success": success,
    });
    post(&env, "ANALYTICS_SERVICE", "https://analytics/track/api-call", &point).await;
}

/// Whoever is not bound, or does not answer, does not hear of it.
async fn post(env: &Env, service: &str, url: &str, body: &Value) {
    let Ok(fetcher) = env.service(service) else { return };
    if let Ok(request) = internal_request(env, url, new_request_id(), &[], &body.to_string()) {
        let _ = fetcher.fetch_request(request).await;
    }
}
