//! What can go wrong, by what it means for an order.
//!
//! | | the order | may be sent again |
//! |---|---|---|
//! | [`NotSent`] | does not exist | yes, once the cause is gone |
//! | [`Rejection`] | does not exist | not unchanged |
//! | [`Throttle`] | does not exist | yes, after the wait |
//! | [`Unknown`](crate::Unknown) | may exist | never before the venue was asked by client order id |

use core::fmt;
use core::time::Duration;

use hoox_signer::KeyError;
use thiserror::Error;

use crate::{FilterError, OperationKind, Timestamp, TransportError, Venue};

/// The longest part of a venue's message that is kept, in bytes.
const MESSAGE_MAX: usize = 160;

/// Why an operation cannot be written for a venue. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The venue has no such operation.
    #[error("{venue} does not support {operation}")]
    NotSupported {
        /// The venue.
        venue: Venue,
        /// The operation, or the feature of an order.
        operation: &'static str,
    },
    /// A value the venue needs is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value the venue cannot take.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The key cannot sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why nothing left this process. The order does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotSent {
    /// The order breaks a rule of its instrument.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The operation cannot be written for this venue.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// No connection: refused, unresolved, or TLS failed. No byte of the request left.
    #[error("not connected: {0}")]
    Connection(String),
    /// The limiter has no permit and the caller did not want to wait.
    #[error(transparent)]
    Throttled(#[from] Throttle),
    /// The order carries no client order id, without which a lost reply could not be resolved.
    #[error("the order has no client order id")]
    NoClientOrderId,
}

/// The neutral reason of a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// Not enough balance or margin.
    InsufficientBalance,
    /// Order value below the minimum.
    MinNotional,
    /// Quantity off the step, or outside its bounds.
    Quantity,
    /// Price off the tick, outside its bounds or too far from the market.
    Price,
    /// More digits than the venue takes.
    Precision,
    /// No such order, or none that is open.
    UnknownOrder,
    /// The client order id is in use: the order it names exists. Ask for it.
    DuplicateClientOrderId,
    /// A reduce-only order would not reduce.
    ReduceOnly,
    /// A post-only order would take.
    PostOnly,
    /// A fill-or-kill order cannot fill whole, or there is nothing to trade against.
    NoLiquidity,
    /// A trigger price on the wrong side of the market.
    WouldTrigger,
    /// The account or the key may not do this.
    Permission,
    /// The API key is unknown, expired, or not for this address.
    BadKey,
    /// The signature does not verify.
    BadSignature,
    /// The request's timestamp is outside the receive window: the clock is off, or it was too late.
    /// A [`Client`](crate::Client) has read the venue's clock again when it tells this of an order;
    /// sending once more is safe.
    Clock,
    /// No such symbol.
    UnknownSymbol,
    /// The symbol takes no such order now.
    NotTrading,
    /// The order does not fit the position mode.
    PositionMode,
    /// No position to close.
    NoPosition,
    /// Position, leverage or risk limit.
    PositionLimit,
    /// Leverage or margin mode cannot be so.
    Leverage,
    /// Too many open orders.
    TooManyOrders,
    /// Open orders or positions stand in the way of a setting.
    OrdersOrPositionsOpen,
    /// The request itself is wrong.
    InvalidRequest,
    /// A definite rejection this version has no word for.
    Other,
}

/// The venue said no. The order does not exist.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("rejected ({reason:?}, code {code}): {message}")]
pub struct Rejection {
    /// Why, in neutral words.
    pub reason: RejectReason,
    /// The venue's own code; the HTTP status where it sent none.
    pub code: i64,
    /// The beginning of the venue's own words.
    pub message: Box<str>,
}

impl Rejection {
    /// A rejection; of `message` the first 160 bytes are kept.
    pub fn new(reason: RejectReason, code: i64, message: &str) -> Self {
        Self { reason, code, message: clip(message) }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejection({:?}, {}, {:?})", self.reason, self.code, self.message)
    }
}

/// Why a request was turned away without being executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThrottleKind {
    /// Too much request weight, or too many requests.
    RequestRate,
    /// Too many orders.
    OrderRate,
    /// The address is banned; every further request makes it longer.
    Banned,
    /// The venue is overloaded and says that it did not execute the request.
    Overloaded,
    /// Maintenance.
    Maintenance,
}

/// Turned away, and certainly not executed. The order does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("throttled ({kind:?})")]
pub struct Throttle {
    /// Why.
    pub kind: ThrottleKind,
    /// How long to wait before the next request, if the venue says.
    pub retry_after: Option<Duration>,
    /// Until when to wait, by the venue's clock, if the venue says.
    pub until: Option<Timestamp>,
}

impl Throttle {
    /// A throttle for which the venue names no wait.
    pub const fn new(kind: ThrottleKind) -> Self {
        Self { kind, retry_after: None, until: None }
    }

    /// How long to wait from `now`, which is by the venue's clock: the longer of what the venue says
    /// in either way, or `default` if it says nothing.
    pub fn wait(&self, now: Timestamp, default: Duration) -> Duration {
        match (self.retry_after, self.until.map(|until| until.since(now))) {
            (Some(after), Some(until)) => after.max(until),
            (Some(wait), None) | (None, Some(wait)) => wait,
            (None, None) => default,
        }
    }
}

/// Why an outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnknownCause {
    /// The connection failed after the first byte may have left.
    #[error("transport: {0}")]
    Transport(String),
    /// The venue says that it does not know.
    #[error("the venue does not know (HTTP {status}, code {code}): {message}")]
    Venue {
        /// The HTTP status.
        status: u16,
        /// The venue's code; 0 where it sent none.
        code: i64,
        /// The beginning of its words.
        message: Box<str>,
    },
    /// The reply cannot be read.
    #[error(transparent)]
    Malformed(Malformed),
}

impl UnknownCause {
    /// The venue's own admission; of `message` the first 160 bytes are kept.
    pub fn venue(status: u16, code: i64, message: &str) -> Self {
        Self::Venue { status, code, message: clip(message) }
    }
}

/// A reply that is not what the venue's documentation promises.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("malformed reply to {operation:?} at {field}: {problem}")]
pub struct Malformed {
    /// What was asked.
    pub operation: OperationKind,
    /// The path of the field that is missing or mistyped; `.` for the whole.
    pub field: String,
    /// What is wrong with it. Never holds the reply itself.
    pub problem: String,
}

/// A venue's answer that is not a reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VenueError {
    /// A definite no.
    #[error(transparent)]
    Rejected(Rejection),
    /// Turned away, not executed.
    #[error(transparent)]
    Throttled(Throttle),
    /// May or may not have been executed.
    #[error("unknown outcome: {0}")]
    Unknown(UnknownCause),
    /// Not readable. For an operation that changes orders this means an unknown outcome.
    #[error(transparent)]
    Malformed(Malformed),
}

/// Why there is certainly no order.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// Nothing left this process.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// The venue said no.
    #[error(transparent)]
    Rejected(Rejection),
    /// The venue turned it away without executing it.
    #[error(transparent)]
    Throttled(Throttle),
}

/// Why a read or a setting gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing left this process.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// The venue said no.
    #[error(transparent)]
    Rejected(Rejection),
    /// The venue turned it away.
    #[error(transparent)]
    Throttled(Throttle),
    /// No readable answer: a setting may or may not have changed.
    #[error("no answer: {0}")]
    Unknown(UnknownCause),
}

impl Error {
    /// Whether the venue said that there is no such order.
    pub fn is_unknown_order(&self) -> bool {
        matches!(self, Self::Rejected(Rejection { reason: RejectReason::UnknownOrder, .. }))
    }

    /// Whether the venue refused the request for its timestamp: it was not executed.
    pub fn is_clock(&self) -> bool {
        matches!(self, Self::Rejected(Rejection { reason: RejectReason::Clock, .. }))
    }
}

impl From<VenueError> for Error {
    fn from(error: VenueError) -> Self {
        match error {
            VenueError::Rejected(rejection) => Self::Rejected(rejection),
            VenueError::Throttled(throttle) => Self::Throttled(throttle),
            VenueError::Unknown(cause) => Self::Unknown(cause),
            VenueError::Malformed(malformed) => Self::Unknown(UnknownCause::Malformed(malformed)),
        }
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotSent(cause) => Self::NotSent(NotSent::Connection(cause)),
            TransportError::MaybeSent(cause) => Self::Unknown(UnknownCause::Transport(cause)),
            TransportError::ReplyTooLong { .. } => {
                Self::Unknown(UnknownCause::Transport(error.to_string()))
            }
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotSent(cause) => Self::NotSent(cause),
            Refused::Rejected(rejection) => Self::Rejected(rejection),
            Refused::Throttled(throttle) => Self::Throttled(throttle),
        }
    }
}

fn clip(message: &str) -> Box<str> {
    let end = (0..=message.len().min(MESSAGE_MAX)).rev().find(|at| message.is_char_boundary(*at));
    message.get(..end.unwrap_or(0)).unwrap_or("").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_clipped_at_a_character() {
        let message = format!("{}é and more", "x".repeat(MESSAGE_MAX - 1));
        let rejection = Rejection::new(RejectReason::Other, -1, &message);
        assert_eq!(&*rejection.message, "x".repeat(MESSAGE_MAX - 1));
    }
}
