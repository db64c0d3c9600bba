//! Several orders in one request. Source: protocol sheet for Bybit, sections 3 and 9: every order
//! has its own code, and the budget counts orders, apart from that of single ones.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::errors::{self, ApiError};
use super::limits::Budget;
use super::params::Params;
use super::routes::Answer;
use super::{Call, category_name, order, spec};
use crate::engine::Market;

const MAX_LINEAR: usize = 20;
const MAX_SPOT: usize = 10;

/// What is done with one order of a batch.
type Act = fn(&mut Call<'_>, &Params<'_>) -> Result<Value, ApiError>;

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    run(call, ("/v5/order/create-batch", Budget::Orders), |call, p| {
        let spec = spec::parse(call, p)?;
        order::submit(call, &spec)
    })
}

pub(super) fn amend(call: &mut Call<'_>) -> Answer {
    run(call, ("/v5/order/amend-batch", Budget::Amends), order::change)
}

pub(super) fn cancel(call: &mut Call<'_>) -> Answer {
    run(call, ("/v5/order/cancel-batch", Budget::Orders), order::revoke)
}

fn run(call: &mut Call<'_>, (path, budget): (&'static str, Budget), act: Act) -> Answer {
    let market = call.market()?;
    let Some(Value::Array(requests)) = call.params.value("request") else {
        return Err(ApiError::missing("request"));
    };
    let max = if market == Market::Spot { MAX_SPOT } else { MAX_LINEAR };
    if requests.is_empty() || requests.len() > max {
        return Err(ApiError::params(format!("The batch must hold 1 to {max} orders")));
    }
    let cost = u64::try_from(requests.len()).unwrap_or(u64::MAX);
    let key = (path, budget, market);
    let (granted, usage) = call.limiter.charge(call.account, key, call.server_ms, cost);
    call.usage = usage;
    let mut list = Vec::with_capacity(requests.len());
    let mut codes = Vec::with_capacity(requests.len());
    for (n, request) in (0_u64..).zip(requests) {
        let placed =
            if n < granted { one(call, market, request, act) } else { Err(errors::RATE_LIMIT) };
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
        let (ids, code, msg) = match placed {
            Ok(ids) => (ids, 0, Cow::Borrowed("OK")),
            Err(e) => (json!({ "orderId": "", "orderLinkId": text("orderLinkId") }), e.code, e.msg),
        };
        list.push(json!({
            "category": category_name(market), "symbol": text("symbol"),
            "orderId": ids.get("orderId"), "orderLinkId": ids.get("orderLinkId"),
            "createAt": call.server_ms.to_string(),
        }));
        codes.push(json!({ "code": code, "msg": msg }));
    }
    Ok((json!({ "list": list }), Some(json!({ "list": codes }))))
}

fn one(call: &mut Call<'_>, market: Market, request: &Value, act: Act) -> Result<Value, ApiError> {
    let Value::Object(map) = request else { return Err(ApiError::bad("request")) };
    let mut map = map.clone();
    map.insert("category".to_owned(), category_name(market).into());
    act(call, &Params::Body(Cow::Owned(map)))
}
