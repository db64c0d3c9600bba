//! What is older than it is kept goes, a slice at a time (data.md §3, `retention:*`).

use hoox_connector::Timestamp;
use hoox_router::ConfigSnapshot;
use worker::wasm_bindgen::JsValue;
use worker::{Env, Result};

use super::{DATABASE, run};

/// How many rows of each table one statement removes, and how many slices one purge.
const SLICE: u32 = 1_000;
const SLICES_MAX: usize = 20;

/// Removes what is older than the configuration keeps. No order without an outcome is ever forgotten.
pub(crate) async fn purge(env: &Env, now: Timestamp, config: &ConfigSnapshot) -> Result<()> {
    let database = env.d1(DATABASE)?;
    let before = |kept: core::time::Duration| {
        now.as_millis().saturating_sub(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX))
    };
    let (logs, trades) = (before(config.logs_retention), before(config.trades_retention));
    for (table, key, condition, before) in [
        ("system_logs", "id", "timestamp < ?1", logs / 1_000),
        ("trade_signals", "signal_id", "timestamp < ?1", trades / 1_000),
        ("executions", "id", "at < ?1", trades),
        ("dead_letters", "id", "at < ?1", trades),
        ("trades", "id", "created_at < ?1 AND status <> 'TRADE_PENDING'", trades),
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN
                 (SELECT {key} FROM {table} WHERE {condition} LIMIT {SLICE})"
        );
        let left = format!("SELECT 1 AS left FROM {table} WHERE {condition} LIMIT 1");
        for _ in 0..SLICES_MAX {
            // Milliseconds fit a double for the next two hundred thousand years.
            #[allow(clippy::cast_precision_loss)]
            let before = JsValue::from_f64(before as f64);
            run(&database, vec![database.prepare(&sql).bind(core::slice::from_ref(&before))?])
                .await?;
            let old = database.prepare(&left).bind(&[before])?;
            if old.first::<u32>(Some("left")).await?.is_none() {
                break;
            }
        }
    }
    Ok(())
}
