//! The whole record of each order, and what was sent for it, in R2 (trade.md §10, data.md §4).

use futures_util::StreamExt;
use hoox_router::{Archive, ArchiveUnavailable, Dossier, Record, archive};
use worker::{Bucket, Conditional, Env, Error};

use crate::store::{Due, ObjectStore};

/// The binding of the bucket.
const BUCKET: &str = "SYSTEM_LOGS_BUCKET";

/// How many objects are stored at a time: six connections may be open, by the limits that Cloudflare
/// publishes for Workers, and orders want most of them.
const AT_ONCE: usize = 2;

/// Stores the records that are to be, each with what was sent for it, and what was sent for refused
/// signals. For each record whether that is done; without a bucket there is nothing to do.
pub(crate) async fn store(env: &Env, records: &[Due], kept: &ObjectStore) -> Vec<bool> {
    let mut stored = vec![true; records.len()];
    let Ok(bucket) = env.bucket(BUCKET).map(Objects) else { return stored };
    let of_record = |(at, due): (usize, &Due)| {
        // What this program wrote it can read.
        let record = serde_json::from_str::<Record>(&due.json).ok()?;
        let dossier = kept.dossiers().of_order(record.id());
        let dossier = dossier.unwrap_or_else(|| Dossier::bare(&record));
        Some((Some((at, record.id())), dossier.with_record(&due.json)))
    };
    let wanted = records.iter().enumerate().filter(|(_, due)| due.is_for_bucket());
    let mut objects: Vec<_> = wanted.filter_map(of_record).collect();
    objects.extend(kept.dossiers().of_refusals().into_iter().map(|it| (None, it)));
    let storing = objects.into_iter().map(async |(order, dossier)| {
        let failed = archive(&bucket, &dossier).await.is_err();
        failed.then_some((order, dossier))
    });
    let mut storing =
        core::pin::pin!(futures_util::stream::iter(storing).buffer_unordered(AT_ONCE));
    while let Some(outcome) = storing.next().await {
        let Some((order, dossier)) = outcome else { continue };
        if let Some((at, _)) = order
            && let Some(stored) = stored.get_mut(at)
        {
            *stored = false;
        }
        kept.dossiers().put_back(order.map(|(_, id)| id), dossier);
    }
    stored
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
