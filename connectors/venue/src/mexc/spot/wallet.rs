//! Spot balances, coins and fees. Source: protocol sheet for MEXC, section 4; coins and fees in the
//! shape that the venue's public documentation shows.

use serde_json::{Value, json};

use super::super::errors::{self, ApiError};
use super::super::plain;
use super::Call;

pub(super) fn account(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let account = call.engine.account(call.account).map_err(|_| errors::NO_PERMISSION)?;
    let held = account.spot.iter().filter(|(_, b)| !(b.free + b.locked).is_zero());
    let balances: Vec<Value> = held
        .map(|(asset, b)| {
            json!({ "asset": asset, "free": plain(b.free), "locked": plain(b.locked) })
        })
        .collect();
    Ok(json!({
        "canTrade": true, "canWithdraw": false, "canDeposit": false, "updateTime": null,
        "accountType": "SPOT", "balances": balances, "permissions": ["SPOT"],
    }))
}

/// The coins of the account; nothing can be withdrawn or deposited, so they have no networks.
pub(super) fn coins(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let account = call.engine.account(call.account).map_err(|_| errors::NO_PERMISSION)?;
    let coins = account.spot.keys();
    Ok(coins.map(|coin| json!({ "coin": coin, "name": coin, "networkList": [] })).collect())
}

pub(super) fn trade_fee(call: &mut Call<'_>) -> Result<Value, ApiError> {
    call.instrument()?;
    let fees = call.engine.fees;
    let data = json!({
        "makerCommission": plain(fees.spot_maker), "takerCommission": plain(fees.spot_taker),
    });
    Ok(json!({ "data": data, "code": 0, "msg": "success", "timestamp": call.server_ms }))
}
