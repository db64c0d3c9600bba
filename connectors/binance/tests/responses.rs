//! Every recorded REST reply becomes the right neutral value, field by field. Errors are in errors.rs,
//! what comes over WebSocket in streams.rs and frames.rs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use hoox_binance::Binance;
use hoox_connector::stream::BookUpdate;
use hoox_connector::{
    Accepted, Asked, Balance, BookTop, Change, ClientOrderId, ExchangeProvider, Fee, Fill,
    FundingRate, Headers, Instrument, InstrumentStatus, Instruments, LotRule, Market, NotionalRule,
    Operation, OperationKind as Kind, OrderId, OrderReport, OrderStatus, PercentPriceRule,
    Position, PositionSide, RateUsage, Reply, Side, TimeInForce, Timestamp, Venue, VenueError,
};
use support::{asset, at, dec, decode, linear, read, sample, spot, symbol};

/// Samples of endpoints for which there is no neutral operation.
const NO_OPERATION: [&str; 3] =
    ["linear_position_mode", "linear_symbol_config", "spot_rate_limit_order"];

const READ_HERE: [&str; 25] = [
    "linear_account_v3",
    "linear_algo_order_cancel",
    "linear_algo_order_new",
    "linear_algo_order_query",
    "linear_balance_v3",
    "linear_book_ticker",
    "linear_cancel",
    "linear_exchange_info",
    "linear_listen_key",
    "linear_open_orders",
    "linear_order_filled",
    "linear_order_new",
    "linear_position_risk_v3",
    "linear_query_order",
    "linear_server_time",
    "linear_set_leverage",
    "linear_set_margin_type",
    "linear_user_trades",
    "spot_account",
    "spot_book_ticker",
    "spot_cancel",
    "spot_exchange_info",
    "spot_open_orders",
    "spot_order_ack",
    "spot_order_full_filled",
];

const READ_HERE_TOO: [&str; 5] =
    ["linear_depth", "spot_depth", "spot_order_result", "spot_query_order_new", "spot_server_time"];

#[test]
fn no_sample_is_forgotten() {
    let recorded: BTreeSet<String> = std::fs::read_dir(support::fixtures().join("responses"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".json").to_owned())
        .filter(|name| !["error_", "ws_"].iter().any(|other| name.starts_with(other)))
        .collect();
    let known = NO_OPERATION.iter().chain(&READ_HERE).chain(&READ_HERE_TOO);
    assert_eq!(recorded, known.map(|name| (*name).to_owned()).collect());
}

fn client_id(text: &str) -> Option<ClientOrderId> {
    Some(ClientOrderId::new(text).unwrap())
}

fn id(text: &str) -> OrderId {
    OrderId::new(text).unwrap()
}

fn order(reply: Reply) -> OrderReport {
    let Reply::Order(report) = reply else { panic!("{reply:?}") };
    report
}

fn asked<'a>(op: &Operation<'a>, binance: &Binance, body: &str) -> Result<Reply, VenueError> {
    let mut body = body.as_bytes().to_vec();
    binance.decode(&Asked::from(op), 200, Headers::none(), &mut body)
}

#[test]
fn books_are_whole_and_numbered() {
    let btc = symbol("BTCUSDT");
    let op = Operation::Depth { symbol: btc, levels: 5 };
    for (binance, name, at) in
        [(spot(), "spot_depth", None), (linear(), "linear_depth", at(1_589_436_922_959))]
    {
        let Ok(Reply::Depth(book)) = asked(&op, &binance, &sample(name).1) else { panic!() };
        let expected = BookUpdate {
            symbol: btc,
            snapshot: true,
            bids: vec![(dec("4.00000000"), dec("431.00000000"))],
            asks: vec![(dec("4.00000200"), dec("12.00000000"))],
            first_id: None,
            last_id: 1_027_024,
            previous_id: None,
            at,
        };
        assert_eq!(book, expected);
    }
    // The reply does not name the symbol.
    let unnamed = decode(&spot(), Kind::Depth, 200, &sample("spot_depth").1);
    assert!(matches!(unnamed, Err(VenueError::Malformed(it)) if it.field == "symbol"));
    for (body, field) in [
        (r#"{"bids":[],"asks":[]}"#, "lastUpdateId"),
        (r#"{"lastUpdateId":1,"bids":[["1"]],"asks":[]}"#, "bids[0]"),
        (r#"{"lastUpdateId":1,"bids":[],"asks":[["1","x"]]}"#, "asks[0][1]"),
    ] {
        let Err(VenueError::Malformed(it)) = asked(&op, &spot(), body) else { panic!("{body}") };
        assert_eq!(it.field, field);
    }
}

#[test]
fn full_pages_lead_on_from_their_last_number() {
    let symbol = symbol("BTCUSDT");
    let since = at(1);
    let (_, order) = sample("spot_query_order_new");
    let two = format!("[{order},{order}]");
    let next = |binance: &Binance, since, limit, page| {
        let op = Operation::OrderHistory { symbol, order: None, since, limit, page };
        let Ok(Reply::Orders(read)) = asked(&op, binance, &two) else { panic!() };
        assert_eq!(read.len(), 2);
        read.next
    };
    let id: serde_json::Value = serde_json::from_str(&order).unwrap();
    let behind = Some((id["orderId"].as_u64().unwrap() + 1).to_string().into_boxed_str());
    for binance in [spot(), linear()] {
        assert_eq!(next(&binance, since, Some(2), None), behind);
        assert_eq!(next(&binance, None, Some(2), Some("1")), behind);
        assert_eq!(next(&binance, since, Some(3), None), None, "room was left");
        assert_eq!(next(&binance, since, None, None), None, "500 would be full");
        assert_eq!(next(&binance, None, Some(2), None), None, "nothing is newer than the newest");
    }
}

#[test]
fn both_readers_of_the_instruments_agree() {
    for (binance, name) in [(spot(), "spot_exchange_info"), (linear(), "linear_exchange_info")] {
        let all = |body: &str| match decode(&binance, Kind::Instruments, 200, body) {
            Ok(Reply::Instruments(all)) => all,
            other => panic!("{other:?}"),
        };
        let value: serde_json::Value = serde_json::from_str(&sample(name).1).unwrap();
        let one_line = value.to_string();
        // An escape is for the general reader.
        let general = all(&one_line.replacen('{', r#"{"\u0068oox":0,"#, 1));
        let quick = all(&one_line);
        assert!(quick.len() > 1);
        assert!(quick.iter().eq(general.iter()));
        assert_eq!((quick.at, quick.limits), (general.at, general.limits));
    }
}

#[test]
fn a_wrong_filter_is_named() {
    let value: serde_json::Value = serde_json::from_str(&sample("spot_exchange_info").1).unwrap();
    let wrong = value.to_string().replacen(r#""tickSize":""#, r#""tickSize":"x"#, 1);
    let Err(VenueError::Malformed(it)) = decode(&spot(), Kind::Instruments, 200, &wrong) else {
        panic!()
    };
    assert!(it.field.starts_with("symbols[0].filters"), "{}", it.field);
}

fn orders(reply: Reply) -> Vec<OrderReport> {
    let Reply::Orders(reports) = reply else { panic!("{reply:?}") };
    reports.rows
}

#[test]
fn spot_ack_tells_the_ids_and_no_status() {
    let Reply::Accepted(accepted) = read(&spot(), Kind::Place, "spot_order_ack").unwrap() else {
        panic!()
    };
    let expected = Accepted {
        order_id: Some(id("28")),
        client_order_id: client_id("6gCrw2kRUAF9CvJDGP16IP"),
        at: at(1_507_725_176_595),
    };
    assert_eq!(accepted, expected);
}

fn spot_filled() -> OrderReport {
    let mut it = OrderReport::new(symbol("BTCUSDT"), id("28"), Side::Sell, OrderStatus::Filled);
    it.client_order_id = client_id("6gCrw2kRUAF9CvJDGP16IP");
    it.quantity = Some(dec("10"));
    it.filled_quantity = dec("10");
    it.filled_quote = Some(dec("10"));
    it.average_price = Some(dec("1"));
    it.time_in_force = Some(TimeInForce::GoodTillCancel);
    it.updated_at = at(1_507_725_176_595);
    it
}

#[test]
fn spot_result_is_the_order() {
    let reply = read(&spot(), Kind::Place, "spot_order_result").unwrap();
    assert_eq!(order(reply), spot_filled());
}

#[test]
fn spot_full_adds_the_fees_up() {
    let mut expected = spot_filled();
    expected.fee = Some(Fee { asset: asset("USDT"), amount: dec("39.983") });
    let reply = read(&spot(), Kind::Place, "spot_order_full_filled").unwrap();
    assert_eq!(order(reply), expected);

    // Fees in several assets have no sum.
    let (_, body) = sample("spot_order_full_filled");
    let last = body.rfind("\"USDT\"").unwrap();
    let mixed = format!("{}\"BNB\"{}", &body[..last], &body[last + 6..]);
    assert_eq!(order(decode(&spot(), Kind::Place, 200, &mixed).unwrap()), spot_filled());
}

#[test]
fn spot_orders_are_read_open_queried_and_cancelled() {
    let mut expected = OrderReport::new(symbol("LTCBTC"), id("1"), Side::Buy, OrderStatus::New);
    expected.client_order_id = client_id("myOrder1");
    expected.quantity = Some(dec("1"));
    expected.price = Some(dec("0.1"));
    expected.filled_quote = Some(dec("0"));
    expected.time_in_force = Some(TimeInForce::GoodTillCancel);
    expected.updated_at = at(1_499_827_319_559);
    for kind in [Kind::OrderById, Kind::OrderByClientId, Kind::ConditionalOrder] {
        assert_eq!(order(read(&spot(), kind, "spot_query_order_new").unwrap()), expected);
    }
    for kind in [Kind::OpenOrders, Kind::OpenConditionalOrders, Kind::OrderHistory] {
        assert_eq!(orders(read(&spot(), kind, "spot_open_orders").unwrap()), [expected]);
    }

    // On a cancellation the order's id is the original one.
    let mut expected =
        OrderReport::new(symbol("LTCBTC"), id("4"), Side::Buy, OrderStatus::Canceled);
    expected.client_order_id = client_id("myOrder1");
    expected.quantity = Some(dec("1"));
    expected.price = Some(dec("2"));
    expected.filled_quote = Some(dec("0"));
    expected.time_in_force = Some(TimeInForce::GoodTillCancel);
    expected.updated_at = at(1_684_804_350_068);
    for kind in [Kind::Cancel, Kind::CancelConditional] {
        assert_eq!(order(read(&spot(), kind, "spot_cancel").unwrap()), expected);
    }
    let (_, body) = sample("spot_cancel");
    let all = decode(&spot(), Kind::CancelAll, 200, &format!("[{body}]")).unwrap();
    assert_eq!(orders(all), [expected]);
}

#[test]
fn spot_balances_are_what_is_free_and_what_is_locked_besides() {
    let Reply::Balances(balances) = read(&spot(), Kind::Balances, "spot_account").unwrap() else {
        panic!()
    };
    let balance =
        |name, amount| Balance { asset: asset(name), available: dec(amount), total: dec(amount) };
    assert_eq!(balances, [balance("BTC", "4723846.89208129"), balance("LTC", "4763368.68006011")]);
    let body = r#"{"balances":[{"asset":"BTC","free":"0.1","locked":"0.2"}]}"#;
    let Ok(Reply::Balances(balances)) = decode(&spot(), Kind::Balances, 200, body) else {
        panic!()
    };
    let expected = Balance { asset: asset("BTC"), available: dec("0.1"), total: dec("0.3") };
    assert_eq!(balances, [expected]);
}

#[test]
fn linear_orders_are_read_new_filled_cancelled_and_open() {
    let new = |name: &str, status, quantity: &str, updated| {
        let mut it = OrderReport::new(symbol("BTCUSDT"), id(name), Side::Buy, status);
        it.quantity = Some(dec(quantity));
        it.time_in_force = Some(TimeInForce::GoodTillCancel);
        it.updated_at = at(updated);
        it
    };
    let mut expected = new("22542179", OrderStatus::New, "10", 1_566_818_724_722);
    expected.side = Side::Sell;
    expected.client_order_id = client_id("testOrder");
    expected.position_side = Some(PositionSide::Short);
    assert_eq!(order(read(&linear(), Kind::Place, "linear_order_new").unwrap()), expected);

    let mut expected = new("22542180", OrderStatus::Filled, "0.012", 1_700_000_000_123);
    expected.client_order_id = client_id("dev-l-004");
    expected.filled_quantity = dec("0.012");
    expected.average_price = Some(dec("64012.3"));
    expected.filled_quote = Some(dec("768.1476"));
    for kind in [Kind::Place, Kind::Amend, Kind::OrderById, Kind::OrderByClientId] {
        assert_eq!(order(read(&linear(), kind, "linear_order_filled").unwrap()), expected);
    }

    let mut expected = new("283194212", OrderStatus::Canceled, "11", 1_571_110_484_038);
    expected.client_order_id = client_id("myOrder1");
    expected.position_side = Some(PositionSide::Short);
    expected.trigger_price = Some(dec("9300"));
    assert_eq!(order(read(&linear(), Kind::Cancel, "linear_cancel").unwrap()), expected);

    let mut expected = new("1573346959", OrderStatus::New, "0.40", 1_579_276_756_075);
    expected.client_order_id = client_id("abc");
    expected.position_side = Some(PositionSide::Short);
    expected.trigger_price = Some(dec("9300"));
    expected.filled_quote = Some(dec("0"));
    assert_eq!(order(read(&linear(), Kind::OrderById, "linear_query_order").unwrap()), expected);
    expected.order_id = id("1917641");
    for kind in [Kind::OpenOrders, Kind::OrderHistory] {
        assert_eq!(orders(read(&linear(), kind, "linear_open_orders").unwrap()), [expected]);
    }
}

#[test]
fn linear_conditional_orders_are_read_by_their_own_names() {
    let mut expected =
        OrderReport::new(symbol("BNBUSDT"), id("2146760"), Side::Sell, OrderStatus::New);
    expected.client_order_id = client_id("6B2I9XVcJpCjqPAJ4YoFX7");
    expected.quantity = Some(dec("0.01"));
    expected.price = Some(dec("750"));
    expected.trigger_price = Some(dec("750"));
    expected.time_in_force = Some(TimeInForce::GoodTillCancel);
    expected.updated_at = at(1_750_485_492_076);
    let reply = read(&linear(), Kind::PlaceConditional, "linear_algo_order_new").unwrap();
    assert_eq!(order(reply), expected);
    let (_, body) = sample("linear_algo_order_new");
    let open = decode(&linear(), Kind::OpenConditionalOrders, 200, &format!("[{body}]")).unwrap();
    assert_eq!(orders(open), [expected]);

    expected.status = OrderStatus::Canceled;
    expected.updated_at = at(1_750_514_545_091);
    let reply = read(&linear(), Kind::ConditionalOrder, "linear_algo_order_query").unwrap();
    assert_eq!(order(reply), expected);

    // Once it has fired, the order to follow is another.
    let (_, body) = sample("linear_algo_order_query");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let fired = body.to_string();
    let fired = fired.replace("\"CANCELED\"", "\"FINISHED\"");
    let fired = fired.replace("\"actualOrderId\":\"\"", "\"actualOrderId\":\"8886774\"");
    expected.status = OrderStatus::Triggered;
    expected.triggered_order_id = Some(id("8886774"));
    let reply = decode(&linear(), Kind::ConditionalOrder, 200, &fired).unwrap();
    assert_eq!(order(reply), expected);

    let reply = read(&linear(), Kind::CancelConditional, "linear_algo_order_cancel").unwrap();
    let Reply::Accepted(accepted) = reply else { panic!("{reply:?}") };
    let expected = Accepted {
        order_id: Some(id("2146760")),
        client_order_id: client_id("6B2I9XVcJpCjqPAJ4YoFX7"),
        at: None,
    };
    assert_eq!(accepted, expected);
}

#[test]
fn every_status_has_its_neutral_one() {
    let (_, body) = sample("linear_order_filled");
    let body = serde_json::from_str::<serde_json::Value>(&body).unwrap().to_string();
    for (theirs, ours) in [
        ("NEW", OrderStatus::New),
        ("PENDING_NEW", OrderStatus::New),
        ("NEW_INSURANCE", OrderStatus::New),
        ("NEW_ADL", OrderStatus::New),
        ("PARTIALLY_FILLED", OrderStatus::PartiallyFilled),
        ("FILLED", OrderStatus::Filled),
        ("CANCELED", OrderStatus::Canceled),
        ("PENDING_CANCEL", OrderStatus::Canceled),
        ("REJECTED", OrderStatus::Rejected),
        ("EXPIRED", OrderStatus::Expired),
        ("EXPIRED_IN_MATCH", OrderStatus::Expired),
        ("SOMETHING_NEW", OrderStatus::Unrecognized),
    ] {
        let body = body.replace("\"FILLED\"", &format!("\"{theirs}\""));
        let report = order(decode(&linear(), Kind::OrderById, 200, &body).unwrap());
        assert_eq!(report.status, ours, "{theirs}");
        // What filled is kept, whatever ended the order.
        assert_eq!(report.filled_quantity, dec("0.012"));
    }
    let (_, body) = sample("linear_algo_order_query");
    let body = serde_json::from_str::<serde_json::Value>(&body).unwrap().to_string();
    for (theirs, ours) in [
        ("NEW", OrderStatus::New),
        ("TRIGGERING", OrderStatus::Triggered),
        ("TRIGGERED", OrderStatus::Triggered),
        ("FINISHED", OrderStatus::Triggered),
        ("CANCELED", OrderStatus::Canceled),
        ("EXPIRED", OrderStatus::Expired),
        ("REJECTED", OrderStatus::Rejected),
        ("SOMETHING_NEW", OrderStatus::Unrecognized),
    ] {
        let body = body.replace("\"CANCELED\"", &format!("\"{theirs}\""));
        let report = order(decode(&linear(), Kind::ConditionalOrder, 200, &body).unwrap());
        assert_eq!(report.status, ours, "{theirs}");
    }
}

#[test]
fn linear_balances_are_read_from_the_account_and_from_the_list() {
    for (name, available, total) in [
        ("linear_account_v3", "23.72469206", "23.72469206"),
        ("linear_balance_v3", "23.72469206", "122607.35137903"),
    ] {
        let Reply::Balances(balances) = read(&linear(), Kind::Balances, name).unwrap() else {
            panic!()
        };
        let expected =
            Balance { asset: asset("USDT"), available: dec(available), total: dec(total) };
        assert_eq!(balances, [expected], "{name}");
    }
}

#[test]
fn linear_positions_have_a_side_and_a_size_without_sign() {
    let read_positions = |body: &str| {
        let Ok(Reply::Positions(positions)) = decode(&linear(), Kind::Positions, 200, body) else {
            panic!("{body}")
        };
        positions
    };
    let (_, body) = sample("linear_position_risk_v3");
    let mut expected = Position::new(symbol("ADAUSDT"), Some(PositionSide::Long), dec("30"));
    expected.entry_price = Some(dec("0.385"));
    expected.mark_price = Some(dec("0.4104759"));
    expected.unrealized_pnl = Some(dec("0.764277"));
    expected.updated_at = at(1_720_736_417_660);
    assert_eq!(*read_positions(&body), [expected]);

    for (side, amount, expected, hedge) in [
        ("BOTH", "-0.5", Some(PositionSide::Short), false),
        ("BOTH", "0.000", None, false),
        ("LONG", "0.5", Some(PositionSide::Long), true),
        ("SHORT", "-0.5", Some(PositionSide::Short), true),
        ("SHORT", "0", None, true),
    ] {
        let body =
            format!(r#"[{{"symbol":"BTCUSDT","positionSide":"{side}","positionAmt":"{amount}"}}]"#);
        let [position] = read_positions(&body)[..] else { panic!() };
        assert_eq!((position.side, position.hedge), (expected, hedge), "{side} {amount}");
        assert_eq!(position.size, dec(amount).abs());
    }
}

#[test]
fn fills_are_read_on_both_markets() {
    let fills = |reply| {
        let Ok(Reply::Fills(fills)) = reply else { panic!("{reply:?}") };
        fills
    };
    let mut expected = Fill::new(
        symbol("BTCUSDT"),
        (id("698759"), id("25851813")),
        Side::Sell,
        (dec("7819.01"), dec("0.002")),
        Timestamp::from_millis(1_569_514_978_020),
    );
    expected.fee = Some(Fee { asset: asset("USDT"), amount: dec("0.0781901") });
    expected.maker = Some(false);
    expected.realized_pnl = Some(dec("-0.91539999"));
    assert_eq!(*fills(read(&linear(), Kind::Fills, "linear_user_trades")), [expected]);

    // spot rest-api.md, "Account trade list".
    let body = r#"[{"symbol":"BNBBTC","id":28457,"orderId":100234,"orderListId":-1,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","commission":"10.10000000","commissionAsset":"BNB","time":1499865549590,"isBuyer":true,"isMaker":false,"isBestMatch":true}]"#;
    let mut expected = Fill::new(
        symbol("BNBBTC"),
        (id("28457"), id("100234")),
        Side::Buy,
        (dec("4.000001"), dec("12")),
        Timestamp::from_millis(1_499_865_549_590),
    );
    expected.fee = Some(Fee { asset: asset("BNB"), amount: dec("10.1") });
    expected.maker = Some(false);
    assert_eq!(*fills(decode(&spot(), Kind::Fills, 200, body)), [expected]);
}

#[test]
fn settings_that_took_effect_are_changes() {
    for (kind, name) in [
        (Kind::SetMarginMode, "linear_set_margin_type"),
        (Kind::SetPositionMode, "linear_set_margin_type"),
        (Kind::CancelAll, "linear_set_margin_type"),
        (Kind::CancelAllConditional, "linear_set_margin_type"),
    ] {
        let reply = read(&linear(), kind, name).unwrap();
        assert!(matches!(reply, Reply::Changed(Change::Applied)), "{kind:?} {reply:?}");
    }
    for (kind, name) in [
        (Kind::SetMarginMode, "error_linear_no_need_margin_type"),
        (Kind::SetPositionMode, "error_linear_no_need_position_mode"),
    ] {
        let reply = read(&linear(), kind, name).unwrap();
        assert!(matches!(reply, Reply::Changed(Change::Unchanged)), "{kind:?} {reply:?}");
    }
}

#[test]
fn a_leverage_tells_how_large_a_position_may_grow() {
    let reply = read(&linear(), Kind::SetLeverage, "linear_set_leverage").unwrap();
    let max_notional = "1000000".parse().unwrap();
    assert!(matches!(reply, Reply::Changed(change) if change == Change::Bounded { max_notional }));
    for bound in ["\"INF\"", "\"\"", "\"0\"", "null", "-1", "{}", "\"1e400\""] {
        let body = format!(r#"{{"leverage":21,"maxNotionalValue":{bound},"symbol":"BTCUSDT"}}"#);
        let reply = decode(&linear(), Kind::SetLeverage, 200, &body).unwrap();
        assert!(matches!(reply, Reply::Changed(Change::Applied)), "{bound}: {reply:?}");
    }
    let number = r#"{"leverage":21,"maxNotionalValue":250000.50,"symbol":"BTCUSDT"}"#;
    let reply = decode(&linear(), Kind::SetLeverage, 200, number).unwrap();
    assert!(matches!(reply, Reply::Changed(Change::Bounded { .. })), "{reply:?}");
}

#[test]
fn a_listen_key_is_handed_over() {
    let reply = read(&linear(), Kind::CreateListenKey, "linear_listen_key").unwrap();
    let Reply::ListenKey(key) = reply else { panic!("{reply:?}") };
    assert_eq!(&*key, "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1");
    for kind in [Kind::ExtendListenKey, Kind::CloseListenKey] {
        let reply = decode(&linear(), kind, 200, "{}").unwrap();
        assert!(matches!(reply, Reply::Changed(Change::Applied)));
    }
}

#[test]
fn prices_times_and_funding_are_read() {
    for (binance, name) in [(spot(), "spot_server_time"), (linear(), "linear_server_time")] {
        let reply = read(&binance, Kind::ServerTime, name).unwrap();
        let Reply::ServerTime(time) = reply else { panic!("{reply:?}") };
        assert_eq!(time.as_millis(), 1_499_827_319_559);
    }

    let top = |reply| {
        let Ok(Reply::BookTop(top)) = reply else { panic!("{reply:?}") };
        top
    };
    let mut expected = BookTop {
        symbol: symbol("LTCBTC"),
        bid_price: Some(dec("4")),
        bid_quantity: Some(dec("431")),
        ask_price: Some(dec("4.000002")),
        ask_quantity: Some(dec("9")),
        update_id: None,
        at: None,
    };
    assert_eq!(top(read(&spot(), Kind::BookTop, "spot_book_ticker")), expected);
    expected.symbol = symbol("BTCUSDT");
    expected.at = at(1_589_437_530_011);
    assert_eq!(top(read(&linear(), Kind::BookTop, "linear_book_ticker")), expected);

    let ticker = |reply| {
        let Ok(Reply::Ticker(ticker)) = reply else { panic!("{reply:?}") };
        (ticker.symbol, ticker.last_price, ticker.mark_price)
    };
    let body = r#"{"symbol":"LTCBTC","price":"4.00000200"}"#;
    assert_eq!(
        ticker(decode(&spot(), Kind::Ticker, 200, body)),
        (symbol("LTCBTC"), Some(dec("4.000002")), None)
    );
    // linear, "Mark Price".
    let body = r#"{"symbol":"BTCUSDT","markPrice":"11793.63104562","indexPrice":"11781.80495970","estimatedSettlePrice":"11781.16138815","lastFundingRate":"0.00038246","interestRate":"0.00010000","nextFundingTime":1597392000000,"time":1597370495002}"#;
    assert_eq!(
        ticker(decode(&linear(), Kind::Ticker, 200, body)),
        (symbol("BTCUSDT"), None, Some(dec("11793.63104562")))
    );
    let Ok(Reply::FundingRate(funding)) = decode(&linear(), Kind::FundingRate, 200, body) else {
        panic!()
    };
    let expected = FundingRate {
        symbol: symbol("BTCUSDT"),
        rate: dec("0.00038246"),
        next_at: at(1_597_392_000_000),
    };
    assert_eq!(funding, expected);
}

fn instruments(reply: Reply) -> Instruments {
    let Reply::Instruments(instruments) = reply else { panic!("{reply:?}") };
    instruments
}

fn limit(orders: bool, seconds: u64, limit: u32) -> RateUsage {
    RateUsage { orders, window: Duration::from_secs(seconds), limit: Some(limit), used: None }
}

#[test]
fn spot_instruments_hold_every_rule() {
    let reply = read(&spot(), Kind::Instruments, "spot_exchange_info").unwrap();
    let list = instruments(reply);
    assert_eq!((list.len(), list.at), (2, at(1_700_000_000_000)));
    let limits = [limit(false, 60, 6_000), limit(true, 10, 100), limit(true, 86_400, 200_000)];
    assert_eq!(list.limits, limits);

    let mut btc = Instrument::new(Venue::Binance, Market::Spot, symbol("BTCUSDT"));
    btc.base = Some(asset("BTC"));
    btc.quote = Some(asset("USDT"));
    btc.tick_size = Some(dec("0.01"));
    btc.min_price = Some(dec("0.01"));
    btc.max_price = Some(dec("1000000"));
    btc.lot =
        LotRule { min: Some(dec("0.00001")), max: Some(dec("9000")), step: Some(dec("0.00001")) };
    // A zero is no rule: the step of market orders is the ordinary one.
    btc.market_lot = LotRule { min: None, max: Some(dec("84.5")), step: None };
    btc.notional = NotionalRule {
        min: Some(dec("5")),
        max: Some(dec("9000000")),
        market_exempt_from_min: false,
        market_exempt_from_max: true,
        reduce_only_exempt: false,
    };
    btc.quote_step = Some(dec("0.00000001"));
    btc.percent_price = Some(PercentPriceRule {
        buy_up: dec("5"),
        buy_down: dec("0.2"),
        sell_up: dec("5"),
        sell_down: dec("0.2"),
    });
    assert_eq!(list.find(&symbol("BTCUSDT")), Some(&btc));

    let mut shib = btc.clone();
    (shib.symbol, shib.venue_symbol) = (symbol("SHIBUSDT"), symbol("SHIBUSDT"));
    shib.base = Some(asset("SHIB"));
    shib.tick_size = Some(dec("0.00000001"));
    shib.min_price = shib.tick_size;
    shib.max_price = Some(dec("1"));
    shib.lot = LotRule { min: Some(dec("1")), max: Some(dec("46116860414")), step: Some(dec("1")) };
    shib.market_lot.max = Some(dec("500000000"));
    shib.notional.min = Some(dec("1"));
    assert_eq!(list.find(&symbol("SHIBUSDT")), Some(&shib));
}

#[test]
fn linear_instruments_hold_every_rule_and_are_perpetual() {
    let reply = read(&linear(), Kind::Instruments, "linear_exchange_info").unwrap();
    let list = instruments(reply);
    assert_eq!((list.len(), list.at), (2, at(1_700_000_000_000)));
    let limits = [limit(false, 60, 2_400), limit(true, 60, 1_200), limit(true, 10, 300)];
    assert_eq!(list.limits, limits);

    let mut btc = Instrument::new(Venue::Binance, Market::Linear, symbol("BTCUSDT"));
    btc.base = Some(asset("BTC"));
    btc.quote = Some(asset("USDT"));
    btc.tick_size = Some(dec("0.1"));
    btc.min_price = Some(dec("556.8"));
    btc.max_price = Some(dec("4529764"));
    btc.lot = LotRule { min: Some(dec("0.001")), max: Some(dec("1000")), step: Some(dec("0.001")) };
    btc.market_lot = LotRule { max: Some(dec("120")), ..btc.lot };
    btc.notional =
        NotionalRule { min: Some(dec("100")), reduce_only_exempt: true, ..NotionalRule::default() };
    btc.percent_price = Some(PercentPriceRule {
        buy_up: dec("1.05"),
        buy_down: dec("0.95"),
        sell_up: dec("1.05"),
        sell_down: dec("0.95"),
    });
    assert_eq!(list.find(&symbol("BTCUSDT")), Some(&btc));
    let pepe = list.find(&symbol("1000PEPEUSDT")).unwrap();
    assert_eq!(pepe.base, Some(asset("1000PEPE")));
    assert_eq!(pepe.tick_size, Some(dec("0.0000001")));
    assert_eq!(pepe.lot.step, Some(dec("1")));

    let (_, body) = sample("linear_exchange_info");
    let dated = body.replacen("PERPETUAL", "CURRENT_QUARTER", 1);
    let reply = decode(&linear(), Kind::Instruments, 200, &dated).unwrap();
    assert_eq!(instruments(reply).find(&symbol("BTCUSDT")), None);
    let halted = body.replacen("\"TRADING\"", "\"SETTLING\"", 1);
    let reply = decode(&linear(), Kind::Instruments, 200, &halted).unwrap();
    let list = instruments(reply);
    assert_eq!(list.find(&symbol("BTCUSDT")).unwrap().status, InstrumentStatus::Halted);
}

/// The reply in an order of fields, a spacing and spellings of its own has the same meaning.
#[test]
fn the_quick_reader_and_the_general_one_agree() {
    for (binance, name) in [
        (spot(), "spot_order_full_filled"),
        (spot(), "spot_order_result"),
        (spot(), "spot_order_ack"),
        (linear(), "linear_order_filled"),
        (linear(), "linear_order_new"),
        (linear(), "linear_cancel"),
    ] {
        let (_, body) = sample(name);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        let plain = format!("{:?}", decode(&binance, Kind::Place, 200, &body).unwrap());
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let other = format!("{:?}", decode(&binance, Kind::Place, 200, &pretty).unwrap());
        assert_eq!(plain, other, "{name}");
        // An escape is legal, and not for the quick reader.
        let escaped = value.to_string().replace("\"selfTradePreventionMode\"", "\"\\u0073elf\"");
        let escaped = escaped.replace("{\"", "{\"\\n\":{\"a\":[]},\"");
        let other = format!("{:?}", decode(&binance, Kind::Place, 200, &escaped).unwrap());
        assert_eq!(plain, other, "{name}");
        // A name that comes twice is an error, whichever reader sees it first.
        let twice = value.to_string().replacen('{', "{\"symbol\":\"BTCUSDT\",", 1);
        assert!(decode(&binance, Kind::Place, 200, &twice).is_err(), "{name}");
    }
}
