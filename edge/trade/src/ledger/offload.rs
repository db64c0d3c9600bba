//! The whole record of each order, in R2 (trade.md §10, data.md §4).

use std::collections::HashMap;

use futures_util::StreamExt;
use hoox_router::{Record, RequestId, utc_date};
use worker::{Env, Result};

use crate::store::{Entry, Waiting};

/// The binding of the bucket.
const BUCKET: &str = "SYSTEM_LOGS_BUCKET";

/// How many objects are stored at a time: six connections may be open, by the limits that Cloudflare
/// publishes for Workers, and orders want one too.
const AT_ONCE: usize = 4;

/// Stores the records among the entries that have ended, as JSON; hands back those that the bucket did
/// not take. Without a bucket there is nothing to store.
pub(crate) async fn store(env: &Env, waiting: &[Waiting]) -> Vec<Entry> {
    let Ok(bucket) = env.bucket(BUCKET) else { return Vec::new() };
    // Of a record that was written many times, the last tells everything.
    let mut records: HashMap<(RequestId, u8), (String, &str)> = HashMap::new();
    for Waiting { entry, .. } in waiting {
        let (Entry::Offload(json) | Entry::Record(json)) = entry else { continue };
        // What this program wrote it can read.
        let Ok(record) = serde_json::from_str::<Record>(json) else { continue };
        if record.state.is_final() {
            records.insert(record.id(), (name(&record), json));
        }
    }
    let store = async |(name, json): (String, &str)| {
        let stored: Result<_> = bucket.put(name, json.to_owned()).execute().await;
        stored.is_err().then(|| Entry::Offload(json.to_owned()))
    };
    let stored = records.into_values().map(store);
    let stored = futures_util::stream::iter(stored).buffer_unordered(AT_ONCE);
    stored.filter_map(async |left| left).collect().await
}

/// `logs/{exchange}/{SYMBOL}/{YYYY-MM-DD}/order-{orderId}.json`; an order without an id goes by its
/// request's.
fn name(record: &Record) -> String {
    let (venue, symbol) = (record.intent.venue, record.intent.symbol);
    let day = utc_date(record.received_at);
    match record.order_id {
        Some(id) => format!("logs/{venue}/{symbol}/{day}/order-{id}.json"),
        None => format!("logs/{venue}/{symbol}/{day}/req-{}.json", record.request_id),
    }
}
