//! What an object does with nobody asking: finds out about orders, reads fees, and sends its entries to
//! the ledger.

use core::time::Duration;

use hoox_connector::{Clock, Timestamp};
use hoox_edge::{WorkerClock, within};
use hoox_router::{LogLevel, SignalStore, watched};
use worker::Delay;

use super::Object;
use crate::store::{BATCH_MAX, FEES_AGAIN, LEDGER, NOTICE, OFFLOAD};
use crate::{ledger, notices};

/// How long entries gather before they are sent to the ledger, at least, and how much longer at most:
/// the writes of many orders are then one, none holds up an order that comes right after, and objects
/// that began together do not all write together.
const GATHER: Duration = Duration::from_millis(500);
const GATHER_SPREAD: u16 = 1_000;

/// How long the ledger may take.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(30);

/// How far back missing fees are looked for, and of how many orders.
const FEES_OF: Duration = Duration::from_secs(2 * 24 * 60 * 60);
const FEES_MAX: usize = 1_000;

impl Object {
    pub(super) async fn recover_once(&self) {
        let mut recovered = self.recovered.lock().await;
        if !*recovered {
            *recovered = self.recover().await;
        }
    }

    /// Finds out about orders without an outcome. Whether there was a way to look for them.
    pub(super) async fn recover(&self) -> bool {
        let Ok(open) = self.store.open_intents().await else {
            hoox_edge::log(LogLevel::Error, None, "orders without an outcome cannot be read");
            return false;
        };
        if open.is_empty() {
            return true;
        }
        self.accounts.prepare(|venue| open.iter().any(|record| record.intent.venue == venue)).await;
        match watched(self.router.recover()).await {
            Ok(summary) => {
                if summary.acknowledged > 0 {
                    self.fees_read.set(false);
                }
                let text = format!("orders without an outcome: {summary:?}");
                hoox_edge::log(LogLevel::Warn, None, &text);
                true
            }
            Err(_) => false,
        }
    }

    /// Reads the fees of orders that no answer leads to: once those that the last instance did not come
    /// to read, and later those of orders found again.
    pub(super) async fn read_missing_fees(&self) {
        if self.fees_read.replace(true) {
            return;
        }
        let now = WorkerClock.now().as_millis();
        let ago = |age: Duration| {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            Timestamp::from_millis(now.saturating_sub(age))
        };
        let since = ago(FEES_OF);
        let Ok(missing) = self.store.without_fee(since, FEES_MAX).await else {
            return self.fees_read.set(false);
        };
        if missing.is_empty() {
            return;
        }
        let of = |venue| missing.iter().any(|record| record.intent.venue == venue);
        self.accounts.prepare(of).await;
        // An order of this instance, whose fee is about to be read, may be among them: read twice it
        // is the same.
        let read = watched(self.router.read_missing_fees(since)).await;
        let young = missing.iter().any(|record| record.received_at >= ago(FEES_AGAIN));
        if young && read.is_ok_and(|found| found < missing.len()) {
            self.fees_read.set(false);
        }
    }

    /// Sends what waits for the ledger, a moment later. Should the object end before that, its alarm
    /// sends it.
    pub(super) async fn gather_entries(&self) {
        if self.gathering.replace(true) {
            return;
        }
        Delay::from(GATHER + spread()).await;
        let sending = self.sending.lock().await;
        // Whoever comes from here on is sent with the next.
        self.gathering.set(false);
        // Fees of one symbol asked for at once are one question to the exchange.
        let orders = self.without_fee.take();
        let fees = orders.into_iter().map(|orders| watched(self.router.read_fees(orders)));
        futures_util::future::join_all(fees).await;
        let mut more = self.send_some().await;
        drop(sending);
        while more {
            // Others get their turn in between, and their fees.
            let _sending = self.sending.lock().await;
            more = self.send_some().await;
        }
    }

    /// Sends what waits for the ledger, unless somebody does so: open orders are looked at again
    /// whatever holds the ledger up.
    pub(super) async fn send_entries(&self) {
        let Some(_sending) = self.sending.try_lock() else { return };
        while self.send_some().await {}
    }

    /// Sends the oldest of what waits for the ledger, for others and for R2, none of which waits for
    /// another to work again. Whether there was more, and all of this has gone.
    async fn send_some(&self) -> bool {
        let (Ok(waiting), Ok(due)) = (self.store.waiting_entries(), self.store.due_records())
        else {
            return false;
        };
        let settle = |bits| {
            let done = due.iter().map(|due| due.done(bits)).collect::<Vec<_>>();
            self.store.settle_due(&done).is_ok()
        };
        let handed_over = ledger::hand_over(&self.env, &waiting, &due, &self.name);
        let mut gone = matches!(within(LEDGER_TIMEOUT, handed_over).await, Some(Ok(())))
            && settle(LEDGER)
            && waiting.last().is_none_or(|last| self.store.forget_entries(last.id).is_ok());
        notices::send(&self.env, &due).await;
        gone &= settle(NOTICE);
        let stored = ledger::offload(&self.env, &due, &self.store).await;
        let done = due.iter().zip(&stored).filter(|(due, stored)| **stored && due.is_for_bucket());
        let done = done.map(|(due, _)| due.done(OFFLOAD)).collect::<Vec<_>>();
        gone &= self.store.settle_due(&done).is_ok() && stored.iter().all(|stored| *stored);
        if !gone {
            let text = "not everything could be written down; it is kept and sent again";
            hoox_edge::log(LogLevel::Error, None, text);
        }
        gone && (waiting.len() >= BATCH_MAX
            || due.iter().filter(|it| it.is_for_ledger()).count() >= BATCH_MAX)
    }
}

/// A part of [`GATHER_SPREAD`], at random.
fn spread() -> Duration {
    let mut bytes = [0; 2];
    // Without chance all write together, and nothing worse.
    let _ = getrandom::fill(&mut bytes);
    Duration::from_millis(u64::from(u16::from_le_bytes(bytes) % GATHER_SPREAD))
}
