//! The key, its user and the user's coins. Source: the venue's public documentation of
//! `/v5/user/query-api`, `/v5/asset/coin/query-info` and `/v5/account/fee-rate`; the protocol sheet
//! does not have them, clients ask for them before anything else.

use serde_json::{Value, json};

use super::errors;
use super::routes::Answer;
use super::{Call, category_name, plain};

pub(super) fn api_key(call: &mut Call<'_>) -> Answer {
    let result = json!({
        "id": (call.account + 1).to_string(), "note": "simulated", "readOnly": 0, "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Wallet": [],
            "Options": [], "Derivatives": ["DerivativesTrade"], "Exchange": [],
        },
        "ips": ["*"], "type": 1, "deadlineDay": -2, "expiredAt": "1970-01-01T00:00:00Z",
        "createdAt": "1970-01-01T00:00:00Z", "unified": 0, "uta": 1,
        "userID": call.account + 1, "inviterID": 0, "vipLevel": "No VIP", "mktMakerLevel": "0",
        "affiliateID": 0, "rsaPublicKey": "", "isMaster": true, "parentUid": "0",
    });
    Ok((result, None))
}

/// The account's coins. Nothing can be deposited or withdrawn, so they have no chains.
pub(super) fn coins(call: &mut Call<'_>) -> Answer {
    let wanted = call.params.text("coin")?;
    let account = call.engine.account(call.account).map_err(|_| errors::PERMISSION)?;
    let coins = account.spot.keys().filter(|coin| wanted.is_none_or(|w| w == coin.as_str()));
    let rows: Vec<Value> = coins
        .map(|coin| json!({ "name": coin, "coin": coin, "remainAmount": "0", "chains": [] }))
        .collect();
    Ok((json!({ "rows": rows }), None))
}

pub(super) fn fee_rate(call: &mut Call<'_>) -> Answer {
    let market = call.market()?;
    let (maker, taker) = call.engine.fees.of(market);
    let rows: Vec<Value> = call
        .selected(market)?
        .into_iter()
        .filter_map(|n| call.engine.instruments.get(n))
        .map(|i| {
            json!({
                "symbol": i.symbol, "takerFeeRate": plain(taker), "makerFeeRate": plain(maker),
            })
        })
        .collect();
    Ok((json!({ "category": category_name(market), "list": rows }), None))
}
