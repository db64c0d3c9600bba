//! The conformance suite, for both markets.
//!
//! The venue's half is written from Binance's documentation: **spot** rest-api.md, errors.md,
//! filters.md, faqs/trailing-stop-faq.md; **linear** "New Order", "New Algo Order", "Error Codes" and
//! their sisters.

#![cfg(test)]

mod faults;
mod replies;
mod requests;

use hoox_binance::Binance;
use hoox_connector::conformance::{Harness, Meaning, Scenario, run};
use hoox_connector::*;

use replies::error;
use requests::{authenticate, linear, spot};

const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

pub(crate) struct Venue {
    dialect: Binance,
    market: Market,
}

impl Venue {
    pub(crate) fn new(market: Market) -> Self {
        let credentials = Credentials::hmac(KEY, SECRET);
        let dialect = match market {
            Market::Spot => Binance::spot(credentials),
            _ => Binance::linear(credentials),
        };
        Self { dialect, market }
    }

    fn is_spot(&self) -> bool {
        self.market == Market::Spot
    }
}

impl Harness for Venue {
    fn provider(&self) -> &dyn ExchangeProvider {
        &self.dialect
    }

    fn instrument(&self) -> Instrument {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let mut it = Instrument::new(hoox_connector::Venue::Binance, self.market, symbol);
        it.base = Some(Asset::new("BTC").unwrap());
        it.quote = Some(Asset::new("USDT").unwrap());
        it.tick_size = Some(dec("0.01"));
        it.min_price = Some(dec("0.02"));
        it.max_price = Some(dec("1000000"));
        let lot = |min, max, step| LotRule {
            min: Some(dec(min)),
            max: Some(dec(max)),
            step: Some(dec(step)),
        };
        it.lot = lot("0.001", "9000", "0.001");
        it.market_lot = lot("0.002", "120", "0.001");
        it.notional.min = Some(dec("5"));
        it.quote_step = Some(dec("0.00000001"));
        let (up, down) = (dec("5"), dec("0.2"));
        it.percent_price =
            Some(PercentPriceRule { buy_up: up, buy_down: down, sell_up: up, sell_down: down });
        if self.is_spot() {
            it.notional.max = Some(dec("9000000"));
            it.notional.market_exempt_from_max = true;
        } else {
            it.notional.reduce_only_exempt = true;
        }
        it
    }

    fn price(&self) -> Decimal {
        dec("43210.98")
    }

    fn quantity(&self) -> Decimal {
        dec("0.012")
    }

    /// Orders of the past and executions go on behind the last number.
    fn next_page(&self, kind: OperationKind) -> Option<String> {
        match kind {
            OperationKind::OrderHistory => Some("9007199254740994".into()),
            OperationKind::Fills => Some("9".into()),
            _ => None,
        }
    }

    fn understand(&self, request: Request<'_>) -> Result<Meaning, String> {
        let (access, mut params) = authenticate(&request)?;
        let (method, path) = (request.method(), request.path());
        if path.starts_with("/api/") != self.is_spot() {
            return Err(format!("{path} is of the other market"));
        }
        let meaning = match self.market {
            Market::Spot => spot(method, path, access, &mut params)?,
            _ => linear(method, path, access, &mut params)?,
        };
        params.end()?;
        Ok(meaning)
    }

    fn answer(&self, scenario: &Scenario<'_>) -> Option<Response> {
        match scenario {
            Scenario::Reply(kind, reply) => {
                let body = self.reply(*kind, reply)?;
                // "No need to change" is an error to Binance.
                let unchanged = matches!(reply, Reply::Changed(Change::Unchanged));
                let status = if unchanged { 400 } else { 200 };
                Some(Response::new(status, body.to_string()))
            }
            Scenario::Rejected(kind, reason) => {
                let (code, message) = self.refusal(*kind, *reason)?;
                Some(error(400, code, message))
            }
            Scenario::Throttled { reason, wait_seconds, .. } => {
                let (status, code, message) = match reason {
                    ThrottleKind::RequestRate => (429, -1003, "Too many requests."),
                    ThrottleKind::OrderRate => (429, -1015, "Too many new orders."),
                    ThrottleKind::Banned => (418, -1003, "Way too much request weight used."),
                    ThrottleKind::Overloaded => (503, -1008, "Server is currently overloaded."),
                    _ => return None,
                };
                let answer = error(status, code, message);
                Some(match wait_seconds {
                    0 => answer,
                    seconds => answer.with_header("retry-after", (*seconds).into()),
                })
            }
            Scenario::Unknown(_) => {
                let message = "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";
                Some(error(if self.is_spot() { 504 } else { 408 }, -1007, message))
            }
            _ => None,
        }
    }
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn spot_conforms() {
    let report = run(&Venue::new(Market::Spot));
    println!("{report}");
    assert!(report.is_conformant(), "{report}");
}

#[test]
fn linear_conforms() {
    let report = run(&Venue::new(Market::Linear));
    println!("{report}");
    assert!(report.is_conformant(), "{report}");
}
