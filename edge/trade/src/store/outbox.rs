//! What else the ledger has to be told, kept in the object until it has been.

use hoox_router::{LogEntry, StoreUnavailable};
use serde::Deserialize;

use super::ObjectStore;

/// How many entries go to the ledger at a time.
const BATCH_MAX: i64 = super::records::BATCH_MAX as i64;

/// The kind of a record, which is never kept here: it goes to the ledger as its row says.
pub(crate) const RECORD: &str = "record";

/// An entry on its way to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A record, as JSON.
    Record(String),
    /// A refused signal, as JSON.
    Refusal(String),
    /// A line of `system_logs`, as JSON.
    Log(String),
}

/// An entry and its number, which grows and is never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) id: i64,
    pub(crate) entry: Entry,
}

impl Entry {
    pub(crate) fn log(entry: &LogEntry) -> Self {
        let line = serde_json::json!({
            "at": entry.at, "level": entry.level, "service": entry.service,
            "message": entry.message, "requestId": entry.request_id, "details": entry.details,
        });
        Self::Log(line.to_string())
    }

    /// Its kind, as it is kept, and what it says.
    pub(crate) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Record(json) => (RECORD, json),
            Self::Refusal(json) => ("refusal", json),
            Self::Log(json) => ("log", json),
        }
    }

    /// The entry of a kind.
    pub(crate) fn from_parts(kind: &str, json: String) -> Self {
        match kind {
            RECORD => Self::Record(json),
            "refusal" => Self::Refusal(json),
            _ => Self::Log(json),
        }
    }
}

impl ObjectStore {
    /// Puts an entry behind the others.
    pub(crate) fn queue_entry(&self, entry: &Entry) -> Result<(), StoreUnavailable> {
        let (kind, json) = entry.parts();
        let sql = "INSERT INTO outbox (kind, json) VALUES (?, ?)";
        self.exec(sql, vec![kind.into(), json.into()])
    }

    /// The oldest entries, in order.
    pub(crate) fn waiting_entries(&self) -> Result<Vec<Waiting>, StoreUnavailable> {
        #[derive(Deserialize)]
        struct Row {
            id: i64,
            kind: String,
            json: String,
        }
        let rows: Vec<Row> = self.rows(
            "SELECT id, kind, json FROM outbox ORDER BY id LIMIT ?",
            vec![BATCH_MAX.into()],
        )?;
        let waiting =
            |row: Row| Waiting { id: row.id, entry: Entry::from_parts(&row.kind, row.json) };
        Ok(rows.into_iter().map(waiting).collect())
    }

    /// Forgets the entries up to a number: the ledger has them.
    pub(crate) fn forget_entries(&self, up_to: i64) -> Result<(), StoreUnavailable> {
        self.exec("DELETE FROM outbox WHERE id <= ?", vec![up_to.into()])
    }
}
