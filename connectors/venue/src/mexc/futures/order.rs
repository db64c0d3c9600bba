//! Placing and cancelling futures orders. Source: protocol sheet for MEXC, sections 5 and 7.

use rust_decimal::Decimal;
use serde::Serialize;

use super::super::errors::{self, ApiError};
use super::super::{Answer, legal_id};
use super::stops::Bracket;
use super::{Call, Fields, ID_BASE, MAX_BATCH, order_id, settings, write};
use crate::engine::{Market, NewOrder, OrderKind, PositionSide, Reject, Side, TimeInForce};

/// The endpoint for several orders has a limit of its own.
pub(in crate::mexc) const BATCH: &str = "/api/v1/private/order/submit_batch";

const MAX_OID: usize = 32;

/// What ordinary and plan orders have in common.
pub(super) struct Terms {
    pub(super) instrument: usize,
    pub(super) side: Side,
    pub(super) closes: bool,
    pub(super) position_side: PositionSide,
    /// Whether the order may only shrink a one-way position.
    pub(super) reduce_only: bool,
    pub(super) isolated: bool,
    pub(super) leverage: Option<u32>,
    /// In the base asset.
    pub(super) quantity: Decimal,
    pub(super) client_id: String,
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    #[derive(Serialize)]
    struct Ack {
        #[serde(rename = "orderId")]
        order_id: String,
        ts: u64,
    }
    let fields = call.fields()?;
    let id = place(call, &fields)?;
    write(Ack { order_id: order_id(id), ts: call.server_ms })
}

/// The older name of [`create`]; its acknowledgement is the bare id, beyond 2^53.
pub(super) fn submit(call: &mut Call<'_>) -> Answer {
    let fields = call.fields()?;
    write(ID_BASE + place(call, &fields)?)
}

/// Every order of the list has its own result; one whose `externalOid` is known answers with the
/// order that has it.
pub(super) fn submit_batch(call: &mut Call<'_>) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Placed {
        #[serde(skip_serializing_if = "Option::is_none")]
        external_oid: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        order_id: Option<String>,
        error_code: i32,
        error_msg: String,
    }
    let mut results = Vec::new();
    for fields in call.rows()? {
        let oid = fields.text("externalOid").map(str::to_owned);
        let existing = match (&oid, fields.text("symbol").map(|s| call.find_symbol(s))) {
            (Some(oid), Some(Ok(n))) => {
                call.engine.orders.by_client(call.account, n, oid).map(|o| o.id)
            }
            _ => None,
        };
        let placed = existing.map_or_else(|| place(call, &fields), Ok);
        let (order_id, error_code, error_msg) = match placed {
            Ok(id) => (Some(order_id(id)), 0, "success".to_owned()),
            Err(e) => (None, e.code, e.msg.into_owned()),
        };
        results.push(Placed { external_oid: oid, order_id, error_code, error_msg });
    }
    write(results)
}

fn place(call: &mut Call<'_>, f: &Fields) -> Result<u64, ApiError> {
    let (kind, tif) = execution(f.integer("type")?)?;
    let terms = terms(call, f)?;
    let price = limit_price(f, kind)?;
    if call.engine.orders.by_client(call.account, terms.instrument, &terms.client_id).is_some() {
        call.engine.orders.count_refused_client_id();
        return Err(errors::F_REPEATED);
    }
    let last = call.engine.last_price(terms.instrument);
    let bracket = Bracket::read(f)?;
    bracket.check(terms.side == Side::Buy, if price.is_zero() { last } else { price })?;
    let new = NewOrder {
        account: call.account,
        instrument: terms.instrument,
        side: terms.side,
        kind,
        tif,
        quantity: terms.quantity,
        quote_quantity: Decimal::ZERO,
        price,
        stop_price: Decimal::ZERO,
        trailing_delta: None,
        position_side: terms.position_side,
        reduce_only: terms.reduce_only,
        client_id: &terms.client_id,
    };
    if !terms.closes {
        settings::prepare(call, terms.instrument, terms.isolated, terms.leverage)?;
    }
    let refuse = |reject| ApiError::from_reject(Market::Linear, terms.side, reject);
    match call.engine.place(&new) {
        // Accepted first, then killed.
        Err(Reject::WouldTake | Reject::FillOrKill) => Ok(call.engine.record_dead(&new)),
        other => {
            let id = other.map_err(refuse)?;
            if !terms.closes {
                call.front.stops.attach(id, bracket);
            }
            Ok(id)
        }
    }
}

/// The codes of `type`, and of `orderType` of plan orders.
pub(super) fn execution(code: Option<u32>) -> Result<(OrderKind, TimeInForce), ApiError> {
    Ok(match code {
        Some(1) => (OrderKind::Limit, TimeInForce::Gtc),
        Some(2) => (OrderKind::Limit, TimeInForce::Gtx),
        Some(3) => (OrderKind::Limit, TimeInForce::Ioc),
        Some(4) => (OrderKind::Limit, TimeInForce::Fok),
        Some(5 | 6) => (OrderKind::Market, TimeInForce::Gtc),
        _ => return Err(errors::F_PARAMS),
    })
}

/// The price that limit kinds must have; zero for market orders, whatever they carry.
pub(super) fn limit_price(f: &Fields, kind: OrderKind) -> Result<Decimal, ApiError> {
    match (kind, f.decimal("price")?) {
        (OrderKind::Limit, price) => price.ok_or(errors::F_PARAMS),
        _ => Ok(Decimal::ZERO),
    }
}

/// Reads what every order carries.
pub(super) fn terms(call: &mut Call<'_>, f: &Fields) -> Result<Terms, ApiError> {
    let instrument = call.find_symbol(f.require("symbol")?)?;
    let (side, closes, hedged) = match f.integer("side")? {
        Some(1) => (Side::Buy, false, PositionSide::Long),
        Some(2) => (Side::Buy, true, PositionSide::Short),
        Some(3) => (Side::Sell, false, PositionSide::Short),
        Some(4) => (Side::Sell, true, PositionSide::Long),
        _ => return Err(errors::F_PARAMS),
    };
    let isolated = match f.integer("openType")? {
        Some(1) => true,
        Some(2) => false,
        _ => return Err(errors::F_PARAMS),
    };
    let leverage = f.integer("leverage")?;
    if isolated && !closes && leverage.is_none() {
        return Err(errors::F_PARAMS);
    }
    let hedge = call.engine.account(call.account).is_ok_and(|a| a.hedges(instrument));
    if f.integer("positionMode")?.is_some_and(|mode| (mode == 1) != hedge) {
        return Err(errors::F_PARAMS);
    }
    let reduce_only = f.text("reduceOnly") == Some("true");
    if reduce_only && hedge {
        return Err(errors::F_PARAMS);
    }
    let client_id = match f.text("externalOid") {
        None => call.front.unnamed(),
        Some(oid) if oid.len() > MAX_OID => return Err(errors::F_OID_LONG),
        Some(oid) if !legal_id(oid) => return Err(errors::F_PARAMS),
        Some(oid) => oid.to_owned(),
    };
    let vol = f.decimal("vol")?.ok_or(errors::F_PARAMS)?;
    let step = call.engine.instrument(instrument).map_err(|_| errors::F_CONTRACT)?.step;
    Ok(Terms {
        instrument,
        side,
        closes: closes || reduce_only,
        position_side: if hedge { hedged } else { PositionSide::Both },
        reduce_only: !hedge && (closes || reduce_only),
        isolated,
        leverage,
        quantity: vol.checked_mul(step).ok_or(errors::F_PARAMS)?,
        client_id,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cancelled {
    order_id: serde_json::Value,
    error_code: i32,
    error_msg: String,
}

/// Every id of the array has its own result.
pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    let ids: Vec<serde_json::Value> =
        serde_json::from_slice(call.body).map_err(|_| errors::F_PARAMS)?;
    if ids.is_empty() || ids.len() > MAX_BATCH {
        return Err(errors::F_PARAMS);
    }
    let mut results = Vec::with_capacity(ids.len());
    for order_id in ids {
        let found = call.order(&order_id.to_string()).map(|o| o.id);
        let failed = match found.map(|id| call.engine.cancel(call.account, id)) {
            None => Some(errors::F_ORDER_GONE),
            Some(Err(_)) => Some(errors::F_NOT_CANCELLABLE),
            Some(Ok(())) => None,
        };
        let (error_code, error_msg) =
            failed.map_or((0, "success".to_owned()), |e| (e.code, e.msg.into_owned()));
        results.push(Cancelled { order_id, error_code, error_msg });
    }
    write(results)
}

/// One order as an object, or several as a list; the sources know both forms.
pub(super) fn cancel_external(call: &mut Call<'_>) -> Answer {
    let rows = call.rows()?;
    let mut results = Vec::with_capacity(rows.len());
    let one = rows.len() == 1;
    for f in rows {
        let instrument = call.find_symbol(f.require("symbol")?)?;
        let oid = f.require("externalOid")?;
        let order = call.engine.orders.by_client(call.account, instrument, oid);
        let cancelled = match order.map(|o| o.id) {
            None => Err(errors::F_ORDER_GONE),
            Some(id) => call.engine.cancel(call.account, id).map_err(|_| errors::F_NOT_CANCELLABLE),
        };
        let (code, msg) = match cancelled {
            Ok(()) => (0, "success".into()),
            Err(e) if one => return Err(e),
            Err(e) => (e.code, e.msg),
        };
        results.push(serde_json::json!({
            "symbol": f.require("symbol")?, "externalOid": oid, "errorCode": code, "errorMsg": msg,
        }));
    }
    match results.pop() {
        Some(result) if one && call.body.first() != Some(&b'[') => write(result),
        last => {
            results.extend(last);
            write(results)
        }
    }
}

pub(super) fn cancel_all(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    for instrument in call.selected(f.text("symbol"))? {
        call.engine.cancel_all(call.account, instrument);
    }
    write(())
}
