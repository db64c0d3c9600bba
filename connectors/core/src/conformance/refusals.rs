//! Errors: what they mean for the order.

use core::time::Duration;

use crate::{
    OperationKind as Kind, RejectReason as Reason, Reply, ThrottleKind, UnknownCause, VenueError,
};

use super::check::Check;
use super::{NOW, Scenario};

/// Every reason, and what was asked when it comes.
const REASONS: [(Reason, Kind); 23] = [
    (Reason::InsufficientBalance, Kind::Place),
    (Reason::MinNotional, Kind::Place),
    (Reason::Quantity, Kind::Place),
    (Reason::Price, Kind::Place),
    (Reason::Precision, Kind::Place),
    (Reason::UnknownOrder, Kind::Cancel),
    (Reason::DuplicateClientOrderId, Kind::Place),
    (Reason::ReduceOnly, Kind::Place),
    (Reason::PostOnly, Kind::Place),
    (Reason::NoLiquidity, Kind::Place),
    (Reason::WouldTrigger, Kind::Place),
    (Reason::Permission, Kind::Place),
    (Reason::BadKey, Kind::Place),
    (Reason::BadSignature, Kind::Place),
    (Reason::Clock, Kind::Place),
    (Reason::UnknownSymbol, Kind::Place),
    (Reason::NotTrading, Kind::Place),
    (Reason::PositionMode, Kind::Place),
    (Reason::NoPosition, Kind::Place),
    (Reason::PositionLimit, Kind::Place),
    (Reason::Leverage, Kind::SetLeverage),
    (Reason::TooManyOrders, Kind::Place),
    (Reason::OrdersOrPositionsOpen, Kind::SetPositionMode),
];

/// Reasons that any venue has words for.
const REQUIRED: [Reason; 6] = [
    Reason::InsufficientBalance,
    Reason::UnknownOrder,
    Reason::BadKey,
    Reason::BadSignature,
    Reason::Clock,
    Reason::UnknownSymbol,
];

pub(super) fn reasons(check: &mut Check<'_>) {
    for (reason, kind) in REASONS {
        if !check.supports(kind) {
            continue;
        }
        match check.read(kind, &Scenario::Rejected(kind, reason)) {
            Some(Err(VenueError::Rejected(read))) => {
                let right = read.reason == reason;
                check.claim(right, || format!("{reason:?} is read as {read:?}"));
            }
            Some(other) => check.fail(format!("{reason:?} is read as {other:?}")),
            None if REQUIRED.contains(&reason) => {
                check.fail(format!("the harness has no words for {reason:?}"));
            }
            None => {}
        }
    }
}

/// Either the venue says so, or it shows an empty list.
pub(super) fn not_found(check: &mut Check<'_>) {
    let kinds = [Kind::OrderById, Kind::OrderByClientId, Kind::ConditionalOrder];
    for kind in check.supported(&kinds) {
        match check.read(kind, &Scenario::Rejected(kind, Reason::UnknownOrder)) {
            Some(Err(VenueError::Rejected(read))) if read.reason == Reason::UnknownOrder => {
                check.claim(true, String::new);
            }
            Some(Ok(Reply::Orders(rows))) if rows.is_empty() => check.claim(true, String::new),
            Some(other) => check.fail(format!("{}: read as {other:?}", kind.as_str())),
            None => check.fail(format!("the harness has no answer to {}", kind.as_str())),
        }
    }
}

pub(super) fn throttled(check: &mut Check<'_>) {
    let required = [ThrottleKind::RequestRate, ThrottleKind::Banned];
    for (reason, wait_seconds) in [
        (ThrottleKind::RequestRate, 7),
        (ThrottleKind::OrderRate, 7),
        (ThrottleKind::Banned, 600),
        (ThrottleKind::Overloaded, 0),
        (ThrottleKind::Maintenance, 0),
    ] {
        for kind in [Kind::Place, Kind::Balances] {
            let scenario = Scenario::Throttled { kind, reason, wait_seconds };
            match check.read(kind, &scenario) {
                Some(Err(VenueError::Throttled(read))) => {
                    let wait = read.wait(NOW, Duration::ZERO);
                    check.claim(read.kind == reason, || format!("{reason:?}: read as {read:?}"));
                    let enough = wait >= Duration::from_secs(wait_seconds);
                    check.claim(enough, || {
                        format!("{reason:?}: told {wait_seconds} s, waits {wait:?}")
                    });
                }
                Some(other) => check.fail(format!("{reason:?} is read as {other:?}")),
                None if required.contains(&reason) => {
                    check.fail(format!("the harness has no words for {reason:?}"));
                }
                None => {}
            }
        }
    }
}

pub(super) fn unknown(check: &mut Check<'_>) {
    for kind in check.supported(&[Kind::Place, Kind::Cancel, Kind::Amend]) {
        match check.read(kind, &Scenario::Unknown(kind)) {
            Some(Err(VenueError::Unknown(UnknownCause::Venue { .. }))) => {
                check.claim(true, String::new);
            }
            Some(other) => check.fail(format!("{}: read as {other:?}", kind.as_str())),
            None => check.fail(format!("the harness has no answer to {}", kind.as_str())),
        }
    }
}
