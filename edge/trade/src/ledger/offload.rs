//! The whole record of each order, and what was sent for it, in R2 (trade.md §10, data.md §4).

use std::collections::HashMap;

use futures_util::StreamExt;
use hoox_router::{Archive, ArchiveUnavailable, Dossier, Record, RequestId, archive};
use worker::{Bucket, Conditional, Env, Error};

use crate::store::{Entry, ObjectStore, Waiting};

/// The binding of the bucket.
const BUCKET: &str = "SYSTEM_LOGS_BUCKET";

/// How many objects are stored at a time: six connections may be open, by the limits that Cloudflare
/// publishes for Workers, and orders want most of them.
const AT_ONCE: usize = 2;

/// Stores what the entries say is to be stored, each record with what was sent for it; hands back the
/// entries of those records that the bucket did not take. Without a bucket there is nothing to store.
pub(crate) async fn store(env: &Env, waiting: &[Waiting], kept: &ObjectStore) -> Vec<Entry> {
    // Of a record that was written many times, the last tells everything.
    let mut records: HashMap<(RequestId, u8), &str> = HashMap::new();
    for Waiting { entry, .. } in waiting {
        let (Entry::Offload(json) | Entry::Record(json)) = entry else { continue };
        // What this program wrote it can read.
        let Ok(record) = serde_json::from_str::<Record>(json) else { continue };
        if record.state.is_final() {
            records.insert(record.id(), json);
        }
    }
    let mut objects: Vec<_> =
        kept.dossiers().of_refusals().into_iter().map(|it| (None, it)).collect();
    for (order, json) in &records {
        let Ok(record) = serde_json::from_str::<Record>(json) else { continue };
        let dossier = kept.dossiers().of_order(*order).unwrap_or_else(|| Dossier::bare(&record));
        objects.push((Some(*order), dossier.with_record(json)));
    }
    let Ok(bucket) = env.bucket(BUCKET).map(Objects) else { return Vec::new() };
    let stored = objects.into_iter().map(async |(order, dossier)| {
        let failed = archive(&bucket, &dossier).await.is_err();
        failed.then_some((order, dossier))
    });
    let mut left = Vec::new();
    let mut stored = core::pin::pin!(futures_util::stream::iter(stored).buffer_unordered(AT_ONCE));
    while let Some(outcome) = stored.next().await {
        let Some((order, dossier)) = outcome else { continue };
        // The record outlives the object's memory; what was sent need not.
        let json = order.and_then(|order| records.get(&order));
        left.extend(json.map(|json| Entry::Offload((*json).to_owned())));
        kept.dossiers().put_back(order, dossier);
    }
    left
}

/// Objects of the bucket.
struct Objects(Bucket);

impl Archive for Objects {
    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveUnavailable> {
        let found = self.0.get(key).execute().await.map_err(unavailable)?;
        match found.as_ref().and_then(|object| object.body()) {
            Some(body) => body.bytes().await.map(Some).map_err(unavailable),
            None => Ok(None),
        }
    }

    async fn write(&self, key: &str, object: &[u8]) -> Result<(), ArchiveUnavailable> {
        self.0.put(key, object.to_vec()).execute().await.map(drop).map_err(unavailable)
    }

    async fn create(&self, key: &str, object: &[u8]) -> Result<bool, ArchiveUnavailable> {
        let unless_there = Conditional {
            etag_matches: None,
            etag_does_not_match: Some("*".into()),
            uploaded_before: None,
            uploaded_after: None,
        };
        let put = self.0.put(key, object.to_vec()).only_if(unless_there);
        Ok(put.execute().await.map_err(unavailable)?.is_some())
    }
}

fn unavailable(error: Error) -> ArchiveUnavailable {
    ArchiveUnavailable(error.to_string())
}
