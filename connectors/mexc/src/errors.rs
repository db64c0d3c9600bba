//! Error codes to what they mean for an order (spot, "Error Code"; futures, "Error Code"; the rows in
//! the order of the protocol sheet's table). Both markets answer errors with any HTTP status, 200
//! included, so the code in the body decides.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;

use hoox_connector::json::{self, Integer};
use hoox_connector::{
    Headers, Malformed, Market, OperationKind, RejectReason as Reason, Rejection, Throttle,
    ThrottleKind, UnknownCause, VenueError,
};
use serde::{Deserialize, Deserializer};

use Class::{Reject, Throttled, Unknown};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Reject(Reason),
    Throttled(ThrottleKind),
    /// The order may exist.
    Unknown,
}

/// Spot codes and their class; both bounds belong to the range.
const SPOT: &[(i64, i64, Class)] = &[
    (700002, 700002, Reject(Reason::BadSignature)),
    (700003, 700003, Reject(Reason::Clock)),
    (700005, 700005, Reject(Reason::InvalidRequest)),
    (700001, 700001, Reject(Reason::BadKey)),
    (10072, 10072, Reject(Reason::BadKey)),
    (400, 400, Reject(Reason::BadKey)),
    (700006, 700006, Reject(Reason::BadKey)),
    (700007, 700007, Reject(Reason::Permission)),
    (403, 403, Reject(Reason::Permission)),
    (30020, 30020, Reject(Reason::Permission)),
    (70011, 70011, Reject(Reason::Permission)),
    (60005, 60005, Reject(Reason::Permission)),
    (700004, 700004, Reject(Reason::InvalidRequest)),
    (700008, 700008, Reject(Reason::InvalidRequest)),
    (700013, 700013, Reject(Reason::InvalidRequest)),
    (33333, 33333, Reject(Reason::InvalidRequest)),
    (44444, 44444, Reject(Reason::InvalidRequest)),
    (730002, 730002, Reject(Reason::InvalidRequest)),
    (30026, 30026, Reject(Reason::InvalidRequest)),
    (10007, 10007, Reject(Reason::UnknownSymbol)),
    (30014, 30014, Reject(Reason::UnknownSymbol)),
    (30021, 30021, Reject(Reason::UnknownSymbol)),
    (-1121, -1121, Reject(Reason::UnknownSymbol)),
    (730001, 730001, Reject(Reason::UnknownSymbol)),
    (10101, 10101, Reject(Reason::InsufficientBalance)),
    (30004, 30005, Reject(Reason::InsufficientBalance)),
    (30002, 30002, Reject(Reason::MinNotional)),
    (88013, 88013, Reject(Reason::MinNotional)),
    (30003, 30003, Reject(Reason::Quantity)),
    (30029, 30029, Reject(Reason::TooManyOrders)),
    (30032, 30032, Reject(Reason::PositionLimit)),
    (30027, 30028, Reject(Reason::PositionLimit)),
    (10096, 10096, Reject(Reason::Precision)),
    (30087, 30087, Reject(Reason::Price)),
    (30010, 30010, Reject(Reason::Price)),
    (30000, 30001, Reject(Reason::NotTrading)),
    (30016, 30016, Reject(Reason::NotTrading)),
    (30018, 30019, Reject(Reason::NotTrading)),
    (30041, 30041, Reject(Reason::NotTrading)),
    (30025, 30025, Reject(Reason::NoLiquidity)),
    (-2011, -2011, Reject(Reason::UnknownOrder)),
    // UNVERIFIED for MEXC: the code its model, the Binance API, has for "order does not exist".
    (-2013, -2013, Reject(Reason::UnknownOrder)),
    (429, 429, Throttled(ThrottleKind::RequestRate)),
    (11444, 11444, Throttled(ThrottleKind::Maintenance)),
    (20002, 20002, Unknown),
    (500, 599, Unknown),
];

/// Futures codes and their class; both bounds belong to the range, the first match counts.
const LINEAR: &[(i64, i64, Class)] = &[
    (602, 602, Reject(Reason::BadSignature)),
    (513, 513, Reject(Reason::Clock)),
    (401, 402, Reject(Reason::BadKey)),
    (406, 406, Reject(Reason::BadKey)),
    (511, 511, Reject(Reason::Permission)),
    (701, 704, Reject(Reason::Permission)),
    (600, 601, Reject(Reason::InvalidRequest)),
    (1001, 1001, Reject(Reason::UnknownSymbol)),
    (4001, 4001, Reject(Reason::UnknownSymbol)),
    (2005, 2005, Reject(Reason::InsufficientBalance)),
    (2018, 2018, Reject(Reason::InsufficientBalance)),
    (2008, 2008, Reject(Reason::InsufficientBalance)),
    (2011, 2011, Reject(Reason::Quantity)),
    (1004, 1004, Reject(Reason::Quantity)),
    (2016, 2016, Reject(Reason::Quantity)),
    (2028, 2028, Reject(Reason::Quantity)),
    (2031, 2031, Reject(Reason::PositionLimit)),
    (2025, 2025, Reject(Reason::PositionLimit)),
    (2036, 2036, Reject(Reason::TooManyOrders)),
    (2038, 2038, Reject(Reason::PositionLimit)),
    (2015, 2015, Reject(Reason::Precision)),
    (2003, 2004, Reject(Reason::Price)),
    (2007, 2007, Reject(Reason::Price)),
    (2032, 2033, Reject(Reason::Price)),
    (3004, 3004, Reject(Reason::Price)),
    (1002, 1002, Reject(Reason::NotTrading)),
    (6001, 6002, Reject(Reason::NotTrading)),
    (6005, 6005, Reject(Reason::NotTrading)),
    (2001, 2002, Reject(Reason::NotTrading)),
    (2029, 2029, Reject(Reason::NotTrading)),
    (2009, 2009, Reject(Reason::NoPosition)),
    // In the results of a cancellation: no such order, and none that is open.
    (2040, 2041, Reject(Reason::UnknownOrder)),
    (5002, 5002, Reject(Reason::UnknownOrder)),
    (2030, 2030, Reject(Reason::InvalidRequest)),
    (2021, 2021, Reject(Reason::Leverage)),
    (2023, 2024, Reject(Reason::Leverage)),
    (2006, 2006, Reject(Reason::Leverage)),
    (2026, 2027, Reject(Reason::Leverage)),
    (2019, 2019, Reject(Reason::OrdersOrPositionsOpen)),
    (2013, 2014, Reject(Reason::InvalidRequest)),
    (2022, 2022, Reject(Reason::InvalidRequest)),
    (2034, 2035, Reject(Reason::InvalidRequest)),
    (3001, 3003, Reject(Reason::InvalidRequest)),
    (5001, 5004, Reject(Reason::InvalidRequest)),
    (6003, 6004, Reject(Reason::InvalidRequest)),
    // "Repeated request": the first of them may have been executed.
    (603, 603, Unknown),
    (510, 510, Throttled(ThrottleKind::RequestRate)),
    (2037, 2037, Throttled(ThrottleKind::RequestRate)),
    (604, 604, Throttled(ThrottleKind::Maintenance)),
    (801, 801, Throttled(ThrottleKind::Maintenance)),
    (11444, 11444, Throttled(ThrottleKind::Maintenance)),
    (9999, 9999, Unknown),
    (500, 599, Unknown),
];

/// How long to hold back when a ban names no end: its shortest length (spot, "LIMITS").
const SHORTEST_BAN: Duration = Duration::from_secs(120);

/// How long to hold back when a limit names no end: the window of the futures limits.
const SHORTEST_WAIT: Duration = Duration::from_secs(2);

/// The envelope of an error, of either market.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(default)]
    success: Option<bool>,
    #[serde(default)]
    code: Option<Integer>,
    /// spot.
    #[serde(borrow, default)]
    msg: Text<'a>,
    /// futures.
    #[serde(borrow, default)]
    message: Text<'a>,
}

impl Head<'_> {
    fn words(&self) -> &str {
        if self.msg.0.is_empty() { &self.message.0 } else { &self.msg.0 }
    }

    /// Whether the envelope tells of an error; some answers say 200 for 0.
    fn is_error(&self) -> bool {
        match self.code {
            Some(Integer(0)) | None => false,
            Some(Integer(200)) => self.success != Some(true),
            Some(_) => true,
        }
    }
}

/// A message that may be missing or `null`, borrowed where it holds no escapes.
#[derive(Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or null")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Classifies an answer whose HTTP status is an error.
pub(crate) fn classify(
    market: Market,
    op: OperationKind,
    status: u16,
    headers: Headers<'_>,
    body: &[u8],
) -> VenueError {
    match json::read::<Head<'_>>(op, body) {
        Ok(head @ Head { code: Some(Integer(code)), .. }) if head.is_error() => {
            coded(market, status, headers, code, head.words())
        }
        _ => uncoded(status, headers),
    }
}

/// The error in an answer whose HTTP status is a success, if it is the envelope of one.
pub(crate) fn refusal(
    market: Market,
    op: OperationKind,
    headers: Headers<'_>,
    body: &[u8],
) -> Option<VenueError> {
    match json::read::<Head<'_>>(op, body) {
        Ok(head @ Head { code: Some(Integer(code)), .. }) if head.is_error() => {
            Some(coded(market, 200, headers, code, head.words()))
        }
        // "No", without a reason: neither a success nor a definite rejection.
        Ok(Head { success: Some(false), .. }) => Some(VenueError::Malformed(Malformed {
            operation: op,
            field: "success".into(),
            problem: "false, without an error code".into(),
        })),
        _ => None,
    }
}

/// What a refusal over a socket means.
pub(crate) fn refused(market: Market, code: i64, message: &str) -> VenueError {
    coded(market, 200, Headers::none(), code, message)
}

/// Classifies the error of one row among several.
///
/// # Errors
/// [`VenueError::Unknown`] if the venue does not know what became of the row: then nothing can be
/// said of the whole, and each order is to be asked for.
pub(crate) fn row(market: Market, code: i64, message: &str) -> Result<Rejection, VenueError> {
    match coded(market, 200, Headers::none(), code, message) {
        VenueError::Rejected(rejection) => Ok(rejection),
        VenueError::Throttled(_) => Ok(Rejection::new(Reason::Other, code, message)),
        other => Err(other),
    }
}

fn coded(
    market: Market,
    status: u16,
    headers: Headers<'_>,
    code: i64,
    message: &str,
) -> VenueError {
    let spot = cfg!(feature = "spot") && market == Market::Spot;
    let table = if spot { SPOT } else { LINEAR };
    let by_code = table.iter().find(|(low, high, _)| (*low..=*high).contains(&code));
    let class = match (status, by_code) {
        (418, _) => Throttled(ThrottleKind::Banned),
        (429, _) => Throttled(ThrottleKind::RequestRate),
        _ if status < 500 && message.to_ascii_lowercase().contains("maintenance") => {
            Throttled(ThrottleKind::Maintenance)
        }
        (_, Some((_, _, class))) => *class,
        // spot, "General Info": an HTTP 5xx is never a failure, its status is unknown.
        (500.. | 408, None) => Unknown,
        (_, None) => Reject(Reason::Other),
    };
    match class {
        Reject(reason) => VenueError::Rejected(Rejection::new(reason, code, message)),
        Unknown => VenueError::Unknown(UnknownCause::venue(status, code, message)),
        Throttled(kind) => VenueError::Throttled(throttle(kind, headers)),
    }
}

/// An answer without a code: a proxy's page, a plain text, or nothing.
fn uncoded(status: u16, headers: Headers<'_>) -> VenueError {
    let rejected =
        |reason, words| VenueError::Rejected(Rejection::new(reason, i64::from(status), words));
    match status {
        418 => VenueError::Throttled(throttle(ThrottleKind::Banned, headers)),
        429 => VenueError::Throttled(throttle(ThrottleKind::RequestRate, headers)),
        // The firewall stands before the engine; it shuts out an address for a while.
        403 => VenueError::Throttled(throttle(ThrottleKind::Banned, headers)),
        404 | 405 => rejected(Reason::InvalidRequest, "no such endpoint"),
        _ => VenueError::Unknown(UnknownCause::venue(status, 0, "an answer without a code")),
    }
}

fn throttle(kind: ThrottleKind, headers: Headers<'_>) -> Throttle {
    let told = headers.find_u64("retry-after").map(Duration::from_secs);
    let retry_after = told.or(match kind {
        ThrottleKind::Banned => Some(SHORTEST_BAN),
        ThrottleKind::RequestRate => Some(SHORTEST_WAIT),
        _ => None,
    });
    Throttle { retry_after, ..Throttle::new(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_the_right_way_round_and_reachable() {
        for table in [SPOT, LINEAR] {
            for (index, (low, high, _)) in table.iter().enumerate() {
                assert!(low <= high, "{low} {high}");
                let first = table.iter().position(|(l, h, _)| l <= high && high <= h);
                assert_eq!(first, Some(index), "{low} {high} is shadowed");
            }
        }
    }

    #[test]
    fn a_page_instead_of_json_is_unknown_when_the_engine_may_have_seen_the_order() {
        for (status, unknown) in [(500, true), (502, true), (504, true), (408, true), (403, false)]
        {
            for market in [Market::Spot, Market::Linear] {
                let answer = classify(
                    market,
                    OperationKind::Place,
                    status,
                    Headers::none(),
                    b"<html>oops</html>",
                );
                assert_eq!(matches!(answer, VenueError::Unknown(_)), unknown, "{status}");
            }
        }
    }
}
