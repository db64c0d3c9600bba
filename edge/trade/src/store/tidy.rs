//! What an object does with nobody asking: it forgets what has expired, and sets its next alarm.

use core::time::Duration;

use hoox_connector::{Clock, Timestamp};
use hoox_edge::WorkerClock;
use hoox_router::StoreUnavailable;
use serde::Deserialize;

use super::{AGAIN, ObjectStore, millis, number};

/// How many rows of each table one alarm removes; as long as something is left, the next one follows
/// after [`AGAIN`]. An object gets no more than a few dozen orders in that time.
const SLICE: i64 = 500;

/// How long records of ended orders stay here; the ledger keeps them for longer.
const RECORDS_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long failed attempts at a message are remembered: no queue keeps one for that long (data.md §5).
const ATTEMPTS_FOR: Duration = Duration::from_secs(5 * 24 * 60 * 60);

/// How young an order is whose missing fee is read again.
pub(crate) const FEES_AGAIN: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Next {
    busy: i64,
    reservation: Option<i64>,
    record: Option<i64>,
    attempt: Option<i64>,
}

impl ObjectStore {
    /// Removes what has expired, and sets the next alarm.
    pub(crate) async fn tidy(&self) -> Result<(), StoreUnavailable> {
        let now = WorkerClock.now();
        self.0.held.borrow_mut().retain(|_, (_, until)| now < *until);
        self.exec(
            "DELETE FROM reservations WHERE key IN
                 (SELECT key FROM reservations WHERE expires_at <= ? LIMIT ?)",
            vec![number(now), SLICE.into()],
        )?;
        self.exec(
            "DELETE FROM records WHERE rowid IN
                 (SELECT rowid FROM records WHERE open = 0 AND due = 0 AND received_at <= ? LIMIT ?)",
            vec![before(now, RECORDS_FOR).into(), SLICE.into()],
        )?;
        self.exec(
            "DELETE FROM attempts WHERE request_id IN
                 (SELECT request_id FROM attempts WHERE at <= ? LIMIT ?)",
            vec![before(now, ATTEMPTS_FOR).into(), SLICE.into()],
        )?;
        self.0.alarm.set(None);
        let next: Vec<Next> = self.rows(
            "SELECT EXISTS (SELECT 1 FROM records WHERE open = 1)
                 OR EXISTS (SELECT 1 FROM outbox)
                 OR EXISTS (SELECT 1 FROM records WHERE due > 0)
                 OR EXISTS (SELECT 1 FROM records WHERE lacks_fee = 1 AND received_at >= ?) AS busy,
                 (SELECT min(expires_at) FROM reservations) AS reservation,
                 (SELECT min(received_at) FROM records WHERE open = 0) AS record,
                 (SELECT min(at) FROM attempts) AS attempt",
            vec![before(now, FEES_AGAIN).into()],
        )?;
        let Some(next) = next.first() else { return Ok(()) };
        if next.busy != 0 {
            return self.wake_at(now.after(AGAIN)).await;
        }
        let time = |at: Option<i64>| at.and_then(|at| u64::try_from(at).ok());
        let time = |at, kept| time(at).map(|at| Timestamp::from_millis(at).after(kept));
        let expiries = [
            time(next.reservation, Duration::ZERO),
            time(next.record, RECORDS_FOR),
            time(next.attempt, ATTEMPTS_FOR),
        ];
        match expiries.into_iter().flatten().min() {
            Some(at) => self.wake_at(at.max(now.after(AGAIN))).await,
            None => Ok(()),
        }
    }
}

/// What was at `now - age`, in milliseconds.
pub(super) fn before(now: Timestamp, age: Duration) -> i64 {
    millis(now).saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
