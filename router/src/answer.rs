use core::fmt;
use core::time::Duration;

use arrayvec::ArrayVec;
use hoox_connector::{Decimal, Symbol, Venue};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::record::{Execution, ExecutionStatus};
use crate::{Action, ErrorCode, Failure, Record, RequestId, Trace, Violation};

/// The headers of every response (gateway.md §12), names in lower case.
pub const SECURITY_HEADERS: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("content-security-policy", "default-src 'self'"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ("x-xss-protection", "1; mode=block"),
];

/// The documented word for an order that filled whole.
const FILLED: &str = "Filled";

/// What the sender of a signal hears: status and JSON body as gateway.md §9 lays them down.
#[derive(Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The request answered; also the value of `X-Request-Id`.
    pub request_id: RequestId,
    /// The HTTP status.
    pub status: u16,
    /// The error's code; absent for a success.
    pub code: Option<&'static str>,
    /// The value of `Retry-After`, in whole seconds.
    pub retry_after: Option<u64>,
    /// The JSON body.
    pub body: String,
    /// How long each step took; not part of the body.
    pub trace: Trace,
    /// Orders whose fee has not been read.
    pub(crate) without_fee: ArrayVec<Record, 2>,
    /// Whether all its orders filled whole.
    pub(crate) filled: bool,
}

impl Answer {
    /// A failure.
    ///
    /// ```
    /// use hoox_router::{Answer, ErrorCode, Failure, RequestId};
    ///
    /// let id = RequestId::from_random([0; 16]);
    /// let answer = Answer::failure(id, &Failure::new(ErrorCode::NotFound, "No such path."));
    /// assert_eq!((answer.status, answer.code), (404, Some("NOT_FOUND")));
    /// ```
    pub fn failure(request_id: RequestId, failure: &Failure) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            success: bool,
            request_id: RequestId,
            error: Error<'a>,
        }
        #[derive(Serialize)]
        struct Error<'a> {
            code: &'static str,
            message: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            details: &'a [Violation],
        }
        let Failure { code, message, details, retry_after } = failure;
        let body = Body {
            success: false,
            request_id,
            error: Error { code: code.as_str(), message, details },
        };
        // Always told with 429 (gateway.md §7); whole seconds, rounded up.
        let wait = match code {
            ErrorCode::RateLimited => Some(retry_after.unwrap_or_default()),
            _ => retry_after.filter(|wait| !wait.is_zero()),
        };
        Self {
            request_id,
            status: code.status(),
            code: Some(code.as_str()),
            retry_after: wait.map(|wait| whole_seconds(wait).max(1)),
            body: to_json(&body),
            trace: Trace::default(),
            without_fee: ArrayVec::new(),
            filled: false,
        }
    }

    /// Orders that exist, with what the exchange says of them. `result` is the first of them; where
    /// a close took two (both sides open in hedge mode), `results` holds both.
    pub(crate) fn success(records: &[Record]) -> Option<Self> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            success: bool,
            request_id: RequestId,
            #[serde(serialize_with = "crate::as_text::serialize")]
            exchange: Venue,
            symbol: Symbol,
            action: Action,
            result: &'a ResultBody,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            results: &'a [ResultBody],
        }
        let first = records.first()?;
        let results: Vec<ResultBody> = records.iter().filter_map(ResultBody::of).collect();
        let body = Body {
            success: true,
            request_id: first.request_id,
            exchange: first.intent.venue,
            symbol: first.intent.symbol,
            action: first.signal.action,
            result: results.first()?,
            results: if results.len() > 1 { &results } else { &[] },
        };
        Some(Self {
            request_id: first.request_id,
            status: 200,
            code: None,
            retry_after: None,
            body: to_json(&body),
            trace: first.trace,
            without_fee: ArrayVec::new(),
            filled: results.iter().all(|result| result.status == FILLED),
        })
    }

    /// A signal that waits in the queue (gateway.md §9).
    pub fn enqueued(request_id: RequestId) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            success: bool,
            request_id: RequestId,
            status: &'static str,
            message: &'static str,
        }
        let message = "The signal is in the trade-execution queue for background retry.";
        let body = Body { success: true, request_id, status: "Enqueued", message };
        Self {
            request_id,
            status: 202,
            code: None,
            retry_after: None,
            body: to_json(&body),
            trace: Trace::default(),
            without_fee: ArrayVec::new(),
            filled: false,
        }
    }

    /// Takes out the orders whose fee has not been read, for [`Router::read_fees`] once the answer
    /// is on its way. Empty if [`Settings::read_fees`] had them read before.
    ///
    /// [`Router::read_fees`]: crate::Router::read_fees
    /// [`Settings::read_fees`]: crate::Settings::read_fees
    pub fn take_without_fee(&mut self) -> WithoutFee {
        WithoutFee(core::mem::take(&mut self.without_fee))
    }
}

/// Orders that filled and whose fee has not been read.
#[derive(Debug, Default)]
pub struct WithoutFee(pub(crate) ArrayVec<Record, 2>);

impl WithoutFee {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("request_id", &self.request_id)
            .field("status", &self.status)
            .field("code", &self.code)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultBody {
    order_id: String,
    status: &'static str,
    executed_qty: Box<RawValue>,
    price: Option<Box<RawValue>>,
    timestamp: u64,
}

impl ResultBody {
    fn of(record: &Record) -> Option<Self> {
        let Execution { status, filled_quantity, average_price, at, .. } =
            record.execution.as_ref()?;
        let status = match status {
            ExecutionStatus::Filled => FILLED,
            ExecutionStatus::Partial => "Partial",
            // The documented vocabulary has no word for a limit order that rests in the market.
            ExecutionStatus::Open => "Open",
            ExecutionStatus::Ended => return None,
        };
        Some(Self {
            order_id: record.order_id?.to_string(),
            status,
            executed_qty: number(*filled_quantity)?,
            price: match average_price {
                Some(price) => Some(number(*price)?),
                None => None,
            },
            timestamp: at.unwrap_or(record.updated_at).as_millis(),
        })
    }
}

/// A JSON number with the decimal's own digits.
fn number(value: Decimal) -> Option<Box<RawValue>> {
    RawValue::from_string(value.normalize().to_string()).ok()
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

fn to_json(body: &impl Serialize) -> String {
    // Texts, numbers and flags only: nothing in it can fail.
    serde_json::to_string(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_error_body_is_written_exactly() {
        let id = RequestId::new("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d").unwrap();
        let details = vec![Violation::new("quantity", "Must be greater than zero.")];
        let answer = Answer::failure(id, &Failure::violations(details));
        assert_eq!(
            answer.body,
            r#"{"success":false,"requestId":"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d","error":{"code":"VALIDATION_ERROR","message":"Invalid JSON payload structure.","details":[{"field":"quantity","issue":"Must be greater than zero."}]}}"#
        );
        assert_eq!(answer.status, 400);
    }

    #[test]
    fn waits_are_whole_seconds_rounded_up() {
        let id = RequestId::from_random([1; 16]);
        let limited = |wait| {
            let failure = Failure::new(ErrorCode::RateLimited, "x").retry_after(wait);
            Answer::failure(id, &failure).retry_after
        };
        assert_eq!(limited(Duration::ZERO), Some(1));
        assert_eq!(limited(Duration::from_millis(1001)), Some(2));
        assert_eq!(Answer::failure(id, &Failure::new(ErrorCode::Internal, "x")).retry_after, None);
    }
}
