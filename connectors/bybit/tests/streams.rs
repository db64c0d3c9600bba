//! Streams: what is written to them, and every recorded frame.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use hoox_bybit::Bybit;
use hoox_connector::stream::{BookUpdate, FRAME_MAX, Trade};
use hoox_connector::*;
use proptest::prelude::*;
use support::{decimal, id, linear, spot, symbol};

fn frame(name: &str) -> String {
    String::from_utf8(support::sample(name).1).unwrap()
}

fn read(bybit: &Bybit, text: &str) -> Result<Vec<Event>, StreamError> {
    let mut events = Vec::new();
    bybit.read(Frame::Text(text), &mut |event| events.push(event)).map(|()| events)
}

fn events(bybit: &Bybit, name: &str) -> Vec<Event> {
    read(bybit, &frame(name)).unwrap()
}

fn at(millis: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

fn asset(text: &str) -> Asset {
    Asset::new(text).unwrap()
}

fn topic(channel: Channel, name: &str) -> Topic {
    Topic { channel, symbol: Some(symbol(name)) }
}

const ACCOUNT: Topic = Topic { channel: Channel::Account, symbol: None };

#[test]
fn the_best_level_is_the_top_of_the_book() {
    let expected = BookTop {
        symbol: symbol("BTCUSDT"),
        bid_price: Some(decimal("27450.00")),
        bid_quantity: Some(decimal("0.500")),
        ask_price: Some(decimal("27451.00")),
        ask_quantity: Some(decimal("0.750")),
        update_id: Some(123456789),
        at: at(1709891679000),
    };
    for bybit in [spot(), linear()] {
        assert_eq!(events(&bybit, "ws_orderbook_snapshot"), [Event::BookTop(expected)]);
    }
    // The order of the fields is not promised.
    let (b, a) = (r#"[["1","2"]]"#, "[]");
    let texts = [
        // Numbers that are no strings, as the venue does not write them.
        r#"{"topic":"orderbook.1.A","ts":5,"type":"snapshot","data":{"s":"A","b":[[1,2e0]],"a":[],"u":7}}"#.to_owned(),
        format!(
            r#"{{"topic":"orderbook.1.A","ts":5,"type":"snapshot","data":{{"s":"A","b":{b},"a":{a},"u":7,"seq":8}},"cts":4}}"#
        ),
        format!(
            r#"{{"ts":5,"data":{{"u":7,"a":{a},"b":{b},"s":"A"}},"type":"snapshot","topic":"orderbook.1.A"}}"#
        ),
    ];
    for text in texts {
        let events = read(&spot(), &text).unwrap();
        let [Event::BookTop(top)] = events[..] else { panic!("{events:?}") };
        assert_eq!((top.symbol, top.at, top.update_id), (symbol("A"), at(5), Some(7)));
        assert_eq!((top.bid_price, top.bid_quantity), (Some(decimal("1")), Some(decimal("2"))));
        assert_eq!((top.ask_price, top.ask_quantity), (None, None));
    }
}

#[test]
fn changes_are_not_taken_for_the_top() {
    let update = BookUpdate {
        symbol: symbol("BTCUSDT"),
        snapshot: false,
        bids: vec![(decimal("27450.00"), decimal("0.400"))],
        // A quantity of zero removes the price.
        asks: vec![(decimal("27451.00"), Decimal::ZERO)],
        first_id: None,
        last_id: 123456790,
        previous_id: None,
        at: at(1709891679500),
    };
    assert_eq!(events(&linear(), "ws_orderbook_delta"), [Event::Book(update.clone())]);
    let deep = frame("ws_orderbook_delta").replace("orderbook.1.", "orderbook.50.");
    assert_eq!(read(&linear(), &deep).unwrap(), [Event::Book(update.clone())]);
    // After a restart of the service the first update starts the book anew.
    let restarted = deep.replace("123456790", "1");
    let update = BookUpdate { snapshot: true, last_id: 1, ..update };
    assert_eq!(read(&linear(), &restarted).unwrap(), [Event::Book(update)]);

    let whole = frame("ws_orderbook_snapshot").replace("orderbook.1.", "orderbook.50.");
    let events = read(&spot(), &whole).unwrap();
    let [Event::Book(book)] = &events[..] else { panic!("{events:?}") };
    assert!(book.snapshot);
    assert_eq!(book.bids[1], (decimal("27449.50"), decimal("1.000")));
    assert_eq!(
        book.asks,
        [(decimal("27451.00"), decimal("0.750")), (decimal("27451.50"), decimal("0.900")),]
    );
}

#[test]
fn trades_have_the_takers_side() {
    let expected = Trade {
        symbol: symbol("BTCUSDT"),
        trade_id: "20f43950-d8dd-5b31-9112-a178eb6023af".parse().ok(),
        price: decimal("16578.50"),
        quantity: decimal("0.001"),
        taker_side: Side::Buy,
        at: Timestamp::from_millis(1672304486865),
    };
    assert_eq!(events(&spot(), "ws_public_trade"), [Event::Trade(expected)]);
    let row = r#"{"T":1,"s":"A","S":"Sell","v":"2","p":"3","i":"4","BT":false}"#;
    let several =
        format!(r#"{{"topic":"publicTrade.A","type":"snapshot","ts":1,"data":[{row},{row}]}}"#);
    let events = read(&linear(), &several).unwrap();
    assert_eq!(events.len(), 2);
    assert!(matches!(events[1], Event::Trade(Trade { taker_side: Side::Sell, .. })));
}

#[test]
fn orders_are_told_whole() {
    let mut expected = OrderReport::new(
        symbol("BTCUSDT"),
        "5cf98598-39a7-459e-97bf-76ca765ee020".parse().unwrap(),
        Side::Buy,
        OrderStatus::Filled,
    );
    expected.client_order_id = Some(id("test-client-order-001"));
    expected.quantity = Some(decimal("0.100"));
    expected.filled_quantity = decimal("0.100");
    expected.price = Some(decimal("30000.50"));
    expected.average_price = Some(decimal("30000.50"));
    expected.filled_quote = Some(decimal("3000.05"));
    expected.trigger_price = Some(decimal("29500.00"));
    expected.time_in_force = Some(TimeInForce::GoodTillCancel);
    expected.fee = Some(Fee { asset: asset("USDT"), amount: decimal("1.650028") });
    expected.updated_at = at(1672364262457);
    assert_eq!(events(&linear(), "ws_order_filled_linear"), [Event::Order(expected)]);
}

#[test]
fn rows_of_other_markets_are_left_out() {
    // The stream carries the whole account: this order is an option's.
    for bybit in [spot(), linear()] {
        assert_eq!(events(&bybit, "ws_order"), []);
    }
    assert_eq!(events(&spot(), "ws_order_filled_linear"), []);
    assert_eq!(events(&spot(), "ws_execution"), []);
    assert_eq!(events(&spot(), "ws_position"), []);

    let ours = frame("ws_order").replace(r#""category":"option""#, r#""category":"linear""#);
    let mut expected = OrderReport::new(
        symbol("ETH-30DEC22-1400-C"),
        "5cf98598-39a7-459e-97bf-76ca765ee020".parse().unwrap(),
        Side::Sell,
        OrderStatus::Filled,
    );
    expected.quantity = Some(Decimal::ONE);
    expected.filled_quantity = Decimal::ONE;
    expected.average_price = Some(decimal("75"));
    expected.filled_quote = Some(decimal("75"));
    expected.time_in_force = Some(TimeInForce::ImmediateOrCancel);
    expected.fee = Some(Fee { asset: asset("MNT"), amount: decimal("0.00242968") });
    expected.updated_at = at(1672364262457);
    assert_eq!(read(&linear(), &ours).unwrap(), [Event::Order(expected)]);
    // The style that names the market carries the same rows.
    let named = ours.replace(r#""topic":"order""#, r#""topic":"order.linear""#);
    assert_eq!(read(&linear(), &named).unwrap(), [Event::Order(expected)]);
}

#[test]
fn fills_positions_and_balances() {
    let mut fill = Fill::new(
        symbol("BTCUSDT"),
        (
            "0ab1bdf7-4219-438b-b30a-32ec863018f7".parse().unwrap(),
            "9aac161b-8ed6-450d-9cab-c5cc67c21784".parse().unwrap(),
        ),
        Side::Sell,
        (decimal("95900.1"), decimal("0.5")),
        Timestamp::from_millis(1746270400353),
    );
    fill.fee = Some(Fee { asset: asset("USDT"), amount: decimal("26.3725275") });
    fill.maker = Some(false);
    fill.realized_pnl = Some(decimal("0.05"));
    assert_eq!(events(&linear(), "ws_execution"), [Event::Fill(fill)]);
    let funding = frame("ws_execution").replace(r#""execType":"Trade""#, r#""execType":"Funding""#);
    assert_eq!(read(&linear(), &funding).unwrap(), []);

    let mut position = Position::new(symbol("BTCUSDT"), None, Decimal::ZERO);
    position.hedge = true;
    position.mark_price = Some(decimal("28184.5"));
    position.leverage = Some(10);
    position.unrealized_pnl = Some(Decimal::ZERO);
    position.updated_at = at(1697682317038);
    assert_eq!(events(&linear(), "ws_position"), [Event::Position(position)]);
    let open = frame("ws_position")
        .replace(r#""side":"""#, r#""side":"Sell""#)
        .replace(r#""size":"0""#, r#""size":"2""#)
        .replace(r#""entryPrice":"0""#, r#""entryPrice":"28000""#);
    let events_of_open = read(&linear(), &open).unwrap();
    let [Event::Position(position)] = events_of_open[..] else { panic!("{events_of_open:?}") };
    assert_eq!((position.side, position.size), (Some(PositionSide::Short), decimal("2")));
    assert_eq!(position.entry_price, Some(decimal("28000")));

    let total = decimal("0.00102964");
    let balance = Balance { asset: asset("BTC"), available: total, total };
    for bybit in [spot(), linear()] {
        assert_eq!(events(&bybit, "ws_wallet"), [Event::Balance(balance)]);
    }
}

#[test]
fn answers_are_understood_in_both_spellings() {
    let refused = |code, message: &str| Event::Refused { code, message: message.into() };
    assert_eq!(events(&spot(), "ws_auth_success"), [Event::Authenticated]);
    assert_eq!(events(&spot(), "ws_auth_failure"), [refused(10003, "Invalid apikey")]);
    assert_eq!(events(&spot(), "ws_trade_pong"), [Event::Pong]);
    for (text, expected) in [
        (
            r#"{"success":true,"ret_msg":"subscribe","conn_id":"c","req_id":"7","op":"subscribe"}"#,
            vec![Event::Subscribed(Some(7))],
        ),
        (
            r#"{"success":true,"ret_msg":"","conn_id":"c","req_id":"","op":"subscribe"}"#,
            vec![Event::Subscribed(None)],
        ),
        (
            r#"{"success":false,"ret_msg":"error:handler not found","op":"subscribe","req_id":"7"}"#,
            vec![refused(0, "error:handler not found")],
        ),
        (r#"{"success":true,"ret_msg":"","op":"unsubscribe","req_id":"8"}"#, vec![]),
        (r#"{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}"#, vec![Event::Pong]),
        (r#"{"req_id":"","op":"pong","args":["1675418560633"],"conn_id":"c"}"#, vec![Event::Pong]),
        (r#"{"success":true,"ret_msg":"","op":"auth","conn_id":"c"}"#, vec![Event::Authenticated]),
        (
            r#"{"retCode":20001,"retMsg":"Repeat auth","op":"auth","connId":"c"}"#,
            vec![Event::Authenticated],
        ),
        (r#"{"topic":"dcp.future","data":[{}]}"#, vec![]),
        ("{}", vec![]),
    ] {
        assert_eq!(read(&linear(), text).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_has_no_event_says_nothing() {
    // Tickers are not subscribed to; orders' answers belong to the other half.
    for name in [
        "ws_ticker_snapshot_linear",
        "ws_ticker_snapshot_spot",
        "ws_trade_order_create_ack",
        "ws_trade_order_create_request",
        "ws_trade_order_response",
    ] {
        assert_eq!(events(&linear(), name), [], "{name}");
    }
}

#[test]
fn unreadable_frames_are_errors_that_name_the_field() {
    let field = |text: &str| match read(&linear(), text) {
        Err(StreamError::Malformed { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field("<html>"), ".");
    assert_eq!(field(""), ".");
    assert_eq!(field("[1]"), ".");
    assert_eq!(field(r#"{"topic":"orderbook.1.A","type":"snapshot","ts":1}"#), "data");
    let book = r#"{"topic":"orderbook.1.A","type":"snapshot","ts":1,"data":{"s":"A","b":[["x","1"]],"a":[],"u":1}}"#;
    assert_eq!(field(book), "data.b[0][0]");
    assert_eq!(field(&book.replace("snapshot", "other")), "type");
    assert_eq!(field(r#"{"topic":"publicTrade.A","data":[{"T":1}]}"#), "data[0].s");
    assert_eq!(field(&frame("ws_order_filled_linear").replace("qty", "xyz")), "data[0].qty");

    let unexpected = linear().read(Frame::Binary(b"{}"), &mut |_| {});
    assert_eq!(unexpected, Err(StreamError::UnexpectedKind));
    let long = format!("{{\"topic\":\"{}\"}}", "x".repeat(FRAME_MAX));
    assert!(matches!(read(&linear(), &long), Err(StreamError::TooLong(_))));
}

#[test]
fn sockets_and_addresses() {
    for (bybit, public) in [
        (spot(), "wss://stream.bybit.com/v5/public/spot"),
        (linear(), "wss://stream.bybit.com/v5/public/linear"),
    ] {
        for channel in [Channel::BookTop, Channel::Trades, Channel::Depth] {
            assert_eq!(bybit.socket(channel), Socket::Public);
        }
        assert_eq!(bybit.socket(Channel::Account), Socket::Private);
        assert_eq!(bybit.socket_url(Socket::Public, None), public);
        let private = bybit.socket_url(Socket::Private, None);
        assert_eq!(private, "wss://stream.bybit.com/v5/private");
        assert!(!bybit.needs_listen_key());
        let keep_alive = bybit.keep_alive(Socket::Public);
        assert_eq!(keep_alive.frame, Some(r#"{"op":"ping"}"#));
        assert_eq!(keep_alive.interval, Duration::from_secs(20));
    }
    let testnet = Bybit::spot_testnet(Credentials::hmac("key", "secret"));
    let url = testnet.socket_url(Socket::Private, None);
    assert_eq!(url, "wss://stream-testnet.bybit.com/v5/private");
    let local = linear().with_stream_url("ws://localhost:1");
    assert_eq!(local.socket_url(Socket::Public, None), "ws://localhost:1/v5/public/linear");
}

#[test]
fn subscriptions_name_their_topics() {
    let written = |bybit: &Bybit, topics: &[Topic]| {
        let mut out = String::new();
        bybit.subscribe(topics, 7, &mut out).map(|()| out)
    };
    let topics = [
        topic(Channel::BookTop, "BTCUSDT"),
        topic(Channel::Trades, "ETHUSDT"),
        topic(Channel::Depth, "BTCUSDT"),
    ];
    assert_eq!(
        written(&linear(), &topics).unwrap(),
        r#"{"req_id":"7","op":"subscribe","args":["orderbook.1.BTCUSDT","publicTrade.ETHUSDT","orderbook.50.BTCUSDT"]}"#,
    );
    assert_eq!(
        written(&linear(), &[ACCOUNT]).unwrap(),
        r#"{"req_id":"7","op":"subscribe","args":["order","execution","position","wallet"]}"#,
    );
    assert_eq!(
        written(&spot(), &[ACCOUNT]).unwrap(),
        r#"{"req_id":"7","op":"subscribe","args":["order","execution","wallet"]}"#,
    );
    assert_eq!(written(&spot(), &[]).unwrap(), "");
    let mut out = String::new();
    spot().unsubscribe(&topics[..1], 8, &mut out).unwrap();
    assert_eq!(out, r#"{"req_id":"8","op":"unsubscribe","args":["orderbook.1.BTCUSDT"]}"#);

    let many = vec![topics[0]; 11];
    assert!(matches!(written(&spot(), &many), Err(EncodeError::Invalid { field: "topics", .. })));
    assert!(written(&linear(), &many).is_ok());
    let long = vec![topics[0]; 1_000];
    assert!(matches!(written(&linear(), &long), Err(EncodeError::Invalid { .. })));
    let mixed = [topics[0], ACCOUNT];
    assert!(matches!(written(&linear(), &mixed), Err(EncodeError::Invalid { .. })));
    let nameless = [Topic { channel: Channel::Trades, symbol: None }];
    assert_eq!(written(&linear(), &nameless), Err(EncodeError::Missing("symbol")));
}

proptest! {
    #[test]
    fn a_symbol_cannot_add_a_topic(text in r#"[A-Z"\\,\[\]{}:é]{1,16}"#) {
        let mut out = String::new();
        linear().subscribe(&[topic(Channel::BookTop, &text)], 1, &mut out).unwrap();
        let frame: serde_json::Value = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(&frame["args"], &serde_json::json!([format!("orderbook.1.{text}")]));
    }

    #[test]
    fn garbage_does_not_panic(text in "\\PC{0,200}") {
        let _ = read(&spot(), &text);
        let _ = read(&spot(), &format!("{{{text}"));
    }

    /// A frame cut anywhere is an error; a changed character makes an error or an event.
    #[test]
    fn damaged_frames_do_not_panic(at in 0usize..1500, with in "[\\x20-\\x7e]") {
        for name in [
            "ws_orderbook_snapshot", "ws_orderbook_delta", "ws_public_trade", "ws_order",
            "ws_execution", "ws_position", "ws_wallet", "ws_auth_failure",
        ] {
            let whole = frame(name);
            let at = at % whole.len();
            prop_assert!(read(&linear(), &whole[..at]).is_err());
            let mut changed = whole.clone();
            changed.replace_range(at..=at, &with);
            let _ = read(&linear(), &changed);
        }
    }
}
