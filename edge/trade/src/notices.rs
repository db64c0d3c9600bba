//! What other workers are told of an order that has ended (trade.md §10): Telegram for people, the
//! analytics for figures. Best effort, off the order's way; after a crash something may be told twice.

use core::time::Duration;

use futures_util::future::join_all;
use hoox_edge::{internal_request, secret, within};
use hoox_router::{Record, RequestId, State, Step};
use serde_json::json;
use worker::Env;

use crate::store::Due;

/// Where alerts go unless somebody says otherwise (data.md §8).
const CHATS: [&str; 3] = ["TELEGRAM_CHAT_ID_DEFAULT", "TELEGRAM_CHAT_ID", "TG_CHAT_ID_BINDING"];

/// The bindings of those who are told.
const TELEGRAM: &str = "TELEGRAM_SERVICE";
const ANALYTICS: &str = "ANALYTICS_SERVICE";

/// How long they may take to listen.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Tells of every order among the records that has ended.
pub(crate) async fn send(env: &Env, records: &[Due]) {
    if [TELEGRAM, ANALYTICS].iter().all(|name| env.service(name).is_err()) {
        return;
    }
    let ended = records.iter().filter(|record| record.is_for_others());
    let ended = ended.filter_map(|record| serde_json::from_str::<Record>(&record.json).ok());
    join_all(ended.map(|record| tell(env, record))).await;
}

async fn tell(env: &Env, record: Record) {
    let id = record.request_id;
    let chat = CHATS.iter().find_map(|name| secret(env, name));
    let alert = json!({
        "chatId": chat.as_ref().map(|chat| chat.expose()), "message": message(&record),
    });
    post(env, TELEGRAM, "https://telegram/alert", id, &alert).await;
    let failed = (record.state == State::Rejected).then(|| reason(&record));
    let price = record.execution.as_ref().and_then(|it| it.average_price);
    let latency = record.trace.done_at(Step::Acknowledged);
    let point = json!({
        "payload": {
            "exchange": record.intent.venue.as_str(), "symbol": record.intent.symbol.as_str(),
            "action": record.signal.action.to_string(), "quantity": figure(&quantity(&record)),
            "price": price.and_then(|price| figure(&price.to_string())),
            "requestId": id, "test": record.signal.test,
        },
        "result": { "success": failed.is_none(), "error": failed },
        "latencyMs": latency.unwrap_or_default() / 1_000,
    });
    post(env, ANALYTICS, "https://analytics/track/trade", id, &point).await;
}

async fn post(env: &Env, service: &str, url: &str, id: RequestId, body: &serde_json::Value) {
    let Ok(service) = env.service(service) else { return };
    if let Ok(request) = internal_request(env, url, id, &[], &body.to_string()) {
        let _ = within(TIMEOUT, service.fetch_request(request)).await;
    }
}

/// What people read, as HTML.
fn message(record: &Record) -> String {
    let (venue, symbol) = (record.intent.venue, record.intent.symbol);
    let (status, action) = (record.trade_status(), record.signal.action);
    if record.state == State::Rejected {
        return format!("{status}: {action} {symbol} on {venue}. {}", escape(&reason(record)));
    }
    let price = record.execution.as_ref().and_then(|it| it.average_price);
    let price = price.map_or_else(String::new, |price| format!(" at {}", price.normalize()));
    let order = record.order_id.map_or_else(String::new, |id| format!(", order {id}"));
    format!("{status}: {action} {} {symbol} on {venue}{price}{}", quantity(record), escape(&order))
}

fn quantity(record: &Record) -> String {
    let filled = record.execution.as_ref().map(|it| it.filled_quantity);
    let filled = filled.filter(|filled| !filled.is_zero());
    let ordered = record.intent.base_quantity.unwrap_or(record.intent.order.quantity);
    filled.unwrap_or(ordered).normalize().to_string()
}

/// A decimal as the analytics have it.
fn figure(decimal: &str) -> Option<serde_json::Value> {
    serde_json::from_str(decimal).ok()
}

fn reason(record: &Record) -> String {
    record.refusal.as_ref().map(|refusal| refusal.message.to_string()).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
