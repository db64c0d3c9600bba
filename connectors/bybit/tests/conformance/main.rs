//! The conformance suite, for both markets.
//!
//! The venue's half is written from `bybit-exchange/docs`, docs/v5: guide (authentication),
//! order/create-order and its sisters, error, rate-limit, enum.

#![cfg(test)]

mod replies;
mod requests;

use std::time::Duration;

use hoox_bybit::Bybit;
use hoox_connector::conformance::wire::Fields;
use hoox_connector::conformance::{Access, Harness, Meaning, NOW, Scenario, run};
use hoox_connector::{OperationKind as Kind, RejectReason as Reason, *};

use replies::{error, success};
use requests::authenticate;

const KEY: &str = "xxxxxxxxxxxxxxxxxx";
const SECRET: &str = "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";

pub(crate) struct Account {
    dialect: Bybit,
    market: Market,
}

impl Account {
    fn new(market: Market) -> Self {
        let credentials = Credentials::hmac(KEY, SECRET);
        let dialect = match market {
            Market::Spot => Bybit::spot(credentials),
            _ => Bybit::linear(credentials),
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
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let mut it = Instrument::new(Venue::Bybit, self.market, symbol);
        it.base = Some(Asset::new("BTC").unwrap());
        it.quote = Some(Asset::new("USDT").unwrap());
        it.tick_size = Some(dec("0.01"));
        it.notional.min = Some(dec("5"));
        if self.is_spot() {
            it.lot = LotRule { min: None, max: Some(dec("83")), step: Some(dec("0.000001")) };
            it.market_lot.max = Some(dec("41.5"));
            it.quote_step = Some(dec("0.00000001"));
        } else {
            it.min_price = Some(dec("0.10"));
            it.max_price = Some(dec("1999999.80"));
            let (min, max) = (Some(dec("0.001")), Some(dec("1190")));
            it.lot = LotRule { min, max, step: Some(dec("0.001")) };
            it.market_lot.max = Some(dec("119"));
            it.notional.reduce_only_exempt = true;
            it.max_leverage = Some(100);
        }
        it
    }

    fn price(&self) -> Decimal {
        dec("43210.98")
    }

    fn quantity(&self) -> Decimal {
        dec("0.012")
    }

    fn order_id(&self) -> OrderId {
        OrderId::new("fd4300ae-7847-404e-b947-b46980a4d140").unwrap()
    }

    fn next_page(&self, kind: OperationKind) -> Option<String> {
        // Spot's instruments come whole (market/instrument).
        let whole = kind == OperationKind::Instruments && self.is_spot();
        (!whole).then(|| "page:1,a&b=%c".into())
    }

    fn understand(&self, request: Request<'_>) -> Result<Meaning, String> {
        let access = authenticate(&request)?;
        let path = request.path();
        let mut params = match request.method() {
            Method::Get => Fields::form(request.query())?,
            Method::Post => Fields::json(request.body())?,
            method => return Err(format!("{method} is not used")),
        };
        let needs_category = !path.starts_with("/v5/account/") && path != "/v5/market/time";
        if needs_category {
            let ours = if self.is_spot() { "spot" } else { "linear" };
            let category = params.text("category")?;
            if category != ours {
                return Err(format!("category {category}"));
            }
        }
        let meaning = self.endpoint(request.method(), path, access, &mut params)?;
        params.end()?;
        if meaning.access == Access::Public && !path.starts_with("/v5/market/") {
            return Err("not signed (10003)".into());
        }
        Ok(meaning)
    }

    fn answer(&self, scenario: &Scenario<'_>) -> Option<Response> {
        match scenario {
            Scenario::Reply(kind, reply) => {
                if let Reply::Changed(Change::Unchanged) = reply {
                    return Some(match kind {
                        Kind::SetLeverage => error(110_043, "leverage not modified"),
                        Kind::SetMarginMode => {
                            error(110_026, "Cross/isolated margin mode is not modified")
                        }
                        Kind::SetPositionMode => error(110_025, "Position mode is not modified"),
                        _ => return None,
                    });
                }
                if let Reply::Batch(rows) = reply {
                    return self.batch(rows);
                }
                Some(success(self.reply(*kind, reply)?))
            }
            // A query answers with what there is.
            Scenario::Rejected(
                Kind::OrderById | Kind::OrderByClientId | Kind::ConditionalOrder,
                Reason::UnknownOrder,
            ) => Some(success(self.page(Vec::new(), None))),
            Scenario::Rejected(_, reason) => {
                let (code, message) = self.refusal(*reason)?;
                Some(error(code, message))
            }
            Scenario::Throttled { reason, wait_seconds, .. } => {
                let answer = match reason {
                    ThrottleKind::RequestRate => error(10_006, "Too many visits!"),
                    ThrottleKind::OrderRate if self.is_spot() => {
                        error(170_005, "Too many new orders.")
                    }
                    // rate-limit: stop everything for ten minutes at least.
                    ThrottleKind::Banned => return Some(Response::new(403, "access too frequent")),
                    ThrottleKind::Overloaded => error(10_429, "System level frequency protection."),
                    _ => return None,
                };
                let reset = NOW.after(Duration::from_secs(*wait_seconds)).as_millis();
                Some(answer.with_header("x-bapi-limit-reset-timestamp", reset.into()))
            }
            Scenario::Unknown(_) => Some(error(10_000, "Server Timeout")),
            _ => None,
        }
    }
}

fn dec(text: &str) -> Decimal {
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
