//! Every recorded reply, field by field, and every code of the venue's table.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use hoox_connector::{OperationKind as Kind, RejectReason as Reason, *};
use proptest::prelude::*;
use support::{decimal, decode, decode_text, id, linear, ok, spot, symbol};

fn at(millis: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

fn asset(text: &str) -> Asset {
    Asset::new(text).unwrap()
}

fn orders(reply: Result<Reply, VenueError>) -> Vec<OrderReport> {
    match reply {
        Ok(Reply::Orders(orders)) => orders.rows,
        other => panic!("{other:?}"),
    }
}

fn field(reply: Result<Reply, VenueError>) -> String {
    match reply {
        Err(VenueError::Malformed(malformed)) => malformed.field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn acknowledgements_hold_the_ids() {
    let Ok(Reply::Accepted(accepted)) = decode(&spot(), Kind::Place, "order_create_ack") else {
        panic!()
    };
    assert_eq!(accepted.order_id.unwrap().as_str(), "1321003749386327552");
    assert_eq!(accepted.client_order_id, Some(id("spot-test-postonly")));
    assert_eq!(accepted.at, at(1672211918471));

    for kind in [Kind::Cancel, Kind::CancelConditional, Kind::Amend, Kind::PlaceConditional] {
        let Ok(Reply::Accepted(accepted)) = decode(&linear(), kind, "order_cancel_ack") else {
            panic!()
        };
        assert_eq!(accepted.order_id.unwrap().as_str(), "c6f055d9-7f21-4079-913d-e6523a9cfffa");
        assert_eq!(accepted.client_order_id, Some(id("linear-004")));
    }
}

#[test]
fn open_orders_are_read_whole() {
    let reports = orders(decode(&linear(), Kind::OpenOrders, "open_orders_linear"));
    let [report] = reports[..] else { panic!("{reports:?}") };
    let mut expected = OrderReport::new(
        symbol("ETHUSDT"),
        "fd4300ae-7847-404e-b947-b46980a4d140".parse().unwrap(),
        Side::Buy,
        OrderStatus::New,
    );
    expected.client_order_id = Some(id("test-000005"));
    expected.quantity = Some(decimal("0.10"));
    expected.filled_quantity = Decimal::ZERO;
    expected.price = Some(decimal("1600.00"));
    expected.filled_quote = Some(Decimal::ZERO);
    expected.time_in_force = Some(TimeInForce::GoodTillCancel);
    expected.position_side = Some(PositionSide::Long);
    expected.fee = Some(Fee { asset: asset("MNT"), amount: decimal("0.00242968") });
    expected.updated_at = at(1684738540561);
    assert_eq!(report, expected);
}

#[test]
fn a_rejected_order_keeps_what_had_filled() {
    let name = "order_partially_filled_rejected";
    let Ok(Reply::Order(report)) = decode(&linear(), Kind::OrderByClientId, name) else { panic!() };
    let mut expected = OrderReport::new(
        symbol("BTCUSDT"),
        "5cf98598-39a7-459e-97bf-76ca765ee021".parse().unwrap(),
        Side::Buy,
        OrderStatus::Rejected,
    );
    expected.client_order_id = Some(id("O-20251001-164609-APEX-000-49"));
    expected.quantity = Some(decimal("0.010"));
    expected.filled_quantity = decimal("0.005");
    expected.price = Some(decimal("30000"));
    expected.average_price = Some(decimal("30000"));
    expected.filled_quote = Some(decimal("150"));
    expected.time_in_force = Some(TimeInForce::GoodTillCancel);
    expected.fee = Some(Fee { asset: asset("USDT"), amount: decimal("0.0825") });
    expected.updated_at = at(1672364262457);
    assert_eq!(report, expected);
}

fn order(changes: &[(&str, &str)]) -> String {
    let mut row = serde_json::json!({
        "orderId": "1", "symbol": "BTCUSDT", "side": "Buy", "orderStatus": "New",
        "orderType": "Limit", "qty": "1", "cumExecQty": "0", "price": "2",
    });
    for (name, value) in changes {
        row[*name] = serde_json::from_str(value).unwrap();
    }
    row.to_string()
}

fn report(market: Market, changes: &[(&str, &str)]) -> OrderReport {
    let body = ok(&format!(r#"{{"list":[{}],"nextPageCursor":""}}"#, order(changes)));
    match decode_text(&support::of(market), Kind::OrderById, &body) {
        Ok(Reply::Order(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_status_has_a_neutral_one() {
    let own_terms = r#""EC_PostOnlyWillTakeLiquidity""#;
    for (status, reason, expected) in [
        (r#""New""#, r#""EC_NoError""#, OrderStatus::New),
        (r#""Untriggered""#, r#""""#, OrderStatus::New),
        (r#""Triggered""#, "null", OrderStatus::New),
        (r#""PartiallyFilled""#, r#""""#, OrderStatus::PartiallyFilled),
        (r#""Filled""#, r#""EC_OrigClOrdIDDoesNotExist""#, OrderStatus::Filled),
        (r#""Cancelled""#, r#""EC_PerCancelRequest""#, OrderStatus::Canceled),
        (r#""Deactivated""#, r#""""#, OrderStatus::Canceled),
        (r#""PartiallyFilledCanceled""#, r#""""#, OrderStatus::Canceled),
        (r#""Rejected""#, r#""EC_Others""#, OrderStatus::Rejected),
        (r#""Cancelled""#, own_terms, OrderStatus::Expired),
        (r#""Rejected""#, r#""EC_CancelForNoFullFill""#, OrderStatus::Expired),
        (r#""Cancelled""#, r#""EC_NoImmediateQtyToFill""#, OrderStatus::Expired),
        (r#""SomethingNew""#, r#""""#, OrderStatus::Unrecognized),
    ] {
        let report = report(Market::Linear, &[("orderStatus", status), ("rejectReason", reason)]);
        assert_eq!(report.status, expected, "{status} {reason}");
    }
}

#[test]
fn a_quantity_of_quote_is_not_told_as_base() {
    let market = ("orderType", r#""Market""#);
    let quantity = |changes: &[(&str, &str)]| report(Market::Spot, changes).quantity;
    assert_eq!(quantity(&[market]), None);
    assert_eq!(quantity(&[market, ("marketUnit", r#""baseCoin""#)]), Some(Decimal::ONE));
    assert_eq!(quantity(&[market, ("side", r#""Sell""#)]), Some(Decimal::ONE));
    let sell = [market, ("side", r#""Sell""#), ("marketUnit", r#""quoteCoin""#)];
    assert_eq!(quantity(&sell), None);
    assert_eq!(report(Market::Linear, &[market]).quantity, Some(Decimal::ONE));
}

#[test]
fn a_market_order_has_no_price_but_an_average() {
    let report = report(
        Market::Linear,
        &[
            ("orderType", r#""Market""#),
            ("orderStatus", r#""Filled""#),
            ("cumExecQty", r#""0.5""#),
            ("cumExecValue", r#""21605.45""#),
            ("avgPrice", r#""""#),
            ("triggerPrice", r#""39000""#),
            ("timeInForce", r#""IOC""#),
            ("reduceOnly", "true"),
            ("positionIdx", "2"),
            ("cumFeeDetail", r#"{"USDT":"0.1","MNT":"0.2"}"#),
            ("cumExecFee", r#""0.3""#),
        ],
    );
    assert_eq!((report.price, report.average_price), (None, Some(decimal("43210.9"))));
    assert_eq!(report.trigger_price, Some(decimal("39000")));
    assert_eq!(report.time_in_force, Some(TimeInForce::ImmediateOrCancel));
    assert_eq!(report.position_side, Some(PositionSide::Short));
    assert!(report.reduce_only);
    // Paid in two assets: no one fee.
    assert_eq!(report.fee, None);
}

#[test]
fn an_order_that_is_not_there_is_an_unknown_order() {
    for kind in [Kind::OrderById, Kind::OrderByClientId, Kind::ConditionalOrder] {
        let answer = decode_text(&linear(), kind, &ok(r#"{"list":[],"nextPageCursor":""}"#));
        let Err(VenueError::Rejected(rejection)) = answer else { panic!("{answer:?}") };
        assert_eq!(rejection.reason, Reason::UnknownOrder);
    }
}

#[test]
fn waiting_orders_are_listed_apart() {
    let waiting = order(&[("orderStatus", r#""Untriggered""#), ("orderId", r#""2""#)]);
    let body = ok(&format!(r#"{{"list":[{},{waiting}]}}"#, order(&[])));
    let plain = orders(decode_text(&linear(), Kind::OpenOrders, &body));
    assert_eq!(plain.iter().map(|order| order.order_id.as_str()).collect::<Vec<_>>(), ["1"]);
    let conditional = ok(&format!(r#"{{"list":[{waiting}]}}"#));
    let conditional = orders(decode_text(&linear(), Kind::OpenConditionalOrders, &conditional));
    assert_eq!(conditional.len(), 1);
}

#[test]
fn a_book_is_whole_and_numbered() {
    let Ok(Reply::Depth(book)) = decode(&linear(), Kind::Depth, "orderbook") else { panic!() };
    let expected = hoox_connector::stream::BookUpdate {
        symbol: symbol("BTCUSDT"),
        snapshot: true,
        bids: vec![(decimal("65485.47"), decimal("47.081829"))],
        asks: vec![(decimal("65557.7"), decimal("16.606555"))],
        first_id: None,
        last_id: 230_704,
        previous_id: None,
        at: at(1_716_863_719_031),
    };
    assert_eq!(book, expected);
}

#[test]
fn a_full_page_leads_to_the_next() {
    let rows = |count: usize| vec![order(&[]); count].join(",");
    let page =
        |count, cursor| ok(&format!(r#"{{"list":[{}],"nextPageCursor":"{cursor}"}}"#, rows(count)));
    let next = |bybit: &hoox_bybit::Bybit, kind, count, cursor| {
        let Ok(Reply::Orders(read)) = decode_text(bybit, kind, &page(count, cursor)) else {
            panic!()
        };
        assert_eq!(read.len(), count);
        read.next
    };
    let more = Some("more%3D1".into());
    // The venue tells a cursor on the last page too.
    assert_eq!(next(&spot(), Kind::OpenOrders, 19, "more%3D1"), None);
    assert_eq!(next(&spot(), Kind::OpenOrders, 20, "more%3D1"), more);
    assert_eq!(next(&spot(), Kind::OpenOrders, 20, ""), None);
    let narrow = spot().with_page_size(2);
    assert_eq!(next(&narrow, Kind::OpenOrders, 2, "more%3D1"), more);
    assert_eq!(next(&spot(), Kind::OrderHistory, 19, "more%3D1"), None);
    assert_eq!(next(&spot(), Kind::OrderHistory, 20, "more%3D1"), more);
}

#[test]
fn batches_tell_each_order_apart() {
    let reply = |second: &str| {
        format!(
            r#"{{"retCode":0,"retMsg":"OK","result":{{"list":[
                {{"category":"linear","symbol":"A","orderId":"b551f227","orderLinkId":"one","createAt":"1672222047683"}},
                {{"category":"","symbol":"","orderId":"","orderLinkId":"","createAt":""}}]}},
                "retExtInfo":{{"list":[{{"code":0,"msg":"OK"}},{second}]}},"time":1672222047684}}"#
        )
    };
    let body = reply(r#"{"code":110007,"msg":"ab not enough for new order"}"#);
    let Ok(Reply::Batch(items)) = decode_text(&linear(), Kind::PlaceBatch, &body) else { panic!() };
    let accepted = items[0].as_ref().unwrap();
    assert_eq!(accepted.order_id.unwrap().as_str(), "b551f227");
    assert_eq!((accepted.client_order_id, accepted.at), (Some(id("one")), at(1672222047683)));
    let rejection = items[1].as_ref().unwrap_err();
    assert_eq!((rejection.reason, rejection.code), (Reason::InsufficientBalance, 110_007));

    // One order of unknown fate leaves the whole request unknown: none of it may be sent again.
    let body = reply(r#"{"code":10016,"msg":"Server error."}"#);
    let answer = decode_text(&linear(), Kind::PlaceBatch, &body);
    assert!(matches!(answer, Err(VenueError::Unknown(_))), "{answer:?}");
    // A request over the limit was turned away: that order does not exist.
    let body = reply(r#"{"code":10006,"msg":"Too many visits."}"#);
    let Ok(Reply::Batch(items)) = decode_text(&linear(), Kind::PlaceBatch, &body) else { panic!() };
    assert_eq!(items[1].as_ref().unwrap_err().code, 10_006);
    // A success without an id, and a code too few.
    let answer = decode_text(&linear(), Kind::PlaceBatch, &reply(r#"{"code":0,"msg":"OK"}"#));
    assert_eq!(field(answer), "result.list.orderId");
    let short = reply("").replace(",]", "]");
    assert_eq!(field(decode_text(&linear(), Kind::PlaceBatch, &short)), "retExtInfo.list");
    let refused =
        r#"{"retCode":10004,"retMsg":"error sign!","result":{},"retExtInfo":{},"time":1}"#;
    let Err(VenueError::Rejected(rejection)) = decode_text(&linear(), Kind::PlaceBatch, refused)
    else {
        panic!()
    };
    assert_eq!(rejection.reason, Reason::BadSignature);
}

#[test]
fn executions_have_their_fees() {
    let Ok(Reply::Fills(fills)) = decode(&linear(), Kind::Fills, "execution_list") else {
        panic!()
    };
    let [fill] = fills[..] else { panic!("{fills:?}") };
    let mut expected = Fill::new(
        symbol("ETHPERP"),
        (
            "e0cbe81d-0f18-5866-9415-cf319b5dab3b".parse().unwrap(),
            "8c065341-7b52-4ca9-ac2c-37e31ac55c94".parse().unwrap(),
        ),
        Side::Buy,
        (decimal("1190.15"), decimal("0.1")),
        Timestamp::from_millis(1672282722429),
    );
    // A contract that ends with PERP settles, and charges, in USDC.
    expected.fee = Some(Fee { asset: asset("USDC"), amount: decimal("0.071409") });
    expected.maker = Some(false);
    assert_eq!(fill, expected);
}

#[test]
fn funding_is_no_fill_and_a_spot_fee_needs_its_currency() {
    let row = |exec_type: &str, currency: &str| {
        format!(
            r#"{{"symbol":"BTCUSDT","execId":"1","orderId":"2","orderLinkId":"mine","side":"Sell",
                "execPrice":"100","execQty":"2","execType":"{exec_type}","execFee":"-0.01",
                "feeCurrency":"{currency}","isMaker":true,"execTime":"1700000000000"}}"#
        )
    };
    let types = ["Trade", "Funding", "AdlTrade", "Settle", "BustTrade", "SomethingNew"];
    let rows = types.map(|kind| row(kind, "BTC")).join(",");
    let body = ok(&format!(r#"{{"list":[{rows}]}}"#));
    let Ok(Reply::Fills(fills)) = decode_text(&spot(), Kind::Fills, &body) else { panic!() };
    assert_eq!(fills.len(), 4);
    assert_eq!(fills[0].fee, Some(Fee { asset: asset("BTC"), amount: decimal("-0.01") }));
    assert_eq!((fills[0].maker, fills[0].client_order_id), (Some(true), Some(id("mine"))));
    let body = ok(&format!(r#"{{"list":[{}]}}"#, row("Trade", "")));
    let Ok(Reply::Fills(fills)) = decode_text(&spot(), Kind::Fills, &body) else { panic!() };
    assert_eq!(fills[0].fee, None);
}

#[test]
fn a_position_that_is_neither_long_nor_short_is_malformed() {
    for (side, size) in [("", "5"), ("None", "0.1"), ("Buy", "-1")] {
        let row = format!(r#"{{"list":[{{"symbol":"BTCUSDT","side":"{side}","size":"{size}"}}]}}"#);
        let reply = decode_text(&linear(), Kind::Positions, &ok(&row));
        let Err(VenueError::Malformed(problem)) = reply else { panic!("{reply:?}") };
        assert_eq!(problem.field, "result.list.side");
    }
}

#[test]
fn positions_have_a_side_and_a_size() {
    let reply = decode(&linear(), Kind::Positions, "position_list_linear");
    let Ok(Reply::Positions(positions)) = reply else { panic!("{reply:?}") };
    let mut long = Position::new(symbol("BTCUSDT"), Some(PositionSide::Long), decimal("0.5"));
    long.entry_price = Some(decimal("50000.00"));
    long.mark_price = Some(decimal("50500.00"));
    long.liquidation_price = Some(decimal("45000.00"));
    long.leverage = Some(10);
    long.unrealized_pnl = Some(decimal("250.00"));
    long.updated_at = at(1697673600012);
    assert_eq!(positions[0], long);
    assert_eq!(positions[1].side, Some(PositionSide::Short));
    assert_eq!((positions[1].size, positions[1].leverage), (decimal("5.0"), Some(5)));
    let mut flat = Position::new(symbol("SOLUSDT"), None, Decimal::ZERO);
    flat.mark_price = Some(decimal("150.00"));
    flat.leverage = Some(10);
    flat.unrealized_pnl = Some(Decimal::ZERO);
    flat.updated_at = at(1697673800212);
    assert_eq!(positions[2], flat);
    assert_eq!(positions.len(), 3);

    let reply = decode(&linear(), Kind::Positions, "position_list");
    let Ok(Reply::Positions(positions)) = reply else { panic!("{reply:?}") };
    assert_eq!(positions[0].side, Some(PositionSide::Short));
    assert_eq!(positions[0].entry_price, Some(decimal("27464.50441675")));
    assert_eq!((positions[0].liquidation_price, positions[0].hedge), (None, false));

    let hedge = r#"{"list":[{"symbol":"BTCUSDT","positionIdx":2,"side":"Sell","size":"1","leverage":"2.5","updatedTime":""}]}"#;
    let Ok(Reply::Positions(positions)) = decode_text(&linear(), Kind::Positions, &ok(hedge))
    else {
        panic!()
    };
    assert!(positions[0].hedge);
    assert_eq!((positions[0].leverage, positions[0].updated_at), (None, None));
}

#[test]
fn balances_are_what_each_market_can_use() {
    let reply = decode(&spot(), Kind::Balances, "wallet_balance");
    let Ok(Reply::Balances(balances)) = reply else { panic!("{reply:?}") };
    let (available, total) = (Decimal::ZERO, Decimal::ZERO);
    assert_eq!(balances, [Balance { asset: asset("BTC"), available, total }]);

    let coin = r#"{"list":[{"coin":[{"coin":"USDT","walletBalance":"100","locked":"10","spotBorrow":"5",
        "totalOrderIM":"20","totalPositionIM":"30","unrealisedPnl":"-2.5","equity":""},
        {"coin":"BTC","walletBalance":"1","locked":"","totalOrderIM":"2","unrealisedPnl":"9"}]}]}"#;
    let balances = |bybit| match decode_text(&bybit, Kind::Balances, &ok(coin)) {
        Ok(Reply::Balances(balances)) => {
            balances.iter().map(|it| (it.available, it.total)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let (hundred, one) = (decimal("100"), Decimal::ONE);
    assert_eq!(balances(spot()), [(decimal("85"), hundred), (one, one)]);
    assert_eq!(balances(linear()), [(decimal("32.5"), hundred), (Decimal::ZERO, one)]);
}

#[test]
fn prices_funding_book_and_time() {
    let Ok(Reply::Ticker(ticker)) = decode(&spot(), Kind::Ticker, "tickers_spot") else { panic!() };
    assert_eq!(ticker, Ticker::new(symbol("BTCUSDT"), Some(decimal("20533.13")), None));
    let reply = decode(&linear(), Kind::Ticker, "tickers_linear");
    let Ok(Reply::Ticker(ticker)) = reply else { panic!("{reply:?}") };
    let (last, mark) = (Some(decimal("17216.00")), Some(decimal("17217.33")));
    assert_eq!(ticker, Ticker::new(symbol("BTCUSDT"), last, mark));
    // Other categories have the same shape.
    for (name, last, mark) in
        [("tickers_inverse", "120635.50", "114898.43"), ("tickers_option", "435", "0.00000009")]
    {
        let Ok(Reply::Ticker(ticker)) = decode(&linear(), Kind::Ticker, name) else { panic!() };
        assert_eq!(
            (ticker.last_price, ticker.mark_price),
            (Some(decimal(last)), Some(decimal(mark)))
        );
    }
    let reply = decode(&linear(), Kind::FundingRate, "tickers_linear");
    let Ok(Reply::FundingRate(funding)) = reply else { panic!("{reply:?}") };
    let (rate, next_at) = (decimal("-0.000212"), at(1673280000000));
    assert_eq!(funding, FundingRate { symbol: symbol("BTCUSDT"), rate, next_at });

    let Ok(Reply::BookTop(top)) = decode(&spot(), Kind::BookTop, "orderbook") else { panic!() };
    assert_eq!(
        top,
        BookTop {
            symbol: symbol("BTCUSDT"),
            bid_price: Some(decimal("65485.47")),
            bid_quantity: Some(decimal("47.081829")),
            ask_price: Some(decimal("65557.7")),
            ask_quantity: Some(decimal("16.606555")),
            update_id: Some(230704),
            at: at(1716863719031),
        }
    );
    let empty = ok(r#"{"s":"BTCUSDT","a":[],"b":[],"ts":1,"u":2}"#);
    let Ok(Reply::BookTop(top)) = decode_text(&spot(), Kind::BookTop, &empty) else { panic!() };
    assert_eq!((top.bid_price, top.ask_quantity), (None, None));

    let Ok(Reply::ServerTime(time)) = decode(&spot(), Kind::ServerTime, "server_time") else {
        panic!()
    };
    assert_eq!(time.as_millis(), 1688639403423);
}

#[test]
fn instruments_have_their_rules() {
    let list = |bybit, name| match decode(&bybit, Kind::Instruments, name) {
        Ok(Reply::Instruments(list)) => list,
        other => panic!("{other:?}"),
    };
    let instruments = list(linear(), "instruments_linear_btcusdt");
    let it = instruments.find(&symbol("BTCUSDT")).unwrap();
    assert_eq!(
        (it.venue, it.market, it.status),
        (Venue::Bybit, Market::Linear, InstrumentStatus::Trading)
    );
    assert_eq!((it.base, it.quote), (Some(asset("BTC")), Some(asset("USDT"))));
    assert_eq!(it.tick_size, Some(decimal("0.10")));
    assert_eq!((it.min_price, it.max_price), (Some(decimal("0.10")), Some(decimal("1999999.80"))));
    let (min, max) = (Some(decimal("0.001")), Some(decimal("1190.000")));
    assert_eq!(it.lot, LotRule { min, max, step: min });
    assert_eq!(it.market_lot, LotRule { min: None, max: Some(decimal("500.000")), step: None });
    assert_eq!((it.notional.min, it.max_leverage), (Some(decimal("5")), Some(100)));
    assert!(it.notional.reduce_only_exempt && it.contract_size.is_none());
    assert_eq!(instruments.at, at(1735809771618));

    let instruments = list(spot(), "instruments_spot_btcusdt");
    let it = instruments.find(&symbol("BTCUSDT")).unwrap();
    assert_eq!(it.tick_size, Some(decimal("0.1")));
    let (step, max) = (Some(decimal("0.000001")), Some(decimal("83")));
    // The minimum quantity is no longer checked.
    assert_eq!(it.lot, LotRule { min: None, max, step });
    assert_eq!(it.market_lot.max, Some(decimal("41.5")));
    assert_eq!((it.notional.min, it.quote_step), (Some(decimal("5")), Some(decimal("0.0000001"))));
    assert_eq!((it.max_leverage, it.notional.reduce_only_exempt), (None, false));

    let instruments = list(linear(), "instruments_linear_test_set");
    assert_eq!(instruments.len(), 4);
    for (name, step) in [("1000PEPEUSDT", "100"), ("SHIB1000USDT", "10")] {
        let it = instruments.find(&symbol(name)).unwrap();
        assert_eq!(it.lot.step, Some(decimal(step)));
        // Steps beyond one round down to whole steps.
        let order = NewOrder::market(symbol(name), Side::Buy, decimal("1234567"));
        let quantity = it.prepare(&order, None).unwrap().quantity().unwrap();
        assert_eq!(quantity % decimal(step), Decimal::ZERO);
    }
    assert_eq!(list(spot(), "instruments_spot_test_set").len(), 4);
}

#[test]
fn only_usdt_perpetuals_are_offered() {
    let row = |name: &str, kind: &str, settle: &str, status: &str| {
        format!(
            r#"{{"symbol":"{name}","contractType":"{kind}","status":"{status}","baseCoin":"B","quoteCoin":"{settle}",
            "settleCoin":"{settle}","priceFilter":{{"tickSize":"1"}},"lotSizeFilter":{{"qtyStep":"1"}}}}"#
        )
    };
    let rows = [
        row("BTCUSDT", "LinearPerpetual", "USDT", "Trading"),
        row("BTC-26DEC25", "LinearFutures", "USDT", "Trading"),
        row("BTCPERP", "LinearPerpetual", "USDC", "Trading"),
        row("NEWUSDT", "LinearPerpetual", "USDT", "PreLaunch"),
    ];
    let body =
        ok(&format!(r#"{{"category":"linear","list":[{}],"nextPageCursor":"x"}}"#, rows.join(",")));
    let Ok(Reply::Instruments(list)) = decode_text(&linear(), Kind::Instruments, &body) else {
        panic!()
    };
    let names: Vec<_> = list.iter().map(|it| (it.symbol.as_str(), it.status)).collect();
    let expected = [("BTCUSDT", InstrumentStatus::Trading), ("NEWUSDT", InstrumentStatus::Halted)];
    assert_eq!(names, expected);
}

#[test]
fn settings_are_applied_or_were_so() {
    let changed = |kind, body: &str| match decode_text(&linear(), kind, body) {
        Ok(Reply::Changed(change)) => change,
        other => panic!("{other:?}"),
    };
    for kind in [Kind::SetLeverage, Kind::SetPositionMode, Kind::SetMarginMode] {
        assert_eq!(changed(kind, &ok("{}")), Change::Applied);
    }
    assert_eq!(changed(Kind::SetMarginMode, &ok(r#"{"reasons":[]}"#)), Change::Applied);
    let reasons =
        ok(r#"{"reasons":[{"reasonCode":"3400000","reasonMsg":"Equity needs to be more"}]}"#);
    let answer = decode_text(&linear(), Kind::SetMarginMode, &reasons);
    let Err(VenueError::Rejected(rejection)) = answer else { panic!("{answer:?}") };
    assert_eq!((rejection.reason, rejection.code), (Reason::Leverage, 3_400_000));

    for (kind, name) in [
        (Kind::SetLeverage, "error_linear_leverage_not_modified"),
        (Kind::SetPositionMode, "error_position_mode_not_modified"),
    ] {
        let Ok(Reply::Changed(change)) = decode(&linear(), kind, name) else { panic!("{name}") };
        assert_eq!(change, Change::Unchanged);
    }
    // For an order "unchanged" is no success of the kind that was asked for.
    let answer = decode(&linear(), Kind::Amend, "error_linear_leverage_not_modified");
    assert!(matches!(answer, Err(VenueError::Rejected(_))), "{answer:?}");
}

#[test]
fn cancelling_all_is_done_or_unknown() {
    let all = ok(r#"{"list":[{"orderId":"1616024329462743808","orderLinkId":""}],"success":"1"}"#);
    let answer = decode_text(&linear(), Kind::CancelAll, &all);
    assert!(matches!(answer, Ok(Reply::Changed(Change::Applied))), "{answer:?}");
    let failed = ok(r#"{"list":[],"success":"0"}"#);
    let answer = decode_text(&spot(), Kind::CancelAllConditional, &failed);
    assert!(matches!(answer, Err(VenueError::Unknown(_))), "{answer:?}");
}

/// What an error means, in a form that can be listed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Means {
    Reject(Reason),
    Throttle(ThrottleKind),
    Unknown,
    Unchanged,
}

fn means(answer: Result<Reply, VenueError>) -> Means {
    match answer {
        Err(VenueError::Rejected(rejection)) => Means::Reject(rejection.reason),
        Err(VenueError::Throttled(throttle)) => Means::Throttle(throttle.kind),
        Err(VenueError::Unknown(_)) => Means::Unknown,
        Ok(Reply::Changed(Change::Unchanged)) => Means::Unchanged,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_recorded_error_is_classified() {
    use Means::{Reject, Throttle, Unknown};
    for (name, expected) in [
        ("error_bad_timestamp", Reject(Reason::Clock)),
        ("error_duplicate_request", Unknown),
        ("error_http_403_ip_limit", Throttle(ThrottleKind::Banned)),
        ("error_invalid_key", Reject(Reason::BadKey)),
        ("error_invalid_sign", Reject(Reason::BadSignature)),
        ("error_linear_duplicate_link_id", Reject(Reason::DuplicateClientOrderId)),
        ("error_linear_insufficient", Reject(Reason::InsufficientBalance)),
        ("error_linear_min_notional", Reject(Reason::MinNotional)),
        ("error_linear_reduce_only_zero", Reject(Reason::ReduceOnly)),
        ("error_linear_unknown_order", Reject(Reason::UnknownOrder)),
        ("error_permission", Reject(Reason::Permission)),
        ("error_position_idx_mismatch", Reject(Reason::PositionMode)),
        ("error_rate_limit", Throttle(ThrottleKind::RequestRate)),
        ("error_server_error_unknown", Unknown),
        ("error_server_timeout_unknown", Unknown),
        ("error_spot_backend_timeout_unknown", Unknown),
        ("error_spot_create_timeout_unknown", Unknown),
        ("error_spot_duplicate_link_id", Reject(Reason::DuplicateClientOrderId)),
        ("error_spot_insufficient", Reject(Reason::InsufficientBalance)),
        ("error_spot_price_decimals", Reject(Reason::Precision)),
        ("error_spot_qty_decimals", Reject(Reason::Precision)),
        ("error_spot_qty_too_small", Reject(Reason::Quantity)),
        ("error_spot_unknown_order", Reject(Reason::UnknownOrder)),
        ("error_spot_value_too_small", Reject(Reason::MinNotional)),
    ] {
        for kind in [Kind::Place, Kind::Cancel, Kind::PlaceBatch, Kind::OpenOrders, Kind::Ticker] {
            assert_eq!(means(decode(&linear(), kind, name)), expected, "{name} {kind:?}");
        }
    }
}

/// The venue's table of codes, each with its class.
#[test]
fn every_code_of_the_table_is_classified() {
    use Means::{Reject, Throttle, Unchanged, Unknown};
    let table: &[(&[i64], Means)] = &[
        (&[10001, 10017, 10404], Reject(Reason::InvalidRequest)),
        (&[10002], Reject(Reason::Clock)),
        (&[10003, 33004, -2015, 10010], Reject(Reason::BadKey)),
        (&[10004], Reject(Reason::BadSignature)),
        (&[10005, 10007, 10009, 10024, 10027, 10028, 10029], Reject(Reason::Permission)),
        (&[10006, 10403, 20003, 170222], Throttle(ThrottleKind::RequestRate)),
        (&[429, 10429, 110079], Throttle(ThrottleKind::Overloaded)),
        (&[170005], Throttle(ThrottleKind::OrderRate)),
        (&[10018], Throttle(ThrottleKind::Banned)),
        (&[10000, 10014, 10016, 10019, 20006], Unknown),
        (
            &[170001, 170007, 170032, 170035, 170146, 170147, 170149, 170150, 170234, 170310],
            Unknown,
        ),
        (&[110001, 170213, 110008, 110010, 170139, 170142, 170190], Reject(Reason::UnknownOrder)),
        (
            &[110003, 30208, 30209, 170132, 170133, 170192, 170193, 170194, 170371, 170372],
            Reject(Reason::Price),
        ),
        (
            &[
                110004, 110006, 110007, 110012, 110044, 110045, 110051, 110052, 110053, 170033,
                170131,
            ],
            Reject(Reason::InsufficientBalance),
        ),
        (&[110009, 110020, 170810], Reject(Reason::TooManyOrders)),
        (&[110017], Reject(Reason::ReduceOnly)),
        (&[110022, 110023, 110042, 30228, 170217], Reject(Reason::NotTrading)),
        (&[110025, 110026, 110043, 34040], Unchanged),
        (&[110024, 110028], Reject(Reason::OrdersOrPositionsOpen)),
        (&[110072, 170141], Reject(Reason::DuplicateClientOrderId)),
        (&[110092, 110093], Reject(Reason::WouldTrigger)),
        (&[110094, 170140], Reject(Reason::MinNotional)),
        (&[170136, 170124], Reject(Reason::Quantity)),
        (&[170137, 170134, 170148], Reject(Reason::Precision)),
        (&[170218], Reject(Reason::PostOnly)),
        (&[3400045, 110013], Reject(Reason::Leverage)),
        (&[987654], Reject(Reason::Other)),
    ];
    for (codes, expected) in table {
        for code in *codes {
            let body = format!(r#"{{"retCode":{code},"retMsg":"x","result":{{}},"time":1}}"#);
            let answer = decode_text(&linear(), Kind::SetLeverage, &body);
            assert_eq!(means(answer), *expected, "{code}");
            if *expected != Unchanged {
                let answer = decode_text(&linear(), Kind::Place, &body.replace("{}", "null"));
                assert_eq!(means(answer), *expected, "{code}");
            }
        }
    }
}

#[test]
fn answers_without_a_code_go_by_their_status() {
    use Means::{Reject, Throttle, Unknown};
    let blocked = "configured to block access from your country";
    for (status, body, expected) in [
        (400, "", Reject(Reason::InvalidRequest)),
        (401, "", Reject(Reason::BadKey)),
        (403, "access too frequent", Throttle(ThrottleKind::Banned)),
        (403, blocked, Reject(Reason::Permission)),
        (404, "not found", Reject(Reason::InvalidRequest)),
        (429, "", Throttle(ThrottleKind::Overloaded)),
        (500, "", Unknown),
        (502, "<html>", Unknown),
        (503, "", Unknown),
        (504, r#"{"retCode":0}"#, Unknown),
        (500, r#"{"retCode":777,"retMsg":""}"#, Unknown),
        (500, r#"{"retCode":110001,"retMsg":""}"#, Reject(Reason::UnknownOrder)),
    ] {
        let answer = linear().decode(
            &Kind::Place.into(),
            status,
            Headers::none(),
            &mut body.as_bytes().to_vec(),
        );
        assert_eq!(means(answer), expected, "{status} {body}");
    }
}

#[test]
fn throttles_say_how_long() {
    let find = |name: &str| match name {
        "x-bapi-limit" => Some("10"),
        "x-bapi-limit-status" => Some("3"),
        "x-bapi-limit-reset-timestamp" => Some("1700000001000"),
        _ => None,
    };
    let headers = Headers::new(&find);
    let body = r#"{"retCode":10006,"retMsg":"Too many visits.","result":{}}"#;
    let answer = linear().decode(&Kind::Place.into(), 200, headers, &mut body.as_bytes().to_vec());
    let Err(VenueError::Throttled(throttle)) = answer else { panic!("{answer:?}") };
    assert_eq!((throttle.until, throttle.retry_after), (at(1_700_000_001_000), None));

    let usage = linear().usage(headers);
    let window = Duration::from_secs(1);
    let expected = RateUsage { orders: true, window, limit: Some(10), used: Some(7) };
    assert_eq!(usage.as_slice(), [expected]);
    assert!(linear().usage(Headers::none()).is_empty());

    let answer =
        linear().decode(&Kind::Place.into(), 403, headers, &mut b"access too frequent".to_vec());
    let Err(VenueError::Throttled(ban)) = answer else { panic!("{answer:?}") };
    assert_eq!(ban.retry_after, Some(Duration::from_secs(600)));
}

#[test]
fn what_is_missing_or_mistyped_is_named() {
    for (kind, body, expected) in [
        (Kind::Place, "<html>".to_owned(), "."),
        (Kind::Place, "{}".to_owned(), "retCode"),
        (Kind::Place, r#"{"retCode":"zero"}"#.to_owned(), "retCode"),
        (Kind::Place, r#"{"retCode":0}"#.to_owned(), "result"),
        (Kind::Place, ok("{}"), "result.orderId"),
        (Kind::Place, ok(r#"{"orderId":"","orderLinkId":"a"}"#), "result.orderId"),
        (Kind::OpenOrders, ok("{}"), "result.list"),
        (
            Kind::OpenOrders,
            ok(&format!(r#"{{"list":[{}]}}"#, order(&[("qty", "true")]))),
            "result.list[0].qty",
        ),
        (
            Kind::OrderById,
            ok(&format!(r#"{{"list":[{}]}}"#, order(&[("side", r#""Up""#)]))),
            "result.list[0].side",
        ),
        (Kind::Ticker, ok(r#"{"list":[]}"#), "result.list"),
        (Kind::FundingRate, ok(r#"{"list":[{"symbol":"A"}]}"#), "result.list[0].fundingRate"),
        (Kind::BookTop, ok(r#"{"s":"A","a":[["1"]],"b":[],"u":1,"ts":1}"#), "result.a[0]"),
        (Kind::ServerTime, ok(r#"{"timeNano":"-1000000000"}"#), "result.timeNano"),
        (Kind::Positions, ok(r#"{"list":[{"symbol":"A","side":"Buy"}]}"#), "result.list[0].size"),
    ] {
        assert_eq!(field(decode_text(&linear(), kind, &body)), expected, "{body}");
    }
}

#[test]
fn numbers_come_as_strings_numbers_and_exponents() {
    let row = order(&[
        ("qty", "3.4103e-06"),
        ("cumExecQty", "0"),
        ("price", "null"),
        ("updatedTime", "1684738540561"),
        ("orderId", "9223372036854775807"),
        ("orderLinkId", "null"),
        ("notKnownHere", "[{}]"),
    ]);
    let body = ok(&format!(r#"{{"list":[{row}]}}"#));
    let report = orders(decode_text(&linear(), Kind::OrderHistory, &body))[0];
    assert_eq!(report.quantity, Some(decimal("0.0000034103")));
    assert_eq!((report.price, report.client_order_id), (None, None));
    assert_eq!(report.order_id.as_str(), "9223372036854775807");
    assert_eq!(report.updated_at, at(1684738540561));
}

proptest! {
    /// Outside data is an error at worst.
    #[test]
    fn nothing_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), status in 100u16..600) {
        for kind in Kind::ALL {
            let _ = linear().decode(&(*kind).into(), status, Headers::none(), &mut body.clone());
        }
    }

    /// A reply cut anywhere, or with a byte changed, is an error or a value, never a panic.
    #[test]
    fn damaged_replies_do_not_panic(at in 0usize..1400, byte in any::<u8>(), cut in any::<bool>()) {
        for (kind, name) in [
            (Kind::Place, "order_create_ack"),
            (Kind::OpenOrders, "open_orders_linear"),
            (Kind::Positions, "position_list_linear"),
            (Kind::Instruments, "instruments_linear_btcusdt"),
        ] {
            let (status, mut body) = support::sample(name);
            let at = at % body.len();
            if cut { body.truncate(at) } else { body[at] = byte }
            let answer = linear().decode(&kind.into(), status, Headers::none(), &mut body);
            if cut {
                prop_assert!(matches!(answer, Err(VenueError::Malformed(_))));
            }
        }
    }
}
