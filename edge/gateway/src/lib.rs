//! The gateway as a Worker (gateway.md): the only public one. Checks signals, locks them, and hands
//! them to the trade engine or the queue.

mod dispatch;
mod forward;
mod health;
mod lock;
mod rate_limiter;
mod webhook;

use std::rc::Rc;

use hoox_edge::{fail, new_request_id, path};
use hoox_router::{ErrorCode, Failure, RequestId};
use worker::js_sys::Promise;
use worker::wasm_bindgen::{self, prelude::wasm_bindgen};
use worker::{Context, Env, Method, Request, Response, Result, web_sys, worker_sys};

pub use rate_limiter::RateLimiterStore;

/// Answers a request from outside.
#[wasm_bindgen(wasm_bindgen = wasm_bindgen)]
pub fn fetch(request: web_sys::Request, env: Env, context: worker_sys::Context) -> Promise {
    let (id, context) = (new_request_id(), Context::new(context));
    hoox_edge::answer(id, route(request.into(), env, context, id))
}

async fn route(request: Request, env: Env, context: Context, id: RequestId) -> Result<Response> {
    let path = path(&request);
    let wanted = match path.as_str() {
        "/webhook" | "/telegram-webhook" | "/agent/chat" => Method::Post,
        "/health" | "/agent/usage" => Method::Get,
        _ => return fail(id, &Failure::new(ErrorCode::NotFound, "No such path.")),
    };
    if request.method() != wanted {
        let message = "This path does not take this method.";
        return fail(id, &Failure::new(ErrorCode::MethodNotAllowed, message));
    }
    match path.as_str() {
        "/webhook" => webhook::answer(request, env, Rc::new(context), id).await,
        "/health" => health::answer(&env, id).await,
        "/telegram-webhook" => forward::telegram(request, &env, id).await,
        _ => forward::agent(request, &env, id).await,
    }
}
