//! Listen keys of the user data stream. Source: protocol sheet for MEXC, section 11: valid for 60
//! minutes, 60 of them per account at most.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::errors::{self, ApiError};
use super::Call;
use crate::keyring::random_text;

const VALID_MS: u64 = 60 * 60_000;
const MAX_KEYS: usize = 60;

/// The listen keys: their accounts, and when they end.
#[derive(Debug, Default)]
pub(in crate::mexc) struct ListenKeys {
    keys: BTreeMap<String, (usize, u64)>,
}

impl ListenKeys {
    /// The account behind a key that is still valid.
    pub(in crate::mexc) fn account(&self, key: &str, now_ms: u64) -> Option<usize> {
        self.keys.get(key).filter(|(_, ends)| *ends > now_ms).map(|(account, _)| *account)
    }

    fn of(&self, account: usize) -> impl Iterator<Item = &String> {
        self.keys.iter().filter(move |(_, (owner, _))| *owner == account).map(|(key, _)| key)
    }
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let now = call.server_ms;
    call.front.listen_keys.keys.retain(|_, (_, ends)| *ends > now);
    if call.front.listen_keys.of(call.account).count() >= MAX_KEYS {
        return Err(errors::LISTEN_KEYS_FULL);
    }
    let key = random_text(&mut call.front.rng, 64).to_ascii_lowercase();
    call.front.listen_keys.keys.insert(key.clone(), (call.account, now + VALID_MS));
    Ok(json!({ "listenKey": key }))
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let now = call.server_ms;
    call.front.listen_keys.keys.retain(|_, (_, ends)| *ends > now);
    Ok(json!({ "listenKey": call.front.listen_keys.of(call.account).collect::<Vec<_>>() }))
}

pub(super) fn extend(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let key = named(call)?;
    if let Some((_, ends)) = call.front.listen_keys.keys.get_mut(&key) {
        *ends = call.server_ms + VALID_MS;
    }
    Ok(json!({ "listenKey": key }))
}

pub(super) fn close(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let key = named(call)?;
    call.front.listen_keys.keys.remove(&key);
    Ok(json!({ "listenKey": key }))
}

/// The valid key of this account that `listenKey` names.
fn named(call: &Call<'_>) -> Result<String, ApiError> {
    let key = call.require("listenKey")?;
    match call.front.listen_keys.account(key, call.server_ms) {
        Some(account) if account == call.account => Ok(key.to_owned()),
        _ => Err(errors::LISTEN_KEY),
    }
}
