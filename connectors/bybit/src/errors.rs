//! Error codes to what they mean for an order (v5 error; the tables are read top-down, text rules
//! before code rules). The HTTP status is 200 for almost all of them, so the code decides.

use core::time::Duration;

use hoox_connector::{
    Change, Headers, OperationKind, RejectReason as Reason, Rejection, Reply, Throttle,
    ThrottleKind, Timestamp, UnknownCause, VenueError,
};

use Class::{Reject, Throttled, Unchanged, Unknown};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Reject(Reason),
    Throttled(ThrottleKind),
    /// The order may exist.
    Unknown,
    /// The setting is so already: success.
    Unchanged,
}

/// Codes that several causes share, told apart by words of the message.
const BY_TEXT: &[(i64, &str, Class)] = &[
    (10_001, "position idx not match position mode", Reject(Reason::PositionMode)),
    (10_001, "symbol invalid", Reject(Reason::UnknownSymbol)),
];

/// Codes and their class; both bounds belong to the range.
const BY_CODE: &[(i64, i64, Class)] = &[
    (-2_015, -2_015, Reject(Reason::BadKey)),
    (429, 429, Throttled(ThrottleKind::Overloaded)),
    (10_000, 10_000, Unknown),
    (10_001, 10_001, Reject(Reason::InvalidRequest)),
    (10_002, 10_002, Reject(Reason::Clock)),
    (10_003, 10_003, Reject(Reason::BadKey)),
    (10_004, 10_004, Reject(Reason::BadSignature)),
    (10_005, 10_005, Reject(Reason::Permission)),
    (10_006, 10_006, Throttled(ThrottleKind::RequestRate)),
    (10_007, 10_009, Reject(Reason::Permission)),
    // The key is bound to another address.
    (10_010, 10_010, Reject(Reason::BadKey)),
    (10_014, 10_014, Unknown),
    (10_016, 10_016, Unknown),
    (10_017, 10_017, Reject(Reason::InvalidRequest)),
    (10_018, 10_018, Throttled(ThrottleKind::Banned)),
    // The service restarts; requests on their way continue.
    (10_019, 10_019, Unknown),
    (10_024, 10_024, Reject(Reason::Permission)),
    (10_027, 10_029, Reject(Reason::Permission)),
    (10_403, 10_403, Throttled(ThrottleKind::RequestRate)),
    (10_404, 10_404, Reject(Reason::InvalidRequest)),
    (10_429, 10_429, Throttled(ThrottleKind::Overloaded)),
    (20_003, 20_003, Throttled(ThrottleKind::RequestRate)),
    // A request id used twice: the first request with it may stand.
    (20_006, 20_006, Unknown),
    (30_208, 30_209, Reject(Reason::Price)),
    (30_228, 30_228, Reject(Reason::NotTrading)),
    (33_004, 33_004, Reject(Reason::BadKey)),
    (34_040, 34_040, Unchanged),
    (100_028, 100_028, Reject(Reason::Permission)),
    (110_001, 110_001, Reject(Reason::UnknownOrder)),
    (110_003, 110_003, Reject(Reason::Price)),
    (110_004, 110_004, Reject(Reason::InsufficientBalance)),
    (110_006, 110_007, Reject(Reason::InsufficientBalance)),
    // Filled or cancelled already: nothing open.
    (110_008, 110_008, Reject(Reason::UnknownOrder)),
    (110_009, 110_009, Reject(Reason::TooManyOrders)),
    (110_010, 110_010, Reject(Reason::UnknownOrder)),
    (110_012, 110_012, Reject(Reason::InsufficientBalance)),
    (110_013, 110_013, Reject(Reason::Leverage)),
    (110_016, 110_016, Reject(Reason::PositionLimit)),
    (110_017, 110_017, Reject(Reason::ReduceOnly)),
    (110_020, 110_020, Reject(Reason::TooManyOrders)),
    (110_021, 110_021, Reject(Reason::PositionLimit)),
    // Only reducing is allowed.
    (110_022, 110_023, Reject(Reason::NotTrading)),
    (110_024, 110_024, Reject(Reason::OrdersOrPositionsOpen)),
    (110_025, 110_026, Unchanged),
    (110_028, 110_028, Reject(Reason::OrdersOrPositionsOpen)),
    (110_029, 110_029, Reject(Reason::PositionMode)),
    (110_030, 110_030, Reject(Reason::DuplicateClientOrderId)),
    (110_034, 110_034, Reject(Reason::NoPosition)),
    (110_036, 110_036, Reject(Reason::Leverage)),
    (110_038, 110_038, Reject(Reason::Leverage)),
    (110_042, 110_042, Reject(Reason::NotTrading)),
    (110_043, 110_043, Unchanged),
    (110_044, 110_045, Reject(Reason::InsufficientBalance)),
    (110_051, 110_053, Reject(Reason::InsufficientBalance)),
    (110_062, 110_062, Reject(Reason::NotTrading)),
    (110_065, 110_065, Reject(Reason::NotTrading)),
    (110_068, 110_068, Reject(Reason::Permission)),
    (110_069, 110_069, Reject(Reason::NotTrading)),
    (110_072, 110_072, Reject(Reason::DuplicateClientOrderId)),
    // The order is still being processed; ask again.
    (110_079, 110_079, Throttled(ThrottleKind::Overloaded)),
    (110_092, 110_093, Reject(Reason::WouldTrigger)),
    (110_094, 110_094, Reject(Reason::MinNotional)),
    (170_001, 170_001, Unknown),
    (170_005, 170_005, Throttled(ThrottleKind::OrderRate)),
    (170_007, 170_007, Unknown),
    (170_032, 170_032, Unknown),
    (170_033, 170_033, Reject(Reason::InsufficientBalance)),
    // Submitted, still being processed.
    (170_035, 170_035, Unknown),
    (170_121, 170_121, Reject(Reason::UnknownSymbol)),
    (170_124, 170_124, Reject(Reason::Quantity)),
    (170_131, 170_131, Reject(Reason::InsufficientBalance)),
    (170_132, 170_133, Reject(Reason::Price)),
    (170_134, 170_134, Reject(Reason::Precision)),
    (170_136, 170_136, Reject(Reason::Quantity)),
    (170_137, 170_137, Reject(Reason::Precision)),
    (170_139, 170_139, Reject(Reason::UnknownOrder)),
    (170_140, 170_140, Reject(Reason::MinNotional)),
    (170_141, 170_141, Reject(Reason::DuplicateClientOrderId)),
    (170_142, 170_142, Reject(Reason::UnknownOrder)),
    (170_146, 170_147, Unknown),
    (170_148, 170_148, Reject(Reason::Precision)),
    (170_149, 170_150, Unknown),
    (170_190, 170_190, Reject(Reason::UnknownOrder)),
    (170_192, 170_194, Reject(Reason::Price)),
    (170_213, 170_213, Reject(Reason::UnknownOrder)),
    // Only maker orders are taken now; a maker order at a taker's price.
    (170_217, 170_217, Reject(Reason::NotTrading)),
    (170_218, 170_218, Reject(Reason::PostOnly)),
    (170_222, 170_222, Throttled(ThrottleKind::RequestRate)),
    (170_234, 170_234, Unknown),
    (170_310, 170_310, Unknown),
    (170_371, 170_372, Reject(Reason::Price)),
    (170_810, 170_810, Reject(Reason::TooManyOrders)),
    // v5 account/set-margin-mode.
    (3_400_045, 3_400_045, Reject(Reason::Leverage)),
];

/// How long an address that asked too often is shut out at least (v5 rate-limit, "IP limit").
const SHORTEST_BAN: Duration = Duration::from_secs(600);

/// What a code other than 0 means.
pub(crate) fn coded(
    op: OperationKind,
    status: u16,
    headers: Headers<'_>,
    code: i64,
    message: &str,
) -> Result<Reply, VenueError> {
    let message = without_payload(message);
    Err(match class(code, message, status) {
        Unchanged if !op.is_read() && !op.changes_orders() => {
            return Ok(Reply::Changed(Change::Unchanged));
        }
        Unchanged => rejected(Reason::InvalidRequest, code, message),
        Reject(reason) => rejected(reason, code, message),
        Unknown => VenueError::Unknown(UnknownCause::venue(status, code, message)),
        Throttled(kind) => VenueError::Throttled(throttle(kind, headers)),
    })
}

/// What a refusal over a socket means.
pub(crate) fn refusal(code: i64, message: &str) -> VenueError {
    let other = || rejected(Reason::Other, code, message);
    // Any kind that changes no order will do.
    coded(OperationKind::Balances, 200, Headers::none(), code, message).err().unwrap_or_else(other)
}

/// What the code of one order in a batch means, for the order alone.
pub(crate) fn in_batch(code: i64, message: &str, status: u16) -> Result<Rejection, VenueError> {
    match class(code, message, status) {
        Reject(reason) => Ok(Rejection::new(reason, code, message)),
        // Turned away is not executed either.
        Throttled(_) | Unchanged => Ok(Rejection::new(Reason::Other, code, message)),
        Unknown => Err(VenueError::Unknown(UnknownCause::venue(status, code, message))),
    }
}

/// An answer without a code: a proxy's page, a plain text, or nothing (v5 error, "HTTP codes").
pub(crate) fn uncoded(status: u16, headers: Headers<'_>, body: &[u8]) -> Result<Reply, VenueError> {
    let code = i64::from(status);
    Err(match status {
        400 | 404 | 405 => rejected(Reason::InvalidRequest, code, "no such endpoint"),
        401 => rejected(Reason::BadKey, code, "HTTP 401"),
        403 if is_country_block(body) => rejected(Reason::Permission, code, "HTTP 403"),
        // Any other 403 is taken for the address limit: holding back is the safe reading.
        403 => VenueError::Throttled(throttle(ThrottleKind::Banned, headers)),
        429 => VenueError::Throttled(throttle(ThrottleKind::Overloaded, headers)),
        _ => VenueError::Unknown(UnknownCause::venue(status, 0, "an answer without a code")),
    })
}

fn class(code: i64, message: &str, status: u16) -> Class {
    let by_text = BY_TEXT.iter().find(|(c, text, _)| *c == code && message.contains(text));
    if let Some((_, _, class)) = by_text {
        return *class;
    }
    match BY_CODE.iter().find(|(low, high, _)| (*low..=*high).contains(&code)) {
        Some((_, _, class)) => *class,
        None if status >= 500 => Unknown,
        None => Reject(Reason::Other),
    }
}

fn rejected(reason: Reason, code: i64, message: &str) -> VenueError {
    VenueError::Rejected(Rejection::new(reason, code, message))
}

fn throttle(kind: ThrottleKind, headers: Headers<'_>) -> Throttle {
    let retry_after = headers.find_u64("retry-after").map(Duration::from_secs);
    match kind {
        ThrottleKind::Banned => {
            Throttle { kind, retry_after: retry_after.or(Some(SHORTEST_BAN)), until: None }
        }
        ThrottleKind::RequestRate | ThrottleKind::OrderRate => {
            let reset = headers.find_u64("x-bapi-limit-reset-timestamp");
            Throttle { kind, retry_after, until: reset.map(Timestamp::from_millis) }
        }
        _ => Throttle { kind, retry_after, until: None },
    }
}

/// A signature error repeats the signed text, which holds the API key.
fn without_payload(message: &str) -> &str {
    message.split("origin_string").next().unwrap_or("").trim_end()
}

/// The content network's page for countries that are shut out (v5 guide: United States, mainland
/// China).
fn is_country_block(body: &[u8]) -> bool {
    core::str::from_utf8(body).is_ok_and(|text| text.contains("from your country"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_nothing_is_listed_twice() {
        let mut last = i64::MIN;
        for (low, high, _) in BY_CODE {
            assert!(low <= high && *low > last, "{low} {high}");
            last = *high;
        }
    }

    #[test]
    fn a_page_instead_of_json_is_unknown_when_the_engine_may_have_seen_the_order() {
        for (status, unknown) in [(500, true), (502, true), (504, true), (408, true), (403, false)]
        {
            let answer = uncoded(status, Headers::none(), b"<html>oops</html>");
            assert_eq!(matches!(answer, Err(VenueError::Unknown(_))), unknown, "{status}");
        }
    }

    #[test]
    fn a_signature_error_does_not_repeat_the_key() {
        let message = "error sign! origin_string[1700000000000the-api-key3000{}]";
        let answer = coded(OperationKind::Place, 200, Headers::none(), 10_004, message);
        let Err(VenueError::Rejected(rejection)) = answer else { panic!("{answer:?}") };
        assert_eq!(&*rejection.message, "error sign!");
    }
}
