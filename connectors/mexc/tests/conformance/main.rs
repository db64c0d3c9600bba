//! The conformance suite, for both markets, which are two different APIs.
//!
//! The venue's half is written from `mexcdevelop/apidocs`, **spot** spot_v3_en and **futures**
//! contract_v1_en, and from the official sample clients for how futures are signed.

#![cfg(test)]

mod linear_replies;
mod linear_requests;
mod spot;

use std::sync::Arc;

use hoox_connector::conformance::{Harness, Meaning, Scenario, run};
use hoox_connector::{OperationKind as Kind, RejectReason as Reason, *};
use hoox_mexc::Mexc;
use serde_json::json;
use serde_json::value::RawValue;

use linear_replies::success;

const KEY: &str = "mx0aBYs33eIilxBWC5";
const SECRET: &str = "45d0b3c26f2644f19bfb98b07741b2f5";

struct Account {
    dialect: Mexc,
    market: Market,
}

impl Account {
    fn new(market: Market) -> Self {
        let credentials = Credentials::hmac(KEY, SECRET);
        let dialect = match market {
            Market::Spot => Mexc::spot(credentials),
            _ => Mexc::linear(credentials)
                .with_instruments(Arc::new(Instruments::new(vec![linear_replies::instrument()]))),
        };
        Self { dialect, market }
    }

    fn is_spot(&self) -> bool {
        self.market == Market::Spot
    }
}

impl Harness for Account {
    fn provider(&self) -> &dyn ExchangeProvider {
        &self.dialect
    }

    fn instrument(&self) -> Instrument {
        if self.is_spot() { spot::instrument() } else { linear_replies::instrument() }
    }

    fn price(&self) -> Decimal {
        dec("43210.9")
    }

    fn quantity(&self) -> Decimal {
        dec("0.0012")
    }

    /// Futures number the pages of some lists.
    fn next_page(&self, kind: Kind) -> Option<String> {
        let numbered = matches!(kind, Kind::OpenOrders | Kind::OrderHistory | Kind::Fills);
        (numbered && !self.is_spot()).then(|| "2".into())
    }

    fn understand(&self, request: Request<'_>) -> Result<Meaning, String> {
        if self.is_spot() {
            spot::understand(&request)
        } else {
            linear_requests::understand(&request)
        }
    }

    fn answer(&self, scenario: &Scenario<'_>) -> Option<Response> {
        match scenario {
            Scenario::Reply(kind, reply) if self.is_spot() => {
                Some(Response::new(200, spot::reply(*kind, reply)?.to_string()))
            }
            Scenario::Reply(_, Reply::Changed(Change::Unchanged)) => None,
            Scenario::Reply(kind, reply) => Some(success(linear_replies::reply(*kind, reply)?)),
            // The result of a cancellation stands beside the order.
            Scenario::Rejected(Kind::Cancel, Reason::UnknownOrder) if !self.is_spot() => {
                let row = json!({
                    "orderId": 101_716_841_474_621_953_u64,
                    "errorCode": 2040,
                    "errorMsg": "order not exist",
                });
                Some(success(json!([row])))
            }
            Scenario::Rejected(kind, reason) => {
                let (code, message) = self.refusal(*kind, *reason)?;
                Some(self.error(400, code, message))
            }
            Scenario::Throttled { reason, wait_seconds, .. } => {
                let answer = match (reason, self.is_spot()) {
                    (ThrottleKind::RequestRate, true) => self.error(429, 429, "Too many requests"),
                    (ThrottleKind::RequestRate, false) => {
                        self.error(429, 510, "Requests are too frequent")
                    }
                    (ThrottleKind::Banned, _) => Response::new(418, "banned"),
                    (ThrottleKind::Maintenance, false) => self.error(200, 801, "Under maintenance"),
                    _ => return None,
                };
                Some(answer.with_header("retry-after", (*wait_seconds).into()))
            }
            Scenario::Unknown(_) if self.is_spot() => {
                Some(self.error(503, 503, "Service unavailable, please try again"))
            }
            Scenario::Unknown(_) => Some(self.error(200, 500, "Internal error")),
            _ => None,
        }
    }
}

pub(crate) fn header<'b>(request: &Request<'b>, name: &str) -> Option<&'b str> {
    request.headers().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The rows of a JSON list of 1 to `max`.
pub(crate) fn rows(list: &str, max: usize) -> Result<Vec<String>, String> {
    let rows: Vec<&RawValue> = serde_json::from_str(list).map_err(|error| error.to_string())?;
    if rows.is_empty() || rows.len() > max {
        return Err(format!("a list of {} rows", rows.len()));
    }
    Ok(rows.into_iter().map(|row| row.get().to_owned()).collect())
}

impl Account {
    /// "Error Code" of either market.
    fn refusal(&self, kind: Kind, reason: Reason) -> Option<(i64, &'static str)> {
        let spot = self.is_spot();
        Some(match reason {
            Reason::InsufficientBalance if spot => (10_101, "Insufficient balance"),
            Reason::InsufficientBalance => (2005, "Balance insufficient"),
            Reason::MinNotional if spot => {
                (30_002, "The minimum transaction volume cannot be less than: 1USDT")
            }
            Reason::Quantity if !spot => (2011, "Order quantity error"),
            Reason::Price if spot => (30_010, "Order price out of range"),
            Reason::Price => (2007, "Price out of range"),
            Reason::Precision if spot => (10_096, "too many decimals"),
            Reason::Precision => (2015, "Price or quantity precision error"),
            Reason::UnknownOrder if spot && kind == Kind::Cancel => (-2011, "Unknown order sent."),
            Reason::UnknownOrder if spot => (-2013, "Order does not exist."),
            Reason::UnknownOrder => (2040, "order not exist"),
            Reason::Permission if spot => (700_007, "No permission to access the endpoint."),
            Reason::Permission => (701, "No permission"),
            Reason::BadKey if spot => (10_072, "Api key info invalid"),
            Reason::BadKey => (402, "Api_key expired"),
            Reason::BadSignature if spot => (700_002, "Signature for this request is not valid."),
            Reason::BadSignature => (602, "Signature verification failed!"),
            Reason::Clock if spot => {
                (700_003, "Timestamp for this request is outside of the recvWindow.")
            }
            Reason::Clock => (513, "Request time is invalid"),
            Reason::UnknownSymbol if spot => (-1121, "Invalid symbol."),
            Reason::UnknownSymbol => (1001, "Contract does not exist"),
            Reason::NotTrading if spot => (30_016, "Trading disabled"),
            Reason::NotTrading => (1002, "Contract not activated"),
            Reason::NoPosition if !spot => (2009, "Position does not exist or has been closed"),
            Reason::Leverage => (2006, "Leverage error"),
            Reason::TooManyOrders if spot => (30_029, "Cannot exceed the maximum order limit"),
            _ => return None,
        })
    }

    fn error(&self, status: u16, code: i64, message: &str) -> Response {
        if self.is_spot() {
            return Response::new(status, json!({"code": code, "msg": message}).to_string());
        }
        // Futures answer errors with status 200, unless a limit stands before them.
        let status = if status == 400 { 200 } else { status };
        let body = json!({"success": false, "code": code, "message": message});
        Response::new(status, body.to_string())
    }
}

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn spot_conforms() {
    let report = run(&Account::new(Market::Spot));
    println!("{report}");
    assert!(report.is_conformant(), "{report}");
}

#[test]
fn linear_conforms() {
    let report = run(&Account::new(Market::Linear));
    println!("{report}");
    assert!(report.is_conformant(), "{report}");
}
