//! On-chain transactions, handed on to the wallet (trade.md §11).

use hoox_edge::{fail, internal_request};
use hoox_router::{ErrorCode, Failure, RequestId, Violation};
use serde::Deserialize;
use worker::{Env, Response, Result};

/// Digits of a wei amount that are behind the point of a coin's.
const COIN_DIGITS: usize = 18;

/// The most digits of a wei amount: 2^256 has 78.
const WEI_DIGITS_MAX: usize = 78;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    chain: String,
    to: String,
    value: String,
    data: String,
    gas_limit: Option<u64>,
}

/// Checks the payload, and has the wallet send it.
pub(crate) async fn forward(env: &Env, id: RequestId, body: &[u8]) -> Result<Response> {
    let Ok(payload) = serde_json::from_slice::<Payload>(body) else {
        let message = "Invalid JSON payload structure.";
        return fail(id, &Failure::new(ErrorCode::Validation, message));
    };
    let violations = payload.violations();
    if !violations.is_empty() {
        return fail(id, &Failure::violations(violations));
    }
    let mut action = serde_json::json!({
        "action": "sendTransaction", "chain": payload.chain, "to": payload.to,
        "value": coins(&payload.value), "data": payload.data,
    });
    if let (Some(gas_limit), Some(action)) = (payload.gas_limit, action.as_object_mut()) {
        action.insert("gasLimit".into(), gas_limit.into());
    }
    let envelope = serde_json::json!({ "requestId": id, "payload": action }).to_string();
    let missing = || Failure::new(ErrorCode::BadGateway, "The wallet cannot be reached.");
    let Ok(wallet) = env.service("WALLET_SERVICE") else { return fail(id, &missing()) };
    let request = internal_request(env, "https://wallet/process", id, &[], &envelope)?;
    match wallet.fetch_request(request).await {
        Ok(response) => Ok(response),
        Err(_) => fail(id, &missing()),
    }
}

impl Payload {
    fn violations(&self) -> Vec<Violation> {
        let hex = |text: &str| text.strip_prefix("0x").is_some_and(is_hex);
        let wei = self.value.bytes().all(|byte| byte.is_ascii_digit())
            && (1..=WEI_DIGITS_MAX).contains(&self.value.len())
            && (self.value == "0" || !self.value.starts_with('0'));
        let chain = ["ethereum", "arbitrum", "polygon"].contains(&self.chain.as_str());
        let checks = [
            ("chain", chain, "Options: ethereum, arbitrum, polygon."),
            ("to", hex(&self.to) && self.to.len() == 42, "Must be an address."),
            ("value", wei, "Must be an amount in wei."),
            ("data", hex(&self.data) && self.data.len().is_multiple_of(2), "Must be bytes in hex."),
        ];
        let broken = checks.iter().filter(|(_, holds, _)| !holds);
        broken.map(|(field, _, issue)| Violation::new(field, *issue)).collect()
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Wei as the wallet's action counts: coins, exactly (wallet.md §3).
fn coins(wei: &str) -> String {
    let digits = format!("{wei:0>width$}", width = COIN_DIGITS + 1);
    let (whole, rest) = digits.split_at(digits.len() - COIN_DIGITS);
    match rest.trim_end_matches('0') {
        "" => whole.to_owned(),
        rest => format!("{whole}.{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wei_are_coins_to_the_last_digit() {
        for (wei, expected) in [
            ("0", "0"),
            ("1", "0.000000000000000001"),
            ("50000000000000000", "0.05"),
            ("1000000000000000000", "1"),
            ("123456789012345678901234567890", "123456789012.34567890123456789"),
        ] {
            assert_eq!(coins(wei), expected);
        }
    }

    #[test]
    fn every_field_that_is_wrong_is_told() {
        let payload = Payload {
            chain: "solana".into(),
            to: "0x12".into(),
            value: "0.5".into(),
            data: "0xabc".into(),
            gas_limit: None,
        };
        let told: Vec<_> = payload.violations().into_iter().map(|it| it.field).collect();
        assert_eq!(told, ["chain", "to", "value", "data"]);
        let fine = Payload {
            chain: "polygon".into(),
            to: format!("0x{}", "aB".repeat(20)),
            value: "10".into(),
            data: "0x".into(),
            gas_limit: Some(21_000),
        };
        assert!(fine.violations().is_empty());
    }
}
