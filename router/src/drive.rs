//! The part of the router with I/O in it: carries out what the life cycle asks for, and nothing else.

use core::time::Duration;

use hoox_connector::{Clock, Fee, Fill, Refused, Timestamp};

use crate::lifecycle::{Durability, Effect, Event, Policy, State};
use crate::{
    ConfigStore, Exchange, Exchanges, Failure, Queue, Record, RequestId, Router, SignalStore, Step,
    StoreUnavailable, WithoutFee, router::Claim,
};

/// How many missing fees are read after a start: more orders than these are seldom in flight at once.
const MISSING_FEES_MAX: usize = 1_000;

/// What [`Router::recover`] found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RecoverySummary {
    /// Orders without an outcome.
    pub found: usize,
    /// Of those, turned out to exist.
    pub acknowledged: usize,
    /// Of those, turned out not to exist.
    pub rejected: usize,
    /// Of those, still without an outcome: the exchange does not tell, or has no desk here.
    pub unresolved: usize,
}

impl<S, K, E, C, Q> Router<S, K, E, C, Q>
where
    S: SignalStore,
    K: ConfigStore,
    E: Exchanges,
    C: Clock,
    Q: Queue,
{
    /// Finds out about every order that has an intent and no outcome. Orders that a running
    /// [`handle`](Self::handle) is busy with are left to it.
    ///
    /// Before the first signal, so that nothing new is decided while old orders are unknown; and
    /// every few seconds after, for orders whose answer could not wait any longer. May take as long
    /// as the exchange's receive window and visibility delay. Also logs what has become unreadable of
    /// the configuration.
    ///
    /// # Errors
    /// [`StoreUnavailable`] if the store does not tell what there is to recover.
    pub async fn recover(&self) -> Result<RecoverySummary, StoreUnavailable> {
        self.report_config().await;
        let mut summary = RecoverySummary::default();
        let mut claimed = Vec::new();
        for record in self.store.open_intents().await? {
            // What is loaded may have moved on meanwhile; what is claimed cannot.
            if let Some(claim) = self.claim(record.id())
                && let Some(record) = self.store.load(record.request_id, record.leg).await?
                && !record.state.is_final()
            {
                claimed.push((claim, record));
            }
        }
        summary.found = claimed.len();
        // Every loaded record was signed before now, whoever signed it.
        let mut loaded = Vec::with_capacity(claimed.len());
        for (claim, mut record) in claimed {
            let desk = self.exchanges.desk(record.intent.venue, record.signal.test);
            let Some(desk) = desk else {
                summary.unresolved += 1;
                continue;
            };
            if desk.sync_clock().await.is_err() {
                summary.unresolved += 1;
                continue;
            }
            let effect = record.apply(Event::Loaded, desk.venue_now(), &self.policy(desk));
            loaded.push((claim, record, desk, effect));
        }
        for (claim, mut record, desk, effect) in loaded {
            self.carry_on(desk, &mut record, effect, None).await;
            match record.state {
                State::Acknowledged => summary.acknowledged += 1,
                State::Rejected => summary.rejected += 1,
                _ => summary.unresolved += 1,
            }
            self.release_recovered(&record, &claim).await;
        }
        Ok(summary)
    }

    /// Finds out about one open record, in the time an answer has.
    pub(crate) async fn reconcile(&self, record: &mut Record) {
        let desk = self.exchanges.desk(record.intent.venue, record.signal.test);
        let Some(desk) = desk else { return };
        if desk.sync_clock().await.is_err() {
            return;
        }
        let deadline = Some(self.clock.monotonic().saturating_add(self.settings.settle_within));
        self.drive(desk, record, Event::Loaded, deadline).await;
    }

    /// Reads the fees that an answer did not wait for, and adds them to the records. Best effort: a
    /// fee that cannot be read stays unknown.
    pub async fn read_fees(&self, orders: WithoutFee) {
        for record in orders.0 {
            self.add_fee(record).await;
        }
    }

    /// Reads the fees that the last process did not come to read, of orders received at `since` or
    /// later; tells how many it found. Best effort, one order after the other, so that new orders
    /// have the exchange's limits to themselves.
    ///
    /// # Errors
    /// [`StoreUnavailable`] if the store does not tell which fees are missing.
    pub async fn read_missing_fees(&self, since: Timestamp) -> Result<usize, StoreUnavailable> {
        let mut found = 0;
        for record in self.store.without_fee(since, MISSING_FEES_MAX).await? {
            // Whoever is busy with it reads it too.
            let Some(_claim) = self.claim(record.id()) else { continue };
            found += usize::from(self.add_fee(record).await);
        }
        Ok(found)
    }

    /// Reads an order's fee and writes it down; tells whether it is known now.
    async fn add_fee(&self, mut record: Record) -> bool {
        let desk = self.exchanges.desk(record.intent.venue, record.signal.test);
        let Some(desk) = desk else { return false };
        let Event::Fee(Some(fee)) = read_fee(desk, &record).await else { return false };
        let Some(execution) = &mut record.execution else { return false };
        execution.set_fee(fee);
        self.store.write(&record, Durability::Lazy).await.is_ok()
    }

    /// Lives a record's life from `event` on. At `deadline`, monotonic time, it stops waiting.
    pub(crate) async fn drive(
        &self,
        desk: &E::Desk,
        record: &mut Record,
        event: Event,
        deadline: Option<Duration>,
    ) {
        let effect = record.apply(event, desk.venue_now(), &self.policy(desk));
        self.carry_on(desk, record, effect, deadline).await;
    }

    async fn carry_on(
        &self,
        desk: &E::Desk,
        record: &mut Record,
        mut effect: Effect,
        deadline: Option<Duration>,
    ) {
        let mut policy = self.policy(desk);
        if deadline.is_some() {
            // Somebody waits for the answer. Reconciliation comes again, and has others to ask for.
            policy = policy.reading_for(desk.capabilities().fill_delay);
        }
        loop {
            let event = match effect {
                Effect::Persist(durability) => self.persist(record, durability).await,
                Effect::Submit => self.submit(desk, record).await,
                Effect::Ask | Effect::ReadFill => ask(desk, record).await,
                Effect::ReadFee => read_fee(desk, record).await,
                Effect::Wait(until) => {
                    let wait = until.since(desk.venue_now());
                    let woken = self.clock.monotonic().saturating_add(wait);
                    if deadline.is_some_and(|deadline| woken > deadline) {
                        effect = Effect::Park;
                        continue;
                    }
                    self.clock.sleep(wait).await;
                    Event::Woke
                }
                Effect::Park => {
                    // The intent is durable already; this only tells more.
                    let _ = self.store.write(record, Durability::Lazy).await;
                    break;
                }
                Effect::Done => break,
            };
            effect = record.apply(event, desk.venue_now(), &policy);
        }
        record.trace.mark(Step::Recorded, self.clock.monotonic());
    }

    async fn persist(&self, record: &mut Record, durability: Durability) -> Event {
        match self.store.write(record, durability).await {
            Ok(()) => {
                if record.state == State::Submitting {
                    record.trace.mark(Step::IntentDurable, self.clock.monotonic());
                }
                Event::Persisted
            }
            Err(_) => Event::PersistFailed,
        }
    }

    async fn submit(&self, desk: &E::Desk, record: &mut Record) -> Event {
        // Writing the intent may have taken seconds.
        if !record.signal.action.closes() && self.config().await.kill_switch {
            return Event::Halted(Failure::halted());
        }
        let sent = self.clock.monotonic();
        let result = match record.intent.order() {
            Ok(order) => desk.place(&order).await,
            Err(error) => Err(Refused::NotSent(error.into())),
        };
        let at = (record.intent.venue, record.signal.test);
        self.health.sent(at, &result, (sent, self.clock.monotonic()));
        record.trace.mark(Step::Acknowledged, self.clock.monotonic());
        Event::Sent(result)
    }

    /// Frees the key of a recovered order that certainly does not exist, nor any other of its signal.
    async fn release_recovered(&self, record: &Record, _claim: &Claim<'_>) {
        // An expired key may be another signal's by now.
        if !record.frees_key() || self.clock.now() >= record.reserved_until {
            return;
        }
        let other = self.store.load(record.request_id, 1 - record.leg.min(1)).await;
        if other.is_ok_and(|other| other.as_ref().is_none_or(Record::frees_key)) {
            let _ = self.store.release(&record.key).await;
        }
    }

    fn policy(&self, desk: &E::Desk) -> Policy {
        let mut policy = Policy::new(desk.recv_window(), desk.capabilities().visibility_delay);
        policy.attempts_max = self.settings.attempts_max;
        policy.resubmit_within = self.settings.resubmit_within;
        policy.read_fees = self.settings.read_fees;
        policy
    }
}

async fn ask<D: Exchange>(desk: &D, record: &Record) -> Event {
    let asked_at = desk.venue_now();
    match desk.find(record.intent.symbol, record.intent.client_order_id).await {
        Ok(report) => Event::Answered { asked_at, report },
        Err(_) => Event::Unanswered,
    }
}

async fn read_fee<D: Exchange>(desk: &D, record: &Record) -> Event {
    let Some(order_id) = record.order_id else { return Event::Fee(None) };
    let fills = desk
        .fills(record.intent.symbol, order_id, record.intent.written_at)
        .await
        .unwrap_or_default();
    Event::Fee(total_fee(fills.iter().filter(|fill| fill.order_id == order_id)))
}

/// The sum of the fees, if all were paid in one asset.
fn total_fee<'f>(fills: impl Iterator<Item = &'f Fill>) -> Option<Fee> {
    let mut total: Option<Fee> = None;
    for fill in fills {
        let fee = fill.fee?;
        total = match total {
            None => Some(fee),
            Some(sum) if sum.asset == fee.asset => {
                Some(Fee { amount: sum.amount.checked_add(fee.amount)?, ..sum })
            }
            Some(_) => return None,
        };
    }
    total
}

/// The requests whose orders wait for an outcome, for a health page.
impl<S: SignalStore, K, E, C, Q> Router<S, K, E, C, Q> {
    /// The orders without an outcome, by request, oldest first.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn unresolved(&self) -> Result<Vec<(RequestId, u8)>, StoreUnavailable> {
        Ok(self.store.open_intents().await?.iter().map(Record::id).collect())
    }
}
