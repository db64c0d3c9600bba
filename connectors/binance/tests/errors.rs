//! Every code of the error tables, on the market it belongs to; and answers that are no JSON at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

mod support;

use std::time::Duration;

use hoox_connector::{
    Change, ExchangeProvider, Headers, Market, OperationKind as Kind, RejectReason as Reason,
    Reply, ThrottleKind, Timestamp, UnknownCause, VenueError,
};
use support::{decode, linear, read, spot};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Class {
    Reject(Reason),
    Throttle(ThrottleKind),
    Unknown,
    Success,
    Malformed,
}
use Class::{Reject, Success, Throttle, Unknown};

fn class(answer: Result<Reply, VenueError>) -> Class {
    match answer {
        Err(VenueError::Rejected(rejection)) => Reject(rejection.reason),
        Err(VenueError::Throttled(throttle)) => Throttle(throttle.kind),
        Err(VenueError::Unknown(_)) => Unknown,
        Err(VenueError::Malformed(_)) => Class::Malformed,
        Ok(Reply::Changed(Change::Unchanged)) => Success,
        other => panic!("{other:?}"),
    }
}

fn answer(market: Market, status: u16, code: i64, message: &str) -> Class {
    let binance = if market == Market::Spot { spot() } else { linear() };
    let body = format!(r#"{{"code":{code},"msg":"{message}"}}"#);
    class(decode(&binance, Kind::Place, status, &body))
}

#[test]
fn codes_of_both_markets() {
    let mut expected = vec![
        (400, -1000, Unknown),
        (400, -1001, Unknown),
        (401, -1002, Reject(Reason::BadKey)),
        (429, -1003, Throttle(ThrottleKind::RequestRate)),
        (418, -1003, Throttle(ThrottleKind::Banned)),
        (500, -1006, Unknown),
        (504, -1007, Unknown),
        (408, -1007, Unknown),
        (503, -1008, Throttle(ThrottleKind::Overloaded)),
        (400, -1013, Reject(Reason::Quantity)),
        (429, -1015, Throttle(ThrottleKind::OrderRate)),
        (400, -1021, Reject(Reason::Clock)),
        (400, -1022, Reject(Reason::BadSignature)),
        (400, -1111, Reject(Reason::Precision)),
        (400, -1121, Reject(Reason::UnknownSymbol)),
        (400, -2010, Reject(Reason::Other)),
        (400, -2011, Reject(Reason::UnknownOrder)),
        (400, -2013, Reject(Reason::UnknownOrder)),
        (401, -2014, Reject(Reason::BadKey)),
        (401, -2015, Reject(Reason::BadKey)),
        (400, -2026, Reject(Reason::UnknownOrder)),
        // Nobody's: a definite no when the status is one.
        (400, -9999, Reject(Reason::Other)),
        (500, -9999, Unknown),
        (502, -9999, Unknown),
        (408, -9999, Unknown),
        // A rejection that came with a 5xx is none (spot rest-api.md, "HTTP Return Codes").
        (500, -2010, Unknown),
    ];
    let parameters = (-1108..=-1100).chain(-1130..=-1114).filter(|code| *code != -1121);
    expected.extend(parameters.map(|code| (400, code, Reject(Reason::InvalidRequest))));
    for (status, code, class) in expected {
        for market in [Market::Spot, Market::Linear] {
            assert_eq!(answer(market, status, code, "?"), class, "{market} {status} {code}");
        }
    }
}

#[test]
fn codes_told_apart_by_their_text() {
    for (code, message, reason) in [
        (
            -2010,
            "Account has insufficient balance for requested action.",
            Reason::InsufficientBalance,
        ),
        (-2010, "Duplicate order sent.", Reason::DuplicateClientOrderId),
        (-2010, "Order would immediately match and take.", Reason::PostOnly),
        (-2010, "Stop price would trigger immediately.", Reason::WouldTrigger),
        (-2010, "Market is closed.", Reason::NotTrading),
        (-2010, "This symbol is not permitted for this account.", Reason::Permission),
        (-2010, "Something new.", Reason::Other),
        (-1013, "Filter failure: PRICE_FILTER", Reason::Price),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", Reason::Price),
        (-1013, "Filter failure: LOT_SIZE", Reason::Quantity),
        (-1013, "Filter failure: MARKET_LOT_SIZE", Reason::Quantity),
        (-1013, "Filter failure: NOTIONAL", Reason::MinNotional),
        (-1013, "Filter failure: MIN_NOTIONAL", Reason::MinNotional),
        (-1013, "Filter failure: MAX_POSITION", Reason::PositionLimit),
        (-1013, "Filter failure: MAX_NUM_ORDERS", Reason::TooManyOrders),
        (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS", Reason::TooManyOrders),
        (-1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS", Reason::TooManyOrders),
    ] {
        assert_eq!(answer(Market::Spot, 400, code, message), Reject(reason), "{message}");
    }
}

#[test]
fn codes_of_linear() {
    for (code, class) in [
        (-2018, Reject(Reason::InsufficientBalance)),
        (-2019, Reject(Reason::InsufficientBalance)),
        (-2020, Reject(Reason::NoLiquidity)),
        (-2021, Reject(Reason::WouldTrigger)),
        (-2022, Reject(Reason::ReduceOnly)),
        (-2025, Reject(Reason::TooManyOrders)),
        (-2027, Reject(Reason::PositionLimit)),
        (-2028, Reject(Reason::PositionLimit)),
        (-4061, Reject(Reason::PositionMode)),
        (-4067, Reject(Reason::OrdersOrPositionsOpen)),
        (-4068, Reject(Reason::OrdersOrPositionsOpen)),
        (-4116, Reject(Reason::DuplicateClientOrderId)),
        (-4118, Reject(Reason::ReduceOnly)),
        (-4120, Reject(Reason::InvalidRequest)),
        (-4131, Reject(Reason::Price)),
        (-4140, Reject(Reason::NotTrading)),
        (-4141, Reject(Reason::NotTrading)),
        (-4164, Reject(Reason::MinNotional)),
        (-4183, Reject(Reason::Price)),
        (-4184, Reject(Reason::Price)),
        (-4192, Reject(Reason::Permission)),
        (-4400, Reject(Reason::Permission)),
        (-4401, Reject(Reason::Permission)),
        (-5021, Reject(Reason::NoLiquidity)),
        (-5022, Reject(Reason::PostOnly)),
        (-5028, Reject(Reason::Clock)),
    ] {
        assert_eq!(answer(Market::Linear, 400, code, "?"), class, "{code}");
    }
    // "It is so already" is the success of a setting, and of nothing else.
    for (kind, code) in [(Kind::SetMarginMode, -4046), (Kind::SetPositionMode, -4059)] {
        let body = format!(r#"{{"code":{code},"msg":"No need to change."}}"#);
        assert_eq!(class(decode(&linear(), kind, 400, &body)), Success);
        let order = class(decode(&linear(), Kind::Place, 400, &body));
        assert_eq!(order, Reject(Reason::InvalidRequest));
    }
}

#[test]
fn of_the_four_bodies_of_a_503_linear_means_one_to_be_unknown_and_spot_every_one() {
    for (code, message, linear, spot) in [
        (-1000, "Unknown error, please check your request or try again later.", Unknown, Unknown),
        (
            -1001,
            "Internal error; unable to process your request. Please try again.",
            Throttle(ThrottleKind::Overloaded),
            Unknown,
        ),
        (
            -1008,
            "Request throttled by system-level protection. Please try again.",
            Throttle(ThrottleKind::Overloaded),
            Throttle(ThrottleKind::Overloaded),
        ),
    ] {
        assert_eq!(answer(Market::Linear, 503, code, message), linear, "{message}");
        assert_eq!(answer(Market::Spot, 503, code, message), spot, "{message}");
    }
    for body in ["Service Unavailable.", "\"Service Unavailable.\"", " Service Unavailable.\n"] {
        let overloaded = Throttle(ThrottleKind::Overloaded);
        assert_eq!(class(decode(&linear(), Kind::Place, 503, body)), overloaded, "{body}");
        assert_eq!(class(decode(&spot(), Kind::Place, 503, body)), Unknown, "{body}");
    }
    // The same text with another status is the ordinary -1001.
    let message = "Internal error; unable to process your request. Please try again.";
    assert_eq!(answer(Market::Linear, 500, -1001, message), Unknown);
}

#[test]
fn every_recorded_error_is_classified() {
    for (name, expected) in [
        ("spot_bad_precision", Reject(Reason::Precision)),
        ("spot_bad_symbol", Reject(Reason::UnknownSymbol)),
        ("spot_bad_timestamp_ahead", Reject(Reason::Clock)),
        ("spot_bad_timestamp_outside", Reject(Reason::Clock)),
        ("spot_cancel_unknown_order", Reject(Reason::UnknownOrder)),
        ("spot_duplicate_client_id", Reject(Reason::DuplicateClientOrderId)),
        ("spot_filter_lot_size", Reject(Reason::Quantity)),
        ("spot_filter_notional", Reject(Reason::MinNotional)),
        ("spot_filter_price", Reject(Reason::Price)),
        ("spot_insufficient_balance", Reject(Reason::InsufficientBalance)),
        ("spot_invalid_signature", Reject(Reason::BadSignature)),
        ("spot_ip_banned", Throttle(ThrottleKind::Banned)),
        ("spot_post_only_would_take", Reject(Reason::PostOnly)),
        ("spot_query_unknown_order", Reject(Reason::UnknownOrder)),
        ("spot_rejected_key", Reject(Reason::BadKey)),
        ("spot_server_busy", Throttle(ThrottleKind::Overloaded)),
        ("spot_timeout_unknown", Unknown),
        ("spot_too_many_orders", Throttle(ThrottleKind::OrderRate)),
        ("spot_too_many_requests", Throttle(ThrottleKind::RequestRate)),
        ("spot_unexpected_response_unknown", Unknown),
        ("linear_503_internal", Throttle(ThrottleKind::Overloaded)),
        ("linear_503_throttled", Throttle(ThrottleKind::Overloaded)),
        ("linear_503_unavailable", Throttle(ThrottleKind::Overloaded)),
        ("linear_503_unknown", Unknown),
        ("linear_duplicate_client_id", Reject(Reason::DuplicateClientOrderId)),
        ("linear_insufficient_margin", Reject(Reason::InsufficientBalance)),
        ("linear_max_position_at_leverage", Reject(Reason::PositionLimit)),
        ("linear_min_notional", Reject(Reason::MinNotional)),
        ("linear_no_need_margin_type", Success),
        ("linear_no_need_position_mode", Success),
        ("linear_position_side_mismatch", Reject(Reason::PositionMode)),
        ("linear_post_only_rejected", Reject(Reason::PostOnly)),
        ("linear_reduce_only_rejected", Reject(Reason::ReduceOnly)),
        ("linear_stop_type_moved_to_algo", Reject(Reason::InvalidRequest)),
        ("linear_stop_would_trigger", Reject(Reason::WouldTrigger)),
    ] {
        let binance = if name.starts_with("spot") { spot() } else { linear() };
        let kind = match name {
            "linear_no_need_margin_type" => Kind::SetMarginMode,
            "linear_no_need_position_mode" => Kind::SetPositionMode,
            _ => Kind::Place,
        };
        let answer = read(&binance, kind, &format!("error_{name}"));
        assert_eq!(class(answer), expected, "{name}");
    }
}

#[test]
fn a_rejection_keeps_the_venues_code_and_words() {
    let Err(VenueError::Rejected(rejection)) =
        read(&spot(), Kind::Place, "error_spot_insufficient_balance")
    else {
        panic!()
    };
    assert_eq!(rejection.code, -2010);
    assert_eq!(&*rejection.message, "Account has insufficient balance for requested action.");
    let Err(VenueError::Unknown(cause)) = read(&spot(), Kind::Place, "error_spot_timeout_unknown")
    else {
        panic!()
    };
    let message = "Timeout waiting for response from backend server. Send status unknown; \
                   execution status unknown.";
    assert_eq!(cause, UnknownCause::venue(504, -1007, message));
}

#[test]
fn a_throttle_keeps_every_wait_the_venue_names() {
    let Err(VenueError::Throttled(banned)) = read(&spot(), Kind::Place, "error_spot_ip_banned")
    else {
        panic!()
    };
    assert_eq!(banned.until, Some(Timestamp::from_millis(1_659_146_400_000)));
    assert_eq!(banned.retry_after, None);

    let find = |name: &str| name.eq_ignore_ascii_case("Retry-After").then_some("17");
    let mut body = br#"{"code":-1003,"msg":"Too much request weight used"}"#.to_vec();
    let answer = spot().decode(&Kind::Balances.into(), 429, Headers::new(&find), &mut body);
    let Err(VenueError::Throttled(throttle)) = answer else { panic!() };
    assert_eq!(throttle.retry_after, Some(Duration::from_secs(17)));
    assert_eq!(throttle.until, None);

    // A ban that names no end lasts at least two minutes.
    let Err(VenueError::Throttled(banned)) = decode(&spot(), Kind::Balances, 418, "") else {
        panic!()
    };
    assert_eq!(banned.retry_after, Some(Duration::from_secs(120)));
}

#[test]
fn pages_empty_bodies_and_broken_json_are_unknown_unless_the_engine_cannot_have_seen_them() {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    for body in [page, "", "{\"code\":-2010,\"ms", "[]", "null", "{\"msg\":\"no code\"}"] {
        for binance in [spot(), linear()] {
            for (status, expected) in [
                (400, Unknown),
                (408, Unknown),
                (500, Unknown),
                (502, Unknown),
                (504, Unknown),
                (301, Unknown),
                (403, Throttle(ThrottleKind::Banned)),
                (404, Reject(Reason::InvalidRequest)),
                (451, Reject(Reason::Permission)),
                (418, Throttle(ThrottleKind::Banned)),
                (429, Throttle(ThrottleKind::RequestRate)),
            ] {
                let answer = class(decode(&binance, Kind::Place, status, body));
                assert_eq!(answer, expected, "{status} {body}");
            }
        }
    }
}

#[test]
fn a_success_that_cannot_be_read_names_the_field() {
    let order = |from: &str, to: &str| {
        let (_, body) = support::sample("linear_order_filled");
        let body = serde_json::from_str::<serde_json::Value>(&body).unwrap().to_string();
        assert!(body.contains(from), "{from}");
        body.replace(from, to)
    };
    for (body, field) in [
        (String::new(), "."),
        ("<html>".into(), "."),
        ("[]".into(), "."),
        ("\"text\"".into(), "."),
        (order("\"orderId\":22542180,", ""), "orderId"),
        (order("22542180", "\"22542180x\""), "orderId"),
        (order("22542180", "-1"), "orderId"),
        (order("\"BTCUSDT\"", "\"BTC USDT\""), "symbol"),
        (order("\"BTCUSDT\"", "7"), "."),
        (order("\"status\":\"FILLED\"", "\"status\":5"), "status"),
        (order("\"executedQty\":\"0.012\"", "\"executedQty\":\"NaN\""), "executedQty"),
        (order("\"executedQty\":\"0.012\"", "\"executedQty\":\"1e400\""), "executedQty"),
        (order("\"executedQty\":\"0.012\"", "\"executedQty\":true"), "executedQty"),
        (order("\"executedQty\":\"0.012\"", "\"executedQty\":null"), "executedQty"),
        (order("\"avgPrice\":\"64012.30000\"", "\"avgPrice\":{}"), "avgPrice"),
        (order("\"side\":\"BUY\"", "\"side\":\"HOLD\""), "side"),
        (order("1700000000123", "\"soon\""), "updateTime"),
        (order("}", "} trailing"), "."),
    ] {
        let answer = decode(&linear(), Kind::Place, 200, &body);
        if body.contains("\"symbol\":7") {
            // A symbol is a name, whatever it is written with.
            assert!(answer.is_ok());
            continue;
        }
        let Err(VenueError::Malformed(malformed)) = answer else { panic!("{body}: {answer:?}") };
        assert_eq!((malformed.operation, &*malformed.field), (Kind::Place, field), "{body}");
    }
    // Cut anywhere, it is malformed and nothing else.
    let (_, body) = support::sample("spot_order_full_filled");
    for end in 0..body.len() {
        let answer = decode(&spot(), Kind::Place, 200, &body[..end]);
        assert!(matches!(answer, Err(VenueError::Malformed(_))), "cut at {end}");
    }
    let Err(VenueError::Malformed(malformed)) = decode(
        &spot(),
        Kind::Instruments,
        200,
        r#"{"symbols":[{"symbol":"A","status":"TRADING","baseAsset":"A","quoteAsset":"B","filters":[{"filterType":"LOT_SIZE","minQty":"x"}]}]}"#,
    ) else {
        panic!()
    };
    assert_eq!(malformed.field, "symbols[0].filters[0].minQty");
}
