//! Orders over the WebSocket API: frames against the vectors, answers against the samples.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;

use hoox_binance::Binance;
use hoox_connector::{
    Amendment, ClientOrderId, Credentials, Decimal, EncodeError, FrameReply, NewOrder, Operation,
    OperationKind, OrderClass, OrderEntry, OrderId, OrderKind, OrderRef, OrderStatus,
    PreparedOrder, RejectReason, Reply, RequestBuf, Side, Symbol, ThrottleKind, Timestamp, Trigger,
    TriggerKind, VenueError,
};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn spot() -> Binance {
    Binance::spot(Credentials::hmac("api-key", "api-secret"))
}

fn linear() -> Binance {
    Binance::linear(Credentials::hmac("api-key", "api-secret"))
}

fn fixture(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn btc() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn limit() -> NewOrder {
    NewOrder::limit(btc(), Side::Buy, d("0.01"), d("43210.9"))
        .client_order_id(ClientOrderId::portable("order-1").unwrap())
}

fn frame(binance: &Binance, op: &Operation<'_>, logged_on: bool) -> Result<Value, EncodeError> {
    let mut buf = RequestBuf::new();
    binance.encode_frame(op, NOW, 7, logged_on, &mut buf)?;
    Ok(serde_json::from_str(buf.request().body()).unwrap())
}

fn placed(binance: &Binance, order: &NewOrder) -> Value {
    let order = PreparedOrder::as_written(order).unwrap();
    frame(binance, &Operation::Place(&order), true).unwrap()
}

/// Whether a vector's key kind is enabled.
fn readable(case: &Value) -> bool {
    cfg!(feature = "ed25519") || case["algorithm"] == "hmac-sha256"
}

#[test]
fn frames_equal_those_of_the_vectors() {
    let vectors = fixture("vectors.json");
    let cases: Vec<_> = vectors["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["expected"]["frame"].is_object() && readable(case))
        .collect();
    assert_eq!(cases.len(), if cfg!(feature = "ed25519") { 3 } else { 2 });
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let (input, expected) = (&case["input"], &case["expected"]);
        let credentials = Credentials::from_secret(text("api_key"), text("secret")).unwrap();
        let mut binance = Binance::spot(credentials);
        if let Some(window) = case["recv_window"].as_u64() {
            binance = binance.with_recv_window(core::time::Duration::from_millis(window));
        }
        let at = Timestamp::from_millis(case["timestamp_ms"].as_u64().unwrap());
        let mut buf = RequestBuf::new();
        match text("operation") {
            "ws_session_logon" => binance.encode_logon(at, 1, &mut buf).unwrap(),
            "ws_place_limit" => {
                let field = |name: &str| input[name].as_str().unwrap();
                let symbol = Symbol::new(field("symbol")).unwrap();
                let side = if field("side") == "buy" { Side::Buy } else { Side::Sell };
                let order = NewOrder::limit(symbol, side, d(field("quantity")), d(field("price")));
                let order = PreparedOrder::as_written(&order).unwrap();
                binance.encode_frame(&Operation::Place(&order), at, 1, false, &mut buf).unwrap();
            }
            other => panic!("{other}"),
        }
        let request = buf.request();
        let mut frame: Value = serde_json::from_str(request.body()).unwrap();
        assert!(frame["id"].is_string());
        frame["id"] = expected["frame"]["id"].clone();
        let id = text("id");
        assert_eq!(frame, expected["frame"], "{id}");
        assert_eq!(request.signed_payload(), expected["signed_payload"], "{id}");
        assert_eq!(request.signature(), expected["signature"], "{id}");
        assert!(binance.entry_url().unwrap().ends_with(expected["path"].as_str().unwrap()));
    }
}

#[test]
fn the_methods_of_each_market() {
    let symbol = btc();
    let plain = PreparedOrder::as_written(&limit()).unwrap();
    let trigger = Trigger { kind: TriggerKind::Stop, price: d("40000") };
    let stop = OrderKind::TriggerMarket { quantity: d("0.01"), trigger };
    let stop = PreparedOrder::as_written(&NewOrder::new(symbol, Side::Sell, stop)).unwrap();
    let order = OrderRef::Id(OrderId::from(12));
    let (class, waiting) = (OrderClass::Plain, OrderClass::Conditional);
    let (quantity, price) = (Some(d("1")), Some(d("2")));
    let amendment = Amendment { symbol, order, side: Side::Buy, quantity, price };
    for (op, on_spot, on_linear) in [
        (Operation::Place(&plain), Some("order.place"), Some("order.place")),
        (Operation::Place(&stop), Some("order.place"), Some("algoOrder.place")),
        (Operation::Amend(&amendment), None, Some("order.modify")),
        (Operation::Cancel { symbol, order, class }, Some("order.cancel"), Some("order.cancel")),
        (
            Operation::Cancel { symbol, order, class: waiting },
            Some("order.cancel"),
            Some("algoOrder.cancel"),
        ),
        (Operation::Order { symbol, order, class }, Some("order.status"), Some("order.status")),
        (
            Operation::OpenOrders { symbol: Some(symbol), class, page: None },
            Some("openOrders.status"),
            None,
        ),
        (Operation::Balances, Some("account.status"), None),
        (Operation::Positions { symbol: None, page: None }, None, None),
        (Operation::CancelAll { symbol: Some(symbol), class }, None, None),
        (Operation::PlaceBatch(core::slice::from_ref(&plain)), None, None),
        (Operation::ServerTime, None, None),
        (Operation::CreateListenKey, None, None),
    ] {
        for (binance, method) in [(spot(), on_spot), (linear(), on_linear)] {
            match (frame(&binance, &op, false), method) {
                (Ok(frame), Some(method)) => assert_eq!(frame["method"], method, "{op:?}"),
                (Err(EncodeError::NotSupported { .. }), None) => {}
                (other, _) => panic!("{op:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_session_that_is_logged_on_needs_no_signature() {
    let order = PreparedOrder::as_written(&limit()).unwrap();
    let mut buf = RequestBuf::new();
    linear().encode_frame(&Operation::Place(&order), NOW, 7, true, &mut buf).unwrap();
    assert_eq!((buf.request().signature(), buf.request().signed_payload()), ("", ""));
    let frame: Value = serde_json::from_str(buf.request().body()).unwrap();
    let params = json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "newOrderRespType": "RESULT", "quantity": "0.01", "price": "43210.9",
        "newClientOrderId": "order-1", "recvWindow": 3000, "timestamp": 1_700_000_000_000_u64,
    });
    assert_eq!(frame, json!({"id": "7", "method": "order.place", "params": params}));
}

#[test]
fn the_buffer_holds_nothing_of_the_request_before() {
    let order = PreparedOrder::as_written(&limit()).unwrap();
    let (mut used, mut fresh) = (RequestBuf::new(), RequestBuf::new());
    let op = Operation::Cancel {
        symbol: btc(),
        order: OrderRef::Client(ClientOrderId::portable("a").unwrap()),
        class: OrderClass::Plain,
    };
    linear().encode_frame(&Operation::Place(&order), NOW, 1, false, &mut used).unwrap();
    for buf in [&mut used, &mut fresh] {
        linear().encode_frame(&op, NOW, 2, false, buf).unwrap();
    }
    assert_eq!(used.request().body(), fresh.request().body());
    assert_eq!(used.request().signature(), fresh.request().signature());
}

#[test]
fn ids_that_are_numbers_are_sent_as_numbers() {
    let cancel = |order| Operation::Cancel { symbol: btc(), order, class: OrderClass::Plain };
    let by_id = frame(&spot(), &cancel(OrderRef::Id(OrderId::from(u64::MAX))), true).unwrap();
    assert_eq!(by_id["params"]["orderId"], json!(u64::MAX));
    let odd = OrderRef::Id(OrderId::new("00-1").unwrap());
    assert_eq!(frame(&spot(), &cancel(odd), true).unwrap()["params"]["orderId"], "00-1");
    let ours = OrderRef::Client(ClientOrderId::portable("12").unwrap());
    let by_ours = frame(&spot(), &cancel(ours), true).unwrap();
    assert_eq!(by_ours["params"]["origClientOrderId"], "12");
}

#[test]
fn a_symbol_or_an_id_adds_no_field() {
    let mut order = limit();
    order.symbol = Symbol::new(r#"A","side":"SELL&x=1%26"#).unwrap();
    order = order.client_order_id(ClientOrderId::new("a/b:c.d").unwrap());
    let sent = placed(&spot(), &order);
    assert_eq!(sent["params"]["symbol"], order.symbol.as_str());
    assert_eq!(sent["params"]["side"], "BUY");
    assert_eq!(sent["params"]["newClientOrderId"], "a/b:c.d");
    assert_eq!(sent["params"].as_object().unwrap().len(), 9);
}

#[test]
fn spot_asks_for_the_status_where_it_is_not_told_unasked() {
    let trigger = Trigger { kind: TriggerKind::Stop, price: d("40000") };
    let stop = OrderKind::TriggerMarket { quantity: d("0.01"), trigger };
    let stop = NewOrder::new(btc(), Side::Sell, stop);
    assert_eq!(placed(&spot(), &stop)["params"]["newOrderRespType"], "RESULT");
    assert_eq!(placed(&spot(), &limit())["params"]["newOrderRespType"], Value::Null);
}

#[test]
fn only_ed25519_logs_on() {
    assert!(!spot().logs_on());
    let refused = spot().encode_logon(NOW, 1, &mut RequestBuf::new());
    assert!(matches!(refused, Err(EncodeError::NotSupported { .. })));
}

/// Reads `frame` as the answer to request 7, which was `op`.
fn answer(binance: &Binance, op: OperationKind, frame: &Value) -> Result<FrameReply, VenueError> {
    let asked = |id| (id == 7).then_some(op);
    binance.decode_frame(&mut frame.to_string().into_bytes(), &asked)
}

fn result(binance: &Binance, op: OperationKind, frame: &Value) -> Result<Reply, VenueError> {
    match answer(binance, op, frame) {
        Ok(FrameReply::Answer { request_id: 7, result, .. }) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_tells_what_is_used_of_the_limits() {
    let mut sample = fixture("responses/ws_api_spot_order_place_result.json")["payload"].take();
    sample["id"] = json!(7);
    let answer = answer(&spot(), OperationKind::Place, &sample);
    let Ok(FrameReply::Answer { usage, .. }) = answer else { panic!("{answer:?}") };
    let told = usage.iter().map(|it| (it.orders, it.window.as_secs(), it.limit, it.used));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (true, 10, Some(50), Some(12)),
            (true, 86_400, Some(160_000), Some(4_043)),
            (false, 60, Some(6_000), Some(321)),
        ]
    );
}

#[test]
fn a_placed_order_is_acknowledged() {
    for id in [json!("7"), json!(7)] {
        let mut sample = fixture("responses/ws_api_spot_order_place_result.json")["payload"].take();
        sample["id"] = id;
        let Ok(Reply::Order(order)) = result(&spot(), OperationKind::Place, &sample) else {
            panic!()
        };
        assert_eq!(order.symbol, btc());
        assert_eq!(order.order_id.as_str(), "12510053279");
        assert_eq!(order.client_order_id.unwrap().as_str(), "a097fe6304b20a7e4fc436");
        assert_eq!((order.side, order.status), (Side::Buy, OrderStatus::New));
        assert_eq!((order.quantity, order.price), (Some(d("10")), Some(d("0.1"))));
        assert_eq!(order.filled_quantity, Decimal::ZERO);
        assert_eq!(order.updated_at, Some(Timestamp::from_millis(1_655_716_096_505)));
    }
}

#[test]
fn a_ban_tells_its_end() {
    let mut sample = fixture("responses/ws_api_spot_banned.json")["payload"].take();
    sample["id"] = json!("7");
    let until = Some(Timestamp::from_millis(1_659_146_400_000));
    let throttle = |sample: &Value| match result(&spot(), OperationKind::Place, sample) {
        Err(VenueError::Throttled(throttle)) => throttle,
        other => panic!("{other:?}"),
    };
    assert_eq!(throttle(&sample).kind, ThrottleKind::Banned);
    assert_eq!(throttle(&sample).until, until);
    // Also where only the data tells it.
    sample["status"] = json!(429);
    sample["error"]["msg"] = json!("Too many requests");
    assert_eq!(throttle(&sample).kind, ThrottleKind::RequestRate);
    assert_eq!(throttle(&sample).until, until);
}

#[test]
fn refusals_go_through_the_table_of_errors() {
    let refused = |status: u16, code: i64, message: &str| {
        let error = json!({"code": code, "msg": message});
        let frame = json!({"id": "7", "status": status, "error": error, "rateLimits": []});
        result(&linear(), OperationKind::Place, &frame).unwrap_err()
    };
    let reason = |error| match error {
        VenueError::Rejected(rejection) => rejection.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reason(refused(400, -2019, "Margin is insufficient.")),
        RejectReason::InsufficientBalance
    );
    assert_eq!(reason(refused(400, -5022, "Post only")), RejectReason::PostOnly);
    assert!(matches!(refused(500, -1007, "Timeout"), VenueError::Unknown(_)));
    assert!(matches!(refused(503, -9999, "what"), VenueError::Unknown(_)));
}

#[test]
fn linear_answers_are_the_rest_replies() {
    let rest = |name: &str| fixture(&format!("responses/{name}.json"))["payload"].take();
    let frame = |result: Value| json!({"id": "7", "status": 200, "result": result});
    for (name, op) in [
        ("linear_order_new", OperationKind::Place),
        ("linear_order_filled", OperationKind::Place),
        ("linear_cancel", OperationKind::Cancel),
        ("linear_query_order", OperationKind::OrderById),
        ("linear_algo_order_new", OperationKind::PlaceConditional),
        ("linear_algo_order_cancel", OperationKind::CancelConditional),
    ] {
        use hoox_connector::{ExchangeProvider, Headers};
        let mut body = rest(name).to_string().into_bytes();
        let expected = linear().decode(&op.into(), 200, Headers::none(), &mut body).unwrap();
        let told = result(&linear(), op, &frame(rest(name))).unwrap();
        assert_eq!(format!("{told:?}"), format!("{expected:?}"), "{name}");
    }
}

#[test]
fn answers_to_a_log_on() {
    let mut sample = fixture("responses/ws_api_spot_session_logon.json")["payload"].take();
    sample["id"] = json!("logon-7");
    // Not even when an operation has the same number.
    let read = answer(&spot(), OperationKind::Place, &sample);
    assert!(matches!(read, Ok(FrameReply::LoggedOn(Ok(())))), "{read:?}");

    let error = json!({"code": -1022, "msg": "Signature for this request is not valid."});
    let frame = json!({"id": "logon-7", "status": 400, "error": error});
    let Ok(FrameReply::LoggedOn(Err(VenueError::Rejected(rejection)))) =
        answer(&spot(), OperationKind::Place, &frame)
    else {
        panic!()
    };
    assert_eq!(rejection.reason, RejectReason::BadSignature);
}

#[test]
fn frames_that_answer_nothing() {
    let read = |frame| answer(&spot(), OperationKind::Place, &frame);
    let shutdown = json!({"event": {"e": "serverShutdown", "E": 1_770_123_456_789_u64}});
    assert!(matches!(read(shutdown), Ok(FrameReply::Reconnect)));
    let user = json!({"subscriptionId": 0, "event": {"e": "balanceUpdate", "E": 1}});
    assert!(matches!(read(user), Ok(FrameReply::Other)));
    // The answer to a request that was given up.
    let late = json!({"id": "8", "status": 200, "result": {}});
    assert!(matches!(read(late), Ok(FrameReply::Other)));
}

#[test]
fn frames_that_nobody_can_attribute_are_malformed() {
    let read = |text: &str| {
        let asked = |_| Some(OperationKind::Place);
        match spot().decode_frame(&mut text.as_bytes().to_vec(), &asked) {
            Err(VenueError::Malformed(malformed)) => malformed.field,
            other => panic!("{text}: {other:?}"),
        }
    };
    for text in ["", "<html>", "\u{0}", "7"] {
        assert_eq!(read(text), ".", "{text}");
    }
    assert_eq!(read(r#"{"id":"fc93a61a-a192","status":200,"result":{}}"#), "id");
    assert_eq!(read(r#"{"id":null,"status":400,"error":{"code":-1,"msg":"x"}}"#), "id");
    assert_eq!(read(r#"{"id":"7","result":{}}"#), "status");
}

#[test]
fn an_answer_that_cannot_be_read_belongs_to_its_request() {
    for frame in [json!({"id": "7", "status": 200}), json!({"id": "7", "status": 200, "result": 1})]
    {
        let read = result(&spot(), OperationKind::Place, &frame);
        assert!(matches!(read, Err(VenueError::Malformed(_))), "{read:?}");
    }
    let unfinished = json!({"id": "7", "status": 200, "result": {"symbol": "BTCUSDT"}});
    match result(&spot(), OperationKind::Place, &unfinished) {
        Err(VenueError::Malformed(malformed)) => assert_eq!(malformed.field, "orderId"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_truncation_of_an_answer_is_malformed() {
    let mut sample = fixture("responses/ws_api_spot_order_place_result.json")["payload"].take();
    sample["id"] = json!("7");
    let text = sample.to_string();
    for end in 0..text.len() {
        let mut cut = text.as_bytes()[..end].to_vec();
        let read = spot().decode_frame(&mut cut, &|_| Some(OperationKind::Place));
        assert!(matches!(read, Err(VenueError::Malformed(_))), "{end}: {read:?}");
    }
}
