//! `POST /webhook`: the checks, in the order in which they are answered (spec README §4).

use core::cell::{Cell, OnceCell};
use core::time::Duration;
use std::net::IpAddr;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::join;
use hoox_connector::Clock;
use hoox_edge::{
    KvConfig, WorkerClock, client_address, fail, internal_request, read_body, secrets,
};
use hoox_router::{
    BODY_MAX, CallerId, ErrorCode, Failure, Gate, IdempotencyKey, Queued, RefusedSignal, RequestId,
    Settings, Signal, iso_8601,
};
use worker::{Context, Env, Request, Response, Result};

use crate::dispatch::{self, Dispatch};
use crate::lock::{self, Lock};
use crate::rate_limiter;

/// How long a sender counts as having been here (gateway.md §12).
const SESSION_SECONDS: u64 = 3_600;

/// How often that is written down at most: a key takes one write a second.
const SESSION_EVERY: Duration = Duration::from_secs(60);

thread_local! {
    /// One per isolate, so that its snapshot of the configuration is shared.
    static GATE: OnceCell<Rc<Gate<KvConfig>>> = const { OnceCell::new() };
    static SESSION_WRITTEN: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// A request on its way.
struct Incoming {
    env: Env,
    context: Rc<Context>,
    id: RequestId,
}

pub(crate) async fn answer(
    mut request: Request,
    env: Env,
    context: Rc<Context>,
    id: RequestId,
) -> Result<Response> {
    let started = WorkerClock.monotonic();
    let peer = client_address(&request);
    let body = match read_body(&mut request, BODY_MAX).await {
        Ok(body) => body,
        Err(failure) => return fail(id, &failure),
    };
    let incoming = Incoming { env: env.clone(), context: Rc::clone(&context), id };
    // The sender hanging up must not stop an order half-way: the work goes on by itself.
    let (done, answer) = oneshot::channel();
    context.wait_until(async move {
        let _ = done.send(incoming.handle(&body, peer).await);
    });
    let response = match answer.await {
        Ok(response) => response,
        Err(_) => fail(id, &Failure::new(ErrorCode::Internal, "Internal error.")),
    };
    let success = response.as_ref().is_ok_and(|response| response.status_code() < 400);
    context.wait_until(async move { measure(&env, id, started, success).await });
    response
}

impl Incoming {
    async fn handle(&self, body: &[u8], peer: Option<IpAddr>) -> Result<Response> {
        match self.carry_out(body, peer).await {
            Ok(response) => Ok(response),
            Err(failure) => fail(self.id, &failure),
        }
    }

    async fn carry_out(
        &self,
        body: &[u8],
        peer: Option<IpAddr>,
    ) -> core::result::Result<Response, Failure> {
        let gate = gate(&self.env);
        let screened = match gate.screen(body, peer, WorkerClock.monotonic()).await {
            Ok(screened) => screened,
            Err(turned) => {
                if turned.authenticated {
                    self.note(turned.signal, &turned.failure);
                }
                return Err(turned.failure);
            }
        };
        self.remember(screened.caller);
        let (caller, limit) = (screened.caller, screened.limit);
        let counted = rate_limiter::count(&self.env, caller, limit);
        let signal = match screened.signal {
            Ok(signal) => signal,
            Err(failure) => {
                let failure = counted.await.err().unwrap_or(failure);
                self.note(None, &failure);
                return Err(failure);
            }
        };
        let now = WorkerClock.now();
        let key = IdempotencyKey::of(&signal, now);
        let lock = Lock::new(self.env.clone(), key.clone(), self.id, now);
        // Both at once, which saves a round trip; what is told first was to be checked first.
        let (counted, locked) = join(counted, lock.acquire()).await;
        if let Err(failure) = counted {
            if locked.is_ok() {
                self.context.wait_until(async move { lock.release().await });
            }
            self.note(Some(signal), &failure);
            return Err(failure);
        }
        if let Err(failure) = locked {
            self.note(Some(signal), &failure);
            if failure.code == ErrorCode::IdempotencyUnavailable {
                // It may have been locked all the same, and only the answer be lost.
                self.context.wait_until(async move { lock.release().await });
            }
            return Err(failure);
        }
        let message = hoox_router::QueueMessage::new(&signal, key, self.id, now);
        let Dispatch { answer, lock: fate } =
            dispatch::dispatch(&self.env, &message, screened.mode).await;
        match fate {
            dispatch::Fate::Kept => {}
            dispatch::Fate::Queued => self.context.wait_until(async move { lock.commit().await }),
            dispatch::Fate::Free => self.context.wait_until(async move { lock.release().await }),
        }
        answer
    }

    /// Has a refusal written down, once it is answered.
    fn note(&self, signal: Option<Signal>, failure: &Failure) {
        let refusal = RefusedSignal {
            request_id: self.id,
            at: WorkerClock.now(),
            signal,
            code: failure.code,
            message: failure.message.clone(),
            queued: Queued::No,
        };
        let env = self.env.clone();
        self.context.wait_until(async move {
            let _ = lock::note(&env, &refusal).await;
        });
    }

    /// Keeps when a sender was last here, where there is a namespace for it.
    fn remember(&self, caller: CallerId) {
        let now = WorkerClock.monotonic();
        let written = SESSION_WRITTEN.get();
        if written.is_some_and(|at| now.saturating_sub(at) < SESSION_EVERY) {
            return;
        }
        let Ok(sessions) = self.env.kv("SESSIONS_KV") else { return };
        SESSION_WRITTEN.set(Some(now));
        let value = serde_json::json!({ "lastSeen": iso_8601(WorkerClock.now()) }).to_string();
        self.context.wait_until(async move {
            if let Ok(put) = sessions.put(&format!("sess:{caller}"), value) {
                let _ = put.expiration_ttl(SESSION_SECONDS).execute().await;
            }
        });
    }
}

/// The gate of this isolate.
pub(crate) fn gate(env: &Env) -> Rc<Gate<KvConfig>> {
    GATE.with(|kept| {
        Rc::clone(kept.get_or_init(|| {
            let passkeys = secrets(env, &["WEBHOOK_API_KEY", "WEBHOOK_API_KEY_BINDING"]);
            let max_age = Settings::default().config_max_age;
            Rc::new(Gate::new(KvConfig::new(env.clone()), &passkeys, max_age))
        }))
    })
}

/// Tells the analytics worker, where there is one, how long an answer took (gateway.md §9).
async fn measure(env: &Env, id: RequestId, started: Duration, success: bool) {
    let Ok(analytics) = env.service("ANALYTICS_SERVICE") else { return };
    let latency = WorkerClock.monotonic().saturating_sub(started).as_millis();
    let point = serde_json::json!({
        "worker": "hoox", "endpoint": "/webhook", "latencyMs": latency, "success": success,
    });
    let url = "https://analytics/track/api-call";
    if let Ok(request) = internal_request(env, url, id, &[], &point.to_string()) {
        let _ = analytics.fetch_request(request).await;
    }
}
