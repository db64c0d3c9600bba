//! The configuration of an older installation, brought over once (wallet.md §6).

use hoox_connector::Clock;
use hoox_edge::WorkerClock;
use worker::Env;

use crate::settings::KEY;

/// The namespace that the wallet had for itself.
const OLDER: &str = "WALLET_CONFIG_KV";

/// The key of `CONFIG_KV` that tells that there is nothing more to bring over.
pub(crate) const MARKER: &str = "migrated:v1";

/// Brings the older namespace's document over, unless there is one already (`present`), and notes that
/// this is done. Returns what was brought.
///
/// # Errors
/// The older namespace is there and cannot be read.
pub(crate) async fn bring_over(env: &Env, present: Option<&str>) -> Result<Option<String>, ()> {
    let (Ok(older), Ok(config)) = (env.kv(OLDER), env.kv("CONFIG_KV")) else { return Ok(None) };
    let brought = match present {
        Some(_) => None,
        None => older.get(KEY).text().await.map_err(drop)?,
    };
    let put = async |key: &str, value: &str| match config.put(key, value) {
        Ok(put) => put.execute().await.is_ok(),
        Err(_) => false,
    };
    // The marker comes last: what breaks off, or cannot be written now, is done again.
    let is_there = match &brought {
        Some(document) => put(KEY, document).await,
        None => true,
    };
    if is_there {
        put(MARKER, &WorkerClock.now().as_millis().to_string()).await;
    }
    Ok(brought)
}
