//! The wallet as a Worker (wallet.md): private routes, and the Durable Object that signs.

mod asked;
mod chains;
mod gate;
mod keys;
mod ledger;
mod price;
mod refusal;
mod routes;
mod settings;
mod store;
mod wallet_store;

use worker::{Context, Env, Request, Response, Result, event};

pub use wallet_store::WalletStore;

/// Answers a request of another worker.
#[event(fetch, respond_with_errors)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    routes::answer(request, env).await
}
