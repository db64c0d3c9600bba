//! Listen keys of the linear user data stream.
//!
//! Source: protocol sheet for Binance, section 10: valid for 60 minutes, -1125 once gone.

use std::collections::BTreeMap;

use super::errors::UNKNOWN_LISTEN_KEY;
use super::json::write;
use super::{Answer, Call, random_text};

const VALID_MS: u64 = 60 * 60_000;

/// The listen key of each account and when it ends.
#[derive(Debug, Default)]
pub(super) struct ListenKeys {
    keys: BTreeMap<usize, (String, u64)>,
}

impl ListenKeys {
    /// The account a valid key belongs to.
    pub(super) fn owner(&self, key: &str, now_ms: u64) -> Option<usize> {
        let found = self.keys.iter().find(|(_, (k, ends))| k == key && *ends > now_ms);
        found.map(|(account, _)| *account)
    }

    /// When a valid key ends.
    pub(super) fn ends(&self, key: &str, now_ms: u64) -> Option<u64> {
        let account = self.owner(key, now_ms)?;
        self.keys.get(&account).map(|(_, ends)| *ends)
    }

    fn alive(&mut self, account: usize, now_ms: u64) -> Option<&mut (String, u64)> {
        self.keys.get_mut(&account).filter(|(_, ends)| *ends > now_ms)
    }
}

/// Creates a key, or extends and returns the one that is still valid.
pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let ends = call.server_ms + VALID_MS;
    if call.listen_keys.alive(call.account, call.server_ms).is_none() {
        let key = random_text(call.rng, 64);
        call.listen_keys.keys.insert(call.account, (key, ends));
    }
    extend(call)
}

pub(super) fn extend(call: &mut Call<'_>) -> Answer {
    let ends = call.server_ms + VALID_MS;
    let entry = call.listen_keys.alive(call.account, call.server_ms);
    let entry = entry.ok_or(UNKNOWN_LISTEN_KEY)?;
    entry.1 = ends;
    write(&serde_json::json!({"listenKey": entry.0}))
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    if call.listen_keys.alive(call.account, call.server_ms).is_none() {
        return Err(UNKNOWN_LISTEN_KEY);
    }
    call.listen_keys.keys.remove(&call.account);
    Ok(b"{}".to_vec())
}
