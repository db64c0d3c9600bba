//! The instance of the program, and what becomes of its work when it is lost.
//!
//! A panic ends the instance, and so does running out of memory or of stack; the shim of worker-build
//! makes a new one for whatever comes next. What the lost one was doing is never finished. Whoever
//! waits for it is told at once, from JavaScript, which goes on: a request is answered with an error,
//! a batch of messages has failed, and an object begins anew from what it has stored.

use core::cell::Cell;
use core::panic::AssertUnwindSafe;

use hoox_router::{Answer, ErrorCode, Failure, LogLevel, RequestId};
use js_sys::Promise;
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::{self, JsValue};
use worker::wasm_bindgen_futures::future_to_promise;
use worker::worker_sys::DurableObjectState;
use worker::{Response, Result, State, web_sys};

use crate::answer::headers;
use crate::{fail, log, new_request_id};

#[wasm_bindgen(wasm_bindgen = wasm_bindgen, module = "/src/instance.js")]
extern "C" {
    fn arm(id: &str, body: &str, headers: &str);
    fn answered(work: Promise, id: &str) -> Promise;
    fn finished(work: Promise) -> Promise;
    fn keep(name: &str, state: &DurableObjectState);
    fn tell_lost();
}

thread_local! {
    /// Whether the loss of this instance would be told.
    static PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// The answer that `work` comes to. Whatever fails in it is told as such and no more.
pub fn answer(id: RequestId, work: impl Future<Output = Result<Response>> + 'static) -> Promise {
    prepare();
    let work = async move {
        let response = match work.await {
            Ok(response) => Ok(response),
            Err(_) => {
                log(LogLevel::Error, Some(id), "a request failed inside the worker");
                fail(id, &internal())
            }
        };
        response.map(|it| web_sys::Response::from(it).into()).map_err(JsValue::from)
    };
    answered(future_to_promise(AssertUnwindSafe(work)), id.as_str())
}

/// Work that answers nobody.
pub fn run(work: impl Future<Output = ()> + 'static) -> Promise {
    prepare();
    let work = async move {
        work.await;
        Ok(JsValue::UNDEFINED)
    };
    finished(future_to_promise(AssertUnwindSafe(work)))
}

/// Has an object begin anew when its instance is lost. Called when it begins.
pub fn keep_object(state: &State) {
    prepare();
    keep(&state.id().to_string(), state.as_raw());
}

/// Sees to it that the loss of this instance is told.
fn prepare() {
    if PREPARED.replace(true) {
        return;
    }
    let id = new_request_id();
    let told: Option<Vec<(String, String)>> = headers(id).ok().map(|it| it.entries().collect());
    let body = Answer::failure(id, &internal()).body;
    arm(id.as_str(), &body, &serde_json::to_string(&told.unwrap_or_default()).unwrap_or_default());
    // In place of what the crate `worker` does, after which the next callback of the lost instance runs
    // in the new one. One call, for the code around it lets nothing more run in a lost instance.
    wasm_bindgen::handler::set_on_abort(tell_lost);
}

fn internal() -> Failure {
    Failure::new(ErrorCode::Internal, "Internal error.")
}
