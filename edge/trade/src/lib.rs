//! The trade engine as a Worker (trade.md): private routes, the queue's consumer, and the Durable
//! Object that keeps the life of every order.

mod account;
mod accounts;
mod connection_manager;
mod consumer;
mod dex;
mod idempotency_store;
mod ledger;
mod notices;
mod order;
mod routes;
mod store;

use hoox_connector::Clock;
use hoox_edge::WorkerClock;
use hoox_router::LogLevel;
use worker::{
    Context, Env, MessageBatch, Request, Response, Result, ScheduleContext, ScheduledEvent, event,
};

pub use connection_manager::ExchangeConnectionManager;
pub use idempotency_store::IdempotencyStore;

/// Answers a request of another worker.
#[event(fetch, respond_with_errors)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    routes::answer(request, env).await
}

/// Forgets, once a day, what is older than the ledger keeps.
#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    let Some(config) = hoox_edge::snapshot(&env).await else { return };
    if ledger::purge(&env, WorkerClock.now(), &config).await.is_err() {
        hoox_edge::log(LogLevel::Error, None, "what is old could not be removed from the ledger");
    }
}

/// Carries out messages of the queue `trade-execution`, and keeps what ends in its dead letters.
#[event(queue)]
async fn queue(batch: MessageBatch<serde_json::Value>, env: Env, _: Context) -> Result<()> {
    consumer::consume(&batch, &env).await;
    Ok(())
}
