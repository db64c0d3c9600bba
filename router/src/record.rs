//! What is kept of an order: enough to carry on after a crash, and to tell what happened.

use hoox_connector::{Asset, Decimal, Fee, OrderId, OrderReport, OrderStatus, Timestamp, Venue};
use serde::{Deserialize, Serialize};

use crate::lifecycle::{Run, State};
use crate::{Choice, IdempotencyKey, Intent, Refusal, RequestId, Signal, Trace};

/// How many earlier attempts a record remembers.
const EARLIER_MAX: usize = 16;

/// One order's life, from the durable intent to its outcome.
///
/// Identified by `(request_id, leg)`. Serialises to JSON with every decimal as text, and holds no
/// secret: a store keeps it as it is, and takes from it what its tables want.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The request that brought the signal.
    pub request_id: RequestId,
    /// Which of the signal's orders this is: an entry is 0; a close is 0 for the long position and 1
    /// for the short one, so that a repeated close means the same position by the same number.
    pub leg: u8,
    /// The idempotency key. Writing the record makes its reservation durable.
    pub key: IdempotencyKey,
    /// Until when the key is held, by our clock.
    pub reserved_until: Timestamp,
    /// The signal.
    pub signal: Signal,
    /// The exchange, and why it.
    pub choice: Choice,
    /// The order, exactly.
    pub intent: Intent,
    /// Where it stands.
    pub state: State,
    /// How often the order was, or is about to be, sent.
    pub attempts: u32,
    /// While the outcome is unknown: the last moment, by the exchange's clock, at which it still
    /// takes a request that was lost.
    pub final_after: Option<Timestamp>,
    /// The exchange said that the client order id is in use.
    #[serde(default)]
    pub id_in_use: bool,
    /// Whether the signal came through the queue, which may try again.
    #[serde(default)]
    pub queued: Queued,
    /// The legs of all orders that the signal came to, as bits: 1 for leg 0, 2 for leg 1.
    #[serde(default)]
    pub legs: u8,
    /// What became of the attempts before this one, oldest first; all ended without an order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// The exchange's id of the order.
    pub order_id: Option<OrderId>,
    /// What the order came to, as far as it is known.
    pub execution: Option<Execution>,
    /// Why there is certainly no order.
    pub refusal: Option<Refusal>,
    /// When the signal was received, or taken from the queue again, by our clock.
    pub received_at: Timestamp,
    /// When this record last changed, by the exchange's clock.
    pub updated_at: Timestamp,
    /// How long the steps took.
    #[serde(default)]
    pub trace: Trace,
    #[serde(skip)]
    pub(crate) run: Run,
}

impl Record {
    /// A record of an order about to be sent, its key reserved and nothing durable yet.
    pub fn new(
        (request_id, leg): (RequestId, u8),
        (key, reserved_until): (IdempotencyKey, Timestamp),
        signal: Signal,
        choice: Choice,
        intent: Intent,
        received_at: Timestamp,
    ) -> Self {
        Self {
            request_id,
            leg,
            key,
            reserved_until,
            signal,
            choice,
            updated_at: intent.written_at,
            intent,
            state: State::Reserved,
            attempts: 0,
            final_after: None,
            id_in_use: false,
            queued: Queued::No,
            legs: 1 << leg.min(7),
            earlier: Vec::new(),
            order_id: None,
            execution: None,
            refusal: None,
            received_at,
            trace: Trace::default(),
            run: Run::default(),
        }
    }

    /// Whether it filled, and its fee is not known.
    pub fn lacks_fee(&self) -> bool {
        let filled = |it: &Execution| it.fee.is_none() && !it.filled_quantity.is_zero();
        self.state == State::Acknowledged && self.execution.as_ref().is_some_and(filled)
    }

    /// Follows an attempt of the same order that ended without one: remembers what it came to.
    pub(crate) fn follow(&mut self, before: Self) {
        self.earlier = before.earlier;
        if let Some(refusal) = before.refusal {
            let Intent { venue, .. } = before.intent;
            if self.earlier.len() >= EARLIER_MAX {
                self.earlier.remove(0);
            }
            self.earlier.push(Earlier { venue, at: before.updated_at, refusal });
        }
    }

    /// The word of data.md §2 for where the order stands.
    pub fn trade_status(&self) -> &'static str {
        use ExecutionStatus as Status;
        match (self.state, self.execution.as_ref().map(|it| it.status)) {
            (State::Rejected, _) => match self.queued {
                Queued::No => "Rejected",
                Queued::Yes => "Enqueued",
                Queued::GivenUp => "Failed",
            },
            (State::Acknowledged, Some(Status::Filled)) => "Filled",
            (State::Acknowledged, Some(Status::Partial)) => "Partial",
            (State::Acknowledged, Some(Status::Ended)) => "Failed",
            (State::Acknowledged, _) => "Open",
            _ => "TRADE_PENDING",
        }
    }

    /// What identifies the record.
    pub fn id(&self) -> (RequestId, u8) {
        (self.request_id, self.leg)
    }
}

/// Whether a signal came through the queue (trade.md §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queued {
    /// It did not, or the queue is done with it.
    #[default]
    No,
    /// It did, and is tried again if there is no order: its key stays reserved.
    Yes,
    /// It was tried too often, and is a dead letter.
    GivenUp,
}

/// An attempt that ended without an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// At which exchange.
    #[serde(with = "crate::as_text")]
    pub venue: Venue,
    /// When it ended, by the exchange's clock.
    pub at: Timestamp,
    /// Why.
    pub refusal: Refusal,
}

/// What an order came to, in the exchange's own numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Where it stands.
    pub status: ExecutionStatus,
    /// The quantity filled, in the base asset.
    #[serde(with = "crate::as_text")]
    pub filled_quantity: Decimal,
    /// The average price of what filled.
    #[serde(with = "crate::as_text::option", default)]
    pub average_price: Option<Decimal>,
    /// The fee, in `fee_asset`.
    #[serde(with = "crate::as_text::option", default)]
    pub fee: Option<Decimal>,
    /// The asset the fee was paid in.
    pub fee_asset: Option<Asset>,
    /// When the order was last changed, by the exchange's clock.
    pub at: Option<Timestamp>,
}

/// Where an order that exists stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// Filled whole.
    Filled,
    /// Filled in part; the rest is open or was cancelled.
    Partial,
    /// In the market without a fill.
    Open,
    /// Ended without a fill.
    Ended,
}

impl Execution {
    pub(crate) fn of(report: &OrderReport) -> Self {
        let filled = report.filled_quantity;
        let status = match report.status {
            OrderStatus::Filled => ExecutionStatus::Filled,
            _ if filled > Decimal::ZERO => ExecutionStatus::Partial,
            status if status.is_open() => ExecutionStatus::Open,
            _ => ExecutionStatus::Ended,
        };
        let from_value = || report.filled_quote?.checked_div(filled);
        Self {
            status,
            filled_quantity: filled,
            average_price: report.average_price.or_else(from_value),
            fee: report.fee.map(|fee| fee.amount),
            fee_asset: report.fee.map(|fee| fee.asset),
            at: report.updated_at,
        }
    }

    pub(crate) fn set_fee(&mut self, fee: Fee) {
        self.fee = Some(fee.amount);
        self.fee_asset = Some(fee.asset);
    }
}
