//! The life of one order, as a machine without I/O and without a clock.
//!
//! ```text
//!  signal ─ Received ─ key reserved ─▶ Reserved
//!                                         │ Begin: intent durable before anything leaves
//!                                         ▼
//!            ┌────────────────────── Submitting ◀──────────────┐
//!            │ the exchange knows      │     │ lost reply,      │ "no such order", asked for
//!            ▼ of it                   │     │ crash            │ after final_after and the
//!         Reading                      │     ▼                  │ visibility delay; at most
//!            │ fill known       refused│  Unknown ──ask──▶ Reconciling   attempts_max times
//!            ▼                         │     │ found            │ found        │ too often,
//!       Acknowledged ◀─────────────────┼─────┴──────────────────┘              │ too late
//!                                      ▼                                       ▼
//!                                   Rejected ◀──────────────────────────────────
//! ```
//!
//! What holds in every run (design, "Exactly once"):
//!
//! - [`Effect::Submit`] is given only while the intent is durable, and again only after a definite
//!   "not sent", or after the exchange was asked later than it could still take the lost request.
//! - Silence is never a rejection: a run that gets no answer ends in [`Effect::Park`], its record
//!   open, for reconciliation to carry on with.
//! - Every run ends in [`Effect::Done`] or [`Effect::Park`].

mod policy;

use core::time::Duration;

use hoox_connector::{
    Fee, NotSent, OrderReport, OrderStatus, Outcome, Refused, RejectReason, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Execution, ExecutionStatus, Failure, Queued, Record, Refusal};

pub use policy::Policy;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The key is reserved, nothing has been written.
    Reserved,
    /// The intent is being made durable, or is durable and a request may be on its way.
    Submitting,
    /// A request may have arrived; nobody knows.
    Unknown,
    /// The exchange was asked and knows no such order, which is not final yet.
    Reconciling,
    /// The order exists, its fill is being read.
    Reading,
    /// The order exists and is known. An end.
    Acknowledged,
    /// There is certainly no order. An end.
    Rejected,
}

impl State {
    /// Whether nothing more happens.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Rejected)
    }

    /// The state's name in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Submitting => "submitting",
            Self::Unknown => "unknown",
            Self::Reconciling => "reconciling",
            Self::Reading => "reading",
            Self::Acknowledged => "acknowledged",
            Self::Rejected => "rejected",
        }
    }
}

/// How firmly a record must be written before life goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// On stable storage before the write returns.
    Synced,
    /// Visible at once, on stable storage soon. A crash may lose it; reconciliation then finds out
    /// again.
    Lazy,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // boxing the outcome would allocate on the order path
pub enum Event {
    /// A new record begins its life.
    Begin,
    /// A record was loaded from the store, by a process that is not sending its order.
    Loaded,
    /// The record was written as asked.
    Persisted,
    /// The record was not written.
    PersistFailed,
    /// The order was not sent, because it must not be any more.
    Halted(Failure),
    /// The order was sent; this came back.
    Sent(Result<Outcome, Refused>),
    /// The exchange answered a question for the order.
    Answered {
        /// When it was asked, by its own clock.
        asked_at: Timestamp,
        /// The order; `None` is a definite "no such order".
        report: Option<OrderReport>,
    },
    /// The exchange did not answer the question.
    Unanswered,
    /// The wait is over.
    Woke,
    /// The fee was read, if it could be.
    Fee(Option<Fee>),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Write the record; then [`Event::Persisted`] or [`Event::PersistFailed`].
    Persist(Durability),
    /// Sign and send the order; then [`Event::Sent`], or [`Event::Halted`] instead of sending.
    Submit,
    /// Ask the exchange for the order by client order id; then [`Event::Answered`] or
    /// [`Event::Unanswered`].
    Ask,
    /// The same, for an order known to exist, to learn its fill.
    ReadFill,
    /// Read the order's executions for their fee; then [`Event::Fee`].
    ReadFee,
    /// Wait until then, by the exchange's clock; then [`Event::Woke`].
    Wait(Timestamp),
    /// Write the record lazily and leave it open: reconciliation carries on with it later.
    Park,
    /// The end.
    Done,
}

/// What only this run knows; gone when a record is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Run {
    /// The intent is durable in its present form.
    durable: bool,
    asks: u32,
    reads: u32,
}

impl Record {
    /// Moves on by one event. `now` is the present by the exchange's clock.
    ///
    /// An event that does not belong to the state changes nothing and parks the record.
    #[must_use]
    pub fn apply(&mut self, event: Event, now: Timestamp, policy: &Policy) -> Effect {
        self.updated_at = now;
        match (self.state, event) {
            (State::Acknowledged | State::Rejected, event) => self.at_the_end(event, now, policy),
            (State::Reserved, Event::Begin) => self.submit(),
            (State::Submitting, Event::Persisted) if !self.run.durable => {
                self.run.durable = true;
                Effect::Submit
            }
            // Nothing was written, so the first attempt never happened; an earlier attempt did, and
            // its record says so.
            (State::Submitting, Event::PersistFailed) if !self.run.durable => {
                if self.attempts > 1 {
                    return Effect::Park;
                }
                let message = "The order's intent could not be stored; nothing was sent.";
                self.state = State::Rejected;
                self.refusal = Some(Refusal::new(ErrorCode::IdempotencyUnavailable, message));
                Effect::Done
            }
            (State::Submitting, Event::Halted(failure)) => self.reject(failure.into()),
            (State::Submitting, Event::Sent(result)) if self.run.durable => {
                self.sent(result, now, policy)
            }
            // Only after a definite "not sent", which leaves the intent as it is.
            (State::Submitting, Event::Woke) if self.run.durable => {
                self.attempts += 1;
                Effect::Submit
            }
            // Whoever was sending it is gone, so it was signed before now.
            (State::Submitting, Event::Loaded) => self.lost(now.after(policy.recv_window)),
            (State::Unknown | State::Reconciling, Event::Loaded) => {
                self.run = Run::default();
                self.final_after.get_or_insert(now.after(policy.recv_window));
                Effect::Ask
            }
            (State::Unknown | State::Reconciling, Event::Answered { asked_at, report }) => {
                match report.filter(|report| !self.is_older(report)) {
                    Some(report) => self.known(&report, now, policy),
                    None => self.not_found(asked_at, now, policy),
                }
            }
            (State::Unknown | State::Reconciling, Event::Unanswered) => self.ask_later(now, policy),
            (State::Unknown | State::Reconciling, Event::Woke) => Effect::Ask,
            (State::Reading, Event::Loaded) => {
                self.run = Run::default();
                Effect::ReadFill
            }
            (State::Reading, Event::Answered { report, .. }) => {
                match report.filter(|report| !self.is_older(report)) {
                    Some(report) => self.known(&report, now, policy),
                    None => self.read_later(now, policy),
                }
            }
            (State::Reading, Event::Unanswered) => self.read_later(now, policy),
            (State::Reading, Event::Woke) => Effect::ReadFill,
            _ => Effect::Park,
        }
    }

    /// Whether there is certainly no order and never will be, so that the key may be free again. An
    /// id in use keeps it: sending again would be refused again. So does the queue, which may try
    /// again.
    pub fn frees_key(&self) -> bool {
        self.is_absent() && self.queued == Queued::No
    }

    /// Whether there is certainly no order.
    pub(crate) fn is_absent(&self) -> bool {
        self.state == State::Rejected && !self.id_in_use
    }

    fn submit(&mut self) -> Effect {
        self.state = State::Submitting;
        self.attempts += 1;
        self.final_after = None;
        self.run = Run::default();
        Effect::Persist(Durability::Synced)
    }

    fn sent(
        &mut self,
        result: Result<Outcome, Refused>,
        now: Timestamp,
        policy: &Policy,
    ) -> Effect {
        let refused = match result {
            Ok(Outcome::Acknowledged(report)) => return self.known(&report, now, policy),
            Ok(Outcome::Accepted(accepted)) => {
                self.order_id = accepted.order_id;
                self.state = State::Reading;
                return Effect::ReadFill;
            }
            Ok(Outcome::Unknown(unknown)) => return self.lost(unknown.final_after),
            Err(refused) => refused,
        };
        match &refused {
            // An earlier attempt has landed, or an earlier life of the key.
            Refused::Rejected(rejection)
                if rejection.reason == RejectReason::DuplicateClientOrderId =>
            {
                self.id_in_use = true;
                self.lost(now.after(policy.recv_window))
            }
            Refused::NotSent(NotSent::Connection(_))
                if self.attempts < policy.attempts_max && self.is_young(now, policy) =>
            {
                Effect::Wait(now.after(policy.backoff(self.attempts)))
            }
            // Refused unread; the clock is right by now.
            Refused::Rejected(rejection)
                if rejection.reason == RejectReason::Clock
                    && self.attempts < policy.attempts_max
                    && self.is_young(now, policy) =>
            {
                Effect::Wait(now)
            }
            // The limiter knows when there is room. A longer wait is the sender's, or the queue's.
            Refused::NotSent(NotSent::Throttled(throttle)) => {
                let wait = throttle.wait(now, policy.longest_backoff);
                let until = now.after(wait);
                let soon = wait <= policy.longest_backoff && self.is_young(until, policy);
                match soon && self.attempts < policy.attempts_max {
                    true => Effect::Wait(until),
                    false => self.reject(Refusal::of(refused, now)),
                }
            }
            _ => self.reject(Refusal::of(refused, now)),
        }
    }

    fn lost(&mut self, final_after: Timestamp) -> Effect {
        self.state = State::Unknown;
        self.final_after = Some(final_after);
        self.run = Run::default();
        Effect::Ask
    }

    fn not_found(&mut self, asked_at: Timestamp, now: Timestamp, policy: &Policy) -> Effect {
        self.state = State::Reconciling;
        let final_after = *self.final_after.get_or_insert(now.after(policy.recv_window));
        if asked_at <= policy.final_from(final_after) {
            return self.ask_later(now, policy);
        }
        if self.id_in_use {
            let message = "The client order id belongs to an older order; use another key.";
            return self.reject(Refusal::new(ErrorCode::ExchangeRejected, message));
        }
        if self.attempts < policy.attempts_max && self.is_young(now, policy) {
            return self.submit();
        }
        let message = "The order did not reach the exchange.";
        self.reject(Refusal::new(ErrorCode::ExchangeUnavailable, message))
    }

    fn ask_later(&mut self, now: Timestamp, policy: &Policy) -> Effect {
        self.run.asks += 1;
        if self.run.asks >= policy.asks_max {
            return Effect::Park;
        }
        let wake = now.after(policy.backoff(self.run.asks - 1));
        // One question right after the bound settles it; none later than needed.
        let settled =
            self.final_after.map(|at| policy.final_from(at).after(Duration::from_millis(1)));
        Effect::Wait(
            settled.filter(|settled| now < *settled).map_or(wake, |settled| wake.min(settled)),
        )
    }

    fn read_later(&mut self, now: Timestamp, policy: &Policy) -> Effect {
        self.run.reads += 1;
        if self.run.reads >= policy.reads_max {
            return Effect::Park;
        }
        Effect::Wait(now.after(policy.backoff(self.run.reads - 1)))
    }

    /// The exchange has told the order's state.
    fn known(&mut self, report: &OrderReport, now: Timestamp, policy: &Policy) -> Effect {
        let execution = Execution::of(report);
        self.order_id = Some(report.order_id);
        self.final_after = None;
        if report.status == OrderStatus::Rejected && execution.status == ExecutionStatus::Ended {
            let message = "Exchange API Reject: the order was refused after it was taken.";
            return self.reject(Refusal::new(ErrorCode::ExchangeRejected, message));
        }
        self.id_in_use = false;
        let fee_missing = execution.fee.is_none() && !execution.filled_quantity.is_zero();
        self.execution = Some(execution);
        if self.intent.order.is_immediate() && report.status.is_open() {
            self.state = State::Reading;
            return self.read_later(now, policy);
        }
        self.state = State::Acknowledged;
        match policy.read_fees && fee_missing {
            true => Effect::ReadFee,
            false => Effect::Persist(Durability::Lazy),
        }
    }

    fn reject(&mut self, refusal: Refusal) -> Effect {
        self.state = State::Rejected;
        self.refusal = Some(refusal);
        self.final_after = None;
        // Lost in a crash, a rejection that was told would be an intent that may be sent again.
        Effect::Persist(Durability::Synced)
    }

    fn at_the_end(&mut self, event: Event, now: Timestamp, policy: &Policy) -> Effect {
        match event {
            // A rejection that may be forgotten must not be told: the intent would outlive it.
            Event::PersistFailed if self.state == State::Rejected => {
                self.refusal = None;
                let _ = self.lost(now.after(policy.recv_window));
                Effect::Park
            }
            Event::Fee(fee) => {
                if let (Some(execution), Some(fee)) = (&mut self.execution, fee) {
                    execution.set_fee(fee);
                }
                Effect::Persist(Durability::Lazy)
            }
            _ => Effect::Done,
        }
    }

    fn is_young(&self, now: Timestamp, policy: &Policy) -> bool {
        now.since(self.received_at) <= policy.resubmit_within
    }

    /// Whether the order is not ours, but one that had the same id in an earlier life of the key.
    ///
    /// Such an order is older by the time a key is held, of which half must do as the bound: an
    /// intent may have been written while our clock was off by an hour, and an order of ours that is
    /// taken for another would be sent again.
    fn is_older(&self, report: &OrderReport) -> bool {
        let half = self.reserved_until.since(self.received_at) / 2;
        self.order_id != Some(report.order_id)
            && report.updated_at.is_some_and(|at| at.after(half) < self.intent.written_at)
    }
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
