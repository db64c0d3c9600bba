//! The whole record of each order, in R2 (trade.md §10, data.md §4).

use futures_util::StreamExt;
use hoox_router::{Record, utc_date};
use worker::{Env, Result};

use crate::store::Entry;

/// The binding of the bucket.
const BUCKET: &str = "SYSTEM_LOGS_BUCKET";

/// How many objects are stored at a time: six connections may be open, by the limits that Cloudflare
/// publishes for Workers, and orders want one too.
const AT_ONCE: usize = 4;

/// Stores records, as JSON; hands back those that the bucket did not take. Without a bucket there is
/// nothing to store.
pub(super) async fn store<'j>(env: &Env, records: impl Iterator<Item = &'j str>) -> Vec<Entry> {
    let Ok(bucket) = env.bucket(BUCKET) else { return Vec::new() };
    let store = async |json: &str| {
        let record = serde_json::from_str::<Record>(json).ok()?;
        let stored: Result<_> = bucket.put(name(&record), json.to_owned()).execute().await;
        stored.is_err().then(|| Entry::Offload(json.to_owned()))
    };
    let stored = futures_util::stream::iter(records.map(store)).buffer_unordered(AT_ONCE);
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
