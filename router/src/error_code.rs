use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::RequestId;

macro_rules! error_codes {
    ($($(#[$meta:meta])* $name:ident = $status:literal $code:literal),+ $(,)?) => {
        /// What can be answered instead of an order: every code with its HTTP status, in one place
        /// (gateway.md §9, trade.md §14).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$meta])* $name),+ }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),+ }
            }

            /// The code as the body spells it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The variant's name, which tells apart what shares a code.
            const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }

        impl FromStr for ErrorCode {
            type Err = hoox_connector::UnknownName;

            /// Reads a variant's name, as records hold it.
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name { $(stringify!($name) => Ok(Self::$name),)+ _ => Err(hoox_connector::UnknownName) }
            }
        }
    };
}

error_codes! {
    /// The request cannot be understood at all.
    BadRequest = 400 "BAD_REQUEST",
    /// The body is longer than allowed.
    PayloadTooLarge = 413 "BAD_REQUEST",
    /// The body breaks the schema, or the order a rule of its instrument.
    Validation = 400 "VALIDATION_ERROR",
    /// Wrong passkey or wrong origin, alike.
    Unauthorized = 401 "UNAUTHORIZED",
    /// The exchange refused the timestamp, after one correction of our clock.
    ClockSkew = 401 "UNAUTHORIZED",
    /// No such path.
    NotFound = 404 "NOT_FOUND",
    /// No such method on this path.
    MethodNotAllowed = 405 "METHOD_NOT_ALLOWED",
    /// The signal was seen before.
    Duplicate = 409 "DUPLICATE_REQUEST",
    /// Too many signals, or the exchange wants fewer orders.
    RateLimited = 429 "RATE_LIMITED",
    /// Nothing to close.
    NoOpenPosition = 400 "NO_OPEN_POSITION",
    /// The exchange is switched off.
    ExchangeDisabled = 400 "EXCHANGE_DISABLED",
    /// No API key for the exchange.
    CredentialsMissing = 400 "CREDENTIALS_MISSING",
    /// The exchange has no test venue.
    TestTradingUnsupported = 400 "TEST_TRADING_UNSUPPORTED",
    /// The exchange said no.
    ExchangeRejected = 422 "EXCHANGE_REJECTED",
    /// The half of the program that trades is missing or has crashed.
    BadGateway = 502 "BAD_GATEWAY",
    /// The exchange cannot be reached; there is no order.
    ExchangeUnavailable = 502 "EXCHANGE_UNAVAILABLE",
    /// The exchange did not tell what became of the order.
    ExchangeTimeout = 504 "EXCHANGE_TIMEOUT",
    /// Trading is halted.
    KillSwitchActive = 503 "KILL_SWITCH_ACTIVE",
    /// The store of idempotency keys and intents cannot be reached.
    IdempotencyUnavailable = 503 "IDEMPOTENCY_UNAVAILABLE",
    /// The queue cannot be reached.
    QueueUnavailable = 503 "QUEUE_UNAVAILABLE",
    /// Anything else.
    Internal = 500 "INTERNAL_ERROR",
}

impl ErrorCode {
    /// Whether the same signal may succeed later, once the exchange or a store is back: what the
    /// queue tries again (gateway.md §9, trade.md §9).
    ///
    /// ```
    /// use hoox_router::ErrorCode;
    ///
    /// assert!(ErrorCode::ExchangeTimeout.is_retryable() && !ErrorCode::Validation.is_retryable());
    /// assert_eq!(ErrorCode::PayloadTooLarge.status(), 413);
    /// ```
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::BadGateway
                | Self::ExchangeUnavailable
                | Self::ExchangeTimeout
                | Self::IdempotencyUnavailable
                | Self::QueueUnavailable
                | Self::Internal
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::as_text::deserialize(deserializer)
    }
}

/// One violation of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The field.
    pub field: String,
    /// What is wrong with it.
    pub issue: String,
}

impl Violation {
    /// A violation of `field`.
    pub fn new(field: &str, issue: impl Into<String>) -> Self {
        Self { field: field.into(), issue: issue.into() }
    }
}

/// Why a signal did not become an order, in the words the caller hears.
///
/// The message never holds a secret, an address or the sender's own text beyond field names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// The code.
    pub code: ErrorCode,
    /// The message.
    pub message: String,
    /// The violations of a body that breaks the schema.
    pub details: Vec<Violation>,
    /// How long to wait before trying again, where that is known.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), retry_after: None }
    }

    /// Adds how long to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Trading is halted (gateway.md §6).
    pub fn halted() -> Self {
        let message = "Trading is halted globally by the kill switch in CONFIG_KV.";
        Self::new(ErrorCode::KillSwitchActive, message)
    }

    /// Nothing is traded without a lock (gateway.md §8).
    pub fn store_unavailable() -> Self {
        let message = "The idempotency store cannot be reached; nothing was ordered.";
        Self::new(ErrorCode::IdempotencyUnavailable, message)
    }

    /// The sender's window is full (gateway.md §7).
    pub fn too_many_signals(retry_after: Duration) -> Self {
        Self::new(ErrorCode::RateLimited, "Too many signals.").retry_after(retry_after)
    }

    /// Another request has the key (gateway.md §8).
    pub fn duplicate(request_id: RequestId) -> Self {
        let message =
            format!("Signal is locked: already processed in the last 24 hours as {request_id}.");
        Self::new(ErrorCode::Duplicate, message)
    }

    /// A body that breaks the schema (gateway.md §2).
    pub fn violations(details: Vec<Violation>) -> Self {
        let message = "Invalid JSON payload structure.".into();
        Self { code: ErrorCode::Validation, message, details, retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for code in ErrorCode::ALL {
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(serde_json::from_str::<ErrorCode>(&text).unwrap(), *code);
            assert!((400..=504).contains(&code.status()));
        }
    }
}
