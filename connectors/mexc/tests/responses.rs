//! The venue's documented and recorded answers, field by field.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hoox_connector::stream::BookUpdate;
use hoox_connector::{
    Accepted, Asked, Change, Credentials, Decimal, ExchangeProvider, Fee, Headers,
    InstrumentStatus, Instruments, Operation, OperationKind as Kind, OrderClass, OrderStatus,
    PositionSide, RejectReason as Reason, Reply, Side, Symbol, ThrottleKind, TimeInForce,
    Timestamp, VenueError,
};
use hoox_mexc::Mexc;
use serde_json::Value;

fn credentials() -> Credentials {
    Credentials::hmac("key", "secret")
}

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn spot() -> Mexc {
    Mexc::spot(credentials())
}

/// Futures, without instruments.
fn bare() -> Mexc {
    Mexc::linear(credentials())
}

fn linear() -> Mexc {
    bare().with_instruments(Arc::new(instruments(&bare(), "linear_contract_detail_test_set")))
}

fn answer(mexc: &Mexc, op: Kind, status: u16, body: &str) -> Result<Reply, VenueError> {
    mexc.decode(&op.into(), status, Headers::none(), &mut body.as_bytes().to_vec())
}

fn sample(mexc: &Mexc, op: Kind, name: &str) -> Result<Reply, VenueError> {
    let file = fixture(name);
    let status = file["http_status"].as_u64().unwrap_or(200).try_into().unwrap();
    answer(mexc, op, status, &file["payload"].to_string())
}

fn instruments(mexc: &Mexc, name: &str) -> Instruments {
    match sample(mexc, Kind::Instruments, name) {
        Ok(Reply::Instruments(instruments)) => instruments,
        other => panic!("{other:?}"),
    }
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn at(millis: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

fn malformed_field(result: Result<Reply, VenueError>) -> String {
    match result {
        Err(VenueError::Malformed(malformed)) => malformed.field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn books_are_whole_and_numbered() {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let read = |mexc: &Mexc, body: &str| {
        let asked = Asked::from(&Operation::Depth { symbol, levels: 5 });
        mexc.decode(&asked, 200, Headers::none(), &mut body.as_bytes().to_vec())
    };
    let book = |bids, asks, last_id, at| BookUpdate {
        symbol,
        snapshot: true,
        bids,
        asks,
        first_id: None,
        last_id,
        previous_id: None,
        at,
    };
    let payload = fixture("spot_depth")["payload"].to_string();
    let Ok(Reply::Depth(spot_book)) = read(&spot(), &payload) else { panic!() };
    let bids = vec![(dec("15.00000"), dec("49999.00000"))];
    assert_eq!(spot_book, book(bids, vec![(dec("14.0000"), dec("1.0000"))], 1_112_416, None));

    // In contracts, of which ten thousand are one.
    let level = "[6859.5,3251,1]";
    let body = format!(
        r#"{{"success":true,"code":0,"data":{{"asks":[{level}],"bids":[],"version":96801927,"timestamp":1587442022003}}}}"#
    );
    let Ok(Reply::Depth(linear_book)) = read(&linear(), &body) else { panic!() };
    let asks = vec![(dec("6859.5"), dec("0.3251"))];
    assert_eq!(linear_book, book(Vec::new(), asks, 96_801_927, at(1_587_442_022_003)));

    assert_eq!(malformed_field(answer(&spot(), Kind::Depth, 200, &payload)), "symbol");
    assert_eq!(malformed_field(read(&bare(), &body)), "symbol");
    assert_eq!(malformed_field(read(&linear(), &body.replace(level, "[1]"))), "data.asks[0]");
    assert_eq!(malformed_field(read(&spot(), r#"{"bids":[],"asks":[]}"#)), "lastUpdateId");
}

#[test]
fn full_pages_are_followed_by_another() {
    let file = fixture("linear_query_order");
    let order = file["payload"]["data"].to_string();
    let body = |rows: usize| {
        let rows = vec![order.as_str(); rows].join(",");
        format!(r#"{{"success":true,"code":0,"data":[{rows}]}}"#)
    };
    let symbol = Symbol::new("ETHUSDT").unwrap();
    let next = |op: &Operation<'_>, rows| {
        let mut body = body(rows).into_bytes();
        match linear().decode(&Asked::from(op), 200, Headers::none(), &mut body) {
            Ok(Reply::Orders(read)) => read.next.map(String::from),
            other => panic!("{other:?}"),
        }
    };
    let open = |page| Operation::OpenOrders { symbol: None, class: OrderClass::Plain, page };
    assert_eq!(next(&open(None), 99), None);
    assert_eq!(next(&open(None), 100), Some("2".into()));
    assert_eq!(next(&open(Some("7")), 100), Some("8".into()));
    let past = |limit| Operation::OrderHistory {
        symbol,
        order: None,
        since: None,
        limit,
        page: Some("2"),
    };
    assert_eq!(next(&past(None), 19), None);
    assert_eq!(next(&past(None), 20), Some("3".into()));
    assert_eq!(next(&past(Some(3)), 3), Some("3".into()));
    assert_eq!(next(&past(Some(500)), 100), Some("3".into()), "100 are asked for");
}

#[test]
fn spot_instruments() {
    let all = instruments(&spot(), "spot_exchange_info_test_set");
    assert_eq!((all.len(), all.at), (4, at(1_700_000_000_000)));
    assert_eq!((all.limits[0].limit, all.limits[0].window), (Some(300), Duration::from_secs(10)));
    let btc = all.find(&Symbol::new("BTCUSDT").unwrap()).unwrap();
    assert_eq!(btc.status, InstrumentStatus::Trading);
    assert_eq!(btc.base.unwrap().as_str(), "BTC");
    assert_eq!(btc.quote.unwrap().as_str(), "USDT");
    assert_eq!((btc.lot.min, btc.lot.step), (Some(dec("0.000001")), Some(dec("0.000001"))));
    assert_eq!((btc.tick_size, btc.quote_step), (Some(dec("0.01")), Some(dec("0.01"))));
    assert_eq!((btc.notional.min, btc.notional.max), (Some(dec("1")), Some(dec("2000000"))));
    assert!(!btc.notional.market_exempt_from_min);
    let shib = all.find(&Symbol::new("SHIBUSDT").unwrap()).unwrap();
    assert_eq!((shib.lot.min, shib.lot.step), (Some(dec("1")), Some(dec("0.01"))));
    assert_eq!(shib.tick_size, Some(dec("0.000000001")));
    assert_eq!((shib.contract_size, shib.percent_price), (None, None));

    // Closed to trading by API.
    let live = instruments(&spot(), "spot_exchange_info_btcusdt_live");
    let btc = live.find(&Symbol::new("BTCUSDT").unwrap()).unwrap();
    assert_eq!(btc.status, InstrumentStatus::Halted);
}

#[test]
fn linear_instruments_are_in_base_units() {
    let all = instruments(&bare(), "linear_contract_detail_test_set");
    assert_eq!(all.len(), 4);
    let btc = all.find(&Symbol::new("BTCUSDT").unwrap()).unwrap();
    assert_eq!(btc.venue_symbol.as_str(), "BTC_USDT");
    assert_eq!(all.find(&Symbol::new("BTC_USDT").unwrap()), Some(btc));
    assert_eq!(btc.status, InstrumentStatus::Trading);
    assert_eq!(btc.contract_size, Some(dec("0.0001")));
    assert_eq!((btc.lot.min, btc.lot.step), (Some(dec("0.0001")), Some(dec("0.0001"))));
    assert_eq!((btc.lot.max, btc.market_lot.max), (Some(dec("400")), Some(dec("400"))));
    assert_eq!((btc.tick_size, btc.max_leverage), (Some(dec("0.1")), Some(500)));
    let rule = btc.percent_price.unwrap();
    assert_eq!((rule.buy_up, rule.sell_down), (dec("1.1"), dec("0.9")));
    assert_eq!((btc.notional.min, btc.quote_step), (None, None));
    let pepe = all.find(&Symbol::new("PEPEUSDT").unwrap()).unwrap();
    assert_eq!((pepe.tick_size, pepe.lot.step), (Some(dec("0.0000000001")), Some(dec("10000000"))));
}

#[test]
fn linear_instruments_may_come_alone_as_text_and_of_other_kinds() {
    let row = |extra: &str| {
        format!(
            r#"{{"symbol":"BTC_USDT","baseCoin":"BTC","quoteCoin":"USDT","settleCoin":"USDT",
            "contractSize":"0.0001","priceUnit":"0.1","volUnit":"1","minVol":"1","maxVol":"40",
            "limitMaxVol":100,"maxLeverage":"20","state":4{extra}}}"#
        )
    };
    let read = |data: String| {
        let body = format!(r#"{{"success":true,"code":0,"data":{data}}}"#);
        match answer(&bare(), Kind::Instruments, 200, &body) {
            Ok(Reply::Instruments(all)) => all,
            other => panic!("{other:?}"),
        }
    };
    let one = read(row(""));
    let btc = one.iter().next().unwrap();
    assert_eq!((btc.status, btc.max_leverage), (InstrumentStatus::Halted, Some(20)));
    assert_eq!((btc.lot.max, btc.market_lot.max), (Some(dec("0.01")), Some(dec("0.004"))));
    // Contracts are whole also where the unit is not told.
    for unit in ["", r#""volUnit":0,"#, r#""volUnit":null,"#] {
        let one = read(row("").replace(r#""volUnit":"1","#, unit));
        assert_eq!(one.iter().next().unwrap().lot.step, Some(dec("0.0001")), "{unit}");
    }
    assert!(read(row(r#","futureType":2"#)).is_empty());
    assert!(read(row("").replace(r#""settleCoin":"USDT""#, r#""settleCoin":"BTC""#)).is_empty());
}

#[test]
fn acknowledgements_are_accepted_without_a_status() {
    for (mexc, name, id, time) in [
        (spot(), "spot_order_ack", "06a480e69e604477bfb48dddd5f0b750", at(1_666_676_533_741)),
        (bare(), "linear_order_ack", "814218083416790528", at(1_779_795_118_533)),
        (bare(), "linear_order_ack_legacy", "102057569836905984", None),
    ] {
        let Ok(Reply::Accepted(accepted)) = sample(&mexc, Kind::Place, name) else {
            panic!("{name}")
        };
        assert_eq!(accepted.order_id.unwrap().as_str(), id);
        assert_eq!((accepted.at, accepted.client_order_id), (time, None));
    }
    let text = r#"{"success":true,"code":200,"data":"18446744073709551615"}"#;
    let Ok(Reply::Accepted(accepted)) = answer(&bare(), Kind::PlaceConditional, 200, text) else {
        panic!()
    };
    assert_eq!(accepted.order_id.unwrap().as_str(), "18446744073709551615");
}

#[test]
fn spot_orders() {
    let Ok(Reply::Order(order)) = sample(&spot(), Kind::OrderById, "spot_query_order") else {
        panic!()
    };
    assert_eq!((order.symbol.as_str(), order.order_id.as_str()), ("LTCBTC", "1"));
    assert_eq!(order.client_order_id.unwrap().as_str(), "myOrder1");
    assert_eq!((order.side, order.status), (Side::Buy, OrderStatus::New));
    assert_eq!((order.quantity, order.filled_quantity), (Some(dec("1")), Decimal::ZERO));
    assert_eq!((order.price, order.average_price), (Some(dec("0.1")), None));
    assert_eq!((order.filled_quote, order.trigger_price), (Some(Decimal::ZERO), None));
    assert_eq!(order.time_in_force, Some(TimeInForce::GoodTillCancel));
    assert_eq!(order.updated_at, at(1_499_827_319_559));

    let Ok(Reply::Order(order)) = sample(&spot(), Kind::Cancel, "spot_cancel") else { panic!() };
    // The order's own id, not the cancellation's.
    assert_eq!(order.client_order_id.unwrap().as_str(), "myOrder1");
    assert_eq!((order.order_id.as_str(), order.status), ("4", OrderStatus::Canceled));
}

#[test]
fn spot_statuses_and_types() {
    let read = |status: &str, kind: &str| {
        let body = format!(
            r#"[{{"symbol":"MXUSDT","orderId":"C02__4","clientOrderId":null,"price":"3.5",
            "origQty":"2","executedQty":"1","cummulativeQuoteQty":"3.6962","status":"{status}",
            "type":"{kind}","side":"SELL","stopPrice":null,"updateTime":null,"time":7}}]"#
        );
        match answer(&spot(), Kind::OpenOrders, 200, &body) {
            Ok(Reply::Orders(orders)) => orders[0],
            other => panic!("{other:?}"),
        }
    };
    for (text, status) in [
        ("NEW", OrderStatus::New),
        ("PARTIALLY_FILLED", OrderStatus::PartiallyFilled),
        ("FILLED", OrderStatus::Filled),
        ("CANCELED", OrderStatus::Canceled),
        ("PARTIALLY_CANCELED", OrderStatus::Canceled),
        ("SOMETHING_NEW", OrderStatus::Unrecognized),
    ] {
        assert_eq!(read(text, "LIMIT").status, status);
    }
    for (kind, tif, price) in [
        ("LIMIT", Some(TimeInForce::GoodTillCancel), Some(dec("3.5"))),
        ("LIMIT_MAKER", Some(TimeInForce::PostOnly), Some(dec("3.5"))),
        ("IMMEDIATE_OR_CANCEL", Some(TimeInForce::ImmediateOrCancel), Some(dec("3.5"))),
        ("FILL_OR_KILL", Some(TimeInForce::FillOrKill), Some(dec("3.5"))),
        ("MARKET", None, None),
    ] {
        let order = read("FILLED", kind);
        assert_eq!((order.time_in_force, order.price), (tif, price), "{kind}");
        assert_eq!(order.average_price, Some(dec("3.6962")));
        assert_eq!((order.client_order_id, order.updated_at), (None, at(7)));
    }
}

#[test]
fn linear_orders_are_in_base_units() {
    let Ok(Reply::Order(order)) = sample(&linear(), Kind::OrderById, "linear_query_order") else {
        panic!()
    };
    assert_eq!((order.symbol.as_str(), order.order_id.as_str()), ("ETHUSDT", "102015012431820288"));
    assert_eq!(order.client_order_id.unwrap().as_str(), "_m_f95eb99b061d4eef8f64a04e9ac4dad3");
    assert_eq!((order.side, order.status), (Side::Buy, OrderStatus::Filled));
    assert_eq!((order.quantity, order.filled_quantity), (Some(dec("0.01")), dec("0.01")));
    // A market order, whatever price it shows.
    assert_eq!((order.price, order.average_price), (None, Some(dec("1208.35"))));
    assert!(order.reduce_only);
    let usdt = hoox_connector::Asset::new("USDT").unwrap();
    assert_eq!(order.fee, Some(Fee { asset: usdt, amount: dec("0.0072501") }));
    assert_eq!((order.updated_at, order.position_side), (at(1_609_992_674_000), None));
}

#[test]
fn linear_states_sides_and_types() {
    let read = |fields: &str| {
        let body = format!(
            r#"{{"success":true,"code":0,"data":[{{"orderId":102015012431820288,"price":3.4103e-06,
            "symbol":"PEPE_USDT","vol":2,"externalOid":null,"feeCurrency":"USDT",{fields}}}]}}"#
        );
        match answer(&linear(), Kind::OpenOrders, 200, &body) {
            Ok(Reply::Orders(orders)) => orders[0],
            other => panic!("{other:?}"),
        }
    };
    for (state, filled, status) in [
        (1, 0, OrderStatus::New),
        (2, 0, OrderStatus::New),
        (2, 1, OrderStatus::PartiallyFilled),
        (3, 2, OrderStatus::Filled),
        (4, 1, OrderStatus::Canceled),
        (5, 0, OrderStatus::Rejected),
        (9, 0, OrderStatus::Unrecognized),
    ] {
        let order = read(&format!(r#""state":{state},"dealVol":{filled},"side":1,"orderType":1"#));
        assert_eq!(order.status, status, "{state}");
        assert_eq!(order.filled_quantity, dec("10000000") * Decimal::from(filled));
        assert_eq!((order.price, order.fee), (Some(dec("0.0000034103")), None));
    }
    for (code, side, closes, position) in [
        (1, Side::Buy, false, PositionSide::Long),
        (2, Side::Buy, true, PositionSide::Short),
        (3, Side::Sell, false, PositionSide::Short),
        (4, Side::Sell, true, PositionSide::Long),
    ] {
        let order = read(&format!(r#""state":1,"dealVol":0,"positionMode":1,"side":{code}"#));
        assert_eq!((order.side, order.reduce_only), (side, closes));
        assert_eq!(order.position_side, Some(position));
    }
    for (kind, tif) in [
        (1, Some(TimeInForce::GoodTillCancel)),
        (2, Some(TimeInForce::PostOnly)),
        (3, Some(TimeInForce::ImmediateOrCancel)),
        (4, Some(TimeInForce::FillOrKill)),
        (6, None),
    ] {
        let order = read(&format!(r#""state":1,"dealVol":0,"side":1,"orderType":{kind}"#));
        assert_eq!((order.time_in_force, order.price.is_some()), (tif, tif.is_some()));
    }
}

#[test]
fn a_quantity_of_an_unknown_instrument_is_an_error_that_names_it() {
    let Err(VenueError::Malformed(error)) = sample(&bare(), Kind::OrderById, "linear_query_order")
    else {
        panic!()
    };
    assert_eq!(error.field, "symbol");
    assert!(error.problem.contains("ETH_USDT"), "{}", error.problem);
}

#[test]
fn cancellations_tell_of_each_order() {
    let Ok(Reply::Batch(rows)) = sample(&bare(), Kind::Cancel, "linear_cancel_mixed") else {
        panic!()
    };
    let codes: Vec<_> =
        rows.iter().map(|row| row.as_ref().map_err(|error| (error.reason, error.code))).collect();
    assert_eq!(codes[0], Err((Reason::UnknownOrder, 2040)));
    assert_eq!(codes[1], Err((Reason::UnknownOrder, 2041)));
    assert_eq!(codes[2].unwrap().order_id.unwrap().as_str(), "108886241042563584");

    let one = |row: &str| {
        answer(&bare(), Kind::Cancel, 200, &format!(r#"{{"success":true,"code":0,"data":{row}}}"#))
    };
    let gone = one(r#"[{"orderId":1,"errorCode":2040,"errorMsg":"order not exist"}]"#);
    assert!(matches!(gone, Err(VenueError::Rejected(it)) if it.reason == Reason::UnknownOrder));
    let busy = one(r#"[{"orderId":1,"errorCode":500,"errorMsg":"internal"}]"#);
    assert!(matches!(busy, Err(VenueError::Unknown(_))));
    let Ok(Reply::Accepted(done)) = one(r#"{"symbol":"BTC_USDT","externalOid":"mexc-a-001"}"#)
    else {
        panic!()
    };
    assert_eq!(done.client_order_id.unwrap().as_str(), "mexc-a-001");
    assert!(matches!(one("null"), Ok(Reply::Accepted(it)) if it == Accepted::default()));
    assert_eq!(malformed_field(one("[]")), "data");
}

#[test]
fn batches_tell_of_each_order() {
    let spot_rows = r#"[{"symbol":"BTCUSDT","orderId":"1196315350023612316",
        "newClientOrderId":"hio8279hbdsds","orderListId":-1},
        {"newClientOrderId":"123456","msg":"The minimum transaction volume","code":30002}]"#;
    let linear_rows = r#"{"success":true,"code":0,"data":[
        {"externalOid":"hio8279hbdsds","orderId":1196315350023612316,"errorMsg":null,"errorCode":0},
        {"externalOid":"123456","orderId":null,"errorMsg":"Balance insufficient","errorCode":2005}]}"#;
    for (mexc, body, reason) in [
        (spot(), spot_rows, Reason::MinNotional),
        (bare(), linear_rows, Reason::InsufficientBalance),
    ] {
        let Ok(Reply::Batch(rows)) = answer(&mexc, Kind::PlaceBatch, 200, body) else { panic!() };
        let first = rows[0].as_ref().unwrap();
        assert_eq!(first.order_id.unwrap().as_str(), "1196315350023612316");
        assert_eq!(first.client_order_id.unwrap().as_str(), "hio8279hbdsds");
        assert_eq!(rows[1].as_ref().unwrap_err().reason, reason);
    }
    let neither = r#"[{"newClientOrderId":"123456"}]"#;
    assert_eq!(malformed_field(answer(&spot(), Kind::PlaceBatch, 200, neither)), "orderId");
    let unsure = r#"[{"orderId":"1"},{"code":500,"msg":"internal"}]"#;
    assert!(matches!(answer(&spot(), Kind::PlaceBatch, 200, unsure), Err(VenueError::Unknown(_))));
}

#[test]
fn fills_hold_their_fees() {
    let body = r#"[{"symbol":"MXUSDT","id":"505979017439002624X1","orderId":"C02__505","price":"3.6962",
        "qty":"2","quoteQty":"7.3924","commission":"0.0003998377369698171","commissionAsset":"MX",
        "time":1736417034280,"isBuyer":false,"isMaker":true,"clientOrderId":null}]"#;
    let Ok(Reply::Fills(fills)) = answer(&spot(), Kind::Fills, 200, body) else { panic!() };
    let fill = &fills[0];
    assert_eq!(
        (fill.trade_id.as_str(), fill.order_id.as_str()),
        ("505979017439002624X1", "C02__505")
    );
    assert_eq!((fill.price, fill.quantity), (dec("3.6962"), dec("2")));
    assert_eq!((fill.side, fill.maker), (Side::Sell, Some(true)));
    assert_eq!(fill.fee.unwrap().amount, dec("0.0003998377369698171"));
    assert_eq!(fill.at, Timestamp::from_millis(1_736_417_034_280));

    let body = r#"{"success":true,"code":0,"data":[{"id":"159","symbol":"BTC_USDT","side":4,"vol":42,
        "price":43210.9,"feeCurrency":"USDT","fee":4.386e-05,"timestamp":1610005069976,
        "profit":-0.0005,"isTaker":true,"category":1,"orderId":102067003631907840}]}"#;
    let Ok(Reply::Fills(fills)) = answer(&linear(), Kind::Fills, 200, body) else { panic!() };
    let fill = &fills[0];
    assert_eq!((fill.symbol.as_str(), fill.quantity), ("BTCUSDT", dec("0.0042")));
    assert_eq!((fill.side, fill.maker), (Side::Sell, Some(false)));
    assert_eq!(fill.fee.unwrap().amount, dec("0.00004386"));
    assert_eq!(
        (fill.realized_pnl, fill.order_id.as_str()),
        (Some(dec("-0.0005")), "102067003631907840")
    );
}

#[test]
fn positions_are_in_base_units() {
    let row = |kind: u8, vol: u8| {
        format!(
            r#"{{"positionId":1394650,"symbol":"ETH_USDT","positionType":{kind},"openType":1,
            "state":1,"holdVol":{vol},"frozenVol":0,"holdAvgPrice":1217.3,"openAvgPrice":1217.3,
            "liquidatePrice":1211.2,"leverage":100,"updateTime":""}}"#
        )
    };
    let read = |rows: &[String]| {
        let body = format!(r#"{{"success":true,"code":0,"data":[{}]}}"#, rows.join(","));
        match answer(&linear(), Kind::Positions, 200, &body) {
            Ok(Reply::Positions(positions)) => positions,
            other => panic!("{other:?}"),
        }
    };
    let short = read(&[row(2, 3)])[0];
    assert_eq!((short.symbol.as_str(), short.size), ("ETHUSDT", dec("0.03")));
    assert_eq!((short.side, short.hedge), (Some(PositionSide::Short), false));
    assert_eq!(
        (short.entry_price, short.liquidation_price),
        (Some(dec("1217.3")), Some(dec("1211.2")))
    );
    assert_eq!((short.leverage, short.unrealized_pnl, short.updated_at), (Some(100), None, None));
    assert_eq!(read(&[row(1, 0)])[0].side, None);
    // Two positions of one symbol are hedge mode.
    assert!(read(&[row(1, 1), row(2, 1)]).iter().all(|position| position.hedge));
    // The documentation's template is no answer: "success" is false in it.
    assert_eq!(malformed_field(sample(&linear(), Kind::Positions, "linear_positions")), "success");
}

#[test]
fn balances_prices_and_times() {
    let Ok(Reply::Balances(all)) = sample(&spot(), Kind::Balances, "spot_account") else {
        panic!()
    };
    assert_eq!(
        (all[1].asset.as_str(), all[1].available, all[1].total),
        ("BTC", dec("0.0003"), dec("0.0003"))
    );
    let Ok(Reply::Balances(all)) = sample(&bare(), Kind::Balances, "linear_assets") else {
        panic!()
    };
    assert_eq!((all.len(), all[2].asset.as_str()), (3, "USDT"));
    assert_eq!((all[2].available, all[2].total), (dec("0.03176562"), dec("0.03176562")));

    let Ok(Reply::BookTop(top)) = sample(&spot(), Kind::BookTop, "spot_book_ticker") else {
        panic!()
    };
    assert_eq!((top.bid_price, top.bid_quantity), (Some(dec("0.11001")), Some(dec("115.59"))));
    assert_eq!((top.ask_price, top.ask_quantity), (Some(dec("0.11127")), Some(dec("215.48"))));

    let Ok(Reply::Ticker(price)) =
        answer(&spot(), Kind::Ticker, 200, r#"{"symbol":"BTCUSDT","price":"43210.9"}"#)
    else {
        panic!()
    };
    assert_eq!((price.last_price, price.mark_price), (Some(dec("43210.9")), None));

    let ticker = r#"{"success":true,"code":0,"data":{"symbol":"BTC_USDT","lastPrice":6865.5,
        "bid1":6865,"ask1":6866.5,"fairPrice":6867.4,"fundingRate":8e-4,"timestamp":1587442022003}}"#;
    let Ok(Reply::Ticker(price)) = answer(&bare(), Kind::Ticker, 200, ticker) else { panic!() };
    assert_eq!(price.symbol.as_str(), "BTCUSDT");
    assert_eq!((price.last_price, price.mark_price), (Some(dec("6865.5")), Some(dec("6867.4"))));
    let Ok(Reply::BookTop(top)) = answer(&bare(), Kind::BookTop, 200, ticker) else { panic!() };
    assert_eq!((top.bid_price, top.ask_price), (Some(dec("6865")), Some(dec("6866.5"))));
    assert_eq!((top.bid_quantity, top.at), (None, at(1_587_442_022_003)));
    let Ok(Reply::FundingRate(rate)) = answer(&bare(), Kind::FundingRate, 200, ticker) else {
        panic!()
    };
    assert_eq!((rate.rate, rate.next_at), (dec("0.0008"), None));

    let Ok(Reply::ServerTime(time)) = sample(&bare(), Kind::ServerTime, "linear_server_time")
    else {
        panic!()
    };
    assert_eq!(Some(time), at(1_587_442_022_003));
    let Ok(Reply::ServerTime(time)) =
        answer(&spot(), Kind::ServerTime, 200, r#"{"serverTime":1645539742000}"#)
    else {
        panic!()
    };
    assert_eq!(Some(time), at(1_645_539_742_000));
}

#[test]
fn settings_that_took_effect_are_changes() {
    let applied = |reply| matches!(reply, Ok(Reply::Changed(Change::Applied)));
    assert!(applied(sample(&bare(), Kind::SetPositionMode, "linear_position_mode")));
    for op in [Kind::SetLeverage, Kind::CancelAll, Kind::CancelAllConditional] {
        assert!(applied(answer(&bare(), op, 200, r#"{"success":true,"code":0}"#)));
        assert!(!applied(answer(&bare(), op, 200, r#"{"success":true,"code":2019}"#)));
        assert!(!applied(answer(&bare(), op, 200, r#"{"code":0}"#)));
    }
}

#[test]
fn listen_keys() {
    let body =
        r#"{"listenKey":"pqia91ma19a5s61cv6a81va65sd099v8a65a1a5s61cv6a81va65sdf19v8a65a1"}"#;
    let Ok(Reply::ListenKey(key)) = answer(&spot(), Kind::CreateListenKey, 200, body) else {
        panic!()
    };
    assert_eq!((key.len(), key.starts_with("pqia91ma")), (64, true));
    for op in [Kind::ExtendListenKey, Kind::CloseListenKey] {
        let reply = answer(&spot(), op, 200, body);
        assert!(matches!(reply, Ok(Reply::Changed(Change::Applied))));
        let refused = answer(&spot(), op, 200, r#"{"code":700007,"msg":"No permission"}"#);
        assert_eq!(class(refused), Class::Reject(Reason::Permission));
        assert_eq!(malformed_field(answer(&spot(), op, 200, "{}")), "listenKey");
    }
}

/// What a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Reject(Reason),
    Throttle(ThrottleKind),
    Unknown,
}

fn class(result: Result<Reply, VenueError>) -> Class {
    match result {
        Err(VenueError::Rejected(rejection)) => Class::Reject(rejection.reason),
        Err(VenueError::Throttled(throttle)) => Class::Throttle(throttle.kind),
        Err(VenueError::Unknown(_)) => Class::Unknown,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_sample_error_is_classified() {
    for (name, expected) in [
        ("error_linear_bad_time", Class::Reject(Reason::Clock)),
        ("error_linear_balance", Class::Reject(Reason::InsufficientBalance)),
        ("error_linear_busy", Class::Unknown),
        ("error_linear_contract_not_open_to_api", Class::Reject(Reason::NotTrading)),
        ("error_linear_external_oid_too_long", Class::Reject(Reason::InvalidRequest)),
        ("error_linear_internal", Class::Unknown),
        ("error_linear_invalid_signature", Class::Reject(Reason::BadSignature)),
        ("error_linear_position_missing", Class::Reject(Reason::NoPosition)),
        ("error_linear_precision", Class::Reject(Reason::Precision)),
        ("error_linear_qty", Class::Reject(Reason::Quantity)),
        ("error_linear_too_frequent", Class::Throttle(ThrottleKind::RequestRate)),
        ("error_linear_unauthorized", Class::Reject(Reason::BadKey)),
        ("error_spot_bad_symbol", Class::Reject(Reason::UnknownSymbol)),
        ("error_spot_bad_timestamp", Class::Reject(Reason::Clock)),
        ("error_spot_insufficient_balance", Class::Reject(Reason::InsufficientBalance)),
        ("error_spot_insufficient_position", Class::Reject(Reason::InsufficientBalance)),
        ("error_spot_invalid_signature", Class::Reject(Reason::BadSignature)),
        ("error_spot_ip_not_whitelisted", Class::Reject(Reason::BadKey)),
        ("error_spot_min_volume", Class::Reject(Reason::MinNotional)),
        ("error_spot_no_permission", Class::Reject(Reason::Permission)),
        ("error_spot_oversold", Class::Reject(Reason::InsufficientBalance)),
        ("error_spot_price_out_of_range", Class::Reject(Reason::Price)),
        ("error_spot_rate_limit", Class::Throttle(ThrottleKind::RequestRate)),
        ("error_spot_recv_window_too_big", Class::Reject(Reason::InvalidRequest)),
        ("error_spot_unknown_order", Class::Reject(Reason::UnknownOrder)),
    ] {
        let mexc = if name.starts_with("error_spot") { spot() } else { linear() };
        for op in
            [Kind::Place, Kind::Cancel, Kind::OrderByClientId, Kind::Balances, Kind::OpenOrders]
        {
            assert_eq!(class(sample(&mexc, op, name)), expected, "{name} {op:?}");
            // The HTTP status of errors is unpublished: the body decides.
            let body = fixture(name)["payload"].to_string();
            assert_eq!(class(answer(&mexc, op, 200, &body)), expected, "{name} {op:?}");
            assert_eq!(class(answer(&mexc, op, 400, &body)), expected, "{name} {op:?}");
        }
    }
}

#[test]
fn every_code_of_the_sheet_is_classified() {
    use Class::{Reject, Throttle, Unknown};
    let tables: [(&[i64], &[i64], Class); 21] = [
        (&[700002], &[602], Reject(Reason::BadSignature)),
        (&[700003], &[513], Reject(Reason::Clock)),
        (
            &[700005, 700004, 700008, 700013, 33333, 44444, 730002],
            &[600, 601, 2030],
            Reject(Reason::InvalidRequest),
        ),
        (&[700001, 10072, 400, 700006], &[401, 402, 406], Reject(Reason::BadKey)),
        (&[700007, 403, 30020, 70011], &[511, 701, 702, 703, 704], Reject(Reason::Permission)),
        (&[10007, 30014, 30021, -1121, 730001], &[1001], Reject(Reason::UnknownSymbol)),
        (&[10101, 30004, 30005], &[2005, 2018, 2008], Reject(Reason::InsufficientBalance)),
        (&[30002, 88013], &[], Reject(Reason::MinNotional)),
        (&[30003], &[2011, 1004, 2028], Reject(Reason::Quantity)),
        (&[30032, 30027], &[2031, 2025, 2038], Reject(Reason::PositionLimit)),
        (&[30029], &[2036], Reject(Reason::TooManyOrders)),
        (&[10096], &[2015], Reject(Reason::Precision)),
        (&[30087, 30010], &[2003, 2004, 2007, 2032, 2033], Reject(Reason::Price)),
        (
            &[30000, 30001, 30016, 30018, 30019, 30041],
            &[1002, 6001, 6002, 6005, 2001, 2002, 2029],
            Reject(Reason::NotTrading),
        ),
        (&[-2011, -2013], &[2040, 2041], Reject(Reason::UnknownOrder)),
        (&[], &[2009], Reject(Reason::NoPosition)),
        (&[], &[2021, 2024, 2006, 2026, 2027], Reject(Reason::Leverage)),
        (&[], &[603], Unknown),
        (&[429], &[510, 2037], Throttle(ThrottleKind::RequestRate)),
        (&[500, 503, 504, 20002], &[500, 501, 506, 9999], Unknown),
        (&[11444], &[604, 801, 11444], Throttle(ThrottleKind::Maintenance)),
    ];
    for (spot_codes, linear_codes, expected) in tables {
        for code in spot_codes {
            let body = format!(r#"{{"code":{code},"msg":"words","_extend":null}}"#);
            assert_eq!(class(answer(&spot(), Kind::Place, 200, &body)), expected, "spot {code}");
        }
        for code in linear_codes {
            let body = format!(r#"{{"success":false,"code":{code},"message":"words"}}"#);
            assert_eq!(class(answer(&bare(), Kind::Place, 200, &body)), expected, "linear {code}");
        }
    }
    // A definite no without a word for it, and one in words.
    let other = r#"{"success":false,"code":8817,"message":"upgraded","data":null}"#;
    assert_eq!(class(answer(&bare(), Kind::Place, 200, other)), Reject(Reason::Other));
    assert_eq!(class(answer(&bare(), Kind::Place, 500, other)), Unknown);
    let words = r#"{"success":false,"code":8817,"message":"Under Maintenance"}"#;
    assert_eq!(
        class(answer(&bare(), Kind::Place, 200, words)),
        Throttle(ThrottleKind::Maintenance)
    );
}

#[test]
fn throttles_tell_how_long_to_wait() {
    let wait = |status: u16, header: Option<&'static str>| {
        let find = |name: &str| header.filter(|_| name.eq_ignore_ascii_case("Retry-After"));
        match spot().decode(&Kind::Place.into(), status, Headers::new(&find), &mut b"oops".to_vec())
        {
            Err(VenueError::Throttled(throttle)) => (throttle.kind, throttle.retry_after),
            other => panic!("{other:?}"),
        }
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(wait(429, Some("7")), (ThrottleKind::RequestRate, seconds(7)));
    assert_eq!(wait(429, None), (ThrottleKind::RequestRate, seconds(2)));
    assert_eq!(wait(418, None), (ThrottleKind::Banned, seconds(120)));
}

#[test]
fn a_missing_or_mistyped_field_is_named() {
    let order = fixture("linear_query_order")["payload"].clone();
    for field in ["orderId", "symbol", "side", "state", "vol", "dealVol"] {
        let mut missing = order.clone();
        missing["data"].as_object_mut().unwrap().remove(field);
        let result = answer(&linear(), Kind::OrderById, 200, &missing.to_string());
        assert_eq!(malformed_field(result), format!("data.{field}"));
        let mut mistyped = order.clone();
        mistyped["data"][field] = serde_json::json!([]);
        let result = answer(&linear(), Kind::OrderById, 200, &mistyped.to_string());
        assert_eq!(malformed_field(result), format!("data.{field}"));
    }
    let order = fixture("spot_query_order")["payload"].clone();
    for (field, named) in [
        ("orderId", "orderId"),
        ("symbol", "symbol"),
        ("side", "side"),
        ("status", "status"),
        ("Qty", "origQty"),
        ("executedQty", "executedQty"),
    ] {
        let mut missing = order.clone();
        missing.as_object_mut().unwrap().remove(field);
        let result = answer(&spot(), Kind::OrderById, 200, &missing.to_string());
        assert_eq!(malformed_field(result), named);
    }
    let side = order.to_string().replace("BUY", "HOLD");
    assert_eq!(malformed_field(answer(&spot(), Kind::OrderById, 200, &side)), "side");
    for (mexc, body) in [(spot(), "{}"), (bare(), r#"{"success":true,"code":0,"data":{}}"#)] {
        let field = malformed_field(answer(&mexc, Kind::Place, 200, body));
        assert!(field.ends_with("orderId"), "{field}");
    }
    let absent = answer(&bare(), Kind::Place, 200, r#"{"success":true,"code":0,"data":null}"#);
    assert_eq!(malformed_field(absent), "data");
}

#[test]
fn half_an_answer_is_no_answer() {
    for (mexc, op, name) in [
        (spot(), Kind::Place, "spot_order_ack"),
        (linear(), Kind::Place, "linear_order_ack"),
        (linear(), Kind::OrderById, "linear_query_order"),
        (spot(), Kind::Balances, "spot_account"),
    ] {
        let whole = fixture(name)["payload"].to_string();
        assert!(answer(&mexc, op, 200, &whole).is_ok());
        for end in 0..whole.len() {
            let part = answer(&mexc, op, 200, &whole[..end]);
            assert!(matches!(part, Err(VenueError::Malformed(_))), "{name} {end}: {part:?}");
        }
    }
}

#[test]
fn every_fixture_is_read_somewhere_here() {
    let here = include_str!("responses.rs");
    let directory = format!("{}/tests/fixtures", env!("CARGO_MANIFEST_DIR"));
    let names: BTreeSet<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "vectors" && !name.starts_with("ws_"))
        .collect();
    assert_eq!(names.len(), 42);
    for name in names {
        assert!(here.contains(&format!("\"{name}\"")), "{name}");
    }
}
