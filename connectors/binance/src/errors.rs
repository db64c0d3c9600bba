//! Error codes to what they mean for an order (spot errors.md; linear "Error Codes"; the table is
//! read top-down, text rules before code rules).

use core::time::Duration;

use hoox_connector::{
    Change, Headers, Market, OperationKind, RejectReason as Reason, Rejection, Reply, Throttle,
    ThrottleKind, Timestamp, UnknownCause, VenueError,
};
use serde::Deserialize;

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

/// Codes that several causes share, told apart by the beginning of the message.
const BY_TEXT: &[(i64, &str, Class)] = &[
    (-2010, "Account has insufficient balance", Reject(Reason::InsufficientBalance)),
    (-2010, "Duplicate order sent", Reject(Reason::DuplicateClientOrderId)),
    (-2010, "Order would immediately match and take", Reject(Reason::PostOnly)),
    (-2010, "Stop price would trigger immediately", Reject(Reason::WouldTrigger)),
    (-2010, "Market is closed", Reject(Reason::NotTrading)),
    (-2010, "This symbol is not permitted", Reject(Reason::Permission)),
    (-2010, "This action is disabled", Reject(Reason::Permission)),
    (-2010, "Unknown order", Reject(Reason::UnknownOrder)),
    (-1013, "Market is closed", Reject(Reason::NotTrading)),
    (-1013, "Filter failure: PRICE_FILTER", Reject(Reason::Price)),
    (-1013, "Filter failure: PERCENT_PRICE", Reject(Reason::Price)),
    (-1013, "Filter failure: LOT_SIZE", Reject(Reason::Quantity)),
    (-1013, "Filter failure: MARKET_LOT_SIZE", Reject(Reason::Quantity)),
    (-1013, "Filter failure: NOTIONAL", Reject(Reason::MinNotional)),
    (-1013, "Filter failure: MIN_NOTIONAL", Reject(Reason::MinNotional)),
    (-1013, "Filter failure: MAX_POSITION", Reject(Reason::PositionLimit)),
    (-1013, "Filter failure: MAX_NUM", Reject(Reason::TooManyOrders)),
    (-1013, "Filter failure: EXCHANGE_MAX_NUM", Reject(Reason::TooManyOrders)),
];

/// linear "General Info", HTTP 503: of four bodies three say that the request failed. Spot has the
/// last text too, and says of every 5xx that its outcome is unknown.
const LINEAR_503: &[(i64, &str, Class)] = &[
    (-1000, "Unknown error, please check", Unknown),
    (-1000, "Service Unavailable", Throttled(ThrottleKind::Overloaded)),
    (-1000, "Internal error; unable to process", Throttled(ThrottleKind::Overloaded)),
    (-1001, "Internal error; unable to process", Throttled(ThrottleKind::Overloaded)),
];

/// Codes and their class; both bounds belong to the range.
const BY_CODE: &[(i64, i64, Class)] = &[
    (-1001, -1000, Unknown),
    (-1002, -1002, Reject(Reason::BadKey)),
    (-1003, -1003, Throttled(ThrottleKind::RequestRate)),
    (-1007, -1006, Unknown),
    (-1008, -1008, Throttled(ThrottleKind::Overloaded)),
    (-1013, -1013, Reject(Reason::Quantity)),
    (-1015, -1015, Throttled(ThrottleKind::OrderRate)),
    (-1021, -1021, Reject(Reason::Clock)),
    (-1022, -1022, Reject(Reason::BadSignature)),
    (-1111, -1111, Reject(Reason::Precision)),
    (-1121, -1121, Reject(Reason::UnknownSymbol)),
    (-1131, -1100, Reject(Reason::InvalidRequest)),
    (-2010, -2010, Reject(Reason::Other)),
    (-2011, -2011, Reject(Reason::UnknownOrder)),
    (-2013, -2013, Reject(Reason::UnknownOrder)),
    (-2015, -2014, Reject(Reason::BadKey)),
    (-2019, -2018, Reject(Reason::InsufficientBalance)),
    (-2020, -2020, Reject(Reason::NoLiquidity)),
    (-2021, -2021, Reject(Reason::WouldTrigger)),
    (-2022, -2022, Reject(Reason::ReduceOnly)),
    (-2025, -2025, Reject(Reason::TooManyOrders)),
    (-2026, -2026, Reject(Reason::UnknownOrder)),
    (-2028, -2027, Reject(Reason::PositionLimit)),
    // The -40xx filter codes are UNVERIFIED in the stored sources.
    (-4003, -4003, Reject(Reason::Quantity)),
    (-4005, -4004, Reject(Reason::Quantity)),
    (-4014, -4013, Reject(Reason::Price)),
    (-4016, -4015, Reject(Reason::Price)),
    (-4023, -4023, Reject(Reason::Quantity)),
    (-4024, -4024, Reject(Reason::Price)),
    (-4028, -4028, Reject(Reason::Leverage)),
    (-4046, -4046, Unchanged),
    (-4048, -4047, Reject(Reason::OrdersOrPositionsOpen)),
    (-4059, -4059, Unchanged),
    (-4061, -4061, Reject(Reason::PositionMode)),
    (-4068, -4067, Reject(Reason::OrdersOrPositionsOpen)),
    (-4116, -4116, Reject(Reason::DuplicateClientOrderId)),
    (-4118, -4118, Reject(Reason::ReduceOnly)),
    (-4120, -4120, Reject(Reason::InvalidRequest)),
    (-4131, -4131, Reject(Reason::Price)),
    (-4141, -4140, Reject(Reason::NotTrading)),
    (-4164, -4164, Reject(Reason::MinNotional)),
    (-4184, -4183, Reject(Reason::Price)),
    (-4192, -4192, Reject(Reason::Permission)),
    (-4401, -4400, Reject(Reason::Permission)),
    (-5021, -5021, Reject(Reason::NoLiquidity)),
    (-5022, -5022, Reject(Reason::PostOnly)),
    (-5028, -5028, Reject(Reason::Clock)),
];

/// How long to hold back when a ban names no end: its shortest length (spot rest-api.md, "IP limits").
const SHORTEST_BAN: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct Envelope<'a> {
    code: hoox_connector::json::Integer,
    #[serde(borrow, default)]
    msg: std::borrow::Cow<'a, str>,
}

/// Classifies an answer whose HTTP status is an error.
pub(crate) fn classify(
    market: Market,
    op: OperationKind,
    status: u16,
    headers: Headers<'_>,
    body: &[u8],
) -> Result<Reply, VenueError> {
    match hoox_connector::json::read::<Envelope<'_>>(op, body) {
        Ok(Envelope { code, msg }) => match coded(market, status, headers, code.0, &msg) {
            // Only a setting can be so already.
            Ok(_) if op.changes_orders() || op.is_read() => {
                let reason = Reason::InvalidRequest;
                Err(VenueError::Rejected(Rejection::new(reason, code.0, &msg)))
            }
            answer => answer,
        },
        Err(_) => uncoded(market, status, headers, body),
    }
}

/// Classifies a code and its message.
pub(crate) fn coded(
    market: Market,
    status: u16,
    headers: Headers<'_>,
    code: i64,
    message: &str,
) -> Result<Reply, VenueError> {
    let linear_503: &[_] = if (market, status) == (Market::Linear, 503) { LINEAR_503 } else { &[] };
    let mut texts = linear_503.iter().chain(BY_TEXT);
    let class = match texts.find(|(c, text, _)| *c == code && message.starts_with(text)) {
        Some((_, _, class)) => *class,
        None => match BY_CODE.iter().find(|(low, high, _)| (*low..=*high).contains(&code)) {
            Some((_, _, class)) => *class,
            // spot rest-api.md: an HTTP 5xx is never a failure, its status is unknown.
            None if status >= 500 || status == 408 => Unknown,
            None => Reject(Reason::Other),
        },
    };
    // spot rest-api.md, "HTTP Return Codes": whatever a 5xx says, it is not a failure.
    let class = match class {
        Reject(_) if status >= 500 => Unknown,
        class => class,
    };
    Err(match class {
        Unchanged => return Ok(Reply::Changed(Change::Unchanged)),
        Reject(reason) => VenueError::Rejected(Rejection::new(reason, code, message)),
        Unknown => VenueError::Unknown(UnknownCause::venue(status, code, message)),
        Throttled(kind) => {
            let kind = if status == 418 { ThrottleKind::Banned } else { kind };
            VenueError::Throttled(throttle(kind, headers, message))
        }
    })
}

/// What a refusal over a socket means.
pub(crate) fn refusal(market: Market, code: i64, message: &str) -> VenueError {
    let other = || VenueError::Rejected(Rejection::new(Reason::Other, code, message));
    coded(market, 400, Headers::none(), code, message).err().unwrap_or_else(other)
}

/// An answer without a code: a proxy's page, a plain text, or nothing.
fn uncoded(
    market: Market,
    status: u16,
    headers: Headers<'_>,
    body: &[u8],
) -> Result<Reply, VenueError> {
    let text = core::str::from_utf8(body.get(..160.min(body.len())).unwrap_or(&[])).unwrap_or("");
    let text = text.trim().trim_matches('"');
    let throttled = |kind| VenueError::Throttled(throttle(kind, headers, text));
    Err(match status {
        418 => throttled(ThrottleKind::Banned),
        429 => throttled(ThrottleKind::RequestRate),
        // linear "General Info": this body alone, of a 503's four, is a failure in plain text.
        503 if market == Market::Linear && text.starts_with("Service Unavailable") => {
            throttled(ThrottleKind::Overloaded)
        }
        // The firewall stands before the engine; it shuts out an address for a while.
        403 => throttled(ThrottleKind::Banned),
        451 => VenueError::Rejected(Rejection::new(Reason::Permission, 451, "HTTP 451")),
        404 | 405 => {
            let code = i64::from(status);
            VenueError::Rejected(Rejection::new(Reason::InvalidRequest, code, "no such endpoint"))
        }
        _ => VenueError::Unknown(UnknownCause::venue(status, 0, "an answer without a code")),
    })
}

fn throttle(kind: ThrottleKind, headers: Headers<'_>, message: &str) -> Throttle {
    let banned_until = message.split("banned until ").nth(1).and_then(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().map(Timestamp::from_millis)
    });
    let retry_after = headers.find_u64("retry-after").map(Duration::from_secs).or(match kind {
        ThrottleKind::Banned if banned_until.is_none() => Some(SHORTEST_BAN),
        _ => None,
    });
    Throttle { kind, retry_after, until: banned_until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_the_right_way_round() {
        for (low, high, _) in BY_CODE {
            assert!(low <= high, "{low} {high}");
        }
    }

    #[test]
    fn only_a_setting_can_be_so_already() {
        let body = br#"{"code":-4046,"msg":"No need to change margin type."}"#;
        let answer = |op| classify(Market::Linear, op, 400, Headers::none(), body);
        let setting = answer(OperationKind::SetMarginMode);
        assert!(matches!(setting, Ok(Reply::Changed(Change::Unchanged))), "{setting:?}");
        let order = answer(OperationKind::Place);
        assert!(matches!(order, Err(VenueError::Rejected(_))), "{order:?}");
    }

    #[test]
    fn a_page_instead_of_json_is_unknown_when_the_engine_may_have_seen_the_order() {
        for (status, unknown) in [(500, true), (502, true), (504, true), (408, true), (403, false)]
        {
            let answer = classify(
                Market::Linear,
                OperationKind::Place,
                status,
                Headers::none(),
                b"<html>oops</html>",
            );
            assert_eq!(matches!(answer, Err(VenueError::Unknown(_))), unknown, "{status}");
        }
    }
}
