//! Configuration in the same database.

use hoox_router::{ConfigStore, ConfigUnavailable};
use rusqlite::OptionalExtension;

use super::writer::Job;
use super::{SqliteStore, StoreUnavailable};

impl SqliteStore {
    /// Sets one configuration value; in force within a second.
    pub(crate) async fn set_config(&self, key: &str, value: &str) -> Result<(), StoreUnavailable> {
        let job = Job::SetConfig { key: key.to_owned(), value: value.to_owned() };
        self.inner.writer.synced(job).await
    }
}

impl ConfigStore for SqliteStore {
    async fn load(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        self.read(|connection| {
            // One transaction, so that all values are of one moment.
            let transaction = connection.unchecked_transaction()?;
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                let mut statement =
                    transaction.prepare_cached("SELECT value FROM config WHERE key = ?1")?;
                values.push(statement.query_row([key], |row| row.get(0)).optional()?);
            }
            Ok(values)
        })
        .map_err(|StoreUnavailable(cause)| ConfigUnavailable(cause))
    }
}
