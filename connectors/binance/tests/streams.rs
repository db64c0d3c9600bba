//! Every stream sample to its neutral events, field by field, and what is written to the sockets.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use hoox_binance::Binance;
use hoox_connector::stream::{BookUpdate, FRAME_MAX, Trade};
use hoox_connector::{
    Balance, BookTop, Channel, ClientOrderId, Credentials, Decimal, EncodeError, Event, Fee, Fill,
    Frame, OrderId, OrderReport, OrderStatus, Position, PositionSide, Side, Socket, StreamError,
    StreamProvider, Symbol, TimeInForce, Timestamp, Topic,
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn spot() -> Binance {
    Binance::spot(Credentials::hmac("api-key", "api-secret"))
}

fn linear() -> Binance {
    Binance::linear(Credentials::hmac("api-key", "api-secret"))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/responses")
}

/// The payload of a sample, its fields in the order the venue documents.
fn payload(name: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Sample {
        payload: Box<serde_json::value::RawValue>,
    }
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    let sample: Sample = serde_json::from_str(&text).unwrap();
    sample.payload.get().split('\n').map(str::trim).collect::<String>().replace("\": ", "\":")
}

fn read(binance: &Binance, text: &str) -> Result<Vec<Event>, StreamError> {
    let mut events = Vec::new();
    binance.read(Frame::Text(text), &mut |event| events.push(event))?;
    Ok(events)
}

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn id(text: &str) -> OrderId {
    OrderId::new(text).unwrap()
}

fn client(text: &str) -> Option<ClientOrderId> {
    Some(ClientOrderId::new(text).unwrap())
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// What each sample says.
fn expected() -> Vec<(&'static str, Vec<Event>)> {
    let top = |at| {
        Event::BookTop(BookTop {
            symbol: symbol("BNBUSDT"),
            bid_price: Some(d("25.35190000")),
            bid_quantity: Some(d("31.21000000")),
            ask_price: Some(d("25.36520000")),
            ask_quantity: Some(d("40.66000000")),
            update_id: Some(400_900_217),
            at,
        })
    };
    let trade = |name, trade_id, millis| {
        Event::Trade(Trade {
            symbol: symbol(name),
            trade_id: Some(id(trade_id)),
            price: d("0.001"),
            quantity: d("100"),
            taker_side: Side::Sell,
            at: at(millis),
        })
    };
    let book = |name, previous_id, millis| {
        Event::Book(BookUpdate {
            symbol: symbol(name),
            snapshot: false,
            bids: vec![(d("0.0024"), d("10"))],
            asks: vec![(d("0.0026"), d("100"))],
            first_id: Some(157),
            last_id: 160,
            previous_id,
            at: Some(at(millis)),
        })
    };

    let mut spot_new =
        OrderReport::new(symbol("ETHBTC"), id("4293153"), Side::Buy, OrderStatus::New);
    spot_new.client_order_id = client("mUvoqJxFIILMdfAW5iGSOW");
    spot_new.quantity = Some(d("1"));
    spot_new.price = Some(d("0.10264410"));
    spot_new.filled_quote = Some(Decimal::ZERO);
    spot_new.time_in_force = Some(TimeInForce::GoodTillCancel);
    spot_new.updated_at = Some(at(1_499_405_658_657));
    let mut spot_traded = spot_new;
    spot_traded.status = OrderStatus::PartiallyFilled;
    spot_traded.filled_quantity = d("0.4");
    spot_traded.filled_quote = Some(d("0.04105764"));
    spot_traded.average_price = Some(d("0.1026441"));
    let mut spot_fill = Fill::new(
        symbol("ETHBTC"),
        (id("77"), id("4293153")),
        Side::Buy,
        (d("0.10264410"), d("0.4")),
        at(1_499_405_658_657),
    );
    spot_fill.client_order_id = client("mUvoqJxFIILMdfAW5iGSOW");
    spot_fill.fee = Some(Fee { asset: "BNB".parse().unwrap(), amount: d("0.000001") });
    spot_fill.maker = Some(false);

    let mut linear_new =
        OrderReport::new(symbol("BTCUSDT"), id("8886774"), Side::Buy, OrderStatus::New);
    linear_new.client_order_id = client("TEST");
    linear_new.quantity = Some(d("0.001"));
    linear_new.trigger_price = Some(d("7103.04"));
    linear_new.time_in_force = Some(TimeInForce::GoodTillCancel);
    linear_new.position_side = Some(PositionSide::Long);
    linear_new.updated_at = Some(at(1_568_879_465_651));
    let mut linear_traded = linear_new;
    linear_traded.status = OrderStatus::PartiallyFilled;
    linear_traded.filled_quantity = d("0.001");
    linear_traded.price = Some(d("7100.5"));
    linear_traded.average_price = Some(d("7100.5"));
    linear_traded.trigger_price = None;
    let mut linear_fill = Fill::new(
        symbol("BTCUSDT"),
        (id("12345678"), id("8886774")),
        Side::Buy,
        (d("7100.5"), d("0.001")),
        at(1_568_879_465_651),
    );
    linear_fill.client_order_id = client("TEST");
    linear_fill.fee = Some(Fee { asset: "USDT".parse().unwrap(), amount: d("0.01") });
    linear_fill.maker = Some(true);
    linear_fill.realized_pnl = Some(d("12.34"));

    let mut algo = OrderReport::new(symbol("BNBUSDT"), id("2148719"), Side::Sell, OrderStatus::New);
    algo.client_order_id = client("Q5xaq5EGKgXXa0fD7fs0Ip");
    algo.quantity = Some(d("0.01"));
    algo.price = Some(d("750"));
    algo.trigger_price = Some(d("750"));
    algo.time_in_force = Some(TimeInForce::GoodTillCancel);
    algo.updated_at = Some(at(1_750_515_742_297));

    let position = |side, hedge, size, entry: Option<&str>, pnl| {
        let mut it = Position::new(symbol("BTCUSDT"), side, d(size));
        it.hedge = hedge;
        it.entry_price = entry.map(d);
        it.unrealized_pnl = Some(d(pnl));
        it.updated_at = Some(at(1_564_745_798_939));
        Event::Position(it)
    };
    let balance = |asset: &str, available, total| {
        Event::Balance(Balance {
            asset: asset.parse().unwrap(),
            available: d(available),
            total: d(total),
        })
    };
    let (long, short) = (Some(PositionSide::Long), Some(PositionSide::Short));
    vec![
        ("ws_spot_book_ticker", vec![top(None)]),
        ("ws_linear_book_ticker", vec![top(Some(at(1_568_014_460_891)))]),
        ("ws_spot_trade", vec![trade("BNBBTC", "12345", 1_672_515_782_136)]),
        ("ws_linear_agg_trade", vec![trade("BTCUSDT", "5933014", 123_456_785)]),
        ("ws_spot_depth_update", vec![book("BNBBTC", None, 1_672_515_782_136)]),
        ("ws_linear_depth_update", vec![book("BTCUSDT", Some(149), 123_456_788)]),
        ("ws_spot_execution_report_new", vec![Event::Order(spot_new)]),
        ("ws_spot_execution_report_trade", vec![Event::Order(spot_traded), Event::Fill(spot_fill)]),
        ("ws_spot_account_position", vec![balance("ETH", "10000", "10000")]),
        // A difference, of which the balance follows in an event of its own.
        ("ws_spot_balance_update", vec![]),
        ("ws_linear_order_trade_update_new", vec![Event::Order(linear_new)]),
        (
            "ws_linear_order_trade_update_trade",
            vec![Event::Order(linear_traded), Event::Fill(linear_fill)],
        ),
        // The same execution again, without its fee.
        ("ws_linear_trade_lite", vec![]),
        ("ws_linear_algo_update", vec![Event::Order(algo)]),
        (
            "ws_linear_account_update",
            vec![
                balance("USDT", "100.12345678", "122624.12345678"),
                position(None, false, "0", None, "0"),
                position(long, true, "20", Some("6563.6"), "2850.212"),
                position(short, true, "10", Some("6563.8"), "-1423.156"),
            ],
        ),
        ("ws_linear_listen_key_expired", vec![Event::Reconnect]),
    ]
}

fn provider(name: &str) -> Binance {
    if name.starts_with("ws_spot") { spot() } else { linear() }
}

#[test]
fn every_sample_says_what_it_says() {
    for (name, events) in expected() {
        assert_eq!(read(&provider(name), &payload(name)), Ok(events), "{name}");
    }
}

#[test]
fn no_sample_is_left_out() {
    let told: BTreeSet<_> = expected().into_iter().map(|(name, _)| name.to_owned()).collect();
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| {
        entry.unwrap().file_name().into_string().unwrap().trim_end_matches(".json").to_owned()
    });
    // The answers of the WebSocket API are read in frames.rs.
    let is_event = |name: &String| name.starts_with("ws_") && !name.starts_with("ws_api_");
    assert_eq!(files.filter(is_event).collect::<BTreeSet<_>>(), told);
}

#[test]
fn the_order_of_fields_and_white_space_do_not_matter() {
    for (name, events) in expected() {
        // Parsing into a map sorts the fields, so that none of the known beginnings is met.
        let value: serde_json::Value = serde_json::from_str(&payload(name)).unwrap();
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            assert_eq!(read(&provider(name), &text), Ok(events.clone()), "{name}");
        }
    }
}

#[test]
fn a_truncated_frame_is_an_error() {
    for (name, _) in expected() {
        let text = payload(name);
        for (end, _) in text.char_indices() {
            let cut = &text[..end];
            let read = read(&provider(name), cut);
            assert!(matches!(read, Err(StreamError::Malformed { .. })), "{name}: {cut}");
        }
    }
}

#[test]
fn garbage_is_an_error_that_names_the_field() {
    let field = |text: &str| match read(&spot(), text) {
        Err(StreamError::Malformed { field, .. }) => field,
        other => panic!("{text}: {other:?}"),
    };
    for text in ["", " ", "null", "true", "1", "\"e\"", "[]", "<html>", "{\"e\":\"x\"}}"] {
        assert_eq!(field(text), ".", "{text}");
    }
    assert_eq!(field(r#"{"u":1,"s":"A","b":"x","B":"1","a":"1","A":"1"}"#), "b");
    assert_eq!(field(r#"{"u":1,"b":"1","B":"1","a":"1","A":"1"}"#), "s");
    assert_eq!(field(r#"{"e":"trade","s":"A","t":1,"p":"1","T":1,"m":true}"#), "q");
    assert_eq!(field(r#"{"e":"trade","s":"A","t":1,"p":true,"q":"1","T":1,"m":true}"#), "p");
    let wrapped = r#"{"subscriptionId":0,"event":{"e":"outboundAccountPosition","B":[{"a":"X"}]}}"#;
    assert_eq!(field(wrapped), "event.B[0].f");
    assert_eq!(field(r#"{"subscriptionId":0,"event":{"E":1}}"#), "event.e");
    assert_eq!(
        field(r#"{"e":"depthUpdate","s":"A","U":1,"u":2,"E":3,"b":[["1"]],"a":[]}"#),
        "b[0]"
    );
}

#[test]
fn frames_of_the_wrong_kind_or_size_are_errors() {
    let mut none = |event| panic!("{event:?}");
    let binary = spot().read(Frame::Binary(b"{}"), &mut none);
    assert_eq!(binary, Err(StreamError::UnexpectedKind));
    let long = format!("{{\"e\":\"x\",\"p\":\"{}\"}}", " ".repeat(FRAME_MAX));
    assert_eq!(read(&spot(), &long), Err(StreamError::TooLong(long.len())));
}

#[test]
fn frames_of_no_interest_say_nothing() {
    for text in [
        "{}",
        r#"{"e":"kline","s":"BTCUSDT"}"#,
        r#"{"subscriptionId":0,"event":{"e":"listStatus"}}"#,
    ] {
        assert_eq!(read(&spot(), text), Ok(vec![]), "{text}");
    }
}

#[test]
fn an_empty_side_of_the_book_is_absent() {
    let text = r#"{"u":1,"s":"AB","b":"0.00","B":"0.00","a":"2","A":"3"}"#;
    let events = read(&spot(), text).unwrap();
    let [Event::BookTop(top)] = events.as_slice() else { panic!() };
    assert_eq!((top.bid_price, top.bid_quantity), (None, None));
    assert_eq!((top.ask_price, top.ask_quantity), (Some(d("2")), Some(d("3"))));
}

#[test]
fn numbers_without_quotes_are_read_as_exactly() {
    let text = r#"{"u":1,"s":"AB","b":0.1,"B":1e-8,"a":0.30000000000000004,"A":3}"#;
    let events = read(&spot(), text).unwrap();
    let [Event::BookTop(top)] = events.as_slice() else { panic!() };
    assert_eq!((top.bid_price, top.bid_quantity), (Some(d("0.1")), Some(d("0.00000001"))));
    assert_eq!((top.ask_price, top.ask_quantity), (Some(d("0.30000000000000004")), Some(d("3"))));
}

#[test]
fn a_cancelled_spot_order_keeps_its_own_id() {
    let text = payload("ws_spot_execution_report_new")
        .replace(r#""C":"""#, r#""C":"ours""#)
        .replace(r#""x":"NEW","X":"NEW""#, r#""x":"CANCELED","X":"CANCELED""#);
    let events = read(&spot(), &text).unwrap();
    let [Event::Order(order)] = events.as_slice() else { panic!() };
    assert_eq!(order.client_order_id, client("ours"));
    assert_eq!(order.status, OrderStatus::Canceled);
}

#[test]
fn a_triggered_algo_order_names_the_order_it_became() {
    let text = payload("ws_linear_algo_update")
        .replace(r#""X":"NEW""#, r#""X":"TRIGGERED""#)
        .replace(r#""ai":"""#, r#""ai":"8886774""#);
    let events = read(&linear(), &text).unwrap();
    let [Event::Order(order)] = events.as_slice() else { panic!() };
    assert_eq!(order.triggered_order_id, Some(id("8886774")));
    assert_eq!(order.status, OrderStatus::Triggered);
}

#[test]
fn a_liquidation_is_a_fill() {
    let text = payload("ws_linear_order_trade_update_trade")
        .replace(r#""x":"TRADE""#, r#""x":"CALCULATED""#)
        .replace(r#""N":"USDT","n":"0.01000000","#, "");
    let events = read(&linear(), &text).unwrap();
    let [Event::Order(_), Event::Fill(fill)] = events.as_slice() else { panic!() };
    assert_eq!((fill.quantity, fill.fee), (d("0.001"), None));
}

#[test]
fn answers_to_subscriptions() {
    let subscribed = |id| vec![Event::Subscribed(id)];
    assert_eq!(read(&spot(), r#"{"result":null,"id":7}"#), Ok(subscribed(Some(7))));
    assert_eq!(read(&spot(), r#"{"id":"7","result":null}"#), Ok(subscribed(Some(7))));
    assert_eq!(read(&spot(), r#"{"result":null,"id":null}"#), Ok(subscribed(None)));
    let signed = r#"{"id":"3","status":200,"result":{"subscriptionId":0},"rateLimits":[]}"#;
    let both = vec![Event::Authenticated, Event::Subscribed(Some(3))];
    assert_eq!(read(&spot(), signed), Ok(both));
    // A frame with nothing but an id answers nothing.
    assert_eq!(read(&spot(), r#"{"id":7}"#), Ok(vec![]));
}

#[test]
fn refusals() {
    let refused = |text, code, message: &str| {
        let event = Event::Refused { code, message: message.into() };
        assert_eq!(read(&spot(), text), Ok(vec![event]), "{text}");
    };
    refused(r#"{"error":{"code":2,"msg":"Invalid \"x\""},"id":1}"#, 2, "Invalid \"x\"");
    refused(r#"{"code":2,"msg":"Invalid request: x"}"#, 2, "Invalid request: x");
    let logon =
        r#"{"id":"1","status":400,"error":{"code":-1022,"msg":"Signature"},"rateLimits":[]}"#;
    refused(logon, -1022, "Signature");
    let long = format!(r#"{{"error":{{"code":2,"msg":"{}"}},"id":1}}"#, "é".repeat(500));
    refused(&long, 2, &"é".repeat(80));
}

#[test]
fn the_end_of_a_connection_is_announced() {
    for text in [
        r#"{"e":"serverShutdown","E":1770123456789}"#,
        r#"{"event":{"e":"serverShutdown","E":1770123456789}}"#,
        r#"{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1728973001334}}"#,
    ] {
        assert_eq!(read(&spot(), text), Ok(vec![Event::Reconnect]), "{text}");
    }
}

#[test]
fn addresses() {
    use Socket::{Market, Private, Public};
    let url = |binance: &Binance, socket| binance.socket_url(socket, Some("a&b"));
    assert_eq!(url(&spot(), Public), "wss://stream.binance.com:9443/ws");
    assert_eq!(url(&spot(), Private), "wss://ws-api.binance.com:443/ws-api/v3");
    assert_eq!(url(&linear(), Public), "wss://fstream.binance.com/public/ws");
    assert_eq!(url(&linear(), Market), "wss://fstream.binance.com/market/ws");
    assert_eq!(url(&linear(), Private), "wss://fstream.binance.com/private/ws?listenKey=a%26b");
    assert!(linear().needs_listen_key() && !spot().needs_listen_key());

    let here = linear().with_stream_url("ws://127.0.0.1:9/binance");
    assert_eq!(url(&here, Public), "ws://127.0.0.1:9/binance/public/ws");
    let here = spot()
        .with_stream_url("ws://127.0.0.1:9/binance")
        .with_entry_url("ws://127.0.0.1:9/binance/ws-api/v3");
    assert_eq!(url(&here, Public), "ws://127.0.0.1:9/binance/ws");
    assert_eq!(url(&here, Private), "ws://127.0.0.1:9/binance/ws-api/v3");

    let testnet = Binance::spot_testnet(Credentials::hmac("k", "s"));
    assert_eq!(url(&testnet, Public), "wss://stream.testnet.binance.vision/ws");
    let testnet = Binance::linear_testnet(Credentials::hmac("k", "s"));
    assert_eq!(url(&testnet, Market), "wss://demo-fstream.binance.com/market/ws");
}

#[test]
fn channels_and_their_sockets() {
    let sockets = |binance: Binance| {
        [Channel::BookTop, Channel::Depth, Channel::Trades, Channel::Account]
            .map(|channel| binance.socket(channel))
    };
    use Socket::{Market, Private, Public};
    assert_eq!(sockets(spot()), [Public, Public, Public, Private]);
    assert_eq!(sockets(linear()), [Public, Public, Market, Private]);
    let silence = |binance: Binance| binance.keep_alive(Public).silence_max.as_secs();
    assert_eq!((silence(spot()), silence(linear())), (60, 600));
    assert_eq!(spot().keep_alive(Private).frame, None);
}

fn topic(channel: Channel, name: &str) -> Topic {
    Topic { channel, symbol: (!name.is_empty()).then(|| symbol(name)) }
}

fn subscribe(binance: &Binance, topics: &[Topic]) -> Result<String, EncodeError> {
    let mut out = String::new();
    binance.subscribe(topics, 4, &mut out).map(|()| out)
}

#[test]
fn subscriptions() {
    let all = [
        topic(Channel::BookTop, "BTCUSDT"),
        topic(Channel::Trades, "BTCUSDT"),
        topic(Channel::Depth, "1000PEPEUSDT"),
    ];
    assert_eq!(
        subscribe(&spot(), &all).unwrap(),
        r#"{"method":"SUBSCRIBE","params":["btcusdt@bookTicker","btcusdt@trade","1000pepeusdt@depth@100ms"],"id":4}"#,
    );
    assert_eq!(
        subscribe(&linear(), &all[1..2]).unwrap(),
        r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":4}"#,
    );
    let mut out = String::new();
    linear().unsubscribe(&all[..1], 5, &mut out).unwrap();
    assert_eq!(out, r#"{"method":"UNSUBSCRIBE","params":["btcusdt@bookTicker"],"id":5}"#);

    // Subscribed already by the signature, and by the address.
    let account = [topic(Channel::Account, "")];
    assert_eq!(subscribe(&spot(), &account).unwrap(), "");
    assert_eq!(subscribe(&linear(), &account).unwrap(), "");
    let mut out = String::new();
    spot().unsubscribe(&account, 5, &mut out).unwrap();
    assert_eq!(out, r#"{"method":"userDataStream.unsubscribe","id":5}"#);
    assert_eq!(subscribe(&spot(), &[]).unwrap(), "");
}

#[test]
fn subscriptions_that_cannot_be() {
    let mut out = String::from("kept");
    let topics = [topic(Channel::BookTop, "BTCUSDT"), topic(Channel::BookTop, "")];
    assert_eq!(spot().subscribe(&topics, 1, &mut out), Err(EncodeError::Missing("symbol")));
    assert_eq!(out, "kept");
    let many = vec![topic(Channel::BookTop, "BTCUSDT"); 1025];
    assert!(matches!(subscribe(&spot(), &many), Err(EncodeError::Invalid { .. })));
    let mixed = [topic(Channel::BookTop, "BTCUSDT"), topic(Channel::Account, "")];
    assert!(matches!(subscribe(&spot(), &mixed), Err(EncodeError::Invalid { .. })));
}

#[test]
fn a_symbol_adds_nothing_to_a_subscription() {
    let text = subscribe(&spot(), &[topic(Channel::BookTop, r#"A","evil":["\x"#)]).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 3);
    assert_eq!(value["params"], serde_json::json!([r#"a","evil":["\x@bookTicker"#]));
}

#[test]
fn spot_authenticates_by_a_signed_subscription() {
    let mut out = String::new();
    spot().authenticate(NOW, 9, &mut out).unwrap();
    let signature = hoox_signer::HmacKey::new(b"api-secret")
        .sign(&[b"apiKey=api-key&timestamp=1700000000000"])
        .map(|byte| format!("{byte:02x}"))
        .concat();
    let expected = serde_json::json!({
        "id": "9",
        "method": "userDataStream.subscribe.signature",
        "params": {"apiKey": "api-key", "timestamp": 1_700_000_000_000_u64, "signature": signature},
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), expected);

    let mut out = String::new();
    linear().authenticate(NOW, 9, &mut out).unwrap();
    assert_eq!(out, "");
}

#[cfg(feature = "ed25519")]
#[test]
fn spot_logs_on_with_ed25519_and_then_subscribes() {
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
        -----END PRIVATE KEY-----\n";
    let spot = Binance::spot(Credentials::from_secret("api-key", pem).unwrap());
    let mut out = String::new();
    spot.authenticate(NOW, 9, &mut out).unwrap();
    assert!(out.starts_with(r#"{"id":"9","method":"session.logon","params":{"apiKey":"api-key","#));
    assert_eq!(
        subscribe(&spot, &[topic(Channel::Account, "")]).unwrap(),
        r#"{"method":"userDataStream.subscribe","id":4}"#,
    );
    let logon = payload("ws_api_spot_session_logon");
    assert_eq!(read(&spot, &logon), Ok(vec![Event::Authenticated]));
    let subscribed = r#"{"id":"4","status":200,"result":{"subscriptionId":0}}"#;
    assert_eq!(read(&spot, subscribed), Ok(vec![Event::Subscribed(Some(4))]));
}
