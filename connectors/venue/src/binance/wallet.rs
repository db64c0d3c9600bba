//! What clients ask for when they start and what is not traded here: the coins of the wallet, and
//! markets that are listed as empty.
//!
//! Source: Binance's wallet documentation, "All Coins' Information"; margin and COIN-M
//! documentation for the empty lists.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::json::{f8, write};
use super::{Answer, Call};

/// Every coin that is traded or held, with the account's balances. Nothing can be deposited or
/// withdrawn, so no coin has a network.
pub(super) fn coins(call: &mut Call<'_>) -> Answer {
    let account = call.engine.account(call.account).map_err(call.reject())?;
    let traded = call.engine.instruments.iter().flat_map(|i| [i.base, i.quote]);
    let held = account.spot.keys().map(String::as_str);
    let names: std::collections::BTreeSet<&str> = traded.chain(held).collect();
    let rows: Vec<Value> = names
        .into_iter()
        .map(|name| {
            let balance = account.spot.get(name);
            json!({
                "coin": name, "name": name, "trading": true, "isLegalMoney": false,
                "depositAllEnable": false, "withdrawAllEnable": false,
                "free": f8(balance.map_or(Decimal::ZERO, |b| b.free)),
                "locked": f8(balance.map_or(Decimal::ZERO, |b| b.locked)),
                "freeze": "0", "withdrawing": "0", "ipoing": "0", "ipoable": "0", "storage": "0",
                "networkList": [],
            })
        })
        .collect();
    write(&rows)
}

/// No pair can be traded on margin.
pub(super) fn no_pairs(_: &mut Call<'_>) -> Answer {
    Ok(b"[]".to_vec())
}

/// No coin-margined contract is listed.
pub(super) fn no_contracts(call: &mut Call<'_>) -> Answer {
    write(&json!({
        "timezone": "UTC", "serverTime": call.server_ms, "rateLimits": [], "exchangeFilters": [],
        "symbols": [],
    }))
}
