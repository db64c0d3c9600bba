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
use hoox_edge::{WorkerClock, request_id};
use hoox_router::RequestId;
use worker::js_sys::Promise;
use worker::wasm_bindgen::{self, prelude::wasm_bindgen};
use worker::{Context, Env, Request, Response, Result, web_sys, worker_sys};

pub use wallet_store::WalletStore;

/// Answers a request of another worker.
#[wasm_bindgen(wasm_bindgen = wasm_bindgen)]
pub fn fetch(request: web_sys::Request, env: Env, context: worker_sys::Context) -> Promise {
    let (request, context) = (Request::from(request), Context::new(context));
    let id = request_id(&request);
    hoox_edge::answer(id, measured(request, env, context, id))
}

async fn measured(request: Request, env: Env, context: Context, id: RequestId) -> Result<Response> {
    let (started, path) = (WorkerClock.monotonic(), hoox_edge::path(&request));
    let response = routes::answer(request, &env, id).await?;
    let (path, latency) =
        (path.chars().take(64).collect(), WorkerClock.monotonic().saturating_sub(started));
    context.wait_until(notify::measure(env, path, latency, response.status_code() == 200));
    Ok(response)
}
