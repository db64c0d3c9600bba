//! Every operation and every kind of order, and what the venue does not have.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use hoox_bybit::Bybit;
use hoox_connector::*;
use proptest::prelude::*;
use support::{decimal, encoded, id, linear, params, refusal, spot, symbol};

fn btc() -> Symbol {
    symbol("BTCUSDT")
}

fn prepared(order: &NewOrder) -> PreparedOrder {
    PreparedOrder::as_written(order).unwrap()
}

/// The body of `order` without the category.
fn placed(bybit: &Bybit, order: &NewOrder) -> String {
    let order = prepared(order);
    encoded(bybit, &Operation::Place(&order), |request| {
        assert_eq!((request.method(), request.path()), (Method::Post, "/v5/order/create"));
        let body = request.body();
        let rest = body.strip_prefix("{\"category\":\"").unwrap();
        rest.split_once("\",").unwrap().1.strip_suffix('}').unwrap().to_owned()
    })
}

fn query(bybit: &Bybit, op: &Operation<'_>) -> String {
    encoded(bybit, op, |request| {
        assert_eq!((request.method(), request.body()), (Method::Get, ""));
        format!("{}?{}", request.path(), request.query())
    })
}

fn body(bybit: &Bybit, op: &Operation<'_>) -> String {
    encoded(bybit, op, |request| {
        assert_eq!((request.method(), request.query()), (Method::Post, ""));
        format!("{} {}", request.path(), request.body())
    })
}

fn stop(side: Side, kind: TriggerKind, limit: Option<(&str, TimeInForce)>) -> NewOrder {
    let (quantity, trigger) = (decimal("0.5"), Trigger { kind, price: decimal("39000") });
    let kind = match limit {
        None => OrderKind::TriggerMarket { quantity, trigger },
        Some((price, time_in_force)) => {
            OrderKind::TriggerLimit { quantity, trigger, price: decimal(price), time_in_force }
        }
    };
    NewOrder::new(btc(), side, kind)
}

#[test]
fn market_orders_name_their_unit_on_spot() {
    let buy = NewOrder::market(btc(), Side::Buy, decimal("0.5"));
    assert_eq!(
        placed(&spot(), &buy),
        r#""symbol":"BTCUSDT","side":"Buy","orderType":"Market","marketUnit":"baseCoin","qty":"0.5""#,
    );
    assert_eq!(
        placed(&linear(), &buy),
        r#""symbol":"BTCUSDT","side":"Buy","orderType":"Market","qty":"0.5""#,
    );
    // A buy is by quote amount unless told otherwise; a sell is not.
    let by_quote = |side| placed(&spot(), &NewOrder::market_quote(btc(), side, decimal("101.2")));
    assert_eq!(
        by_quote(Side::Buy),
        r#""symbol":"BTCUSDT","side":"Buy","orderType":"Market","qty":"101.2""#,
    );
    assert_eq!(
        by_quote(Side::Sell),
        r#""symbol":"BTCUSDT","side":"Sell","orderType":"Market","marketUnit":"quoteCoin","qty":"101.2""#,
    );
}

#[test]
fn limit_orders_say_how_long_they_stand() {
    let order = NewOrder::limit(btc(), Side::Sell, decimal("0.5"), decimal("43210.9"));
    for (time_in_force, written) in [
        (TimeInForce::GoodTillCancel, ""),
        (TimeInForce::ImmediateOrCancel, r#","timeInForce":"IOC""#),
        (TimeInForce::FillOrKill, r#","timeInForce":"FOK""#),
        (TimeInForce::PostOnly, r#","timeInForce":"PostOnly""#),
    ] {
        let order = order.time_in_force(time_in_force).client_order_id(id("a-1_B"));
        let expected = format!(
            r#""symbol":"BTCUSDT","side":"Sell","orderType":"Limit"{written},"qty":"0.5","price":"43210.9","orderLinkId":"a-1_B""#
        );
        assert_eq!(placed(&spot(), &order), expected);
        assert_eq!(placed(&linear(), &order), expected);
    }
}

#[test]
fn triggers_know_their_direction_on_linear_and_their_filter_on_spot() {
    for (side, kind, direction) in [
        (Side::Sell, TriggerKind::Stop, 2),
        (Side::Buy, TriggerKind::Stop, 1),
        (Side::Sell, TriggerKind::TakeProfit, 1),
        (Side::Buy, TriggerKind::TakeProfit, 2),
    ] {
        let order = placed(&linear(), &stop(side, kind, None));
        let end = format!(r#""qty":"0.5","triggerDirection":{direction},"triggerPrice":"39000""#);
        assert!(order.ends_with(&end), "{order}");
        let order = placed(&spot(), &stop(side, kind, None));
        let end = r#""marketUnit":"baseCoin","qty":"0.5","orderFilter":"StopOrder","triggerPrice":"39000""#;
        assert!(order.ends_with(end), "{order}");
    }
    let limit = stop(Side::Sell, TriggerKind::Stop, Some(("38900", TimeInForce::PostOnly)));
    assert_eq!(
        placed(&linear(), &limit),
        r#""symbol":"BTCUSDT","side":"Sell","orderType":"Limit","timeInForce":"PostOnly","qty":"0.5","price":"38900","triggerDirection":2,"triggerPrice":"39000""#,
    );
}

#[test]
fn positions_have_an_index_in_hedge_mode_only() {
    let market = NewOrder::market(btc(), Side::Sell, decimal("0.5"));
    assert!(placed(&linear(), &market.reduce_only()).ends_with(r#""qty":"0.5","reduceOnly":true"#));
    let long = market.position_side(PositionSide::Long).reduce_only();
    assert!(placed(&linear(), &long).ends_with(r#","positionIdx":1,"reduceOnly":true"#));
    let mut short = market;
    short.position_mode = Some(PositionMode::Hedge);
    assert!(placed(&linear(), &short).ends_with(r#","positionIdx":2"#));
    short.position_mode = Some(PositionMode::OneWay);
    assert!(placed(&linear(), &short).ends_with(r#","qty":"0.5""#));
}

#[test]
fn take_profit_and_stop_loss_ride_along() {
    let mut order = NewOrder::limit(btc(), Side::Buy, decimal("0.5"), decimal("28000"));
    order.attached =
        Attached { take_profit: Some(decimal("35000")), stop_loss: Some(decimal("27000")) };
    for bybit in [spot(), linear()] {
        let order = placed(&bybit, &order);
        assert!(order.ends_with(r#","takeProfit":"35000","stopLoss":"27000""#), "{order}");
    }
    let both = prepared(&order.reduce_only());
    let problem = "not together with reduce-only";
    let invalid = EncodeError::Invalid { field: "attached", problem };
    assert_eq!(refusal(&linear(), &Operation::Place(&both)), invalid);
    let mut market = NewOrder::market(btc(), Side::Buy, decimal("0.5"));
    market.attached = order.attached;
    assert!(placed(&linear(), &market).contains("takeProfit"));
    assert!(matches!(
        refusal(&spot(), &Operation::Place(&prepared(&market))),
        EncodeError::NotSupported { venue: Venue::Bybit, .. }
    ));
}

#[test]
fn a_batch_is_one_request() {
    let one =
        NewOrder::limit(btc(), Side::Buy, decimal("1"), decimal("2")).client_order_id(id("a"));
    let two = NewOrder::market(symbol("ETHUSDT"), Side::Sell, decimal("3"));
    let orders = [prepared(&one), prepared(&two)];
    assert_eq!(
        body(&linear(), &Operation::PlaceBatch(&orders)),
        concat!(
            r#"/v5/order/create-batch {"category":"linear","request":["#,
            r#"{"symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"1","price":"2","orderLinkId":"a"},"#,
            r#"{"symbol":"ETHUSDT","side":"Sell","orderType":"Market","qty":"3"}]}"#,
        ),
    );
    assert_eq!(refusal(&spot(), &Operation::PlaceBatch(&[])), EncodeError::Missing("orders"));
    for (bybit, max) in [(spot(), 10), (linear(), 20)] {
        assert_eq!(bybit.capabilities().batch_max, max);
        let full = vec![prepared(&two); max];
        assert!(body(&bybit, &Operation::PlaceBatch(&full)).contains("request"));
        let over = vec![prepared(&two); max + 1];
        let refused = refusal(&bybit, &Operation::PlaceBatch(&over));
        assert!(matches!(refused, EncodeError::Invalid { field: "orders", .. }), "{refused}");
    }
}

#[test]
fn orders_are_amended_and_cancelled() {
    let order = OrderRef::Client(id("mine"));
    let mut amendment =
        Amendment { symbol: btc(), order, side: Side::Buy, quantity: None, price: None };
    let missing = refusal(&linear(), &Operation::Amend(&amendment));
    assert_eq!(missing, EncodeError::Missing("quantity or price"));
    amendment.price = Some(decimal("43000.5"));
    assert_eq!(
        body(&linear(), &Operation::Amend(&amendment)),
        r#"/v5/order/amend {"category":"linear","symbol":"BTCUSDT","orderLinkId":"mine","price":"43000.5"}"#,
    );
    amendment.quantity = Some(decimal("0.2"));
    amendment.order = OrderRef::Id("c6f0-1".parse().unwrap());
    assert_eq!(
        body(&spot(), &Operation::Amend(&amendment)),
        r#"/v5/order/amend {"category":"spot","symbol":"BTCUSDT","orderId":"c6f0-1","qty":"0.2","price":"43000.5"}"#,
    );
    let cancel = |class| Operation::Cancel { symbol: btc(), order, class };
    assert_eq!(
        body(&spot(), &cancel(OrderClass::Conditional)),
        r#"/v5/order/cancel {"category":"spot","orderFilter":"StopOrder","symbol":"BTCUSDT","orderLinkId":"mine"}"#,
    );
    assert_eq!(
        body(&linear(), &cancel(OrderClass::Conditional)),
        r#"/v5/order/cancel {"category":"linear","symbol":"BTCUSDT","orderLinkId":"mine"}"#,
    );
}

#[test]
fn cancelling_all_leaves_protective_orders_alone() {
    let all = |symbol, class| Operation::CancelAll { symbol, class };
    for (bybit, op, expected) in [
        (
            linear(),
            all(Some(btc()), OrderClass::Plain),
            r#"{"category":"linear","orderFilter":"Order","symbol":"BTCUSDT"}"#,
        ),
        (
            linear(),
            all(None, OrderClass::Conditional),
            r#"{"category":"linear","orderFilter":"StopOrder","settleCoin":"USDT"}"#,
        ),
        (spot(), all(None, OrderClass::Plain), r#"{"category":"spot","orderFilter":"Order"}"#),
    ] {
        assert_eq!(body(&bybit, &op), format!("/v5/order/cancel-all {expected}"));
    }
}

#[test]
fn reads_have_their_queries() {
    let class = OrderClass::Plain;
    let since = Some(Timestamp::from_millis(1_699_999_999_999));
    let (one, all) = (Some(btc()), None);
    let order = OrderRef::Client(id("mine"));
    for (op, expected) in [
        (
            Operation::Order { symbol: btc(), order, class },
            "/v5/order/realtime?category=linear&symbol=BTCUSDT&orderLinkId=mine",
        ),
        (
            Operation::OpenOrders { symbol: all, class, page: None },
            "/v5/order/realtime?category=linear&settleCoin=USDT",
        ),
        (
            Operation::OpenOrders { symbol: one, class: OrderClass::Conditional, page: None },
            "/v5/order/realtime?category=linear&orderFilter=StopOrder&symbol=BTCUSDT",
        ),
        (
            Operation::OrderHistory {
                symbol: btc(),
                order: None,
                since,
                limit: Some(50),
                page: None,
            },
            "/v5/order/history?category=linear&symbol=BTCUSDT&startTime=1699999999999&limit=50",
        ),
        (
            Operation::OrderHistory {
                symbol: btc(),
                order: Some(order),
                since: None,
                limit: Some(1_000),
                page: Some("a%3A1%2cb:2&c=%zz"),
            },
            "/v5/order/history?category=linear&symbol=BTCUSDT&orderLinkId=mine&limit=50&cursor=a%3A1%2cb%3A2%26c%3D%25zz",
        ),
        (
            Operation::Depth { symbol: btc(), levels: 5_000 },
            "/v5/market/orderbook?category=linear&limit=1000&symbol=BTCUSDT",
        ),
        (
            Operation::Fills {
                symbol: btc(),
                order: "9-a".parse().ok(),
                since: None,
                limit: None,
                page: None,
            },
            "/v5/execution/list?category=linear&symbol=BTCUSDT&orderId=9-a",
        ),
        (
            Operation::Positions { symbol: all, page: None },
            "/v5/position/list?category=linear&limit=200&settleCoin=USDT",
        ),
        (
            Operation::Instruments { symbol: all, page: None },
            "/v5/market/instruments-info?category=linear&limit=1000",
        ),
        (Operation::Ticker { symbol: btc() }, "/v5/market/tickers?category=linear&symbol=BTCUSDT"),
        (
            Operation::FundingRate { symbol: btc() },
            "/v5/market/tickers?category=linear&symbol=BTCUSDT",
        ),
        (
            Operation::BookTop { symbol: btc() },
            "/v5/market/orderbook?category=linear&limit=1&symbol=BTCUSDT",
        ),
        (Operation::ServerTime, "/v5/market/time?"),
    ] {
        assert_eq!(query(&linear(), &op), expected);
    }
    let spot_all = Operation::OpenOrders { symbol: all, class, page: None };
    assert_eq!(query(&spot(), &spot_all), "/v5/order/realtime?category=spot");
    let paged = spot().with_page_size(9);
    assert_eq!(query(&paged, &spot_all), "/v5/order/realtime?category=spot&limit=9");
    let spot_list = Operation::Instruments { symbol: one, page: None };
    let expected = "/v5/market/instruments-info?category=spot&symbol=BTCUSDT";
    assert_eq!(query(&spot(), &spot_list), expected);
}

#[test]
fn public_reads_are_not_signed() {
    for op in [Operation::ServerTime, Operation::Ticker { symbol: btc() }] {
        encoded(&linear(), &op, |request| {
            assert_eq!((request.signature(), request.headers().count()), ("", 0));
        });
    }
}

#[test]
fn settings_of_the_account_and_of_a_symbol() {
    let margin = |mode| Operation::SetMarginMode { symbol: btc(), mode };
    assert_eq!(
        body(&linear(), &margin(MarginMode::Isolated)),
        r#"/v5/account/set-margin-mode {"setMarginMode":"ISOLATED_MARGIN"}"#,
    );
    assert_eq!(
        body(&linear(), &margin(MarginMode::Cross)),
        r#"/v5/account/set-margin-mode {"setMarginMode":"REGULAR_MARGIN"}"#,
    );
    let mode = Operation::SetPositionMode { symbol: None, mode: PositionMode::OneWay };
    assert_eq!(
        body(&linear(), &mode),
        r#"/v5/position/switch-mode {"category":"linear","mode":0,"coin":"USDT"}"#,
    );
}

#[test]
fn what_the_venue_lacks_is_absent_and_refused() {
    let trailing = OrderKind::TrailingStop {
        quantity: decimal("1"),
        callback_rate: decimal("1"),
        activate_price: None,
    };
    let market = NewOrder::market(btc(), Side::Sell, decimal("1"));
    let orders = [
        (linear(), NewOrder::new(btc(), Side::Sell, trailing)),
        (spot(), NewOrder::new(btc(), Side::Sell, trailing)),
        (linear(), NewOrder::market_quote(btc(), Side::Buy, decimal("1"))),
        (spot(), market.reduce_only()),
        (spot(), market.position_side(PositionSide::Long)),
    ];
    for (bybit, order) in orders {
        let refused = refusal(&bybit, &Operation::Place(&prepared(&order)));
        assert!(matches!(refused, EncodeError::NotSupported { .. }), "{refused}");
    }
    for op in [
        Operation::Positions { symbol: None, page: None },
        Operation::SetMarginMode { symbol: btc(), mode: MarginMode::Cross },
        Operation::SetPositionMode { symbol: None, mode: PositionMode::Hedge },
        Operation::FundingRate { symbol: btc() },
        Operation::SetLeverage {
            symbol: btc(),
            leverage: 3,
            margin_mode: None,
            position_side: None,
        },
    ] {
        assert!(!spot().capabilities().supports(op.kind()));
        assert!(linear().capabilities().supports(op.kind()));
        assert!(matches!(refusal(&spot(), &op), EncodeError::NotSupported { .. }));
    }
    assert!(!linear().capabilities().trailing_stop && !spot().capabilities().reduce_only);
}

#[test]
fn a_client_order_id_keeps_to_the_venues_characters() {
    let place = |text: &str| {
        let order = NewOrder::market(btc(), Side::Buy, decimal("1")).client_order_id(id(text));
        let order = prepared(&order);
        let mut buf = RequestBuf::new();
        let at = Timestamp::from_millis(1);
        linear().encode(&Operation::Place(&order), at, &mut buf).map(|_| ())
    };
    assert_eq!(place(&"a".repeat(36)), Ok(()));
    for wrong in [&*"a".repeat(37), "a.b", "a:b", "a/b", "a~b", "a@b", "a#b"] {
        let refused = place(wrong).unwrap_err();
        assert!(matches!(refused, EncodeError::Invalid { field: "client_order_id", .. }));
    }
}

#[test]
fn the_receive_window_is_sent_signed_and_bounded() {
    let bybit = linear().with_recv_window(Duration::from_secs(3_600));
    assert_eq!(bybit.recv_window(), Duration::from_secs(60));
    encoded(&bybit, &Operation::Balances, |request| {
        let window = request.headers().find(|(name, _)| *name == "X-BAPI-RECV-WINDOW");
        assert_eq!(window, Some(("X-BAPI-RECV-WINDOW", "60000")));
        assert_eq!(request.signed_payload(), "1700000000000key60000accountType=UNIFIED");
    });
}

#[test]
fn hosts_are_the_venues_own() {
    let key = || Credentials::hmac("key", "secret");
    assert_eq!(Bybit::spot(key()).base_url(), "https://api.bybit.com");
    assert_eq!(Bybit::linear(key()).base_url(), "https://api.bybit.com");
    assert_eq!(Bybit::spot_testnet(key()).base_url(), "https://api-testnet.bybit.com");
    assert_eq!(Bybit::linear_testnet(key()).base_url(), "https://api-testnet.bybit.com");
    let demo = Bybit::spot(key()).with_base_url("https://api-demo.bybit.com");
    assert_eq!(demo.base_url(), "https://api-demo.bybit.com");
    let shown = format!("{:?}", Bybit::spot(Credentials::hmac("key", "top-secret")));
    assert!(!shown.contains("top-secret"), "{shown}");
}

#[test]
fn what_an_operation_costs() {
    let order = prepared(&NewOrder::market(btc(), Side::Buy, decimal("1")));
    let cost = |op: &Operation<'_>| linear().cost(op);
    assert_eq!(cost(&Operation::Place(&order)), Cost { weight: 1, orders: 1 });
    assert_eq!(cost(&Operation::PlaceBatch(&[order; 3])), Cost { weight: 1, orders: 3 });
    assert_eq!(cost(&Operation::Balances), Cost { weight: 1, orders: 0 });
}

proptest! {
    /// Whatever a symbol holds, it adds no parameter and no member.
    #[test]
    fn a_symbol_cannot_add_a_parameter(text in r#"[A-Z0-9"\\&=?#%{}:,/+é-]{1,16}"#) {
        let hostile = symbol(&text);
        let order = prepared(&NewOrder::market(hostile, Side::Buy, decimal("1")));
        encoded(&linear(), &Operation::Place(&order), |request| {
            let params = params(&request);
            let names: Vec<&str> = params.keys().map(String::as_str).collect();
            assert_eq!(names, ["category", "orderType", "qty", "side", "symbol"]);
            assert_eq!(params["symbol"], text.as_str());
        });
        let open = Operation::OpenOrders { symbol: Some(hostile), class: OrderClass::Plain, page: None };
        encoded(&linear(), &open, |request| {
            assert_eq!(params(&request).len(), 2);
            assert!(!request.query().contains(['"', '#', '?', '{', '+']));
        });
    }

    /// Quantities and prices are written as they are, without an exponent.
    #[test]
    fn numbers_are_written_exactly(mantissa in 1i64..i64::MAX, scale in 0u32..=18) {
        let value = Decimal::new(mantissa, scale);
        let order = prepared(&NewOrder::limit(btc(), Side::Buy, value, value));
        encoded(&spot(), &Operation::Place(&order), |request| {
            let params = params(&request);
            for name in ["qty", "price"] {
                let written = params[name].as_str().unwrap();
                assert!(!written.contains(['e', 'E']));
                assert_eq!(decimal(written), value);
            }
        });
    }
}
