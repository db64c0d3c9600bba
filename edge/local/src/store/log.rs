//! The write-ahead log: when it is synced, and when its pages go into the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hoox_router::StoreUnavailable;
use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::writer::failure;

/// At how many pages they go into the database. SQLite would do so within the transaction that reaches
/// them, with everybody waiting.
const PAGES_MAX: u32 = 1_000;

/// The log of the connection that writes.
#[derive(Debug)]
pub(super) struct WriteAheadLog {
    pages: Arc<AtomicU32>,
    /// Whether a transaction ends with a sync, as far as it was set.
    synced: Option<bool>,
}

impl WriteAheadLog {
    /// Takes over from SQLite when to shorten it.
    pub(super) fn of(connection: &mut Connection) -> Self {
        let pages = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&pages);
        let count = move |_: &mut Wal, pages| {
            counted.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        // Without it SQLite goes on by itself.
        let _ = connection.wal_hook(Some(count));
        Self { pages, synced: None }
    }

    /// In WAL mode, NORMAL leaves the sync to the next checkpoint or the next FULL transaction.
    pub(super) fn set_sync(
        &mut self,
        connection: &Connection,
        synced: bool,
    ) -> Result<(), StoreUnavailable> {
        if self.synced != Some(synced) {
            let mode = if synced { "FULL" } else { "NORMAL" };
            connection.pragma_update(None, "synchronous", mode).map_err(failure)?;
            self.synced = Some(synced);
        }
        Ok(())
    }

    /// Moves its pages into the database, if there are many. Readers are not disturbed; what they still
    /// need stays.
    pub(super) fn shorten(&self, connection: &Connection) {
        if self.pages.load(Ordering::Relaxed) < PAGES_MAX {
            return;
        }
        self.pages.store(0, Ordering::Relaxed);
        let moved = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::error!(%error, "the write-ahead log grows");
        }
    }
}
