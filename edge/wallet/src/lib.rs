//! The wallet as a Worker (wallet.md): private routes, and the Durable Object that signs.

mod asked;
mod chains;
mod gate;
mod guard;
mod keys;
mod ledger;
mod migration;
mod notify;
mod price;
mod refusal;
mod routes;
mod settings;
mod store;
mod wallet_store;

use hoox_connector::Clock;
use hoox_edge::WorkerClock;
use worker::{Context, Env, Request, Response, Result, event};

pub use wallet_store::WalletStore;

/// Answers a request of another worker.
#[event(fetch, respond_with_errors)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let (started, path) = (WorkerClock.monotonic(), request.path());
    let path = path.chars().take(64).collect();
    let response = routes::answer(request, &env).await?;
    let latency = WorkerClock.monotonic().saturating_sub(started);
    context.wait_until(notify::measure(env, path, latency, response.status_code() == 200));
    Ok(response)
}
