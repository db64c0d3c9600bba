//! The request of every operation and every kind of order, on both markets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use hoox_binance::Binance;
use hoox_connector::{
    Amendment, Attached, ClientOrderId, EncodeError, ExchangeProvider, MarginMode, NewOrder,
    Operation, OperationKind, OrderClass, OrderId, OrderKind, OrderRef, PositionMode, PositionSide,
    PreparedOrder, RequestBuf, Side, Symbol, TextError, TimeInForce, Timestamp, Trigger,
    TriggerKind, Venue,
};
use support::{dec, linear, spot, symbol};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const SIGNED: &str = "recvWindow=3000&timestamp=1700000000000";

fn sorted(params: &str) -> BTreeSet<&str> {
    let set: BTreeSet<_> = params.split('&').filter(|pair| !pair.is_empty()).collect();
    assert_eq!(set.len(), params.split('&').filter(|pair| !pair.is_empty()).count(), "{params}");
    set
}

/// Checks a signed request: `GET /path` or `DELETE /path` with the parameters in the query, `POST` or
/// `PUT` with a form.
#[track_caller]
fn signed(binance: &Binance, op: Operation<'_>, line: &str, params: &str) {
    assert!(binance.capabilities().supports(op.kind()), "{:?}", op.kind());
    let mut buf = RequestBuf::new();
    let request = binance.encode(&op, NOW, &mut buf).unwrap();
    assert_eq!(format!("{} {}", request.method(), request.path()), line);
    let (sent, other) = match request.body() {
        "" => (request.query(), request.body()),
        body => (body, request.query()),
    };
    let form = line.starts_with("POST") || line.starts_with("PUT");
    assert_eq!(!request.body().is_empty(), form);
    assert_eq!(other, "");
    let (payload, signature) = sent.split_once("&signature=").unwrap();
    let expected = format!("{params}&{SIGNED}");
    assert_eq!(sorted(payload), sorted(&expected));
    assert_eq!((request.signed_payload(), request.signature()), (payload, signature));
    let key = hoox_signer::HmacKey::new(b"the-secret");
    assert_eq!(signature.len(), 64);
    let bytes: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap())
        .collect();
    assert!(key.verify(&[payload.as_bytes()], &bytes));
    let headers: Vec<_> = request.headers().collect();
    assert!(headers.contains(&("X-MBX-APIKEY", "the-api-key")));
    let content = ("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(headers.contains(&content), form);
}

/// Checks an unsigned request without a key.
#[track_caller]
fn public(binance: &Binance, op: Operation<'_>, path: &str, query: &str) {
    let mut buf = RequestBuf::new();
    let request = binance.encode(&op, NOW, &mut buf).unwrap();
    assert_eq!((request.method().as_str(), request.path()), ("GET", path));
    assert_eq!((request.query(), request.body(), request.signature()), (query, "", ""));
    assert_eq!(request.headers().count(), 0);
}

#[track_caller]
fn refused(binance: &Binance, op: Operation<'_>) -> EncodeError {
    binance.encode(&op, NOW, &mut RequestBuf::new()).unwrap_err()
}

#[track_caller]
fn unsupported(binance: &Binance, op: Operation<'_>) {
    let error = refused(binance, op);
    assert!(matches!(error, EncodeError::NotSupported { venue: Venue::Binance, .. }), "{error:?}");
}

fn btc() -> Symbol {
    symbol("BTCUSDT")
}

fn written(order: NewOrder) -> PreparedOrder {
    let id = ClientOrderId::portable("t-1").unwrap();
    PreparedOrder::as_written(&order.client_order_id(id)).unwrap()
}

fn market(side: Side) -> NewOrder {
    NewOrder::market(btc(), side, dec("0.034"))
}

fn limit(time_in_force: TimeInForce) -> NewOrder {
    NewOrder::limit(btc(), Side::Buy, dec("0.034"), dec("43210.9")).time_in_force(time_in_force)
}

fn trigger_market(kind: TriggerKind) -> NewOrder {
    let trigger = Trigger { kind, price: dec("39000") };
    let kind = OrderKind::TriggerMarket { quantity: dec("0.034"), trigger };
    NewOrder::new(btc(), Side::Sell, kind)
}

fn trigger_limit(kind: TriggerKind, time_in_force: TimeInForce) -> NewOrder {
    let trigger = Trigger { kind, price: dec("39000") };
    let (quantity, price) = (dec("0.034"), dec("38990.5"));
    let kind = OrderKind::TriggerLimit { quantity, trigger, price, time_in_force };
    NewOrder::new(btc(), Side::Sell, kind)
}

fn trailing(rate: &str, activate_price: Option<&str>) -> NewOrder {
    let kind = OrderKind::TrailingStop {
        quantity: dec("0.034"),
        callback_rate: dec(rate),
        activate_price: activate_price.map(dec),
    };
    NewOrder::new(btc(), Side::Sell, kind)
}

#[track_caller]
fn places(binance: &Binance, order: NewOrder, path: &str, params: &str) {
    let side = if order.side == Side::Buy { "BUY" } else { "SELL" };
    let params = format!("symbol=BTCUSDT&side={side}&{params}");
    let line = format!("POST {path}");
    signed(binance, Operation::Place(&written(order)), &line, &params);
}

#[test]
fn every_kind_of_order_on_spot() {
    use TimeInForce::{FillOrKill, GoodTillCancel, ImmediateOrCancel, PostOnly};
    let check = |order, params: &str| {
        let params = format!("{params}&newClientOrderId=t-1");
        places(&spot(), order, "/api/v3/order", &params);
    };
    check(market(Side::Buy), "type=MARKET&quantity=0.034&newOrderRespType=FULL");
    check(market(Side::Sell), "type=MARKET&quantity=0.034&newOrderRespType=FULL");
    check(
        NewOrder::market_quote(btc(), Side::Buy, dec("101.2")),
        "type=MARKET&quoteOrderQty=101.2&newOrderRespType=FULL",
    );
    for (time_in_force, kind) in [
        (GoodTillCancel, "type=LIMIT&timeInForce=GTC"),
        (ImmediateOrCancel, "type=LIMIT&timeInForce=IOC"),
        (FillOrKill, "type=LIMIT&timeInForce=FOK"),
        (PostOnly, "type=LIMIT_MAKER"),
    ] {
        let params = format!("{kind}&quantity=0.034&price=43210.9&newOrderRespType=FULL");
        check(limit(time_in_force), &params);
    }
    for (kind, name) in [(TriggerKind::Stop, "STOP_LOSS"), (TriggerKind::TakeProfit, "TAKE_PROFIT")]
    {
        check(
            trigger_market(kind),
            &format!("type={name}&quantity=0.034&stopPrice=39000&newOrderRespType=RESULT"),
        );
        for (time_in_force, tif) in
            [(GoodTillCancel, "GTC"), (ImmediateOrCancel, "IOC"), (FillOrKill, "FOK")]
        {
            let params = format!(
                "type={name}_LIMIT&timeInForce={tif}&quantity=0.034&price=38990.5\
                 &stopPrice=39000&newOrderRespType=RESULT"
            );
            check(trigger_limit(kind, time_in_force), &params);
        }
    }
    // Percent to basis points.
    let params = "type=STOP_LOSS&quantity=0.034&trailingDelta=35&newOrderRespType=RESULT";
    check(trailing("0.35", None), params);
    // What waits for a better price first is a take-profit.
    let params = params.replace("STOP_LOSS", "TAKE_PROFIT");
    check(trailing("0.350", Some("51000")), &format!("{params}&stopPrice=51000"));
}

#[test]
fn what_spot_does_not_have_is_refused_before_anything_is_sent() {
    let place = |order| unsupported(&spot(), Operation::Place(&written(order)));
    place(market(Side::Sell).reduce_only());
    place(market(Side::Sell).position_side(hoox_connector::PositionSide::Long));
    place(trigger_limit(TriggerKind::Stop, TimeInForce::PostOnly));
    let mut order = market(Side::Buy);
    order.attached = Attached { take_profit: Some(dec("50000")), stop_loss: None };
    place(order);
    order.attached = Attached { take_profit: None, stop_loss: Some(dec("40000")) };
    place(order);

    let error = refused(&spot(), Operation::Place(&written(trailing("0.355", None))));
    assert!(matches!(error, EncodeError::Invalid { field: "callback_rate", .. }), "{error:?}");

    let (symbol, side) = (btc(), Side::Buy);
    let order = OrderRef::Id(OrderId::from(7));
    let amendment = Amendment { symbol, order, side, quantity: Some(dec("1")), price: None };
    for op in [
        Operation::Amend(&amendment),
        Operation::Positions { symbol: None, page: None },
        Operation::SetLeverage { symbol, leverage: 5, margin_mode: None, position_side: None },
        Operation::SetMarginMode { symbol, mode: MarginMode::Cross },
        Operation::SetPositionMode { symbol: None, mode: PositionMode::Hedge },
        Operation::FundingRate { symbol },
        Operation::PlaceBatch(&[]),
        Operation::CreateListenKey,
    ] {
        assert!(!spot().capabilities().supports(op.kind()), "{op:?}");
        unsupported(&spot(), op);
    }
}

#[test]
fn every_kind_of_order_on_linear() {
    use TimeInForce::{FillOrKill, GoodTillCancel, ImmediateOrCancel, PostOnly};
    let check = |order, params: &str| {
        let params = format!("{params}&newClientOrderId=t-1&newOrderRespType=RESULT");
        places(&linear(), order, "/fapi/v1/order", &params);
    };
    check(market(Side::Buy), "type=MARKET&quantity=0.034");
    check(market(Side::Sell).reduce_only(), "type=MARKET&quantity=0.034&reduceOnly=true");
    for (time_in_force, tif) in [
        (GoodTillCancel, "GTC"),
        (ImmediateOrCancel, "IOC"),
        (FillOrKill, "FOK"),
        (PostOnly, "GTX"),
    ] {
        let params = format!("type=LIMIT&timeInForce={tif}&quantity=0.034&price=43210.9");
        check(limit(time_in_force), &params);
    }

    let check = |order, params: &str| {
        let params = format!("{params}&clientAlgoId=t-1&algoType=CONDITIONAL");
        places(&linear(), order, "/fapi/v1/algoOrder", &params);
    };
    for (kind, name) in [(TriggerKind::Stop, "STOP"), (TriggerKind::TakeProfit, "TAKE_PROFIT")] {
        check(
            trigger_market(kind),
            &format!("type={name}_MARKET&quantity=0.034&triggerPrice=39000"),
        );
        check(
            trigger_market(kind).reduce_only(),
            &format!("type={name}_MARKET&quantity=0.034&triggerPrice=39000&reduceOnly=true"),
        );
        for (time_in_force, tif) in [
            (GoodTillCancel, "GTC"),
            (ImmediateOrCancel, "IOC"),
            (FillOrKill, "FOK"),
            (PostOnly, "GTX"),
        ] {
            let params = format!(
                "type={name}&timeInForce={tif}&quantity=0.034&price=38990.5&triggerPrice=39000"
            );
            check(trigger_limit(kind, time_in_force), &params);
        }
    }
    let params = "type=TRAILING_STOP_MARKET&quantity=0.034&callbackRate=0.355";
    check(trailing("0.355", None), params);
    check(trailing("0.355", Some("51000")), &format!("{params}&activatePrice=51000"));
}

#[test]
fn hedge_mode_names_the_position_and_never_says_reduce_only() {
    let check = |order, params: &str| {
        let params =
            format!("{params}&quantity=0.034&newClientOrderId=t-1&newOrderRespType=RESULT");
        places(&linear(), order, "/fapi/v1/order", &params);
    };
    for (side, position, params) in [
        (Side::Buy, PositionSide::Long, "type=MARKET&positionSide=LONG"),
        (Side::Sell, PositionSide::Long, "type=MARKET&positionSide=LONG"),
        (Side::Sell, PositionSide::Short, "type=MARKET&positionSide=SHORT"),
    ] {
        check(market(side).position_side(position), params);
        check(market(side).position_side(position).reduce_only(), params);
    }
    // Without a named position it is the one the side opens, or, reduce-only, closes.
    let hedged = |mut order: NewOrder| {
        order.position_mode = Some(PositionMode::Hedge);
        order
    };
    check(hedged(market(Side::Buy)), "type=MARKET&positionSide=LONG");
    check(hedged(market(Side::Sell)), "type=MARKET&positionSide=SHORT");
    check(hedged(market(Side::Sell).reduce_only()), "type=MARKET&positionSide=LONG");
    check(hedged(market(Side::Buy).reduce_only()), "type=MARKET&positionSide=SHORT");
    let mut one_way = market(Side::Sell).reduce_only();
    one_way.position_mode = Some(PositionMode::OneWay);
    check(one_way, "type=MARKET&reduceOnly=true");

    let stop = trigger_market(TriggerKind::Stop).position_side(PositionSide::Long).reduce_only();
    places(
        &linear(),
        stop,
        "/fapi/v1/algoOrder",
        "type=STOP_MARKET&quantity=0.034&triggerPrice=39000&positionSide=LONG&clientAlgoId=t-1\
         &algoType=CONDITIONAL",
    );
}

#[test]
fn what_linear_does_not_have_is_refused_before_anything_is_sent() {
    let place = |order| unsupported(&linear(), Operation::Place(&written(order)));
    place(NewOrder::market_quote(btc(), Side::Buy, dec("100")));
    for mut order in [market(Side::Buy), trigger_market(TriggerKind::Stop)] {
        order.attached = Attached { take_profit: Some(dec("50000")), stop_loss: None };
        place(order);
    }
}

#[test]
fn amending_needs_both_values() {
    let (symbol, side, quantity, price) =
        (btc(), Side::Sell, Some(dec("0.5")), Some(dec("43000.1")));
    let order = OrderRef::Id(OrderId::from(28_457_290_411));
    let amendment = Amendment { symbol, order, side, quantity, price };
    signed(
        &linear(),
        Operation::Amend(&amendment),
        "PUT /fapi/v1/order",
        "symbol=BTCUSDT&orderId=28457290411&side=SELL&quantity=0.5&price=43000.1",
    );
    let order = OrderRef::Client(ClientOrderId::portable("t-1").unwrap());
    signed(
        &linear(),
        Operation::Amend(&Amendment { order, side: Side::Buy, ..amendment }),
        "PUT /fapi/v1/order",
        "symbol=BTCUSDT&origClientOrderId=t-1&side=BUY&quantity=0.5&price=43000.1",
    );
    for (amendment, missing) in [
        (Amendment { quantity: None, ..amendment }, "quantity"),
        (Amendment { price: None, ..amendment }, "price"),
    ] {
        let error = refused(&linear(), Operation::Amend(&amendment));
        assert_eq!(error, EncodeError::Missing(missing));
    }
}

#[test]
fn orders_are_asked_for_and_cancelled_by_either_id() {
    let ids = [
        (OrderRef::Id(OrderId::from(7)), "symbol=BTCUSDT&orderId=7", "algoId=7"),
        (
            OrderRef::Client(ClientOrderId::portable("t-1").unwrap()),
            "symbol=BTCUSDT&origClientOrderId=t-1",
            "clientAlgoId=t-1",
        ),
    ];
    for (order, plain, algo) in ids {
        for class in [OrderClass::Plain, OrderClass::Conditional] {
            let symbol = btc();
            let (path, params) = match class {
                OrderClass::Plain => ("/fapi/v1/order", plain),
                OrderClass::Conditional => ("/fapi/v1/algoOrder", algo),
            };
            for (method, op) in [
                ("GET", Operation::Order { symbol, order, class }),
                ("DELETE", Operation::Cancel { symbol, order, class }),
            ] {
                signed(&spot(), op, &format!("{method} /api/v3/order"), plain);
                signed(&linear(), op, &format!("{method} {path}"), params);
            }
        }
    }
}

#[test]
fn lists_of_orders_and_fills() {
    use OrderClass::{Conditional, Plain};
    let symbol = Some(btc());
    for class in [Plain, Conditional] {
        let op = Operation::OpenOrders { symbol, class, page: None };
        signed(&spot(), op, "GET /api/v3/openOrders", "symbol=BTCUSDT");
        let op = Operation::CancelAll { symbol, class };
        signed(&spot(), op, "DELETE /api/v3/openOrders", "symbol=BTCUSDT");
        for binance in [spot(), linear()] {
            let error = refused(&binance, Operation::CancelAll { symbol: None, class });
            assert_eq!(error, EncodeError::Missing("symbol"));
        }
    }
    signed(
        &spot(),
        Operation::OpenOrders { symbol: None, class: Plain, page: None },
        "GET /api/v3/openOrders",
        "",
    );
    for (class, open, all) in [
        (Plain, "GET /fapi/v1/openOrders", "DELETE /fapi/v1/allOpenOrders"),
        (Conditional, "GET /fapi/v1/openAlgoOrders", "DELETE /fapi/v1/algoOpenOrders"),
    ] {
        signed(
            &linear(),
            Operation::OpenOrders { symbol, class, page: None },
            open,
            "symbol=BTCUSDT",
        );
        signed(&linear(), Operation::OpenOrders { symbol: None, class, page: None }, open, "");
        signed(&linear(), Operation::CancelAll { symbol, class }, all, "symbol=BTCUSDT");
    }

    let (symbol, since) = (btc(), Some(Timestamp::from_millis(1_699_999_000_000)));
    let history =
        Operation::OrderHistory { symbol, order: None, since, limit: Some(50), page: None };
    let params = "symbol=BTCUSDT&startTime=1699999000000&limit=50";
    signed(&spot(), history, "GET /api/v3/allOrders", params);
    signed(&linear(), history, "GET /fapi/v1/allOrders", params);
    let history =
        Operation::OrderHistory { symbol, order: None, since: None, limit: None, page: None };
    signed(&linear(), history, "GET /fapi/v1/allOrders", "symbol=BTCUSDT");

    let order = Some(OrderId::from(7));
    let fills = Operation::Fills { symbol, order, since, limit: Some(1000), page: None };
    let params = "symbol=BTCUSDT&orderId=7&startTime=1699999000000&limit=1000";
    signed(&spot(), fills, "GET /api/v3/myTrades", params);
    signed(&linear(), fills, "GET /fapi/v1/userTrades", params);
    let fills = Operation::Fills { symbol, order: None, since: None, limit: None, page: None };
    signed(&spot(), fills, "GET /api/v3/myTrades", "symbol=BTCUSDT");

    // A page begins at a number, not at a time, which futures refuse together.
    let page = Some("9007199254740994");
    let history = Operation::OrderHistory { symbol, order: None, since, limit: Some(9_999), page };
    let params = "symbol=BTCUSDT&orderId=9007199254740994&limit=1000";
    signed(&spot(), history, "GET /api/v3/allOrders", params);
    signed(&linear(), history, "GET /fapi/v1/allOrders", params);
    let fills = Operation::Fills { symbol, order, since: None, limit: None, page };
    let params = "symbol=BTCUSDT&orderId=7&fromId=9007199254740994";
    signed(&spot(), fills, "GET /api/v3/myTrades", params);
}

#[test]
fn pages_that_do_not_exist_are_refused() {
    let symbol = btc();
    let (since, limit) = (None, None);
    for op in [
        Operation::OrderHistory { symbol, order: None, since, limit, page: Some("1&side=BUY") },
        Operation::Fills { symbol, order: None, since, limit, page: Some("") },
        Operation::OpenOrders { symbol: Some(symbol), class: OrderClass::Plain, page: Some("1") },
        Operation::Positions { symbol: None, page: Some("1") },
        Operation::Instruments { symbol: None, page: Some("1") },
    ] {
        let answer = linear().encode(&op, Timestamp::default(), &mut RequestBuf::new()).map(|_| ());
        let refused = matches!(answer, Err(EncodeError::Invalid { field: "page", .. }));
        assert!(refused, "{op:?}: {answer:?}");
    }
}

#[test]
fn the_account_and_its_settings() {
    let symbol = btc();
    signed(&spot(), Operation::Balances, "GET /api/v3/account", "");
    signed(&linear(), Operation::Balances, "GET /fapi/v3/account", "");
    let op = Operation::Positions { symbol: None, page: None };
    signed(&linear(), op, "GET /fapi/v3/positionRisk", "");
    let op =
        Operation::SetLeverage { symbol, leverage: 21, margin_mode: None, position_side: None };
    signed(&linear(), op, "POST /fapi/v1/leverage", "symbol=BTCUSDT&leverage=21");
    for (mode, name) in [(MarginMode::Isolated, "ISOLATED"), (MarginMode::Cross, "CROSSED")] {
        let params = format!("symbol=BTCUSDT&marginType={name}");
        let op = Operation::SetMarginMode { symbol, mode };
        signed(&linear(), op, "POST /fapi/v1/marginType", &params);
    }
    for (mode, dual) in [(PositionMode::Hedge, true), (PositionMode::OneWay, false)] {
        let params = format!("dualSidePosition={dual}");
        let op = Operation::SetPositionMode { symbol: Some(symbol), mode };
        signed(&linear(), op, "POST /fapi/v1/positionSide/dual", &params);
    }
}

#[test]
fn public_reads_carry_neither_key_nor_signature() {
    let symbol = btc();
    let one = "symbol=BTCUSDT";
    let depth = |levels| Operation::Depth { symbol, levels };
    public(&spot(), depth(0), "/api/v3/depth", "symbol=BTCUSDT&limit=1");
    public(&spot(), depth(9_999), "/api/v3/depth", "symbol=BTCUSDT&limit=5000");
    public(&linear(), depth(1), "/fapi/v1/depth", "symbol=BTCUSDT&limit=5");
    public(&linear(), depth(51), "/fapi/v1/depth", "symbol=BTCUSDT&limit=100");
    public(&linear(), depth(9_999), "/fapi/v1/depth", "symbol=BTCUSDT&limit=1000");
    public(&spot(), Operation::ServerTime, "/api/v3/time", "");
    public(&linear(), Operation::ServerTime, "/fapi/v1/time", "");
    public(
        &spot(),
        Operation::Instruments { symbol: None, page: None },
        "/api/v3/exchangeInfo",
        "",
    );
    let op = Operation::Instruments { symbol: Some(symbol), page: None };
    public(&spot(), op, "/api/v3/exchangeInfo", one);
    // The futures list cannot be narrowed.
    public(&linear(), op, "/fapi/v1/exchangeInfo", "");
    public(&spot(), Operation::Ticker { symbol }, "/api/v3/ticker/price", one);
    public(&linear(), Operation::Ticker { symbol }, "/fapi/v1/premiumIndex", one);
    public(&spot(), Operation::BookTop { symbol }, "/api/v3/ticker/bookTicker", one);
    public(&linear(), Operation::BookTop { symbol }, "/fapi/v1/ticker/bookTicker", one);
    public(&linear(), Operation::FundingRate { symbol }, "/fapi/v1/premiumIndex", one);
}

#[test]
fn a_listen_key_takes_the_key_alone() {
    for (op, method) in [
        (Operation::CreateListenKey, "POST"),
        (Operation::ExtendListenKey { key: "k" }, "PUT"),
        (Operation::CloseListenKey { key: "k" }, "DELETE"),
    ] {
        let mut buf = RequestBuf::new();
        let binance = linear();
        let request = binance.encode(&op, NOW, &mut buf).unwrap();
        let line = (request.method().as_str(), request.path(), request.query(), request.body());
        assert_eq!(line, (method, "/fapi/v1/listenKey", "", ""));
        assert_eq!(request.headers().collect::<Vec<_>>(), [("X-MBX-APIKEY", "the-api-key")]);
    }
}

#[test]
fn every_supported_operation_is_encoded_by_some_test_here() {
    // A kind that is added to the capabilities wants a case above, and a line here.
    let both = [
        OperationKind::Place,
        OperationKind::PlaceConditional,
        OperationKind::Cancel,
        OperationKind::CancelConditional,
        OperationKind::CancelAll,
        OperationKind::CancelAllConditional,
        OperationKind::OrderById,
        OperationKind::OrderByClientId,
        OperationKind::ConditionalOrder,
        OperationKind::OpenOrders,
        OperationKind::OpenConditionalOrders,
        OperationKind::OrderHistory,
        OperationKind::Fills,
        OperationKind::Balances,
        OperationKind::Instruments,
        OperationKind::Ticker,
        OperationKind::BookTop,
        OperationKind::Depth,
        OperationKind::ServerTime,
    ];
    let linear_only = [
        OperationKind::PlaceBatch,
        OperationKind::Amend,
        OperationKind::Positions,
        OperationKind::SetLeverage,
        OperationKind::SetMarginMode,
        OperationKind::SetPositionMode,
        OperationKind::FundingRate,
        OperationKind::CreateListenKey,
        OperationKind::ExtendListenKey,
        OperationKind::CloseListenKey,
    ];
    for kind in OperationKind::ALL {
        let (spot_has, linear_has) =
            (spot().capabilities().supports(*kind), linear().capabilities().supports(*kind));
        assert_eq!(spot_has, both.contains(kind), "{kind:?}");
        assert_eq!(linear_has, both.contains(kind) || linear_only.contains(kind), "{kind:?}");
    }
}

#[test]
fn no_symbol_or_id_can_add_a_parameter() {
    for (hostile, encoded) in [
        ("BTC&side=SELL", "BTC%26side%3DSELL"),
        ("BTC#x", "BTC%23x"),
        ("BTC?a=b", "BTC%3Fa%3Db"),
        ("BTC%26x", "BTC%2526x"),
        ("BTC+x;y", "BTC%2Bx%3By"),
        ("１２３", "%EF%BC%91%EF%BC%92%EF%BC%93"),
        ("BTC\"\\/", "BTC%22%5C%2F"),
    ] {
        let symbol = symbol(hostile);
        let order = written(NewOrder::market(symbol, Side::Buy, dec("1")));
        let id = OrderRef::Id(OrderId::from(7));
        let class = OrderClass::Plain;
        for binance in [spot(), linear()] {
            let mut buf = RequestBuf::new();
            for (op, params) in [
                (Operation::Place(&order), 8),
                (Operation::Cancel { symbol, order: id, class }, 4),
                (Operation::BookTop { symbol }, 1),
            ] {
                let request = binance.encode(&op, NOW, &mut buf).unwrap();
                let sent = [request.query(), request.body()].concat();
                let signed = sent.split("&signature=").next().unwrap();
                assert_eq!(signed.split('&').count(), params, "{sent}");
                assert!(signed.starts_with(&format!("symbol={encoded}")), "{sent}");
            }
        }
    }
    for hostile in ["a&b", "a=b", "a b", "a%b", "a\nb", "é", "a\"b"] {
        assert!(matches!(ClientOrderId::new(hostile), Err(TextError::Character(_))), "{hostile}");
        assert!(matches!(OrderId::new(hostile), Err(TextError::Character(_))), "{hostile}");
    }
    for line in ["BTC\r\nX-Evil: 1", "BTC USDT", "BTC\0"] {
        assert!(Symbol::new(line).is_err());
    }
}

#[test]
fn a_client_order_id_is_one_that_binance_takes() {
    let place = |text: &str| {
        let id = ClientOrderId::new(text).unwrap();
        let order = PreparedOrder::as_written(&market(Side::Buy).client_order_id(id)).unwrap();
        let mut buf = RequestBuf::new();
        let binance = linear();
        let result = binance.encode(&Operation::Place(&order), NOW, &mut buf);
        result.map(|request| request.body().to_owned())
    };
    assert!(place(&"a".repeat(36)).is_ok());
    assert!(place("a.B:c/d_e-1").unwrap().contains("&newClientOrderId=a.B%3Ac%2Fd_e-1&"));
    for text in [&"a".repeat(37), "a~b", "a@b", "a#b"] {
        let error = place(text).unwrap_err();
        assert!(
            matches!(error, EncodeError::Invalid { field: "client_order_id", .. }),
            "{text} {error:?}"
        );
    }
}

#[test]
fn the_receive_window_is_in_every_signed_request_and_at_most_a_minute() {
    for (asked, sent) in [(500, 500), (5_000, 5_000), (60_000, 60_000), (90_000, 60_000)] {
        let binance = spot().with_recv_window(Duration::from_millis(asked));
        assert_eq!(binance.recv_window(), Duration::from_millis(sent));
        let mut buf = RequestBuf::new();
        let request = binance.encode(&Operation::Balances, NOW, &mut buf).unwrap();
        assert!(request.query().starts_with(&format!("recvWindow={sent}&timestamp=")));
    }
}

#[test]
fn debug_shows_neither_key_nor_secret() {
    let binance = linear();
    let mut buf = RequestBuf::new();
    let order = written(market(Side::Buy));
    let request = binance.encode(&Operation::Place(&order), NOW, &mut buf).unwrap();
    let shown = format!("{binance:?} {request:?}");
    for secret in ["the-api-key", "the-secret", request.signature(), "quantity"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
