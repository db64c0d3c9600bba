//! The whole record of each order, and what was sent for it, in R2 (trade.md §10, data.md §4).

use core::time::Duration;

use hoox_edge::within;
use hoox_router::{Archive, ArchiveUnavailable, Dossier, Record, RequestId, archive};
use worker::{Bucket, Conditional, Env, Error};

use crate::store::{Due, ObjectStore};

/// The binding of the bucket.
const BUCKET: &str = "SYSTEM_LOGS_BUCKET";

/// How long one object may take. They are stored one by one, so that an order that comes meanwhile waits
/// for one of them at most.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many may fail before the rest is left for later: it may be the bucket.
const FAILURES_MAX: usize = 3;

/// Stores the records that are to be, each with what was sent for it, and what was sent for refused
/// signals. For each record whether that is done; without a bucket there is nothing to do.
pub(crate) async fn store(env: &Env, records: &[Due], kept: &ObjectStore) -> Vec<bool> {
    let Ok(bucket) = env.bucket(BUCKET).map(Objects) else { return vec![true; records.len()] };
    let mut stored = Vec::with_capacity(records.len());
    let mut failures = 0;
    for due in records {
        let is_done = !due.is_for_bucket()
            || (failures < FAILURES_MAX && store_record(&bucket, due, kept).await);
        failures += usize::from(!is_done);
        stored.push(is_done);
    }
    let refused = kept.dossiers().of_refusals();
    for dossier in refused {
        if failures < FAILURES_MAX {
            failures += usize::from(!store_dossier(&bucket, None, dossier, kept).await);
        } else {
            kept.dossiers().put_back(None, dossier);
        }
    }
    stored
}

async fn store_record(bucket: &Objects, due: &Due, kept: &ObjectStore) -> bool {
    // What this program wrote it can read.
    let Ok(record) = serde_json::from_str::<Record>(&due.json) else { return true };
    let dossier = kept.dossiers().of_order(record.id());
    let dossier = dossier.unwrap_or_else(|| Dossier::bare(&record)).with_record(&due.json);
    store_dossier(bucket, Some(record.id()), dossier, kept).await
}

async fn store_dossier(
    bucket: &Objects,
    order: Option<(RequestId, u8)>,
    dossier: Dossier,
    kept: &ObjectStore,
) -> bool {
    let is_stored = matches!(within(TIMEOUT, archive(bucket, &dossier)).await, Some(Ok(())));
    if !is_stored {
        kept.dossiers().put_back(order, dossier);
    }
    is_stored
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
