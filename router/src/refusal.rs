//! Why there is certainly no order, in the words of trade.md §14.

use core::time::Duration;

use hoox_connector::{Error, FilterError, NotSent, Refused, RejectReason, ThrottleKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Failure};

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

impl Refusal {
    /// Why there is no order; `now` is by the exchange's clock.
    pub(crate) fn of(refused: Refused, now: Timestamp) -> Self {
        Failure::of(&refused.into(), now).into()
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

impl Failure {
    /// The same, with the wait of an exchange that names a moment and no wait, as a ban's end. `now`
    /// is by its clock.
    pub(crate) fn of(error: &Error, now: Timestamp) -> Self {
        let mut failure = Self::from(error);
        if let Error::Throttled(throttle) | Error::NotSent(NotSent::Throttled(throttle)) = error
            && throttle.until.is_some()
        {
            failure.retry_after = Some(throttle.wait(now, Duration::ZERO));
        }
        failure
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
