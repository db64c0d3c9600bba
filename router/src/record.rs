//! What is kept of an order: enough to carry on after a crash, and to tell what happened.

use core::time::Duration;

use hoox_connector::{
    Asset, Attached, ClientOrderId, Decimal, Error, Fee, FilterError, MarginMode, Market, NewOrder,
    NotSent, OrderId, OrderKind, OrderReport, OrderStatus, PositionMode, PositionSide,
    PreparedOrder, Refused, RejectReason, Side, Size, Symbol, ThrottleKind, TimeInForce, Timestamp,
    Venue,
};
use serde::{Deserialize, Serialize};

use crate::lifecycle::{Run, State};
use crate::{Choice, ErrorCode, Failure, IdempotencyKey, RequestId, Signal, Trace};

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
    pub(crate) fn lacks_fee(&self) -> bool {
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

/// The exact order, written down before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The exchange.
    #[serde(with = "crate::as_text")]
    pub venue: Venue,
    /// The market.
    #[serde(with = "crate::as_text")]
    pub market: Market,
    /// The symbol.
    pub symbol: Symbol,
    /// Our id, the same on every attempt.
    pub client_order_id: ClientOrderId,
    /// What is sent.
    pub order: WrittenOrder,
    /// The quantity in the base asset.
    #[serde(with = "crate::as_text::option", default)]
    pub base_quantity: Option<Decimal>,
    /// When it was written, by the exchange's clock.
    pub written_at: Timestamp,
}

/// A market or limit order as text; quantities in the exchange's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenOrder {
    /// Buy or sell.
    pub side: Side,
    /// The quantity: contracts on MEXC futures, base asset elsewhere.
    #[serde(with = "crate::as_text")]
    pub quantity: Decimal,
    /// The limit price; absent for a market order.
    #[serde(with = "crate::as_text::option", default)]
    pub price: Option<Decimal>,
    /// How long a limit order stands.
    pub time_in_force: Option<TimeInForce>,
    /// Whether it only reduces.
    pub reduce_only: bool,
    /// The position it belongs to, in hedge mode.
    pub position_side: Option<PositionSide>,
    /// The account's position mode.
    pub position_mode: Option<PositionMode>,
    /// Trigger price of an attached take-profit.
    #[serde(with = "crate::as_text::option", default)]
    pub take_profit: Option<Decimal>,
    /// Trigger price of an attached stop-loss.
    #[serde(with = "crate::as_text::option", default)]
    pub stop_loss: Option<Decimal>,
    /// The margin mode, where the exchange takes it with the order.
    pub margin_mode: Option<MarginMode>,
    /// The leverage, where the exchange takes it with the order.
    pub leverage: Option<u32>,
}

impl WrittenOrder {
    /// Writes an order down; `None` for kinds that no signal asks for.
    pub fn new(order: &NewOrder) -> Option<Self> {
        let (quantity, price, time_in_force) = match order.kind {
            OrderKind::Market { size: Size::Base(quantity) } => (quantity, None, None),
            OrderKind::Limit { quantity, price, time_in_force } => {
                (quantity, Some(price), Some(time_in_force))
            }
            _ => return None,
        };
        Some(Self {
            side: order.side,
            quantity,
            price,
            time_in_force,
            reduce_only: order.reduce_only,
            position_side: order.position_side,
            position_mode: order.position_mode,
            take_profit: order.attached.take_profit,
            stop_loss: order.attached.stop_loss,
            margin_mode: order.margin_mode,
            leverage: order.leverage,
        })
    }

    /// Whether it trades at once or not at all, so that its fill is worth waiting for.
    pub fn is_immediate(&self) -> bool {
        !matches!(self.time_in_force, Some(TimeInForce::GoodTillCancel | TimeInForce::PostOnly))
    }
}

impl Intent {
    /// The order to send, on the first attempt and on every other.
    ///
    /// # Errors
    /// [`FilterError`] if a value is not greater than zero.
    pub fn order(&self) -> Result<PreparedOrder, FilterError> {
        let written = &self.order;
        let kind = match written.price {
            None => OrderKind::Market { size: Size::Base(written.quantity) },
            Some(price) => OrderKind::Limit {
                quantity: written.quantity,
                price,
                time_in_force: written.time_in_force.unwrap_or_default(),
            },
        };
        let mut order =
            NewOrder::new(self.symbol, written.side, kind).client_order_id(self.client_order_id);
        order.reduce_only = written.reduce_only;
        order.position_side = written.position_side;
        order.position_mode = written.position_mode;
        order.attached =
            Attached { take_profit: written.take_profit, stop_loss: written.stop_loss };
        order.margin_mode = written.margin_mode;
        order.leverage = written.leverage;
        PreparedOrder::as_written(&order)
    }
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

/// Why there is certainly no order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the caller hears.
    pub code: ErrorCode,
    /// In words.
    pub message: String,
    /// How long to wait before trying again, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }
}

impl From<&Refused> for Refusal {
    fn from(refused: &Refused) -> Self {
        Failure::from(&Error::from(refused.clone())).into()
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let retry_after = failure.retry_after.map(|wait| wait.as_millis());
        let retry_after_ms = retry_after.map(|wait| u64::try_from(wait).unwrap_or(u64::MAX));
        Self { code: failure.code, message: failure.message, retry_after_ms }
    }
}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        let mut failure = Self::new(refusal.code, refusal.message.clone());
        failure.retry_after = refusal.retry_after_ms.map(Duration::from_millis);
        failure
    }
}

impl From<&Error> for Failure {
    /// The exchange's answer in the words of trade.md §14. What the exchange itself wrote is told
    /// only where it rejects.
    fn from(error: &Error) -> Self {
        const UNREACHABLE: &str = "The exchange cannot be reached.";
        let throttled = |throttle: &hoox_connector::Throttle| {
            let (code, message) = match throttle.kind {
                ThrottleKind::Overloaded | ThrottleKind::Maintenance => {
                    (ErrorCode::ExchangeUnavailable, "The exchange takes no orders now.")
                }
                _ => (ErrorCode::RateLimited, "The exchange's request limit is reached."),
            };
            let mut failure = Self::new(code, message);
            failure.retry_after = throttle.retry_after;
            failure
        };
        match error {
            Error::NotSent(NotSent::Connection(_)) => {
                Self::new(ErrorCode::ExchangeUnavailable, UNREACHABLE)
            }
            Error::NotSent(NotSent::Throttled(throttle)) | Error::Throttled(throttle) => {
                throttled(throttle)
            }
            Error::NotSent(NotSent::Filter(broken)) => (*broken).into(),
            Error::NotSent(NotSent::Encode(hoox_connector::EncodeError::Key(_))) => {
                Self::new(ErrorCode::Internal, "The order cannot be signed.")
            }
            Error::NotSent(NotSent::Encode(error)) => {
                Self::new(ErrorCode::Validation, error.to_string())
            }
            Error::NotSent(_) => Self::new(ErrorCode::Internal, "The order cannot be sent."),
            Error::Rejected(rejection) if rejection.reason == RejectReason::Clock => Self::new(
                ErrorCode::ClockSkew,
                "The exchange refused the timestamp; check NTP sync.",
            ),
            Error::Rejected(rejection) => {
                let (code, message) = (rejection.code, &rejection.message);
                let text = format!("Exchange API Reject: {message} (code {code})");
                Self::new(ErrorCode::ExchangeRejected, text)
            }
            Error::Unknown(_) => {
                Self::new(ErrorCode::ExchangeTimeout, "The exchange did not answer.")
            }
            _ => Self::new(ErrorCode::Internal, "The exchange gave no usable answer."),
        }
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Self {
        use hoox_connector::Filter;
        let text = error.to_string();
        let message = match error.filter {
            Filter::MinQuantity
            | Filter::MarketMinQuantity
            | Filter::MinNotional
            | Filter::StepSize => format!("Order is below minimum: {text}"),
            _ => text,
        };
        Self::new(ErrorCode::Validation, message)
    }
}
