//! One object writes the ledger for all others.
//!
//! A position is moved by a read and a write that fails if another's came between. With sixteen objects
//! that trade one symbol nearly all of those fail; with one writer none, and what comes from many
//! objects in a moment is one transaction.

use core::cell::RefCell;
use std::collections::VecDeque;

use futures_channel::oneshot;
use futures_util::lock::Mutex;
use hoox_edge::new_request_id;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use worker::{Env, Result};

use crate::order::ask_object;
use crate::store::{Due, Entry, RECORD, Waiting};

/// The object that writes.
const WRITER: &str = "ledger";

/// The path it is asked at.
pub(crate) const PATH: &str = "/write";

/// The longest parcel: as many entries as an object sends at a time, with the longest signals in them.
pub(crate) const PARCEL_MAX: usize = 16 * 1024 * 1024;

/// How many entries one transaction takes, unless one object has sent more.
const ENTRIES_MAX: usize = 100;

/// Entries of one object on their way to the ledger.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The object's id.
    pub(super) object: String,
    pub(super) entries: Vec<Waiting>,
}

/// A parcel as it is sent; each entry with its number and its kind.
#[derive(Serialize, Deserialize)]
struct Sent<'s> {
    object: &'s str,
    #[serde(borrow)]
    entries: Vec<(i64, &'s str, &'s RawValue)>,
}

/// Has entries and records written, in order, all or none. Handed over twice, they are there once.
///
/// # Errors
/// If they are not in the ledger, or nobody knows.
pub(crate) async fn hand_over(
    env: &Env,
    waiting: &[Waiting],
    records: &[Due],
    object: &str,
) -> Result<()> {
    let entries = waiting.iter().map(|Waiting { id, entry }| {
        let (kind, json) = entry.parts();
        (*id, kind, json)
    });
    let records = records.iter().filter(|record| record.is_for_ledger());
    let records = records.map(|record| (0, RECORD, record.json.as_str()));
    // What this program wrote is JSON.
    let raw = |(id, kind, json)| Some((id, kind, serde_json::from_str(json).ok()?));
    let sent = entries.chain(records).filter_map(raw);
    let sent = Sent { object, entries: sent.collect() };
    if sent.entries.is_empty() {
        return Ok(());
    }
    let body = serde_json::to_string(&sent)?;
    let answer = ask_object(env, WRITER, PATH, new_request_id(), &[], &body).await?;
    match answer.status_code() {
        204 => Ok(()),
        _ => Err("the ledger is not written".into()),
    }
}

impl Parcel {
    /// Reads what [`hand_over`] sends.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let Sent { object, entries } = serde_json::from_slice(body).ok()?;
        let entry = |(id, kind, json): (i64, &str, &RawValue)| Waiting {
            id,
            entry: Entry::from_parts(kind, json.get().to_owned()),
        };
        let entries = entries.into_iter().map(entry).collect();
        Some(Self { object: object.to_owned(), entries })
    }
}

/// What the writing object has been handed.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    waiting: RefCell<VecDeque<(Parcel, oneshot::Sender<bool>)>>,
    turn: Mutex<()>,
}

impl Writer {
    /// Writes a parcel, together with what others hand over meanwhile. Whether it is in the ledger.
    pub(crate) async fn write(&self, env: &Env, parcel: Parcel) -> bool {
        let (told, mut outcome) = oneshot::channel();
        self.waiting.borrow_mut().push_back((parcel, told));
        let _turn = self.turn.lock().await;
        loop {
            match outcome.try_recv() {
                Ok(None) => self.write_some(env).await,
                Ok(Some(written)) => return written,
                // Whoever was writing it was stopped.
                Err(_) => return false,
            }
        }
    }

    async fn write_some(&self, env: &Env) {
        let some = self.take();
        let parcels: Vec<&Parcel> = some.iter().map(|(parcel, _)| parcel).collect();
        let together = super::write(env, &parcels).await.is_ok();
        for (parcel, told) in some {
            // One that cannot be written must not keep out the others.
            let written = together || super::write(env, &[&parcel]).await.is_ok();
            let _ = told.send(written);
        }
    }

    /// The oldest parcels that fit into a transaction, one at least.
    fn take(&self) -> Vec<(Parcel, oneshot::Sender<bool>)> {
        let mut waiting = self.waiting.borrow_mut();
        let mut entries = 0;
        let fits = waiting.iter().take_while(|(parcel, _)| {
            entries += parcel.entries.len();
            entries <= ENTRIES_MAX
        });
        let count = fits.count().max(1).min(waiting.len());
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_back() {
        let entries = vec![(7, "record", r#"{"a":"\"é"}"#), (9, "log", "{}")];
        let raw = |(id, kind, json)| (id, kind, serde_json::from_str::<&RawValue>(json).unwrap());
        let sent = Sent { object: "ab", entries: entries.into_iter().map(raw).collect() };
        let parcel = Parcel::parse(serde_json::to_string(&sent).unwrap().as_bytes()).unwrap();
        let expected = [
            Waiting { id: 7, entry: Entry::Record(r#"{"a":"\"é"}"#.into()) },
            Waiting { id: 9, entry: Entry::Log("{}".into()) },
        ];
        assert_eq!((parcel.object.as_str(), parcel.entries.as_slice()), ("ab", &expected[..]));
        assert!(Parcel::parse(b"{}").is_none());
    }

    fn parcel(count: i64) -> Parcel {
        let entry = |id| Waiting { id, entry: Entry::Log("{}".into()) };
        Parcel { object: String::new(), entries: (0..count).map(entry).collect() }
    }

    #[test]
    fn parcels_go_together_as_far_as_they_fit() {
        let writer = Writer::default();
        for count in [60, 40, 1, 300, 5] {
            writer.waiting.borrow_mut().push_back((parcel(count), oneshot::channel().0));
        }
        let taken = core::iter::from_fn(|| {
            let some = writer.take();
            (!some.is_empty()).then(|| some.iter().map(|it| it.0.entries.len()).collect::<Vec<_>>())
        });
        assert_eq!(taken.collect::<Vec<_>>(), [vec![60, 40], vec![1], vec![300], vec![5]]);
    }
}
