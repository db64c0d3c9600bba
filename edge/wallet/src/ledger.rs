//! What was signed, as rows of D1 (wallet.md §11).

use hoox_connector::Clock;
use hoox_edge::WorkerClock;
use hoox_wallet::{Action, Address, Mined, SwapSize, TransactionRecord, TransactionState, U256};
use worker::wasm_bindgen::JsValue;
use worker::{Env, Result};

const DATABASE: &str = "TRANSACTIONS_DB";

/// What of the ledger is asked for.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) chain: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

/// Writes a record; written twice, it is there once.
pub(crate) async fn write(env: &Env, chain: &str, record: &TransactionRecord) -> Result<()> {
    let (to, value, token) = parties(record);
    let mined = match &record.state {
        TransactionState::Mined(mined) | TransactionState::Confirmed(mined) => Some(mined),
        _ => None,
    };
    let text = |value: Option<String>| value.map_or(JsValue::NULL, JsValue::from);
    let error = match &record.state {
        TransactionState::Refused { reason } => Some(reason.clone()),
        TransactionState::Superseded => Some("another transaction took its nonce".into()),
        _ if record.is_cancelled() => Some("it was replaced by one that does nothing".into()),
        _ => mined.filter(|it| !it.succeeded).map(|_| "it was reverted".into()),
    };
    let status = status(record);
    let done = match status {
        "confirmed" => number(WorkerClock.now().as_millis()),
        _ => JsValue::NULL,
    };
    let statement = env.d1(DATABASE)?.prepare(
        "INSERT INTO wallet_transactions (id, chain, tx_hash, type, status, from_address,
             to_address, value, token_address, gas_used, gas_price, block_number, error,
             created_at, confirmed_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET tx_hash = excluded.tx_hash, status = excluded.status,
             gas_used = excluded.gas_used, gas_price = excluded.gas_price,
             block_number = excluded.block_number, error = excluded.error,
             confirmed_at = coalesce(confirmed_at, excluded.confirmed_at)",
    );
    let written = statement
        .bind(&[
            record.id.as_str().into(),
            chain.into(),
            text(record.hash().map(|hash| hash.to_string())),
            kind(&record.action).into(),
            status.into(),
            record.from.to_string().into(),
            text(to.map(|to| to.to_string())),
            value.to_string().into(),
            text(token.map(|token| token.to_string())),
            text(mined.map(|mined| mined.gas_used.to_string())),
            text(mined.and_then(|mined| Some(mined.gas_price?.to_string()))),
            mined.map_or(JsValue::NULL, |Mined { block, .. }| number(*block)),
            text(error),
            number(record.created_at.as_millis()),
            done,
        ])?
        .run()
        .await?;
    if written.success() { Ok(()) } else { Err("a statement failed".into()) }
}

/// Rows, newest first.
pub(crate) async fn list(env: &Env, filter: &Filter) -> Result<Vec<serde_json::Value>> {
    let text = |value: &Option<String>| value.as_deref().map_or(JsValue::NULL, JsValue::from);
    let statement = env.d1(DATABASE)?.prepare(
        "SELECT * FROM wallet_transactions
         WHERE (?1 IS NULL OR chain = ?1) AND (?2 IS NULL OR type = ?2)
             AND (?3 IS NULL OR status = ?3)
         ORDER BY created_at DESC, id LIMIT ?4 OFFSET ?5",
    );
    let values = [
        text(&filter.chain),
        text(&filter.kind),
        text(&filter.status),
        filter.limit.into(),
        filter.offset.into(),
    ];
    statement.bind(&values)?.all().await?.results()
}

/// `pending`, `confirmed` or `failed`.
pub(crate) fn status(record: &TransactionRecord) -> &'static str {
    match &record.state {
        TransactionState::Signed
        | TransactionState::Pending
        | TransactionState::Overtaken { .. } => "pending",
        TransactionState::Mined(mined) | TransactionState::Confirmed(mined)
            if mined.succeeded && !record.is_cancelled() =>
        {
            "confirmed"
        }
        _ => "failed",
    }
}

fn kind(action: &Action) -> &'static str {
    match action {
        Action::Send { .. } | Action::Transfer { .. } => "transfer",
        Action::Approve { .. } => "approve",
        _ => "swap",
    }
}

/// Who takes something, how much of it in smallest units, and the token that it is.
fn parties(record: &TransactionRecord) -> (Option<Address>, U256, Option<Address>) {
    match &record.action {
        Action::Send { to, value, .. } => (Some(*to), *value, None),
        Action::Transfer { token, to, amount } => (Some(*to), *amount, Some(*token)),
        Action::Approve { token, spender, amount } => (Some(*spender), *amount, Some(*token)),
        Action::Swap(request) => {
            let (SwapSize::ExactIn { input: amount, .. }
            | SwapSize::ExactOut { output: amount, .. }) = request.size;
            // What is fixed is either what is paid or what is taken.
            let token = match request.size {
                SwapSize::ExactIn { .. } => request.token_in,
                SwapSize::ExactOut { .. } => request.token_out,
            };
            let to = request.recipient.unwrap_or(record.from);
            (Some(to), amount, (!token.is_zero()).then_some(token))
        }
        // The contract that wraps is the token.
        Action::Wrap { amount } | Action::Unwrap { amount } => {
            (Some(record.from), *amount, record.call.to)
        }
        _ => (record.call.to, record.call.value, None),
    }
}

/// Milliseconds and blocks fit a double.
#[allow(clippy::cast_precision_loss)]
fn number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}
