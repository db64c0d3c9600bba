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
mod recorder;
mod routes;
mod settled;
mod store;

use hoox_connector::Clock;
use hoox_edge::{WorkerClock, request_id};
use hoox_router::LogLevel;
use worker::js_sys::Promise;
use worker::wasm_bindgen::{self, prelude::wasm_bindgen};
use worker::{
    Env, MessageBatch, Request, ScheduleContext, ScheduledEvent, event, web_sys, worker_sys,
};

pub use connection_manager::ExchangeConnectionManager;
pub use idempotency_store::IdempotencyStore;

/// Answers a request of another worker.
#[wasm_bindgen(wasm_bindgen = wasm_bindgen)]
pub fn fetch(request: web_sys::Request, env: Env, _: worker_sys::Context) -> Promise {
    let request = Request::from(request);
    let id = request_id(&request);
    hoox_edge::answer(id, routes::answer(request, env, id))
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
#[wasm_bindgen(wasm_bindgen = wasm_bindgen)]
pub fn queue(batch: worker_sys::MessageBatch, env: Env, _: worker_sys::Context) -> Promise {
    let batch = MessageBatch::<serde_json::Value>::from(batch);
    hoox_edge::run(async move { consumer::consume(&batch, &env).await })
}
