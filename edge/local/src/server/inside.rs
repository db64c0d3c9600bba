//! What only who has the internal key may ask: orders from inside, and the tables (trade.md §1, §13;
//! data.md §1).

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router as Routes;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use axum::routing::{get, post};
use hoox_ledger::ledger::{Ledger, LedgerError, SignalFilter, TradeFilter};
use hoox_router::{Answer, ErrorCode, Failure, RawSignal, RequestId, Violation};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Shared, build, read_body, respond};
use crate::archive::watched;

/// How many signals are told unless it is said, and at most (trade.md §13).
const SIGNALS: (u32, u32) = (10, 100);

/// How many trades and balances are told unless it is said, and at most (data.md §1).
const TRADES: (u32, u32) = (50, 1_000);

pub(super) fn routes() -> Routes<Shared> {
    Routes::new()
        .route("/process", post(order))
        .route("/order", post(order))
        .route("/close-all", post(close_all))
        .route("/api/signals", get(signals))
        .route("/api/trades", get(trades))
        .route("/api/positions", get(positions))
        .route("/api/balances", get(balances))
}

/// An order of another part of the system, bare or in an envelope: unlike a webhook's, a close passes
/// an engaged kill switch (trade.md §12).
async fn order(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Envelope<'a> {
        request_id: RequestId,
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    let (id, request) = match shared.inside(request) {
        Ok(inside) => inside,
        Err(refused) => return *refused,
    };
    let body = match read_body(request).await {
        Ok(body) => body,
        Err(failure) => return respond(&Answer::failure(id, &failure)),
    };
    let envelope: Option<Envelope<'_>> = serde_json::from_slice(&body).ok();
    let (id, payload) = match &envelope {
        Some(envelope) => (envelope.request_id, envelope.payload.get().as_bytes()),
        None => (id, &body[..]),
    };
    let signal = match RawSignal::parse(payload) {
        Ok(raw) => {
            let default = shared.service.router.config().await.default_routing;
            raw.validate_inside(default).map_err(Failure::violations)
        }
        Err(error) => Err(Failure::new(ErrorCode::Validation, error.to_string())),
    };
    let signal = match signal {
        Ok(signal) => signal,
        Err(failure) => return respond(&Answer::failure(id, &failure)),
    };
    let service = Arc::clone(&shared.service);
    let (answered, answer) = tokio::sync::oneshot::channel();
    tokio::spawn(watched(async move {
        let mut answer = service.router.execute(signal, id).await;
        let orders = answer.take_without_fee();
        let _ = answered.send(answer);
        service.read_fees(orders).await;
    }));
    match answer.await {
        Ok(answer) => respond(&answer),
        Err(_) => internal(id),
    }
}

/// Closes every open position.
async fn close_all(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default, deny_unknown_fields)]
    struct Asked {
        request_id: Option<RequestId>,
        test: bool,
    }
    let (id, request) = match shared.inside(request) {
        Ok(inside) => inside,
        Err(refused) => return *refused,
    };
    let body = match read_body(request).await {
        Ok(body) => body,
        Err(failure) => return respond(&Answer::failure(id, &failure)),
    };
    let asked = match body.is_empty() {
        true => Ok(Asked::default()),
        false => serde_json::from_slice::<Asked>(&body),
    };
    let Ok(Asked { request_id, test }) = asked else {
        let message = "The body is not {\"requestId\": …, \"test\": …}.";
        return respond(&Answer::failure(id, &Failure::new(ErrorCode::Validation, message)));
    };
    let id = request_id.unwrap_or(id);
    let service = Arc::clone(&shared.service);
    // The operator hanging up must not stop it half-way.
    let task = tokio::spawn(watched(async move { service.router.close_all(id, test).await }));
    let Ok(all) = task.await else { return internal(id) };
    let closes = all.closes.iter().map(|close| {
        let answer: Value = serde_json::from_str(&close.answer.body).unwrap_or_default();
        json!({
            "exchange": close.venue.as_str(), "symbol": close.symbol.as_str(),
            "side": close.side, "status": close.answer.status, "answer": answer,
        })
    });
    let unreachable = all.unreachable.iter().map(|venue| venue.as_str());
    let body = json!({
        "success": all.is_complete(),
        "requestId": id,
        "result": {
            "closes": closes.collect::<Vec<_>>(),
            "unreachable": unreachable.collect::<Vec<_>>(),
        },
    });
    let status = if all.is_complete() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    told(status, id, &body)
}

/// The signals, newest first, refused ones included.
async fn signals(
    State(shared): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
    request: Request<Body>,
) -> Response<Body> {
    table(shared, request, move |ledger| {
        let limit = limit(&query, SIGNALS, &["limit"])?;
        let rows = ledger.signals(&SignalFilter { limit, ..SignalFilter::default() })?;
        Ok(json!({ "result": rows }))
    })
    .await
}

/// The trades, newest first.
async fn trades(
    State(shared): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
    request: Request<Body>,
) -> Response<Body> {
    table(shared, request, move |ledger| {
        let limit = limit(&query, TRADES, &["limit", "exchange", "symbol", "status"])?;
        let text = |name: &str| query.get(name).map(String::as_str);
        let rows = ledger.trades(&TradeFilter {
            exchange: text("exchange"),
            symbol: text("symbol"),
            status: text("status"),
            limit,
            ..TradeFilter::default()
        })?;
        Ok(json!({ "result": rows }))
    })
    .await
}

/// The open positions.
async fn positions(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    table(shared, request, |ledger| Ok(json!({ "positions": ledger.positions(true)? }))).await
}

/// What the live accounts were worth, newest first.
async fn balances(
    State(shared): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
    request: Request<Body>,
) -> Response<Body> {
    table(shared, request, move |ledger| {
        let limit = limit(&query, TRADES, &["limit"])?;
        Ok(json!({ "balances": ledger.balances(limit)? }))
    })
    .await
}

/// Why a table is not told.
enum Refused {
    Query(Vec<Violation>),
    Ledger,
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        tracing::error!(%error, "the ledger cannot be read");
        Self::Ledger
    }
}

/// Reads a table on a thread that may wait.
async fn table(
    shared: Shared,
    request: Request<Body>,
    read: impl FnOnce(&Ledger) -> Result<Value, Refused> + Send + 'static,
) -> Response<Body> {
    let id = match shared.inside(request) {
        Ok((id, _)) => id,
        Err(refused) => return *refused,
    };
    // Whoever was answered finds his order here.
    if shared.service.store.settled().await.is_err() {
        return internal(id);
    }
    let directory = shared.service.data_dir.clone();
    let task = tokio::task::spawn_blocking(move || read(&Ledger::open(&directory)?));
    match task.await {
        Ok(Ok(mut body)) => {
            if let Some(body) = body.as_object_mut() {
                body.insert("success".into(), true.into());
                body.insert("requestId".into(), id.to_string().into());
            }
            told(StatusCode::OK, id, &body)
        }
        Ok(Err(Refused::Query(violations))) => {
            respond(&Answer::failure(id, &Failure::violations(violations)))
        }
        Ok(Err(Refused::Ledger)) | Err(_) => internal(id),
    }
}

/// The limit of a query that names nothing unknown.
fn limit(
    query: &HashMap<String, String>,
    (default, max): (u32, u32),
    known: &[&str],
) -> Result<u32, Refused> {
    let mut violations = Vec::new();
    for name in query.keys().filter(|name| !known.contains(&name.as_str())) {
        violations.push(Violation::new(name, "Unknown filter."));
    }
    let given = query.get("limit").map(|text| text.parse::<u32>().ok());
    let limit = given.unwrap_or(Some(default)).filter(|limit| (1..=max).contains(limit));
    if limit.is_none() {
        violations.push(Violation::new("limit", format!("Must be 1 to {max}.")));
    }
    limit.filter(|_| violations.is_empty()).ok_or(Refused::Query(violations))
}

impl Shared {
    /// The id of a request from inside; only who has the internal key is (trade.md §1).
    fn inside(
        &self,
        request: Request<Body>,
    ) -> Result<(RequestId, Request<Body>), Box<Response<Body>>> {
        let id = given_id(request.headers()).unwrap_or_else(super::new_request_id);
        let presented = request.headers().get("x-internal-auth-key");
        let presented = presented.and_then(|key| key.to_str().ok());
        let known = self.internal_key.as_ref().zip(presented);
        if known.and_then(|(key, presented)| key.verify(presented)).is_none() {
            let message = "The internal key is missing or wrong.";
            let failure = Failure::new(ErrorCode::Unauthorized, message);
            return Err(Box::new(respond(&Answer::failure(id, &failure))));
        }
        Ok((id, request))
    }
}

fn given_id(headers: &HeaderMap) -> Option<RequestId> {
    RequestId::new(headers.get("x-request-id")?.to_str().ok()?).ok()
}

fn told(status: StatusCode, id: RequestId, body: &Value) -> Response<Body> {
    let id = (HeaderName::from_static("x-request-id"), id.to_string());
    build(status, body.to_string(), [id])
}

fn internal(id: RequestId) -> Response<Body> {
    respond(&Answer::failure(id, &Failure::new(ErrorCode::Internal, "Internal error.")))
}
