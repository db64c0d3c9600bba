//! The policy, in the order of wallet.md §7; the first refusal counts.

use hoox_connector::Clock;
use hoox_edge::{WorkerClock, new_request_id};
use hoox_wallet::uniswap::{Swap, SwapAmount, max_input};
use hoox_wallet::{
    Action, Call, Policy, SwapRequest, SwapSize, U256, USD_DECIMALS, WalletError, format_units,
};
use worker::Env;

use crate::asked::Job;
use crate::price;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::store::ObjectStore;
use crate::wallet_store::EdgeWallet;

/// From here on a transaction is asked for twice: 1000 dollars, in millionths.
const CONFIRM_ABOVE: u64 = 1_000_000_000;

/// How long a confirmation is waited for, in milliseconds.
const CONFIRM_FOR: i64 = 5 * 60 * 1000;

/// Steps 1 and 2, before anything else is looked at; a chain that nobody knows is refused elsewhere.
pub(crate) fn open(settings: &Settings, chain: Option<&str>) -> Result<(), Refusal> {
    if !settings.wallet.enabled {
        return Err(Refusal::forbidden("Wallet is disabled"));
    }
    if chain.is_some_and(|chain| !settings.has(chain)) {
        return Err(disabled());
    }
    if settings.halted {
        return Err(hoox_router::Failure::halted().into());
    }
    Ok(())
}

pub(crate) fn disabled() -> Refusal {
    Refusal::forbidden("The chain is disabled.")
}

/// Steps 4 to 9, and what the action is worth, in millionths of a dollar. The wallet looks at gas,
/// lists and approvals again when it signs.
///
/// What passes is counted as spent under `name`, unless it is only rehearsed.
pub(crate) async fn check(
    env: &Env,
    wallet: &EdgeWallet,
    store: &ObjectStore,
    settings: &Settings,
    (name, job, action): (&str, &Job, &Action),
) -> Result<U256, Refusal> {
    let market = wallet.gas_market().await?;
    wallet.config().fees.fees(&market)?;
    let call = call(wallet, action).await?;
    let (own, chain) = (wallet.address(), wallet.chain());
    // What it spends; whether it may is asked below.
    let mut reading = Policy::open();
    reading.unread = true;
    let spends = reading.check(&call, own, chain).map_err(WalletError::from)?;
    let worth = price::worth(env, wallet, &spends).await?;
    if worth > settings.max_value() {
        return Err(Refusal::forbidden("It is worth more than one transaction may be."));
    }
    wallet.config().policy.check(&call, own, chain).map_err(WalletError::from)?;
    if wallet.config().policy.dry_run {
        return Ok(worth);
    }
    let security = &settings.wallet.security;
    // Nothing is awaited from here on, so that what was spent is counted before anything else comes.
    let now = i64::try_from(WorkerClock.now().as_millis()).unwrap_or(i64::MAX);
    let unavailable = |_| Refusal::store();
    if let Some(limit) = settings.max_daily_value() {
        let spent = store.spent(now).map_err(unavailable)?;
        if spent.saturating_add(worth) > limit {
            return Err(Refusal::forbidden("It is worth more than may leave in 24 hours."));
        }
    }
    if security.require_confirmation && worth > U256::from(CONFIRM_ABOVE) {
        confirmed(store, job, action, worth, now)?;
    }
    store.spend(name, worth, now).map_err(unavailable)?;
    Ok(worth)
}

fn confirmed(
    store: &ObjectStore,
    job: &Job,
    action: &Action,
    worth: U256,
    now: i64,
) -> Result<(), Refusal> {
    // What is confirmed is exactly this: chain, account, action and gas.
    let asked = serde_json::json!([job.chain, job.account, action, job.gas_limit]).to_string();
    let unavailable = |_| Refusal::store();
    if let Some(id) = &job.confirmation_id
        && store.confirm(id, &asked, now).map_err(unavailable)?
    {
        return Ok(());
    }
    let id = new_request_id().to_string();
    store.ask_confirmation(&id, &asked, now.saturating_add(CONFIRM_FOR)).map_err(unavailable)?;
    Err(Refusal::confirmation(&id, &dollars(worth)))
}

/// Millionths of a dollar, as people write them.
pub(crate) fn dollars(worth: U256) -> String {
    format_units(worth, USD_DECIMALS)
}

fn no_route() -> Refusal {
    Refusal::validation("The chain has no way to do that.")
}

/// What an action does at most.
async fn call(wallet: &EdgeWallet, action: &Action) -> Result<Call, Refusal> {
    let wrapped = || wallet.chain().wrapped.ok_or_else(no_route);
    Ok(match action {
        Action::Send { to, value, data } => {
            Call { to: Some(*to), value: *value, data: data.clone() }
        }
        Action::Transfer { token, to, amount } => Call::transfer(*token, *to, *amount),
        Action::Approve { token, spender, amount } => Call::approve(*token, *spender, *amount),
        Action::Swap(request) => swap(wallet, request).await?,
        Action::Wrap { amount } => Call::wrap(wrapped()?, *amount),
        Action::Unwrap { amount } => Call::unwrap(wrapped()?, *amount),
        _ => return Err(Refusal::validation("There is no such action.")),
    })
}

/// The call of a swap, but for what decides how much is taken at least.
async fn swap(wallet: &EdgeWallet, request: &SwapRequest) -> Result<Call, Refusal> {
    let router = wallet.chain().router.ok_or_else(no_route)?;
    let (token_in, token_out) = (request.token_in, request.token_out);
    let amount = match request.size {
        SwapSize::ExactIn { input, .. } => SwapAmount::ExactIn { input, min_output: U256::ONE },
        SwapSize::ExactOut { output, max_input: Some(max_input) } => {
            SwapAmount::ExactOut { output, max_input }
        }
        SwapSize::ExactOut { output, max_input: None } => {
            let quote = wallet.quote_out(None, token_in, token_out, output).await?;
            let most = max_input(quote, request.slippage_bps).ok_or(WalletError::Bound)?;
            SwapAmount::ExactOut { output, max_input: most }
        }
    };
    let recipient = request.recipient.unwrap_or(wallet.address());
    let swap = Swap { token_in, token_out, amount, recipient, deadline: 0 };
    router.swap(&swap, wallet.chain().wrapped).ok_or_else(no_route)
}
