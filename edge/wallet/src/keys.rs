//! The account, derived once in an isolate (wallet.md §4).

use std::cell::RefCell;
use std::collections::BTreeMap;

use hoox_edge::secret;
use hoox_wallet::{Account, KeyError, Mnemonic};
use worker::Env;

use crate::refusal::Refusal;

/// The secrets that mnemonics are in; the first that is configured counts.
const MNEMONICS: [&str; 2] = ["WALLET_MNEMONIC_SECRET", "ETH_MNEMONIC"];

/// The most accounts of one mnemonic: each costs a derivation.
const ACCOUNTS_MAX: u32 = 100;

thread_local! {
    static KEPT: RefCell<BTreeMap<u32, Account>> = const { RefCell::new(BTreeMap::new()) };
}

/// The account with this index; a private key has only the first.
pub(crate) fn account(env: &Env, index: u32) -> Result<Account, Refusal> {
    if let Some(kept) = KEPT.with_borrow(|kept| kept.get(&index).cloned()) {
        return Ok(kept);
    }
    let account = derive(env, index)?;
    KEPT.with_borrow_mut(|kept| kept.insert(index, account.clone()));
    Ok(account)
}

/// Where the account comes from: `private_key` or `mnemonic`.
pub(crate) fn source(env: &Env) -> &'static str {
    if secret(env, "WALLET_PK_SECRET").is_some() { "private_key" } else { "mnemonic" }
}

fn derive(env: &Env, index: u32) -> Result<Account, Refusal> {
    // Nothing of the secret, and nothing of what is wrong with it.
    let invalid = |_: KeyError| Refusal::validation("The configured secret is invalid.");
    if let Some(key) = secret(env, "WALLET_PK_SECRET") {
        return match index {
            0 => Account::from_private_key(key.expose()).map_err(invalid),
            _ => Err(Refusal::validation("A private key has no other accounts.")),
        };
    }
    if index >= ACCOUNTS_MAX {
        return Err(Refusal::validation("accountIndex must be below 100."));
    }
    let Some(words) = MNEMONICS.iter().find_map(|name| secret(env, name)) else {
        return Err(Refusal::internal("No key is configured."));
    };
    Mnemonic::new(words.expose(), "").and_then(|words| words.account(index)).map_err(invalid)
}
