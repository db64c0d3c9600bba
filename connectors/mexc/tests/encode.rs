//! Every operation and order kind: what is sent, and what is refused before anything is sent.

#![cfg(test)]

use std::sync::Arc;

use hoox_connector::{
    Attached, ClientOrderId, Credentials, Decimal, EncodeError, ExchangeProvider, Instrument,
    Instruments, MarginMode, Market, NewOrder, Operation, OperationKind, OrderClass, OrderId,
    OrderKind, OrderRef, PositionMode, PositionSide, PreparedOrder, RequestBuf, Side, Symbol,
    TimeInForce, Timestamp, Trigger, TriggerKind, Venue,
};
use hoox_mexc::Mexc;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn spot() -> Mexc {
    Mexc::spot(Credentials::hmac("key", "secret"))
}

fn linear() -> Mexc {
    Mexc::linear(Credentials::hmac("key", "secret"))
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn limit(side: Side) -> NewOrder {
    NewOrder::limit(symbol("BTCUSDT"), side, dec("42"), dec("43210.9"))
}

fn isolated(mut order: NewOrder) -> NewOrder {
    (order.margin_mode, order.leverage) = (Some(MarginMode::Isolated), Some(10));
    order
}

fn trigger(side: Side, kind: TriggerKind) -> NewOrder {
    let trigger = Trigger { kind, price: dec("41000") };
    NewOrder::new(
        symbol("BTCUSDT"),
        side,
        OrderKind::TriggerMarket { quantity: dec("42"), trigger },
    )
}

/// Method and path, and the query without window, timestamp and signature, or the body.
fn sent(mexc: &Mexc, op: &Operation<'_>) -> Result<(String, String), EncodeError> {
    let mut buf = RequestBuf::new();
    let request = mexc.encode(op, NOW, &mut buf)?;
    let line = format!("{} {}", request.method(), request.path());
    assert!(request.query().is_empty() || request.body().is_empty());
    let query = request.query();
    let query = match query.split_once("recvWindow=") {
        Some((own, rest)) => {
            assert!(rest.starts_with("3000&timestamp=1700000000000&signature="), "{rest}");
            own.trim_end_matches('&')
        }
        None => query,
    };
    Ok((line, [query, request.body()].concat()))
}

fn placed(mexc: &Mexc, order: &NewOrder) -> Result<(String, String), EncodeError> {
    sent(mexc, &Operation::Place(&PreparedOrder::as_written(order).unwrap()))
}

fn is_unsupported<T: std::fmt::Debug>(result: Result<T, EncodeError>) -> bool {
    matches!(result, Err(EncodeError::NotSupported { venue: Venue::Mexc, .. }))
}

#[test]
fn spot_order_kinds_are_types() {
    let tif = |tif| limit(Side::Buy).time_in_force(tif);
    let market = NewOrder::market(symbol("BTCUSDT"), Side::Sell, dec("42"));
    let quote = NewOrder::market_quote(symbol("BTCUSDT"), Side::Buy, dec("101.2"));
    let terms = "&quantity=42&price=43210.9";
    for (order, expected) in [
        (tif(TimeInForce::GoodTillCancel), format!("side=BUY&type=LIMIT{terms}")),
        (tif(TimeInForce::PostOnly), format!("side=BUY&type=LIMIT_MAKER{terms}")),
        (tif(TimeInForce::ImmediateOrCancel), format!("side=BUY&type=IMMEDIATE_OR_CANCEL{terms}")),
        (tif(TimeInForce::FillOrKill), format!("side=BUY&type=FILL_OR_KILL{terms}")),
        (limit(Side::Sell), format!("side=SELL&type=LIMIT{terms}")),
        (market, "side=SELL&type=MARKET&quantity=42".into()),
        (quote, "side=BUY&type=MARKET&quoteOrderQty=101.2".into()),
    ] {
        let (line, query) = placed(&spot(), &order).unwrap();
        assert_eq!(line, "POST /api/v3/order");
        assert_eq!(query, format!("symbol=BTCUSDT&{expected}"));
    }
    let named = limit(Side::Buy).client_order_id(ClientOrderId::portable("a_-1").unwrap());
    assert!(placed(&spot(), &named).unwrap().1.ends_with("&newClientOrderId=a_-1"));
}

#[test]
fn spot_refuses_what_it_lacks() {
    let btc = symbol("BTCUSDT");
    for order in [
        NewOrder::market(btc, Side::Buy, dec("1")),
        NewOrder::market_quote(btc, Side::Sell, dec("1")),
        limit(Side::Sell).reduce_only(),
        trigger(Side::Sell, TriggerKind::Stop),
        NewOrder {
            attached: Attached { take_profit: Some(dec("9")), stop_loss: None },
            ..limit(Side::Buy)
        },
    ] {
        assert!(is_unsupported(placed(&spot(), &order)), "{order:?}");
    }
}

#[test]
fn linear_order_kinds_are_numbers() {
    let tif = |tif| limit(Side::Buy).time_in_force(tif);
    for (order, side, kind, price) in [
        (tif(TimeInForce::GoodTillCancel), 1, 1, ",\"price\":43210.9"),
        (tif(TimeInForce::PostOnly), 1, 2, ",\"price\":43210.9"),
        (tif(TimeInForce::ImmediateOrCancel), 1, 3, ",\"price\":43210.9"),
        (tif(TimeInForce::FillOrKill), 1, 4, ",\"price\":43210.9"),
        (NewOrder::market(symbol("BTC_USDT"), Side::Buy, dec("42")), 1, 5, ""),
        (limit(Side::Sell), 3, 1, ",\"price\":43210.9"),
        (limit(Side::Buy).reduce_only(), 2, 1, ",\"price\":43210.9"),
        (limit(Side::Sell).reduce_only(), 4, 1, ",\"price\":43210.9"),
        (limit(Side::Buy).position_side(PositionSide::Long), 1, 1, ",\"price\":43210.9"),
        (limit(Side::Buy).position_side(PositionSide::Short), 2, 1, ",\"price\":43210.9"),
        (limit(Side::Sell).position_side(PositionSide::Short), 3, 1, ",\"price\":43210.9"),
        (limit(Side::Sell).position_side(PositionSide::Long), 4, 1, ",\"price\":43210.9"),
    ] {
        let (line, body) = placed(&linear(), &isolated(order)).unwrap();
        assert_eq!(line, "POST /api/v1/private/order/create");
        let head = format!("\"symbol\":\"BTC_USDT\",\"side\":{side},\"type\":{kind}");
        assert_eq!(body, format!("{{{head},\"openType\":1,\"leverage\":10,\"vol\":42{price}}}"));
    }
}

#[test]
fn linear_orders_carry_margin_protection_and_id() {
    let mut order = limit(Side::Buy).client_order_id(ClientOrderId::portable("id-1").unwrap());
    order.attached = Attached { take_profit: Some(dec("50000.5")), stop_loss: Some(dec("40000")) };
    let (_, body) = placed(&linear(), &order).unwrap();
    assert_eq!(
        body,
        "{\"symbol\":\"BTC_USDT\",\"side\":1,\"type\":1,\"openType\":2,\"vol\":42,\
         \"price\":43210.9,\"takeProfitPrice\":50000.5,\"stopLossPrice\":40000,\
         \"externalOid\":\"id-1\"}"
    );
    let mut order = limit(Side::Buy);
    order.margin_mode = Some(MarginMode::Isolated);
    assert_eq!(placed(&linear(), &order), Err(EncodeError::Missing("leverage")));
    // What closes needs none.
    assert!(placed(&linear(), &order.reduce_only()).is_ok());
    // Reducing the short position by selling is a contradiction.
    let order = limit(Side::Sell).position_side(PositionSide::Short).reduce_only();
    assert!(matches!(
        placed(&linear(), &order),
        Err(EncodeError::Invalid { field: "reduce_only", .. })
    ));
}

#[test]
fn numbers_have_no_exponent() {
    let order = NewOrder::limit(symbol("PEPEUSDT"), Side::Buy, dec("1"), Decimal::new(34_103, 10));
    let (_, body) = placed(&linear(), &order).unwrap();
    assert!(body.contains("\"price\":0.0000034103"), "{body}");
}

#[test]
fn trigger_orders_are_plan_orders() {
    for (side, kind, code, fires) in [
        (Side::Sell, TriggerKind::Stop, 3, 2),
        (Side::Sell, TriggerKind::TakeProfit, 3, 1),
        (Side::Buy, TriggerKind::Stop, 1, 1),
        (Side::Buy, TriggerKind::TakeProfit, 1, 2),
    ] {
        let (line, body) = placed(&linear(), &trigger(side, kind)).unwrap();
        assert_eq!(line, "POST /api/v1/private/planorder/place");
        assert_eq!(
            body,
            format!(
                "{{\"symbol\":\"BTC_USDT\",\"side\":{code},\"orderType\":5,\"openType\":2,\
                 \"triggerType\":{fires},\"executeCycle\":2,\"trend\":1,\"vol\":42,\
                 \"triggerPrice\":41000}}"
            )
        );
    }
    let kinds = [
        (TimeInForce::GoodTillCancel, 1),
        (TimeInForce::PostOnly, 2),
        (TimeInForce::ImmediateOrCancel, 3),
        (TimeInForce::FillOrKill, 4),
    ];
    for (time_in_force, code) in kinds {
        let (quantity, price) = (dec("42"), dec("40990"));
        let trigger = Trigger { kind: TriggerKind::Stop, price: dec("41000") };
        let kind = OrderKind::TriggerLimit { quantity, trigger, price, time_in_force };
        let order = NewOrder::new(symbol("BTCUSDT"), Side::Sell, kind).reduce_only();
        let (_, body) = placed(&linear(), &order).unwrap();
        assert!(body.contains(&format!("\"side\":4,\"orderType\":{code},")), "{body}");
        assert!(body.contains("\"vol\":42,\"price\":40990,\"triggerPrice\":41000"), "{body}");
    }
}

#[test]
fn linear_refuses_what_it_lacks() {
    let btc = symbol("BTCUSDT");
    let trailing = OrderKind::TrailingStop {
        quantity: dec("1"),
        callback_rate: dec("1"),
        activate_price: None,
    };
    let mut protected = trigger(Side::Sell, TriggerKind::Stop);
    protected.attached.stop_loss = Some(dec("1"));
    for order in [
        NewOrder::market_quote(btc, Side::Buy, dec("1")),
        NewOrder::new(btc, Side::Sell, trailing),
        protected,
    ] {
        assert!(is_unsupported(placed(&linear(), &order)), "{order:?}");
    }
    let client = OrderRef::Client(ClientOrderId::portable("a").unwrap());
    let cancel = Operation::Cancel { symbol: btc, order: client, class: OrderClass::Conditional };
    assert!(is_unsupported(sent(&linear(), &cancel)));
    let unknown = limit(Side::Buy);
    let unknown = NewOrder { symbol: symbol("BTCUSD"), ..unknown };
    assert!(matches!(
        placed(&linear(), &unknown),
        Err(EncodeError::Invalid { field: "symbol", .. })
    ));
}

#[test]
fn a_symbol_of_the_instruments_keeps_its_spelling() {
    let mut instrument = Instrument::new(Venue::Mexc, Market::Linear, symbol("BTCUSDC"));
    instrument.venue_symbol = symbol("BTC_USDC");
    let mexc = linear().with_instruments(Arc::new(Instruments::new(vec![instrument])));
    let order = NewOrder { symbol: symbol("BTCUSDC"), ..limit(Side::Buy) };
    assert!(placed(&mexc, &order).unwrap().1.starts_with("{\"symbol\":\"BTC_USDC\","));
}

#[test]
fn batches_are_lists() {
    let named = |order: NewOrder, id: &str| {
        let order = order.client_order_id(ClientOrderId::portable(id).unwrap());
        PreparedOrder::as_written(&order).unwrap()
    };
    let orders = [named(limit(Side::Buy), "a"), named(limit(Side::Sell), "b")];
    let (line, body) = sent(&linear(), &Operation::PlaceBatch(&orders)).unwrap();
    assert_eq!(line, "POST /api/v1/private/order/submit_batch");
    let rows: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&rows[0]["externalOid"], &rows[1]["side"]), (&"a".into(), &3.into()));

    let (line, query) = sent(&spot(), &Operation::PlaceBatch(&orders)).unwrap();
    assert_eq!(line, "POST /api/v3/batchOrders");
    let list = query.strip_prefix("batchOrders=").unwrap();
    let list = list
        .replace("%5B", "[")
        .replace("%5D", "]")
        .replace("%7B", "{")
        .replace("%7D", "}")
        .replace("%22", "\"")
        .replace("%3A", ":")
        .replace("%2C", ",");
    let rows: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        rows[1],
        serde_json::json!({"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "quantity": "42",
            "price": "43210.9", "newClientOrderId": "b"})
    );

    for (mexc, max) in [(spot(), 20), (linear(), 50)] {
        assert_eq!(mexc.capabilities().batch_max, max);
        let many = vec![orders[0]; max + 1];
        assert!(sent(&mexc, &Operation::PlaceBatch(&many[..max])).is_ok());
        let refused =
            [sent(&mexc, &Operation::PlaceBatch(&many)), sent(&mexc, &Operation::PlaceBatch(&[]))];
        assert!(refused.iter().all(Result::is_err));
    }
    let other = NewOrder { symbol: symbol("ETHUSDT"), ..limit(Side::Buy) };
    let mixed = [orders[0], PreparedOrder::as_written(&other).unwrap()];
    assert!(sent(&spot(), &Operation::PlaceBatch(&mixed)).is_err());
}

#[test]
fn spot_operations() {
    let btc = symbol("BTCUSDT");
    let class = OrderClass::Plain;
    let id = OrderRef::Id(OrderId::new("C02__443").unwrap());
    let client = OrderRef::Client(ClientOrderId::new("a/b").unwrap());
    let since = Some(Timestamp::from_millis(5));
    for (op, line, query) in [
        (
            Operation::Cancel { symbol: btc, order: id, class },
            "DELETE /api/v3/order",
            "symbol=BTCUSDT&orderId=C02__443",
        ),
        (
            Operation::Cancel { symbol: btc, order: client, class },
            "DELETE /api/v3/order",
            "symbol=BTCUSDT&origClientOrderId=a%2Fb",
        ),
        (
            Operation::CancelAll { symbol: Some(btc), class },
            "DELETE /api/v3/openOrders",
            "symbol=BTCUSDT",
        ),
        (
            Operation::Order { symbol: btc, order: client, class },
            "GET /api/v3/order",
            "symbol=BTCUSDT&origClientOrderId=a%2Fb",
        ),
        (
            Operation::OpenOrders { symbol: Some(btc), class, page: None },
            "GET /api/v3/openOrders",
            "symbol=BTCUSDT",
        ),
        (
            Operation::OrderHistory {
                symbol: btc,
                order: None,
                since,
                limit: Some(9_999),
                page: None,
            },
            "GET /api/v3/allOrders",
            "symbol=BTCUSDT&startTime=5&limit=1000",
        ),
        (
            Operation::Fills {
                symbol: btc,
                order: Some(OrderId::new("7").unwrap()),
                since: None,
                limit: Some(500),
                page: None,
            },
            "GET /api/v3/myTrades",
            "symbol=BTCUSDT&orderId=7&limit=100",
        ),
        (Operation::Balances, "GET /api/v3/account", ""),
        (Operation::Instruments { symbol: None, page: None }, "GET /api/v3/exchangeInfo", ""),
        (Operation::Ticker { symbol: btc }, "GET /api/v3/ticker/price", "symbol=BTCUSDT"),
        (
            Operation::Depth { symbol: btc, levels: 1 },
            "GET /api/v3/depth",
            "symbol=BTCUSDT&limit=100",
        ),
        (
            Operation::Depth { symbol: btc, levels: 9_999 },
            "GET /api/v3/depth",
            "symbol=BTCUSDT&limit=5000",
        ),
        (Operation::BookTop { symbol: btc }, "GET /api/v3/ticker/bookTicker", "symbol=BTCUSDT"),
        (Operation::ServerTime, "GET /api/v3/time", ""),
        (Operation::CreateListenKey, "POST /api/v3/userDataStream", ""),
        (
            Operation::ExtendListenKey { key: "a&b" },
            "PUT /api/v3/userDataStream",
            "listenKey=a%26b",
        ),
        (Operation::CloseListenKey { key: "k" }, "DELETE /api/v3/userDataStream", "listenKey=k"),
    ] {
        assert_eq!(sent(&spot(), &op).unwrap(), (line.into(), query.into()));
    }
    for op in [
        Operation::OpenOrders { symbol: None, class, page: None },
        Operation::CancelAll { symbol: None, class },
    ] {
        assert_eq!(sent(&spot(), &op), Err(EncodeError::Missing("symbol")));
    }
    let two = Operation::CancelAll { symbol: Some(symbol("BTCUSDT,ETHUSDT")), class };
    assert!(sent(&spot(), &two).is_err());
}

#[test]
fn linear_operations() {
    let btc = symbol("BTCUSDT");
    let (class, plan) = (OrderClass::Plain, OrderClass::Conditional);
    let order_id = OrderId::new("739113577038255616").unwrap();
    let id = OrderRef::Id(order_id);
    let client = OrderRef::Client(ClientOrderId::new("dev-l-001").unwrap());
    let since = Some(Timestamp::from_millis(5));
    let private = "/api/v1/private";
    for (op, method, path, rest) in [
        (
            Operation::Cancel { symbol: btc, order: client, class },
            "POST",
            "/order/cancel_with_external",
            r#"{"symbol":"BTC_USDT","externalOid":"dev-l-001"}"#,
        ),
        (
            Operation::Cancel { symbol: btc, order: id, class: plan },
            "POST",
            "/planorder/cancel",
            r#"[{"symbol":"BTC_USDT","orderId":"739113577038255616"}]"#,
        ),
        (
            Operation::CancelAll { symbol: Some(btc), class },
            "POST",
            "/order/cancel_all",
            r#"{"symbol":"BTC_USDT"}"#,
        ),
        (Operation::CancelAll { symbol: None, class }, "POST", "/order/cancel_all", "{}"),
        (
            Operation::CancelAll { symbol: Some(btc), class: plan },
            "POST",
            "/planorder/cancel_all",
            r#"{"symbol":"BTC_USDT"}"#,
        ),
        (
            Operation::Order { symbol: btc, order: id, class },
            "GET",
            "/order/get/739113577038255616",
            "",
        ),
        (
            Operation::Order { symbol: btc, order: client, class },
            "GET",
            "/order/external/BTC_USDT/dev-l-001",
            "",
        ),
        (
            Operation::OpenOrders { symbol: Some(btc), class, page: None },
            "GET",
            "/order/list/open_orders/BTC_USDT",
            "page_size=100",
        ),
        (
            Operation::OpenOrders { symbol: None, class, page: Some("7") },
            "GET",
            "/order/list/open_orders",
            "page_num=7&page_size=100",
        ),
        (
            Operation::OrderHistory {
                symbol: btc,
                order: None,
                since,
                limit: Some(500),
                page: Some("2"),
            },
            "GET",
            "/order/list/history_orders",
            "page_num=2&page_size=100&start_time=5&symbol=BTC_USDT",
        ),
        (
            Operation::Fills {
                symbol: btc,
                order: Some(order_id),
                since: None,
                limit: None,
                page: None,
            },
            "GET",
            "/order/deal_details/739113577038255616",
            "",
        ),
        (
            Operation::Fills { symbol: btc, order: None, since, limit: None, page: None },
            "GET",
            "/order/list/order_deals",
            "start_time=5&symbol=BTC_USDT",
        ),
        (Operation::Positions { symbol: None, page: None }, "GET", "/position/open_positions", ""),
        (Operation::Balances, "GET", "/account/assets", ""),
        (
            Operation::SetPositionMode { symbol: None, mode: PositionMode::OneWay },
            "POST",
            "/position/change_position_mode",
            r#"{"positionMode":2}"#,
        ),
        (
            Operation::SetLeverage {
                symbol: btc,
                leverage: 5,
                margin_mode: Some(MarginMode::Cross),
                position_side: Some(PositionSide::Short),
            },
            "POST",
            "/position/change_leverage",
            r#"{"symbol":"BTC_USDT","openType":2,"positionType":2,"leverage":5}"#,
        ),
    ] {
        assert_eq!(
            sent(&linear(), &op).unwrap(),
            (format!("{method} {private}{path}"), rest.into())
        );
    }
    for (op, path, query) in [
        (Operation::Instruments { symbol: None, page: None }, "detail", ""),
        (Operation::Instruments { symbol: Some(btc), page: None }, "detail", "symbol=BTC_USDT"),
        (Operation::Ticker { symbol: btc }, "ticker", "symbol=BTC_USDT"),
        (Operation::BookTop { symbol: btc }, "ticker", "symbol=BTC_USDT"),
        (Operation::FundingRate { symbol: btc }, "ticker", "symbol=BTC_USDT"),
        (Operation::ServerTime, "ping", ""),
    ] {
        let expected = (format!("GET /api/v1/contract/{path}"), query.into());
        assert_eq!(sent(&linear(), &op).unwrap(), expected);
    }
    for (margin_mode, position_side, missing) in [
        (None, Some(PositionSide::Long), "margin_mode"),
        (Some(MarginMode::Cross), None, "position_side"),
    ] {
        let op = Operation::SetLeverage { symbol: btc, leverage: 5, margin_mode, position_side };
        assert_eq!(sent(&linear(), &op), Err(EncodeError::Missing(missing)));
    }
}

#[test]
fn what_a_market_lacks_is_known_beforehand_and_refused() {
    let btc = symbol("BTCUSDT");
    let order = OrderRef::Client(ClientOrderId::portable("a").unwrap());
    let class = OrderClass::Conditional;
    let amendment = hoox_connector::Amendment {
        symbol: btc,
        order,
        side: Side::Buy,
        quantity: None,
        price: Some(dec("1")),
    };
    let both = [
        Operation::Amend(&amendment),
        Operation::SetMarginMode { symbol: btc, mode: MarginMode::Cross },
        Operation::Order { symbol: btc, order, class },
        Operation::OpenOrders { symbol: Some(btc), class, page: None },
    ];
    let spot_only = [
        Operation::Positions { symbol: None, page: None },
        Operation::SetLeverage { symbol: btc, leverage: 1, margin_mode: None, position_side: None },
        Operation::SetPositionMode { symbol: None, mode: PositionMode::Hedge },
        Operation::FundingRate { symbol: btc },
        Operation::Cancel { symbol: btc, order, class },
        Operation::CancelAll { symbol: Some(btc), class },
    ];
    for op in both.iter().chain(&spot_only) {
        assert!(!spot().capabilities().supports(op.kind()), "{op:?}");
        assert!(is_unsupported(sent(&spot(), op)), "{op:?}");
    }
    for op in &both {
        assert!(!linear().capabilities().supports(op.kind()), "{op:?}");
        assert!(is_unsupported(sent(&linear(), op)), "{op:?}");
    }
    for op in [Operation::CreateListenKey, Operation::CloseListenKey { key: "k" }] {
        assert!(is_unsupported(sent(&linear(), &op)), "{op:?}");
    }
    assert!(!linear().capabilities().place_reports_status);
}

/// The parameters, and whether the signature is the one of the payload.
fn signed_set(request: hoox_connector::Request<'_>) -> std::collections::BTreeSet<String> {
    let bytes = hoox_signer::HmacKey::new(b"secret").sign(&[request.signed_payload().as_bytes()]);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(request.signature(), hex);
    let whole = format!("{}&signature={hex}", request.signed_payload());
    assert_eq!(request.query(), whole);
    request.signed_payload().split('&').map(str::to_owned).collect()
}

#[test]
fn a_template_sends_what_encode_sends() {
    let id = ClientOrderId::portable("a-1").unwrap();
    let btc = symbol("BTCUSDT");
    for kind in [
        limit(Side::Buy),
        limit(Side::Sell).time_in_force(TimeInForce::PostOnly),
        limit(Side::Sell).time_in_force(TimeInForce::FillOrKill),
        NewOrder::market(btc, Side::Sell, dec("42")),
        NewOrder::market_quote(btc, Side::Buy, dec("42")),
    ] {
        for order in [kind, kind.client_order_id(id)] {
            let (mut one, mut other) = (RequestBuf::new(), RequestBuf::new());
            let prepared = PreparedOrder::as_written(&order).unwrap();
            let whole = spot();
            let encoded = whole.encode(&Operation::Place(&prepared), NOW, &mut one).unwrap();
            let template = whole.template(&order).unwrap();
            let (price, id) = (order.kind.price(), order.client_order_id);
            let filled =
                template.encode(&whole, dec("42"), price, id.as_ref(), NOW, &mut other).unwrap();
            assert_eq!(signed_set(encoded), signed_set(filled));
            assert_eq!((encoded.method(), encoded.path()), (filled.method(), filled.path()));
            assert!(encoded.headers().eq(filled.headers()));
        }
    }
}

#[test]
fn a_template_refuses_what_encode_refuses() {
    let (mexc, mut buf) = (spot(), RequestBuf::new());
    assert!(is_unsupported(linear().template(&limit(Side::Buy))));
    assert!(is_unsupported(mexc.template(&limit(Side::Buy).reduce_only())));
    let none = NewOrder::limit(symbol("BTCUSDT"), Side::Buy, Decimal::ZERO, Decimal::ONE);
    assert!(mexc.template(&none).is_err());
    let template = mexc.template(&limit(Side::Buy)).unwrap();
    let (one, bad) = (Decimal::ONE, ClientOrderId::new("a/b").unwrap());
    for (quantity, price, id) in [
        (one, None, None),
        (Decimal::ZERO, Some(one), None),
        (one, Some(-one), None),
        (one, Some(one), Some(&bad)),
    ] {
        assert!(template.encode(&mexc, quantity, price, id, NOW, &mut buf).is_err());
    }
    assert!(template.encode(&linear(), one, Some(one), None, NOW, &mut buf).is_err());
    let market = mexc.template(&NewOrder::market(symbol("BTCUSDT"), Side::Sell, one)).unwrap();
    assert!(market.encode(&mexc, one, Some(one), None, NOW, &mut buf).is_err());
    assert!(market.encode(&mexc, one, None, None, NOW, &mut buf).is_ok());
}

#[test]
fn costs_are_the_published_ones() {
    let order = PreparedOrder::as_written(&limit(Side::Buy)).unwrap();
    let cost = |mexc: &Mexc, op: &Operation<'_>| {
        let cost = mexc.cost(op);
        (cost.weight, cost.orders)
    };
    assert_eq!(cost(&spot(), &Operation::Place(&order)), (1, 1));
    assert_eq!(cost(&spot(), &Operation::PlaceBatch(&[order; 3])), (1, 3));
    assert_eq!(cost(&spot(), &Operation::Balances), (10, 0));
    assert_eq!(cost(&linear(), &Operation::Place(&order)), (1, 1));
    assert_eq!(cost(&linear(), &Operation::Instruments { symbol: None, page: None }), (50, 0));
}

#[test]
fn ids_that_could_change_a_request_are_refused() {
    let btc = symbol("BTCUSDT");
    let class = OrderClass::Plain;
    for id in ["a/b", "a:b", "a.b", &"x".repeat(33)] {
        let client = ClientOrderId::new(id).unwrap();
        for mexc in [spot(), linear()] {
            let order = limit(Side::Buy).client_order_id(client);
            assert!(
                matches!(
                    placed(&mexc, &order),
                    Err(EncodeError::Invalid { field: "client_order_id", .. })
                ),
                "{id}"
            );
        }
        let order = OrderRef::Client(client);
        assert!(sent(&linear(), &Operation::Order { symbol: btc, order, class }).is_err());
        assert!(sent(&linear(), &Operation::Cancel { symbol: btc, order, class }).is_err());
    }
    // A futures id goes into the path.
    let order = OrderRef::Id(OrderId::new("..").unwrap());
    assert!(sent(&linear(), &Operation::Order { symbol: btc, order, class }).is_err());
    assert!(sent(&linear(), &Operation::Cancel { symbol: btc, order, class }).is_err());
    let order = Some(OrderId::new("..").unwrap());
    let fills = Operation::Fills { symbol: btc, order, since: None, limit: None, page: None };
    assert!(sent(&linear(), &fills).is_err());
    // A signed query has no encoding that all sources agree on.
    let history = Operation::OrderHistory {
        symbol: symbol("&a=b_USDT"),
        order: None,
        since: None,
        limit: None,
        page: None,
    };
    assert!(sent(&linear(), &history).is_err());
}

#[test]
fn debug_shows_no_secret() {
    let mexc = Mexc::linear(Credentials::hmac("the-api-key", "the-secret"));
    let mut buf = RequestBuf::new();
    let shown = format!("{:?} {mexc:?}", mexc.encode(&Operation::Balances, NOW, &mut buf).unwrap());
    assert!(!shown.contains("the-api-key") && !shown.contains("the-secret"), "{shown}");
    assert_eq!(OperationKind::Balances.as_str(), "balances");
}

proptest! {
    #[test]
    fn no_symbol_adds_a_parameter_or_a_field(text in r#"[ -~]{1,20}"#) {
        prop_assume!(Symbol::new(&text).is_ok());
        let symbol = symbol(&text);
        let order = NewOrder { symbol, ..limit(Side::Buy) };
        let (_, query) = placed(&spot(), &order).unwrap();
        let names: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
        prop_assert_eq!(names, ["symbol", "side", "type", "quantity", "price"]);

        let order = NewOrder { symbol: Symbol::new(&format!("{text}_USDT")).unwrap(), ..order };
        let (_, body) = placed(&linear(), &order).unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(body.as_object().unwrap().len(), 6);
        prop_assert_eq!(body["symbol"].as_str().unwrap(), format!("{text}_USDT"));

        let list = Operation::OpenOrders { symbol: Some(order.symbol), class: OrderClass::Plain, page: None };
        let (line, _) = sent(&linear(), &list).unwrap();
        prop_assert_eq!(line.matches('/').count(), 7);
        prop_assert!(!line.contains(['?', '#', '&']));

        let batch = [PreparedOrder::as_written(&NewOrder { symbol, ..order }).unwrap()];
        if let Ok((_, query)) = sent(&spot(), &Operation::PlaceBatch(&batch)) {
            prop_assert!(query.starts_with("batchOrders=") && !query.contains(['&', '"']));
        }
    }
}
