//! Answers over HTTP: whatever a venue or a proxy before it sends, nothing is concluded from it that
//! it does not say.

use core::time::Duration;

use hoox_connector::{
    Asked, Change, Decimal, ExchangeProvider, Headers, Operation, OperationKind as Kind, Reply,
    Symbol, Timestamp, VenueError,
};

use crate::input::{Input, is_json, with_escaped_member};

const STATUSES: [u16; 20] = [
    200, 201, 204, 299, 300, 400, 401, 403, 404, 405, 408, 409, 418, 429, 451, 500, 502, 503, 504,
    199,
];

/// The value of every header that is asked for; absent if empty.
const HEADERS: [&str; 8] =
    ["", "0", "1", "120", "1723000000000", "18446744073709551615", "-1", "x"];

/// The longest part of a venue's message that an error may keep, in bytes.
const MESSAGE_MAX: usize = 160;

/// Decodes an input: market, operation, status, headers, and the body.
pub fn decode<P: ExchangeProvider>(markets: &[P; 2], data: &[u8]) {
    let mut input = Input(data);
    let provider = &markets[input.market()];
    let (op, status) = (input.choose(Kind::ALL), input.choose(&STATUSES));
    let header = input.choose(&HEADERS);
    let find = move |_: &str| (!header.is_empty()).then_some(header);
    let headers = Headers::new(&find);
    let body = input.0;
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    // The smallest pages, so that any list may have another.
    let from = Some(Timestamp::from_millis(1));
    let asked = Asked::from(&match op {
        Kind::Depth => Operation::Depth { symbol, levels: 1 },
        Kind::OrderHistory => {
            Operation::OrderHistory { symbol, order: None, since: from, limit: Some(1), page: None }
        }
        Kind::Fills => {
            Operation::Fills { symbol, order: None, since: from, limit: Some(1), page: None }
        }
        _ => Operation::ServerTime,
    });
    let asked = if asked.kind == op { asked } else { op.into() };

    let usage = provider.usage(headers);
    assert!(usage.iter().all(|usage| !usage.window.is_zero()), "a window without length");
    let result = provider.decode(&asked, status, headers, &mut body.to_vec());
    check(op, &result);
    check_status(op, status, body, &result);
    if let Some(mut other) = with_escaped_member(body) {
        let general = provider.decode(&asked, status, headers, &mut other);
        if result.is_ok() || general.is_ok() {
            assert_eq!(shown(&result), shown(&general), "the fast and the general reader disagree");
        }
    }
}

/// An answer as text, to be compared. The index of the instruments has no order, so it is left out.
pub fn shown(result: &Result<Reply, VenueError>) -> String {
    match result {
        Ok(Reply::Instruments(it)) => {
            format!("{:?}, {:?}, {:?}", it.iter().collect::<Vec<_>>(), it.at, it.limits)
        }
        // What is wrong is told with its place in the text.
        Err(VenueError::Malformed(it)) => format!("malformed at {}", it.field),
        other => format!("{other:?}"),
    }
}

/// What must hold of a decoded answer, wherever it came from.
pub fn check(op: Kind, result: &Result<Reply, VenueError>) {
    match result {
        Ok(reply) => {
            assert!(answers(op, reply), "{op:?} was answered with {reply:?}");
            check_values(reply);
        }
        Err(VenueError::Rejected(rejection)) => {
            assert!(rejection.message.len() <= MESSAGE_MAX, "a message was not clipped");
        }
        Err(VenueError::Throttled(throttle)) => {
            let default = Duration::from_secs(1);
            let wait = throttle.wait(Timestamp::from_millis(1_700_000_000_000), default);
            assert!(throttle.retry_after.is_none_or(|after| wait >= after));
        }
        Err(VenueError::Malformed(malformed)) => {
            assert_eq!(malformed.operation, op, "an error for another operation");
        }
        Err(_) => {}
    }
}

fn check_status(op: Kind, status: u16, body: &[u8], result: &Result<Reply, VenueError>) {
    let success = (200..300).contains(&status);
    match result {
        Ok(Reply::Changed(Change::Unchanged)) => {}
        Ok(reply) => assert!(success, "HTTP {status} was taken for {reply:?}"),
        Err(_) => {}
    }
    if is_json(body) {
        return;
    }
    // The answers to these have nothing to say.
    let silent = matches!(op, Kind::ExtendListenKey | Kind::CloseListenKey);
    assert!(result.is_err() || silent, "{op:?}: not JSON, yet {result:?}");
    if op.changes_orders() && (success || status >= 500 || status == 408) {
        let denied = matches!(result, Err(VenueError::Rejected(_)));
        assert!(!denied, "{op:?}: a definite no from HTTP {status} without a word: {result:?}");
    }
    if op.changes_orders() && success {
        let turned_away = matches!(result, Err(VenueError::Throttled(_)));
        assert!(!turned_away, "{op:?}: turned away by HTTP {status} without a word");
    }
}

fn answers(op: Kind, reply: &Reply) -> bool {
    match op {
        Kind::Place | Kind::PlaceConditional | Kind::Amend | Kind::CancelConditional => {
            matches!(reply, Reply::Accepted(_) | Reply::Order(_))
        }
        // MEXC futures answer a cancellation with a list, and two rows of it are nobody's answer.
        Kind::Cancel => matches!(reply, Reply::Accepted(_) | Reply::Order(_) | Reply::Batch(_)),
        Kind::PlaceBatch => matches!(reply, Reply::Batch(_)),
        Kind::CancelAll | Kind::CancelAllConditional => {
            matches!(reply, Reply::Changed(_) | Reply::Orders(_))
        }
        Kind::OrderById | Kind::OrderByClientId | Kind::ConditionalOrder => {
            matches!(reply, Reply::Order(_))
        }
        Kind::OpenOrders | Kind::OpenConditionalOrders | Kind::OrderHistory => {
            matches!(reply, Reply::Orders(_))
        }
        Kind::Fills => matches!(reply, Reply::Fills(_)),
        Kind::Positions => matches!(reply, Reply::Positions(_)),
        Kind::Balances => matches!(reply, Reply::Balances(_)),
        Kind::SetLeverage | Kind::SetMarginMode | Kind::SetPositionMode => {
            matches!(reply, Reply::Changed(_))
        }
        Kind::Instruments => matches!(reply, Reply::Instruments(_)),
        Kind::Ticker => matches!(reply, Reply::Ticker(_)),
        Kind::Depth => matches!(reply, Reply::Depth(_)),
        Kind::BookTop => matches!(reply, Reply::BookTop(_)),
        Kind::FundingRate => matches!(reply, Reply::FundingRate(_)),
        Kind::ServerTime => matches!(reply, Reply::ServerTime(_)),
        Kind::CreateListenKey => matches!(reply, Reply::ListenKey(_)),
        Kind::ExtendListenKey | Kind::CloseListenKey => matches!(reply, Reply::Changed(_)),
        _ => true,
    }
}

fn check_values(reply: &Reply) {
    match reply {
        Reply::Positions(positions) => {
            for position in positions {
                assert!(position.size >= Decimal::ZERO, "a negative size: {position:?}");
                let flat = position.size.is_zero();
                assert!(flat || position.side.is_some(), "neither long nor short: {position:?}");
            }
        }
        Reply::Depth(book) => assert!(book.snapshot, "a book that is not whole"),
        Reply::Instruments(instruments) => {
            for instrument in instruments {
                for name in [&instrument.symbol, &instrument.venue_symbol] {
                    assert!(instruments.find(name).is_some(), "{name} is not found");
                }
                let size = instrument.contract_size;
                assert!(size.is_none_or(|size| size > Decimal::ZERO), "contracts of {size:?}");
            }
        }
        _ => {}
    }
}
