//! Looking inside and interfering: `/control`, for tests and for people, from loopback only.

mod state;

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::{Market, Rules, TradingStatus};
use crate::exchange::{Exchange, SessionFault};
use crate::fault::{Fault, FaultPlan};
use crate::http::{HttpRequest, HttpResponse, MAX_BODY};
use crate::venue::Venue;

pub use state::{AccountState, BalanceState, Counters, OrderState, PositionState, State};
pub(crate) use state::{BINANCE, BYBIT, Codes, MEXC, counters, state};

/// Orders per account that `/control/state` shows unless `?orders=` says otherwise.
const DEFAULT_ORDERS: usize = 1_000;

/// Answers a request whose path has lost the `/control` prefix.
pub(crate) fn handle(
    exchange: &mut Exchange,
    now_ms: u64,
    path: &str,
    request: &HttpRequest<'_>,
) -> HttpResponse {
    if request.body.len() > MAX_BODY {
        return HttpResponse::html(413, "Payload Too Large");
    }
    match (request.method, path) {
        ("GET", "/state") => {
            let max = parameter(request.query, "orders").and_then(|v| v.parse().ok());
            let Ok(venue) = parameter(request.query, "venue")
                .map_or(Ok(Venue::default()), |v| serde_json::from_value(v.into()))
            else {
                return refuse("unknown venue");
            };
            let state = exchange.state_of(venue, now_ms, max.unwrap_or(DEFAULT_ORDERS));
            match serde_json::to_vec(&state) {
                Ok(body) => HttpResponse::json(200, body),
                Err(_) => refuse("state cannot be written"),
            }
        }
        ("POST", "/price") => match serde_json::from_slice::<SetPrice<'_>>(request.body) {
            Ok(set) => set_price(exchange, now_ms, &set),
            Err(e) => refuse(&e.to_string()),
        },
        ("POST", "/status") => match serde_json::from_slice::<SetStatus>(request.body) {
            Ok(set) => {
                let set = exchange.set_status_on(set.venue, set.market, &set.symbol, set.status);
                done(set, "unknown symbol")
            }
            Err(e) => refuse(&e.to_string()),
        },
        ("POST", "/rules") => match serde_json::from_slice::<SetRules>(request.body) {
            Ok(set) => {
                let SetRules { venue, market, symbol, rules } = set;
                let set = exchange.set_rules_on(venue, now_ms, market, &symbol, &rules);
                done(set, "unknown symbol, or a rule that is not above zero")
            }
            Err(e) => refuse(&e.to_string()),
        },
        ("POST", "/faults") => match serde_json::from_slice::<FaultPlan>(request.body) {
            Ok(plan) => done(exchange.set_fault_plan(Some(&plan)), "a plan that cannot be drawn"),
            Err(e) => refuse(&e.to_string()),
        },
        ("POST", "/latency") => match serde_json::from_slice::<SetLatency>(request.body) {
            Ok(set) => match set.latency.parse() {
                Ok(latency) => {
                    exchange.set_latency(latency);
                    done(true, "")
                }
                Err(e) => refuse(&e.to_string()),
            },
            Err(e) => refuse(&e.to_string()),
        },
        ("POST", "/sessions") => match serde_json::from_slice::<HitSessions>(request.body) {
            Ok(hit) => {
                let HitSessions { venue, matches, fault, ms } = hit;
                let hit = exchange.hit_sessions(now_ms, venue, matches.as_deref(), fault, ms);
                let body = serde_json::json!({"ok": true, "sessions": hit}).to_string();
                HttpResponse::json(200, body.into_bytes())
            }
            Err(e) => refuse(&e.to_string()),
        },
        ("POST", "/fault") => match serde_json::from_slice::<Fault>(request.body) {
            Ok(fault) => done(exchange.queue_fault(fault), "too many faults are waiting"),
            Err(e) => refuse(&e.to_string()),
        },
        ("DELETE", "/fault") => {
            exchange.clear_faults();
            done(true, "")
        }
        _ => HttpResponse::html(404, "Not Found"),
    }
}

#[derive(Deserialize)]
struct SetPrice<'a> {
    #[serde(default)]
    venue: Venue,
    market: Market,
    symbol: String,
    /// A string or a number, read digit for digit; null lets the price walk again.
    #[serde(borrow)]
    price: &'a RawValue,
}

#[derive(Deserialize)]
struct SetStatus {
    #[serde(default)]
    venue: Venue,
    market: Market,
    symbol: String,
    status: TradingStatus,
}

#[derive(Deserialize)]
struct SetRules {
    #[serde(default)]
    venue: Venue,
    market: Market,
    symbol: String,
    rules: Rules,
}

#[derive(Deserialize)]
struct SetLatency {
    latency: String,
}

#[derive(Deserialize)]
struct HitSessions {
    #[serde(default)]
    venue: Venue,
    #[serde(default)]
    matches: Option<String>,
    fault: SessionFault,
    #[serde(default)]
    ms: u64,
}

fn set_price(exchange: &mut Exchange, now_ms: u64, set: &SetPrice<'_>) -> HttpResponse {
    let price = match set.price.get() {
        "null" => None,
        text => match text.trim_matches('"').parse::<Decimal>() {
            Ok(price) => Some(price),
            Err(_) => return refuse("price is not a decimal"),
        },
    };
    let set = exchange.set_price_on(set.venue, now_ms, set.market, &set.symbol, price);
    done(set, "unknown symbol, or a price out of range")
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|p| p.split_once('=').filter(|(n, _)| *n == name))?;
    percent_decode_str(pair.1).decode_utf8().ok().map(|v| v.into_owned())
}

fn done(ok: bool, otherwise: &str) -> HttpResponse {
    if ok { HttpResponse::json(200, b"{\"ok\":true}".to_vec()) } else { refuse(otherwise) }
}

fn refuse(why: &str) -> HttpResponse {
    let body = serde_json::json!({"ok": false, "error": why}).to_string();
    HttpResponse::json(400, body.into_bytes())
}
