//! The worker's routes (trade.md §1).

use hoox_connector::{Clock, Venue};
use hoox_edge::{
    InternalKey, WorkerClock, fail, json, path, query_value, read_internal_body, shard,
};
use hoox_router::{ErrorCode, Failure, RequestId};
use serde::Deserialize;
use worker::{Env, Method, Request, Response, Result};

use crate::accounts::Accounts;
use crate::order::{Order, ask_object, unheard};
use crate::{dex, ledger};

/// The longest body that is read (trade.md §1, Later).
const BODY_MAX: usize = 256 * 1024;

/// Whose keys open this worker (spec README §5): the scoped one first.
const KEYS: [&str; 2] = ["TRADE_EXECUTE_KEY_BINDING", "INTERNAL_KEY_BINDING"];

pub(crate) async fn answer(mut request: Request, env: Env, id: RequestId) -> Result<Response> {
    let (path, method) = (path(&request), request.method());
    let wanted = match path.as_str() {
        "/webhook" | "/process" | "/order" | "/close-all" | "/dex" => Method::Post,
        "/api/signals" | "/health" => Method::Get,
        _ => return fail(id, &Failure::new(ErrorCode::NotFound, "No such path.")),
    };
    if method != wanted {
        let message = "This path does not take this method.";
        return fail(id, &Failure::new(ErrorCode::MethodNotAllowed, message));
    }
    if path == "/health" {
        return health(&env, id).await;
    }
    if !InternalKey::from_env(&env, &KEYS).admits(&request) {
        let message = "The internal key is missing or wrong.";
        return fail(id, &Failure::new(ErrorCode::Unauthorized, message));
    }
    let handed_on = request.headers().get("x-queue-mode")?;
    let body = match read_internal_body(&mut request, BODY_MAX).await {
        Ok(body) => body,
        Err(failure) => return fail(id, &failure),
    };
    let order = match path.as_str() {
        "/api/signals" => return signals(&request, &env, id).await,
        "/close-all" => return close_all(&env, id, &body).await,
        "/dex" => return dex::forward(&env, id, &body).await,
        "/process" => Order::enveloped(&env, &body, id).await,
        _ => match handed_on {
            Some(mode) => Order::handed_on(&body, mode),
            None => Order::bare(&env, &body, id).await,
        },
    };
    match order {
        Ok(order) => order.carry_out(&env).await,
        Err(failure) => fail(id, &failure),
    }
}

async fn close_all(env: &Env, id: RequestId, body: &[u8]) -> Result<Response> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        request_id: Option<RequestId>,
        #[serde(default)]
        test: bool,
    }
    let Ok(asked) = serde_json::from_slice::<Asked>(body) else {
        let message = "Invalid JSON payload structure.";
        return fail(id, &Failure::new(ErrorCode::Validation, message));
    };
    let id = asked.request_id.unwrap_or(id);
    let test = if asked.test { "test" } else { "live" };
    // Always the same object, so that asked twice nothing is closed twice.
    match ask_object(env, &shard("close-all"), "/close-all", id, &[], test).await {
        Ok(response) => Ok(response),
        Err(_) => fail(id, &unheard()),
    }
}

async fn signals(request: &Request, env: &Env, id: RequestId) -> Result<Response> {
    const FIELD: &str = "limit";
    let given = query_value(request, FIELD);
    let limit = given.map_or(Some(10), |value| value.parse().ok());
    let Some(limit) = limit.filter(|limit| (1..=100).contains(limit)) else {
        let violation = hoox_router::Violation::new(FIELD, "Must be from 1 to 100.");
        return fail(id, &Failure::violations(vec![violation]));
    };
    match ledger::signals(env, limit).await {
        Ok(rows) => json(id, 200, &serde_json::json!({ "success": true, "result": rows })),
        Err(_) => fail(id, &Failure::new(ErrorCode::Internal, "The ledger cannot be read.")),
    }
}

async fn health(env: &Env, id: RequestId) -> Result<Response> {
    let ledger = ledger::answers(env).await;
    let accounts = Accounts::of(env);
    let state = |venue: Venue| {
        let found = accounts.states().find(|(other, test, _)| *other == venue && !test);
        match found {
            None => "no credentials",
            Some((.., true)) => "ready",
            Some((.., false)) => "not asked yet",
        }
    };
    let body = serde_json::json!({
        "status": if ledger { "ok" } else { "degraded" },
        "timestamp": WorkerClock.now().as_millis(),
        "bindings": { "d1": if ledger { "connected" } else { "unavailable" } },
        "exchanges": {
            "binance": state(Venue::Binance),
            "bybit": state(Venue::Bybit),
            "mexc": state(Venue::Mexc),
        },
    });
    json(id, if ledger { 200 } else { 503 }, &body)
}
