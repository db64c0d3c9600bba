//! The Durable Object of one account on one chain: the only one that signs for it.
#![allow(missing_docs)] // what the macro generates has none

use core::cell::RefCell;
use core::time::Duration;
use std::collections::BTreeSet;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::join_all;
use hoox_connector::Clock;
use hoox_edge::{FetchTransport, WorkerClock, json, keep_object, read_body, request_id};
use hoox_router::RequestId;
use hoox_wallet::{
    Evidence, Question, Rehearsal, Submitted, TransactionRecord, TransactionState,
    TransactionStore, U64, Wallet, WalletError,
};
use serde_json::{Value, json};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use crate::asked::Job;
use crate::guard::{Guard, Guarded};
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::store::ObjectStore;
use crate::{chains, gate, keys, ledger, notify};

pub(crate) type EdgeWallet = Wallet<FetchTransport, WorkerClock, Guarded>;

type Outcome<T> = core::result::Result<T, Refusal>;

/// The longest job: data in hex, and what is around it.
const BODY_MAX: usize = 256 * 1024;

/// How long an answer waits for a block (wallet.md §10).
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a request waits for an earlier one of the same id.
const TURN: Duration = Duration::from_secs(20);

/// Between two looks at whether something has happened.
const PAUSE: Duration = Duration::from_millis(250);

/// How long an alarm watches what is open: some looks at the chain.
const WATCH: Duration = Duration::from_secs(1);

/// How many transactions an alarm looks after at a time; the oldest first.
const WATCHED_MAX: usize = 32;

/// How soon open transactions are looked at again, at first and at the latest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// Where the object keeps which chain and account it is for.
const SELF: &str = "self";

/// Signs, keeps and follows the transactions of one account on one chain; single-threaded, so that no
/// nonce is used twice.
#[durable_object]
#[derive(Debug)]
pub struct WalletStore {
    state: State,
    env: Env,
    store: ObjectStore,
    carried_out: Names,
}

impl DurableObject for WalletStore {
    fn new(state: State, env: Env) -> Self {
        keep_object(&state);
        let store = ObjectStore::open(state.storage().sql());
        Self { state, env, store, carried_out: Names::default() }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let id = request_id(&request);
        let body = match read_body(&mut request, BODY_MAX).await {
            Ok(body) => body,
            Err(failure) => return hoox_edge::fail(id, &failure),
        };
        let Ok(job) = serde_json::from_slice::<Job>(&body) else {
            return Refusal::validation("Invalid JSON payload structure.").respond(id);
        };
        let place = (job.chain.clone(), job.account);
        self.state.storage().put(SELF, &place).await?;
        // An alarm that is set stays as it is: under steady load it would never come otherwise.
        if self.state.storage().get_alarm().await?.is_none() {
            self.state.storage().set_alarm(AGAIN.0).await?;
        }
        let (env, store, names) = (self.env.clone(), self.store.clone(), self.carried_out.clone());
        let (done, outcome) = oneshot::channel();
        // To its end, whether or not whoever asked is still there.
        self.state.wait_until(async move {
            let _ = done.send(carry_out(&env, &store, &names, id, &job).await);
            tell(&env, &store, &job.chain).await;
        });
        match outcome.await {
            Ok(Ok(result)) => {
                let body =
                    json!({ "success": true, "requestId": id, "result": result, "error": null });
                json(id, 200, &body)
            }
            Ok(Err(refusal)) => refusal.respond(id),
            Err(_) => Refusal::internal("Internal error.").respond(id),
        }
    }

    async fn alarm(&self) -> Result<Response> {
        if let Ok(Some((chain, account))) = self.state.storage().get::<(String, u32)>(SELF).await {
            self.look_after(&chain, account).await;
            tell(&self.env, &self.store, &chain).await;
        }
        if self.store.is_busy().unwrap_or(true) {
            // What has waited long may wait a little longer.
            let waited = self.store.oldest_open().ok().flatten();
            let waited = waited.map_or(AGAIN.0, |at| WorkerClock.now().since(at) / 10);
            self.state.storage().set_alarm(waited.clamp(AGAIN.0, AGAIN.1)).await?;
        }
        Response::empty()
    }
}

impl WalletStore {
    /// Brings what is open further: sent again, replaced, confirmed.
    async fn look_after(&self, chain: &str, account: u32) {
        let settings = Settings::load(&self.env).await;
        let looks_only = settings.sign_no_more(chain);
        let place = (chain, account, looks_only);
        let Ok(wallet) = open(&self.env, &self.store, &settings, place) else { return };
        let id = wallet.chain().id;
        let Ok(records) = self.store.open(id, wallet.address()).await else { return };
        // A request that is being carried out follows its own: of two that send the same bytes, one
        // could hear of a refusal and the other of none.
        let records = records.into_iter().filter(|record| !self.carried_out.have(&record.id));
        let depth = settings.wallet.confirmations;
        let settled = records.take(WATCHED_MAX).map(|record| {
            let wallet = &wallet;
            async move { wallet.settle(&record.id, depth, WATCH).await }
        });
        let waits = join_all(settled).await.into_iter().flatten().any(|it| !it.state.is_mined());
        // Where a refused transaction has left its nonce, those behind it would wait for ever. The next
        // request takes it; if none comes, one that does nothing.
        if waits && self.carried_out.is_empty() && !looks_only {
            let _ = wallet.fill_gaps().await;
        }
    }
}

/// The wallet of a chain and account; one that `looks_only` signs nothing.
fn open(
    env: &Env,
    store: &ObjectStore,
    settings: &Settings,
    (chain, account, looks_only): (&str, u32, bool),
) -> Outcome<EdgeWallet> {
    let chain = chains::named(env, settings, Some(chain))?;
    let nodes = chains::nodes(env, settings, &chain)?;
    let account = keys::account(env, account)?;
    let mut config = settings.config();
    if looks_only {
        // No replacement is as cheap as that.
        config.fees.max_gas_price = Some(0);
    }
    let guard = Guard::new(env.clone(), &chain.name, looks_only);
    let store = Guarded::new(store.clone(), guard);
    Ok(Wallet::new(account, chain, nodes, store, config)?)
}

async fn carry_out(
    env: &Env,
    store: &ObjectStore,
    names: &Names,
    id: RequestId,
    job: &Job,
) -> Outcome<Value> {
    let mut settings = Settings::load(env).await;
    settings.wallet.security.dry_run |= job.dry_run;
    let Some(action) = &job.action else {
        let known = job.id.as_deref().unwrap_or_default();
        let looks_only = settings.sign_no_more(&job.chain);
        let wallet = open(env, store, &settings, (&job.chain, job.account, looks_only))?;
        return look_up(&wallet, names, known, settings.wallet.confirmations).await;
    };
    gate::open(&settings, Some(&job.chain))?;
    let name = id.to_string();
    let turn = names.take(&name).await;
    let _turn = turn.ok_or_else(|| Refusal::new(409, "IN_PROGRESS", "It is being carried out."))?;
    let known = store.find(&name).await.map_err(WalletError::from)?;
    // What was signed before is followed in a rehearsal too, and not paid more for.
    let looks_only = known.is_some() && settings.wallet.security.dry_run;
    let wallet = open(env, store, &settings, (&job.chain, job.account, looks_only))?;
    let worth = match known {
        Some(_) => None,
        None => Some(gate::check(env, &wallet, store, &settings, (&name, job, action)).await?),
    };
    let submitted = wallet.submit(&name, action, job.gas_limit).await;
    if submitted.is_err() || matches!(submitted, Ok(Submitted::DryRun(_))) {
        // Without a transaction nothing was spent.
        store.unspend(&name).map_err(WalletError::from)?;
    }
    if submitted.is_err() {
        // What was switched off meanwhile is told as that.
        gate::open(&Settings::load(env).await, Some(&job.chain))?;
    }
    match submitted? {
        Submitted::Record(_) => {
            let record = follow(&wallet, &name, settings.wallet.confirmations).await?;
            Ok(answer(&record))
        }
        Submitted::DryRun(rehearsal) => Ok(rehearsed(&rehearsal, worth.map(gate::dollars))),
    }
}

/// Waits for a block, for as long as a caller does.
async fn follow(
    wallet: &EdgeWallet,
    name: &str,
    depth: u64,
) -> core::result::Result<TransactionRecord, WalletError> {
    let until = WorkerClock.monotonic().saturating_add(PATIENCE);
    loop {
        let record = wallet.settle(name, depth, Duration::ZERO).await?;
        let is_settled = record.state.is_mined() || record.state.is_final();
        if is_settled || WorkerClock.monotonic() >= until {
            return Ok(record);
        }
        WorkerClock.sleep(PAUSE).await;
    }
}

/// What became of a transaction, after a look at the chain.
async fn look_up(wallet: &EdgeWallet, names: &Names, id: &str, depth: u64) -> Outcome<Value> {
    let unknown = |error| match error {
        WalletError::UnknownId | WalletError::Foreign => {
            Refusal::not_found("There is no transaction of this id.")
        }
        error => error.into(),
    };
    let record = match names.have(id) {
        true => wallet.find(id).await,
        false => wallet.settle(id, depth, Duration::ZERO).await,
    };
    let record = record.map_err(unknown)?;
    let mut result = answer(&record);
    if let TransactionState::Mined(mined) | TransactionState::Confirmed(mined) = &record.state {
        let head: U64 = wallet.rpc().ask(Question::block_number()).await?;
        let depth = head.to::<u64>().saturating_sub(mined.block).saturating_add(1);
        if let Some(result) = result.as_object_mut() {
            result.insert("confirmations".into(), depth.into());
        }
    }
    Ok(result)
}

/// Writes what the ledger does not know yet, and tells people what came of it. What fails is written by
/// the next alarm.
async fn tell(env: &Env, store: &ObjectStore, chain: &str) {
    for record in store.untold().unwrap_or_default() {
        let has_outcome = ledger::status(&record) != "pending";
        if has_outcome && store.alert_once(&record.id).unwrap_or(false) {
            notify::alert(env, chain, &record).await;
        }
        if ledger::write(env, chain, &record).await.is_err() || store.told(&record).is_err() {
            return;
        }
    }
}

fn answer(record: &TransactionRecord) -> Value {
    let mined = match &record.state {
        TransactionState::Mined(mined) | TransactionState::Confirmed(mined) => Some(mined),
        _ => None,
    };
    json!({
        "id": record.id,
        "txHash": record.hash(),
        "nonce": record.nonce,
        "status": ledger::status(record),
        "gasUsed": mined.map(|mined| mined.gas_used),
        "effectiveGasPrice": mined.and_then(|mined| Some(mined.gas_price?.to_string())),
        "blockNumber": mined.map(|mined| mined.block),
        "isFinal": record.state.is_final(),
    })
}

fn rehearsed(rehearsal: &Rehearsal, value_usd: Option<String>) -> Value {
    let Rehearsal { gas_limit, fees, before, evidence, .. } = rehearsal;
    json!({
        "dryRun": true,
        "valueUsd": value_usd,
        "gasLimit": gas_limit,
        "maxGasPrice": fees.max_price().to_string(),
        "approvalsBefore": before.len(),
        "simulated": *evidence == Evidence::Simulated,
    })
}

/// The requests that are being carried out.
#[derive(Debug, Clone, Default)]
struct Names(Rc<RefCell<BTreeSet<String>>>);

impl Names {
    /// Whether a transaction, or the one that it is a step of, is being carried out.
    fn have(&self, id: &str) -> bool {
        let name = id.split_once(':').map_or(id, |(name, _)| name);
        self.0.borrow().contains(name)
    }

    fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Waits until nobody else carries the request out; none if that takes too long.
    async fn take(&self, name: &str) -> Option<Turn> {
        let until = WorkerClock.monotonic().saturating_add(TURN);
        while !self.0.borrow_mut().insert(name.to_owned()) {
            if WorkerClock.monotonic() >= until {
                return None;
            }
            WorkerClock.sleep(PAUSE).await;
        }
        Some(Turn { names: self.clone(), name: name.to_owned() })
    }
}

/// While it lives, the request is being carried out.
#[derive(Debug)]
struct Turn {
    names: Names,
    name: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.names.0.borrow_mut().remove(&self.name);
    }
}
