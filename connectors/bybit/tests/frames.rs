//! Orders over WebSocket: the frames, and their answers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use hoox_bybit::Bybit;
use hoox_connector::{OperationKind as Kind, *};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{decimal, id, linear, sample, spot, symbol};

const AT: Timestamp = Timestamp::from_millis(1_711_001_595_207);

fn written(bybit: &Bybit, op: &Operation<'_>) -> Result<String, EncodeError> {
    let mut buf = RequestBuf::new();
    bybit.encode_frame(op, AT, 7, true, &mut buf)?;
    Ok(buf.request().body().to_owned())
}

fn order() -> PreparedOrder {
    let limit = NewOrder::limit(symbol("ETHUSDT"), Side::Buy, decimal("0.2"), decimal("2800"));
    PreparedOrder::as_written(&limit.time_in_force(TimeInForce::PostOnly)).unwrap()
}

fn decoded(name: &str, asked: Option<Kind>) -> Result<FrameReply, VenueError> {
    let (_, mut frame) = sample(name);
    linear().decode_frame(&mut frame, &|_| asked)
}

fn decoded_text(text: &str, asked: Option<Kind>) -> Result<FrameReply, VenueError> {
    linear().decode_frame(&mut text.as_bytes().to_vec(), &|_| asked)
}

#[test]
fn a_frame_holds_what_the_documented_one_holds() {
    let documented: Value = {
        let (_, text) = sample("ws_trade_order_create_request");
        serde_json::from_slice(&text).unwrap()
    };
    let bybit = linear().with_recv_window(Duration::from_millis(8_000));
    let frame: Value =
        serde_json::from_str(&written(&bybit, &Operation::Place(&order())).unwrap()).unwrap();
    assert_eq!(frame["op"], documented["op"]);
    assert_eq!(frame["args"], documented["args"]);
    for name in ["X-BAPI-TIMESTAMP", "X-BAPI-RECV-WINDOW"] {
        assert_eq!(frame["header"][name], documented["header"][name]);
    }
    assert_eq!(frame["reqId"], "7");
}

#[test]
fn a_frame_carries_the_body_of_the_request() {
    let orders = [order(), order()];
    let reference = OrderRef::Client(id("mine"));
    let (symbol, class) = (symbol("ETHUSDT"), OrderClass::Conditional);
    let amendment = Amendment {
        symbol,
        order: reference,
        side: Side::Buy,
        quantity: None,
        price: Some(decimal("2801")),
    };
    for (op, name) in [
        (Operation::Place(&orders[0]), "order.create"),
        (Operation::PlaceBatch(&orders), "order.create-batch"),
        (Operation::Amend(&amendment), "order.amend"),
        (Operation::Cancel { symbol, order: reference, class }, "order.cancel"),
    ] {
        for bybit in [spot(), linear()] {
            let body = support::encoded(&bybit, &op, |request| request.body().to_owned());
            let frame = written(&bybit, &op).unwrap();
            let head = format!(
                r#"{{"op":"{name}","header":{{"X-BAPI-RECV-WINDOW":"3000","X-BAPI-TIMESTAMP":"1711001595207"}},"reqId":"7","args":["#
            );
            assert_eq!(frame, format!("{head}{body}]}}"));
        }
    }
    // A session carries the key, so that a frame carries neither it nor a signature.
    let mut buf = RequestBuf::new();
    linear().encode_frame(&Operation::Place(&orders[0]), AT, 7, true, &mut buf).unwrap();
    assert_eq!((buf.request().signature(), buf.request().headers().count()), ("", 0));
}

#[test]
fn what_goes_over_rest_only_is_refused() {
    for op in [
        Operation::Balances,
        Operation::CancelAll { symbol: None, class: OrderClass::Plain },
        Operation::ServerTime,
    ] {
        assert!(matches!(written(&linear(), &op), Err(EncodeError::NotSupported { .. })));
    }
    let mut buf = RequestBuf::new();
    let early = linear().encode_frame(&Operation::Place(&order()), AT, 7, false, &mut buf);
    assert!(matches!(early, Err(EncodeError::Invalid { field: "session", .. })), "{early:?}");
}

#[test]
fn sessions_are_kept_open_and_log_on() {
    assert!(linear().logs_on());
    assert_eq!(linear().entry_url(), Some("wss://stream.bybit.com/v5/trade"));
    let testnet = Bybit::linear_testnet(Credentials::hmac("key", "secret"));
    assert_eq!(testnet.entry_url(), Some("wss://stream-testnet.bybit.com/v5/trade"));
    let local = spot().with_entry_url("ws://localhost:1/v5/trade");
    assert_eq!(local.entry_url(), Some("ws://localhost:1/v5/trade"));
    assert_eq!(linear().entry_keep_alive().frame, Some(r#"{"op":"ping"}"#));

    for (name, granted) in [("ws_auth_success", true), ("ws_auth_failure", false)] {
        let Ok(FrameReply::LoggedOn(result)) = decoded(name, None) else { panic!("{name}") };
        match result {
            Ok(()) => assert!(granted),
            Err(VenueError::Rejected(rejection)) => {
                assert!(!granted);
                assert_eq!((rejection.reason, rejection.code), (RejectReason::BadKey, 10_003));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let again = r#"{"retCode":20001,"retMsg":"Repeat auth","op":"auth","connId":"c"}"#;
    assert!(matches!(decoded_text(again, None), Ok(FrameReply::LoggedOn(Ok(())))));
    let bare = r#"{"success":false,"ret_msg":"no","op":"auth","conn_id":"c"}"#;
    assert!(matches!(decoded_text(bare, None), Ok(FrameReply::LoggedOn(Err(_)))));
}

#[test]
fn an_answer_is_a_reply() {
    let mut asked_for = None;
    let (_, frame) = sample("ws_trade_order_create_ack");
    let frame = String::from_utf8(frame).unwrap().replace("\"test-005\"", "\"42\"");
    let answer = linear().decode_frame(&mut frame.clone().into_bytes(), &|id| {
        assert_eq!(id, 42);
        Some(Kind::Place)
    });
    if let Ok(FrameReply::Answer { request_id, result: Ok(Reply::Accepted(accepted)), .. }) = answer
    {
        asked_for = Some(request_id);
        assert_eq!(accepted.order_id.unwrap().as_str(), "a4c1718e-fe53-4659-a118-1f6ecce04ad9");
        assert_eq!(accepted.client_order_id, None);
        // The venue's clock is in the frame's header.
        assert_eq!(accepted.at, Some(Timestamp::from_millis(1711001595209)));
    }
    assert_eq!(asked_for, Some(42));

    let (_, plain) = sample("ws_trade_order_response");
    let plain = String::from_utf8(plain).unwrap().replace("\"order-req-001\"", "\"43\"");
    let answer = decoded_text(&plain, Some(Kind::Cancel));
    let Ok(FrameReply::Answer { request_id: 43, result: Ok(Reply::Accepted(accepted)), .. }) =
        answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(accepted.order_id.unwrap().as_str(), "1726025498520715008");
    assert_eq!(accepted.client_order_id, Some(id("client-order-1")));

    // An id that is not ours, and one that nobody asked with.
    assert!(matches!(
        decoded("ws_trade_order_create_ack", Some(Kind::Place)),
        Ok(FrameReply::Other)
    ));
    assert!(matches!(decoded_text(&frame, None), Ok(FrameReply::Other)));
    assert!(matches!(decoded("ws_trade_pong", None), Ok(FrameReply::Pong)));
}

fn failed(code: i64, op: &str) -> VenueError {
    let frame = json!({
        "reqId": "42", "retCode": code, "retMsg": "words", "op": op, "data": {}, "retExtInfo": {},
        "header": {"X-Bapi-Limit-Reset-Timestamp": "1711001596000", "Timenow": "1711001595209"},
    });
    match decoded_text(&frame.to_string(), Some(Kind::Place)) {
        Ok(FrameReply::Answer { request_id: 42, result: Err(error), .. }) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn failures_go_by_the_one_table() {
    let VenueError::Rejected(rejection) = failed(110_007, "order.create") else { panic!() };
    assert_eq!(rejection.reason, RejectReason::InsufficientBalance);
    for code in [10_016, 10_000, 10_019, 20_006, 170_146] {
        assert!(matches!(failed(code, "order.create"), VenueError::Unknown(_)), "{code}");
    }
    let VenueError::Throttled(throttle) = failed(10_006, "order.create") else { panic!() };
    assert_eq!(throttle.until, Some(Timestamp::from_millis(1_711_001_596_000)));
    for (code, kind) in [
        (10_403, ThrottleKind::RequestRate),
        (20_003, ThrottleKind::RequestRate),
        (10_429, ThrottleKind::Overloaded),
    ] {
        let VenueError::Throttled(throttle) = failed(code, "order.create") else { panic!() };
        assert_eq!(throttle.kind, kind);
    }
    assert!(matches!(failed(10_404, "order.what"), VenueError::Rejected(_)));
}

#[test]
fn a_batch_is_answered_order_by_order() {
    let frame = json!({
        "reqId": "42", "retCode": 0, "retMsg": "OK", "op": "order.create-batch",
        "data": {"list": [
            {"category": "linear", "symbol": "A", "orderId": "1", "orderLinkId": "one", "createAt": "5"},
            {"category": "linear", "symbol": "A", "orderId": "", "orderLinkId": "two", "createAt": ""},
        ]},
        "retExtInfo": {"list": [{"code": 0, "msg": "OK"}, {"code": 110_094, "msg": "min value"}]},
    });
    let answer = decoded_text(&frame.to_string(), Some(Kind::PlaceBatch));
    let Ok(FrameReply::Answer { result: Ok(Reply::Batch(items)), .. }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(items[0].as_ref().unwrap().client_order_id, Some(id("one")));
    assert_eq!(items[1].as_ref().unwrap_err().reason, RejectReason::MinNotional);
}

#[test]
fn frames_without_an_id_end_the_session_or_say_nothing() {
    let restarting = r#"{"retCode":10019,"retMsg":"restarting","op":"","connId":"c"}"#;
    assert!(matches!(decoded_text(restarting, None), Ok(FrameReply::Reconnect)));
    assert!(matches!(decoded_text("{}", None), Ok(FrameReply::Other)));
    for text in [r#"{"retCode":10016,"retMsg":"?"}"#, "<html>", "", "[]", r#"{"retCode":"x"}"#] {
        let answer = decoded_text(text, Some(Kind::Place));
        assert!(matches!(answer, Err(VenueError::Malformed(_))), "{text} {answer:?}");
    }
    let short = r#"{"reqId":"42","retCode":0,"op":"order.create","data":{}}"#;
    let answer = decoded_text(short, Some(Kind::Place));
    let Ok(FrameReply::Answer { result: Err(VenueError::Malformed(malformed)), .. }) = answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(malformed.field, "result.orderId");
}

proptest! {
    #[test]
    fn a_symbol_cannot_add_a_member(text in r#"[A-Z"\\,\[\]{}:é]{1,16}"#) {
        let market = NewOrder::market(symbol(&text), Side::Buy, Decimal::ONE);
        let order = PreparedOrder::as_written(&market).unwrap();
        let frame = written(&linear(), &Operation::Place(&order)).unwrap();
        let frame: Value = serde_json::from_str(&frame).unwrap();
        prop_assert_eq!(&frame["args"][0]["symbol"], &json!(text));
        prop_assert_eq!(frame["args"][0].as_object().unwrap().len(), 5);
        prop_assert_eq!(frame.as_object().unwrap().len(), 4);
    }

    #[test]
    fn garbage_does_not_panic(frame in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = linear().decode_frame(&mut frame.clone(), &|_| Some(Kind::Place));
    }
}
