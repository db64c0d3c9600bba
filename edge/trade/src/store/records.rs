//! The records of orders, and what is yet to be done with them outside the object.

use hoox_connector::Clock;
use hoox_edge::WorkerClock;
use hoox_router::{Queued, Record, StoreUnavailable};
use serde::Deserialize;

use super::{AGAIN, ObjectStore, number, tidy::before};

/// How many records are due at a time.
pub(crate) const BATCH_MAX: usize = 100;

/// What is done with a record, as bits. The ledger is to have it.
pub(crate) const LEDGER: i32 = 1;
/// Others are to be told that it has ended.
pub(crate) const NOTICE: i32 = 2;
/// It is to be stored in R2.
pub(crate) const OFFLOAD: i32 = 4;

/// A record with which something is to be done.
#[derive(Debug, Deserialize)]
pub(crate) struct Due {
    request_id: String,
    leg: u8,
    /// The number of its last write.
    changed: i64,
    due: i32,
    /// Whether its fee is about to be read.
    awaits_fee: i32,
    /// The record.
    pub(crate) json: String,
}

impl Due {
    /// Whether the ledger is to have it.
    pub(crate) fn is_for_ledger(&self) -> bool {
        self.due & LEDGER != 0
    }

    /// Whether others are to be told that it has ended.
    pub(crate) fn is_for_others(&self) -> bool {
        self.due & NOTICE != 0
    }

    /// Whether it is to be stored in R2 now: once, with its fee if that comes soon.
    pub(crate) fn is_for_bucket(&self) -> bool {
        self.due & OFFLOAD != 0 && self.awaits_fee == 0
    }

    /// That of what was to be done with it, `bits` have been.
    pub(crate) fn done(&self, bits: i32) -> Done {
        Done(self.request_id.clone(), self.leg, self.changed, self.due & bits)
    }
}

/// What has been done with a record as of a write: its id, the number of the write, and bits.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Done(String, u8, i64, i32);

impl ObjectStore {
    pub(super) fn write_record(&self, record: &Record) -> Result<(), StoreUnavailable> {
        let json = serde_json::to_string(record)
            .map_err(|error| StoreUnavailable(format!("cannot serialise a record: {error}")))?;
        let ends = record.state.is_final() && record.queued != Queued::Yes;
        let due = LEDGER
            | if ends { NOTICE } else { 0 }
            | if record.state.is_final() { OFFLOAD } else { 0 };
        // The end of a signal is told once, and once more if the queue gives it up; not any more if the
        // signal goes on. Numbers grow among what is due, so that what is written while it is being told
        // stays due.
        self.exec(
            "INSERT INTO records
                 (request_id, leg, state, open, lacks_fee, received_at, json, due, changed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                 (SELECT coalesce(max(changed), 0) + 1 FROM records WHERE due > 0))
             ON CONFLICT DO UPDATE SET state = excluded.state, open = excluded.open,
                 lacks_fee = excluded.lacks_fee, received_at = excluded.received_at,
                 json = excluded.json, changed = excluded.changed,
                 due = iif(excluded.due & 2, records.due, records.due & ~2)
                     | iif(records.open = 1 OR records.json ->> 'queued' = 'yes' OR ?9,
                         excluded.due, excluded.due & ~2)",
            vec![
                record.request_id.as_str().into(),
                i32::from(record.leg).into(),
                record.state.as_str().into(),
                // A boolean would be bound as the text `true`, which equals no number.
                i32::from(!record.state.is_final()).into(),
                i32::from(record.lacks_fee()).into(),
                number(record.received_at),
                json.into(),
                due.into(),
                i32::from(record.queued == Queued::GivenUp).into(),
            ],
        )
    }

    /// The records with which something is to be done; what the ledger lacks first, in the order of
    /// their last writes.
    pub(crate) fn due_records(&self) -> Result<Vec<Due>, StoreUnavailable> {
        self.rows(
            "SELECT request_id, leg, changed, due, json, lacks_fee AND received_at > ?1 AS awaits_fee
             FROM records WHERE due > 0 ORDER BY due & 1 DESC, changed LIMIT ?2",
            vec![
                before(WorkerClock.now(), AGAIN).into(),
                i64::try_from(BATCH_MAX).unwrap_or(i64::MAX).into(),
            ],
        )
    }

    /// Notes what has been done.
    pub(crate) fn settle_due(&self, done: &[Done]) -> Result<(), StoreUnavailable> {
        let done = serde_json::to_string(done)
            .map_err(|error| StoreUnavailable(format!("cannot serialise: {error}")))?;
        self.exec(
            "UPDATE records SET due = due & ~iif(records.changed = did.changed, did.bits, did.bits & 2)
             FROM (SELECT value ->> 0 AS request_id, value ->> 1 AS leg, value ->> 2 AS changed,
                     value ->> 3 AS bits FROM json_each(?)) AS did
             WHERE records.request_id = did.request_id AND records.leg = did.leg",
            vec![done.into()],
        )
    }
}
